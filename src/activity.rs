//! The machine during a trial: idle time, other processes, stolen time, and involuntary context switches.

use crate::signals;
use drumpost_core::clock;
use drumpost_results::model::Hygiene;
use nix::sys::resource::{UsageWho, getrusage};
use rustix::thread::{CpuSet, sched_getaffinity};

/// Counts since the machine and the process started. `None`: not known here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Activity {
    cores: Option<CoreTimes>,
    own_ns: u64,
    switches: Option<u64>,
    stops: u64,
}

/// Of all cores that the process may use together, in ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CoreTimes {
    idle_ns: u64,
    busy_ns: u64,
    steal_ns: u64,
}

impl Activity {
    pub(crate) fn now() -> Self {
        Self {
            cores: std::fs::read_to_string("/proc/stat")
                .ok()
                .and_then(|text| CoreTimes::of(&text, is_usable(sched_getaffinity(None).ok()))),
            own_ns: clock::process_cpu_ns(),
            // Of all threads, those that ended included: they are gone from /proc by the end of a trial.
            switches: getrusage(UsageWho::RUSAGE_SELF)
                .ok()
                .and_then(|usage| u64::try_from(usage.involuntary_context_switches()).ok()),
            stops: signals::stops(),
        }
    }

    /// Since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Hygiene {
        let own_ns = self.own_ns.saturating_sub(earlier.own_ns);
        let part = |of: fn(CoreTimes) -> u64| {
            self.cores.zip(earlier.cores).map(|(now, before)| of(now).saturating_sub(of(before)))
        };
        let switches = self.switches.zip(earlier.switches);
        Hygiene {
            own_ns: Some(own_ns),
            steal_ns: part(|cores| cores.steal_ns),
            involuntary_switches: switches.map(|(now, before)| now.saturating_sub(before)),
            cores_ns: part(|cores| cores.idle_ns + cores.busy_ns + cores.steal_ns),
            idle_ns: part(|cores| cores.idle_ns),
            others_ns: part(|cores| cores.busy_ns).map(|busy_ns| busy_ns.saturating_sub(own_ns)),
            stops: Some(self.stops.saturating_sub(earlier.stops)),
            ..Hygiene::default()
        }
    }
}

/// Whether the process may run on a core, by its number. Where the system does not say, on all.
fn is_usable(affinity: Option<CpuSet>) -> impl Fn(usize) -> bool {
    move |core| affinity.as_ref().is_none_or(|set| core >= CpuSet::MAX_CPU || set.is_set(core))
}

impl CoreTimes {
    /// From `/proc/stat`, over the cores that the process may use: those that it may not are no business of its trial. A
    /// line per core, in ticks of 10 ms: user, nice, system, idle, iowait, irq, softirq, steal (proc(5)). What guests use is
    /// in user and nice already.
    fn of(text: &str, is_usable: impl Fn(usize) -> bool) -> Option<Self> {
        const TICK_NS: u64 = 10_000_000;
        let mut all = None;
        for line in text.lines() {
            let Some((name, times)) = line.split_once(' ') else { continue };
            let Some(core) = name.strip_prefix("cpu").and_then(|core| core.parse().ok()) else { continue };
            if !is_usable(core) {
                continue;
            }
            let ticks: Vec<u64> =
                times.split_whitespace().take(8).map_while(|word| word.parse().ok()).collect();
            let [user, nice, system, idle, waiting, irq, soft_irq, steal] = ticks[..] else { return None };
            let all: &mut Self = all.get_or_insert_default();
            all.idle_ns += (idle + waiting) * TICK_NS;
            all.busy_ns += (user + nice + system + irq + soft_irq) * TICK_NS;
            all.steal_ns += steal * TICK_NS;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cores_that_the_process_may_use_are_counted() {
        let text = "cpu  100 1 20 500 3 4 5 6 70 0\ncpu0 90 1 20 400 3 4 5 6 70 0\ncpu1 10 0 0 100 0 0 0 0 0 0\nintr 5\n";
        let all = CoreTimes { idle_ns: 5_030_000_000, busy_ns: 1_300_000_000, steal_ns: 60_000_000 };
        assert_eq!(CoreTimes::of(text, |_| true), Some(all));
        let second = CoreTimes { idle_ns: 1_000_000_000, busy_ns: 100_000_000, steal_ns: 0 };
        assert_eq!(CoreTimes::of(text, |core| core == 1), Some(second));
        assert_eq!(CoreTimes::of("cpu0 1 2 3\n", |_| true), None);
        assert_eq!(CoreTimes::of("", |_| true), None);
    }

    /// The clock is burnt until it has ticked: the process itself is not among the others.
    #[test]
    fn a_busy_process_is_seen_and_is_not_the_others() {
        let before = Activity::now();
        while clock::process_cpu_ns() < before.own_ns + 200_000_000 {}
        let hygiene = Activity::now().since(before);
        if let (Some(whole), Some(others)) = (hygiene.cores_ns, hygiene.others_ns) {
            assert!(whole >= 180_000_000 && others <= whole - 150_000_000, "{hygiene:?}");
        }
        assert!(hygiene.involuntary_switches.is_some());
    }
}
