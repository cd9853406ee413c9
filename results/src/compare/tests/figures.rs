//! The figures of both sides, intervals and levels, and what belongs together.

use super::*;

/// Two hundred comparisons of the same thing with itself: at most one in a hundred may say anything.
#[test]
fn nothing_changed_is_hardly_ever_a_verdict() {
    let false_alarms = (0..200u64)
        .filter(|seed| {
            let side = |dispatch, seed| {
                let mut run = run(dispatch, 0, 1.0, 0.0, 0);
                let mut random = Noise(seed);
                run.trials = (0..30)
                    .map(|number| {
                        // Heavy-tailed noise of a shape no normal theory fits.
                        let cost = 1.0 + 0.02 * (1.0 / (1.0 - 0.99 * random.next()));
                        let flows = Flows { ended: 1_000, ..Flows::default() };
                        Trial { number, elapsed_ns: (1e9 * cost) as u64, flows, ..Trial::default() }
                    })
                    .collect();
                run
            };
            let record = paired(vec![side("message/a", seed * 2 + 1), side("message/b", seed * 2 + 2)]);
            let comparison = compare_within(&record, "message/a", "message/b", &Options::default()).unwrap();
            matches!(comparison.verdict, Verdict::Regression | Verdict::Improvement)
        })
        .count();
    assert!(false_alarms <= 2, "{false_alarms}");
}

/// Pairs of which each says something else cannot show anything below a multiple of the figure.
#[test]
fn pairs_that_cannot_show_a_useful_change_say_how_many_could() {
    let note = |spread: f64| {
        let ratios: Vec<f64> = (0..12).map(|i| spread * (f64::from(i) - 5.5)).collect();
        let comparison = by_throughput(&ratios);
        let gate = &comparison.rows[0].gates[0];
        (gate.verdict, gate.note.clone().unwrap())
    };
    let (verdict, some) = note(0.02);
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(some.starts_with("these 12 pairs cannot show a change below "), "{some}");
    let (verdict, none) = note(0.5);
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(none.starts_with("these 12 pairs differ too much from each other"), "{none}");
    assert!(none.contains("such pairs would show a doubling"), "{none}");
}

/// A figure of all trials together weighs long trials more than short ones, so that beside the median over pairs it may say
/// that B has less while the ratio says more.
#[test]
fn the_figures_of_a_and_b_are_medians_over_the_pairs_that_the_ratio_is_of() {
    let side = |dispatch: &str, lengths_ns: [u64; 3]| {
        let mut run = run(dispatch, 0, 1.0, 0.0, 0);
        let trial = |(number, elapsed_ns)| {
            let flows = Flows { ended: 1_000, ..Flows::default() };
            let response = Distribution::of([elapsed_ns / 1_000; 5_000]);
            Trial { number, elapsed_ns, flows, response, ..Trial::default() }
        };
        run.trials = (0..).zip(lengths_ns).map(trial).collect();
        run
    };
    // B is faster in two of three trials, and slow in one that makes up most of its time.
    let (a, b) = ([1_000_000_000; 3], [800_000_000, 800_000_000, 4_000_000_000]);
    let record = paired(vec![side("message/a", a), side("message/b", b)]);
    let comparison = compare_within(&record, "message/a", "message/b", &Options::default()).unwrap();
    for (metric, a, b, ratio) in
        [(Metric::Throughput, 1_000.0, 1_250.0, 1.25), (Metric::P50, 1_000_000.0, 800_000.0, 0.8)]
    {
        let gate = comparison.rows[0].gates.iter().find(|gate| gate.metric == metric).unwrap();
        for (is, should) in [(gate.a, a), (gate.b, b), (gate.ratio, ratio)] {
            assert!((is / should - 1.0).abs() < 0.002, "{metric:?}: {is} for {should}");
        }
    }
    // A pair that is not whole is in none of them, and without pairs all three are of the whole runs.
    let mut other = record.clone();
    other.runs[1].trials[0].seed = 99;
    let gate =
        &compare_within(&other, "message/a", "message/b", &Options::default()).unwrap().rows[0].gates[0];
    assert!(gate.pairs == 2 && (gate.b / 750.0 - 1.0).abs() < 0.002, "{gate:?}");
    let unpaired = Record { pairing: None, ..record };
    let gate =
        &compare_within(&unpaired, "message/a", "message/b", &Options::default()).unwrap().rows[0].gates[0];
    assert!((gate.ratio - gate.b / gate.a).abs() < 1e-9 && gate.b < gate.a, "{gate:?}");
}

