//! Tests of the comparison on made-up trials with known differences.

use super::*;
use crate::model::{Audit, Compared, ComparedRow, ConfirmTimes, Distribution, Flows, Pairing, Role, Side};
use crate::sample::Noise;
use proptest::prelude::*;
use std::collections::BTreeMap;

mod blame;
mod control;
mod course;
mod figures;
mod hygiene;
mod lacking;
mod looks;
mod promises;
mod rule;
mod sentences;
mod simulation;

/// Times from half the median to half as much again, ten of each.
fn evenly_spread(median: f64, n: u64) -> Distribution {
    let mut times = Distribution::default();
    for i in (0..n).step_by(10) {
        times.record((median * (0.5 + i as f64 / n as f64)) as u64, 10);
    }
    times
}

/// A run whose figures scatter by `noise` around `factor` times the usual cost.
fn run(dispatch: &str, pairs: u32, factor: f64, noise: f64, seed: u64) -> Run {
    let mut random = Noise(seed);
    let trial = |number| {
        let cost = factor * (1.0 + noise * (random.next() - 0.5));
        let ended = 12_000;
        let median = 1_000_000.0 * cost;
        Trial {
            number,
            seed: u64::from(number),
            elapsed_ns: (1e9 * cost) as u64,
            flows: Flows { due: ended, started: ended, ended, ..Flows::default() },
            audit: Audit { sent: ended * 3, expected: ended * 3, delivered: ended * 3, ..Audit::default() },
            cpu_ns: Some((5e8 * cost) as u64),
            response: evenly_spread(median, ended),
            ..Trial::default()
        }
    };
    Run {
        scenario: "s".into(),
        dispatch: dispatch.into(),
        trials: (0..pairs).map(trial).collect(),
        verdict: Some(crate::model::Verdict::default()),
        ..Run::default()
    }
}

fn paired(runs: Vec<Run>) -> Record {
    let pairing = Some(Pairing { id: "p".into(), order: Vec::new() });
    Record { id: "r".into(), pairing, runs, ..Record::default() }
}

fn compared(factor: f64, pairs: u32, noise: f64) -> Comparison {
    let record =
        paired(vec![run("message/a", pairs, 1.0, noise, 1), run("message/b", pairs, factor, noise, 2)]);
    compare_within(&record, "message/a", "message/b", &Options::default()).unwrap()
}

fn verdict(comparison: &Comparison, metric: Metric) -> Verdict {
    comparison.rows[0].gates.iter().find(|gate| gate.metric == metric).unwrap().verdict
}

#[test]
fn a_regression_is_found_and_its_mirror_is_an_improvement() {
    let worse = compared(1.06, 30, 0.01);
    assert_eq!(worse.verdict, Verdict::Regression);
    for metric in [Metric::Throughput, Metric::CpuPerMessage, Metric::P50] {
        assert_eq!(verdict(&worse, metric), Verdict::Regression, "{metric:?}");
    }
    // Six in a hundred is less than the margin of p99, so no change there and no regression either.
    assert_eq!(verdict(&worse, Metric::P99), Verdict::NoChange);
    let throughput = &worse.rows[0].gates[0];
    assert!((throughput.ratio - 1.0 / 1.06).abs() < 0.01, "{throughput:?}");
    assert!(throughput.interval.unwrap().high < 1.0);
    let better = compared(1.0 / 1.06, 30, 0.01);
    assert_eq!(better.verdict, Verdict::Improvement);
}

#[test]
fn no_change_needs_a_narrow_interval_and_noise_is_inconclusive() {
    assert_eq!(compared(1.0, 30, 0.02).verdict, Verdict::NoChange);
    let noisy = compared(1.0, 30, 0.8);
    assert_eq!(noisy.verdict, Verdict::Inconclusive);
    let gate = &noisy.rows[0].gates[0];
    assert!(gate.detectable.unwrap() > 0.05, "{gate:?}");
    assert!(gate.note.as_deref().unwrap().contains("a quieter machine would decide it"), "{gate:?}");
}

#[test]
fn five_in_a_hundred_is_never_no_change() {
    for seed in 0..20 {
        let noise = 0.02 * f64::from(seed);
        assert_ne!(verdict(&compared(1.05, 30, noise), Metric::P50), Verdict::NoChange, "{noise}");
    }
}

