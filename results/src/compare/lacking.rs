//! Why pairs lack a figure: no flow of a side ended, nothing was confirmed, or there are too few samples for a percentile.
//!
//! Lives here: the reason for each pair, and the sentences about them. Does not live here: how many pairs may lack a percentile that is
//! judged (`metric`).

use super::Metric;
use crate::model::Trial;
use crate::units;

/// Why a trial has no figure that makes a ratio. Of the two trials of a pair the first of these is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    NoFlow,
    NoConfirm,
    TooFew,
    /// The figure is zero, or the record does not have it.
    NoRatio,
}

impl Reason {
    fn of(metric: Metric, trial: &Trial) -> Option<Self> {
        let value = metric.of_trial(trial);
        if value.is_some_and(|value| value > 0.0) {
            None
        } else if metric == Metric::ConfirmP99 && !trial.confirm().is_empty() {
            Some(Self::TooFew)
        } else if is_dead(trial) {
            Some(Self::NoFlow)
        } else if metric == Metric::ConfirmP99 {
            Some(Self::NoConfirm)
        } else if metric.is_percentile() && value.is_none() {
            Some(Self::TooFew)
        } else {
            Some(Self::NoRatio)
        }
    }
}

/// No flow of a trial ended, so there is no figure to compare.
fn is_dead(trial: &Trial) -> bool {
    trial.flows.ended == 0 && trial.response.is_empty()
}

/// Why a figure is not judged that the pairs, or too many of them, lack.
pub(super) fn note(metric: Metric, pairs: &[(&Trial, &Trial)]) -> String {
    let of_pair = |(a, b): &(&Trial, &Trial)| {
        let reasons = [a, b].map(|trial| Reason::of(metric, trial));
        reasons.into_iter().flatten().min()
    };
    let reasons: Vec<Option<Reason>> = pairs.iter().map(of_pair).collect();
    let all = pairs.len();
    let has = |reason: Reason, trial: &Trial| Reason::of(metric, trial) == Some(reason);
    let mut parts = Vec::new();
    for (reason, what) in [(Reason::NoFlow, "no flow ended"), (Reason::NoConfirm, "nothing was confirmed")] {
        let places = places(pairs, ["A", "B"], |trial| has(reason, trial));
        parts.extend(places.map(|places| format!("{what} in {places}")));
    }
    let count = |reason| reasons.iter().filter(|known| **known == Some(reason)).count();
    for (reason, what) in [(Reason::TooFew, "too few samples"), (Reason::NoRatio, "no such figure")] {
        match count(reason) {
            0 => {}
            n if n == all && reason == Reason::NoRatio => {
                parts.push("no pair has this figure on both sides".into());
            }
            n if n == all => parts.push(format!("single trials have {what}")),
            1 => parts.push(format!("1 of {all} pairs has {what}")),
            n => parts.push(format!(
                "{} of {} pairs have {what}",
                units::count(n as u64),
                units::count(all as u64)
            )),
        }
    }
    // Of all pairs the samples are too few in most cases because p99.9 needs very many, so longer trials are no advice.
    let help = match count(Reason::TooFew) {
        n if n > 0 && n < all => ". Longer trials would have enough samples",
        _ => "",
    };
    format!("{}, so the value shown combines all trials, and gets no verdict{help}", parts.join(", and "))
}

/// A note on the pairs in which no flow of a side ended; `None` if there are none. `sides` are the names of the two.
pub(super) fn dead_pairs(pairs: &[(&Trial, &Trial)], sides: [&str; 2]) -> Option<String> {
    let places = places(pairs, sides, is_dead)?;
    let alive = pairs.iter().filter(|(a, b)| !is_dead(a) && !is_dead(b)).count();
    let (alive, all) = (units::count(alive as u64), units::counted(pairs.len() as u64, "pair", "pairs"));
    Some(format!("no flow ended in {places}, so {alive} of {all} can be compared"))
}

/// Where a trial is so: `B of pair 6`, or `A of pair 2 and in B of 3 pairs, such as pair 6`. `None`: nowhere. Pairs have the numbers of
/// their trials in the lines of a run.
fn places(pairs: &[(&Trial, &Trial)], sides: [&str; 2], is_so: impl Fn(&Trial) -> bool) -> Option<String> {
    let of_side = |(side, name): (usize, &str)| {
        let of_pair = |(a, b): &(&Trial, &Trial)| {
            let trial = if side == 0 { *a } else { *b };
            is_so(trial).then_some(trial.number + 1)
        };
        let numbers: Vec<u32> = pairs.iter().filter_map(of_pair).collect();
        match &numbers[..] {
            [] => None,
            [number] => Some(format!("{name} of pair {number}")),
            all if all.len() == pairs.len() => Some(format!("{name} in any pair")),
            [first, ..] => {
                Some(format!("{name} of {} pairs, such as pair {first}", units::count(numbers.len() as u64)))
            }
        }
    };
    let places: Vec<String> = sides.into_iter().enumerate().filter_map(of_side).collect();
    (!places.is_empty()).then(|| places.join(" and in "))
}
