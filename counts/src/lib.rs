//! What is counted in a trial: messages sent against messages delivered, and flows started against flows ended.
//!
//! A count is declared here. Lanes fill in the counts of messages, snapshots and outcomes of the engine hold them, records store all counts under the
//! names of their fields, and they add up over lanes, trials and processes. What a transport promises, and which counts are faults then, is in
//! the package `drumpost-results`.

mod flows;

pub use flows::Flows;

use serde::{Deserialize, Serialize};
use std::fmt;

/// Counts of messages, over all destinations. Every field is a number of messages or of sequence numbers. A count that not every transport
/// tells, or that older records lack, is `None` where it is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Accepted by the transport.
    pub sent: u64,
    /// Deliveries these should have led to: sent × subscribers, summed over destinations.
    pub expected: u64,
    /// Deliveries that arrived whole, duplicates included.
    pub delivered: u64,
    /// Deliveries that arrived whole, duplicates not included.
    pub unique: u64,
    /// Expected, and given up by the broker before a service had handled them. Zero where there are none, and in records that do not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dead: u64,
    /// Expected and not delivered whole by the drain deadline, those that arrived damaged included.
    pub lost: u64,
    /// Expected, and nobody knows: under way when the trial failed or was interrupted, or too late to be told from a
    /// duplicate. Always `unique + dead + lost + unknown = expected`. Zero in records that do not say.
    #[serde(default)]
    pub unknown: u64,
    /// Delivered again.
    pub duplicated: u64,
    /// Deliveries that the transport marked as repeated, whether or not the first one had been handled. `None` where it
    /// marks none, and in records that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redelivered: Option<u64>,
    /// Deliveries that a service gave back instead of handling them. They are not among the delivered. `None` where none was to
    /// be given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<u64>,
    /// Dead letters that are not in `dead`, as their message had been handled, or had been a dead letter before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dead_again: u64,
    /// Delivered below the next expected number of their producer at this destination (RFC 4737), whatever order is promised.
    pub reordered: u64,
    /// The furthest that a reordered delivery lay behind the highest number that its receiver had seen of its producer. `None` where
    /// none was reordered, and in records that do not say.
    #[serde(default)]
    pub displacement_max: Option<u64>,
    /// As `displacement_max`, of all reordered deliveries together.
    #[serde(default)]
    pub displacement_sum: Option<u64>,
    /// Delivered after a later message of the same key or shard, where order is promised within them. Zero otherwise, and in records
    /// that do not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub out_of_order: u64,
    /// Not judged, where order is promised within keys or shards: one key or shard too many, or a shard that the transport does
    /// not tell. Zero otherwise, and in records that do not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unjudged: u64,
    /// Delivered otherwise than sent: the message, its payload or its application headers.
    pub corrupted: u64,
    /// Emitted by a handler, but no route carries their kind.
    pub unrouted: u64,
    /// Reported as dropped by the transport itself, for a slow subscriber, for instance. They are also in `lost`.
    pub lagged: u64,
    /// Emitted and never accepted by the transport. Zero in records that do not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unsent: u64,
    /// Confirmed to the sender by the transport; `None` where it has no confirms.
    pub confirmed: Option<u64>,
    /// Refused by the transport, as its confirm said. A refused message is not expected to be delivered. `None` where it has no confirms, and
    /// in records that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<u64>,
    /// Sent, but neither confirmed nor refused nor rolled back at the drain deadline; `None` where the transport has no confirms. In records
    /// that do not tell refused messages apart, these are among them.
    pub unconfirmed: Option<u64>,
    /// Of the lost: deliveries of messages that the transport had confirmed; at least so many, as a message that was never confirmed
    /// and lies a million numbers back in its stream is taken for lost. `None` where it has no confirms, while a trial runs, and in
    /// records that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_lost: Option<u64>,
    /// Sent in transactions that were rolled back, so that nobody was to receive them: neither expected nor confirmed. `None` without
    /// transactions, and in records that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<u64>,
    /// Stamps that ran backwards: a clock error, recorded as zero.
    pub negative_deltas: u64,
    /// Times beyond the histogram's range.
    pub over_range: u64,
    /// Arrived too late to tell a duplicate from a late first delivery.
    pub beyond_window: u64,
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Audit {
    /// Adds the counts of another trial.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            sent,
            expected,
            delivered,
            unique,
            dead,
            lost,
            unknown,
            duplicated,
            redelivered,
            rejected,
            dead_again,
            reordered,
            displacement_max,
            displacement_sum,
            out_of_order,
            unjudged,
            corrupted,
            unrouted,
            lagged,
            unsent,
            confirmed,
            refused,
            unconfirmed,
            confirmed_lost,
            rolled_back,
            negative_deltas,
            over_range,
            beyond_window,
        } = *other;
        self.sent += sent;
        self.expected += expected;
        self.delivered += delivered;
        self.unique += unique;
        self.dead += dead;
        self.lost += lost;
        self.unknown += unknown;
        self.duplicated += duplicated;
        self.redelivered = add(self.redelivered, redelivered);
        self.rejected = add(self.rejected, rejected);
        self.dead_again += dead_again;
        self.reordered += reordered;
        self.displacement_max = self.displacement_max.max(displacement_max);
        self.displacement_sum = add(self.displacement_sum, displacement_sum);
        self.out_of_order += out_of_order;
        self.unjudged += unjudged;
        self.corrupted += corrupted;
        self.unrouted += unrouted;
        self.lagged += lagged;
        self.unsent += unsent;
        self.confirmed = add(self.confirmed, confirmed);
        self.refused = add(self.refused, refused);
        self.unconfirmed = add(self.unconfirmed, unconfirmed);
        self.confirmed_lost = add(self.confirmed_lost, confirmed_lost);
        self.rolled_back = add(self.rolled_back, rolled_back);
        self.negative_deltas += negative_deltas;
        self.over_range += over_range;
        self.beyond_window += beyond_window;
    }

    /// How far the reordered lay behind, in the mean.
    #[must_use]
    pub fn displacement_mean(&self) -> Option<f64> {
        let sum = self.displacement_sum.filter(|_| self.reordered > 0)?;
        Some(sum as f64 / self.reordered as f64)
    }

    /// Splits missing deliveries into lost and unknown ones. If the run was awaited to its drain deadline, they are lost, except as many as
    /// arrived too late to be told from duplicates (`beyond_window`). Otherwise only those that the transport reported as dropped are lost.
    pub fn close(&mut self, was_waited_for: bool) {
        let missing = self.lost + self.unknown;
        self.lost = if was_waited_for {
            missing.saturating_sub(self.beyond_window)
        } else {
            missing.min(self.lagged)
        };
        self.unknown = missing - self.lost;
    }
}

