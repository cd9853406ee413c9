//! Deliveries of which the handling was rolled back with its transaction. Such a delivery counts as not made: the message is missing
//! until it is handed over again, and that is then no duplicate.
//!
//! The instance that handed its messages back may tell so after another instance has received them. So duplicates are remembered, too,
//! and one of two deliveries is cancelled, whichever of them was noted first.

use super::Seen;
use std::collections::HashSet;

/// Duplicates that are remembered at most. There are none unless a transaction is rolled back late; of more than that, both deliveries stay
/// counted.
const AGAIN_MAX: usize = 1 << 16;

/// See the module. A message is named by its stream and its number.
#[derive(Debug, Default)]
pub(super) struct RolledBack {
    /// Rolled back, and not handed over again since. At most what transactions held that were rolled back.
    missing: HashSet<(usize, u64)>,
    /// Duplicates of which either delivery may yet be rolled back.
    again: HashSet<(usize, u64)>,
}

impl RolledBack {
    /// Says of a message that was seen before whether all that was rolled back.
    pub(super) fn note_again(&mut self, stream: usize, seq: u64) -> Seen {
        if self.missing.remove(&(stream, seq)) {
            return Seen::Redone;
        }
        if self.again.len() < AGAIN_MAX {
            self.again.insert((stream, seq));
        }
        Seen::Again
    }

    /// Notes that a delivery was rolled back. Says whether it was the only one that counted; if not, the other one counts.
    pub(super) fn roll_back(&mut self, stream: usize, seq: u64) -> bool {
        !self.again.remove(&(stream, seq)) && self.missing.insert((stream, seq))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Auditor, Found, Group},
        Seen,
    };
    use std::sync::Arc;

    #[test]
    fn a_delivery_that_was_rolled_back_is_missing_until_the_message_comes_again() {
        let mut audit = Auditor::alone(vec![0]).transacting(true);
        assert_eq!([0, 1, 2].map(|seq| audit.note(0, seq)), [None; 3]);
        (1..3).for_each(|seq| audit.roll_back(0, seq));
        assert_eq!(audit.again(), [2], "only the first counts");
        let seen = [1, 2, 3, 3].map(|seq| audit.note(0, seq));
        assert_eq!(seen, [Some(Seen::Redone), Some(Seen::Redone), None, Some(Seen::Again)]);
        assert_eq!(audit.again(), [3], "of seven deliveries four count");
        assert_eq!(audit.found, Found { duplicated: 1, ..Found::default() });
    }

    #[test]
    fn of_two_deliveries_one_counts_whichever_member_tells_first_that_it_was_rolled_back() {
        // Whether the second member enters its delivery into the group before the first one tells.
        for is_entered in [false, true] {
            let group = Arc::new(Group::new(1, 2));
            let member = || Auditor::member(Arc::clone(&group), vec![0]).transacting(true);
            let mut members = [member(), member()];
            members[0].note(0, 0);
            members[0].settle();
            members[1].note(0, 0);
            if is_entered {
                members[1].settle();
            }
            members[0].roll_back(0, 0);
            members[1].settle();
            let [again, duplicated, of_none] = [
                members.iter().map(|member| member.again()[0]).sum::<u64>(),
                members.iter().map(|member| member.found.duplicated).sum(),
                members.iter().map(|member| member.found.again_of_none).sum(),
            ];
            assert_eq!((again, duplicated - of_none), (1, 0), "entered: {is_entered}");
        }
    }
}
