//! Checks on disturbances by the machine: stolen time, a CPU quota, other processes, no idle core, context switches.
//!
//! Lives here: the reasons that the machine caused, for one run or for several at once. They come first in a verdict, and a
//! table states each of them once for all its rows. Does not live here: the clock and the CPU time of the process
//! (`machine`), and how the figures are read (the command line).

use super::machine::Machine;
use super::{Thresholds, Validity, Verdict};
use crate::model::{Busy, Hygiene, LoadKind, Run, ServerFigures, Waiting};
use crate::units;

/// The system counts the time of cores in steps of 10 ms. An excess of less than two steps may be rounding.
pub(crate) const STEPS_NS: f64 = 20_000_000.0;

/// A kind of disturbance by the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Steal,
    Throttled,
    Others,
    Idle,
    Switches,
}

const KINDS: [Kind; 5] = [Kind::Steal, Kind::Throttled, Kind::Others, Kind::Idle, Kind::Switches];

/// One reason that the machine caused, and the runs it applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostReason {
    /// The sentence, with figures over all those runs.
    pub sentence: String,
    /// Indices of those runs.
    pub runs: Vec<usize>,
}

/// Adds the reasons that the machine caused. Called before all other checks, so that these reasons come first.
pub(super) fn check(run: &Run, machine: &Machine, thresholds: &Thresholds, verdict: &mut Verdict) {
    for kind in KINDS {
        if let Some(reason) = sentence(kind, &[run], machine, thresholds) {
            verdict.host.push(reason.clone());
            verdict.add(Validity::Suspect, reason);
        }
    }
}

/// True if no check found a disturbance by the machine. Only then a verdict names the cause of a late load.
pub(super) fn was_free(run: &Run, machine: &Machine, thresholds: &Thresholds) -> bool {
    KINDS.iter().all(|kind| sentence(*kind, &[run], machine, thresholds).is_none())
}

/// The reasons that the machine caused, over several runs: each once, with the runs it applies to.
#[must_use]
pub fn host_reasons(runs: &[&Run], machine: &Machine, thresholds: &Thresholds) -> Vec<HostReason> {
    let reason = |kind: Kind| {
        let holds = |at: &usize| sentence(kind, &[runs[*at]], machine, thresholds).is_some();
        let at: Vec<usize> = (0..runs.len()).filter(holds).collect();
        let held: Vec<&Run> = at.iter().map(|at| runs[*at]).collect();
        sentence(kind, &held, machine, thresholds).map(|sentence| HostReason { sentence, runs: at })
    };
    KINDS.into_iter().filter_map(reason).collect()
}

fn sentence(kind: Kind, runs: &[&Run], machine: &Machine, thresholds: &Thresholds) -> Option<String> {
    let looked = Looked { runs, machine };
    match kind {
        Kind::Steal => {
            let (taken, whole) = looked.beyond(|hygiene| hygiene.steal_ns, thresholds.steal)?;
            let (share, limit) = (units::percent((taken / whole).min(1.0)), units::percent(thresholds.steal));
            Some(format!("the hypervisor gave {share} of all cores' time to other machines, limit {limit}"))
        }
        Kind::Throttled => throttled(&looked, thresholds),
        Kind::Others => {
            let (taken, whole) = looked.beyond(|hygiene| hygiene.others_ns, thresholds.others)?;
            let (share, limit) =
                (units::percent((taken / whole).min(1.0)), units::percent(thresholds.others));
            let cores = looked
                .cores(|hygiene| hygiene.others_ns)
                .map_or_else(String::new, |cores| format!("{cores:.2} cores, "));
            let who = busiest(runs, taken);
            Some(format!("other processes used {cores}{share} of all cores' time, limit {limit}{who}"))
        }
        Kind::Idle => idle(&looked, thresholds),
        Kind::Switches => {
            let (switches, whole) = looked.timed()?.sums(|hygiene| hygiene.involuntary_switches)?;
            let per_s = switches * 1e9 / whole;
            let (said, limit) = (units::rate(per_s), units::rate(thresholds.switches_per_s));
            (per_s > thresholds.switches_per_s)
                .then(|| format!("the system took threads off their core {said} per core (involuntary context switches), limit {limit}"))
        }
    }
}

/// Runs and the facts about their machine.
#[derive(Clone, Copy)]
struct Looked<'a> {
    runs: &'a [&'a Run],
    machine: &'a Machine,
}

impl<'a> Looked<'a> {
    /// A closed load uses all the time there is, so idle cores and context switches are checked only for open loads and for
    /// lanes that spin, because a spinning lane keeps other lanes from running. Lanes that yield leave no core idle by
    /// design.
    fn timed(self) -> Option<Self> {
        let says = |run: &&Run| match run.asked().wait {
            Some(Waiting::Spin) => true,
            Some(Waiting::Yield) => false,
            _ => run.load == LoadKind::Open,
        };
        self.runs.iter().all(says).then_some(self)
    }

