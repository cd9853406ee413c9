//! The atomics, locks and sleeps of everything that threads share. Normally they are those of the standard library.
//!
//! With `--cfg loom` they are those of the model checker loom. It runs the tests in `models` once for each order in
//! which the threads' accesses may happen, and for each older value that a load may still see. In a model a sleep has
//! no time limit, so a bell that is not rung is a deadlock, which loom reports.
//!
//! `OnceLock` is always that of the standard library: its value is written before it is shared, and loom has none.

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
