//! Whether a run may be believed: valid, suspect or invalid, with the reasons in words and figures.
//!
//! Lives here: the checks and their limits. Whether the response was steady is judged in `steady`. Does not live
//! here: the verdict of a comparison (`compare`) and exit codes (the command line).

mod steady;

use crate::model::{LoadKind, Run, Status};
use crate::stats::Derived;
use crate::units;

/// Whether a run may be believed, from best to worst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// Nothing speaks against it.
    #[default]
    Valid,
    /// Read the reasons before using it.
    Suspect,
    /// It did not measure what was asked.
    Invalid,
}

impl Validity {
    /// The word in documents and tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

/// Whether a run may be believed, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The answer.
    pub status: Validity,
    /// What speaks against it, and which promises of the transport were broken (these do not touch `status`).
    pub reasons: Vec<String>,
    /// What does not speak against it but should be known.
    pub notes: Vec<String>,
}

impl Verdict {
    fn add(&mut self, status: Validity, reason: String) {
        self.status = self.status.max(status);
        self.reasons.push(reason);
    }
}

/// Limits of the verdict. Shares are of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// Flows due and not started, as a share of those due: more is invalid. 0.01.
    pub rate_off: f64,
    /// p99 of the schedule lag as a share of the median response in an open load: more is suspect. 0.1.
    pub lag_share: f64,
    /// A lag p99 below this is never suspect. 100 µs.
    pub lag_floor_ns: u64,
    /// Flows unfinished as a share of those started: more is invalid, any is suspect. 0.01.
    pub unfinished: f64,
    /// Over-range times, and backward stamps, as a share of deliveries: more is suspect. 0.001.
    pub miscounted: f64,
    /// How far `mean in flight / (rate × mean response)` may be from one in virtual time, where flows in flight are
    /// known at every moment: more is suspect. 0.01.
    pub little: f64,
    /// The same on a real clock, where they are looked at now and then by a thread that competes with those it looks
    /// at. 0.1.
    pub little_sampled: f64,
    /// Little's law is not asked of fewer flows than this. 10,000.
    pub little_flows: u64,
    /// Median response of the last quarter over that of the first, if it grew from quarter to quarter in an open
    /// load: more is not steady. 1.5.
    pub growth: f64,
    /// A median response of the last quarter below this is always steady. 10 µs.
    pub growth_floor_ns: u64,
    /// Difference of the throughput of the halves of a closed load, as a share of the first: more is not steady. 0.2.
    pub drift: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            rate_off: 0.01,
            lag_share: 0.1,
            lag_floor_ns: 100_000,
            unfinished: 0.01,
            miscounted: 0.001,
            little: 0.01,
            little_sampled: 0.1,
            little_flows: 10_000,
            growth: 1.5,
            growth_floor_ns: 10_000,
            drift: 0.2,
        }
    }
}

/// Judges a run by its trials.
#[must_use]
pub fn judge(run: &Run, thresholds: &Thresholds) -> Verdict {
    let mut verdict = Verdict::default();
    let derived = Derived::of(run);
    check_ends(run, &derived, &mut verdict);
    if derived.flows.ended > 0 {
        if run.load == LoadKind::Open {
            check_rate(run, &derived, thresholds, &mut verdict);
            check_lag(run, thresholds, &mut verdict);
        }
        check_unfinished(&derived, thresholds, &mut verdict);
        check_little(run, &derived, thresholds, &mut verdict);
        steady::check(run, thresholds, &mut verdict);
    }
    check_counts(run, thresholds, &mut verdict);
    list_faults(run, &mut verdict);
    add_notes(run, &mut verdict);
    verdict
}

/// What speaks against an open load itself: flows that were due and not started, or did not end, beyond the limits that
/// make a run invalid, and a response that grew all along. Empty if the dispatch took what it was given.
#[must_use]
pub fn overload(run: &Run, thresholds: &Thresholds) -> Vec<String> {
    let derived = Derived::of(run);
    if derived.flows.ended == 0 {
        return vec!["no flow ended".into()];
    }
    let mut verdict = Verdict::default();
    check_rate(run, &derived, thresholds, &mut verdict);
    if verdict.status < Validity::Invalid {
        verdict = Verdict::default();
    }
    let mut unfinished = Verdict::default();
    check_unfinished(&derived, thresholds, &mut unfinished);
    if unfinished.status == Validity::Invalid {
        verdict.reasons.append(&mut unfinished.reasons);
    }
    steady::check(run, thresholds, &mut verdict);
    verdict.reasons
}