/// Two runs of as many trials as there are pairs, with no figure but the throughput. B takes `e^worsening` times as long as A.
pub(super) fn by_throughput(worsenings: &[f64]) -> Comparison {
    let side = |dispatch: &str, of: &dyn Fn(f64) -> f64| {
        let trial = |(number, worsening): (u32, &f64)| {
            let flows = Flows { due: 1_000, started: 1_000, ended: 1_000, ..Flows::default() };
            Trial { number, elapsed_ns: (1e15 * of(*worsening)) as u64, flows, ..Trial::default() }
        };
        Run { trials: (0..).zip(worsenings).map(trial).collect(), ..run(dispatch, 0, 1.0, 0.0, 0) }
    };
    let record = paired(vec![side("message/a", &|_| 1.0), side("message/b", &f64::exp)]);
    compare_within(&record, "message/a", "message/b", &Options::default()).unwrap()
}

/// With eight pairs the interval is from the least to the greatest, and all signs equal are significant. The margin is 2 %.
#[test]
fn one_side_of_the_interval_is_enough_to_be_inconclusive() {
    let judged = |outlier: f64| {
        let comparison = by_throughput(&[outlier, -0.012, 0.01, -0.01, 0.011, -0.011, 0.012, 0.009]);
        comparison.rows[0].gates[0].clone()
    };
    for (outlier, expected) in [
        (0.0, Verdict::NoChange),
        (0.028, Verdict::NoChange),
        (-0.028, Verdict::NoChange),
        (0.032, Verdict::Inconclusive),
        (-0.032, Verdict::Inconclusive),
    ] {
        let gate = judged(outlier);
        assert_eq!(gate.verdict, expected, "{outlier}: {gate:?}");
    }
    let gate = judged(-0.032);
    let Interval { low, high } = gate.interval.unwrap();
    let close = |is: f64, log: f64| assert!((is / f64::exp(log) - 1.0).abs() < 1e-9, "{is} {log}");
    // Throughput falls where things get worse, so that the ends change places.
    close(low, -0.012);
    close(high, 0.032);
    close(gate.ratio, 0.0005);
    assert_eq!((gate.margin, gate.pairs), (Some(0.02), 8));
}

#[test]
fn a_significant_change_that_is_smaller_than_its_margin_is_none() {
    let verdict = |worsening: f64| by_throughput(&[worsening; 8]).verdict;
    for (worsening, expected) in [
        (0.021, Verdict::Regression),
        (0.019, Verdict::NoChange),
        (-0.019, Verdict::NoChange),
        (-0.021, Verdict::Improvement),
    ] {
        assert_eq!(verdict(worsening), expected, "{worsening}");
    }
}

/// Seven equal signs have a p of 1/64, eight one of 1/128: below 0.01.
#[test]
fn as_many_pairs_as_are_needed_are_enough() {
    assert_eq!(by_throughput(&[0.1; 8]).verdict, Verdict::Regression);
    let few = &by_throughput(&[0.1; 7]).rows[0].gates[0];
    assert_eq!(
        (few.verdict, few.note.as_deref()),
        (Verdict::Inconclusive, Some("there are 7 pairs, and at least 8 are needed"))
    );
    // The smallest fall of the throughput that would have been found: none with too few pairs, and never less than the margin, which is a ratio: 1/1.02.
    assert_eq!(few.detectable, None);
    let enough = by_throughput(&[0.1; 8]).rows[0].gates[0].detectable.unwrap();
    assert!((enough - (1.0 - 1.0 / 1.02)).abs() < 1e-9, "{enough}");
}

