//! A record of two sides in every format: which side is exported, and what rows are called.

use super::*;
use crate::model::{Compared, ComparedRow, Role, Side};
use crate::rows::Sides;
use std::collections::BTreeMap;

/// The same trials for every row, made once because that takes a while: of the base and its copy, and of the head.
static RUNS: LazyLock<[Run; 3]> = LazyLock::new(|| {
    [(Role::Base, 9_000.0), (Role::Head, 12_000.0), (Role::Control, 9_000.0)].map(|(role, mean_ns)| {
        let mut run = sample::run("message/crossbeam", 20, mean_ns);
        run.verdict = Some(Verdict::default());
        let side = Side {
            role,
            row: String::new(),
            name: "x".into(),
            revision: None,
            tool_version: String::new(),
            built: BTreeMap::new(),
        };
        Run { side: Some(side), ..run }
    })
});

/// A record of `compare --base --head` over rows, each given by its scenario, its dispatch and its name.
fn sides(rows: &[(&str, &str, &str)]) -> Record {
    let mut record = Record { runs: Vec::new(), ..record() };
    let mut position = 0;
    for (scenario, dispatch, name) in rows {
        for run in &*RUNS {
            let mut run = run.clone();
            (run.scenario, run.dispatch) = ((*scenario).into(), (*dispatch).into());
            run.side.iter_mut().for_each(|side| side.row = (*name).into());
            for trial in &mut run.trials {
                trial.position = position;
                position += 1;
            }
            record.runs.push(run);
        }
    }
    let row =
        |(_, _, name): &(&str, &str, &str)| ComparedRow { name: (*name).into(), ..ComparedRow::default() };
    let rows = rows.iter().map(row).collect();
    let (base, head) = ("main".into(), ".".into());
    record.comparison = Some(Compared { base, head, rows, looks: vec![20], ..Compared::default() });
    record.pairing = Some(Pairing { id: "p".into(), order: Vec::new() });
    record
}

pub(super) fn one_row() -> Record {
    sides(&[("order-authorization", "message/crossbeam", "message/crossbeam")])
}

/// Five scenarios over one dispatch, as in `examples/suites/verdicts.toml`.
pub(super) fn five_rows() -> Record {
    let scenarios = ["stream", "order-authorization", "payment-confirmation", "fan-out", "ping"];
    let names = scenarios.map(|scenario| format!("verdicts/{scenario}/event/listeners"));
    let rows: Vec<_> = scenarios
        .iter()
        .zip(&names)
        .map(|(scenario, name)| (*scenario, "event/listeners", name.as_str()))
        .collect();
    sides(&rows)
}

fn of_side(side: Option<Sides>) -> Selection {
    Selection { side, ..Selection::default() }
}

const BASE: Option<Sides> = Some(Sides::One(Role::Base));
const COPY: Option<Sides> = Some(Sides::One(Role::Control));
const ALL: Option<Sides> = Some(Sides::All);

#[test]
fn the_head_is_exported_unless_another_side_is_asked_for() {
    let record = one_row();
    let read = |side| -> serde_json::Value {
        serde_json::from_str(&text("bencher", &record, &of_side(side)).unwrap().text).unwrap()
    };
    let names = |side| read(side).as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for side in [None, BASE, COPY] {
        assert_eq!(names(side), ["order-authorization message/crossbeam"]);
    }
    let latency =
        |side| read(side)["order-authorization message/crossbeam"]["latency"]["value"].as_f64().unwrap();
    let p50 = |run: &Run| run.response().quantile_ns(0.5).unwrap() as f64;
    assert_eq!(latency(None), p50(&record.runs[1]));
    assert_eq!((latency(BASE), latency(COPY)), (p50(&record.runs[0]), p50(&record.runs[2])));
    let all = ["base", "copy", "head"].map(|side| format!("{side} order-authorization message/crossbeam"));
    assert_eq!(names(ALL), all);
    for format in ["junit", "openmetrics", "bencher"] {
        for side in [None, BASE, ALL] {
            let text = text(format, &record, &of_side(side)).unwrap().text;
            assert!(!text.contains("(2)"), "{text}");
        }
    }
}

/// Goals are about the same rows.
#[test]
fn a_goal_is_about_the_head_alone() {
    let record = one_row();
    let holds = |goal: &str| {
        let goal: Assertion = goal.parse().unwrap();
        evaluate(&[goal], &rows::of_sides(&record, Sides::default())).unwrap()
    };
    let p50 = |run: usize| record.runs[run].response().quantile_ns(0.5).unwrap();
    assert!(p50(0) < p50(1), "the base is faster");
    let goal = format!("p50>{}ns", p50(0));
    let outcome = holds(&goal);
    assert!(outcome.is_kept(), "the base would miss {goal}");
    let names: Vec<&str> = outcome.asserted[0].rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["order-authorization message/crossbeam"]);
    assert!(!holds(&format!("p50<={}ns", p50(0))).is_kept());
}