#[test]
fn too_few_pairs_say_how_many_are_needed() {
    let few = compared(2.0, 5, 0.01);
    assert_eq!(few.verdict, Verdict::Inconclusive);
    assert_eq!(few.rows[0].gates[0].note.as_deref(), Some("there are 5 pairs, and at least 11 are needed"));
    let one = compared(2.0, 1, 0.01);
    assert_eq!(one.rows[0].gates[0].note.as_deref(), Some("there is 1 pair, and at least 11 are needed"));
    let looks = Options { looks: 3, ..Options::default() };
    let record = paired(vec![run("message/a", 11, 1.0, 0.01, 1), run("message/b", 11, 2.0, 0.01, 2)]);
    let strict = compare_within(&record, "message/a", "message/b", &looks).unwrap();
    assert_eq!(
        strict.rows[0].gates[0].note.as_deref(),
        Some("there are 11 pairs, and at least 12 are needed")
    );
}

#[test]
fn runs_at_different_times_are_shown_and_not_judged() {
    let a = Record { id: "a".into(), runs: vec![run("message/a", 30, 1.0, 0.01, 1)], ..Record::default() };
    let b = Record { id: "b".into(), runs: vec![run("message/a", 30, 2.0, 0.01, 2)], ..Record::default() };
    let shown = compare(&a, &b, &Options::default()).unwrap();
    assert_eq!((shown.verdict, shown.basis), (Verdict::NotJudged, Basis::Unpaired));
    assert_eq!(shown.notes.len(), 1);
    assert!(
        shown.notes[0].starts_with("not judged, because the runs were made at different times. To judge")
    );
    assert!((shown.rows[0].gates[0].ratio - 0.5).abs() < 0.01);
    assert_eq!(shown.rows[0].gates[0].p, None);
    // The same pairing id makes them one job.
    let pairing = Some(Pairing { id: "job".into(), order: Vec::new() });
    let (a, b) = (Record { pairing: pairing.clone(), ..a }, Record { pairing, ..b });
    assert_eq!(compare(&a, &b, &Options::default()).unwrap().verdict, Verdict::Regression);
}

#[test]
fn two_styles_are_compared_by_cpu_per_flow() {
    let record = paired(vec![run("message/a", 12, 1.0, 0.01, 1), run("event/a", 12, 1.0, 0.01, 2)]);
    let comparison = compare_within(&record, "message/a", "event/a", &Options::default()).unwrap();
    let metrics: Vec<Metric> = comparison.rows[0].gates.iter().map(|gate| gate.metric).collect();
    assert_eq!(
        metrics,
        [Metric::Throughput, Metric::CpuPerFlow, Metric::P50, Metric::P90, Metric::P99, Metric::P999]
    );
}

#[test]
fn confirm_times_are_compared_where_both_sides_have_them() {
    let confirming = |dispatch: &str, slower: u64, seed| {
        let mut run = run(dispatch, 12, 1.0, 0.01, seed);
        for trial in &mut run.trials {
            let time = Distribution::of((1..=1_000).map(|us| us * 1_000 * slower));
            let destination = "orders".into();
            trial.confirms = vec![ConfirmTimes { destination, time, ..ConfirmTimes::default() }];
        }
        run
    };
    let gate = |a: Run, b: Run| {
        let comparison =
            compare_within(&paired(vec![a, b]), "message/a", "message/b", &Options::default()).unwrap();
        let gates = &comparison.rows[0].gates;
        gates
            .iter()
            .find(|gate| gate.metric == Metric::ConfirmP99)
            .map(|gate| (gate.verdict, gate.ratio, gate.margin))
    };
    let slower = gate(confirming("message/a", 1, 1), confirming("message/b", 2, 2)).unwrap();
    assert_eq!((slower.0, slower.2), (Verdict::Regression, Some(0.10)));
    assert!((slower.1 - 2.0).abs() < 0.01, "{slower:?}");
    assert_eq!(gate(confirming("message/a", 1, 1), run("message/b", 12, 1.0, 0.01, 2)), None);
}

