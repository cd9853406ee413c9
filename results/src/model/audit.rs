//! The counts of an audit, and the promises of a transport.
//!
//! Lives here: the counts, how they add up and which of them are faults. Does not live here: how they are found (the
//! engine's audit), and exit codes (the command line).

/// Counts of messages of one trial, over all destinations. Every field is a number of messages or of sequence numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audit {
    /// Accepted by the transport.
    pub sent: u64,
    /// Deliveries these should have led to: sent × subscribers, per destination.
    pub expected: u64,
    /// Deliveries seen, duplicates included.
    pub delivered: u64,
    /// Deliveries seen for the first time.
    pub unique: u64,
    /// Expected, and given up by the broker before a service had handled it. Zero where there are none, and in records that do not
    /// say.
    pub dead: u64,
    /// Expected and not seen whole until the drain deadline: `unique + dead + lost + unknown = expected`.
    pub lost: u64,
    /// Expected, and nobody knows: under way when the trial failed or was interrupted, or came too late to be told from a
    /// duplicate. Zero in records that do not say.
    pub unknown: u64,
    /// Seen again.
    pub duplicated: u64,
    /// Deliveries that the transport marked as repeated, whether or not the first one had been handled. `None` where it
    /// marks none, and in records that do not say.
    pub redelivered: Option<u64>,
    /// Deliveries that a service gave back instead of handling them; they are not among the delivered. `None` where none was to
    /// be given back.
    pub rejected: Option<u64>,
    /// Dead letters that are not in `dead`, as their message had been handled, or had been a dead letter before.
    pub dead_again: u64,
    /// Sequence below the next expected of its producer at this destination (RFC 4737), whatever order is promised.
    pub reordered: u64,
    /// How far the reordered lay behind the highest sequence number their receiver had seen of their producer: the
    /// furthest. `None` where none was reordered, and in records that do not say.
    pub displacement_max: Option<u64>,
    /// As `displacement_max`, of all reordered together.
    pub displacement_sum: Option<u64>,
    /// After a later message of the same key or shard, where order is promised within them. Zero otherwise, and in records that
    /// do not say.
    pub out_of_order: u64,
    /// Not judged, where order is promised within keys or shards: one key or shard too many, or a shard that the transport does
    /// not tell. Zero otherwise, and in records that do not say.
    pub unjudged: u64,
    /// The message, its payload or its application headers did not match its check.
    pub corrupted: u64,
    /// Emitted by a handler, but no route carries its kind.
    pub unrouted: u64,
    /// Reported as dropped by the transport itself (a slow subscriber overtaken); also in `lost`.
    pub lagged: u64,
    /// Confirmed to the sender by the transport; `None` where it has no confirms.
    pub confirmed: Option<u64>,
    /// Refused by the transport, as its confirm said; `None` where it has no confirms, and in records that do not say.
    pub refused: Option<u64>,
    /// Sent, but neither confirmed nor refused at the drain deadline; `None` where it has no confirms. In records that do
    /// not tell refused messages apart, these are among them.
    pub unconfirmed: Option<u64>,
    /// Of the lost: deliveries of messages that the transport had confirmed, at least. `None` where it has no confirms, and in
    /// records that do not say.
    pub confirmed_lost: Option<u64>,
    /// Stamps that ran backwards: clock error, recorded as zero.
    pub negative_deltas: u64,
    /// Times beyond the histogram's range.
    pub over_range: u64,
    /// Arrived too far out of order to tell a duplicate from a late message.
    pub beyond_window: u64,
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
            confirmed,
            refused,
            unconfirmed,
            confirmed_lost,
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
        self.confirmed = add(self.confirmed, confirmed);
        self.refused = add(self.refused, refused);
        self.unconfirmed = add(self.unconfirmed, unconfirmed);
        self.confirmed_lost = add(self.confirmed_lost, confirmed_lost);
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
}

fn add(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (known, None) | (None, known) => known,
    }
}

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
    /// It may be lost and may be delivered several times. Only records of earlier versions have it.
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
    use proptest::prelude::*;

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

    fn audit(n: [u64; 21]) -> Audit {
        Audit {
            sent: n[0],
            expected: n[1],
            delivered: n[2],
            unique: n[3],
            dead: n[4] / 2,
            dead_again: n[4] / 3,
            lost: n[4],
            duplicated: n[5],
            redelivered: n[5].is_multiple_of(2).then_some(n[5]),
            rejected: n[6].is_multiple_of(2).then_some(n[6]),
            reordered: n[6],
            corrupted: n[7],
            unrouted: n[8],
            lagged: n[9],
            confirmed: n[10].is_multiple_of(2).then_some(n[10]),
            unconfirmed: n[11].is_multiple_of(2).then_some(n[11]),
            negative_deltas: n[12],
            over_range: n[13],
            beyond_window: n[14],
            displacement_max: (n[6] > 0).then_some(n[15]),
            displacement_sum: (n[6] > 0).then_some(n[16]),
            unknown: n[17],
            refused: n[18].is_multiple_of(2).then_some(n[18]),
            out_of_order: n[19],
            unjudged: n[20],
            confirmed_lost: n[4].is_multiple_of(2).then_some(n[4]),
        }
    }

    #[test]
    fn displacements_of_trials_are_of_all_their_messages() {
        let of = |reordered, max, sum| Audit {
            reordered,
            displacement_max: max,
            displacement_sum: sum,
            ..Audit::default()
        };
        let mut all = of(2, Some(3), Some(4));
        all.merge(&Audit::default());
        all.merge(&of(6, Some(1), Some(6)));
        assert_eq!(all, of(8, Some(3), Some(10)));
        assert_eq!(all.displacement_mean(), Some(1.25), "not the mean of 2 and 1");
        assert_eq!(Audit::default().displacement_mean(), None);
        assert_eq!(of(5, None, None).displacement_mean(), None, "a record that does not say");
    }

    proptest! {
        #[test]
        fn counts_add_up_in_any_order(a: [u32; 21], b: [u32; 21], c: [u32; 21]) {
            let [a, b, c] = [a, b, c].map(|n| audit(n.map(u64::from)));
            let sum = |parts: [Audit; 3]| parts.iter().fold(Audit::default(), |mut sum, part| { sum.merge(part); sum });
            prop_assert_eq!(sum([a, b, c]), sum([c, a, b]));
            prop_assert_eq!(sum([a, b, c]).beyond_window, a.beyond_window + b.beyond_window + c.beyond_window);
        }
    }
}