#[test]
fn sides_have_a_label_of_openmetrics() {
    let record = one_row();
    let read = |side| {
        let text = text("openmetrics", &record, &of_side(side)).unwrap().text;
        let families = openmetrics::read(&text).unwrap();
        let good = families.into_iter().find(|family| family.name == "drumpost_good").unwrap();
        good.samples.into_iter().map(|sample| sample.labels).collect::<Vec<_>>()
    };
    let labels = |side: &str| {
        [("scenario", "order-authorization"), ("dispatch", "message/crossbeam"), ("side", side)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    };
    assert_eq!(read(None), [labels("head")]);
    assert_eq!(read(ALL), [labels("base"), labels("head"), labels("copy")]);
    // The name of a cell is there, too, without the side.
    let cells = text("openmetrics", &five_rows(), &of_side(ALL)).unwrap().text;
    assert!(cells.contains(",side=\"head\",row=\"verdicts/ping/event/listeners\"} 1\n"), "{cells}");
}

#[test]
fn a_format_of_one_row_has_the_head_and_says_how_another_is_chosen() {
    let record = one_row();
    let error = |format: &str, record: &Record, selection: &Selection| {
        text(format, record, selection).unwrap_err().to_string()
    };
    assert_eq!(line(&exported("otava", &record).text).len(), 17);
    let all = error("otava", &record, &of_side(ALL));
    assert!(
        all.contains("choose one with --side; this record has base order-authorization message/"),
        "{all}"
    );
    let several = five_rows();
    let has = "choose one with --dispatch; this record has verdicts/stream/event/listeners, verdicts/";
    let cells = error("otava", &several, &Selection::default());
    assert!(cells.contains(has), "{cells}");
    let both = error("otava", &several, &of_side(ALL));
    assert!(both.contains("--dispatch and --side; this record has base verdicts/stream/"), "{both}");
    // What the advice says can be followed.
    let cell = Selection { dispatch: Some("verdicts/ping/event/listeners".into()), ..Selection::default() };
    assert!(text("otava", &several, &cell).unwrap().text.contains(",ping,event/listeners,"));
    let unknown = Selection { dispatch: Some("message/x".into()), ..Selection::default() };
    let unknown = error("otava", &several, &unknown);
    assert!(unknown.contains("it has verdicts/stream/event/listeners, verdicts/"), "{unknown}");
    let hgrm = error("hgrm", &record, &of_side(ALL));
    assert!(hgrm.contains("with --side; this record has base message/crossbeam, head message/"), "{hgrm}");
    assert!(
        error("hgrm", &several, &Selection::default()).contains("with --dispatch; this record has verdicts/")
    );
}

#[test]
fn a_side_that_is_not_there_is_refused() {
    for format in FORMATS {
        let error = text(format.name(), &ONE, &of_side(BASE)).unwrap_err().to_string();
        assert!(error.starts_with("--side base: this record has no sides"), "{error}");
    }
    let mut without = one_row();
    without.runs.truncate(2);
    let error = text("junit", &without, &of_side(COPY)).unwrap_err().to_string();
    assert_eq!(error, "--side copy: this record has base, head");
    // All sides of a record without any are its runs.
    assert_eq!(text("junit", &ONE, &of_side(ALL)), text("junit", &ONE, &Selection::default()));
}

#[test]
fn times_of_trials_are_those_of_the_chosen_side() {
    let mut record = one_row();
    record.runs.iter_mut().for_each(|run| run.trials.truncate(2));
    let csv = |side| text("csv", &record, &of_side(side)).unwrap().text;
    let points = |run: &Run| run.trials.iter().map(|trial| trial.series.points().len()).sum::<usize>();
    let head = csv(None);
    let (columns, lines) = head.split_once('\n').unwrap();
    assert!(columns.ends_with(",trial_status,side,row"), "{columns}");
    assert_eq!(lines.lines().count(), points(&record.runs[1]));
    assert!(lines.lines().all(|line| line.ends_with(",head,message/crossbeam")), "{lines}");
    let of = |side: &str| {
        csv(ALL).lines().filter(|line| line.ends_with(&format!(",{side},message/crossbeam"))).count()
    };
    assert_eq!([of("base"), of("head"), of("copy")], [points(&record.runs[0]); 3]);
    let hlog = |side| text("hlog", &record, &of_side(side)).unwrap().text;
    assert!(!hlog(None).contains("Tag"), "one side needs no tag");
    assert!(
        hlog(ALL).contains("#[Tags: base_message/crossbeam, head_message/crossbeam, copy_message/crossbeam;")
    );
    let hgrm = |side| text("hgrm", &record, &of_side(side)).unwrap().text;
    assert!(
        hgrm(None).ends_with("response time of order-authorization message/crossbeam, head]\n"),
        "{}",
        hgrm(None)
    );
    assert_ne!(hgrm(None), hgrm(BASE));
}