#[test]
fn a_rare_percentile_needs_ten_samples_beyond_it() {
    let mut a = run("message/a", 12, 1.0, 0.01, 1);
    for trial in &mut a.trials {
        trial.response = Distribution::of((0..5_000).map(|i| 1_000 + i));
    }
    let record = paired(vec![a.clone(), Run { dispatch: "message/b".into(), ..a }]);
    let comparison = compare_within(&record, "message/a", "message/b", &Options::default()).unwrap();
    let rare = comparison.rows[0].gates.last().unwrap();
    // Enough over the whole run to be shown, too few in a trial to be judged.
    assert_eq!((rare.metric, rare.pairs, rare.verdict), (Metric::P999, 0, Verdict::NotJudged));
    assert_eq!(comparison.verdict, Verdict::NoChange);
}

/// The pairs that have the percentile are those with more flows. Whichever side lacks it, the answer is the same.
#[test]
fn a_percentile_that_some_pairs_lack_is_not_judged() {
    let judged = |lacking: usize, is_in_a: bool| {
        let mut sides = [run("message/a", 30, 1.0, 0.01, 1), run("message/b", 30, 1.0, 0.01, 2)];
        let side = &mut sides[usize::from(!is_in_a)];
        for trial in &mut side.trials[..lacking] {
            trial.response = evenly_spread(1_000_000.0, 5_000);
            trial.cpu_ns = None;
        }
        let mut compared =
            compare_within(&paired(sides.into()), "message/a", "message/b", &Options::default()).unwrap();
        assert_eq!(compared.verdict, Verdict::NoChange, "{lacking}");
        let gates = compared.rows.remove(0).gates;
        let cpu = gates.iter().find(|gate| gate.metric == Metric::CpuPerMessage).unwrap();
        assert_eq!((cpu.pairs, cpu.verdict), (30 - lacking, Verdict::NoChange), "no percentile");
        gates.into_iter().find(|gate| gate.metric == Metric::P999).unwrap()
    };
    for is_in_a in [true, false] {
        for lacking in [0, 1] {
            let rare = judged(lacking, is_in_a);
            assert_eq!((rare.pairs, rare.verdict), (30 - lacking, Verdict::NoChange), "{rare:?}");
        }
        for lacking in [2, 15] {
            let rare = judged(lacking, is_in_a);
            assert_eq!((rare.pairs, rare.verdict), (0, Verdict::NotJudged), "{rare:?}");
            assert_eq!((rare.p, rare.worsenings.len(), rare.a > 1.4e6), (None, 0, true), "{rare:?}");
            let why = format!(
                "not judged: {lacking} of 30 pairs have too few samples, so the value shown combines"
            );
            assert!(rare.sentence().starts_with(&why), "{}", rare.sentence());
        }
    }
}

#[test]
fn broken_pairs_are_left_out_whole_and_counted() {
    let mut b = run("message/b", 30, 1.0, 0.01, 2);
    b.trials[3].status = Status::Failed;
    b.trials[4].seed = 99;
    b.trials.pop();
    let record = paired(vec![run("message/a", 30, 1.0, 0.01, 1), b]);
    let row = &compare_within(&record, "message/a", "message/b", &Options::default()).unwrap().rows[0];
    assert_eq!(row.pairs, 27);
    assert_eq!(row.notes, ["3 trials have no partner: the other one is missing, failed or had another seed"]);
}

#[test]
fn an_invalid_run_may_show_a_regression_but_never_the_lack_of_one() {
    let judge = |factor| {
        let mut b = run("message/b", 30, factor, 0.01, 2);
        let reasons = vec!["the rate was missed".into()];
        b.verdict = Some(crate::model::Verdict {
            status: Validity::Invalid,
            reasons,
            ..crate::model::Verdict::default()
        });
        let record = paired(vec![run("message/a", 30, 1.0, 0.01, 1), b]);
        compare_within(&record, "message/a", "message/b", &Options::default()).unwrap()
    };
    assert_eq!(judge(1.0).verdict, Verdict::Inconclusive);
    assert_eq!(judge(0.5).verdict, Verdict::Inconclusive);
    assert_eq!(judge(1.5).verdict, Verdict::Regression);
    assert!(judge(1.5).is_invalid());
    assert_eq!(judge(1.5).rows[0].invalid_sides, [false, true]);
    assert_eq!(judge(1.0).rows[0].notes, ["B is invalid: the rate was missed"]);
}