/// Trials that did not end well, those with the same sentence together, or that measured nothing.
fn check_ends(run: &Run, derived: &Derived, verdict: &mut Verdict) {
    let total = run.trials.len();
    let mut ends: Vec<(Status, &str, Vec<u32>)> = Vec::new();
    for trial in run.trials.iter().filter(|trial| trial.status != Status::Ok) {
        let error = trial.error.as_deref().unwrap_or("no reason was given");
        match ends.iter_mut().find(|(status, known, _)| *status == trial.status && *known == error) {
            Some((_, _, numbers)) => numbers.push(trial.number),
            None => ends.push((trial.status, error, vec![trial.number])),
        }
    }
    for (status, error, numbers) in ends {
        let which = match &numbers[..] {
            [_] if total == 1 => String::new(),
            [number] => format!("trial {} of {total} ", number + 1),
            _ => format!("{} of {total} trials ", numbers.len()),
        };
        // What was interrupted measured less than was asked, not something else.
        let validity = if status == Status::Interrupted { Validity::Suspect } else { Validity::Invalid };
        verdict.add(validity, format!("{which}{}: {error}", status.word()));
    }
    if total == 0 {
        verdict.add(Validity::Invalid, "no trial was started".into());
    } else if derived.trials == 0 {
        verdict.status = Validity::Invalid;
    } else if derived.flows.ended == 0 {
        verdict.add(Validity::Invalid, "no flow ended, so there are no response times".into());
    }
}

/// Whether an open load started what its schedule had due.
fn check_rate(run: &Run, derived: &Derived, thresholds: &Thresholds, verdict: &mut Verdict) {
    let flows = derived.flows;
    let off = flows.due.abs_diff(flows.started) as f64 / flows.due.max(1) as f64;
    let (due, achieved) = (derived.due_per_s.unwrap_or(0.0), derived.achieved_per_s.unwrap_or(0.0));
    if off > thresholds.rate_off {
        let (due, achieved, off) = (units::rate(due), units::rate(achieved), units::percent(off));
        verdict
            .add(Validity::Invalid, format!("the load achieved {achieved} where {due} were due ({off} off)"));
    } else if flows.shed > 0 {
        let shed = units::count(flows.shed);
        verdict
            .add(Validity::Suspect, format!("{shed} flows were due and never started: the window was full"));
    }
    let asked: Vec<f64> = run.counted_trials().filter_map(|trial| trial.asked_per_s).collect();
    let asked = asked.iter().sum::<f64>() / asked.len().max(1) as f64;
    // A random schedule strays by about the root of its count; four of those are never seen by chance.
    let limit = thresholds.rate_off + 4.0 / (flows.due.max(1) as f64).sqrt();
    if asked > 0.0 && (due / asked - 1.0).abs() > limit {
        let (due, asked, off) = (units::rate(due), units::rate(asked), units::change(due / asked - 1.0));
        verdict.add(Validity::Suspect, format!("the schedule made {due} where {asked} were asked ({off})"));
    }
}

/// Whether an open load was late by more than a share of what it measured.
fn check_lag(run: &Run, thresholds: &Thresholds, verdict: &mut Verdict) {
    let lag = run.lag();
    let (Some(p50), Some(late)) = (run.response().quantile_ns(0.5), lag.quantile_ns(0.99).or(lag.max_ns()))
    else {
        return;
    };
    let limit_ns = ((p50 as f64 * thresholds.lag_share) as u64).max(thresholds.lag_floor_ns);
    if late > limit_ns {
        let (late, limit, p50) = (units::duration(late), units::duration(limit_ns), units::duration(p50));
        let reason = format!(
            "the load was late: schedule lag p99 {late}, limit {limit} for a median response of {p50}"
        );
        verdict.add(Validity::Suspect, reason);
    }
}

fn check_unfinished(derived: &Derived, thresholds: &Thresholds, verdict: &mut Verdict) {
    let flows = derived.flows;
    if flows.unfinished == 0 {
        return;
    }
    let share = flows.unfinished as f64 / flows.started.max(1) as f64;
    let status = if share > thresholds.unfinished { Validity::Invalid } else { Validity::Suspect };
    let (n, share) = (units::count(flows.unfinished), units::percent(share));
    verdict
        .add(status, format!("{n} flows did not end before the drain deadline ({share} of those started)"));
}

