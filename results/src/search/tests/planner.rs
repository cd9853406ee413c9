//! Tests of the search against scripted targets: answers it must find, and rules it must keep whatever the target does.

use super::super::*;
use crate::model::search::{Answer, End, Judgement, Phase};
use proptest::prelude::*;

/// A search of a target: the answer and every hold that was made.
fn drive(plan: Plan, mut target: impl FnMut(Ask) -> Outcome) -> (Answer, Vec<(Ask, Outcome)>) {
    let mut planner = Planner::new(plan);
    let mut holds = Vec::new();
    loop {
        match planner.next() {
            Next::Done(answer) => return (answer, holds),
            Next::Hold(ask) => {
                assert!(holds.len() < 10_000, "stuck at {ask:?}");
                let outcome = target(ask);
                planner.report(outcome);
                holds.push((ask, outcome));
            }
        }
    }
}

const PLAN: Plan = Plan {
    from_per_s: 500.0,
    to_per_s: 500.0 * 4_096.0,
    least_per_s: 500.0 / 4_096.0,
    lower_might_keep: false,
    precision: 0.02,
    repeats: 3,
    max_holds: 30,
    keeps_state: false,
};

const KEPT: Outcome = Outcome { judgement: Judgement::Kept, disturbed: false };
const MISSED: Outcome = Outcome { judgement: Judgement::Missed { collapsed: false }, disturbed: false };
const COLLAPSED: Outcome = Outcome { judgement: Judgement::Missed { collapsed: true }, disturbed: false };

/// Keeps the goal up to a limit.
fn up_to(limit_per_s: f64) -> impl FnMut(Ask) -> Outcome {
    move |ask| if ask.rate_per_s <= limit_per_s { KEPT } else { MISSED }
}

#[test]
fn a_limit_near_the_start_takes_ten_holds() {
    let (answer, holds) = drive(PLAN, up_to(769.7));
    assert_eq!(answer.end, End::Found);
    let (kept, failed) = (answer.kept_per_s.unwrap(), answer.failed_per_s.unwrap());
    assert!(kept <= 769.7 && 769.7 < failed && failed <= kept * 1.02, "{kept} {failed}");
    assert_eq!((holds.len(), answer.repeats_kept), (10, 3));
}

#[test]
fn a_goal_that_no_rate_keeps_ends_below() {
    let (answer, holds) = drive(PLAN, |_| MISSED);
    assert_eq!((answer.end, answer.kept_per_s), (End::NeverKept, None));
    assert_eq!(answer.failed_per_s, Some(PLAN.least_per_s));
    assert!(holds.len() <= 6, "{holds:?}");
    assert!(holds.windows(2).all(|pair| pair[1].0.rate_per_s < pair[0].0.rate_per_s));
}

#[test]
fn a_goal_that_every_rate_keeps_ends_at_the_highest_allowed() {
    let plan = Plan { to_per_s: 3_000.0, ..PLAN };
    let (answer, holds) = drive(plan, |_| KEPT);
    assert_eq!((answer.end, answer.kept_per_s), (End::AlwaysKept, Some(3_000.0)));
    assert_eq!((answer.failed_per_s, answer.repeats_kept, holds.len()), (None, 3, 8));
}

/// One rate is held, and nothing else, whatever it comes to.
#[test]
fn bounds_of_a_single_rate_are_never_left() {
    let one =
        Plan { from_per_s: 1_000.0, to_per_s: 1_000.0, least_per_s: 1_000.0, keeps_state: true, ..PLAN };
    for (outcome, end, holds_made) in
        [(KEPT, End::AlwaysKept, 4), (MISSED, End::NeverKept, 1), (COLLAPSED, End::NeverKept, 1)]
    {
        let (answer, holds) = drive(one, |_| outcome);
        assert_eq!((answer.end, holds.len()), (end, holds_made), "{outcome:?}");
        assert!(holds.iter().all(|(ask, _)| ask.rate_per_s == 1_000.0), "{holds:?}");
    }
    // A first rate that lies outside is moved to the bound.
    let (_, holds) = drive(Plan { from_per_s: 5.0, ..one }, |_| KEPT);
    assert!(holds.iter().all(|(ask, _)| ask.rate_per_s == 1_000.0), "{holds:?}");
}

