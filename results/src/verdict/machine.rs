//! Whether the machine left the harness alone, and whether its clock is fit for what was measured.
//!
//! Lives here: steal, other processes, idle cores, CPU per message, involuntary switches, the clock; and the few facts
//! of the environment they need. Does not live here: how these are read (the command line).

use std::collections::BTreeMap;

use super::{Thresholds, Validity, Verdict};
use crate::model::{Hygiene, LoadKind, Run, Setting};
use crate::stats::Derived;
use crate::units;

/// Two of the steps in which the system counts the time of cores: less over a limit may be rounding.
const STEPS_NS: f64 = 20_000_000.0;

/// What a verdict needs to know of the machine. `None`: not known.
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
    /// From the environment of a record.
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

/// All checks of the machine.
pub(super) fn check(
    run: &Run,
    derived: &Derived,
    machine: &Machine,
    thresholds: &Thresholds,
    verdict: &mut Verdict,
) {
    given_away(run, machine, thresholds, verdict);
    // A closed load takes all the time there is: idle cores and switches say nothing of it, unless its lanes spin and
    // so keep the others from their turn.
    if run.load == LoadKind::Open && !waits(run, "yield") || waits(run, "spin") {
        room(run, machine, thresholds, verdict);
    }
    if let Some(ns) = derived.cpu_ns_per_message.filter(|ns| *ns > thresholds.cpu_ns_per_message) {
        let (ns, limit) = (units::duration(ns as u64), units::duration(thresholds.cpu_ns_per_message as u64));
        let reason = format!("the process used {ns} of CPU time per message, limit {limit}");
        verdict.add(Validity::Suspect, reason);
    }
    clock(run, machine, thresholds, verdict);
}

fn waits(run: &Run, strategy: &str) -> bool {
    matches!(run.settings.get("wait"), Some(Setting::Text(wait)) if wait == strategy)
}

/// A figure of the counted trials that know it, and the time of all cores over them.
fn sums(run: &Run, machine: &Machine, of: fn(&Hygiene) -> Option<u64>) -> Option<(f64, f64)> {
    let mut sums = (0.0, 0.0);
    for trial in run.counted_trials() {
        // Records of the first release do not say how long the cores were looked at: about as long as was measured.
        let about = || machine.cores.map(|cores| (trial.elapsed_ns as f64 * cores) as u64);
        if let (Some(n), Some(cores_ns)) = (of(&trial.hygiene), trial.hygiene.cores_ns.or_else(about)) {
            sums = (sums.0 + n as f64, sums.1 + cores_ns as f64);
        }
    }
    (sums.1 > 0.0).then_some(sums)
}

/// Time that others had.
fn given_away(run: &Run, machine: &Machine, thresholds: &Thresholds, verdict: &mut Verdict) {
    let mut share = |of: fn(&Hygiene) -> Option<u64>, limit: f64, whose: &str| {
        if let Some((taken, whole)) = sums(run, machine, of)
            && taken - STEPS_NS > limit * whole
        {
            let (share, limit) = (units::percent(taken / whole), units::percent(limit));
            verdict.add(Validity::Suspect, format!("{whose} {share} of all cores' time, limit {limit}"));
        }
    };
    share(|hygiene| hygiene.steal_ns, thresholds.steal, "the hypervisor gave to others");
    share(|hygiene| hygiene.others_ns, thresholds.others, "other processes used");
}

/// Whether there was a core for the harness when it needed one.
fn room(run: &Run, machine: &Machine, thresholds: &Thresholds, verdict: &mut Verdict) {
    let Some(cores) = machine.cores else { return };
    if let Some((idle, whole)) = sums(run, machine, |hygiene| hygiene.idle_ns) {
        let idle_cores = cores * idle / whole;
        if idle_cores < thresholds.idle_cores {
            let reason = format!(
                "no core was left for the harness: {idle_cores:.2} of {cores} were idle on average, limit {}",
                thresholds.idle_cores
            );
            verdict.add(Validity::Suspect, reason);
        }
    }
    if let Some((switches, whole)) = sums(run, machine, |hygiene| hygiene.involuntary_switches) {
        let per_s = switches * 1e9 / whole;
        if per_s > thresholds.switches_per_s {
            let (per_s, limit) = (units::rate(per_s), units::rate(thresholds.switches_per_s));
            let reason = format!("threads were put off their core {per_s} per core, limit {limit}");
            verdict.add(Validity::Suspect, reason);
        }
    }
}

