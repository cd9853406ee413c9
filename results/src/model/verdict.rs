//! The verdict on a run, as a record keeps it: its status, and the reasons as sentences.
//!
//! Does not live here: judging (`crate::verdict`), and the verdict of a comparison (`compare`).

use serde::{Deserialize, Serialize};

/// The status of a run, from best to worst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// Nothing speaks against it.
    #[default]
    Valid,
    /// The figures may be wrong: read the reasons before you use them.
    Suspect,
    /// The run did not measure what was asked.
    Invalid,
}

impl Validity {
    /// The word in documents and tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

/// The status of a run and the reasons for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The answer.
    pub status: Validity,
    /// The reasons that the machine caused and not the run: other processes, the hypervisor, a CPU quota.
    pub host: Vec<String>,
    /// What speaks against the run, beginning with the reasons in `host`. Promises that the transport broke are listed, too, but
    /// do not change `status`.
    pub reasons: Vec<String>,
    /// What a reader should know although it does not speak against the run.
    pub notes: Vec<String>,
    /// Of a run of several trials: those that ended well and are invalid by themselves, in their order. `reasons` say what that
    /// makes of the run.
    pub invalid_trials: Vec<InvalidTrial>,
}

/// A trial that did not measure what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidTrial {
    /// Its number within the run, from 0.
    pub number: u32,
    /// Why.
    pub reason: String,
}

impl Verdict {
    /// The reasons that the machine did not cause.
    #[must_use]
    pub fn own_reasons(&self) -> &[String] {
        self.reasons.get(self.host.len()..).unwrap_or_default()
    }

    /// Adds a reason, which makes the status at least as bad as it says.
    pub(crate) fn add(&mut self, status: Validity, reason: String) {
        self.status = self.status.max(status);
        self.reasons.push(reason);
    }
}
