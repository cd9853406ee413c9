//! Snapshots of the tables at common widths, and properties that hold at any width.

mod headline;
mod names;
mod search;

use std::path::Path;

use super::*;
use crate::compare::{Next, Options, Plan, compare, compare_within};
use crate::model::{Record, Run, Trial};
use crate::sample;
use insta::assert_snapshot;

fn table(record: &Record, saved: Option<&Path>, layout: Layout) -> String {
    super::table(record, saved).text(layout)
}

fn hops(record: &Record, layout: Layout) -> String {
    super::hops(record).text(layout)
}

fn searched(record: &Record, saved: Option<&Path>, layout: Layout) -> String {
    super::search(record, saved).text(layout)
}

fn comparison(comparison: &crate::compare::Comparison, layout: Layout) -> String {
    let none = Record::default();
    super::comparison(comparison, [&none, &none]).text(layout)
}

fn shown(record: &Record, width: usize) -> String {
    table(record, Some(Path::new(".drumpost/order-authorization-42.json")), Layout::plain(width))
}

#[test]
fn a_setting_is_called_as_people_write_it() {
    let shown = ["option.fan-out.subscribers", "option.sim", "warmup_ns", "batch"].map(without_unit);
    assert_eq!(shown, ["fan-out.subscribers", "sim", "warmup", "batch"]);
}

#[test]
fn a_record_at_80_columns() {
    assert_snapshot!(shown(&sample::record(), 80));
}

#[test]
fn a_record_at_100_columns() {
    assert_snapshot!(shown(&sample::record(), 100));
}

#[test]
fn a_record_at_140_columns() {
    assert_snapshot!(shown(&sample::record(), 140));
}

#[test]
fn a_partial_record_of_an_open_load() {
    let mut record = sample::record();
    record.runs.truncate(1);
    record.partial = Some("interrupted by the user after 2 of 3 trials".into());
    let run = &mut record.runs[0];
    run.load = crate::model::LoadKind::Open;
    run.settings.insert("rate_per_s".into(), 40_000u64.into());
    run.trials[2] = Trial {
        number: 2,
        status: crate::model::Status::Interrupted,
        error: Some("stopped by the user".into()),
        ..Trial::default()
    };
    assert_snapshot!(shown(&record, 100));
}

/// What only an open load has, and what is shown only where there is something to show.
#[test]
fn an_open_load_says_how_it_sent() {
    let mut record = sample::record();
    record.runs.truncate(2);
    for (run, lane) in record.runs.iter_mut().zip(0..) {
        run.load = crate::model::LoadKind::Open;
        run.settings.insert("rate_per_s".into(), 40_000u64.into());
        run.trials.iter_mut().for_each(|trial| trial.audit.lost = 0);
        for trial in &mut run.trials {
            trial.flows.unfinished = 0;
            trial.inter_send = sample::Noise(lane).times(5_000, 25_000.0);
            trial.arrival_check = Some(crate::model::ArrivalCheck {
                process: "Poisson".into(),
                planned_a2: Some(0.71),
                sent_a2: Some(1.5 + lane as f64),
                critical: crate::stats::CRITICAL_1_PERCENT,
                intervals: 4_999,
            });
        }
    }
    record.runs[1].trials[0].flows.shed = 12;
    record.runs[1].trials[0].flows.dropped = 1;
    let mut limits = crate::verdict::Thresholds::default();
    limits.set("lag_floor_ns", "50us").unwrap();
    limits.set("others", "none").unwrap();
    record.judge(&limits);
    assert_snapshot!(shown(&record, 110));
}

#[test]
fn how_far_messages_were_out_of_order_is_said_where_some_were() {
    let mut record = sample::record();
    record.runs.truncate(1);
    assert!(!shown(&record, 200).contains("reordered, by"));
    for (trial, (n, max, sum)) in record.runs[0].trials.iter_mut().zip([(3, 5, 9), (1, 1, 1)]) {
        trial.audit.reordered = n;
        (trial.audit.displacement_max, trial.audit.displacement_sum) = (Some(max), Some(sum));
    }
    let text = shown(&record, 200);
    assert!(text.contains("4 reordered, by up to 5 places (mean 2.50)"), "{text}");
}

