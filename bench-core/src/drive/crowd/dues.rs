//! When the lanes of one thread want their next steps: a heap in which each lane has one place at most, so that a lane
//! that changes its mind with every flow takes no more memory.

/// No lane is there, or wants a step.
const NONE: u32 = u32::MAX;

/// Due times by lane of a thread. The earliest is found at once, and a change costs as many steps as the logarithm of the
/// number of lanes.
#[derive(Debug)]
pub(crate) struct Dues {
    /// Lanes, so that none is due before the one at half its index.
    heap: Vec<u32>,
    /// By lane: when, in ns on the run's clock.
    due_ns: Vec<u64>,
    /// By lane: where in the heap.
    place: Vec<u32>,
}

impl Dues {
    /// Of so many lanes, none of which waits for a time.
    pub(crate) fn new(lanes: usize) -> Self {
        Self { heap: Vec::with_capacity(lanes), due_ns: vec![u64::MAX; lanes], place: vec![NONE; lanes] }
    }

    /// The lane is to be called at `due_ns` and at no other time; `u64::MAX`: at none.
    pub(crate) fn set(&mut self, lane: usize, due_ns: u64) {
        if self.due_ns[lane] == due_ns {
            return;
        }
        let before_ns = std::mem::replace(&mut self.due_ns[lane], due_ns);
        let at = self.place[lane];
        if due_ns == u64::MAX {
            self.remove(at as usize);
        } else if at == NONE {
            self.heap.push(lane as u32);
            self.rise(self.heap.len() - 1);
        } else if due_ns < before_ns {
            self.rise(at as usize);
        } else {
            self.sink(at as usize);
        }
    }

    /// The lane that is due first, and when.
    pub(crate) fn first(&self) -> Option<(usize, u64)> {
        let lane = *self.heap.first()? as usize;
        Some((lane, self.due_ns[lane]))
    }

    /// Takes out a lane that is due at `now_ns`.
    pub(crate) fn take(&mut self, now_ns: u64) -> Option<usize> {
        let (lane, due_ns) = self.first()?;
        (due_ns <= now_ns).then(|| {
            self.set(lane, u64::MAX);
            lane
        })
    }

    fn remove(&mut self, at: usize) {
        let lane = self.heap.swap_remove(at);
        self.place[lane as usize] = NONE;
        if at < self.heap.len() {
            self.rise(at);
            self.sink(self.place[self.heap[at] as usize] as usize);
        }
    }

    fn due_at(&self, at: usize) -> u64 {
        self.due_ns[self.heap[at] as usize]
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.place[self.heap[a] as usize] = a as u32;
        self.place[self.heap[b] as usize] = b as u32;
    }

    fn rise(&mut self, mut at: usize) {
        self.place[self.heap[at] as usize] = at as u32;
        while at > 0 && self.due_at(at) < self.due_at((at - 1) / 2) {
            self.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn sink(&mut self, mut at: usize) {
        self.place[self.heap[at] as usize] = at as u32;
        loop {
            let below = [2 * at + 1, 2 * at + 2].into_iter().filter(|below| *below < self.heap.len());
            let Some(least) = below.min_by_key(|below| self.due_at(*below)) else { return };
            if self.due_at(least) >= self.due_at(at) {
                return;
            }
            self.swap(at, least);
            at = least;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lanes_come_when_they_are_due(
            steps in prop::collection::vec((0_usize..40, prop::option::of(0_u64..50), 0_u64..4), 1..400),
        ) {
            let (mut dues, mut plain, mut now_ns) = (Dues::new(40), vec![u64::MAX; 40], 0);
            for (lane, in_ns, passes_ns) in steps {
                let due_ns = in_ns.map_or(u64::MAX, |in_ns| now_ns + in_ns);
                dues.set(lane, due_ns);
                plain[lane] = due_ns;
                let first_ns = plain.iter().copied().min().filter(|ns| *ns != u64::MAX);
                prop_assert_eq!(dues.first().map(|first| first.1), first_ns);
                now_ns += passes_ns;
                while let Some(lane) = dues.take(now_ns) {
                    let due_ns = std::mem::replace(&mut plain[lane], u64::MAX);
                    prop_assert!(due_ns <= now_ns && plain.iter().all(|other_ns| *other_ns >= due_ns));
                }
                prop_assert!(plain.iter().all(|due_ns| *due_ns > now_ns), "one was left");
            }
        }
    }
}
