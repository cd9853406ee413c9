//! Sides that are invalid: by what the machine did, or by what changed.

use super::*;

/// Makes a trial invalid by itself: a third of its flows never ended.
fn stall(trial: &mut Trial) {
    let unfinished = trial.flows.ended / 2;
    let started = trial.flows.ended + unfinished;
    trial.flows = Flows { due: started, started, unfinished, ..trial.flows };
}

/// The record of two dispatches. `stalls` says which trials of A and of B stall.
fn stalling(pairs: u32, stalls: impl Fn(u32) -> [bool; 2]) -> Record {
    let mut runs = vec![run("message/a", pairs, 1.0, 0.01, 1), run("message/b", pairs, 1.0, 0.01, 2)];
    for (side, run) in runs.iter_mut().enumerate() {
        run.trials.iter_mut().filter(|trial| stalls(trial.number)[side]).for_each(stall);
    }
    paired(runs)
}

/// Whether the comparison is invalid, and whether B is to blame.
fn judged(mut record: Record) -> (bool, bool) {
    record.judge(&Thresholds::default());
    let comparison = compare_within(&record, "message/a", "message/b", &Options::default()).unwrap();
    (comparison.is_invalid(), comparison.is_b_to_blame())
}

#[test]
fn a_trial_that_stalled_is_the_machine_s_doing_and_one_in_each_pair_is_that_of_b() {
    assert_eq!(judged(stalling(20, |_| [false, false])), (false, false));
    // One of twenty trials makes its run invalid, on either side.
    assert_eq!(judged(stalling(20, |number| [false, number == 3])), (true, false));
    assert_eq!(judged(stalling(20, |number| [number == 3, false])), (true, false));
    assert_eq!(judged(stalling(20, |_| [false, true])), (true, true));
    assert_eq!(judged(stalling(20, |_| [true, false])), (true, false));
    // The same in both says nothing of the change, and a stalled trial of A excuses nothing.
    assert_eq!(judged(stalling(20, |_| [true, true])), (true, false));
    assert_eq!(judged(stalling(20, |number| [number == 3, true])), (true, true));
    // Chance makes such a difference easily.
    assert_eq!(judged(stalling(20, |number| [number < 8, number >= 8])), (true, false));
}

/// Too few pairs tell nothing, unless B does nothing at all.
#[test]
fn with_few_pairs_only_a_side_in_which_no_flow_ends_is_to_blame() {
    let few = stalling(5, |_| [false, true]);
    assert_eq!(judged(few.clone()), (true, false));
    let dead = |sides: &[usize]| {
        let mut record = few.clone();
        for side in sides {
            for trial in &mut record.runs[*side].trials {
                trial.flows = Flows { ended: 0, unfinished: trial.flows.started, ..trial.flows };
                trial.response = Distribution::default();
            }
        }
        judged(record)
    };
    assert_eq!(dead(&[1]), (true, true));
    assert_eq!(dead(&[0, 1]), (true, false));
}

/// Two sides with several rows, of which trials stall.
fn rows(rows: usize, pairs: u32, stalls: impl Fn(usize, u32) -> [bool; 2]) -> Comparison {
    sides_of(rows, pairs, |row, role, run| {
        let is_stalled = |trial: &&mut Trial| stalls(row, trial.number)[usize::from(role == Role::Head)];
        run.trials.iter_mut().filter(is_stalled).for_each(stall);
    })
}

/// Where each pair takes long, there are few of each row.
#[test]
fn the_pairs_of_all_rows_are_counted_together() {
    let blamed = |comparison: &Comparison| comparison.rows.iter().filter(|row| row.is_b_to_blame).count();
    assert_eq!(blamed(&rows(8, 3, |_, _| [false, true])), 8);
    assert_eq!(blamed(&rows(1, 3, |_, _| [false, true])), 0);
    // The machine hits either side, here the head of four rows and the base of four.
    assert_eq!(blamed(&rows(8, 3, |row, _| [row < 4, row >= 4])), 0);
    // One row of eight that never answers.
    let one = rows(8, 20, |row, _| [false, row == 3]);
    assert!(one.rows[3].is_b_to_blame && blamed(&one) == 1);
}

/// A machine that stalls a trial now and then. A verdict of both runs says that B alone is invalid in many comparisons.
#[test]
fn a_machine_that_stalls_both_sides_alike_blames_b_in_one_of_a_hundred_at_most() {
    const COMPARISONS: u64 = 200;
    let mut random = Noise(7);
    let (mut alone, mut blamed) = (0, 0);
    for _ in 0..COMPARISONS {
        let hits: Vec<[bool; 2]> = (0..12).map(|_| [random.next() < 0.06, random.next() < 0.06]).collect();
        let (is_invalid, is_blamed) = judged(stalling(12, |number| hits[number as usize]));
        let any = |side: usize| hits.iter().any(|hit| hit[side]);
        assert_eq!(is_invalid, any(0) || any(1));
        alone += u64::from(any(1) && !any(0));
        blamed += u64::from(is_blamed);
    }
    assert!(alone > COMPARISONS / 10 && blamed <= COMPARISONS / 100, "{alone} {blamed}");
}
