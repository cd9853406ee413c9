//! The public table of exit codes. Nothing else decides how the process ends.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Ok,
    /// A run or a row of the self-test failed: a broker was lost, a handler panicked, a file could not be read. What there is was saved.
    Failed,
    /// Usage or configuration: a flag, a name, an intent that a transport cannot honour, an output that cannot be written.
    Usage,
    /// A comparison found a regression.
    Regression,
    /// A search found no rate that keeps the goal.
    Missed,
    /// The audit of a run failed: messages were lost, corrupted, or more than the transport admits to.
    Audit,
    /// A run is invalid: it did not measure what was asked.
    Invalid,
    /// A comparison was inconclusive, and `--strict` asked for more; a search ended without a confirmed answer.
    Inconclusive,
    /// Interrupted; partial results were saved.
    Interrupted,
}

impl Exit {
    /// The code as the system sees it.
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

/// Something the user asked for that cannot be done as asked.
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