/// Whether the clock is finer and cheaper than what it measured.
fn clock(run: &Run, machine: &Machine, thresholds: &Thresholds, verdict: &mut Verdict) {
    let Some(p50_ns) = run.response().quantile_ns(0.5) else { return };
    let p50 = units::duration(p50_ns);
    if let Some(read_ns) = machine.clock_read_ns.filter(|read| *read > p50_ns as f64 * thresholds.clock_share)
    {
        let share = units::percent(read_ns / p50_ns.max(1) as f64);
        let reason = format!(
            "the clock is too dear: a read costs {read_ns:.1} ns, {share} of a median response of {p50}, limit {}",
            units::percent(thresholds.clock_share)
        );
        verdict.add(Validity::Suspect, reason);
    }
    if let Some(step_ns) =
        machine.clock_step_ns.filter(|step| (p50_ns as f64) < step * thresholds.clock_steps)
    {
        let reason = format!(
            "the clock is too coarse: its step is {step_ns} ns, and a median response of {p50} has fewer than {} of them",
            thresholds.clock_steps
        );
        verdict.add(Validity::Suspect, reason);
    }
    if machine.clock_source.as_deref() == Some("os") {
        let note = "the clock is the operating system's: the processor's counter does not run at one rate";
        verdict.notes.push(note.into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::tests::{assert_reason, clean};
    use super::*;
    use crate::model::Trial;

    /// Two cores for 10 s, one of them idle; a clock of 1 ns that costs 20.
    fn quiet() -> (Trial, Machine) {
        let hygiene = Hygiene {
            steal_ns: Some(100_000_000),
            involuntary_switches: Some(1_000),
            cores_ns: Some(20_000_000_000),
            idle_ns: Some(10_000_000_000),
            others_ns: Some(1_000_000_000),
            stops: Some(0),
        };
        let facts =
            [("cores", "2"), ("clock_source", "tsc"), ("clock_read_ns", "20.0"), ("clock_step_ns", "1")];
        let facts = facts.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let trial = Trial { hygiene, cpu_ns: Some(6_000_000_000), ..clean() };
        (trial, Machine::of(&facts.into()))
    }

    fn judged(load: LoadKind, wait: &str, change: impl FnOnce(&mut Trial, &mut Machine)) -> Verdict {
        let (mut trial, mut machine) = quiet();
        change(&mut trial, &mut machine);
        let mut run = Run { load, trials: vec![trial], ..Run::default() };
        run.settings.insert("wait".into(), wait.into());
        judge(&run, &machine, &Thresholds::default())
    }

    fn open(change: impl FnOnce(&mut Trial, &mut Machine)) -> Verdict {
        judged(LoadKind::Open, "park", change)
    }

    #[test]
    fn a_quiet_machine_is_not_mentioned() {
        assert_eq!(open(|_, _| {}), Verdict::default());
    }

    #[test]
    fn time_that_others_had_is_suspect() {
        let stolen = open(|trial, _| trial.hygiene.steal_ns = Some(600_000_000));
        assert_reason(&stolen, Validity::Suspect, "the hypervisor gave to others 3.00 % of all cores' time");
        let others = open(|trial, _| trial.hygiene.others_ns = Some(5_000_000_000));
        assert_reason(
            &others,
            Validity::Suspect,
            "other processes used 25.0 % of all cores' time, limit 10.0 %",
        );
        // Half a second of two cores in steps of 10 ms: two of them are no proof of 1 %, four are.
        for (steps, status) in [(2, Validity::Valid), (4, Validity::Suspect)] {
            let short = open(|trial, _| {
                trial.hygiene.cores_ns = Some(1_000_000_000);
                trial.hygiene.steal_ns = Some(steps * 10_000_000);
                trial.hygiene.idle_ns = Some(500_000_000);
                trial.hygiene.others_ns = None;
                trial.hygiene.involuntary_switches = None;
            });
            assert_eq!(short.status, status, "{short:?}");
        }
        // A record that does not say how long the cores were looked at: 2 cores for the 10 s measured.
        let old = open(|trial, _| {
            trial.hygiene = Hygiene { steal_ns: Some(600_000_000), ..Hygiene::default() };
        });
        assert_reason(&old, Validity::Suspect, "3.00 %");
    }

    /// A closed load takes all there is, and lanes that yield leave nothing idle; neither speaks against a run.
    #[test]
    fn a_harness_without_a_core_is_suspect_where_that_means_something() {
        let full = |trial: &mut Trial, _: &mut Machine| {
            trial.hygiene.idle_ns = Some(100_000_000);
            trial.hygiene.involuntary_switches = Some(200_000);
        };
        for (load, wait, suspect) in [
            (LoadKind::Open, "park", true),
            (LoadKind::Open, "spin", true),
            (LoadKind::Open, "yield", false),
            (LoadKind::Closed, "park", false),
            (LoadKind::Closed, "yield", false),
            (LoadKind::Closed, "spin", true),
        ] {
            let verdict = judged(load, wait, full);
            if suspect {
                let idle = "no core was left for the harness: 0.01 of 2 were idle on average, limit 0.1";
                assert_reason(&verdict, Validity::Suspect, idle);
                let switches = "threads were put off their core 10.0 k/s per core, limit 5.00 k/s";
                assert_reason(&verdict, Validity::Suspect, switches);
            } else {
                assert_eq!(verdict, Verdict::default(), "{load:?} {wait}");
            }
        }
    }

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
        let dear = open(|_, machine| machine.clock_read_ns = Some(60_000.0));
        let words = "the clock is too dear: a read costs 60000.0 ns, 6.00 % of a median response of 1.00 ms";
        assert_reason(&dear, Validity::Suspect, words);
        let coarse = open(|_, machine| machine.clock_step_ns = Some(110_000.0));
        assert_reason(&coarse, Validity::Suspect, "its step is 110000 ns");
        let os = open(|_, machine| machine.clock_source = Some("os".into()));
        assert_eq!((os.status, os.notes.len()), (Validity::Valid, 1));
    }
}