/// That no rate keeps the goal is said only where the lowest rate of interest was judged.
#[test]
fn a_goal_missed_down_to_where_holds_are_too_short_is_not_never_kept() {
    for (lower_might_keep, end) in [(false, End::NeverKept), (true, End::TooFew)] {
        let plan = Plan { least_per_s: 400.0, lower_might_keep, ..PLAN };
        assert_eq!(drive(plan, |_| MISSED).0.end, end);
        let (answer, _) =
            drive(plan, |ask| if ask.phase == Phase::Repeat { MISSED } else { up_to(400.0)(ask) });
        assert_eq!((answer.end, answer.kept_per_s, answer.failed_per_s), (end, None, Some(400.0)));
    }
}

const TOO_FEW: Outcome = Outcome { judgement: Judgement::TooFew, disturbed: false };

#[test]
fn too_few_samples_are_not_looked_for_at_lower_rates() {
    let (answer, holds) = drive(PLAN, |_| TOO_FEW);
    assert_eq!((answer.end, holds.len()), (End::TooFew, 1));
    assert_eq!((answer.kept_per_s, answer.failed_per_s), (None, None), "nothing is known of that rate");
}

#[test]
fn too_few_samples_on_the_way_end_the_search_with_what_is_known() {
    // Down from what fails, until it cannot be told.
    let (answer, _) = drive(PLAN, |ask| if ask.rate_per_s < 100.0 { TOO_FEW } else { MISSED });
    assert_eq!((answer.end, answer.kept_per_s), (End::TooFew, None));
    assert!(answer.failed_per_s.is_some_and(|failed| failed >= 100.0), "{answer:?}");
    // Repeats that are shorter than the holds before them: the rate is not lowered for it.
    let mut target = up_to(769.7);
    let (answer, holds) = drive(PLAN, |ask| if ask.phase == Phase::Repeat { TOO_FEW } else { target(ask) });
    assert_eq!((answer.end, answer.repeats_kept), (End::TooFew, 0));
    assert_eq!(holds.iter().filter(|(ask, _)| ask.phase == Phase::Repeat).count(), 1);
    assert!(answer.kept_per_s.unwrap() <= 769.7 && answer.failed_per_s.unwrap() > 769.7, "{answer:?}");
    // A check of a recovery that is too short is no sign that the target did not recover.
    let mut target = up_to(769.7);
    let (answer, _) = drive(Plan { keeps_state: true, ..PLAN }, |ask| match (ask.phase, target(ask)) {
        (Phase::Recover, _) => TOO_FEW,
        (_, MISSED) => COLLAPSED,
        (_, kept) => kept,
    });
    assert_eq!((answer.end, answer.kept_per_s), (End::TooFew, Some(500.0)));
}

#[test]
fn a_repeat_that_fails_lowers_the_rate_and_holds_it_again() {
    let mut repeats = 0;
    let (answer, holds) = drive(PLAN, |ask| {
        if ask.phase == Phase::Repeat {
            repeats += 1;
            return if repeats == 2 { MISSED } else { KEPT };
        }
        up_to(769.7)(ask)
    });
    assert_eq!((answer.end, answer.repeats_kept, repeats), (End::Found, 3, 5));
    let failed = answer.failed_per_s.unwrap();
    assert!((failed / answer.kept_per_s.unwrap() - 1.01).abs() < 1e-9, "{answer:?}");
    assert!(failed < 769.7, "the rate that was lowered is the lowest that failed");
    assert_eq!(holds.len(), 12);
}

