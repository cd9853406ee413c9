//! What the machine did during a hold: time taken by the hypervisor and by other processes.

use drumpost_results::search::Host;
use rustix::time::{ClockId, clock_gettime};
use std::fs;

/// Processor time so far, in ns over all cores.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostTime {
    all_ns: u64,
    busy_ns: u64,
    steal_ns: u64,
    own_ns: u64,
}

impl HostTime {
    /// Since the machine started; `None` where the system does not say. The first line of `/proc/stat` holds user, nice,
    /// system, idle, iowait, irq, softirq and steal in ticks of 10 ms (proc(5)).
    pub(super) fn now() -> Option<Self> {
        const TICK_NS: u64 = 10_000_000;
        let text = fs::read_to_string("/proc/stat").ok()?;
        let figures = text.lines().next()?.split_whitespace().skip(1).take(8);
        let ticks: Vec<u64> = figures.map(str::parse).collect::<Result<_, _>>().ok()?;
        let [user, nice, system, idle, iowait, irq, softirq, steal] = ticks[..] else { return None };
        let busy = user + nice + system + irq + softirq;
        let own = clock_gettime(ClockId::ProcessCPUTime);
        Some(Self {
            all_ns: (busy + idle + iowait + steal) * TICK_NS,
            busy_ns: busy * TICK_NS,
            steal_ns: steal * TICK_NS,
            own_ns: own.tv_sec as u64 * 1_000_000_000 + own.tv_nsec as u64,
        })
    }

    /// Shares of the cores' time since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Host {
        let all_ns = self.all_ns.saturating_sub(earlier.all_ns).max(1) as f64;
        let others_ns = self
            .busy_ns
            .saturating_sub(earlier.busy_ns)
            .saturating_sub(self.own_ns.saturating_sub(earlier.own_ns));
        Host {
            steal_share: Some(self.steal_ns.saturating_sub(earlier.steal_ns) as f64 / all_ns),
            others_share: Some(others_ns as f64 / all_ns),
        }
    }
}
