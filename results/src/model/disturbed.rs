//! What disturbed a trial on request, and how it recovered; and the relay through which the line to the server was disturbed.

/// The relay between drumpost and the server, and what passed through it in a trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// What the relay itself adds to a round trip, as measured before the first trial.
    pub added_round_trip_ns: u64,
    /// Connections to the server.
    pub connections: u64,
    /// Bytes to the server.
    pub bytes_there: u64,
    /// Bytes from the server.
    pub bytes_back: u64,
}

/// The kind of a disturbance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disturbing {
    /// Nothing passed over the line to the server.
    #[default]
    Cut,
    /// The connections to the server were reset, and new ones refused.
    Reset,
    /// An instance was killed.
    Kill,
    /// An instance stood still.
    Pause,
    /// A command was run.
    Command,
}

impl Disturbing {
    /// The word in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Reset => "reset",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Command => "command",
        }
    }
}

/// Something that was done to a trial, and how it went on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Disturbance {
    /// Its kind.
    pub kind: Disturbing,
    /// The instance or the command; empty for the line.
    pub what: String,
    /// When it began, from the start of the load, warm-up included.
    pub at_ns: u64,
    /// For how long it was asked for.
    pub lasts_ns: u64,
    /// Flows that ended per second before it, in the second before or since the start of the load if that was later.
    pub before_per_s: f64,
    /// The longest time in which no flow ended, of those that ended after its begin.
    pub gap_ns: u64,
    /// From its end until flows ended as fast as before; `None` if they did not until the load was over.
    pub recover_ns: Option<u64>,
    /// From its end until no more flows were under way than before; `None` if that did not come.
    pub drain_ns: Option<u64>,
}