#[test]
fn a_disturbed_hold_is_made_again_twice_whatever_it_came_to() {
    for judgement in [Judgement::Kept, Judgement::Missed { collapsed: false }] {
        let mut made = 0;
        let (_, holds) = drive(PLAN, |_| {
            made += 1;
            Outcome { judgement, disturbed: made < 3 || made == 4 }
        });
        let rates: Vec<f64> = holds.iter().map(|(ask, _)| ask.rate_per_s).collect();
        assert_eq!(rates[..3], [500.0; 3]);
        assert!(rates[3] != 500.0 && rates[4] == rates[3] && rates[5] != rates[3], "{rates:?}");
    }
}

#[test]
fn a_host_that_is_busy_all_along_is_not_waited_for() {
    let mut target = up_to(769.7);
    let (answer, holds) = drive(PLAN, |ask| Outcome { disturbed: true, ..target(ask) });
    // Ten, and two for the first.
    assert_eq!((answer.end, holds.len()), (End::Found, 12));
    assert!(holds[..3].iter().all(|(ask, _)| ask.rate_per_s == 500.0));
}

#[test]
fn a_target_that_keeps_state_is_checked_after_a_collapse() {
    let mut ill = 0;
    let (answer, holds) = drive(Plan { keeps_state: true, max_holds: 60, ..PLAN }, |ask| {
        if ill > 0 {
            ill -= 1;
            return MISSED;
        }
        if ask.rate_per_s > 769.7 {
            ill = 2;
            return COLLAPSED;
        }
        KEPT
    });
    assert_eq!(answer.end, End::Found);
    assert!(answer.kept_per_s.unwrap() <= 769.7 && answer.failed_per_s.unwrap() > 769.7, "{answer:?}");
    for pair in holds.windows(2) {
        let recovers = pair[1].0.phase == Phase::Recover;
        assert!(pair[0].1 != COLLAPSED || recovers, "nothing but a check follows a collapse: {pair:?}");
        assert!(!recovers || pair[1].0.rate_per_s <= 400.0, "the check is at a low rate: {pair:?}");
    }
}

#[test]
fn a_target_that_never_recovers_ends_the_search() {
    let mut dead = false;
    let (answer, holds) = drive(Plan { keeps_state: true, ..PLAN }, |ask| {
        dead |= ask.rate_per_s > 769.7;
        if dead { COLLAPSED } else { KEPT }
    });
    assert_eq!(
        (answer.end, answer.kept_per_s, answer.failed_per_s),
        (End::NotRecovered, Some(500.0), Some(900.0))
    );
    assert_eq!(holds.len(), 2 + 5);
}

#[test]
fn stopping_keeps_what_is_known() {
    let mut planner = Planner::new(PLAN);
    planner.report(KEPT);
    planner.report(MISSED);
    planner.stop(End::Interrupted);
    let Next::Done(answer) = planner.next() else { panic!("not done") };
    assert_eq!(
        (answer.end, answer.kept_per_s, answer.failed_per_s),
        (End::Interrupted, Some(500.0), Some(900.0))
    );
    planner.report(KEPT);
    assert_eq!(planner.next(), Next::Done(answer));
}