#[test]
fn a_run_that_failed_is_inconclusive_whatever_it_measured_until_then() {
    let mut b = run("message/b", 30, 1.0, 0.01, 2);
    b.trials.iter_mut().for_each(|trial| trial.status = Status::Failed);
    let record = paired(vec![run("message/a", 30, 1.0, 0.01, 1), b]);
    let comparison = compare_within(&record, "message/a", "message/b", &Options::default()).unwrap();
    assert_eq!((comparison.verdict, comparison.rows[0].pairs), (Verdict::Inconclusive, 0));
    assert!(comparison.rows[0].gates.iter().all(|gate| gate.verdict == Verdict::Inconclusive));
}

#[test]
fn what_cannot_be_matched_is_named() {
    let of = |dispatches: &[&str]| {
        let runs = dispatches.iter().map(|dispatch| run(dispatch, 1, 1.0, 0.0, 1)).collect();
        Record { runs, ..Record::default() }
    };
    let options = Options::default();
    let error =
        compare(&of(&["message/a", "message/b"]), &of(&["event/a"]), &options).unwrap_err().to_string();
    assert!(error.contains("A has s message/a, s message/b, B has s event/a"), "{error}");
    let some = compare(&of(&["message/a", "message/b"]), &of(&["message/b", "event/a"]), &options).unwrap();
    assert_eq!(some.rows.len(), 1);
    assert_eq!(some.notes[..2], ["only in A: s message/a", "only in B: s event/a"]);
    assert_eq!(compare(&of(&["message/a"]), &of(&["event/a"]), &options).unwrap().rows.len(), 1);
    let error =
        compare_within(&of(&["message/a"]), "message/a", "message/z", &options).unwrap_err().to_string();
    assert!(error.contains("failed to find message/z in the record, which has s message/a"), "{error}");
}

#[test]
fn settings_that_differ_are_listed() {
    let mut record = paired(vec![run("message/a", 1, 1.0, 0.0, 1), run("message/b", 1, 1.0, 0.0, 1)]);
    record.runs[0].settings = [("batch".to_owned(), 1u64.into()), ("window".to_owned(), 64u64.into())].into();
    record.runs[1].settings =
        [("batch".to_owned(), 64u64.into()), ("window".to_owned(), 64u64.into())].into();
    let comparison = compare_within(&record, "message/a", "message/b", &Options::default()).unwrap();
    assert_eq!(comparison.rows[0].differences, [("batch".into(), Some(1u64.into()), Some(64u64.into()))]);
}

proptest! {
    #[test]
    fn the_worsening_of_b_is_the_improvement_of_a(a in 1e-3..1e9f64, b in 1e-3..1e9f64) {
        for metric in [Metric::Throughput, Metric::P50] {
            let there = metric.worsening(a, b).unwrap();
            prop_assert!((there + metric.worsening(b, a).unwrap()).abs() < 1e-9);
            prop_assert_eq!(there > 0.0, (metric == Metric::P50) == (b > a) && a != b);
        }
        prop_assert_eq!(Metric::P50.worsening(0.0, b), None);
    }
}

/// A comparison of two sides with several rows. `of_side` changes the run of a side, by row and role.
fn sides_of(rows: usize, pairs: u32, of_side: impl Fn(usize, Role, &mut Run)) -> Comparison {
    let run_of = |row: usize, role: Role| {
        let name = format!("message/{row}");
        let mut run = run(&name, pairs, 1.0, 0.01, row as u64);
        of_side(row, role, &mut run);
        let (tool_version, built) = (String::new(), BTreeMap::new());
        run.side =
            Some(Side { role, row: name, name: role.word().into(), revision: None, tool_version, built });
        run
    };
    let named = |row| ComparedRow { name: format!("message/{row}"), ..ComparedRow::default() };
    let runs = (0..rows).flat_map(|row| [Role::Base, Role::Head].map(|role| run_of(row, role)));
    let mut record = Record {
        comparison: Some(Compared {
            rows: (0..rows).map(named).collect(),
            looks: vec![20],
            stopped: Stop::LastLook.words().into(),
            ..Compared::default()
        }),
        ..paired(runs.collect())
    };
    record.judge(&Thresholds::default());
    compare_sides(&record, &Options::default()).unwrap()
}
