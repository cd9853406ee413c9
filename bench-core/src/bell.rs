//! Wakes a thread or a task that waits (an eventcount). The waiter stores its waker once at set-up, so a wait needs no
//! registration.

use crate::sync::atomic::{AtomicU8, Ordering, fence};
use std::{sync::OnceLock, task::Waker};

/// The waiter is awake.
const AWAKE: u8 = 0;
/// The waiter sleeps or is about to, and any ring wakes it.
const LISTENS: u8 = 1;
/// The same, but the end of a flow is no reason to wake it.
const IGNORES_ENDS: u8 = 2;

/// One waiter, any number of ringers.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Bell {
    state: AtomicU8,
    waker: OnceLock<Waker>,
}

impl Bell {
    /// Leaves what wakes the waiter. Only the first call counts.
    pub fn leave_waker(&self, waker: impl FnOnce() -> Waker) {
        self.waker.get_or_init(waker);
    }

    /// Says that the waiter is about to look once more and then sleep.
    pub fn listen(&self) {
        self.set(LISTENS);
        fence(Ordering::SeqCst);
    }

    /// Said after [`Bell::listen`]: no load of the waiter can start a flow because another one ended, so [`Bell::ring_end`] need not
    /// wake it. A load with a schedule and room in its window waits for a due time and for nothing else. Each needless wake-up
    /// costs the ringer a call of the system and the waiter a switch to its thread and back, 10 to 40 µs in all.
    pub fn ignore_ends(&self) {
        // A thread that rang the bell meanwhile has set its state to AWAKE, which the exchange leaves as it is.
        let _ = self.state.compare_exchange(LISTENS, IGNORES_ENDS, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Says that the waiter is awake.
    pub fn wake(&self) {
        self.set(AWAKE);
    }

    #[cfg(not(loom))]
    fn set(&self, state: u8) {
        self.state.store(state, Ordering::Relaxed);
    }

    /// As the other: the checker forgets that a swap comes right after what it read, so that it lets a swap that read an
    /// older store overtake a newer one. Among swaps alone the order is known.
    #[cfg(loom)]
    fn set(&self, state: u8) {
        self.state.swap(state, Ordering::Relaxed);
    }

    /// Whether nobody has rung since [`Bell::listen`].
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.state.load(Ordering::Relaxed) != AWAKE
    }

    /// Wakes the waiter if it sleeps or is about to. The fence orders what the ringer published before against its
    /// look at the waiter, as the waiter's fence orders its mark against its last look at the port.
    #[inline]
    pub fn ring(&self) {
        self.ring_if(|state| state != AWAKE);
    }

    /// As [`Bell::ring`], after flows have ended: a waiter that ignores ends sleeps on.
    #[inline]
    pub fn ring_end(&self) {
        self.ring_if(|state| state == LISTENS);
    }

    #[inline]
    fn ring_if(&self, wakes: impl FnOnce(u8) -> bool) {
        fence(Ordering::SeqCst);
        if wakes(self.state.load(Ordering::Relaxed))
            && self.state.swap(AWAKE, Ordering::AcqRel) != AWAKE
            && let Some(waker) = self.waker.get()
        {
            waker.wake_by_ref();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
        task::Wake,
    };

    #[derive(Default)]
    struct Counts(AtomicUsize);

    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// How often the waiter was woken by each of two rings, after it has done `waits`.
    fn woken(waits: impl Fn(&Bell)) -> [usize; 2] {
        [Bell::ring, Bell::ring_end].map(|ring| {
            let (bell, counts) = (Bell::default(), Arc::new(Counts::default()));
            bell.leave_waker(|| Waker::from(Arc::clone(&counts)));
            waits(&bell);
            // The second finds the waiter awake.
            ring(&bell);
            ring(&bell);
            counts.0.load(Relaxed)
        })
    }

    #[test]
    fn whoever_ignores_ends_is_woken_by_all_else() {
        assert_eq!(woken(|_| {}), [0, 0], "it is awake");
        assert_eq!(woken(Bell::listen), [1, 1]);
        assert_eq!(woken(|bell| (bell.listen(), bell.ignore_ends()).1), [1, 0]);
        assert_eq!(woken(|bell| (bell.listen(), bell.ignore_ends(), bell.wake()).2), [0, 0]);
        assert_eq!(woken(|bell| (bell.listen(), bell.ignore_ends(), bell.listen()).2), [1, 1]);
        let rung_before = woken(|bell| (bell.listen(), bell.ring(), bell.ignore_ends()).2);
        assert_eq!(rung_before, [1, 1], "once, by the ring before, which leaves it awake");
    }

    #[test]
    fn a_waiter_that_ignores_ends_still_listens_until_it_is_rung() {
        let bell = Bell::default();
        bell.listen();
        bell.ignore_ends();
        bell.ring_end();
        assert!(bell.is_listening());
        bell.ring();
        assert!(!bell.is_listening());
    }
}
