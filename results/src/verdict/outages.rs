//! Instances that were away in the middle of a trial, as notes: why, since when and for how long.
//!
//! A kill was asked for, and so was that lost connections are opened again, so an outage does not speak against
//! the run. Outages with one cause share a note: a server that stops takes the connections of all instances along, in every
//! trial.

use super::Verdict;
use crate::model::{Outage, OutageCause, Run};
use crate::units;

/// A note for each cause.
pub(super) fn note(run: &Run, verdict: &mut Verdict) {
    let all = || run.trials.iter().flat_map(|trial| &trial.outages);
    for cause in [
        OutageCause::Absent,
        OutageCause::ConsumerKilled,
        OutageCause::ConnectionKilled,
        OutageCause::Paused,
        OutageCause::ConnectionLost,
    ] {
        let of_it: Vec<&Outage> = all().filter(|outage| outage.cause == cause).collect();
        if let [first, ..] = &of_it[..] {
            verdict.notes.push(sentence(cause, first, &of_it));
        }
    }
}

fn sentence(cause: OutageCause, first: &Outage, all: &[&Outage]) -> String {
    let (names, are_several) = names(all);
    if cause == OutageCause::Absent {
        let away = range(all.iter().map(|outage| outage.away_ns), units::duration);
        let was = if are_several { "were" } else { "was" };
        return format!(
            "{names} {was} absent from the start of the load, for {away}, while a backlog piled up"
        );
    }
    let (was, its) = if are_several { ("were", "their connections") } else { ("was", "its connection") };
    let happened = match cause {
        OutageCause::ConsumerKilled | OutageCause::Absent if are_several => {
            format!("the consumers of {names} were killed")
        }
        OutageCause::ConsumerKilled | OutageCause::Absent => format!("the consumer of {names} was killed"),
        OutageCause::ConnectionKilled if are_several => format!("the connections of {names} were killed"),
        OutageCause::ConnectionKilled => format!("the connection of {names} was killed"),
        OutageCause::Paused => format!("{names} {was} paused"),
        OutageCause::ConnectionLost => format!("{names} lost {its}"),
    };
    let times =
        if all.len() > 1 { format!(" {} times", units::count(all.len() as u64)) } else { String::new() };
    let at = range(all.iter().map(|outage| outage.at_ns), units::duration);
    let away = range(all.iter().map(|outage| outage.away_ns), units::duration);
    let away = if are_several || all.len() > 1 { format!("{away} each time") } else { away };
    let end = match all.iter().filter(|outage| outage.until_end).count() as u64 {
        0 => String::new(),
        ends if ends == all.len() as u64 => ", until the trial was over".to_owned(),
        ends => format!(", {} until the trial was over", units::counted(ends, "time", "times")),
    };
    let mut sentence =
        format!("{happened}{times}, {at} after the start of the load, and {was} away for {away}{end}");
    let kept = [
        (in_all(all, |outage| outage.in_hand), "handled", "acknowledged"),
        (in_all(all, |outage| outage.unconfirmed), "sent", "confirmed"),
    ];
    let kept = kept.into_iter().filter_map(|(n, of, what)| Some(left(n?, of, what))).collect::<Vec<_>>();
    if !kept.is_empty() {
        sentence += &format!("; {}", kept.join(" and "));
    }
    if let Some(why) = &first.why {
        sentence += &format!(": {why}");
    }
    sentence
}

/// The least and the most of a count; `None` if no outage has it.
fn in_all(all: &[&Outage], of: fn(&Outage) -> Option<u64>) -> Option<[u64; 2]> {
    let counts = || all.iter().filter_map(|outage| of(outage));
    Some([counts().min()?, counts().max()?])
}

/// `12 handled messages were not acknowledged`.
fn left([least, most]: [u64; 2], of: &str, what: &str) -> String {
    let n = range([least, most].into_iter(), units::count);
    let were = if most == 1 { "message was" } else { "messages were" };
    format!("{n} {of} {were} not {what}")
}

/// The instances by name, a few of them at most, and whether they are several.
fn names(all: &[&Outage]) -> (String, bool) {
    const NAMED: usize = 3;
    let mut names: Vec<&str> = Vec::new();
    for outage in all {
        if !names.contains(&outage.instance.as_str()) {
            names.push(&outage.instance);
        }
    }
    let text = match &names[..] {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] if names.len() <= NAMED => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} others", names[..NAMED].join(", "), names.len() - NAMED),
    };
    (text, names.len() > 1)
}