#[test]
fn settings_that_differ_are_shown_per_dispatch() {
    let mut record = sample::record();
    record.runs.truncate(2);
    record.runs[1].settings.insert("batch".into(), 64u64.into());
    record.runs[1].trials.iter_mut().for_each(|trial| trial.audit.lost = 0);
    assert_snapshot!(shown(&record, 100));
}

#[test]
fn headers_are_said_where_there_are_any() {
    let with = |mut record: Record, headers: [&str; 2]| {
        for (at, run) in record.runs.iter_mut().enumerate() {
            run.settings.insert("headers".into(), headers[at % 2].into());
        }
        record
    };
    let table = |headers| shown(&with(sample::record(), headers), 100);
    assert!(table(["4x32B", "4x32B"]).contains("headers 4x32B; "));
    assert!(!table(["none", "none"]).contains("headers"));
    let mixed = table(["none", "4x32B"]);
    assert!(mixed.contains("headers none") && mixed.contains("headers 4x32B"), "{mixed}");
    let table = |headers| search_shown(&with(sample::searched(), headers), 100);
    assert!(table(["4x32B", "4x32B"]).contains("headers 4x32B"));
    assert!(!table(["none", "none"]).contains("headers"));
}

#[test]
fn hop_times() {
    assert_snapshot!(hops(&sample::record(), Layout::plain(100)));
    assert_eq!(hops(&Record::default(), Layout::plain(100)), "");
}

/// Confirm times, what was refused, and for how long an instance was away: in the table, below it, and per destination.
#[test]
fn a_transport_that_confirms() {
    let mut record = Record { runs: vec![sample::confirming()], ..sample::record() };
    record.judge(&crate::verdict::Thresholds::default());
    assert_snapshot!(shown(&record, 100));
    assert_snapshot!(hops(&record, Layout::plain(100)));
    record.runs[0].trials.iter_mut().for_each(|trial| trial.hops.clear());
    assert!(hops(&record, Layout::plain(80)).contains("confirm time"), "confirms without hops");
}

/// Dead letters: in the cell of the audit, below the table, and per destination and receiver.
#[test]
fn a_broker_that_gave_up_on_messages() {
    let mut record = sample::record();
    let letters = |messages| crate::model::DeadLetters {
        destination: "stock.reserve".into(),
        receiver: "inventory".into(),
        messages,
    };
    for trial in &mut record.runs[0].trials {
        (trial.audit.dead, trial.audit.dead_again, trial.dead_letters) = (2, 1, vec![letters(2)]);
    }
    let all = crate::units::count(2 * record.runs[0].trials.len() as u64);
    record.judge(&crate::verdict::Thresholds::default());
    let table = shown(&record, 200);
    assert!(table.contains(&format!("{all} dead letters (allowed)")), "{table}");
    assert!(table.contains("dead letters of handled messages (allowed)"), "{table}");
    assert!(table.contains(&format!("({all} of stock.reserve for inventory)")), "{table}");
    let hops = hops(&record, Layout::plain(100));
    assert!(hops.contains("dead letters") && hops.contains("stock.reserve → inventory"), "{hops}");
}

/// Two dispatches in 20 pairs; the second costs more.
fn interleaved() -> Record {
    let mut record = sample::record();
    record.runs =
        vec![sample::run("message/crossbeam", 20, 9_000.0), sample::run("message/flume", 20, 9_500.0)];
    for (i, trial) in record.runs.iter_mut().flat_map(|run| &mut run.trials).enumerate() {
        trial.elapsed_ns += (i as u64 * 7_919 % 97) * 1_000_000;
    }
    record.runs[1].settings.insert("capacity".into(), 4_096u64.into());
    record
}

fn compared() -> crate::compare::Comparison {
    compare_within(&interleaved(), "message/crossbeam", "message/flume", &Options::default()).unwrap()
}

#[test]
fn a_judged_comparison() {
    assert_snapshot!(comparison(&compared(), Layout::plain(100)));
}

#[test]
fn a_judged_comparison_at_80_columns() {
    assert_snapshot!(comparison(&compared(), Layout::plain(80)));
}

