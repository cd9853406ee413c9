//! The audit of a trial: messages sent against messages delivered.

use std::fmt;

/// Messages sent against messages delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditTotals {
    /// Accepted by the transport.
    pub sent: u64,
    /// Deliveries that should follow: sent × subscribers, summed over destinations.
    pub expected: u64,
    /// Deliveries that arrived whole, duplicates included.
    pub delivered: u64,
    /// Deliveries that arrived whole, duplicates not included.
    pub unique: u64,
    /// Expected, and given up by the broker before a service had handled them: it handed them to the harness as dead letters.
    pub dead: u64,
    /// Expected and not delivered whole by the drain deadline, those that arrived damaged included.
    pub lost: u64,
    /// Expected, and nobody knows: the run broke or was interrupted while they were under way, or what arrived was too late
    /// to be told from a duplicate. `unique + dead + lost + unknown = expected`, always.
    pub unknown: u64,
    /// Delivered again.
    pub duplicated: u64,
    /// Deliveries that the transport marked as repeated, whether or not the first one had been handled. `None` if it marks
    /// none.
    pub redelivered: Option<u64>,
    /// Deliveries that a service gave back instead of handling them. They are not among the delivered. `None` if none was to be
    /// given back.
    pub rejected: Option<u64>,
    /// Dead letters that are not in `dead`, as their message had been handled, or had been a dead letter before.
    pub dead_again: u64,
    /// Delivered below the next expected number of their stream (RFC 4737).
    pub reordered: u64,
    /// The furthest that a reordered delivery lay behind the highest number its receiver had seen of its stream.
    pub displacement_max: u64,
    /// How far the reordered lay behind, all together.
    pub displacement_sum: u64,
    /// Delivered after a later message of the same key or shard, where that order is promised.
    pub out_of_order: u64,
    /// Not judged, where order within keys or shards is promised: one key or shard too many, or a shard that was not told.
    pub unjudged: u64,
    /// Delivered otherwise than sent: the message, its payload or its application headers.
    pub corrupted: u64,
    /// Emitted kinds that nobody is wired to.
    pub unrouted: u64,
    /// Messages that the transport reports as dropped; they are also in `lost`.
    pub lagged: u64,
    /// Emitted and never accepted by the transport.
    pub unsent: u64,
    /// Too late to tell a duplicate from a late first delivery.
    pub beyond_window: u64,
    /// Deltas of stamps below zero: a clock error.
    pub negative: u64,
    /// Confirmed by the transport, `None` if it confirms nothing.
    pub confirmed: Option<u64>,
    /// Refused by the transport. A refused message is not expected to be delivered.
    pub refused: Option<u64>,
    /// Neither confirmed nor refused by the drain deadline.
    pub unconfirmed: Option<u64>,
    /// Of the lost: deliveries of messages that the transport had confirmed; at least so many, as a message that was never confirmed
    /// and lies a million numbers back in its stream is taken for lost. `None` if it confirms nothing, and while the trial runs.
    pub confirmed_lost: Option<u64>,
}

impl AuditTotals {
    /// Says of what is missing whether it is lost. At the drain deadline of a run that was waited for it is, but for
    /// deliveries that came and cannot be told from duplicates. Otherwise only what the transport admits to have dropped is.
    pub(crate) fn close(&mut self, was_waited_for: bool) {
        let missing = self.lost + self.unknown;
        self.lost = if was_waited_for {
            missing.saturating_sub(self.beyond_window)
        } else {
            missing.min(self.lagged)
        };
        self.unknown = missing - self.lost;
    }
}

/// The figures that are not zero, in words.
impl fmt::Display for AuditTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            beyond_window,
            negative,
            confirmed,
            refused,
            unconfirmed,
            confirmed_lost,
        } = *self;
        // What follows from the figures beside it is left out.
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
            (displacement_max, "places behind at most"),
            (out_of_order, "out of order in their key or shard"),
            (unjudged, "whose order cannot be judged"),
            (corrupted, "damaged"),
            (beyond_window, "too late to be told from duplicates"),
            (unrouted, "emitted for no receiver"),
            (negative, "times below zero"),
            (confirmed.unwrap_or(0), "confirmed"),
            (refused.unwrap_or(0), "refused"),
            (unconfirmed.unwrap_or(0), "not confirmed"),
        ];
        let mut written = figures.iter().filter(|(count, _)| *count > 0);
        let Some((count, what)) = written.next() else { return f.write_str("nothing sent") };
        write!(f, "{count} {what}")?;
        written.try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_is_told_by_the_figures_that_are_not_zero() {
        assert_eq!(AuditTotals::default().to_string(), "nothing sent");
        let audit = AuditTotals {
            sent: 1_000,
            expected: 1_000,
            delivered: 999,
            unique: 999,
            unknown: 1,
            refused: Some(0),
            ..AuditTotals::default()
        };
        assert_eq!(audit.to_string(), "1000 sent, 999 delivered, 1 unknown");
        let audit = AuditTotals { expected: 2_000, lost: 1_002, unique: 998, unknown: 0, ..audit };
        let said =
            "1000 sent, 2000 deliveries expected, 999 delivered, 998 of them for the first time, 1002 lost";
        assert_eq!(audit.to_string(), said);
    }
}
