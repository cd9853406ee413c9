//! What a transport that confirms told a trial's senders, and the instances that were away for a while.
//!
//! Lives here: confirm times by destination, outages, and how those of several trials become one. Does not live here: the
//! counts over all destinations (`audit`), and sentences about outages (`report`).

use super::Distribution;

/// Confirms of the messages that were sent to one destination.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfirmTimes {
    /// The queue or topic.
    pub destination: String,
    /// Messages that the transport confirmed, those of the warm-up included.
    pub confirmed: u64,
    /// Messages that it refused, those of the warm-up included.
    pub refused: u64,
    /// Messages of which it had said nothing by the drain deadline, those of the warm-up included.
    pub unconfirmed: u64,
    /// Confirmed − sent, of messages of measured flows.
    pub time: Distribution,
}

impl ConfirmTimes {
    /// Adds the confirms of another trial.
    pub fn merge(&mut self, other: &Self) {
        let Self { destination: _, confirmed, refused, unconfirmed, time } = other;
        self.confirmed += confirmed;
        self.refused += refused;
        self.unconfirmed += unconfirmed;
        self.time.merge(time);
    }

    /// Those of several trials, merged by destination, in order of appearance.
    pub(crate) fn merged<'a>(all: impl IntoIterator<Item = &'a Self>) -> Vec<Self> {
        let mut merged: Vec<Self> = Vec::new();
        for one in all {
            match merged.iter_mut().find(|known| known.destination == one.destination) {
                Some(known) => known.merge(one),
                None => merged.push(one.clone()),
            }
        }
        merged
    }
}

/// Why an instance was away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutageCause {
    /// Its consumer was killed on request.
    #[default]
    ConsumerKilled,
    /// It was absent from the start of the load until a backlog had piled up, on request.
    Absent,
    /// Its connection was killed on request.
    ConnectionKilled,
    /// It was paused on request, with its connections open.
    Paused,
    /// It lost its connection and was to open another one.
    ConnectionLost,
}

impl OutageCause {
    /// The word in documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::ConsumerKilled => "consumer-killed",
            Self::ConnectionKilled => "connection-killed",
            Self::Paused => "paused",
            Self::ConnectionLost => "connection-lost",
        }
    }
}

/// An instance that was away in the middle of a trial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outage {
    /// The instance: `worker`, or `worker#2`.
    pub instance: String,
    /// Why it was away.
    pub cause: OutageCause,
    /// Since when, from the start of the load, warm-up included.
    pub at_ns: u64,
    /// For how long, until the transport had opened its ports again, until it went on after a pause, or until the trial was over.
    pub away_ns: u64,
    /// The instance was still away when the trial was over.
    pub until_end: bool,
    /// Messages that it had handled and not acknowledged when it was killed; `None` for a lost connection, of which that is
    /// not counted.
    pub in_hand: Option<u64>,
    /// Messages that it had sent and that were not confirmed when its connection was killed. `None` for other causes, and
    /// where the transport confirms nothing.
    pub unconfirmed: Option<u64>,
    /// How the transport told of a lost connection, a sentence.
    pub why: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirms_merge_by_destination() {
        let of = |destination: &str, confirmed, refused, unconfirmed, ns: &[u64]| ConfirmTimes {
            destination: destination.into(),
            confirmed,
            refused,
            unconfirmed,
            time: Distribution::of(ns.iter().copied()),
        };
        let first = [of("orders", 2, 1, 0, &[10, 20]), of("stock", 1, 0, 3, &[7])];
        let second = [of("stock", 1, 0, 0, &[9]), of("orders", 4, 5, 6, &[30])];
        let merged = ConfirmTimes::merged(first.iter().chain(&second));
        assert_eq!(merged, [of("orders", 6, 6, 6, &[10, 20, 30]), of("stock", 2, 0, 3, &[7, 9])]);
    }
}
