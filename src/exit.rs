//! The table of exit codes. No other code decides how the process ends.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything worked.
    Ok,
    /// A run or a row of the self-test failed, for example because a broker was lost, a handler panicked or a file could not be
    /// read. Finished trials were saved.
    Failed,
    /// The command cannot be run as given: a flag, a name, an intent that a transport does not support, or an output that cannot be
    /// written.
    Usage,
    /// A comparison found a regression.
    Regression,
    /// A search found no rate that keeps the goal.
    Missed,
    /// The audit of a run failed: the transport broke its promise, for example lost or duplicated messages. In a comparison the head
    /// did so and the base did not, or both did and the head has the larger share of faults in clearly more pairs.
    Audit,
    /// A run is invalid: it did not measure what was asked.
    Invalid,
    /// A comparison with `--strict` was inconclusive, nothing in a comparison could be judged, or a search ended without a confirmed
    /// answer.
    Inconclusive,
    /// The command was interrupted. Finished trials were saved.
    Interrupted,
}

impl Exit {
    /// The exit code of the process.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Regression => 3,
            Self::Missed => 4,
            Self::Audit => 5,
            Self::Invalid => 6,
            Self::Inconclusive => 7,
            Self::Interrupted => 130,
        }
    }
}

/// A request of the user that cannot be carried out as given.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub String);

/// A usage error as the error of a sub-command.
pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    UsageError(text.into()).into()
}

/// The code of an error that ended a sub-command.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    if error.is::<UsageError>() { Exit::Usage } else { Exit::Failed }
}
