//! Whether this host is quiet enough for real-time rows: how late plain sleeps end while they are measured, the stolen
//! time, and the CPU time of other processes.

use crate::activity::Activity;
use drumpost_core::clock::{Clock, Now};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// More than this is a busy host. Steal and others as shares of all cores' time; a plain sleep of a host at rest ends some
/// 60 to 110 µs late.
const STEAL_MOST: f64 = 0.01;
const OTHERS_MOST: f64 = 0.1;
const LATE_P90_MOST_NS: u64 = 500_000;

const SLEEP: Duration = Duration::from_millis(1);

/// Looks at the host while something is measured.
pub(crate) struct Lookout {
    before: Activity,
    stop: Arc<AtomicBool>,
    sleeper: JoinHandle<Vec<u64>>,
}

/// The measured disturbances.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub steal_share: f64,
    pub others_share: f64,
    pub late_p50_ns: u64,
    pub late_p90_ns: u64,
}

impl Lookout {
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (its_clock, stopped) = (Clock::start(), Arc::clone(&stop));
        let sleeper = thread::spawn(move || {
            let mut late = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let from_ns = its_clock.now_ns();
                thread::sleep(SLEEP);
                late.push((its_clock.now_ns() - from_ns).saturating_sub(drumpost_core::clock::as_ns(SLEEP)));
                // The host is to be looked at, not kept busy.
                thread::sleep(4 * SLEEP);
            }
            late
        });
        Self { before: Activity::now(), stop, sleeper }
    }

    pub(crate) fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut late = self.sleeper.join().unwrap_or_default();
        late.sort_unstable();
        let late_at = |share: usize| late.get(late.len() * share / 100).copied().unwrap_or(0);
        let beside = Activity::now().since(self.before);
        let share = |part_ns: Option<u64>| match (part_ns, beside.cores_ns) {
            (Some(part_ns), Some(all_ns)) if all_ns > 0 => part_ns as f64 / all_ns as f64,
            _ => 0.0,
        };
        Seen {
            steal_share: share(beside.steal_ns),
            others_share: share(beside.others_ns),
            late_p50_ns: late_at(50),
            late_p90_ns: late_at(90),
        }
    }
}

impl Seen {
    /// Why the host is too busy to tell, if it is.
    pub(crate) fn busy(&self) -> Option<String> {
        let percent = drumpost_results::units::percent;
        let mut why = Vec::new();
        if self.steal_share > STEAL_MOST {
            why.push(format!("the hypervisor took {} of its time", percent(self.steal_share)));
        }
        if self.others_share > OTHERS_MOST {
            why.push(format!("other processes used {} of its cores", percent(self.others_share)));
        }
        if self.late_p90_ns > LATE_P90_MOST_NS {
            let late = drumpost_results::units::duration(self.late_p90_ns);
            why.push(format!("a tenth of plain sleeps ended over {late} late"));
        }
        (!why.is_empty()).then(|| why.join(", "))
    }
}
