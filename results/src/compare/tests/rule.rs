//! The rule on numbers: swapping sides, the order of pairs, what a firm verdict asks for, and machines that are too busy.

use super::super::rule::{Level, Pairs, detectable, judge};
use super::figures::by_throughput;
use super::*;
use proptest::collection::vec;

const LEVEL: Level = Level { alpha: 0.01, firm: false };

fn mirrored(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Regression => Verdict::Improvement,
        Verdict::Improvement => Verdict::Regression,
        other => other,
    }
}

/// The verdict on one gate with a margin of 2 %.
fn one(worsenings: &[f64], firm: bool) -> Verdict {
    judge(&[Pairs { worsenings, margin: 0.02f64.ln_1p() }], Level { firm, ..LEVEL })[0].verdict
}

/// Forty pairs from -1 to 1, around a median of zero: the 95 % interval is [14, 27] of them, the 99 % interval [12, 29].
fn spread(shift: f64, by: f64) -> Vec<f64> {
    (0..40).map(|i| shift + by * (f64::from(i) - 19.5) / 19.5).collect()
}

#[test]
fn a_firm_verdict_asks_for_an_interval_beyond_half_the_margin() {
    // The 12th of 40 lies 0.436 of the spread below the median. Half the margin is 0.0099.
    for (shift, by, usual, firm) in [
        (0.03, 0.045, Verdict::Regression, Verdict::Regression),
        (0.03, 0.047, Verdict::Regression, Verdict::Inconclusive),
        (0.03, 0.040, Verdict::Regression, Verdict::Regression),
        (0.021, 0.040, Verdict::Regression, Verdict::Inconclusive),
    ] {
        assert_eq!(
            (one(&spread(shift, by), false), one(&spread(shift, by), true)),
            (usual, firm),
            "{shift} {by}"
        );
        let (usual, firm) = (mirrored(usual), mirrored(firm));
        assert_eq!(
            (one(&spread(-shift, by), false), one(&spread(-shift, by), true)),
            (usual, firm),
            "-{shift}"
        );
    }
}

#[test]
fn a_small_change_that_is_certain_is_no_change() {
    assert_eq!(one(&[0.015; 40], true), Verdict::NoChange);
    assert_eq!(one(&[0.0; 40], true), Verdict::NoChange);
    assert_eq!(one(&[0.05; 40], true), Verdict::Regression);
}

/// Holm on three gates by hand: the second smallest p-value is doubled, the smallest tripled.
#[test]
fn gates_are_corrected_together() {
    let signs = |below: usize| -> Vec<f64> { (0..20).map(|i| if i < below { -0.1 } else { 0.1 }).collect() };
    let samples = [signs(3), signs(1), signs(10)];
    let gates: Vec<Pairs<'_>> = samples.iter().map(|worsenings| Pairs { worsenings, margin: 0.02 }).collect();
    let judged = judge(&gates, LEVEL);
    // 2 (1 + 20 + 190 + 1140) / 2²⁰, 2 (1 + 20) / 2²⁰, and 1.
    let p = [2_702.0 / 1_048_576.0, 42.0 / 1_048_576.0, 1.0];
    for (at, (p, p_holm)) in [(p[0], 2.0 * p[0]), (p[1], 3.0 * p[1]), (p[2], 1.0)].into_iter().enumerate() {
        let own = judged[at];
        assert!((own.p - p).abs() < 1e-12 && (own.p_holm - p_holm).abs() < 1e-12, "{at}: {own:?}");
    }
    let verdicts: Vec<Verdict> = judged.iter().map(|own| own.verdict).collect();
    assert_eq!(verdicts, [Verdict::Regression, Verdict::Regression, Verdict::Inconclusive]);
    // At a third of the level the p-value of 0.0052 is not enough.
    let third = judge(&gates, Level { alpha: 0.01 / 3.0, firm: false });
    assert_eq!((third[0].verdict, third[1].verdict), (Verdict::Inconclusive, Verdict::Regression));
}

/// A machine of two cores with up to six busy processes: a trial gets all of a core or a fourth of one.
#[test]
fn figures_of_an_overcommitted_machine_are_never_no_change() {
    for seed in 0..500 {
        let mut random = Noise(seed);
        let mut time = || -(0.25 + 0.75 * random.next()).ln();
        let worsenings: Vec<f64> = (0..60).map(|_| time() - time()).collect();
        assert_ne!(one(&worsenings, true), Verdict::NoChange, "{seed}");
    }
}

