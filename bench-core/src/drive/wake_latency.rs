//! How late a sleeping thread wakes up on this host. A process measures it once, or is told by the process that started it. A load polls
//! the clock for that long before a due time. A fixed time would not do: it would be too short on a kernel whose timers tick every few
//! milliseconds, where every flow would start late, and wasteful on a kernel that wakes threads at once.

use std::{
    num::NonZeroU64,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

/// Sleeps that are measured; about 6 ms on a kernel with fine timers.
const SLEEPS: usize = 48;
const SLEEP: Duration = Duration::from_micros(50);
/// Wake-ups by another processor, and interrupts, are not in what a few sleeps show.
const AWAKE_LEAST: Duration = Duration::from_micros(60);
const AWAKE_MOST: Duration = Duration::from_millis(20);

/// How late a sleeping thread wakes up on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeLatency {
    /// Half of the sleeps end so long after they should.
    pub late_p50: Duration,
    /// Nine in ten end at most so long after they should.
    pub late_p90: Duration,
    /// The last stretch before a due time, which is waited awake.
    pub awake: Duration,
}

static HOST: OnceLock<WakeLatency> = OnceLock::new();

impl WakeLatency {
    /// Takes over what another process has measured on this host, as it gives [`WakeLatency::late_p50`] and [`WakeLatency::late_p90`], so that
    /// each of hundreds of processes need not measure it again. Does nothing where this process has measured it already.
    pub fn learn(late_p50: Duration, late_p90: Duration) {
        let _ = HOST.set(Self::from_percentiles(late_p50, late_p90));
    }

    /// That of this host; the first call measures, in some milliseconds.
    pub fn of_host() -> Self {
        *HOST.get_or_init(Self::measure)
    }

    /// Measures that of this host anew, in some milliseconds, for processes that are to be told.
    #[must_use]
    pub fn measure() -> Self {
        // On a thread of its own, which asks for precise sleeps as lanes do.
        let measured = thread::Builder::new().spawn(|| {
            ask_for_precise_sleeps();
            Self::from_late((0..SLEEPS).map(|_| late()).collect())
        });
        let measured = measured.ok().and_then(|measured| measured.join().ok());
        // A host without a thread for this has none for lanes, either, and says so then.
        measured.unwrap_or(Self { late_p50: AWAKE_LEAST, late_p90: AWAKE_LEAST, awake: AWAKE_LEAST })
    }

    /// A stretch that covers nine in ten sleeps, but not the outliers of a busy host: being awake longer would make it
    /// busier.
    fn from_late(mut late: Vec<Duration>) -> Self {
        late.sort_unstable();
        let at = |share: usize| late.get(late.len() * share / 100).copied().unwrap_or(AWAKE_LEAST);
        Self::from_percentiles(at(50), at(90))
    }

    fn from_percentiles(late_p50: Duration, late_p90: Duration) -> Self {
        let awake = (late_p90 + late_p90 / 4).min(4 * late_p50).clamp(AWAKE_LEAST, AWAKE_MOST);
        Self { late_p50, late_p90, awake }
    }

    /// How long a thread may sleep at `now_ns` that waits for `until_ns`: until shortly before it. `None`: it is so close
    /// that the thread waits awake.
    #[must_use]
    pub fn before(until_ns: u64, now_ns: u64) -> Option<Duration> {
        let left_ns = until_ns.saturating_sub(now_ns).saturating_sub(Self::awake_ns());
        (left_ns > 0).then(|| Duration::from_nanos(left_ns))
    }

    /// [`WakeLatency::awake`] in ns.
    pub(crate) fn awake_ns() -> u64 {
        crate::clock::as_ns(Self::of_host().awake)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how late the system wakes threads, before any run has a clock"
)]
fn late() -> Duration {
    let from = Instant::now();
    thread::park_timeout(SLEEP);
    from.elapsed().saturating_sub(SLEEP)
}

/// Asks the system to end each sleep of this thread on time: not later than asked for, as by default it may lengthen each
/// by 50 µs, and not after other threads have used up their time slices.
pub(crate) fn ask_for_precise_sleeps() {
    // Where it is refused the schedule lag shows it.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    super::slice::ask_for_short_slices();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awake_us(late_us: &[u64]) -> u128 {
        WakeLatency::from_late(late_us.iter().map(|us| Duration::from_micros(*us)).collect())
            .awake
            .as_micros()
    }

    #[test]
    fn the_stretch_awake_covers_most_sleeps_of_the_host() {
        assert_eq!(awake_us(&[40; 48]), 60, "a fine timer");
        assert_eq!(awake_us(&[3_900; 48]), 4_875, "a timer that ticks 250 times a second");
        let mut busy = vec![50; 40];
        busy.extend([30_000; 8]);
        assert_eq!(awake_us(&busy), 200, "outliers of a busy host are not waited for");
        assert_eq!(awake_us(&[1_000_000; 48]), 20_000);
    }

    #[test]
    fn what_another_process_measured_gives_the_same_stretch() {
        let measured = WakeLatency::from_late((0..48).map(|us| Duration::from_micros(50 + us)).collect());
        assert_eq!(WakeLatency::from_percentiles(measured.late_p50, measured.late_p90), measured);
    }

    #[test]
    fn this_host_can_be_measured() {
        let latency = WakeLatency::of_host();
        assert!(latency.awake >= AWAKE_LEAST && latency.awake <= AWAKE_MOST, "{latency:?}");
        assert!(latency.late_p50 <= latency.late_p90, "{latency:?}");
        assert_eq!(latency, WakeLatency::of_host(), "measured once");
    }
}
