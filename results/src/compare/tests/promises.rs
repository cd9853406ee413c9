//! Sides that break a promise of delivery: one, both, and one more than the other.

use super::*;

/// 20 pairs. `lost` gives what a trial of A and of B loses, and B takes `factor` times as long.
fn losing(factor: f64, lost: impl Fn(u32) -> [u64; 2]) -> Comparison {
    let mut runs = vec![run("message/a", 20, 1.0, 0.01, 1), run("message/b", 20, factor, 0.01, 2)];
    for (side, run) in runs.iter_mut().enumerate() {
        for trial in &mut run.trials {
            trial.audit.lost = lost(trial.number)[side];
        }
    }
    compare_within(&paired(runs), "message/a", "message/b", &Options::default()).unwrap()
}

fn broken(comparison: &Comparison) -> (Option<&str>, Option<&str>, bool) {
    let row = &comparison.rows[0];
    (row.broken_promise.as_deref(), row.broken_by_both.as_deref(), comparison.breaks_promise())
}

#[test]
fn a_promise_that_only_one_side_breaks() {
    assert_eq!(broken(&losing(1.0, |_| [0, 0])), (None, None, false));
    let head = losing(1.0, |number| [0, u64::from(number == 7)]);
    assert_eq!(broken(&head), (Some("1 lost"), None, true));
    assert_eq!(head.rows[0].broken_in_words().unwrap(), "B breaks a promise that A keeps: 1 lost");
    // A change that mends it.
    let base = losing(1.0, |_| [5, 0]);
    assert_eq!((broken(&base), base.rows[0].broken_in_words()), ((None, None, false), None));
}

/// A base that loses a message now and then excuses no head that loses many in every trial.
#[test]
fn a_head_that_breaks_it_clearly_more_often_is_told() {
    let worse = losing(1.0, |number| [u64::from(number == 3), 50]);
    assert_eq!(broken(&worse), (Some("1000 lost"), Some("A 1 lost; B 1000 lost"), true));
    let words = "both sides break their promise, and B has more faults: A 1 lost; B 1000 lost";
    assert_eq!(worse.rows[0].broken_in_words().unwrap(), words);
    // The same the other way round, equally often, and a difference that chance makes easily.
    for lost in [[50, 1], [5, 5]] {
        let no_worse = losing(1.0, |_| lost);
        assert!(!no_worse.breaks_promise() && no_worse.broken_by_both().count() == 1, "{lost:?}");
    }
    let chance = losing(1.0, |number| if number % 2 == 0 { [1, 0] } else { [0, 3] });
    assert_eq!(broken(&chance), (None, Some("A 10 lost; B 30 lost"), false));
    let words = "both sides break their promise: A 10 lost; B 30 lost";
    assert_eq!(chance.rows[0].broken_in_words().unwrap(), words);
}

/// A message that is lost takes no time.
#[test]
fn no_improvement_is_said_of_a_head_whose_audit_failed() {
    assert_eq!(losing(0.7, |_| [5, 0]).verdict, Verdict::Improvement, "the head mends it and is faster");
    for lost in [[0, 5], [5, 5], [1, 500]] {
        let faster = losing(0.7, |_| lost);
        assert_eq!(faster.verdict, Verdict::Inconclusive, "{lost:?}");
        let gates = &faster.rows[0].gates;
        assert!(gates.iter().all(|gate| gate.verdict != Verdict::Improvement), "{lost:?}");
        let why = "inconclusive: B came out better, but its audit failed";
        assert!(gates[0].sentence().starts_with(why), "{}", gates[0].sentence());
        // Worse it may well be, and then it is said.
        assert_eq!(losing(1.3, |_| lost).verdict, Verdict::Regression, "{lost:?}");
    }
}

/// Records of different times have no pairs, so nothing says that B is worse.
#[test]
fn without_pairs_both_are_named() {
    let mut a = run("message/a", 3, 1.0, 0.01, 1);
    a.trials[0].audit.lost = 1;
    let mut b = a.clone();
    b.trials.iter_mut().for_each(|trial| trial.audit.lost = 100);
    let record = |run| Record { id: "r".into(), runs: vec![run], ..Record::default() };
    let shown = compare(&record(a), &record(b), &Options::default()).unwrap();
    assert_eq!(broken(&shown), (None, Some("A 1 lost; B 300 lost"), false));
}

/// Both sides of each row lose messages. `lost` gives what a trial of A and of B loses, by row and trial.
fn losing_in_rows(rows: usize, lost: impl Fn(usize, u32) -> [u64; 2]) -> Comparison {
    sides_of(rows, 20, |row, role, run| {
        for trial in &mut run.trials {
            trial.audit.lost = lost(row, trial.number)[usize::from(role == Role::Head)];
        }
    })
}

/// Seventeen of twenty pairs are enough in one row. In one of eight rows they come by chance.
#[test]
fn several_rows_in_which_both_sides_break_it_are_judged_together() {
    let seventeen = |number: u32| if number < 17 { [1, 2] } else { [2, 1] };
    assert!(losing_in_rows(1, |_, number| seventeen(number)).breaks_promise());
    let eight = losing_in_rows(8, |_, number| seventeen(number));
    assert_eq!((eight.broken_promises().count(), eight.broken_by_both().count()), (0, 8));
    // All twenty are enough in any number of rows, and change nothing for the others.
    let one = losing_in_rows(8, |row, number| if row == 3 { [1, 2] } else { seventeen(number) });
    let broken: Vec<&str> = one.broken_promises().filter_map(|(row, _)| row.name.as_deref()).collect();
    assert_eq!(broken, ["message/3"]);
}