/// Times that do not scatter although other processes had most of the machine: they are those of the other processes.
#[test]
fn equal_times_on_a_disturbed_machine_are_no_proof() {
    let judged = |disturbed: usize, factor: f64| {
        let mut b = run("message/b", 40, factor, 0.005, 2);
        for trial in &mut b.trials[..disturbed] {
            trial.hygiene.cores_ns = Some(1_000_000_000);
            trial.hygiene.others_ns = Some(700_000_000);
        }
        let record = paired(vec![run("message/a", 40, 1.0, 0.005, 1), b]);
        compare_within(&record, "message/a", "message/b", &Options::default()).unwrap()
    };
    let (half, more) = (judged(20, 1.0), judged(21, 1.0));
    assert_eq!((half.verdict, half.rows[0].disturbed), (Verdict::NoChange, 20));
    assert_eq!((more.verdict, more.rows[0].disturbed), (Verdict::Inconclusive, 21));
    // The processor's time is that of the process alone.
    assert_eq!(verdict(&more, Metric::CpuPerMessage), Verdict::NoChange);
    for metric in [Metric::Throughput, Metric::P50, Metric::P90, Metric::P99, Metric::P999] {
        assert_eq!(verdict(&more, metric), Verdict::Inconclusive, "{metric:?}");
    }
    let note = more.rows[0].gates[0].note.clone().unwrap();
    assert!(note.starts_with("the machine was disturbed in 21 of 40 pairs"), "{note}");
    // Trials that are too short to be disturbed one by one are so together.
    let mut short = [run("message/a", 40, 1.0, 0.005, 1), run("message/b", 40, 1.0, 0.005, 2)];
    for trial in short.iter_mut().flat_map(|run| &mut run.trials) {
        (trial.hygiene.cores_ns, trial.hygiene.others_ns) = (Some(120_000_000), Some(25_000_000));
    }
    let short = compare_within(&paired(short.into()), "message/a", "message/b", &Options::default()).unwrap();
    assert_eq!((short.rows[0].disturbed, verdict(&short, Metric::CpuPerMessage)), (0, Verdict::NoChange));
    assert_eq!(verdict(&short, Metric::P50), Verdict::Inconclusive);
    // A change shows through, because the order within the pairs was random.
    assert_eq!(judged(40, 1.5).verdict, Verdict::Regression);
    assert_eq!(verdict(&judged(40, 0.7), Metric::P50), Verdict::Improvement);
}

#[test]
fn what_would_decide_is_a_number_of_pairs_or_another_machine() {
    let note = |worsenings: &[f64]| by_throughput(worsenings).rows[0].gates[0].note.clone().unwrap();
    // The median is 0, and the interval reaches to a third of the spread, 1.68 times as far as it may.
    let near = note(&spread(0.0, 0.15));
    assert!(
        near.contains(". About 120 such pairs would decide it; fewer are enough with longer trials"),
        "{near}"
    );
    let far = note(&spread(0.0, 0.8));
    let words =
        "Longer trials or a quieter machine would decide it. With pairs like these, about 3,300 are needed";
    assert!(far.contains(words), "{far}");
    // Beyond the margin, and too few signs: the change has to become detectable, which falls with the root of the number.
    let pairs = spread(0.05, 0.2);
    let detectable = crate::stats::minimum_detectable(&pairs, 0.01).unwrap();
    let enough = (40.0 * (detectable / 0.05).powi(2)).ceil();
    // In two digits.
    let unit = 10f64.powf(enough.log10().floor() - 1.0);
    let enough = (enough / unit).ceil() * unit;
    let seen = note(&pairs);
    assert!(
        enough > 50.0 && seen.contains(&format!(". About {enough} such pairs would decide it")),
        "{enough} {seen}"
    );
}

/// Forty pairs of even noise between `-by` and `by`, around a worsening.
fn even(random: &mut Noise, worsening: f64, by: f64) -> Vec<f64> {
    (0..40).map(|_| worsening + by * (2.0 * random.next() - 1.0)).collect()
}

/// The median of what many such samples tell.
fn told(random: &mut Noise, by: f64, of: &dyn Fn(&[f64]) -> Option<f64>) -> f64 {
    let all: Vec<f64> = (0..201).filter_map(|_| of(&even(random, 0.0, by))).collect();
    crate::stats::median(&all).unwrap()
}