    fn hygiene(self) -> impl Iterator<Item = (&'a Hygiene, u64)> {
        let trials = self.runs.iter().flat_map(|run| run.counted_trials());
        trials.map(|trial| (&trial.hygiene, trial.elapsed_ns))
    }

    /// Sum of a figure over the counted trials that have it, and the time of all cores in these trials.
    fn sums(self, of: fn(&Hygiene) -> Option<u64>) -> Option<(f64, f64)> {
        let mut sums = (0.0, 0.0);
        for (hygiene, elapsed_ns) in self.hygiene() {
            // Records of release 0.1 lack the observed time of the cores, which is about the measured time.
            let about = || self.machine.cores.map(|cores| (elapsed_ns as f64 * cores) as u64);
            if let (Some(n), Some(cores_ns)) = (of(hygiene), hygiene.cores_ns.or_else(about)) {
                sums = (sums.0 + n as f64, sums.1 + cores_ns as f64);
            }
        }
        (sums.1 > 0.0).then_some(sums)
    }

    /// The same, or `None` unless the figure exceeds a share of all cores' time by more than rounding.
    fn beyond(self, of: fn(&Hygiene) -> Option<u64>, limit: f64) -> Option<(f64, f64)> {
        self.sums(of).filter(|(taken, whole)| taken - STEPS_NS > limit * whole)
    }

    /// A time divided by the length of the windows: the number of cores on average. In older records the length follows from
    /// the number of cores.
    fn cores(self, of: fn(&Hygiene) -> Option<u64>) -> Option<f64> {
        let (mut sum, mut window) = (0.0, 0.0);
        for (hygiene, _) in self.hygiene() {
            let by_cores = || Some(hygiene.cores_ns? as f64 / self.machine.cores?);
            let window_ns = hygiene.window_ns.map(|ns| ns as f64).or_else(by_cores);
            if let (Some(n), Some(window_ns)) = (of(hygiene), window_ns) {
                (sum, window) = (sum + n as f64, window + window_ns);
            }
        }
        (window > 0.0).then(|| sum / window)
    }
}

/// Time in which the CPU quota of a control group stopped the threads of the process.
fn throttled(looked: &Looked, thresholds: &Thresholds) -> Option<String> {
    let (mut held_ns, mut window_ns, mut periods, mut of) = (0u64, 0u64, 0u64, 0u64);
    let mut quota: Option<u64> = None;
    for (hygiene, _) in looked.hygiene() {
        if let (Some(throttled_ns), Some(trial_ns)) = (hygiene.throttled_ns, hygiene.window_ns) {
            // The time is summed over cores, so it may exceed the window.
            held_ns += throttled_ns.min(trial_ns);
            window_ns += trial_ns;
            periods += hygiene.throttled_periods.unwrap_or(0);
            of += hygiene.quota_periods.unwrap_or(0);
            quota = quota.or(hygiene.quota_millicores);
        }
    }
    let share = held_ns as f64 / window_ns.max(1) as f64;
    (share > thresholds.throttled).then(|| {
        let quota = quota.map_or_else(
            || "the CPU quota of a control group".to_owned(),
            |milli| format!("the CPU quota of {} cores", milli as f64 / 1e3),
        );
        let periods =
            if of > 0 { format!(", in {periods} of {of} periods of the quota") } else { String::new() };
        format!(
            "{quota} stopped threads for {} of {}{periods}, limit {} of the time",
            units::duration(held_ns),
            units::duration(window_ns),
            units::percent(thresholds.throttled)
        )
    })
}

/// Whether a core was idle when the harness needed one, and which processes used the cores.
fn idle(looked: &Looked, thresholds: &Thresholds) -> Option<String> {
    let timed = looked.timed()?;
    let idle = timed.cores(|hygiene| hygiene.idle_ns)?;
    if idle >= thresholds.idle_cores {
        return None;
    }
    let of = timed.machine.cores.map_or_else(String::new, |cores| format!(" of {cores}"));
    let server = timed.runs.iter().filter_map(|run| ServerFigures::of(run)?.cores).max_by(f64::total_cmp);
    let had = timed.cores(|hygiene| hygiene.own_ns).map_or_else(String::new, |own| {
        let parts = [("the server", server), ("others", timed.cores(|hygiene| hygiene.others_ns))];
        let parts = parts.into_iter().filter_map(|(who, cores)| Some(format!(", {who} used {:.2}", cores?)));
        format!("; this process used {own:.2}{}", parts.collect::<String>())
    });
    let limit = thresholds.idle_cores;
    Some(format!(
        "no core was free for the harness: {idle:.2}{of} cores were idle on average, limit {limit}{had}"
    ))
}

