//! Tests of the audit with sequences of known faults.

use super::{window::WORD_BITS, *};
use proptest::prelude::*;
use std::{collections::HashSet, sync::Arc};

fn remembering(window: Window) -> Memory {
    Memory { windows: vec![window], rolled_back: None }
}

fn audit(seqs: impl IntoIterator<Item = u32>) -> Found {
    let mut audit = Auditor::alone(vec![0]);
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
    let mut audit = Auditor { memory: remembering(wound_on(u64::from(u32::MAX))), ..Auditor::alone(vec![0]) };
    for seq in [0, 1, 2, u32::MAX] {
        audit.note(0, seq);
    }
    assert_eq!(audit.found, found(3, 3, 1), "numbers wrap");
}

#[test]
fn a_member_of_a_group_has_displacements_of_its_own() {
    let group = Arc::new(Group::new(1, 2));
    let mut members: Vec<Auditor> = (0..2).map(|_| Auditor::member(Arc::clone(&group), vec![0])).collect();
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
    let mut audit =
        Auditor { memory: remembering(wound_on(u64::from(u32::MAX) - 1)), ..Auditor::alone(vec![0]) };
    for seq in [u32::MAX - 1, u32::MAX, 0, 1, 0] {
        audit.note(0, seq);
    }
    assert_eq!(audit.found, Found { duplicated: 1, ..Found::default() });
    assert_eq!(audit.memory.windows[0].head(), u64::from(u32::MAX) + 3);
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
    let group = Arc::new(Group::new(1, 2));
    let mut members: Vec<Auditor> = (0..2).map(|_| Auditor::member(Arc::clone(&group), vec![0])).collect();
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
        assert_eq!(at_once.head(), one_by_one.head());
        // A gap, so that bits are kept from here on.
        let head = at_once.head();
        assert_eq!([&mut at_once, &mut one_by_one].map(|window| window.note(head + 70)), [Seen::New; 2]);
        for seq in (head..head + 70).step_by(7) {
            assert_eq!(at_once.note(seq), one_by_one.note(seq), "after {count} up to {seq}");
        }
    }
}

/// A window whose highest number is one below `head`. No other number of it was seen.
fn wound_on(head: u64) -> Window {
    let mut window = Window::default();
    window.note(head - 1);
    window
}

/// As many bits as numbers are remembered: more would be memory that is never looked at.
#[test]
fn a_window_takes_128_kib_at_most() {
    let mut window = wound_on(9 * WINDOW_LEN);
    window.note_next(3 * WINDOW_LEN as u32);
    assert_eq!(window.held_bytes(), 128 << 10);
}

/// Ten thousand producers have a window each.
#[test]
fn a_window_takes_what_its_gaps_span() {
    let mut window = Window::default();
    window.note_next(10_000_000);
    assert_eq!(window.held_bytes(), 0, "nothing is missing");
    let head = window.head();
    window.note(head + 1);
    assert!((8..=16).contains(&window.held_bytes()), "{} bytes for a swap of two", window.held_bytes());
    for late in 0..10_000 {
        assert_eq!(window.note(head + 2 * late), Seen::New, "the missing one comes");
        assert_eq!(window.note(head + 2 * late + 3), Seen::New, "and another is missing");
    }
    assert!(window.held_bytes() <= 16, "{} bytes for one gap at a time", window.held_bytes());
    window.note(window.head() + 1_000);
    assert!((128..=256).contains(&window.held_bytes()), "{} bytes for 1,000", window.held_bytes());
    assert_eq!(size_of::<Window>(), 48, "and itself");
}

/// The oldest word may hold bits of a number a window later, so a window tells a word less than it holds.
#[test]
fn a_number_is_told_apart_up_to_a_window_less_a_word_behind() {
    let mut window = wound_on(3 * WINDOW_LEN);
    let oldest = window.head() - (WINDOW_LEN - WORD_BITS);
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
    assert_eq!(window.head(), 3 * WINDOW_LEN, "what comes late moves nothing");
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
    let wound_on = || wound_on(3 * WINDOW_LEN);
    let beyond = Found { beyond_window: 2, ..Found::default() };
    let mut alone = Auditor { memory: remembering(wound_on()), ..Auditor::alone(vec![0]) };
    let group = Arc::new(Group { memory: Mutex::new(remembering(wound_on())), ..Group::new(1, 2) });
    let mut member = Auditor::member(group, vec![0]);
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
    let mut alone = Auditor::alone(vec![0, 1, 1]);
    let mut member = Auditor::member(Arc::new(Group::new(3, 2)), vec![0, 1, 1]);
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
    let mut alone = Auditor::alone(vec![0]);
    assert_eq!(alone.note(0, 0), None, "the next one");
    assert_eq!(alone.note(0, 2), Some(Seen::New), "a gap");
    assert_eq!(alone.note(0, 1), Some(Seen::New), "late");
    assert_eq!(alone.note(0, 1), Some(Seen::Again), "handed over again");
    assert_eq!(alone.note(0, 3), None, "the next one again");
    // A member's notes are entered once there are so many that the lock is worth it.
    let mut member = Auditor::member(Arc::new(Group::new(1, 2)), vec![0]);
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
    let mut alone = Auditor::alone(vec![0, 0]);
    assert!(alone.expects(1, 0) && !alone.expects(1, 1));
    assert!(!alone.note_if_expected(1, 1), "a gap is not noted");
    assert!(alone.note_if_expected(1, 0));
    assert!(alone.expects(1, 1) && alone.expects(0, 0), "each stream has numbers of its own");
    alone.note_expected(1, 70);
    assert!(alone.expects(1, 71) && !alone.expects(1, 1));
    assert_eq!(alone.note(1, 70), Some(Seen::Again), "handed over again");
    assert_eq!(alone.found, Found { duplicated: 1, ..Found::default() });
    // A member of a group cannot know which messages another member was handed.
    let mut member = Auditor::member(Arc::new(Group::new(2, 2)), vec![0, 0]);
    assert!(!member.expects(1, 0) && !member.note_if_expected(1, 0));
}

