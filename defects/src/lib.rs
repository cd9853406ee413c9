//! Defects seen in other harnesses that a test can put into drumpost, to show that its checks notice them.
//!
//! Each defect is one branch at the place where it would occur, and a constant `false` without the feature `on`, which
//! only tests enable. A test puts a defect in for its own thread ([`with`], [`put_in`]), or through the environment
//! variable [`VARIABLE`] for a process that it starts.

/// A defect. Where it is made is found by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A flow is due when it is sent, so that a stall leaves no trace in the response.
    DueIsSent,
    /// Response and service are taken for each other.
    Inverted,
    /// A time below a millisecond is no sample, and one below zero is not counted either.
    ShortIsNone,
    /// A time over the histogram's range is recorded as the longest there is.
    Clamped,
    /// One value of some thousand is recorded, as if a sample stood for all.
    Sampled,
    /// Flows that end together are one sample.
    OnePerBatch,
    /// Flows that were due and not started are counted nowhere.
    DebtUntold,
    /// What is due in the warm-up is measured.
    WarmupMeasured,
    /// The process ends with 0, whatever happened.
    AlwaysZero,
    /// An option that nothing asks for is passed over.
    UnknownPassed,
    /// The dashboard keeps a core busy.
    BusyDashboard,
    /// A message per flow is assumed where there are more.
    AssumedCount,
    /// Rates of trials are averaged, whatever their length.
    MeanOfTrials,
    /// A run does not state its settings.
    Unstated,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::DueIsSent,
        Self::Inverted,
        Self::ShortIsNone,
        Self::Clamped,
        Self::Sampled,
        Self::OnePerBatch,
        Self::DebtUntold,
        Self::WarmupMeasured,
        Self::AlwaysZero,
        Self::UnknownPassed,
        Self::BusyDashboard,
        Self::AssumedCount,
        Self::MeanOfTrials,
        Self::Unstated,
    ];
}

/// Names the defect of a process that a test starts.
pub const VARIABLE: &str = "DRUMPOST_DEFECT";

/// Whether a test has put `defect` in, here or for the whole process.
#[cfg(not(feature = "on"))]
#[inline(always)]
#[must_use]
pub const fn is_in(_defect: Defect) -> bool {
    false
}

#[cfg(feature = "on")]
pub use on::{is_in, put_in, with};

#[cfg(feature = "on")]
mod on {
    use super::{Defect, VARIABLE};
    use std::{cell::Cell, sync::OnceLock};

    thread_local! {
        static HERE: Cell<Option<Defect>> = const { Cell::new(None) };
    }

    /// What [`VARIABLE`] names, read once.
    fn of_process() -> Option<Defect> {
        static NAMED: OnceLock<Option<Defect>> = OnceLock::new();
        *NAMED.get_or_init(|| {
            let name = std::env::var(VARIABLE).ok()?;
            Defect::ALL.into_iter().find(|defect| format!("{defect:?}") == name)
        })
    }

    /// Whether a test has put `defect` in, here or for the whole process.
    #[must_use]
    pub fn is_in(defect: Defect) -> bool {
        HERE.get() == Some(defect) || of_process() == Some(defect)
    }

    /// Puts a defect in for the calling thread, or takes it out.
    pub fn put_in(defect: Option<Defect>) {
        HERE.set(defect);
    }

    /// Does `what` with a defect in on the calling thread.
    pub fn with<T>(defect: Defect, what: impl FnOnce() -> T) -> T {
        put_in(Some(defect));
        let done = what();
        put_in(None);
        done
    }
}

/// Does `what`; while a test has [`Defect::BusyDashboard`] in, another thread keeps a core busy.
pub fn beside_it<T>(what: impl FnOnce() -> T) -> T {
    if !is_in(Defect::BusyDashboard) {
        return what();
    }
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let done = what();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        done
    })
}
