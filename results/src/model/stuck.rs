//! What did not go on: a closed load that stood still, and messages that went nowhere.

/// A closed load stood still, because flows that never ended used up its window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standstill {
    /// Flows under way at most.
    pub window: u64,
    /// Flows that never ended, those of the warm-up included.
    pub unfinished: u64,
    /// Of them: given up in the middle of the load, which then went on.
    pub written_off: u64,
    /// Since when, after the load began, no flow was started or ended; where that was so several times, the longest.
    pub from_ns: u64,
    /// For how long that was so.
    pub longest_ns: u64,
}

/// Messages that one service emitted and that went nowhere, because no route carries their kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unrouted {
    /// The service that emitted them.
    pub service: String,
    /// Their kind.
    pub kind: String,
    /// How many, warm-up included.
    pub messages: u64,
}
