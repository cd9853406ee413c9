//! Made-up records for tests of pages: faults over time, many dispatches, a comparison, a suite, and hostile names.

use super::super::super::comparison;
use crate::compare::{Options, compare_sides, compare_within};
use crate::format::suite::{Cell, Plan, Slot};
use crate::model::{
    Backlog, Compared, ComparedRow, ConfirmTimes, Distribution, Disturbance, Disturbing, LoadKind, Outage,
    OutageCause, Pairing, Phase, Point, Record, Role, Run, Series, Setting, Side, Trial,
};
use crate::report::Report;
use crate::sample::{self, Noise};
use crate::suite::Suite;

/// A trial of 20 s with 50 intervals, in which the line was cut and an instance was away.
pub(super) fn faulty_trial(number: u32, mean_ns: f64) -> Trial {
    let mut noise = Noise(u64::from(number) * 31 + mean_ns as u64);
    let mut trial = sample::trial(number, mean_ns);
    let mut point = |i: u64| {
        let at_ns = (i + 1) * 400_000_000;
        let is_down = (22..24).contains(&i);
        let slow = if i < 3 {
            4.0 - i as f64
        } else if (24..28).contains(&i) {
            30.0
        } else {
            1.0 + noise.next() * 0.3
        };
        let ended = if is_down { 0 } else { 1_400 + (noise.next() * 300.0) as u64 };
        let lag_p99_ns = Some(if is_down || (24..27).contains(&i) { 400_000_000 } else { 60_000 + i * 700 });
        let point = Point { at_ns, ended, in_flight: 4, lag_p99_ns, ..Point::default() };
        point.with_response(&noise.times(ended, mean_ns * slow))
    };
    trial.series = Series::from_points((0..50).map(&mut point).collect());
    trial.elapsed_ns = 20_000_000_000;
    trial.disturbances = vec![Disturbance {
        kind: Disturbing::Cut,
        at_ns: 10_800_000_000 + u64::from(number) * 3_000_000,
        lasts_ns: 800_000_000,
        gap_ns: 812_000_000,
        recover_ns: Some(1_600_000_000),
        ..Disturbance::default()
    }];
    trial.outages = vec![Outage {
        instance: "payment#2".into(),
        cause: OutageCause::Paused,
        at_ns: 16_000_000_000,
        away_ns: 300_000_000,
        ..Outage::default()
    }];
    trial
}

/// An open load over 20 s after a warm-up of 2 s, with faults.
pub(super) fn faulty() -> Record {
    let mut record = sample::record();
    record.id = "order-authorization-faults".into();
    record.command = [
        "drumpost",
        "run",
        "order-authorization",
        "--dispatch",
        "message/nats,message/rabbitmq",
        "--rate",
        "4k/s",
        "--warmup",
        "2s",
        "--duration",
        "20s",
        "--cut",
        "at=10.8s,for=800ms",
        "--note",
        "it's a test",
    ]
    .map(str::to_owned)
    .to_vec();
    record.environment = [
        ("architecture", "x86_64"),
        ("build", "release"),
        ("cores", "16"),
        ("kernel", "6.18.44"),
        ("memory", "24684096 kB"),
        ("os", "Linux"),
        ("processor", "AMD EPYC 9454P 48-Core Processor"),
    ]
    .map(|(key, value)| (key.into(), value.into()))
    .into();
    record.runs = [("message/nats", 900e3), ("message/rabbitmq", 1_400e3)]
        .map(|(dispatch, mean_ns)| {
            let mut run = sample::run(dispatch, 0, mean_ns);
            run.load = LoadKind::Open;
            run.settings.insert("warmup_ns".into(), Setting::Integer(2_000_000_000));
            run.settings.insert("rate_per_s".into(), Setting::Number(4_000.0));
            run.settings.insert("duration_ns".into(), Setting::Integer(20_000_000_000));
            run.trials = (0..3).map(|number| faulty_trial(number, mean_ns)).collect();
            run
        })
        .into();
    record.judge(&crate::verdict::Thresholds::default());
    record
}

/// The same trial with service times over time, which are as long as its response times.
fn with_service(trial: Trial) -> Trial {
    let points = trial.series.points().iter().map(|point| point.clone().with_service(&point.response));
    Trial { series: Series::from_points(points.collect()), ..trial }
}

/// Ten dispatches of ten trials of an open load, with full series.
pub(super) fn large() -> Record {
    let mut record = sample::record();
    let names =
        ["crossbeam", "flume", "rtrb", "nats", "rabbitmq", "redis", "kafka", "mosquitto", "sqs", "zeromq"];
    record.runs = (1..)
        .zip(names)
        .map(|(i, name)| {
            let mut run = sample::run(&format!("message/{name}"), 0, 1.0);
            run.load = LoadKind::Open;
            run.trials = (0..10)
                .map(|number| Trial {
                    disturbances: Vec::new(),
                    outages: Vec::new(),
                    ..with_service(faulty_trial(number, f64::from(i * i) * 8e3))
                })
                .collect();
            run
        })
        .collect();
    record
}