#[test]
fn a_comparison_of_different_times() {
    let (mut a, mut b) = (sample::record(), sample::record());
    (a.pairing, b.pairing) = (None, None);
    a.id = "monday".into();
    b.id = "tuesday".into();
    b.runs.remove(1);
    b.runs[0] = sample::run("message/crossbeam", 2, 9_900.0);
    let options = Options::default();
    assert_snapshot!(comparison(&compare(&a, &b, &options).unwrap(), Layout::plain(100)));
}

#[test]
fn too_few_pairs() {
    let mut record = interleaved();
    record.runs.iter_mut().for_each(|run| run.trials.truncate(4));
    let few = compare_within(&record, "message/crossbeam", "message/flume", &Options::default()).unwrap();
    assert_snapshot!(comparison(&few, Layout::plain(100)));
}

#[test]
fn a_comparison_as_json() {
    let mut comparison = compared();
    comparison.rows[0].gates.truncate(1);
    comparison.rows[0].gates[0].worsenings.truncate(2);
    assert_snapshot!(json(&comparison).unwrap());
}

/// Three arms and a plan of looks: the copy of A in a line of its own, the noise floor in a column, the looks below.
fn planned() -> crate::compare::Comparison {
    let plan = Plan::new(20, 7, &Options::default()).unwrap();
    let mut record = interleaved();
    let mut copy = sample::run("message/crossbeam", 20, 9_020.0);
    for (trial, a) in copy.trials.iter_mut().zip(&record.runs[0].trials) {
        trial.elapsed_ns = a.elapsed_ns;
    }
    let (copy, b) = (Record { id: "copy".into(), runs: vec![copy], ..record.clone() }, record.runs.remove(1));
    let b = Run { dispatch: "message/crossbeam".into(), ..b };
    let b = Record { id: "head".into(), runs: vec![b], ..record.clone() };
    let a = Record { id: "base".into(), ..record };
    let mut compared = compare(&a, &b, &plan.options(&Options::default())).unwrap().with_control(&a, &copy);
    let Next::Stop(stop) = plan.after(20, &compared, false) else { panic!("20 pairs are the last look") };
    compared.looks = Some(plan.ended(20, stop));
    compared
}

#[test]
fn a_comparison_with_looks_and_a_control() {
    assert_snapshot!(comparison(&planned(), Layout::plain(120)));
    let mut three = planned();
    three.options.looks = 3;
    three.looks.as_mut().unwrap().planned = vec![20, 40, 60];
    let text = comparison(&three, Layout::plain(1_000));
    let words = "It was planned to judge after 20, 40 and 60 pairs, at 0.33 % each, so that the chance that any regression or improvement above is false is at most 1 % \
                 (Holm's correction). The comparison ended after 20 pairs, because its verdict was clear.";
    assert!(text.contains(words), "{text}");
    three.looks = None;
    let text = comparison(&three, Layout::plain(1_000));
    assert!(text.contains("With 3 looks at 0.33 % each, the chance that any"), "{text}");
}

/// Every field has its line in FORMAT.md.
#[test]
fn every_field_of_a_comparison_is_described() {
    fn names(value: &serde_json::Value) -> Vec<String> {
        match value {
            serde_json::Value::Array(items) => items.iter().flat_map(names).collect(),
            serde_json::Value::Object(fields) => {
                fields.iter().flat_map(|(name, value)| [vec![name.clone()], names(value)].concat()).collect()
            }
            _ => Vec::new(),
        }
    }
    let page = include_str!("../../../FORMAT.md");
    let page = &page[page.find("## A comparison").unwrap()..];
    let document: serde_json::Value = serde_json::from_str(&json(&planned()).unwrap()).unwrap();
    assert_eq!(document["ended"]["stop"], "decided");
    assert_eq!(document["control"]["state"], "no difference found");
    for name in names(&document) {
        // By itself, or in a row of the page as the field of a field.
        let is_there =
            |name: &str| page.contains(&format!("`{name}`")) || page.contains(&format!(".{name}`"));
        assert!(is_there(&name) || is_there(&format!("{name}[]")), "{name}");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [60, 80, 100, 140, 200] {
        let texts = [
            shown(&sample::record(), width),
            hops(&sample::record(), Layout::plain(width)),
            comparison(&compared(), Layout::plain(width)),
            comparison(&planned(), Layout::plain(width)),
        ];
        for line in texts.iter().flat_map(|text| text.lines()) {
            assert!(columns(line) <= width, "{width}: {line}");
            assert_eq!(line, line.trim_end());
        }
    }
}

#[test]
fn colours_only_where_asked_and_never_in_the_way() {
    let record = sample::record();
    let colourful = table(&record, None, Layout { width: 100, colour: true });
    assert!(colourful.contains("\x1b[33m") && colourful.contains("\x1b[0m"));
    let plain = table(&record, None, Layout::plain(100));
    assert!(!plain.contains('\x1b'));
    let mut stripped = colourful;
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
        stripped = stripped.replace(code, "");
    }
    let lines = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(&stripped), lines(&plain));
}

