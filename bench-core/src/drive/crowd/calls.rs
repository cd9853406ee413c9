//! Which lanes of a thread have something to do: a bit for each lane, and a bit for each word of those.
//!
//! A lane is called after something was done for it: after a message was put into its queue, or after the end of a flow
//! was published. Its thread takes all calls at once and steps the lanes. A call is made by setting the lane's bit and
//! then that of its word; they are taken the other way round, so a call is taken or its word stays marked. Both are
//! read-modify-write operations, so a thread that takes a call also sees what was done before it.

use crate::sync::atomic::{AtomicU64, Ordering};

const BITS: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Calls {
    /// By lane of the thread.
    lanes: Box<[AtomicU64]>,
    /// By word of `lanes`: whether it may have a bit.
    words: Box<[AtomicU64]>,
}

fn zeros(bits: usize) -> Box<[AtomicU64]> {
    (0..bits.div_ceil(BITS)).map(|_| AtomicU64::new(0)).collect()
}

impl Calls {
    /// For so many lanes.
    pub(crate) fn new(lanes: usize) -> Self {
        Self { lanes: zeros(lanes), words: zeros(lanes.div_ceil(BITS)) }
    }

    /// Has the lane at `place` stepped. What the caller did before is seen by that step.
    #[inline]
    pub(crate) fn call(&self, place: usize) {
        let word = place / BITS;
        self.lanes[word].fetch_or(1 << (place % BITS), Ordering::AcqRel);
        self.words[word / BITS].fetch_or(1 << (word % BITS), Ordering::AcqRel);
    }

    /// Takes all calls, by number of lane.
    pub(crate) fn take(&self, into: &mut Vec<u32>) {
        for (at, words) in self.words.iter().enumerate() {
            if words.load(Ordering::Relaxed) == 0 {
                continue;
            }
            for word in bits(words.swap(0, Ordering::AcqRel)).map(|bit| at * BITS + bit) {
                let lanes = self.lanes[word].swap(0, Ordering::AcqRel);
                into.extend(bits(lanes).map(|bit| (word * BITS + bit) as u32));
            }
        }
    }

    /// Whether nobody has called.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|words| words.load(Ordering::Relaxed) == 0)
    }
}

/// The bits that are set, from the lowest.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize);
        word &= word.wrapping_sub(1);
        bit
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn calls_are_taken_once_and_in_order() {
        let calls = Calls::new(10_000);
        let (mut taken, all) = (Vec::new(), [0, 1, 63, 64, 4_095, 4_096, 9_999]);
        assert!(calls.is_empty());
        all.iter().rev().chain(&all).for_each(|place| calls.call(*place));
        assert!(!calls.is_empty());
        calls.take(&mut taken);
        assert_eq!(taken, all.map(|place| place as u32));
        assert!(calls.is_empty());
        calls.take(&mut taken);
        assert_eq!(taken.len(), all.len(), "nothing more");
        calls.call(62);
        taken.clear();
        calls.take(&mut taken);
        assert_eq!(taken, [62], "its neighbours were taken before");
    }
}
