//! The cost of a trial: processor time over a period of the measured window, and the messages and flows of the same
//! period. All of them are read at the same moments, so the warm-up, the drain and the set-up are in none of them.
//!
//! The monitor reads these figures off the measured path. The record divides them.

/// So long before measuring begins the first reading may be taken: sleeps end late, and before a load begins nothing has
/// been counted.
const EARLY_NS: u64 = 200_000;
/// At least so long lies between two readings.
const APART_NS: u64 = 2_000_000;
/// Of the time since the first reading, a share of one in so many lies between two others. So a trial has some hundred
/// readings however long it is, and the last one is close to the end of the load.
const SHARE: u64 = 128;

/// The CPU time used, and the messages and flows counted, up to a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub at_ns: u64,
    /// Processor time of the process.
    pub cpu_ns: u64,
    /// Of it: what loads had used to wait for due times.
    pub awake_ns: u64,
    /// Of it: what the harness's own threads had used.
    pub harness_ns: u64,
    /// Messages emitted, for flows of the warm-up too.
    pub messages: u64,
    /// Flows ended, those of the warm-up too.
    pub flows: u64,
}

/// The cost of a period of the measured window, and the messages and flows in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How long the stretch is: nearly all of the load's measured time.
    pub window_ns: u64,
    /// Processor time of the process.
    pub cpu_ns: u64,
    /// Of it: what loads used to wait for due times, asleep and awake.
    pub awake_ns: u64,
    /// Of it: what the harness's own threads used.
    pub harness_ns: u64,
    /// Messages sent.
    pub messages: u64,
    /// Flows ended.
    pub flows: u64,
}

/// Takes the readings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    next_ns: u64,
    first: Option<Reading>,
    last: Option<Reading>,
    /// The last reading was taken after the load.
    is_late: bool,
}

impl Meter {
    pub(crate) fn new(measure_from_ns: u64) -> Self {
        Self { next_ns: measure_from_ns.saturating_sub(EARLY_NS), first: None, last: None, is_late: false }
    }

    /// When the next reading is wanted, in ns on the run's clock.
    pub(crate) const fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// Takes a reading if it is time for one and the load goes on.
    pub(crate) fn look(&mut self, now_ns: u64, read: impl FnOnce() -> Reading) {
        if now_ns < self.next_ns {
            return;
        }
        let reading = read();
        let first = self.first.get_or_insert(reading);
        if first.at_ns < reading.at_ns {
            self.last = Some(reading);
        }
        self.next_ns = now_ns + APART_NS.max((now_ns - first.at_ns) / SHARE);
    }

    /// Takes the last reading, if the load was over before there were two. It is taken again if more flows ended since.
    pub(crate) fn end(&mut self, read: impl FnOnce() -> Reading) {
        if self.first.is_some() && (self.last.is_none() || self.is_late) {
            (self.last, self.is_late) = (Some(read()), true);
        }
    }

    /// The cost of the stretch between the first and the last reading; `None` if measuring did not begin.
    pub(crate) fn cost(&self) -> Option<Cost> {
        let (first, last) = (self.first?, self.last?);
        let cpu_ns = last.cpu_ns.saturating_sub(first.cpu_ns);
        let awake_ns = last.awake_ns.saturating_sub(first.awake_ns).min(cpu_ns);
        Some(Cost {
            window_ns: last.at_ns.saturating_sub(first.at_ns),
            cpu_ns,
            // A stretch awake counts by the load's clock, which may be a little ahead of the system's count of CPU time.
            awake_ns,
            harness_ns: last.harness_ns.saturating_sub(first.harness_ns).min(cpu_ns - awake_ns),
            messages: last.messages.saturating_sub(first.messages),
            flows: last.flows.saturating_sub(first.flows),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that uses 700 ns a message, from time zero on, of which 100 ns are waited awake.
    fn reading(at_ns: u64) -> Reading {
        let messages = at_ns / 1_000;
        Reading {
            at_ns,
            cpu_ns: 5_000 + messages * 700,
            awake_ns: messages * 100,
            harness_ns: at_ns / 50,
            messages,
            flows: messages / 4,
        }
    }

    fn cost(warmup_ns: u64, load_ns: u64, poll_ns: u64) -> Cost {
        let mut meter = Meter::new(warmup_ns);
        let end_ns = warmup_ns + load_ns;
        let mut now_ns = 0;
        while now_ns < end_ns {
            meter.look(now_ns, || reading(now_ns));
            now_ns = meter.next_ns().clamp(now_ns + 1, now_ns + poll_ns);
        }
        meter.end(|| reading(end_ns + poll_ns));
        meter.cost().unwrap()
    }

    #[test]
    fn both_sides_of_a_cost_are_of_the_same_stretch_whatever_the_warmup() {
        for warmup_ns in [0, 1_000_000, 200_000_000, 3_000_000_000] {
            for load_ns in [500_000, 50_000_000, 2_000_000_000] {
                let cost = cost(warmup_ns, load_ns, 2_000_000);
                assert_eq!(cost.cpu_ns, cost.messages * 700, "{warmup_ns} {load_ns} {cost:?}");
                assert_eq!((cost.awake_ns, cost.flows), (cost.messages * 100, cost.messages / 4));
                assert!(
                    cost.window_ns + load_ns / 64 + 2 * 2_000_000 >= load_ns,
                    "{warmup_ns} {load_ns} {cost:?}"
                );
            }
        }
    }

    #[test]
    fn a_trial_that_was_never_measured_has_no_cost() {
        let mut meter = Meter::new(1_000_000_000);
        meter.look(5, || reading(5));
        meter.end(|| reading(6));
        assert_eq!(meter.cost(), None);
    }

    #[test]
    fn readings_are_few_however_long_a_trial_is() {
        let (mut meter, mut readings) = (Meter::new(0), 0_u32);
        for now_ns in (0..3_600_000_000_000).step_by(2_000_000) {
            meter.look(now_ns, || {
                readings += 1;
                reading(now_ns)
            });
        }
        assert!(readings < 2_000, "{readings}");
    }
}
