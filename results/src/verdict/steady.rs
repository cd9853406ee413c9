//! Checks that a run reached a steady state: a response time that keeps growing, or a throughput that drifts, describes none.
//!
//! Lives here: the checks on the time series. Does not live here: the warm-up, which ends before the window.

use super::{Thresholds, Validity, Verdict};
use crate::model::{LoadKind, Point, Run};
use crate::{stats, units};

/// A series with fewer points is not judged.
const POINTS_AT_LEAST: usize = 8;

/// Adds a reason if more than half of the trials that can be judged were not steady. `free`: the machine gave the harness the
/// cores it needed; only then the dispatch is to blame for a growing response time.
pub(super) fn check(run: &Run, thresholds: &Thresholds, free: bool, verdict: &mut Verdict) {
    let judged = run
        .counted_trials()
        .map(|trial| trial.series.points())
        .filter(|points| points.len() >= POINTS_AT_LEAST);
    let unsteady = |points: &[Point]| {
        let course = match run.load {
            LoadKind::Open => growth(points, thresholds, free),
            LoadKind::Closed => drift(points, thresholds),
        };
        course.or_else(|| never_settled(points, thresholds))
    };
    let reasons: Vec<Option<String>> = judged.map(unsteady).collect();
    let found = reasons.iter().flatten().count();
    if found * 2 > reasons.len()
        && let Some(first) = reasons.iter().flatten().next()
    {
        let which = if reasons.len() > 1 {
            format!(" (in {found} of {} trials)", reasons.len())
        } else {
            String::new()
        };
        verdict.add(Validity::Suspect, format!("not steady: {first}{which}"));
    }
}

/// An overloaded open load: the median response grows from quarter to quarter.
fn growth(points: &[Point], thresholds: &Thresholds, free: bool) -> Option<String> {
    let quarter = points.len() / 4;
    let typical = |part: &[Point]| {
        let medians: Vec<f64> =
            part.iter().filter_map(|point| point.response_p50_ns).map(|ns| ns as f64).collect();
        stats::median(&medians)
    };
    let quarters: Vec<f64> = points.chunks(quarter).take(4).filter_map(typical).collect();
    let [first, second, third, last] = quarters[..] else { return None };
    let grew = first < second && second < third && third < last;
    (grew && last > first * thresholds.growth && last > thresholds.growth_floor_ns).then(|| {
        let (first, last) = (units::duration(first as u64), units::duration(last as u64));
        let why = if free {
            "the load is more than the dispatch can handle"
        } else {
            "the machine was busy, so this says nothing about the dispatch"
        };
        format!("the median response grew from {first} in the first quarter to {last} in the last; {why}")
    })
}

/// A closed load whose throughput differs between its halves by more than counting noise.
fn drift(points: &[Point], thresholds: &Thresholds) -> Option<String> {
    let (first, second) = points.split_at(points.len() / 2);
    let ended = |part: &[Point]| part.iter().map(|point| point.ended).sum::<u64>() as f64;
    let (middle, end) = (first.last()?.at_ns, second.last()?.at_ns);
    // A half of no length has no rate. Where that is the first, no change comes out of it.
    if end <= middle {
        return None;
    }
    let rates = (ended(first) / middle as f64, ended(second) / (end - middle) as f64);
    let change = (rates.1 - rates.0) / rates.0.max(f64::MIN_POSITIVE);
    let noise = 5.0 * (2.0 / ended(first).min(ended(second)).max(1.0)).sqrt();
    (change.abs() > thresholds.drift.max(noise)).then(|| {
        let (before, after) = (units::rate(rates.0 * 1e9), units::rate(rates.1 * 1e9));
        format!("throughput went from {before} in the first half to {after} in the second")
    })
}

/// A series of mean response times of which MSER-5 would cut off more than half. On a short steady series that happens by
/// chance, but then the part that is kept has about the mean of the second half.
fn never_settled(points: &[Point], thresholds: &Thresholds) -> Option<String> {
    let means: Vec<f64> = points.iter().filter_map(|point| point.response.mean_ns()).collect();
    // A point may be several intervals already; about five of them make a batch.
    let intervals = points.first()?.intervals.max(1);
    let cut = stats::mser(&means, (5 / intervals) as usize)?;
    let change = cut.mean_kept / cut.mean_half - 1.0;
    (cut.share > thresholds.mser_truncated && change.abs() > thresholds.mser_change).then(|| {
        let (kept, half) = (units::duration(cut.mean_kept as u64), units::duration(cut.mean_half as u64));
        let share = units::percent(cut.share);
        format!(
            "MSER-5 would cut off the first {share} of the window; the mean response after the cut is \
             {kept}, and {half} over the second half of the window"
        )
    })
}