/// `; mostly `yes` (pid 123)`: the other processes that used the time, as far as this process can see them.
fn busiest(runs: &[&Run], taken_ns: f64) -> String {
    let mut all: Vec<Busy> = Vec::new();
    for busy in runs.iter().flat_map(|run| run.counted_trials()).flat_map(|trial| &trial.busiest) {
        match all.iter_mut().find(|known| known.process == busy.process) {
            Some(known) => {
                known.by_children |= busy.by_children;
                known.cpu_ns += busy.cpu_ns;
            }
            None => all.push(busy.clone()),
        }
    }
    all.sort_by_key(|busy| std::cmp::Reverse(busy.cpu_ns));
    let named = |busy: &Busy| {
        let children = if busy.by_children { " and processes it started" } else { "" };
        format!("`{}` (pid {}){children}", busy.process.name, busy.process.pid)
    };
    let seen_ns: u64 = all.iter().map(|busy| busy.cpu_ns).sum();
    match &all[..] {
        [] => String::new(),
        [first, ..] if first.cpu_ns as f64 >= taken_ns / 2.0 => format!("; mostly {}", named(first)),
        _ if seen_ns as f64 >= taken_ns / 2.0 => {
            let names: Vec<String> = all.iter().take(3).map(named).collect();
            format!("; the busiest were {}", names.join(", "))
        }
        [first, ..] => format!(
            "; most of it by short-lived processes, or by processes that cannot be seen from here. The busiest visible one is {}",
            named(first)
        ),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::judge;
    use super::super::tests::{assert_reason, clean};
    use super::*;
    use crate::model::{Process, Server, Trial};

    /// Two cores for 10 s, one of them idle; a clock of 1 ns that costs 20.
    pub(in crate::verdict) fn quiet() -> (Trial, Machine) {
        let hygiene = Hygiene {
            steal_ns: Some(100_000_000),
            involuntary_switches: Some(1_000),
            cores_ns: Some(20_000_000_000),
            idle_ns: Some(10_000_000_000),
            others_ns: Some(1_000_000_000),
            ..Hygiene::default()
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

    pub(in crate::verdict) fn open(change: impl FnOnce(&mut Trial, &mut Machine)) -> Verdict {
        judged(LoadKind::Open, "park", change)
    }

    #[test]
    fn a_quiet_machine_is_not_mentioned() {
        assert_eq!(open(|_, _| {}), Verdict::default());
    }

    #[test]
    fn time_that_others_had_is_suspect() {
        let stolen = open(|trial, _| trial.hygiene.steal_ns = Some(600_000_000));
        assert_reason(
            &stolen,
            Validity::Suspect,
            "the hypervisor gave 3.00 % of all cores' time to other machines",
        );
        let others = open(|trial, _| trial.hygiene.others_ns = Some(5_000_000_000));
        assert_reason(
            &others,
            Validity::Suspect,
            "other processes used 0.50 cores, 25.0 % of all cores' time, limit 10.0 %",
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
                let idle =
                    "no core was free for the harness: 0.01 of 2 cores were idle on average, limit 0.1";
                assert_reason(&verdict, Validity::Suspect, idle);
                let switches = "the system took threads off their core 10.0 k/s per core (involuntary context switches), limit 5.00 k/s";
                assert_reason(&verdict, Validity::Suspect, switches);
            } else {
                assert_eq!(verdict, Verdict::default(), "{load:?} {wait}");
            }
        }
    }

    fn busy(name: &str, pid: u64, cpu_ns: u64, by_children: bool) -> Busy {
        Busy { process: Process { pid, name: name.into() }, cpu_ns, by_children }
    }

    /// Half of two cores for ten seconds: 10 s of processor time.
    #[test]
    fn who_was_busy_beside_it_is_named() {
        let named = |busiest: Vec<Busy>| {
            let verdict = open(|trial, _| {
                trial.hygiene.others_ns = Some(10_000_000_000);
                trial.busiest = busiest;
            });
            let [reason] = &verdict.host[..] else { panic!("{verdict:?}") };
            assert_eq!(verdict.reasons, verdict.host);
            reason.split_once("limit 10.0 %").expect("the limit").1.to_owned()
        };
        assert_eq!(named(vec![]), "");
        let yes = || busy("yes", 123, 9_000_000_000, false);
        assert_eq!(named(vec![busy("sh", 7, 1_000_000_000, false), yes()]), "; mostly `yes` (pid 123)");
        let build = busy("cargo", 9, 9_000_000_000, true);
        assert_eq!(named(vec![build]), "; mostly `cargo` (pid 9) and processes it started");
        let several: Vec<Busy> = (1..=4).map(|pid| busy("job", pid, pid * 1_000_000_000, false)).collect();
        assert_eq!(named(several), "; the busiest were `job` (pid 4), `job` (pid 3), `job` (pid 2)");
        let hidden = named(vec![busy("sh", 7, 1_000_000_000, false)]);
        assert!(
            hidden.contains("cannot be seen from here. The busiest visible one is `sh` (pid 7)"),
            "{hidden}"
        );
    }

    #[test]
    fn a_quota_that_holds_threads_back_is_suspect_beyond_one_per_cent_of_the_time() {
        let throttled = |held_ms: u64| {
            open(|trial, _| {
                trial.hygiene.window_ns = Some(1_000_000_000);
                trial.hygiene.throttled_ns = Some(held_ms * 1_000_000);
                trial.hygiene.throttled_periods = Some(9);
                trial.hygiene.quota_periods = Some(10);
                trial.hygiene.quota_millicores = Some(100);
                trial.hygiene.cores_ns = Some(2_000_000_000);
                trial.hygiene.steal_ns = None;
                trial.hygiene.others_ns = None;
                trial.hygiene.idle_ns = None;
                trial.hygiene.involuntary_switches = None;
            })
        };
        let expected = "the CPU quota of 0.1 cores stopped threads for 818 ms of 1.00 s, in 9 of 10 periods of the \
                        quota, limit 1.00 % of the time";
        assert_eq!(throttled(818).host, [expected]);
        assert_eq!(throttled(9), Verdict::default());
        // Summed over cores: never more than the window.
        assert!(throttled(1_800).host[0].contains("stopped threads for 1.00 s of 1.00 s"));
    }

    /// The server's share and the process's own are told where no core was left.
    #[test]
    fn who_had_the_cores_is_told_where_none_was_left() {
        let verdict = open(|trial, _| {
            let second = 1_000_000_000;
            trial.hygiene.window_ns = Some(10 * second);
            trial.hygiene.idle_ns = Some(second / 10);
            trial.hygiene.own_ns = Some(12 * second);
            trial.server =
                Some(Server { window_ns: 10 * second, cpu_ns: Some(7 * second), ..Server::default() });
        });
        let expected = "no core was free for the harness: 0.01 of 2 cores were idle on average, limit 0.1; this process used 1.20, \
                        the server used 0.70, others used 0.10";
        assert_eq!(verdict.host, [expected]);
    }

    #[test]
    fn a_reason_of_the_machine_is_said_once_for_all_runs_it_holds_for() {
        let run = |others_ns| {
            let (mut trial, _) = quiet();
            trial.hygiene.others_ns = Some(others_ns);
            Run { load: LoadKind::Open, trials: vec![trial], ..Run::default() }
        };
        let runs = [run(5_000_000_000), run(0), run(7_000_000_000)];
        let reasons = host_reasons(&runs.iter().collect::<Vec<_>>(), &quiet().1, &Thresholds::default());
        let [reason] = &reasons[..] else { panic!("{reasons:?}") };
        assert_eq!(reason.runs, [0, 2]);
        assert!(reason.sentence.contains("0.60 cores, 30.0 %"), "{reason:?}");
    }

    /// On a busy machine no cause of a late load is named, and the machine's reasons come first.
    #[test]
    fn the_cause_of_a_late_load_is_named_only_on_a_free_machine() {
        use crate::model::{Distribution, Point, Series};
        let growing = || {
            let point = |n: u64| Point {
                at_ns: n * 1_000_000_000,
                response_p50_ns: Some(n * 1_000_000),
                intervals: 1,
                ..Point::default()
            };
            Series::from_points((1..=8).map(point).collect())
        };
        let late = |others_ns| {
            open(|trial, _| {
                trial.lag = Distribution::of([150_000; 1_000]);
                trial.series = growing();
                trial.hygiene.others_ns = Some(others_ns);
            })
        };
        let (free, busy) = (late(0), late(10_000_000_000));
        let blames = ["own thread was the bottleneck", "more than the dispatch can handle"];
        for blame in blames {
            assert_reason(&free, Validity::Suspect, blame);
            assert!(!busy.reasons.iter().any(|reason| reason.contains(blame)), "{busy:?}");
        }
        assert_eq!((free.host.len(), busy.host.len()), (0, 1));
        assert_eq!(busy.reasons[0], busy.host[0]);
        assert_reason(&busy, Validity::Suspect, "the cause is not known, because the machine was busy");
    }
}
