//! Records made up for the tests of this crate: the same on every machine.
//!
//! Lives here: building them. Does not live here: anything outside tests.

use crate::model::{
    Audit, Distribution, Flows, Hop, Hygiene, LoadKind, Pairing, Point, Record, Run, Series, Setting, Status,
    Trial,
};

/// Pseudo-random numbers in [0, 1), the same for the same seed (splitmix64).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Exponential times with the given mean.
    pub(crate) fn times(&mut self, n: u64, mean_ns: f64) -> Distribution {
        Distribution::of((0..n).map(|_| (-(1.0 - self.next()).ln() * mean_ns) as u64))
    }
}

/// One trial of 0.5 s, about 20,000 flows with exponential response times.
pub(crate) fn trial(number: u32, mean_ns: f64) -> Trial {
    let mut noise = Noise(u64::from(number) * 1_000 + mean_ns as u64);
    let ended = 20_000 + (noise.next() * 200.0) as u64;
    // Drawn apart, so that the series does not change the totals.
    let mut apart = Noise(u64::from(number) + 7);
    let mut point = |i: u64| {
        let at_ns = (i + 1) * 100_000_000;
        let point =
            Point { at_ns, ended: ended / 5, in_flight: 4, lag_p99_ns: Some(900), ..Point::default() };
        point.with_response(&apart.times(ended / 5, mean_ns))
    };
    let series = Series::from_points((0..5).map(&mut point).collect());
    let hop = |destination: &str, receiver: &str, noise: &mut Noise| Hop {
        destination: destination.into(),
        receiver: receiver.into(),
        time: noise.times(2_000, mean_ns / 3.0),
    };
    Trial {
        number,
        position: number * 2,
        seed: 42 + u64::from(number),
        elapsed_ns: 500_000_000,
        flows: Flows { due: ended, started: ended, ended, ..Flows::default() },
        asked_per_s: None,
        response: noise.times(ended, mean_ns),
        service: noise.times(ended, mean_ns * 0.98),
        lag: noise.times(ended, 200.0),
        hops: vec![
            hop("payment.authorize", "payment", &mut noise),
            hop("payment.authorize.reply", "order", &mut noise),
        ],
        audit: Audit {
            sent: ended * 3,
            expected: ended * 3,
            delivered: ended * 3,
            unique: ended * 3,
            ..Audit::default()
        },
        cpu_ns: Some((ended as f64 * mean_ns * 0.4) as u64),
        floor_ns: Some(180),
        hygiene: Hygiene {
            steal_ns: Some(1_000_000),
            involuntary_switches: Some(3),
            cores_ns: Some(1_000_000_000),
            idle_ns: Some(400_000_000),
            others_ns: Some(10_000_000),
        },
        series,
        ..Trial::default()
    }
}

/// A run of n trials.
pub(crate) fn run(dispatch: &str, trials: u32, mean_ns: f64) -> Run {
    let settings = [
        ("batch", Setting::Integer(1)),
        ("capacity", Setting::Integer(1_024)),
        ("window", Setting::Integer(64)),
        ("placement", "each".into()),
        ("wait", "park".into()),
        ("acks", "none".into()),
        ("persistence", "memory".into()),
        ("duration_ns", Setting::Integer(500_000_000)),
        ("payload_bytes", Setting::Integer(128)),
    ];
    Run {
        scenario: "order-authorization".into(),
        dispatch: dispatch.into(),
        load: LoadKind::Closed,
        settings: settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        trials: (0..trials).map(|number| trial(number, mean_ns)).collect(),
        ..Run::default()
    }
}

/// A record of three dispatches: two that ran and one that was refused.
pub(crate) fn record() -> Record {
    let mut runs = vec![
        run("message/crossbeam", 3, 9_000.0),
        run("event/crossbeam", 3, 12_000.0),
        run("message/nats", 0, 1.0),
    ];
    for trial in &mut runs[1].trials {
        trial.audit.lost = 4;
        trial.audit.unique -= 4;
        trial.flows.unfinished = 4;
    }
    runs[2].trials.push(Trial {
        status: Status::Refused,
        error: Some(
            "failed to connect to nats://127.0.0.1:4222: connection refused; start the broker or pass --url"
                .into(),
        ),
        ..Trial::default()
    });
    let slot = |label: &str, trial| (label.to_owned(), trial);
    let order = (0..3).flat_map(|i| [slot("message/crossbeam", i), slot("event/crossbeam", i)]).collect();
    Record {
        id: "order-authorization-42".into(),
        tool_version: "0.1.0".into(),
        started_at: Some("2026-11-21T10:00:00Z".into()),
        command: ["drumpost", "run", "--trials", "3"].map(str::to_owned).to_vec(),
        seed: 42,
        environment: [("cores", "2"), ("kernel", "6.1.0")].map(|(k, v)| (k.into(), v.into())).into(),
        pairing: Some(Pairing { id: "order-authorization-42".into(), order }),
        runs,
        ..Record::default()
    }
}
