//! Checks on the clock and on the CPU time per message.
//!
//! Lives here also: the facts about the machine that verdicts need. Does not live here: disturbances by other processes or
//! the hypervisor (`host`), and how facts are read (the command line).

use std::collections::BTreeMap;

use super::{Thresholds, Validity, Verdict};
use crate::model::Run;
use crate::stats::Derived;
use crate::units;

/// From this share of the limit on, the cost of reading the clock is noted. The cost is known and only lengthens a response
/// time, so below the limit a note is enough. Beyond the limit the clock is a large part of the figure.
const CLOCK_NOTED: f64 = 0.25;

/// The facts about the machine that a verdict needs. `None`: not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Machine {
    /// Cores the process may use.
    pub cores: Option<f64>,
    /// `tsc` (invariant) or `os`.
    pub clock_source: Option<String>,
    /// Cost of one clock read, in ns.
    pub clock_read_ns: Option<f64>,
    /// Smallest step of the clock, in ns.
    pub clock_step_ns: Option<f64>,
}

impl Machine {
    /// Reads the facts from the environment of a record.
    #[must_use]
    pub fn of(environment: &BTreeMap<String, String>) -> Self {
        let number = |key: &str| environment.get(key).and_then(|text| text.parse::<f64>().ok());
        Self {
            cores: number("cores").filter(|cores| *cores >= 1.0),
            clock_source: environment.get("clock_source").cloned(),
            clock_read_ns: number("clock_read_ns"),
            clock_step_ns: number("clock_step_ns"),
        }
    }
}

/// Checks CPU time per message and the clock.
pub(super) fn check(
    run: &Run,
    derived: &Derived,
    machine: &Machine,
    thresholds: &Thresholds,
    verdict: &mut Verdict,
) {
    if let Some(ns) = derived.cpu_ns_per_message.filter(|ns| *ns > thresholds.cpu_ns_per_message) {
        let (ns, limit) = (units::duration(ns as u64), units::duration(thresholds.cpu_ns_per_message as u64));
        let reason = format!("the process used {ns} of CPU time per message, limit {limit}");
        verdict.add(Validity::Suspect, reason);
    }
    clock(run, machine, thresholds, verdict);
}

/// Whether a clock read is cheap, and the clock's step small, against the median response time.
fn clock(run: &Run, machine: &Machine, thresholds: &Thresholds, verdict: &mut Verdict) {
    let Some(p50_ns) = run.response().quantile_ns(0.5) else { return };
    let p50 = units::duration(p50_ns);
    if let Some(read_ns) = machine.clock_read_ns {
        let share = read_ns / p50_ns.max(1) as f64;
        let costs = format!(
            "a clock read costs {read_ns:.1} ns, {} of the median response of {p50}",
            units::percent(share)
        );
        let limit = units::percent(thresholds.clock_share);
        if share > thresholds.clock_share {
            verdict.add(Validity::Suspect, format!("the clock is too expensive: {costs}, limit {limit}"));
        } else if share > thresholds.clock_share * CLOCK_NOTED {
            verdict.notes.push(format!("{costs}; this cost is part of the response"));
        }
    }
    if let Some(step_ns) =
        machine.clock_step_ns.filter(|step| (p50_ns as f64) < step * thresholds.clock_steps)
    {
        let reason = format!(
            "the clock is too coarse: its step is {step_ns} ns, and the median response of {p50} is less than {} steps",
            thresholds.clock_steps
        );
        verdict.add(Validity::Suspect, reason);
    }
    if machine.clock_source.as_deref() == Some("os") {
        let note = "times come from the operating system's clock, because the processor's counter does not run at a constant rate";
        verdict.notes.push(note.into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::host::tests::{open, quiet};
    use super::super::judge;
    use super::super::tests::assert_reason;
    use super::*;

    #[test]
    fn cpu_per_message_has_a_limit_if_it_is_given_one() {
        let (trial, machine) = quiet();
        let run = Run { trials: vec![trial], ..Run::default() };
        let mut limits = Thresholds::default();
        limits.set("cpu_ns_per_message", "15us").unwrap();
        let verdict = judge(&run, &machine, &limits);
        assert_reason(
            &verdict,
            Validity::Suspect,
            "the process used 20.0 µs of CPU time per message, limit 15.0 µs",
        );
    }

    /// The median response is 1 ms.
    #[test]
    fn a_clock_that_is_unfit_is_suspect() {
        let expensive = open(|_, machine| machine.clock_read_ns = Some(210_000.0));
        let words = "the clock is too expensive: a clock read costs 210000.0 ns, 21.0 % of the median response of 1.00 ms";
        assert_reason(&expensive, Validity::Suspect, words);
        let noted = open(|_, machine| machine.clock_read_ns = Some(60_000.0));
        let words = "a clock read costs 60000.0 ns, 6.00 % of the median response of 1.00 ms; this cost is part of the response";
        assert_eq!((noted.status, noted.notes), (Validity::Valid, vec![words.to_owned()]));
        let cheap = open(|_, machine| machine.clock_read_ns = Some(49_000.0));
        assert_eq!((cheap.status, cheap.notes.len()), (Validity::Valid, 0));
        let coarse = open(|_, machine| machine.clock_step_ns = Some(110_000.0));
        assert_reason(&coarse, Validity::Suspect, "its step is 110000 ns");
        let os = open(|_, machine| machine.clock_source = Some("os".into()));
        assert_eq!((os.status, os.notes.len()), (Validity::Valid, 1));
    }
}
