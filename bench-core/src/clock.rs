//! The one module that reads the time.
//!
//! Stamps are nanoseconds since an epoch that one run's lanes share. Real time comes from a calibrated time stamp
//! counter where the processor has an invariant one, else from the operating system; virtual time is set by its driver.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The clock as lanes and drivers see it.
pub trait Now {
    /// Nanoseconds since the clock's epoch.
    fn now_ns(&self) -> u64;
}

/// Real time. Cloning shares the epoch.
#[derive(Clone, Debug)]
pub struct Clock {
    clock: quanta::Clock,
    epoch: u64,
    /// Nanoseconds in 2^[`SCALE_BITS`] steps of the counter.
    scale: u64,
}

/// quanta converts with a shift that it looks up. A constant one makes a reading a third cheaper (7 instructions of 20). The
/// scale is rounded by less than 1 in 10^11.
const SCALE_BITS: u32 = 40;

impl Default for Clock {
    fn default() -> Self {
        Self::start()
    }
}

impl Clock {
    /// A clock whose epoch is now. The first call of a process calibrates, which takes up to 200 ms.
    #[must_use]
    pub fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the module that reads the clock")]
        let clock = quanta::Clock::new();
        let epoch = clock.raw();
        let scale = clock.delta_as_nanos(0, 1 << SCALE_BITS);
        Self { clock, epoch, scale }
    }
}

impl Now for Clock {
    #[inline]
    fn now_ns(&self) -> u64 {
        // Counters of two cores may differ by a little.
        let steps = self.clock.raw().saturating_sub(self.epoch);
        ((u128::from(steps) * u128::from(self.scale)) >> SCALE_BITS) as u64
    }
}

impl<N: Now> Now for &N {
    fn now_ns(&self) -> u64 {
        (*self).now_ns()
    }
}

/// Virtual time: stands still until its driver sets it. Cloning shares the time.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// Moves the time on; never back.
    pub fn advance_to(&self, now_ns: u64) {
        self.0.fetch_max(now_ns, Ordering::Relaxed);
    }
}

impl Now for VirtualClock {
    #[inline]
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The source and the cost of the host's clock. Every result states them.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockReport {
    /// `tsc` (invariant, calibrated) or `os`.
    pub source: &'static str,
    /// Mean cost of one read, in ns.
    pub read_ns: f64,
    /// Smallest step seen between two reads that differ, in ns.
    pub step_ns: u64,
}

impl ClockReport {
    /// Measures the clock, in about a millisecond.
    #[must_use]
    pub fn measure() -> Self {
        const READS: u32 = 20_000;
        let clock = Clock::start();
        let (mut last, mut step_ns) = (clock.now_ns(), u64::MAX);
        let from = last;
        for _ in 0..READS {
            let now = clock.now_ns();
            if now > last {
                step_ns = step_ns.min(now - last);
            }
            last = now;
        }
        let read_ns = (last - from) as f64 / f64::from(READS);
        Self { source: if tsc_is_invariant() { "tsc" } else { "os" }, read_ns, step_ns }
    }
}

/// Whether the processor's time stamp counter runs at one rate in all its states: cpuid leaf 8000_0007h, EDX bit 8
/// (Intel SDM vol. 3, §19.17.1). quanta uses the operating system's clock where it does not.
fn tsc_is_invariant() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::__cpuid;
        __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & (1 << 8) != 0
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// Processor time this process has used, all threads, user and system.
#[must_use]
pub fn process_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Processor time the calling thread has used, user and system. Costs some 200 ns.
pub(crate) fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// A [`Duration`] as nanoseconds, saturating.
#[must_use]
pub fn as_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_runs_back_across_threads() {
        let (clock, latest) = (Clock::start(), Arc::new(AtomicU64::new(0)));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let (clock, latest) = (clock.clone(), Arc::clone(&latest));
                scope.spawn(move || {
                    for _ in 0..100_000 {
                        let seen = latest.load(Ordering::SeqCst);
                        let now = clock.now_ns();
                        // Counters of two cores may differ by some tens of nanoseconds; more would be a broken clock.
                        assert!(now + 1_000 >= seen, "{now} after {seen}");
                        latest.fetch_max(now, Ordering::SeqCst);
                    }
                });
            }
        });
    }

    #[test]
    fn a_reading_is_that_of_the_calibrated_counter() {
        let clock = Clock::start();
        for hours in [0_u64, 1, 24, 70] {
            let later = Clock { epoch: clock.epoch.saturating_sub(hours << 43), ..clock.clone() };
            let expected = |later: &Clock| later.clock.delta_as_nanos(later.epoch, later.clock.raw());
            let (before, now, after) = (expected(&later), later.now_ns(), expected(&later));
            let rounded = after / 100_000_000_000 + 1;
            assert!(
                (before - rounded.min(before)..=after + rounded).contains(&now),
                "{before} {now} {after}"
            );
        }
    }

    #[test]
    fn virtual_time_moves_only_on() {
        let clock = VirtualClock::default();
        clock.advance_to(10);
        clock.advance_to(5);
        assert_eq!(clock.now_ns(), 10);
    }
}
