//! The atomics, locks and sleeping of everything that threads share: those of the standard library.
//!
//! Built with `--cfg loom` they are those of the model checker loom instead. It runs the tests in `models` once for each
//! order in which the threads' accesses may happen, and for each older value that a load may still see. There a sleep
//! has no limit: a bell that is not rung then is a deadlock, which the checker reports, and not a nap of 50 ms.
//!
//! `OnceLock` stays the standard library's: what it holds is written before anybody shares it, and loom has none.

#[cfg(not(loom))]
pub(crate) use std::{
    sync::{Mutex, atomic},
    thread::{Thread, current, park_timeout},
};

#[cfg(loom)]
pub(crate) use loom::{
    sync::{Mutex, atomic},
    thread::{Thread, current},
};

/// Sleeps until another thread wakes this one.
#[cfg(loom)]
pub(crate) fn park_timeout(_at_most: std::time::Duration) {
    loom::thread::park();
}
