//! Wakes a thread or a task that waits (an eventcount). The waiter stores its waker once at set-up, so a wait needs no
//! registration.

use crate::sync::atomic::{AtomicBool, Ordering, fence};
use std::{sync::OnceLock, task::Waker};

/// One waiter, any number of ringers.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Bell {
    listening: AtomicBool,
    waker: OnceLock<Waker>,
}

impl Bell {
    /// Leaves what wakes the waiter. Only the first call counts.
    pub fn leave_waker(&self, waker: impl FnOnce() -> Waker) {
        self.waker.get_or_init(waker);
    }

    /// Says that the waiter is about to look once more and then sleep.
    pub fn listen(&self) {
        self.set(true);
        fence(Ordering::SeqCst);
    }

    /// Says that the waiter is awake.
    pub fn wake(&self) {
        self.set(false);
    }

    #[cfg(not(loom))]
    fn set(&self, listening: bool) {
        self.listening.store(listening, Ordering::Relaxed);
    }

    /// As the other: the checker forgets that a swap comes right after what it read, so that it lets a swap that read an
    /// older store overtake a newer one. Among swaps alone the order is known.
    #[cfg(loom)]
    fn set(&self, listening: bool) {
        self.listening.swap(listening, Ordering::Relaxed);
    }

    /// Whether nobody has rung since [`Bell::listen`].
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    /// Wakes the waiter if it sleeps or is about to. The fence orders what the ringer published before against its
    /// look at the waiter, as the waiter's fence orders its mark against its last look at the port.
    #[inline]
    pub fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.listening.load(Ordering::Relaxed)
            && self.listening.swap(false, Ordering::AcqRel)
            && let Some(waker) = self.waker.get()
        {
            waker.wake_by_ref();
        }
    }
}
