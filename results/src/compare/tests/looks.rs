//! Plans of looks, and when a comparison ends.

use super::*;

fn plan(pairs: usize, gates: usize) -> Plan {
    Plan::new(pairs, gates, &Options::default()).unwrap()
}

#[test]
fn looks_are_at_thirds_where_a_third_can_decide() {
    for (pairs, gates, looks) in [
        (Plan::PAIRS, 20, vec![20, 40, 60]),
        (100, 7, vec![34, 67, 100]),
        (40, 7, vec![14, 27, 40]),
        // A third of it would be 12, and 12 equal signs at 0.01/3 are enough for six gates, not for seven.
        (36, 6, vec![12, 24, 36]),
        (36, 7, vec![18, 36]),
        (30, 7, vec![15, 30]),
        (20, 7, vec![20]),
        (11, 7, vec![11]),
        (8, 1, vec![8]),
    ] {
        assert_eq!(plan(pairs, gates).looks(), looks, "{pairs} {gates}");
    }
}

#[test]
fn a_plan_that_could_not_decide_is_refused() {
    let error = Plan::new(10, 7, &Options::default()).unwrap_err();
    assert_eq!(error, PlanError::TooFewPairs { pairs: 10, gates: 7, needed: 11 });
    assert_eq!(
        error.to_string(),
        "failed to plan a comparison of 10 pairs: 7 figures need at least 11 pairs; allow 11 or more"
    );
    assert!(Plan::new(0, 0, &Options::default()).is_err());
}

/// At no look of any plan is alpha spent in vain, and together the looks spend no more than alpha.
#[test]
fn every_look_can_decide() {
    for pairs in 8..150 {
        for gates in [1, 6, 7, 14, 70] {
            let Ok(plan) = Plan::new(pairs, gates, &Options::default()) else { continue };
            let options = plan.options(&Options::default());
            assert_eq!((options.looks as usize, options.firm), (plan.looks().len(), true));
            let needed = crate::stats::pairs_needed(options.alpha_per_look(), gates);
            assert!(plan.looks()[0] >= needed && plan.looks().is_sorted(), "{pairs} {gates}: {plan:?}");
            assert_eq!(plan.looks().last(), Some(&pairs));
            assert!(options.alpha_per_look() * plan.looks().len() as f64 <= 0.01 + 1e-12);
        }
    }
}

/// With 20 looks to come, whatever the verdict is.
#[test]
fn between_looks_nothing_is_looked_at() {
    let plan = plan(60, 7);
    for verdict in [Verdict::Regression, Verdict::NoChange, Verdict::Inconclusive, Verdict::Improvement] {
        for (pairs, until) in [(0, 20), (1, 20), (19, 20), (21, 40), (39, 40), (59, 60)] {
            assert_eq!(
                plan.step(pairs, verdict, true, false),
                Next::Continue { until },
                "{pairs} {verdict:?}"
            );
            assert_eq!(
                plan.step(pairs, verdict, false, true),
                Next::Stop(Stop::TimeOver),
                "{pairs} {verdict:?}"
            );
        }
    }
}

#[test]
fn a_look_ends_what_is_decided() {
    let plan = plan(60, 7);
    for pairs in [20, 40, 60] {
        for verdict in [Verdict::Regression, Verdict::NoChange, Verdict::Improvement] {
            assert_eq!(
                plan.step(pairs, verdict, false, false),
                Next::Stop(Stop::Decided),
                "{pairs} {verdict:?}"
            );
        }
        assert_eq!(plan.step(pairs, Verdict::Regression, true, false), Next::Stop(Stop::ControlDiffers));
    }
    for verdict in [Verdict::Inconclusive, Verdict::NotJudged] {
        assert_eq!(plan.step(20, verdict, false, false), Next::Continue { until: 40 });
        assert_eq!(plan.step(40, verdict, false, false), Next::Continue { until: 60 });
        assert_eq!(plan.step(40, verdict, false, true), Next::Stop(Stop::TimeOver));
        assert_eq!(plan.step(60, verdict, false, false), Next::Stop(Stop::LastLook));
        assert_eq!(plan.step(61, verdict, false, true), Next::Stop(Stop::LastLook));
    }
    let words = Stop::ALL.map(Stop::words);
    assert_eq!(words, ["decided", "last look", "time over", "control differs", "no more pairs"]);
}

/// A record that was decided at its first look, or cut off before, has no pairs for the others.
#[test]
fn a_replay_ends_for_its_own_reason() {
    let plan = plan(40, 7);
    let of = |pairs: usize, factor: f64, noise: f64| {
        let n = pairs as u32;
        let runs = vec![run("message/a", n, 1.0, noise, 1), run("message/b", n, factor, noise, 2)];
        let options = plan.options(&Options::default());
        let comparison = compare_within(&paired(runs), "message/a", "message/b", &options).unwrap();
        [true, false].map(|has_more| plan.end(pairs, &comparison, false, has_more))
    };
    assert_eq!(of(14, 1.06, 0.01), [Some(Stop::Decided); 2]);
    assert_eq!(of(14, 1.0, 0.8), [None, Some(Stop::NoMorePairs)]);
    // Before the first look, even if it could be decided.
    assert_eq!(of(13, 1.06, 0.01), [None, Some(Stop::NoMorePairs)]);
    assert_eq!(of(40, 1.0, 0.8), [Some(Stop::LastLook); 2]);
}

/// Twenty pairs are worse, and the next twenty better: nothing is left of the verdict of the first look.
#[test]
fn a_verdict_of_an_earlier_look_does_not_stand_by_itself() {
    let plan = plan(40, 1);
    let options = plan.options(&Options::default());
    let mut worsenings = vec![-0.1; 14];
    let judged = |worsenings: &[f64]| {
        let record = figures::by_throughput(worsenings);
        assert_eq!(record.rows[0].gates.len(), 1);
        let pairs = [super::super::rule::Pairs { worsenings, margin: 0.02 }];
        let level = super::super::rule::Level { alpha: options.alpha_per_look(), firm: options.firm };
        super::super::rule::judge(&pairs, level)[0].verdict
    };
    assert_eq!(judged(&worsenings), Verdict::Improvement);
    worsenings.extend([0.1; 13]);
    assert_eq!(judged(&worsenings), Verdict::Inconclusive);
}

/// A third of alpha is what a gate has to reach at a look, and the document says when it was.
#[test]
fn a_look_is_judged_at_its_share_of_alpha() {
    let plan = plan(40, 7);
    let record =
        |pairs| paired(vec![run("message/a", pairs, 1.0, 0.01, 1), run("message/b", pairs, 1.06, 0.01, 2)]);
    let options = plan.options(&Options::default());
    // Six gates need 12 pairs at a look of 0.01/3, where one look of 0.01 needs 11.
    let early = compare_within(&record(11), "message/a", "message/b", &options).unwrap();
    assert_eq!(early.verdict, Verdict::Inconclusive);
    let looked = compare_within(&record(14), "message/a", "message/b", &options).unwrap();
    assert_eq!(plan.after(14, &looked, false), Next::Stop(Stop::Decided));
    let ended = plan.ended(14, Stop::Decided);
    assert_eq!(ended, Looks { planned: vec![14, 27, 40], pairs: 14, stop: Stop::Decided });
}
