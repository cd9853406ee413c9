//! The promises of a transport, and which counts of an audit are faults by them.
//!
//! Does not live here: the counts themselves (`drumpost-counts`), how they are found (the engine's audit), and exit codes (the
//! command line).

pub use drumpost_counts::Audit;

/// How often a message that the transport accepted is delivered, as the transport promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Delivery {
    /// It may be lost and is never delivered twice.
    AtMostOnce,
    /// It is never lost and may be delivered several times.
    AtLeastOnce,
    /// Neither lost nor delivered twice.
    #[default]
    ExactlyOnce,
    /// It may be lost and may be delivered several times.
    Any,
}

/// The order in which messages of one producer to one destination arrive, as the transport promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// None.
    None,
    /// That of sending, within a key.
    PerKey,
    /// That of sending, within a shard.
    PerShard,
    /// That of sending.
    #[default]
    PerProducer,
}

/// What a confirm says of a message to its sender, as the transport promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Confirming {
    /// There are no confirms, or the record does not say.
    #[default]
    None,
    /// It was written to the connection.
    Written,
    /// The server has it.
    Leader,
    /// Several servers have it.
    Replicated,
    /// It is on a disk that was told to keep it.
    Durable,
}

/// The promises of a transport, by which its counts are judged. The default: in order, exactly once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promises {
    /// How often an accepted message is delivered.
    pub delivery: Delivery,
    /// In which order messages arrive.
    pub order: Order,
    /// What a confirm says.
    pub confirms: Confirming,
}

impl Promises {
    /// Every message that the transport accepted arrives.
    #[must_use]
    pub const fn is_lossless(&self) -> bool {
        matches!(self.delivery, Delivery::AtLeastOnce | Delivery::ExactlyOnce)
    }

    /// A message may arrive again.
    #[must_use]
    pub const fn tolerates_duplicates(&self) -> bool {
        matches!(self.delivery, Delivery::AtLeastOnce | Delivery::Any)
    }

    /// Of the lost messages, those that count as lost: where the transport confirms messages and promises to lose none, its promise
    /// begins with the confirm. A message that it never confirmed, because the server or the connection was gone, may be lost.
    #[must_use]
    pub fn lost_of_promised(&self, audit: &Audit) -> u64 {
        audit.confirmed_lost.filter(|_| self.is_lossless()).unwrap_or(audit.lost).min(audit.lost)
    }

    /// Each count with a word for it, and whether the promise allows it. Reordering across keys or shards is allowed where order
    /// holds within them; what then breaks it is counted apart.
    fn counts(&self, audit: &Audit) -> [(u64, &'static str, bool); 6] {
        let promised = self.lost_of_promised(audit);
        let within = match self.order {
            Order::PerShard => "out of order within their shard",
            _ => "out of order within their key",
        };
        [
            (promised, "lost", !self.is_lossless()),
            (audit.lost - promised, "lost without a confirm", true),
            (audit.duplicated, "duplicated", self.tolerates_duplicates()),
            (audit.reordered, "reordered", self.order != Order::PerProducer),
            (audit.out_of_order, within, false),
            (audit.corrupted, "corrupted", false),
        ]
    }

    /// The faults among the counts, each as a figure and a word: `12 lost`. Empty: nothing promised was broken.
    #[must_use]
    pub fn faults(&self, audit: &Audit) -> Vec<(u64, &'static str)> {
        let faults = self.counts(audit).into_iter().filter(|(n, _, allowed)| *n > 0 && !allowed);
        faults.map(|(n, word, _)| (n, word)).collect()
    }

    /// The transport's doing that it does not promise to leave undone, as in [`Promises::faults`].
    #[must_use]
    pub fn allowed(&self, audit: &Audit) -> Vec<(u64, &'static str)> {
        let allowed = self.counts(audit).into_iter().filter(|(n, _, allowed)| *n > 0 && *allowed);
        allowed.map(|(n, word, _)| (n, word)).collect()
    }

    /// True if anything is corrupted, lost where nothing may be, duplicated without at-least-once, or out of the promised order.
    #[must_use]
    pub fn broken_by(&self, audit: &Audit) -> bool {
        !self.faults(audit).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_promised_is_a_fault() {
        let strict = Promises::default();
        let lax = Promises { order: Order::None, delivery: Delivery::AtLeastOnce, ..strict };
        let lossy = Promises { delivery: Delivery::AtMostOnce, ..strict };
        let of = |lost, duplicated, reordered, corrupted| Audit {
            lost,
            duplicated,
            reordered,
            corrupted,
            ..Audit::default()
        };
        assert!(!strict.broken_by(&of(0, 0, 0, 0)));
        assert!(strict.broken_by(&of(0, 1, 0, 0)) && !lax.broken_by(&of(0, 1, 0, 0)));
        assert!(strict.broken_by(&of(0, 0, 1, 0)) && !lax.broken_by(&of(0, 0, 1, 0)));
        assert!(lax.broken_by(&of(1, 0, 0, 0)) && lax.broken_by(&of(0, 0, 0, 1)));
        assert_eq!(strict.faults(&of(3, 0, 2, 0)), [(3, "lost"), (2, "reordered")]);
        assert_eq!(lossy.faults(&of(3, 1, 0, 2)), [(1, "duplicated"), (2, "corrupted")]);
        assert_eq!(
            (lossy.allowed(&of(3, 1, 0, 2)), lax.allowed(&of(3, 0, 0, 0))),
            (vec![(3, "lost")], vec![])
        );
    }

    #[test]
    fn what_was_never_confirmed_may_be_lost() {
        let audit = |confirmed_lost| Audit { lost: 5, confirmed_lost, ..Audit::default() };
        let strict = Promises::default();
        assert_eq!(strict.faults(&audit(None)), [(5, "lost")]);
        assert_eq!(strict.faults(&audit(Some(2))), [(2, "lost")]);
        assert_eq!(strict.allowed(&audit(Some(2))), [(3, "lost without a confirm")]);
        assert!(!strict.broken_by(&audit(Some(0))));
        let lossy = Promises { delivery: Delivery::AtMostOnce, ..strict };
        assert_eq!(lossy.allowed(&audit(Some(2))), [(5, "lost")]);
    }

    #[test]
    fn order_is_judged_within_what_it_is_promised_for() {
        let audit = Audit { reordered: 9, out_of_order: 2, ..Audit::default() };
        let of = |order| Promises { order, ..Promises::default() };
        assert_eq!(of(Order::PerProducer).allowed(&Audit { out_of_order: 0, ..audit }), []);
        assert_eq!(of(Order::PerKey).faults(&audit), [(2, "out of order within their key")]);
        assert_eq!(of(Order::PerShard).faults(&audit), [(2, "out of order within their shard")]);
        assert_eq!(of(Order::PerKey).allowed(&audit), [(9, "reordered")]);
        let across = Audit { out_of_order: 0, ..audit };
        assert!(!of(Order::PerKey).broken_by(&across) && of(Order::PerProducer).broken_by(&across));
        assert!(!of(Order::None).broken_by(&across));
    }
}
