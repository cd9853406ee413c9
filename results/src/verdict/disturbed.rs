//! What was done to the trials of a run on request, as notes: since when and for how long, and how the trials recovered. It was
//! asked for, so it does not speak against the run.

use super::Verdict;
use crate::model::{Disturbance, Disturbing, Run};
use crate::units;

/// A note for each disturbance, of all trials together, and one for the relay.
pub(super) fn note(run: &Run, verdict: &mut Verdict) {
    if let Some(link) = run.trials.iter().find_map(|trial| trial.link) {
        verdict.notes.push(format!(
            "all connections to the server went through a relay, which itself adds {} to a round trip",
            units::duration(link.added_round_trip_ns)
        ));
    }
    let all = || run.trials.iter().flat_map(|trial| &trial.disturbances);
    let mut told: Vec<(Disturbing, &str, u64)> = Vec::new();
    for first in all() {
        let same = (first.kind, first.what.as_str(), first.lasts_ns);
        if told.contains(&same) {
            continue;
        }
        told.push(same);
        let of_it: Vec<&Disturbance> =
            all().filter(|other| (other.kind, other.what.as_str(), other.lasts_ns) == same).collect();
        let within = run.trials.iter().find_map(|trial| begun_within(first, &trial.disturbances));
        verdict.notes.push(sentence(first, &of_it, within));
    }
}

/// What else began before a disturbance was over, among all of its trial. From then on the later one is what is watched.
fn begun_within<'a>(first: &Disturbance, all: &'a [Disturbance]) -> Option<&'a Disturbance> {
    let is_in_trial = all.iter().any(|one| std::ptr::eq(one, first));
    let ends_ns = first.at_ns.saturating_add(first.lasts_ns);
    let begins_within = |other: &&Disturbance| other.at_ns > first.at_ns && other.at_ns < ends_ns;
    all.iter().find(|other| is_in_trial && begins_within(other))
}

/// `the line to the server was cut for 500 ms`
pub(crate) fn happened(of: &Disturbance) -> String {
    let Disturbance { kind, what, lasts_ns, .. } = of;
    let lasts = units::duration(*lasts_ns);
    match kind {
        Disturbing::Cut => format!("the line to the server was cut for {lasts}"),
        Disturbing::Reset if *lasts_ns == 0 => "the connections to the server were reset".to_owned(),
        Disturbing::Reset => {
            format!("the connections to the server were reset and new ones refused for {lasts}")
        }
        Disturbing::Kill => format!("{what} was killed for {lasts}"),
        Disturbing::Pause => format!("{what} was paused for {lasts}"),
        Disturbing::Command => format!("`{what}` was run"),
    }
}

/// What was done, and what came of it in all trials. `within`: what began before it was over.
fn sentence(first: &Disturbance, all: &[&Disturbance], within: Option<&Disturbance>) -> String {
    let at = range(all.iter().map(|one| one.at_ns));
    let happened = happened(first);
    if let Some(other) = within {
        let after = units::duration(other.at_ns - first.at_ns);
        return format!(
            "{happened}, {at} after the start of the load: {after} later, before this was over, something else began ({}); the figures \
             of both are in the note about that",
            self::happened(other)
        );
    }
    let gap = range(all.iter().map(|one| one.gap_ns));
    let mut text =
        format!("{happened}, {at} after the start of the load: no flow ended for {gap} at the longest");
    let least = |of: fn(&Disturbance) -> Option<u64>, came: &str, did_not: &str| {
        let times: Vec<u64> = all.iter().filter_map(|one| of(one)).collect();
        match times.len() {
            0 => did_not.to_owned(),
            n if n < all.len() => {
                format!("{came} {} after its end in {n} of {} trials", range(times.into_iter()), all.len())
            }
            _ => format!("{came} {} after its end", range(times.into_iter())),
        }
    };
    text += &format!(
        "; {}; {}",
        least(
            |one| one.recover_ns,
            "flows ended as fast as before",
            "flows did not end as fast as before until the load was over"
        ),
        least(|one| one.drain_ns, "no more were under way than before", "more stayed under way than before")
    );
    text
}

/// `512 ms`, or `510 ms to 530 ms`.
fn range(values: impl Iterator<Item = u64> + Clone) -> String {
    let [least, most] = [values.clone().min(), values.max()].map(|value| units::duration(value.unwrap_or(0)));
    if least == most { least } else { format!("{least} to {most}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Link, Trial};

    const MS: u64 = 1_000_000;

    #[test]
    fn what_begins_within_another_has_the_figures_of_both() {
        let of = |at_ms: u64, lasts_ms: u64, gap_ms: u64| Disturbance {
            at_ns: at_ms * MS,
            lasts_ns: lasts_ms * MS,
            gap_ns: gap_ms * MS,
            ..Disturbance::default()
        };
        let pause = Disturbance { kind: Disturbing::Pause, what: "worker".into(), ..of(1_200, 600, 900) };
        let trial = Trial { disturbances: vec![of(1_000, 500, 0), pause], ..Trial::default() };
        let mut verdict = Verdict::default();
        note(&Run { trials: vec![trial], ..Run::default() }, &mut verdict);
        assert_eq!(
            verdict.notes[0],
            "the line to the server was cut for 500 ms, 1.00 s after the start of the load: 200 ms later, before this was over, \
             something else began (worker was paused for 600 ms); the figures of both are in the note about that"
        );
        assert!(verdict.notes[1].contains("no flow ended for 900 ms at the longest"), "{}", verdict.notes[1]);
    }

    #[test]
    fn a_note_says_what_was_done_and_how_the_trials_recovered() {
        let cut = |gap_ms, recover_ms: Option<u64>| Disturbance {
            at_ns: 1_000 * MS,
            lasts_ns: 500 * MS,
            gap_ns: gap_ms * MS,
            recover_ns: recover_ms.map(|ms| ms * MS),
            drain_ns: Some(80 * MS),
            ..Disturbance::default()
        };
        let pause = Disturbance { kind: Disturbing::Pause, what: "worker".into(), ..cut(7, None) };
        let trial = |disturbances: &[Disturbance]| Trial {
            link: Some(Link { added_round_trip_ns: 38_000, ..Link::default() }),
            disturbances: disturbances.to_vec(),
            ..Trial::default()
        };
        let trials = vec![trial(&[cut(510, Some(20)), pause]), trial(&[cut(530, None)])];
        let mut verdict = Verdict::default();
        note(&Run { trials, ..Run::default() }, &mut verdict);
        assert_eq!((verdict.status, verdict.reasons.len()), Default::default(), "a note, not a reason");
        assert_eq!(
            verdict.notes,
            [
                "all connections to the server went through a relay, which itself adds 38.0 µs to a round trip",
                "the line to the server was cut for 500 ms, 1.00 s after the start of the load: no flow ended for 510 ms to 530 ms \
                 at the longest; flows ended as fast as before 20.0 ms after its end in 1 of 2 trials; no more were under way than \
                 before 80.0 ms after its end",
                "worker was paused for 500 ms, 1.00 s after the start of the load: no flow ended for 7.00 ms at the longest; flows \
                 did not end as fast as before until the load was over; no more were under way than before 80.0 ms after its end",
            ]
        );
    }
}
