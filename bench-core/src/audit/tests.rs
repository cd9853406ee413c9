//! Tests of the audit with sequences of known faults.

use super::*;
use proptest::prelude::*;
use std::{collections::HashSet, sync::Arc};

fn audit(seqs: impl IntoIterator<Item = u32>) -> Found {
    let mut audit = Audit::alone(vec![0]);
    for seq in seqs {
        audit.note(0, seq);
    }
    audit.found
}

#[test]
fn order_duplicates_and_swaps_are_told_apart() {
    assert_eq!(audit([0, 1, 2, 3]), Found::default());
    let swapped = Found { reordered: 1, displacement_max: 1, displacement_sum: 1, ..Found::default() };
    assert_eq!(audit([0, 2, 1, 3]), swapped);
    assert_eq!(audit([0, 1, 1, 2]), Found { duplicated: 1, ..Found::default() });
    assert_eq!(audit([0, 2, 1, 1, 3]), Found { duplicated: 1, ..swapped });
    assert_eq!(audit([5, 9]), Found::default(), "a gap is a loss, seen by counting");
}

#[test]
fn how_far_a_message_came_behind_is_its_distance_from_the_highest_seen() {
    let found = |displacement_max, displacement_sum, reordered| Found {
        reordered,
        displacement_max,
        displacement_sum,
        ..Found::default()
    };
    assert_eq!(audit([0, 2, 3, 4, 5, 6, 1, 7]), found(5, 5, 1), "one comes five late");
    assert_eq!(audit([5, 4, 3, 2, 1, 0]), found(5, 15, 5), "the highest stays the highest");
    assert_eq!(audit([0, 9, 3]), found(6, 6, 1), "what never comes lies between, too");
    assert_eq!(audit([0, 1, 2, 3, 4, 0]), Found { duplicated: 1, ..Found::default() });
    let wrapped = Window { head: u64::from(u32::MAX), ..Window::default() };
    let mut audit = Audit { windows: vec![wrapped], ..Audit::alone(vec![0]) };
    for seq in [0, 1, 2, u32::MAX] {
        audit.note(0, seq);
    }
    assert_eq!(audit.found, found(3, 3, 1), "numbers wrap");
}

#[test]
fn a_member_of_a_group_has_displacements_of_its_own() {
    let group = Arc::new(Group::new(1));
    let mut members: Vec<Audit> = (0..2).map(|_| Audit::member(Arc::clone(&group), vec![0])).collect();
    for (member, seq) in [(0, 0), (1, 1), (0, 8), (1, 3), (0, 4), (1, 2), (0, 2)] {
        members[member].note(0, seq);
    }
    for member in members.iter_mut().rev() {
        member.settle();
    }
    let second = Found { reordered: 1, displacement_max: 1, displacement_sum: 1, ..Found::default() };
    assert_eq!(members[1].found, second, "2 after 3; that another was handed 8 is no matter");
    let first = Found { reordered: 1, displacement_max: 4, displacement_sum: 4, duplicated: 1, ..second };
    assert_eq!(members[0].found, first, "4 after 8; the other 2 is a duplicate, not late");
}

#[test]
fn numbers_wrap() {
    let window = Window { head: u64::from(u32::MAX) - 1, ..Window::default() };
    let mut audit = Audit { windows: vec![window], ..Audit::alone(vec![0]) };
    for seq in [u32::MAX - 1, u32::MAX, 0, 1, 0] {
        audit.note(0, seq);
    }
    assert_eq!(audit.found, Found { duplicated: 1, ..Found::default() });
    assert_eq!(audit.windows[0].head, u64::from(u32::MAX) + 3);
}

#[test]
fn a_jump_over_the_whole_window_forgets_it() {
    let mut window = Window::default();
    for seq in 0..1_000 {
        window.note(seq);
    }
    assert_eq!(window.note(WINDOW_LEN + 70), Seen::New);
    assert_eq!(window.note(WINDOW_LEN + 3), Seen::New, "its bit was used by an older number");
    assert_eq!(window.note(WINDOW_LEN + 3), Seen::Again);
    assert_eq!(window.note(5), Seen::BeyondWindow);
    assert_eq!(window.note(WINDOW_LEN * 9), Seen::New);
    assert_eq!(window.note(WINDOW_LEN * 9 - 64), Seen::New);
}

#[test]
fn competing_members_share_one_memory() {
    let group = Arc::new(Group::new(1));
    let mut members: Vec<Audit> = (0..2).map(|_| Audit::member(Arc::clone(&group), vec![0])).collect();
    for seq in 0..10_000 {
        members[seq as usize % 2].note(0, seq);
    }
    members[1].note(0, 4_000); // was handed to the other member
    for member in &mut members {
        member.settle();
    }
    let duplicated: u64 = members.iter().map(|member| member.found.duplicated).sum();
    assert_eq!(duplicated, 1);
    assert!(members.iter().all(|member| member.found.reordered == 0));
}

#[test]
fn what_is_noted_at_once_is_as_noted_one_by_one() {
    let (mut at_once, mut one_by_one) = (Window::default(), Window::default());
    for count in [1, 63, 64, 65, 1, 200, 0, 7, WINDOW_LEN as u32, 129] {
        at_once.note_next(count);
        (0..count).for_each(|_| one_by_one.note_one());
        assert_eq!(at_once.head, one_by_one.head);
        assert!(at_once.words == one_by_one.words, "after {count} up to {}", at_once.head);
    }
}

/// As it is defined, with everything that was ever handed over at hand.
fn displacements_by_hand(seqs: &[u32]) -> Vec<u64> {
    let highest_before = |at: usize| seqs[..at].iter().max().copied().unwrap_or(0);
    let behind = |(at, seq): (usize, &u32)| u64::from(highest_before(at).saturating_sub(*seq));
    seqs.iter().enumerate().map(behind).filter(|behind| *behind > 0).collect()
}

proptest! {
    #[test]
    fn displacements_are_as_counted_by_hand(
        seqs in (1_u32..300).prop_flat_map(|n| Just((0..n).collect::<Vec<_>>()).prop_shuffle()),
    ) {
        let by_hand = displacements_by_hand(&seqs);
        let alone = audit(seqs.iter().copied());
        let mut member = Audit::member(Arc::new(Group::new(1)), vec![0]);
        for seq in &seqs {
            member.note(0, *seq);
        }
        member.settle();
        for found in [alone, member.found] {
            prop_assert_eq!(found.reordered, by_hand.len() as u64);
            prop_assert_eq!(found.displacement_max, by_hand.iter().max().copied().unwrap_or(0));
            prop_assert_eq!(found.displacement_sum, by_hand.iter().sum::<u64>());
            prop_assert_eq!(found.duplicated, 0);
        }
    }

    #[test]
    fn agrees_with_an_exact_set(jumps in prop::collection::vec((0_u64..300, 0_u64..900), 1..400)) {
        let (mut window, mut set, mut head) = (Window::default(), HashSet::new(), 0_u64);
        for (ahead, back) in jumps {
            head += ahead;
            let seq = head.saturating_sub(back);
            let expected = if set.insert(seq) { Seen::New } else { Seen::Again };
            prop_assert_eq!(window.note(seq), expected);
        }
    }
}
