//! Whether this host can tell anything about real time: how late plain sleeps end while something is measured, what the
//! hypervisor gave to others, and what other processes used.

use crate::environment::Steal;
use drumpost_core::clock::{Clock, Now, process_cpu_ns};
use std::{
    fs,
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
    clock: Clock,
    steal: Option<Steal>,
    busy_ns: Option<u64>,
    own_ns: u64,
    stop: Arc<AtomicBool>,
    sleeper: JoinHandle<Vec<u64>>,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub steal_share: f64,
    pub others_share: f64,
    pub late_p50_ns: u64,
    pub late_p90_ns: u64,
}

impl Lookout {
    pub(crate) fn start() -> Self {
        let (clock, stop) = (Clock::start(), Arc::new(AtomicBool::new(false)));
        let (its_clock, stopped) = (clock.clone(), Arc::clone(&stop));
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
        Self { clock, steal: Steal::now(), busy_ns: busy_ns(), own_ns: process_cpu_ns(), stop, sleeper }
    }

    pub(crate) fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut late = self.sleeper.join().unwrap_or_default();
        late.sort_unstable();
        let late_at = |share: usize| late.get(late.len() * share / 100).copied().unwrap_or(0);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let of_all = |ns: u64| ns as f64 / (self.clock.now_ns().max(1) as f64 * cores as f64);
        let steal = Steal::now().zip(self.steal).map_or(0, |(now, then)| now.since(then).0);
        let own_ns = process_cpu_ns() - self.own_ns;
        let busy = busy_ns().zip(self.busy_ns).map_or(0, |(now, then)| now.saturating_sub(then));
        Seen {
            steal_share: of_all(steal),
            others_share: of_all(busy.saturating_sub(own_ns)),
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
            why.push(format!("{} of its time was stolen", percent(self.steal_share)));
        }
        if self.others_share > OTHERS_MOST {
            why.push(format!("others used {} of its cores", percent(self.others_share)));
        }
        if self.late_p90_ns > LATE_P90_MOST_NS {
            let late = drumpost_results::units::duration(self.late_p90_ns);
            why.push(format!("a tenth of plain sleeps ended over {late} late"));
        }
        (!why.is_empty()).then(|| why.join(", "))
    }
}

/// Time the host's cores worked for anyone, since it started: user, nice, system, irq and softirq of the first line of
/// `/proc/stat`, in ticks of 10 ms (proc(5)).
fn busy_ns() -> Option<u64> {
    const TICK_NS: u64 = 10_000_000;
    let text = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> =
        text.lines().next()?.split_whitespace().skip(1).filter_map(|tick| tick.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = ticks[..] else { return None };
    Some((user + nice + system + irq + softirq) * TICK_NS)
}
