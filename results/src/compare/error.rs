//! Why two records, or two dispatches, cannot be compared.

use thiserror::Error;

/// Nothing to compare.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CompareError {
    /// No run of one has a counterpart in the other.
    #[error(
        "failed to match the runs: A has {a}, B has {b}; compare records of the same scenario and dispatch"
    )]
    NothingInCommon {
        /// Runs of A.
        a: String,
        /// Runs of B.
        b: String,
    },
    /// The record has no run of that dispatch, or none in a scenario of the other.
    #[error("failed to find {dispatch} in the record, which has {known}; name one of these")]
    UnknownDispatch {
        /// What was asked for.
        dispatch: String,
        /// What there is.
        known: String,
    },
    /// Several runs of the record have the same dispatch.
    #[error(
        "failed to compare two dispatches: the record holds a base and a head of each; compare the record without --between"
    )]
    TwoSides,
}