/// A worsening as large as `detectable` is found in at least four of five simulated comparisons of six gates, whichever condition is the hardest: in turn
/// the median, the firm interval, and the sign test. What the sign test alone would find, or the margin if that is larger, is found in half
/// of the comparisons where the median or the interval is the hardest.
#[test]
fn what_is_called_detectable_is_found_four_times_out_of_five() {
    const GATES: usize = 6;
    let level = Level { alpha: 0.01 / 3.0, firm: true };
    let flat: Vec<f64> = (0..40).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    for (margin, by, is_more) in [(0.10f64, 0.06, true), (0.02, 0.03, true), (0.02, 0.3, false)] {
        let margin = margin.ln_1p();
        let mut random = Noise(7);
        let all =
            told(&mut random, by, &|worsenings| detectable(&Pairs { worsenings, margin }, level, GATES));
        let alpha = level.alpha / GATES as f64;
        let signs = told(&mut random, by, &|worsenings| crate::stats::minimum_detectable(worsenings, alpha));
        let mut found = |worsening: f64| {
            let is_found = |_: &u32| {
                let own = even(&mut random, worsening, by);
                let mut gates = vec![Pairs { worsenings: &flat, margin }; GATES];
                gates[0].worsenings = &own;
                judge(&gates, level)[0].verdict == Verdict::Regression
            };
            (0..1_000).filter(is_found).count()
        };
        let (enough, before) = (found(all), found(signs.max(margin)));
        assert!((800..970).contains(&enough), "{margin} {by}: {enough} found at {all}");
        assert_eq!(before < 700, is_more, "{margin} {by}: {before} found at {signs}");
    }
    assert_eq!(detectable(&Pairs { worsenings: &[0.1; 11], margin: 0.02 }, level, GATES), None);
}

proptest! {
    #[test]
    fn swapping_the_sides_swaps_the_verdicts(
        gates in vec(vec(-0.1..0.1f64, 0..60), 1..8), shift in -0.1..0.1f64, firm: bool,
    ) {
        let there: Vec<Vec<f64>> = gates.iter().map(|gate| gate.iter().map(|d| d * 0.5 + shift).collect()).collect();
        let back: Vec<Vec<f64>> = there.iter().map(|gate| gate.iter().map(|d| -d).collect()).collect();
        let judged = |gates: &[Vec<f64>]| {
            let gates: Vec<Pairs<'_>> = gates.iter().map(|worsenings| Pairs { worsenings, margin: 0.02 }).collect();
            judge(&gates, Level { firm, ..LEVEL })
        };
        for (there, back) in judged(&there).into_iter().zip(judged(&back)) {
            prop_assert_eq!(there.p_holm, back.p_holm);
            prop_assert_eq!(mirrored(there.verdict), back.verdict);
        }
    }

    #[test]
    fn the_order_of_the_pairs_does_not_matter(mut pairs in vec(-0.1..0.1f64, 8..60), shift in -0.1..0.1f64, turn in 0usize..60) {
        pairs.iter_mut().for_each(|d| *d += shift);
        let before = by_throughput(&pairs).rows.remove(0).gates.remove(0);
        let turn = turn % pairs.len();
        pairs.rotate_left(turn);
        pairs[turn / 2..].reverse();
        let after = by_throughput(&pairs).rows.remove(0).gates.remove(0);
        prop_assert_eq!(
            (before.verdict, before.p_holm, before.ratio, before.interval, before.note),
            (after.verdict, after.p_holm, after.ratio, after.interval, after.note)
        );
    }

    /// The whole way, with figures that are better high and figures that are better low.
    #[test]
    fn swapping_the_records_swaps_the_comparison(factor in 0.8..1.25f64, noise in 0.0..0.2f64, pairs in 6u32..40) {
        let a = Record { id: "a".into(), ..paired(vec![run("message/a", pairs, 1.0, noise, 1)]) };
        let b = Record { id: "b".into(), ..paired(vec![run("message/a", pairs, factor, noise, 2)]) };
        let (there, back) = (compare(&a, &b, &Options::default()).unwrap(), compare(&b, &a, &Options::default()).unwrap());
        for (there, back) in there.rows[0].gates.iter().zip(&back.rows[0].gates) {
            prop_assert_eq!(mirrored(there.verdict), back.verdict);
            prop_assert!((there.ratio * back.ratio - 1.0).abs() < 1e-9);
        }
    }
}
