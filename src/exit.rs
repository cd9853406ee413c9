//! The table of exit codes. No other code decides how the process ends.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything worked.
    Ok,
    /// A run or a row of the self-test failed, for example because a broker was lost, a handler panicked, or a file could not be
    /// read. Finished trials were saved.
    Failed,
    /// The command cannot be run as given: a flag, a name, an intent that a transport does not support, or an output that cannot be
    /// written or would destroy a file.
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
    /// All of them, by their code.
    const ALL: [Self; 9] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Regression,
        Self::Missed,
        Self::Audit,
        Self::Invalid,
        Self::Inconclusive,
        Self::Interrupted,
    ];

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

    /// What the code says, for the help.
    const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "a run or a check failed",
            Self::Usage => "usage",
            Self::Regression => "regression",
            Self::Missed => "no rate keeps the goal, or a goal of --assert is missed or not known",
            Self::Audit => "audit failed",
            Self::Invalid => "invalid, or suspect with --fail-on suspect",
            Self::Inconclusive => "inconclusive or not judged",
            Self::Interrupted => "interrupted (finished trials are saved)",
        }
    }
}

/// The list of all exit codes, for the help of commands that end with more than the first three.
pub(crate) fn list() -> String {
    let each = Exit::ALL.map(|exit| format!("{} {}", exit.code(), exit.meaning()));
    format!("Exit codes: {}", each.join("; "))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_code_once() {
        let codes = Exit::ALL.map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 130]);
        let list = list();
        assert!(list.starts_with("Exit codes: 0 ok; 1 a run or a check failed; 2 usage; "), "{list}");
        assert!(list.ends_with("; 130 interrupted (finished trials are saved)"), "{list}");
    }
}