/// The sum of two counts. A count that is not known adds nothing.
fn add(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (known, None) | (None, known) => known,
    }
}

/// The figures that are not zero, in words.
impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that a new count cannot be forgotten here.
        let Self {
            sent,
            expected,
            delivered,
            unique,
            dead,
            lost,
            unknown,
            duplicated,
            redelivered,
            rejected,
            dead_again,
            reordered,
            displacement_max,
            displacement_sum: _,
            out_of_order,
            unjudged,
            corrupted,
            unrouted,
            lagged,
            unsent,
            confirmed,
            refused,
            unconfirmed,
            confirmed_lost,
            rolled_back,
            negative_deltas,
            over_range,
            beyond_window,
        } = *self;
        // A count that equals the one it is usually equal to is left out.
        let is_news = |count: u64, follows: bool| if follows { 0 } else { count };
        let figures = [
            (sent, "sent"),
            (is_news(expected, expected == sent), "deliveries expected"),
            (delivered, "delivered"),
            (is_news(unique, unique + duplicated == delivered), "of them for the first time"),
            (dead, "dead letters"),
            (lost, "lost"),
            (confirmed_lost.unwrap_or(0), "of them confirmed"),
            (unknown, "unknown"),
            (lagged, "dropped by the transport"),
            (unsent, "not taken by the transport"),
            (duplicated, "delivered again"),
            (redelivered.unwrap_or(0), "marked as repeated"),
            (rejected.unwrap_or(0), "given back"),
            (dead_again, "dead letters of messages that were handled or had died"),
            (reordered, "reordered"),
            (displacement_max.unwrap_or(0), "places behind at most"),
            (out_of_order, "out of order in their key or shard"),
            (unjudged, "whose order cannot be judged"),
            (corrupted, "damaged"),
            (beyond_window, "too late to be told from duplicates"),
            (unrouted, "emitted for no receiver"),
            (negative_deltas, "times below zero"),
            (over_range, "times too long for their histogram"),
            (confirmed.unwrap_or(0), "confirmed"),
            (refused.unwrap_or(0), "refused"),
            (unconfirmed.unwrap_or(0), "not confirmed"),
            (rolled_back.unwrap_or(0), "rolled back"),
        ];
        let mut written = figures.iter().filter(|(count, _)| *count > 0);
        let Some((count, what)) = written.next() else { return f.write_str("nothing sent") };
        write!(f, "{count} {what}")?;
        written.try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

#[cfg(test)]
mod tests;
