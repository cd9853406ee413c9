//! The answer whether a term of a goal holds for a run.
//!
//! Does not live here: answers for the rows of a result (`assertion`).

/// The answer for a term. Values are in the unit of the term.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The term holds.
    Kept {
        /// The figure.
        value: f64,
    },
    /// The term does not hold.
    Missed {
        /// The figure.
        value: f64,
    },
    /// There are too few samples to tell.
    TooFew {
        /// Samples there are.
        count: u64,
        /// Samples that the figure needs.
        needed: u64,
    },
    /// The figure is not known, or the run is no evidence that the term is kept.
    Unknown {
        /// Why.
        why: String,
    },
}

/// The short form of an answer, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// Every term holds.
    Kept,
    /// It cannot be told. That is not kept.
    CannotTell,
    /// A term does not hold.
    Missed,
}

impl Reply {
    /// The words in documents and tables: `kept`, `cannot tell`, `missed`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::CannotTell => "cannot tell",
            Self::Missed => "missed",
        }
    }
}

impl Answer {
    /// The short form.
    #[must_use]
    pub fn reply(&self) -> Reply {
        match self {
            Self::Kept { .. } => Reply::Kept,
            Self::Missed { .. } => Reply::Missed,
            Self::TooFew { .. } | Self::Unknown { .. } => Reply::CannotTell,
        }
    }

    /// The figure; `None` where it cannot be told.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Kept { value } | Self::Missed { value } => Some(*value),
            Self::TooFew { .. } | Self::Unknown { .. } => None,
        }
    }
}
