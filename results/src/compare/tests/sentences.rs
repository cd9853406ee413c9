//! The sentence of each verdict.

use super::figures::by_throughput;
use super::*;

/// Forty pairs around a worsening of the throughput.
fn around(worsening: f64, spread: f64) -> Gate {
    let pairs: Vec<f64> = (0..40).map(|i| worsening + spread * (f64::from(i) - 19.5) / 19.5).collect();
    by_throughput(&pairs).rows.remove(0).gates.remove(0)
}

#[test]
fn each_verdict_has_its_sentence() {
    for (worsening, spread, sentence) in [
        (
            0.031,
            0.02,
            "worse by 3.1 % (95 % interval 2.4 to 3.7 %), 40 pairs, exact sign test, p < 0.0001 after Holm's correction",
        ),
        (
            -0.031,
            0.02,
            "better by 3.1 % (95 % interval 2.5 to 3.8 %), 40 pairs, exact sign test, p < 0.0001 after Holm's correction",
        ),
        (0.004, 0.02, "same within 1.1 % (95 % interval), 40 pairs, margin 2 %"),
        (0.0, 0.0, "same within 0.0 % (95 % interval), 40 pairs, margin 2 %"),
        // Nearer to no change than the resolution of recorded times.
        (0.0004, 0.0, "same within 0.1 % (95 % interval), 40 pairs, margin 2 %"),
        (
            0.012,
            0.005,
            "worse by 1.2 % (95 % interval 1.0 to 1.4 %) over 40 pairs, which is within the margin of 2 %",
        ),
        (
            -0.012,
            0.005,
            "better by 1.2 % (95 % interval 1.0 to 1.4 %) over 40 pairs, which is within the margin of 2 %",
        ),
    ] {
        assert_eq!(around(worsening, spread).sentence(), sentence);
    }
    let cannot = around(0.0, 0.15).sentence();
    assert!(cannot.starts_with("inconclusive: these 40 pairs cannot show a change below "), "{cannot}");
    assert!(
        cannot.contains(
            "such pairs would decide it; fewer are enough with longer trials or on a quieter machine"
        )
    );
    let few = by_throughput(&[0.1; 5]).rows[0].gates[0].sentence();
    assert_eq!(few, "inconclusive: there are 5 pairs, and at least 8 are needed");
    // The median is above the margin. One pair of nine in the other direction is too many for the sign test.
    let pairs = [-0.001, 0.021, 0.021, 0.021, 0.021, 0.021, 0.021, 0.021, 0.021];
    let above = by_throughput(&pairs).rows[0].gates[0].sentence();
    assert_eq!(
        above,
        "worse by 2.1 % (95 % interval 2.1 to 2.1 %) over 9 pairs, which is less than one and a half times the margin of 2 %"
    );
}

/// Less is worse for the throughput and better for all other metrics.
#[test]
fn the_sentence_knows_which_way_is_worse() {
    let worse = compared(1.06, 30, 0.01);
    let sentence = |metric| {
        let gates = &worse.rows[0].gates;
        gates.iter().find(|gate| gate.metric == metric).unwrap().sentence()
    };
    assert!(sentence(Metric::Throughput).starts_with("worse by 5."), "{}", sentence(Metric::Throughput));
    assert!(sentence(Metric::P50).starts_with("worse by 6."), "{}", sentence(Metric::P50));
    assert!(sentence(Metric::P99).starts_with("worse by "), "{}", sentence(Metric::P99));
    assert!(sentence(Metric::P99).ends_with(" within the margin of 10 %"), "{}", sentence(Metric::P99));
}

#[test]
fn a_figure_is_rounded_away_from_no_change() {
    let within = |change: f64| {
        let pairs: Vec<f64> = (0..12).map(|i| if i % 2 == 0 { change } else { -change }).collect();
        by_throughput(&pairs).rows[0].gates[0].sentence()
    };
    // One in a hundred and a thousandth of that.
    assert!(
        within(0.010_01_f64.ln_1p()).starts_with("same within 1.1 %"),
        "{}",
        within(0.010_01_f64.ln_1p())
    );
}

/// No verdict may sound like more than it is.
#[test]
fn no_sentence_says_passed_or_significant() {
    for factor in [0.5, 0.97, 1.0, 1.01, 1.03, 1.5, 3.0] {
        for noise in [0.0, 0.02, 0.2, 1.5] {
            for pairs in [4, 12, 40] {
                let comparison = compared(factor, pairs, noise);
                for gate in &comparison.rows[0].gates {
                    let sentence = gate.sentence();
                    for word in ["pass", "significant", "fail", "ok"] {
                        assert!(
                            !sentence.to_lowercase().split(' ').any(|said| said.starts_with(word)),
                            "{sentence}"
                        );
                    }
                    let begins: &[&str] = match gate.verdict {
                        Verdict::Regression => &["worse by "],
                        Verdict::Improvement => &["better by "],
                        Verdict::NoChange => &["same within ", "worse by ", "better by "],
                        Verdict::Inconclusive => &["inconclusive: "],
                        Verdict::NotJudged => &["not judged"],
                    };
                    assert!(begins.iter().any(|begins| sentence.starts_with(begins)), "{sentence}");
                    let is_small = gate.verdict == Verdict::NoChange && !sentence.starts_with("same");
                    assert!(!is_small || sentence.contains(" the margin of "), "{sentence}");
                    let decides = ["would decide it", "are needed", "would show a doubling"];
                    let is_open = gate.verdict == Verdict::Inconclusive;
                    assert!(!is_open || decides.iter().any(|words| sentence.contains(words)), "{sentence}");
                }
            }
        }
    }
}