/// As it is defined, with everything that was ever handed over at hand.
fn displacements_by_hand(seqs: &[u32]) -> Vec<u64> {
    let highest_before = |at: usize| seqs[..at].iter().max().copied().unwrap_or(0);
    let behind = |(at, seq): (usize, &u32)| u64::from(highest_before(at).saturating_sub(*seq));
    seqs.iter().enumerate().map(behind).filter(|behind| *behind > 0).collect()
}

/// All bits from the start, without a thought to time or memory.
#[derive(Default)]
struct Full {
    seen: HashSet<u64>,
    head: u64,
}

impl Full {
    fn note(&mut self, seq: u64) -> Seen {
        if seq < self.head && self.head - seq > WINDOW_LEN - WORD_BITS {
            return Seen::BeyondWindow;
        }
        self.head = self.head.max(seq + 1);
        if self.seen.insert(seq) { Seen::New } else { Seen::Again }
    }
}

proptest! {
    #[test]
    fn displacements_are_as_counted_by_hand(
        seqs in (1_u32..300).prop_flat_map(|n| Just((0..n).collect::<Vec<_>>()).prop_shuffle()),
    ) {
        let by_hand = displacements_by_hand(&seqs);
        let alone = audit(seqs.iter().copied());
        let mut member = Auditor::member(Arc::new(Group::new(1, 2)), vec![0]);
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

    /// The answers are those of a window that has all its bits from the start, also for jumps over all of it.
    #[test]
    fn grows_without_a_difference(steps in prop::collection::vec((0_u8..10, 0_u64..2_000_000), 1..300)) {
        let (mut window, mut full) = (Window::default(), Full::default());
        let behind = |full: &Full, by: u64| full.head.saturating_sub(by);
        for (step, by) in steps {
            let seqs = match step {
                0 => full.head + by..full.head + by + 1,
                1 => behind(&full, by)..behind(&full, by) + 1,
                2 => behind(&full, by % 300)..behind(&full, by % 300) + 200,
                3 => full.head..full.head + by % 3_000,
                4 => full.head + 64..full.head + 65,
                5 => behind(&full, WINDOW_LEN - by % 130)..behind(&full, WINDOW_LEN - by % 130) + 70,
                6 => full.head + WINDOW_LEN - by % 130..full.head + WINDOW_LEN,
                _ => full.head + by % 130..full.head + by % 260,
            };
            if step == 3 {
                window.note_next((seqs.end - seqs.start) as u32);
                seqs.for_each(|seq| assert_eq!(full.note(seq), Seen::New));
            } else {
                for seq in seqs {
                    prop_assert_eq!(window.note(seq), full.note(seq), "{} of {}", seq, full.head);
                }
            }
            prop_assert_eq!(window.head(), full.head);
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

/// Every number of a range is asked for as a naive set of numbers would know it.
#[test]
fn what_was_not_seen_of_a_range_is_counted() {
    let mut window = Window::default();
    assert_eq!((window.unseen(0, 0), window.unseen(3, 10)), (0, 7));
    for seq in 0..100 {
        window.note(seq);
    }
    assert_eq!((window.unseen(0, 100), window.unseen(90, 110)), (0, 10), "without a gap");
    // Of 100 to 999 the odd ones are missing, and one of them comes late.
    for seq in (100..1_000).step_by(2) {
        window.note(seq);
    }
    assert_eq!(window.note(501), Seen::New);
    for (from, to) in [(0, 100), (100, 1_000), (499, 504), (501, 502), (998, 1_010)] {
        let naive =
            (from..to).filter(|seq| *seq >= 999 || *seq >= 100 && seq % 2 == 1 && *seq != 501).count();
        assert_eq!(window.unseen(from, to), naive as u64, "{from}..{to}");
    }
    // A number that lies too far back counts as not seen, because the window no longer holds its bit.
    window.note(3 * WINDOW_LEN);
    assert_eq!(window.unseen(0, 100), 100);
}