/// Six gates are judged together, so what one of them would have found is at a sixth of the level: with ten pairs nothing, as
/// ten equal signs have a p of 1/512.
#[test]
fn what_would_have_been_found_is_at_the_level_of_all_gates_together() {
    let detectable = |pairs| {
        let gates = compared(1.0, pairs, 0.01).rows.remove(0).gates;
        assert_eq!(gates.len(), 6);
        gates[0].detectable
    };
    assert_eq!(detectable(10), None);
    assert!(detectable(11).is_some());
}

#[test]
fn figures_of_a_trial_and_of_a_run_are_those_of_the_metric() {
    let flows = Flows { due: 20_000, started: 20_000, ended: 20_000, ..Flows::default() };
    let trial = Trial {
        elapsed_ns: 2_000_000_000,
        flows,
        audit: Audit { sent: 60_000, ..Audit::default() },
        confirms: vec![ConfirmTimes { time: Distribution::of(2_001..=3_000), ..ConfirmTimes::default() }],
        cpu_ns: Some(120_000_000),
        response: Distribution::of((1..=1_000).flat_map(|ns| [ns; 20])),
        ..Trial::default()
    };
    let run = Run { trials: vec![trial.clone(); 2], ..Run::default() };
    for (metric, figure, name, label, text) in [
        (Metric::Throughput, 10_000.0, "throughput_per_s", "throughput", "10.0 k/s"),
        (Metric::CpuPerMessage, 2_000.0, "cpu_ns_per_message", "CPU per message", "2.00 µs"),
        (Metric::CpuPerFlow, 6_000.0, "cpu_ns_per_flow", "CPU per flow", "6.00 µs"),
        (Metric::P50, 500.0, "response_ns_p50", "response p50", "500 ns"),
        (Metric::P90, 900.0, "response_ns_p90", "response p90", "900 ns"),
        (Metric::P99, 990.0, "response_ns_p99", "response p99", "990 ns"),
        (Metric::P999, 999.0, "response_ns_p99_9", "response p99.9", "999 ns"),
        (Metric::ConfirmP99, 2_991.0, "confirm_ns_p99", "confirm p99", "2.99 µs"),
    ] {
        assert_eq!((metric.of_trial(&trial), metric.of_run(&run)), (Some(figure), Some(figure)), "{name}");
        assert_eq!((metric.name(), metric.label()), (name, label));
        assert_eq!(metric.format(figure), text);
    }
}

#[test]
fn a_worsening_needs_two_figures_above_zero() {
    for metric in [Metric::Throughput, Metric::P50] {
        for (a, b) in
            [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -2.0), (f64::NAN, 1.0)]
        {
            assert_eq!(metric.worsening(a, b), None, "{a} {b}");
        }
    }
    let doubled = std::f64::consts::LN_2;
    assert_eq!(Metric::P50.worsening(3.0, 6.0), Some(doubled));
    assert_eq!(Metric::Throughput.worsening(3.0, 6.0), Some(-doubled));
}

/// A margin of 30 % is 1.3 times as much or as little.
#[test]
fn a_worsening_of_the_throughput_is_a_fall() {
    let worsening = 0.3f64.ln_1p();
    for (metric, change) in [(Metric::Throughput, 3.0 / 13.0), (Metric::P50, 0.3), (Metric::CpuPerFlow, 0.3)]
    {
        let (is, back) = (metric.change_of(worsening), metric.worsening_of(change));
        assert!((is - change).abs() < 1e-12 && (back - worsening).abs() < 1e-12, "{metric:?}: {is} {back}");
    }
}

#[test]
fn verdicts_have_words() {
    let all = [
        Verdict::NotJudged,
        Verdict::NoChange,
        Verdict::Improvement,
        Verdict::Inconclusive,
        Verdict::Regression,
    ];
    assert!(all.is_sorted(), "the worst comes last");
    assert_eq!(
        all.map(Verdict::words),
        ["not judged", "no change", "improvement", "inconclusive", "regression"]
    );
}