/// What must hold of every search, whatever the target does.
fn check(plan: Plan, answer: Answer, holds: &[(Ask, Outcome)]) -> Result<(), TestCaseError> {
    prop_assert!(holds.len() <= plan.max_holds as usize, "{} holds", holds.len());
    if let (Some(kept), Some(failed)) = (answer.kept_per_s, answer.failed_per_s) {
        prop_assert!(kept < failed, "{answer:?}");
    }
    for rate in
        holds.iter().map(|(ask, _)| ask.rate_per_s).chain(answer.kept_per_s).chain(answer.failed_per_s)
    {
        prop_assert!((plan.least_per_s..=plan.to_per_s).contains(&rate), "{rate} is outside the bounds");
    }
    for (i, (ask, outcome)) in holds.iter().enumerate().filter(|(_, (ask, _))| ask.phase != Phase::Recover) {
        // A disturbed hold that was made again, or would have been, does not count.
        let again = holds.get(i + 1).is_none_or(|(next, _)| next.rate_per_s == ask.rate_per_s);
        if let Some(kept) = answer.kept_per_s
            && !matches!(outcome.judgement, Judgement::Kept | Judgement::TooFew)
            && !(outcome.disturbed && again)
        {
            prop_assert!(kept < ask.rate_per_s, "{kept} is not below {ask:?}, which failed");
        }
    }
    if answer.end == End::Found {
        prop_assert_eq!(answer.repeats_kept, plan.repeats);
        let rate = answer.kept_per_s.unwrap();
        let again = holds.iter().filter(|(ask, outcome)| {
            ask.phase == Phase::Repeat && ask.rate_per_s == rate && outcome.judgement == Judgement::Kept
        });
        prop_assert!(again.count() >= plan.repeats as usize);
    }
    Ok(())
}

proptest! {
    /// A sharp limit anywhere is found to the precision.
    #[test]
    fn a_sharp_limit_is_found(limit_ln in -4.0..12.0f64, precision in 0.005..0.2f64) {
        let limit = limit_ln.exp();
        let plan = Plan { precision, max_holds: 60, ..PLAN };
        let (answer, holds) = drive(plan, up_to(limit));
        check(plan, answer, &holds)?;
        if limit > plan.to_per_s {
            prop_assert_eq!(answer.end, End::AlwaysKept);
        } else if limit >= plan.least_per_s {
            prop_assert_eq!(answer.end, End::Found);
            let kept = answer.kept_per_s.unwrap();
            prop_assert!(kept <= limit && limit <= kept * (1.0 + precision), "{kept} {limit}");
        }
    }

    /// The goal is missed more and more often from somewhat below the limit on: the answer is near, and never more holds.
    #[test]
    fn a_noisy_limit_is_found_nearby(limit in 100.0..20_000.0f64, noise in 0.0..0.05f64, draws in prop::collection::vec(-1.0..1.0f64, 64)) {
        let mut draws = draws.into_iter().cycle();
        let (answer, holds) = drive(PLAN, |ask| {
            let strays = draws.next().unwrap() * noise;
            if ask.rate_per_s <= limit * (1.0 + strays) { KEPT } else { MISSED }
        });
        check(PLAN, answer, &holds)?;
        let kept = answer.kept_per_s.unwrap();
        prop_assert!(kept <= limit * (1.0 + noise) && kept >= limit * (1.0 - noise) / 1.25, "{kept} {limit}");
    }

    /// Anything at all: never more holds than allowed, never an answer above what failed, never stuck.
    #[test]
    fn nothing_makes_it_stick(
        outcomes in prop::collection::vec((0..40u8, prop::bool::weighted(0.2)), 1..80),
        max_holds in 1..40u32, repeats in 1..5u32, keeps_state: bool, from in 1.0..1e6f64, precision in 0.001..0.5f64,
        (above, below) in (0..4u32, 0..4u32), lower_might_keep: bool,
    ) {
        // Wide and narrow bounds, those of a single rate included.
        let plan = Plan {
            from_per_s: from, to_per_s: from * 8f64.powi(above as i32), least_per_s: from / 8f64.powi(below as i32),
            lower_might_keep, precision, repeats, max_holds, keeps_state,
        };
        let mut outcomes = outcomes.into_iter().cycle();
        let (answer, holds) = drive(plan, |_| {
            let (what, disturbed) = outcomes.next().unwrap();
            let judgement = match what {
                0..20 => Judgement::Kept,
                20..30 => Judgement::Missed { collapsed: false },
                30..39 => Judgement::Missed { collapsed: true },
                _ => Judgement::TooFew,
            };
            Outcome { judgement, disturbed }
        });
        check(plan, answer, &holds)?;
    }
}