#[test]
fn an_empty_record_says_so() {
    assert_eq!(table(&Record::default(), None, Layout::plain(80)), "no run in this record\n");
    let empty = Record { runs: vec![Run::default()], ..Record::default() };
    assert!(table(&empty, None, Layout::plain(80)).contains("no trial was started"));
}

fn search_shown(record: &Record, width: usize) -> String {
    searched(record, Some(Path::new(".drumpost/search-42.json")), Layout::plain(width))
}

#[test]
fn a_search_at_80_columns() {
    assert_snapshot!(search_shown(&sample::searched(), 80));
}

#[test]
fn a_search_at_120_columns() {
    assert_snapshot!(search_shown(&sample::searched(), 120));
}

/// The line under a comparison says how its figures were paired, and names a ratio that the figures seem to deny.
#[test]
fn a_ratio_that_the_medians_deny_is_explained() {
    let text = |comparison: &crate::compare::Comparison| {
        let text = self::comparison(comparison, Layout::plain(100));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut judged = compared();
    let explained = "response p50: B/A points in the other direction than the medians";
    assert!(!text(&judged).contains("in the other direction"), "{}", text(&judged));
    assert!(text(&judged).contains("A and B are medians over the pairs of trials, and B/A is the median of"));
    let p50 =
        judged.rows[0].gates.iter_mut().find(|gate| gate.metric == crate::compare::Metric::P50).unwrap();
    (p50.a, p50.b, p50.ratio) = (2_000.0, 1_000.0, 1.05);
    assert!(text(&judged).contains(explained), "{}", text(&judged));
    judged.basis = crate::compare::Basis::Unpaired;
    judged.rows[0].gates.iter_mut().for_each(|gate| gate.pairs = 0);
    assert!(text(&judged).contains("A and B are figures of all trials together, and B/A is their ratio."));
}

/// The longest trial does not stand for all of them.
#[test]
fn the_heading_gives_the_length_asked_or_the_range() {
    let heading = |lengths_ms: [u64; 3], asked_ms: Option<u64>| {
        let mut record = sample::record();
        record.runs.truncate(1);
        let run = &mut record.runs[0];
        run.settings.remove("duration_ns");
        if let Some(ms) = asked_ms {
            run.settings.insert("duration_ns".into(), (ms * 1_000_000).into());
        }
        for (trial, ms) in run.trials.iter_mut().zip(lengths_ms) {
            trial.elapsed_ns = ms * 1_000_000;
        }
        table(&record, None, Layout::plain(120)).lines().next().unwrap().to_owned()
    };
    for (lengths_ms, asked_ms, length) in [
        ([250, 251, 252], Some(250), "3 trials of 250 ms, "),
        // Its last flows took so long.
        ([250, 251, 527], Some(250), "3 trials of 250 ms (up to 527 ms, until the last flow had ended), "),
        ([400, 410, 527], Some(250), "3 trials of 250 ms (up to 527 ms, until the last flow had ended), "),
        ([250, 251, 527], None, "3 trials of 250 ms to 527 ms, "),
        ([300, 300, 300], None, "3 trials of 300 ms, "),
        // Stopped before its time.
        ([100, 250, 250], Some(250), "3 trials of 100 ms to 250 ms, "),
    ] {
        let heading = heading(lengths_ms, asked_ms);
        assert!(heading.contains(length), "{lengths_ms:?} {asked_ms:?}: {heading}");
    }
}