#[test]
fn runs_belong_together_by_scenario_and_dispatch() {
    let of = |id: &str, runs: &[(&str, &str)]| {
        let runs = runs
            .iter()
            .map(|(scenario, dispatch)| Run { scenario: (*scenario).into(), ..run(dispatch, 1, 1.0, 0.0, 1) })
            .collect();
        Record { id: id.into(), runs, ..Record::default() }
    };
    let options = Options::default();
    let a = of("a", &[("s", "message/a"), ("t", "message/a")]);
    let b = of("b", &[("t", "message/a"), ("s", "message/b")]);
    let both = compare(&a, &b, &options).unwrap();
    let rows: Vec<_> = both.rows.iter().map(|row| (row.scenario.as_str(), row.dispatch_a.as_str())).collect();
    assert_eq!(rows, [("t", "message/a")]);
    assert_eq!(both.notes[..2], ["only in A: s message/a", "only in B: s message/b"]);
    // One run each: whatever their dispatch, but never two scenarios.
    let one = compare(&of("a", &[("s", "message/a")]), &of("b", &[("s", "message/a")]), &options).unwrap();
    assert_eq!(one.rows.len(), 1);
    assert!(!one.is_invalid());
    assert!(compare(&of("a", &[("s", "message/a")]), &of("b", &[("t", "message/a")]), &options).is_err());
    let none = compare(&of("a", &[]), &of("b", &[]), &options).unwrap_err();
    assert_eq!(none, CompareError::NothingInCommon { a: "no run".into(), b: "no run".into() });
    // Pairing of another job is none.
    let pairing = |id: &str| Some(Pairing { id: id.into(), order: Vec::new() });
    let (a, b) = (Record { pairing: pairing("x"), ..a }, Record { pairing: pairing("y"), ..b });
    assert_eq!(compare(&a, &b, &options).unwrap().basis, Basis::Unpaired);
    // Pairs that are whole need no word.
    assert!(compared(1.0, 12, 0.0).rows[0].notes.is_empty());
}

#[test]
fn a_row_says_what_speaks_against_its_runs() {
    let mut b = run("message/b", 12, 1.0, 0.01, 2);
    b.load = crate::model::LoadKind::Open;
    b.trials[0].audit.lost = 3;
    let record = paired(vec![run("message/a", 12, 1.0, 0.01, 1), b]);
    let row = &compare_within(&record, "message/a", "message/b", &Options::default()).unwrap().rows[0];
    assert_eq!((row.notes.len(), row.notes[0].as_str()), (2, "the audit of B failed: 3 lost"));
    assert!(row.notes[1].starts_with("A ") && row.notes[1].contains("closed load"), "{:?}", row.notes);
}

/// A comparison of two clients at a busy server compares the server with itself.
#[test]
fn a_row_says_which_run_is_suspect_and_what_limited_it() {
    let mut a = run("message/a", 12, 1.0, 0.01, 1);
    let reasons = vec!["the hypervisor took 3 %".into(), "the throughput fell".into()];
    a.verdict = Some(crate::model::Verdict {
        status: crate::model::Validity::Suspect,
        reasons,
        ..crate::model::Verdict::default()
    });
    let mut b = run("message/b", 12, 1.0, 0.01, 2);
    for trial in &mut b.trials {
        trial.server = Some(crate::model::Server {
            window_ns: 1_000,
            busiest_thread_ns: Some(970),
            ..crate::model::Server::default()
        });
    }
    let record = paired(vec![a, b]);
    let compared = compare_within(&record, "message/a", "message/b", &Options::default()).unwrap();
    let notes = &compared.rows[0].notes;
    assert_eq!(notes[0], "A is suspect: the hypervisor took 3 %; the throughput fell");
    assert!(notes.len() == 2 && notes[1].starts_with("B is broker-bound: the busiest thread"), "{notes:?}");
    assert!(!compared.is_invalid(), "both are notes");
}

#[test]
fn of_two_trials_of_one_number_the_first_is_in_the_pair() {
    let a = run("message/a", 12, 1.0, 0.0, 1);
    let mut b = run("message/b", 12, 1.0, 0.0, 2);
    // With the second one it would be no pair.
    b.trials.push(Trial { seed: 99, ..b.trials[0].clone() });
    let compared =
        compare_within(&paired(vec![a, b]), "message/a", "message/b", &Options::default()).unwrap();
    assert_eq!(compared.rows[0].pairs, 12);
}
