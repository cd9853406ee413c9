//! Made-up records for the tests of this package, the same on every machine.

use crate::model::search::{Answer, End, Held, Judgement, Phase, Search, Searched};
use crate::model::{
    Audit, ConfirmTimes, Distribution, Flows, Hop, Hygiene, LoadKind, Outage, Pairing, Point, Record, Run,
    Series, Setting, Status, Trial,
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
            stops: Some(0),
            ..Hygiene::default()
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
        ("payload", "128B".into()),
        ("services", "order,payment=2,warehouse".into()),
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

/// A run over a transport that confirms: two destinations, a few messages refused, and one instance that was away.
pub(crate) fn confirming() -> Run {
    let mut run = run("message/broker", 2, 90_000.0);
    for (trial, seed) in run.trials.iter_mut().zip(1..) {
        let mut noise = Noise(seed);
        let mut confirms = |destination: &str, refused, unconfirmed, mean_ns: f64| ConfirmTimes {
            destination: destination.into(),
            confirmed: 20_000,
            refused,
            unconfirmed,
            time: noise.times(20_000, mean_ns),
        };
        trial.confirms = vec![
            confirms("payment.authorize", 7, 0, 300e3),
            confirms("payment.authorize.reply", 0, 2, 900e3),
        ];
        trial.audit.sent = 40_009;
        (trial.audit.confirmed, trial.audit.refused, trial.audit.unconfirmed) =
            (Some(40_000), Some(7), Some(2));
        (trial.flows.ended, trial.flows.refused) = (trial.flows.ended - 7, 7);
        let (at_ns, away_ns) = (200_000_000 + seed, 50_000_000 * seed);
        let (instance, in_hand) = ("payment#1".into(), Some(seed));
        trial.outages = vec![Outage { instance, at_ns, away_ns, in_hand, ..Outage::default() }];
    }
    run.settings.insert("unconfirmed".into(), Setting::Integer(64));
    run.settings.insert("reconnect_ns".into(), Setting::Integer(5_000_000_000));
    run
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

/// The record of a search over two dispatches: one that was found, one that no rate keeps.
pub(crate) fn searched() -> Record {
    let times = [1.0, 1.3, 2.2, 3.1, 1.9, 1.9, 1.9, 9.0, 9.5];
    let rates = [1_000.0, 2_000.0, 4_000.0, 2_800.0, 2_400.0, 2_400.0, 2_400.0, 500.0, 250.0];
    let phases =
        [Phase::Bracket, Phase::Bracket, Phase::Bracket, Phase::Bisect, Phase::Bisect, Phase::Repeat];
    let mut runs = Vec::new();
    let mut holds = Vec::new();
    for (i, (ms, rate_per_s)) in times.into_iter().zip(rates).enumerate() {
        let mut run = run(if i < 7 { "message/crossbeam" } else { "event/crossbeam" }, 1, ms * 1e5);
        run.load = LoadKind::Open;
        run.settings.insert("rate_per_s".into(), rate_per_s.into());
        run.settings.insert("arrivals".into(), "poisson".into());
        let is_kept = ms < 2.0;
        let reason = format!("p99 {}, not < 900 µs", crate::units::duration((ms * 4.6e5) as u64));
        holds.push(Held {
            run: i,
            rate_per_s,
            phase: phases[if i < 7 { i.min(5) } else { 0 }],
            judgement: Some(if is_kept { Judgement::Kept } else { Judgement::Missed { collapsed: i == 2 } }),
            reasons: if is_kept { Vec::new() } else { vec![reason] },
            disturbance: (i == 4).then(|| "other processes used 40.0 % of the cores".into()),
        });
        runs.push(run);
    }
    let of = |dispatch: &str, holds: &[Held], answer| Searched {
        dispatch: dispatch.into(),
        probe_per_s: Some(2_000.0),
        knee_per_s: crate::search::knee_of(holds, &runs),
        holds: holds.to_vec(),
        answer,
    };
    let found =
        Answer { end: End::Found, kept_per_s: Some(2_400.0), repeats_kept: 2, failed_per_s: Some(2_800.0) };
    let never = Answer { end: End::NeverKept, kept_per_s: None, repeats_kept: 0, failed_per_s: Some(250.0) };
    let dispatches =
        vec![of("message/crossbeam", &holds[..7], found), of("event/crossbeam", &holds[7..], never)];
    let settings = [("precision", 0.02.into()), ("repeats", 2u64.into()), ("max_holds", 30u64.into())];
    let settings =
        settings.into_iter().map(|(key, value): (&str, Setting)| (key.to_owned(), value)).collect();
    let mut record = Record {
        runs,
        search: Some(Search { goal: "p99 < 900 µs, lost = 0".into(), settings, dispatches }),
        pairing: None,
        ..record()
    };
    record.judge(&crate::verdict::Thresholds::default());
    record
}
