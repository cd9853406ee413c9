//! Faults as marks on a time axis, and as numbered sentences below it.

use super::super::draw::{Band, Mark};
use super::Overlaid;
use crate::model::{Outage, OutageCause, Run, Setting};
use crate::units;
use crate::verdict::happened;

/// More marks than this are not told apart on a screen.
const MOST: usize = 12;
/// Faults of the same kind within this share of the longest window are one mark: the same fault in several trials.
const SAME: f64 = 0.04;

/// The faults of some runs.
#[derive(Default)]
pub(super) struct Faults {
    /// The longest warm-up. Zero on the axis is its end.
    pub warmup_ns: u64,
    pub marks: Vec<Mark>,
    pub bands: Vec<Band>,
    /// What the numbers of the marks mean.
    pub sentences: Vec<String>,
}

/// A fault of one trial.
struct Fault<'a> {
    said: String,
    /// From the start of the measured window, so it may be below zero.
    at_ns: f64,
    lasts_ns: u64,
    /// The name of its run.
    whose: &'a str,
}

/// The same fault in several trials.
struct Several<'a> {
    said: String,
    /// The first and the last of its times.
    at_ns: (f64, f64),
    until_ns: f64,
    /// The names of its runs.
    whose: Vec<&'a str>,
}

/// Disturbances that were asked for, and outages, as marks. The end of the warm-up is one, too, if there was a warm-up.
pub(super) fn faults(over: &Overlaid<'_>) -> Faults {
    let runs = || over.runs.iter().map(|(_, run)| *run);
    let mut all: Vec<Fault> = over.runs.iter().flat_map(|(name, run)| of_run(name, run)).collect();
    all.sort_by(|a, b| a.at_ns.total_cmp(&b.at_ns));
    let windows = runs().flat_map(|run| &run.trials).map(|trial| trial.elapsed_ns);
    let near_ns = windows.max().unwrap_or(0) as f64 * SAME;
    let mut several: Vec<Several> = Vec::new();
    for fault in all {
        let until_ns = fault.at_ns + fault.lasts_ns as f64;
        let same = |known: &&mut Several| known.said == fault.said && fault.at_ns - known.at_ns.0 <= near_ns;
        match several.iter_mut().find(same) {
            Some(known) => {
                known.at_ns.1 = fault.at_ns;
                known.until_ns = known.until_ns.max(until_ns);
                if !known.whose.contains(&fault.whose) {
                    known.whose.push(fault.whose);
                }
            }
            None => several.push(Several {
                said: fault.said,
                at_ns: (fault.at_ns, fault.at_ns),
                until_ns,
                whose: vec![fault.whose],
            }),
        }
    }
    let mut own = Faults { warmup_ns: runs().map(warmup_ns).max().unwrap_or(0), ..Faults::default() };
    if own.warmup_ns > 0 {
        let (label, short) = ("end of warm-up".to_owned(), "warm-up".to_owned());
        own.marks.push(Mark { x: 0.0, label, short, is_fault: false });
    }
    for (i, fault) in several.iter().take(MOST).enumerate() {
        let number = (i + 1).to_string();
        own.marks.push(Mark { x: fault.at_ns.0, label: number.clone(), short: number, is_fault: true });
        own.bands.push(Band { from: fault.at_ns.0, to: fault.until_ns });
        own.sentences.push(sentence(i + 1, fault, over));
    }
    if several.len() > MOST {
        own.sentences.push(format!("{} further faults are not marked", several.len() - MOST));
    }
    own
}

/// `1: between 1.20 s and 1.21 s the line to the server was cut for 500 ms (message/nats)`
fn sentence(number: usize, fault: &Several<'_>, over: &Overlaid<'_>) -> String {
    let time = |ns: f64| {
        let sign = if ns < 0.0 { "−" } else { "" };
        format!("{sign}{}", units::duration(ns.abs().round() as u64))
    };
    let (first, last) = (time(fault.at_ns.0), time(fault.at_ns.1));
    let at = if first == last { format!("at {first}") } else { format!("between {first} and {last}") };
    let whose = match (fault.whose.len(), over.runs.len()) {
        (_, 1) => String::new(),
        (some, all) if some == all => format!(" (all {})", over.words.1),
        _ => format!(" ({})", fault.whose.join(", ")),
    };
    format!("{number}: {at} {}{whose}", fault.said)
}

fn of_run<'a>(name: &'a str, run: &'a Run) -> Vec<Fault<'a>> {
    let warmup_ns = warmup_ns(run);
    let fault = |said: String, at_ns: u64, lasts_ns| Fault {
        said,
        at_ns: at_ns as f64 - warmup_ns as f64,
        lasts_ns,
        whose: name,
    };
    let disturbances = run.trials.iter().flat_map(|trial| &trial.disturbances);
    let disturbances = disturbances.map(|one| fault(happened(one), one.at_ns, one.lasts_ns));
    let outages = run.trials.iter().flat_map(|trial| &trial.outages);
    let outages = outages.map(|one| fault(away(one), one.at_ns, one.away_ns));
    disturbances.chain(outages).collect()
}

/// The warm-up of a run, which comes before its measured window.
pub(super) fn warmup_ns(run: &Run) -> u64 {
    match run.settings.get("warmup_ns") {
        Some(Setting::Integer(ns)) => *ns,
        _ => 0,
    }
}

fn away(outage: &Outage) -> String {
    let name = &outage.instance;
    let happened = match outage.cause {
        OutageCause::ConsumerKilled => format!("the consumer of {name} was killed"),
        OutageCause::Absent => format!("{name} was absent from the start"),
        OutageCause::ConnectionKilled => format!("the connection of {name} was killed"),
        OutageCause::Paused => format!("{name} was paused"),
        OutageCause::ConnectionLost => format!("{name} lost its connection"),
    };
    if outage.until_end { format!("{happened} and did not come back") } else { happened }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_same_fault_in_several_trials_is_one_mark() {
        let mut run = sample::confirming();
        run.settings.insert("warmup_ns".into(), Setting::Integer(50_000_000));
        let faults = faults(&Overlaid::of(&[&run]));
        assert_eq!(faults.sentences, ["1: at 150 ms the consumer of payment#1 was killed"]);
        assert_eq!((faults.marks.len(), faults.bands.len(), faults.warmup_ns), (2, 1, 50_000_000));
        assert!(faults.bands[0].to - faults.bands[0].from > 99e6, "the longest of both outages");
    }

    #[test]
    fn an_instance_that_did_not_come_back_is_told_from_one_that_did() {
        let mut run = sample::confirming();
        run.trials[0].outages[0].until_end = true;
        let said = faults(&Overlaid::of(&[&run])).sentences;
        assert!(said.iter().any(|said| said.ends_with("was killed and did not come back")), "{said:?}");
        assert!(said.iter().any(|said| said.ends_with("was killed")), "{said:?}");
    }
}