pub(super) fn compared_over_floor() -> Report {
    let mut record = sample::record();
    record.runs =
        vec![sample::run("message/crossbeam", 20, 9_000.0), sample::run("message/flume", 20, 9_500.0)];
    for (i, trial) in record.runs.iter_mut().flat_map(|run| &mut run.trials).enumerate() {
        trial.elapsed_ns += (i as u64 * 7_919 % 97) * 1_000_000;
    }
    let mut compared =
        compare_within(&record, "message/crossbeam", "message/flume", &Options::default()).unwrap();
    for gate in compared.rows.iter_mut().flat_map(|row| &mut row.gates) {
        gate.floor = gate.margin.map(|margin| margin * 0.6);
    }
    comparison(&compared, [&record, &record])
}

/// The record of two sides: cells of a suite that have the same scenario and the same dispatch. The copy ran in the first 20 pairs.
pub(super) fn two_sides(rows: u32, pairs: u32) -> Record {
    let row = |at: u32| format!("sizes/order-authorization/message/nats batch={}", 1 << at);
    let side = |role: Role, at: u32| Side {
        role,
        row: row(at),
        name: if role == Role::Head { "." } else { "main" }.into(),
        revision: Some(if role == Role::Head { "c0ffee-dirty" } else { "5eaf00d" }.into()),
        tool_version: "0.1.0".into(),
        built: std::collections::BTreeMap::new(),
    };
    let run = |role: Role, at: u32| {
        let mean_ns = 900e3 * f64::from(at + 1) * if role == Role::Head { 1.04 } else { 1.0 };
        let of = if role == Role::Control { pairs.min(20) } else { pairs };
        let first = faulty_trial(0, mean_ns);
        let mut noise = Noise(u64::from(at) * 7 + mean_ns as u64);
        let trial = |number: u32| {
            let destination = "payment.authorize".into();
            let time = Distribution::of((1..2_000).map(|us| us * 1_000 + u64::from(number % 7)));
            Trial {
                number,
                seed: 42 + u64::from(number),
                elapsed_ns: (20e9 * (1.0 + noise.next() * 0.02)) as u64,
                cpu_ns: first.cpu_ns.map(|ns| (ns as f64 * (1.0 + noise.next() * 0.02)) as u64),
                confirms: vec![ConfirmTimes { destination, time, ..ConfirmTimes::default() }],
                ..first.clone()
            }
        };
        Run {
            load: LoadKind::Open,
            trials: (0..of).map(trial).collect(),
            side: Some(side(role, at)),
            ..sample::run("message/nats", 0, mean_ns)
        }
    };
    let compared = |at: u32| ComparedRow { name: row(at), ..ComparedRow::default() };
    let roles = [Role::Base, Role::Head, Role::Control];
    let mut record = Record {
        id: "compare-42".into(),
        command: ["drumpost", "compare", "--base", "main", "--head", "."].map(str::to_owned).to_vec(),
        pairing: Some(Pairing { id: "compare-42".into(), order: Vec::new() }),
        runs: (0..rows).flat_map(|at| roles.map(|role| run(role, at))).collect(),
        comparison: Some(Compared {
            base: "main".into(),
            head: ".".into(),
            rows: (0..rows).map(compared).collect(),
            looks: vec![20, pairs.max(40)],
            stopped: "last look".into(),
            ..Compared::default()
        }),
        ..sample::record()
    };
    record.judge(&crate::verdict::Thresholds::default());
    record
}

pub(super) fn compared_sides(record: &Record) -> Report {
    comparison(&compare_sides(record, &Options::default()).unwrap(), [record, record])
}

/// Four cells, of which one was refused and one was not run.
pub(super) fn cells() -> Suite {
    let dispatches = ["message/crossbeam", "event/crossbeam", "message/nats", "message/rtrb"];
    let cell = |dispatch: &str| Cell {
        name: format!("in-process/{dispatch}"),
        matrix: "in-process".into(),
        scenario: "order-authorization".into(),
        dispatch: dispatch.into(),
        load: "closed".into(),
        payload: "128B".into(),
        differs: Default::default(),
        command: vec!["drumpost".into()],
        trials: 3,
        record: format!("{}.json", dispatch.replace('/', "-")),
        refused: (dispatch == "message/nats")
            .then(|| "connection refused; start the broker or pass --url".into()),
    };
    let slot = |cell, trial| Slot { cell, trial, seed: 1 };
    let mut suite = Suite::new(Plan {
        schema_version: 1,
        id: "in-process-42".into(),
        name: "in process".into(),
        tool_version: "0.1.0".into(),
        started_at: None,
        seed: 42,
        host: [("cores".to_owned(), "2".to_owned())].into(),
        only: None,
        command: Vec::new(),
        file: "examples/suites/in-process.toml".into(),
        text: String::new(),
        goals: Vec::new(),
        fail_on: None,
        cells: dispatches.map(cell).into(),
        order: [0, 1, 3].into_iter().flat_map(|cell| (0..3).map(move |trial| slot(cell, trial))).collect(),
    });
    for (i, mean_ns) in [(0, 9_000.0), (1, 12_000.0)] {
        let runs = vec![sample::run(dispatches[i], 3, mean_ns)];
        suite.records[i] = Some(Record { runs, ..sample::record() });
    }
    suite
}

