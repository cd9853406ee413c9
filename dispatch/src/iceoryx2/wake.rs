//! How an instance that has nothing to do is woken: by an event of the crate, and only if it has said that it will sleep.
//!
//! A notification is a system call. An instance that finds messages whenever it looks needs none.

use super::Shared;
use iceoryx2::{
    port::{
        listener::{Listener, ListenerCreateError},
        notifier::{Notifier, NotifierCreateError},
    },
    prelude::FileDescriptorBased,
    service::port_factory::event::PortFactory,
};
use std::{
    os::fd::{BorrowedFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering, fence},
    },
};

/// The sleeping side.
#[derive(Debug)]
pub(super) struct Sleep {
    listener: Listener<Shared>,
    is_asleep: Arc<AtomicBool>,
    event: PortFactory<Shared>,
}

impl Sleep {
    pub(super) fn new(event: PortFactory<Shared>) -> Result<Self, ListenerCreateError> {
        Ok(Self { listener: event.listener_builder().create()?, is_asleep: Arc::default(), event })
    }

    pub(super) fn call(&self) -> Result<Call, NotifierCreateError> {
        let notifier = self.event.notifier_builder().create()?;
        Ok(Call { notifier, is_asleep: Arc::clone(&self.is_asleep) })
    }

    /// Says that the instance will sleep unless it finds something when it looks now.
    pub(super) fn falls_asleep(&self) {
        // A call that came late would end every sleep until it is heard. It failed if there was none.
        let _ = self.listener.try_wait(|_| ());
        self.is_asleep.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    pub(super) fn is_awake(&self) {
        self.is_asleep.store(false, Ordering::Relaxed);
    }

    /// Another descriptor of the socket that a call makes readable.
    #[allow(unsafe_code, reason = "the crate hands its descriptor out as a number only")]
    pub(super) fn socket(&self) -> Option<OwnedFd> {
        let descriptor = self.listener.file_descriptor();
        // SAFETY: the listener owns the descriptor and outlives this borrow, in which it is duplicated and neither kept nor closed.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor.native_handle()) };
        borrowed.try_clone_to_owned().ok()
    }
}

/// The side that wakes.
#[derive(Debug)]
pub(super) struct Call {
    notifier: Notifier<Shared>,
    is_asleep: Arc<AtomicBool>,
}

impl Call {
    /// Wakes the instance if it sleeps. Called after what it is to find was sent.
    pub(super) fn wake(&self) {
        // Either the instance sees what was sent, or this sees that it falls asleep.
        fence(Ordering::SeqCst);
        if self.is_asleep.load(Ordering::Relaxed) && self.is_asleep.swap(false, Ordering::SeqCst) {
            // The call fails if the socket is full of calls, and then the instance wakes anyway, or if the instance is gone.
            let _ = self.notifier.notify();
        }
    }
}
