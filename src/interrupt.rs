//! Interruption by Ctrl-C, SIGTERM or a hang-up of the terminal. The process has one handler, which is set by the first
//! command that can be interrupted. It notifies every running command, so a program can run several commands, one after
//! the other or at the same time. Processes that a command started are ended with it (`farewell`).

pub(crate) mod farewell;

use crate::signals;
use std::sync::{
    Arc, Mutex, Once, PoisonError, Weak,
    atomic::{AtomicU32, Ordering},
};

static LISTENING: Mutex<Vec<Weak<AtomicU32>>> = Mutex::new(Vec::new());

/// How often the user asked a command to end. The first time the command stops its load, lets the lanes return, and saves.
/// The second time it waits for nothing and saves what it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicU32>);

impl Interrupt {
    /// Listens to signals from now on, until the last clone is dropped.
    pub(crate) fn listen() -> Self {
        static HANDLER: Once = Once::new();
        // A handler that the program around this library has is called, too. Without a handler Ctrl-C ends the process.
        HANDLER.call_once(|| drop(signals::handle(signalled)));
        let interrupt = Self::default();
        let mut listening = LISTENING.lock().unwrap_or_else(PoisonError::into_inner);
        listening.retain(|one| one.strong_count() > 0);
        listening.push(Arc::downgrade(&interrupt.0));
        interrupt
    }

    /// Whether the command is to end.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Whether the user asked twice: nothing is to be waited for any more.
    pub(crate) fn is_urgent(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }

    /// As a signal does.
    #[cfg(test)]
    pub(crate) fn ask(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Asks the command to end, unless that was asked already.
    pub(crate) fn set(&self) {
        self.0.fetch_max(1, Ordering::Relaxed);
    }
}

fn signalled() {
    for one in &*LISTENING.lock().unwrap_or_else(PoisonError::into_inner) {
        if let Some(count) = one.upgrade() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_listens_is_told() {
        let (first, second) = (Interrupt::listen(), Interrupt::listen());
        let quiet = Interrupt::default();
        signalled();
        assert!(first.is_set() && second.is_set() && !quiet.is_set());
        assert!(!first.is_urgent());
        second.set();
        assert!(!second.is_urgent(), "a dashboard that was left because of a signal asks nothing new");
        signalled();
        assert!(first.is_urgent() && second.is_urgent() && !quiet.is_set());
    }
}