/// A suite of cells with faults over time, each a record of its own.
pub(super) fn many_cells(count: usize) -> Suite {
    let mut suite = cells();
    let cell = suite.plan.cells[0].clone();
    let dispatch = |i: usize| format!("message/row-{i}");
    let cells = (0..count).map(|i| Cell {
        name: format!("many/{}", dispatch(i)),
        matrix: "many".into(),
        dispatch: dispatch(i),
        ..cell.clone()
    });
    suite.plan.cells = cells.collect();
    suite.plan.order.clear();
    let record = faulty();
    let records = (0..count).map(|i| {
        let mut record = record.clone();
        record.runs.truncate(1);
        record.runs[0].dispatch = dispatch(i);
        Some(record)
    });
    suite.records = records.collect();
    suite
}

/// A suite of many cells that are quickly drawn.
pub(super) fn short_cells(count: usize) -> Suite {
    let mut suite = many_cells(count);
    for trials in suite.records.iter_mut().flatten().map(|record| &mut record.runs[0].trials) {
        trials.truncate(1);
        trials[0].series = Series::default();
    }
    suite
}

pub(super) fn hostile_cells(text: &str) -> Suite {
    let mut suite = many_cells(1);
    suite.records[0] = Some(hostile(text));
    let cell = &mut suite.plan.cells[0];
    (cell.name, cell.record, cell.matrix) = (text.into(), text.into(), text.into());
    (suite.plan.name, suite.plan.file) = (text.into(), text.into());
    suite
}

/// An instance was away from the start, and messages waited for it.
pub(super) fn backlog() -> Record {
    let mut record = faulty();
    record.runs.truncate(1);
    let phase = |from_ms: u64, until_ms: u64, sent, received, waiting| Phase {
        from_ns: from_ms * 1_000_000,
        until_ns: until_ms * 1_000_000,
        sent,
        received,
        waiting,
        started: sent,
        late_ns: 40_000 * sent,
        blocked_ns: 10_000_000,
        lag: Distribution::of((0..400).map(|n| 40_000 + n)),
        confirm: Distribution::of((0..400).map(|n| 300_000 + n)),
    };
    for trial in &mut record.runs[0].trials {
        trial.disturbances.clear();
        trial.outages[0] = Outage {
            instance: "payment#1".into(),
            cause: OutageCause::Absent,
            at_ns: 2_000_000_000,
            away_ns: 4_000_000_000,
            ..Outage::default()
        };
        trial.senders = Some(1);
        trial.backlog = Some(Backlog {
            service: "payment".into(),
            absent: 1,
            is_reached: true,
            joined_ns: Some(4_000_000_000),
            waiting: 16_000,
            server: None,
            level: 20,
            level_ns: Some(9_000_000_000),
            left: 3,
            limit: None,
            phases: vec![
                phase(0, 4_000, 16_000, 0, 16_000),
                phase(4_000, 9_000, 20_000, 35_980, 20),
                phase(9_000, 20_000, 44_000, 44_017, 3),
            ],
        });
    }
    record
}

pub(super) fn without_series() -> Record {
    let mut record = sample::record();
    record.command.clear();
    record.runs.iter_mut().flat_map(|run| &mut run.trials).for_each(|trial| trial.series = Series::default());
    record
}

/// What tries to be more than text.
pub(super) const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)> \" ' ` & &lt; <!-- ]]> \u{1b}[31m\u{202e}\0";

pub(super) fn hostile(text: &str) -> Record {
    let mut record = sample::record();
    (record.id, record.partial) = (text.into(), Some(text.into()));
    record.command = vec![text.into(), text.into()];
    record.tool_version = text.into();
    record.environment.insert(text.into(), text.into());
    for (at, run) in record.runs.iter_mut().enumerate() {
        run.scenario = text.into();
        // The style in front decides which columns a table has.
        run.dispatch = format!("message/{text}{at}");
        run.settings.insert(text.into(), Setting::Text(text.into()));
        run.settings.insert("batch".into(), Setting::Text(format!("{at}{text}")));
        for trial in &mut run.trials {
            trial.error = trial.error.as_ref().map(|_| text.to_owned());
            trial.outages = vec![Outage { instance: text.into(), ..Outage::default() }];
            trial.response = Distribution::of(1..100);
            trial.disturbances =
                vec![Disturbance { what: text.into(), kind: Disturbing::Command, ..Disturbance::default() }];
        }
    }
    record
}