/// Little's law: mean in flight = rate × mean time. In flight may be counted from due or from first sent, so the
/// time lies between mean service and mean response. Flows cut off at the ends of the window may shift it by about
/// twice their number, which the margin allows.
fn check_little(run: &Run, derived: &Derived, thresholds: &Thresholds, verdict: &mut Verdict) {
    let (Some(in_flight), Some(rate)) = (derived.mean_in_flight, derived.throughput_per_s) else { return };
    let (Some(response), Some(service)) = (run.response().mean_ns(), run.service().mean_ns()) else { return };
    // Flows that were lost stay in flight for ever; the audit says so.
    let lost = run.audit().lost > 0;
    if derived.flows.ended < thresholds.little_flows || in_flight <= 0.0 || lost {
        return;
    }
    let cut_off = 2.0 * in_flight * derived.trials as f64 / derived.flows.ended as f64;
    let is_virtual = run.trials.iter().all(|trial| trial.cpu_ns.is_none());
    let margin = if is_virtual { thresholds.little } else { thresholds.little_sampled } + cut_off;
    let (low, high) = (rate * service.min(response) / 1e9, rate * service.max(response) / 1e9);
    if in_flight < low * (1.0 - margin) || in_flight > high * (1.0 + margin) {
        let of_response = units::ratio(in_flight / (rate * response / 1e9));
        let reason = format!(
            "Little's law does not hold: {in_flight:.3} flows in flight are {of_response} rate times mean response, \
             margin {}",
            units::percent(margin)
        );
        verdict.add(Validity::Suspect, reason);
    }
}

/// Samples that were not recorded as they were.
fn check_counts(run: &Run, thresholds: &Thresholds, verdict: &mut Verdict) {
    let audit = run.audit();
    let over_range = audit.over_range.max(run.response().over_range());
    let share = |n: u64| n as f64 / audit.delivered.max(1) as f64;
    let checks = [
        (over_range, "times were over the range of the histogram"),
        (audit.negative_deltas, "stamps ran backwards between cores"),
    ];
    for (n, what) in checks {
        let sentence = format!("{} {what} ({} of deliveries)", units::count(n), units::percent(share(n)));
        if share(n) > thresholds.miscounted {
            verdict.add(Validity::Suspect, sentence);
        } else if n > 0 {
            verdict.notes.push(sentence);
        }
    }
    if audit.beyond_window > 0 {
        let n = units::count(audit.beyond_window);
        let reason = format!("{n} messages came too far out of order to be audited for duplicates");
        verdict.add(Validity::Suspect, reason);
    }
}

/// Broken promises are listed, but judged by the audit, not here.
fn list_faults(run: &Run, verdict: &mut Verdict) {
    let audit = run.audit();
    let faults: Vec<String> =
        run.promises.faults(&audit).iter().map(|(n, word)| format!("{} {word}", units::count(*n))).collect();
    if !faults.is_empty() {
        let of = units::count(audit.expected);
        verdict.reasons.push(format!("the audit failed: {} of {of} expected deliveries", faults.join(", ")));
    }
}

fn add_notes(run: &Run, verdict: &mut Verdict) {
    let audit = run.audit();
    let counts = [
        (
            audit.duplicated,
            run.promises.tolerates_duplicates,
            "duplicates, as the transport's contract permits",
        ),
        (
            audit.reordered,
            !run.promises.ordered,
            "messages out of order, as the transport's contract permits",
        ),
        (audit.unrouted, true, "messages of kinds that no route carries"),
        (audit.lagged, true, "messages dropped by the transport for slow receivers"),
    ];
    for (n, _, what) in counts.iter().filter(|(n, said, _)| *n > 0 && *said) {
        verdict.notes.push(format!("{} {what}", units::count(*n)));
    }
    let samples = run.response().count();
    let needed = crate::model::samples_needed(0.99);
    if samples > 0 && samples < needed {
        verdict.notes.push(format!("{samples} response times are too few for a p99, which needs {needed}"));
    }
    for trial in &run.trials {
        for said in trial.faults.iter().chain(&trial.notes) {
            if !verdict.notes.contains(said) {
                verdict.notes.push(said.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
