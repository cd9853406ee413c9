//! The counts of flows of a trial.

use super::{add, is_zero};
use serde::{Deserialize, Serialize};

/// Counts of flows of one trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flows {
    /// Due in the measured window by the schedule; in a closed load the same as `started`.
    pub due: u64,
    /// Started (first message sent) in the measured window.
    pub started: u64,
    /// Ended, and so in the response times.
    pub ended: u64,
    /// Started and not ended at the drain deadline. With the others that did not end, `started = ended + dead + unfinished + lost +
    /// refused`; if messages were delivered twice, a flow may have two ends that are counted, besides those in `ended_again`.
    pub unfinished: u64,
    /// Started and not ended, over a transport that may lose messages and did. It counts no more of them than messages that
    /// were lost.
    #[serde(default)]
    pub lost: u64,
    /// Started and not ended, over a transport that refused messages. It counts no more of them than messages that were
    /// refused. Zero in records that do not say, where those flows are among `unfinished`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
    /// Started and not ended, because a message became a dead letter. Zero in records that do not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dead: u64,
    /// Started in the warm-up and not ended at the drain deadline; `None` in records where those are among `unfinished`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_unfinished: Option<u64>,
    /// Ends that are not in `ended`, as the message that caused them had been delivered before. Over the whole trial, and a
    /// flow to n subscribers has n ends. `None` if no message came again, and where it was not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_again: Option<u64>,
    /// Of those due: given up without a start because the window was full.
    pub shed: u64,
    /// Of those due: not started because the schedule had fallen behind and its debt is dropped, not carried.
    #[serde(default)]
    pub dropped: u64,
}

impl Flows {
    /// Adds the counts of another trial.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            due,
            started,
            ended,
            unfinished,
            lost,
            refused,
            dead,
            warmup_unfinished,
            ended_again,
            shed,
            dropped,
        } = *other;
        self.due += due;
        self.started += started;
        self.ended += ended;
        self.unfinished += unfinished;
        self.lost += lost;
        self.refused += refused;
        self.dead += dead;
        self.warmup_unfinished = add(self.warmup_unfinished, warmup_unfinished);
        self.ended_again = add(self.ended_again, ended_again);
        self.shed += shed;
        self.dropped += dropped;
    }
}
