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

/// As many bits as numbers are remembered: more would be memory that is never looked at.
#[test]
fn a_window_takes_128_kib() {
    assert_eq!(size_of_val(&*Window::default().words), 128 << 10);
}

/// The oldest word may hold bits of a number a window later, so a window tells a word less than it holds.
#[test]
fn a_number_is_told_apart_up_to_a_window_less_a_word_behind() {
    let mut window = Window { head: 3 * WINDOW_LEN, ..Window::default() };
    let oldest = window.head - (WINDOW_LEN - WORD_BITS);
    for (seq, seen) in [
        (oldest, Seen::New),
        (oldest, Seen::Again),
        (oldest - 1, Seen::BeyondWindow),
        (oldest + 20_000, Seen::New),
        (oldest + 20_000, Seen::Again),
        (oldest + 20_000, Seen::Again),
    ] {
        assert_eq!(window.note(seq), seen, "{}", seq - oldest + 1);
    }
    assert_eq!(window.head, 3 * WINDOW_LEN, "what comes late moves nothing");
}

#[test]
fn a_jump_into_a_used_word_forgets_what_it_held_a_window_ago() {
    let mut window = Window::default();
    window.note_next(1_000);
    assert_eq!(window.note(WINDOW_LEN + 70), Seen::New);
    for seq in [WINDOW_LEN + 65, WINDOW_LEN + 69, WINDOW_LEN + 1, WINDOW_LEN + 63] {
        assert_eq!(window.note(seq), Seen::New, "{}", seq - WINDOW_LEN);
    }
    assert_eq!(window.note(WINDOW_LEN + 128), Seen::New, "the first of a word");
    assert_eq!(window.note(WINDOW_LEN + 129), Seen::New);
    assert_eq!(window.note(WINDOW_LEN + 131), Seen::New);
    assert_eq!(window.note(WINDOW_LEN + 130), Seen::New, "a gap within a word");
    assert_eq!(window.note(WINDOW_LEN + 129), Seen::Again, "and forgets nothing of it");
    // The window still knows the numbers before the jump that lie within it.
    assert_eq!(window.note(999), Seen::Again);
}

#[test]
fn a_message_behind_the_window_is_neither_late_nor_a_duplicate() {
    let wound_on = || Window { head: 3 * WINDOW_LEN, ..Window::default() };
    let beyond = Found { beyond_window: 2, ..Found::default() };
    let mut alone = Audit { windows: vec![wound_on()], ..Audit::alone(vec![0]) };
    let group = Arc::new(Group(Mutex::new(vec![wound_on()])));
    let mut member = Audit::member(group, vec![0]);
    for seq in [5, 5] {
        assert_eq!(alone.note(0, seq), Some(Seen::BeyondWindow), "nobody knows what it is");
        member.note(0, seq);
    }
    assert!(member.settle());
    assert_eq!((alone.found, member.found.beyond_window), (beyond, 2));
    assert_eq!((alone.again(), member.again()), (&[2][..], &[2][..]), "a repetition for all that is known");
}

/// Three streams: two of them of the second of two destinations that the lane hears.
#[test]
fn each_heard_destination_has_its_own_count_of_repetitions() {
    let handed = [(0, 0), (1, 0), (2, 0), (1, 0), (2, 0), (2, 0), (0, 0), (2, 1)];
    let mut alone = Audit::alone(vec![0, 1, 1]);
    let mut member = Audit::member(Arc::new(Group::new(3)), vec![0, 1, 1]);
    assert_eq!(alone.again(), [0, 0]);
    for (stream, seq) in handed {
        alone.note(stream, seq);
        member.note(stream, seq);
    }
    assert_eq!((alone.again(), alone.found.duplicated), (&[1, 3][..], 4));
    assert_eq!(alone.entered(), None, "alone, everything is told apart at once");
    assert_eq!(
        (member.again(), member.entered()),
        (&[0, 0][..], Some(&[0, 0][..])),
        "nothing was entered yet"
    );
    assert!(member.settle());
    assert_eq!((member.again(), member.entered()), (&[1, 3][..], Some(&[2, 6][..])));
    assert_eq!(member.found.duplicated, 4);
    assert!(!member.settle(), "there is nothing left to enter");
    assert!(!alone.settle(), "who is alone has nothing to enter");
}

/// Counters are published again only where something else than the usual was found.
#[test]
fn what_is_noted_says_whether_it_is_what_was_expected() {
    let mut alone = Audit::alone(vec![0]);
    assert_eq!(alone.note(0, 0), None, "the next one");
    assert_eq!(alone.note(0, 2), Some(Seen::New), "a gap");
    assert_eq!(alone.note(0, 1), Some(Seen::New), "late");
    assert_eq!(alone.note(0, 1), Some(Seen::Again), "handed over again");
    assert_eq!(alone.note(0, 3), None, "the next one again");
    // A member's notes are entered once there are so many that the lock is worth it.
    let mut member = Audit::member(Arc::new(Group::new(1)), vec![0]);
    for seq in 0..2 * NOTES as u32 {
        let is_full = (seq + 1).is_multiple_of(NOTES as u32);
        assert_eq!(member.note(0, seq), is_full.then_some(Seen::New), "{seq}");
        let entered = u64::from(seq + 1) / NOTES as u64 * NOTES as u64;
        assert_eq!(member.entered(), Some(&[entered][..]), "{seq}");
    }
    assert_eq!(member.found, Found::default());
}

#[test]
fn only_the_next_number_is_expected() {
    let mut alone = Audit::alone(vec![0, 0]);
    assert!(alone.expects(1, 0) && !alone.expects(1, 1));
    assert!(!alone.note_if_expected(1, 1), "a gap is not noted");
    assert!(alone.note_if_expected(1, 0));
    assert!(alone.expects(1, 1) && alone.expects(0, 0), "each stream has numbers of its own");
    alone.note_expected(1, 70);
    assert!(alone.expects(1, 71) && !alone.expects(1, 1));
    assert_eq!(alone.note(1, 70), Some(Seen::Again), "handed over again");
    assert_eq!(alone.found, Found { duplicated: 1, ..Found::default() });
    // A member of a group cannot know which messages another member was handed.
    let mut member = Audit::member(Arc::new(Group::new(2)), vec![0, 0]);
    assert!(!member.expects(1, 0) && !member.note_if_expected(1, 0));
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