/// `512 ms`, or `510 ms to 530 ms`.
fn range(values: impl Iterator<Item = u64> + Clone, text: fn(u64) -> String) -> String {
    let [least, most] = [values.clone().min(), values.max()].map(|value| text(value.unwrap_or(0)));
    if least == most { least } else { format!("{least} to {most}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Trial;

    const MS: u64 = 1_000_000;

    fn notes(trials: &[&[Outage]]) -> Vec<String> {
        let trials =
            trials.iter().map(|outages| Trial { outages: outages.to_vec(), ..Trial::default() }).collect();
        let mut verdict = Verdict::default();
        note(&Run { trials, ..Run::default() }, &mut verdict);
        assert_eq!((verdict.status, verdict.reasons.len()), Default::default(), "a note, not a reason");
        verdict.notes
    }

    #[test]
    fn a_kill_says_for_how_long_and_what_was_in_hand() {
        assert_eq!(notes(&[&[], &[]]), Vec::<String>::new());
        let consumer = Outage {
            instance: "worker".into(),
            at_ns: 1_000 * MS,
            away_ns: 512 * MS,
            in_hand: Some(12),
            ..Outage::default()
        };
        let connection = Outage {
            cause: OutageCause::ConnectionKilled,
            instance: "producer#1".into(),
            in_hand: Some(0),
            unconfirmed: Some(300),
            ..consumer.clone()
        };
        let one = "the consumer of worker was killed, 1.00 s after the start of the load, and was away for 512 ms; 12 \
                   handled messages were not acknowledged";
        let other = "the connection of producer#1 was killed, 1.00 s after the start of the load, and was away for 512 ms; \
                     0 handled messages were not acknowledged and 300 sent messages were not confirmed";
        assert_eq!(notes(&[&[connection, consumer.clone()]]), [one, other]);
        let later = Outage { at_ns: 1_020 * MS, away_ns: 530 * MS, in_hand: Some(64), ..consumer.clone() };
        let several = "the consumer of worker was killed 2 times, 1.00 s to 1.02 s after the start of the load, and was away \
                       for 512 ms to 530 ms each time; 12 to 64 handled messages were not acknowledged";
        assert_eq!(notes(&[&[consumer], &[later]]), [several]);
    }

    #[test]
    fn an_instance_that_did_not_come_back_was_away_until_the_trial_was_over() {
        fn away(trials: &[&[Outage]]) -> String {
            notes(trials)[0].split_once("was away for ").unwrap().1.to_owned()
        }
        let (instance, at_ns) = ("worker".to_owned(), 500 * MS);
        let back = [Outage { instance, at_ns, away_ns: 20 * MS, ..Outage::default() }];
        let gone = [Outage { away_ns: 900 * MS, until_end: true, ..back[0].clone() }];
        assert_eq!(away(&[&gone]), "900 ms, until the trial was over");
        assert_eq!(away(&[&gone, &gone]), "900 ms each time, until the trial was over");
        let some = "20.0 ms to 900 ms each time, 1 time until the trial was over";
        assert_eq!(away(&[&back, &gone]), some);
    }

    #[test]
    fn a_server_that_stops_makes_one_note_however_many_instances_it_had() {
        let lost = |instance: &str, away_ns| Outage {
            cause: OutageCause::ConnectionLost,
            instance: instance.into(),
            at_ns: 200 * MS,
            away_ns,
            why: Some("the server went away".into()),
            ..Outage::default()
        };
        assert_eq!(
            notes(&[&[lost("a", 7 * MS)]]),
            [
                "a lost its connection, 200 ms after the start of the load, and was away for 7.00 ms: the server went away"
            ]
        );
        let names = |n: u64| {
            let all: Vec<Outage> = (0..n).map(|i| lost(&format!("w#{i}"), i * MS)).collect();
            let notes = notes(&[&all]);
            assert_eq!(notes.len(), 1);
            notes[0].split_once(" lost their connections ").unwrap().0.to_owned()
        };
        assert_eq!(
            [names(2), names(3), names(9)],
            ["w#0 and w#1", "w#0, w#1 and w#2", "w#0, w#1, w#2 and 6 others"]
        );
    }
}
