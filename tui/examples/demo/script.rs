//! An invented run: the same events every time, for the demo and for the snapshot tests.

use drumpost_tui::{Event, Plan, Quantiles, Sample, ServerNow, Status};

/// Trials of each dispatch.
pub(crate) const TRIALS: u32 = 3;
/// Between two samples, in nanoseconds.
pub(crate) const INTERVAL_NS: u64 = 100_000_000;
/// Planned flows per second.
const TARGET_PER_S: f64 = 10_000.0;

/// A dispatch as it is invented: its usual throughput and median.
struct Dispatch {
    name: &'static str,
    throughput_per_s: f64,
    p50_ns: f64,
}

const DISPATCHES: [Dispatch; 4] = [
    Dispatch { name: "message/crossbeam", throughput_per_s: 10_000.0, p50_ns: 3_800.0 },
    Dispatch { name: "event/crossbeam", throughput_per_s: 10_000.0, p50_ns: 3_100.0 },
    Dispatch { name: "message/nats", throughput_per_s: 9_300.0, p50_ns: 412_000.0 },
    Dispatch { name: "event/nats", throughput_per_s: 7_900.0, p50_ns: 655_000.0 },
];

/// The whole run, round by round, with `samples` per trial.
pub(crate) fn run(samples: u32) -> Vec<Event> {
    let mut events = vec![Event::Started(plan())];
    for trial in 0..TRIALS {
        for (dispatch, invented) in DISPATCHES.iter().enumerate() {
            events.push(Event::TrialStarted { dispatch, trial });
            let mut figures = Figures::new(dispatch, trial, samples);
            for i in 1..=samples {
                if (dispatch, trial, i) == (3, 0, samples * 2 / 3) {
                    let text = "the transport refused 1.20 % of the offers: the load runs late";
                    events.push(Event::Warning(text.to_owned()));
                }
                events.push(Event::Sample(figures.next(invented, i)));
            }
            let (status, note) = verdict(dispatch, trial);
            events.push(Event::TrialEnded { dispatch, trial, status, note: note.to_owned() });
        }
    }
    events.push(Event::Finished { note: "12 trials measured, 1 suspect, 1 invalid".to_owned() });
    events
}

fn plan() -> Plan {
    Plan {
        scenario: "order-authorization".to_owned(),
        load: "open poisson 10k/s".to_owned(),
        dispatches: DISPATCHES.iter().map(|d| d.name.to_owned()).collect(),
        trials: TRIALS,
        settings: "batch 1, shared lanes, park".to_owned(),
    }
}

fn verdict(dispatch: usize, trial: u32) -> (Status, &'static str) {
    match (dispatch, trial) {
        (2, 0) => (Status::Suspect, "schedule lag p99 above 10 % of the response time"),
        (3, 1) => (Status::Invalid, "audit: 3 messages lost, 1 reordered"),
        _ => (Status::Valid, ""),
    }
}

/// The figures of one trial as they grow.
struct Figures {
    sample: Sample,
    samples: u32,
    noise: u64,
}

impl Figures {
    fn new(dispatch: usize, trial: u32, samples: u32) -> Self {
        let noise = 0x9e37_79b9_7f4a_7c15 ^ (dispatch as u64 * 31 + u64::from(trial) + 1);
        Self { sample: Sample { dispatch, trial, ..Sample::default() }, samples, noise }
    }

    /// Something between 0 and 1, the same in every run.
    fn noise(&mut self) -> f64 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        (self.noise >> 11) as f64 / (1u64 << 53) as f64
    }

    fn next(&mut self, invented: &Dispatch, i: u32) -> Sample {
        let progress = f64::from(i) / f64::from(self.samples);
        let warm = (progress * 8.0).min(1.0);
        let stall = if (0.55..0.62).contains(&progress) && self.sample.dispatch >= 2 { 0.55 } else { 1.0 };
        let throughput_per_s = invented.throughput_per_s * warm * stall * (0.96 + 0.08 * self.noise());
        let median_ns = invented.p50_ns * (0.9 + 0.2 * self.noise()) / stall.powi(3);
        let tail = 1.0 + 3.0 * self.noise().powi(4);
        let flows = throughput_per_s * INTERVAL_NS as f64 / 1e9;
        let now = quantiles(flows as u64, median_ns, tail);
        let bad = self.sample.dispatch == 3 && self.sample.trial == 1 && progress > 0.6;
        let server = ServerNow { cores: throughput_per_s * 60e-6, memory_bytes: 38 << 20 };
        self.sample = Sample {
            elapsed_ns: u64::from(i) * INTERVAL_NS,
            progress,
            remaining_ns: Some(u64::from(self.samples - i) * INTERVAL_NS),
            throughput_per_s,
            target_per_s: Some(TARGET_PER_S),
            now,
            run: so_far(self.sample.run, now),
            lag_p99_ns: (median_ns * 0.04 * tail) as u64,
            blocked_share: (1.0 - throughput_per_s / TARGET_PER_S).max(0.0) * 0.6,
            in_flight: (throughput_per_s * median_ns * 1e-9 * (1.0 + 2.0 * self.noise())) as u64 + 1,
            sent: self.sample.sent + (flows * 2.9) as u64,
            delivered: self.sample.sent,
            dropped: if bad { 3 } else { 0 },
            reordered: if bad { 1 } else { 0 },
            warmup: progress <= 0.12,
            server: invented.name.ends_with("/nats").then_some(server),
            ..self.sample
        };
        self.sample
    }
}

fn quantiles(count: u64, median_ns: f64, tail: f64) -> Quantiles {
    let at = |factor: f64| (median_ns * factor) as u64;
    Quantiles {
        count,
        p50_ns: at(1.0),
        p90_ns: at(1.7),
        p99_ns: at(3.1 * tail),
        p99_9_ns: at(9.0 * tail),
        max_ns: at(24.0 * tail * tail),
    }
}

/// Not how percentiles add up, but good enough to look at.
fn so_far(run: Quantiles, now: Quantiles) -> Quantiles {
    let n = run.count + now.count;
    let mean = |a: u64, b: u64| {
        ((a as f64 * run.count as f64 + b as f64 * now.count as f64) / n.max(1) as f64) as u64
    };
    Quantiles {
        count: n,
        p50_ns: mean(run.p50_ns, now.p50_ns),
        p90_ns: mean(run.p90_ns, now.p90_ns),
        p99_ns: mean(run.p99_ns, now.p99_ns),
        p99_9_ns: mean(run.p99_9_ns, now.p99_9_ns),
        max_ns: run.max_ns.max(now.max_ns),
    }
}
