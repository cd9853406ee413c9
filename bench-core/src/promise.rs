//! What a user asks of delivery, and what a transport then promises. The audit judges a run by the promise.

pub use crate::guarantee::Guarantee as Delivery;
use crate::guarantee::Guarantee;
use std::{fmt, str::FromStr};

/// The order in which messages of one producer to one destination arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// None.
    None,
    /// Messages with the same key arrive in the order they were sent.
    PerKey,
    /// Messages in the same shard (partition, message group) arrive in the order they were sent.
    PerShard,
    /// All messages of the producer to the destination arrive in the order they were sent.
    #[default]
    PerProducer,
}

impl Order {
    /// All orders.
    pub const ALL: [Self; 4] = [Self::None, Self::PerKey, Self::PerShard, Self::PerProducer];

    /// `none`, `per-key`, `per-shard` or `per-producer`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PerKey => "per-key",
            Self::PerShard => "per-shard",
            Self::PerProducer => "per-producer",
        }
    }
}

/// What a transport's confirm says of a message to its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confirms {
    /// Nothing: there are no confirms.
    #[default]
    None,
    /// It was written to the connection.
    Written,
    /// The server has it, or the leader of its partition does.
    Leader,
    /// As many servers have it as are asked for.
    Replicated,
    /// It is on a disk that was told to keep it.
    Durable,
}

impl Confirms {
    /// `none`, `written`, `leader`, `replicated` or `durable`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Written => "written",
            Self::Leader => "leader",
            Self::Replicated => "replicated",
            Self::Durable => "durable",
        }
    }
}

/// When a receiver acknowledges a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// Before its handler gets it: what a receiver holds when it dies is lost.
    Before,
    /// After its handler has returned.
    #[default]
    After,
    /// After what its handler sent is confirmed.
    Confirmed,
    /// Together with what its handler sent, in one transaction: both become visible, or neither does.
    Transaction,
}

impl Acks {
    /// The times at which a transport with transactions can acknowledge: all.
    pub const WITH_TRANSACTIONS: [Self; 4] = [Self::Before, Self::After, Self::Confirmed, Self::Transaction];
    /// The times at which a transport without transactions can acknowledge.
    pub const WITHOUT_TRANSACTIONS: [Self; 3] = [Self::Before, Self::After, Self::Confirmed];

    /// `before`, `after`, `confirmed` or `transaction`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Confirmed => "confirmed",
            Self::Transaction => "transaction",
        }
    }
}

impl fmt::Display for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Acks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::WITH_TRANSACTIONS.into_iter().find(|acks| acks.name() == text);
        found.ok_or_else(|| {
            format!("`{text}` is no time of an acknowledgement: before, after, confirmed or transaction")
        })
    }
}

/// What a user asks of delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The least that has to be promised; `None`: whatever the transport promises.
    pub guarantee: Option<Guarantee>,
    /// When receivers acknowledge. `None`: as the guarantee wants it; see [`Asked::acks`].
    pub acks: Option<Acks>,
}

impl Asked {
    /// When receivers acknowledge over a transport that lists `promise`. If nobody said, they acknowledge after handling; or
    /// before it, where at most once is asked for and that is how the transport can give it; or in a transaction with what they
    /// send, where exactly once is.
    #[must_use]
    pub fn acks(&self, promise: &Promise) -> Acks {
        let can_forget = promise.may_duplicate() && promise.acknowledges.contains(&Acks::Before);
        let can_transact = promise.may_duplicate() && promise.acknowledges.contains(&Acks::Transaction);
        let usual = match self.guarantee {
            Some(Guarantee::AtMostOnce) if can_forget => Acks::Before,
            Some(Guarantee::ExactlyOnce) if can_transact => Acks::Transaction,
            _ => Acks::After,
        };
        self.acks.unwrap_or(usual)
    }
}

/// The promises of a transport. The audit judges a run by them, and the record states them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Queues are bounded and a full one blocks the sender: the deadlock rule applies.
    pub holds_up_senders: bool,
    /// How often an accepted message is delivered.
    pub delivery: Delivery,
    /// In which order messages arrive.
    pub order: Order,
    /// What a confirm says.
    pub confirms: Confirms,
    /// When receivers can acknowledge; empty for a transport without acknowledgements.
    pub acknowledges: &'static [Acks],
    /// How deliveries are acknowledged, in a few words.
    pub acks: &'static str,
    /// Where the transport stores messages, in a few words.
    pub persistence: &'static str,
    /// Messages to a service wait while all of its instances are away, and the instances receive them when they return. This says nothing
    /// about delivery: a list whose messages are popped off it delivers at most once, and stores all that waits.
    pub stores: bool,
}

impl Promise {
    /// The promises of a bounded queue in memory.
    pub const IN_MEMORY: Self = Self {
        holds_up_senders: true,
        delivery: Delivery::ExactlyOnce,
        order: Order::PerProducer,
        confirms: Confirms::None,
        acknowledges: &[],
        acks: "none",
        persistence: "none",
        stores: false,
    };

    /// Every accepted message is delivered.
    #[must_use]
    pub const fn is_lossless(&self) -> bool {
        matches!(self.delivery, Delivery::AtLeastOnce | Delivery::ExactlyOnce)
    }

    /// A message may be delivered again.
    #[must_use]
    pub const fn may_duplicate(&self) -> bool {
        matches!(self.delivery, Delivery::AtLeastOnce | Delivery::Any)
    }

    /// The end of a sentence about a message that says how this promise falls short of `guarantee`. `None`: it gives the guarantee.
    #[must_use]
    pub const fn breaks(&self, guarantee: Guarantee) -> Option<&'static str> {
        let loses = !self.is_lossless() && !matches!(guarantee, Guarantee::AtMostOnce | Guarantee::Any);
        let repeats = self.may_duplicate() && !matches!(guarantee, Guarantee::AtLeastOnce | Guarantee::Any);
        match (loses, repeats) {
            (false, false) => None,
            (true, false) => Some("may be lost"),
            (false, true) => Some("may be delivered again"),
            (true, true) => Some("may be lost and may be delivered again"),
        }
    }

    /// What is promised when this is asked for, by a transport that does nothing else for it: a guarantee that is asked for is
    /// given or refused, and never weakened below what is listed. Acknowledging before handling makes at most once of what may be
    /// repeated, because what a receiver holds when it dies is lost. Acknowledging in a transaction makes exactly once of at least once.
    ///
    /// # Errors
    /// A sentence that says what is promised, and what was asked for.
    pub fn when(self, asked: &Asked) -> Result<Self, String> {
        let can = |acks: &Acks| self.acknowledges.contains(acks);
        let acks = asked.acks(&self);
        let promised = match acks {
            Acks::After if can(&Acks::After) => self,
            // A transport without acknowledgements that loses nothing keeps what `after` promises. A transport that may lose messages
            // does not, so it is refused if the flag was given.
            Acks::After if self.acknowledges.is_empty() && (self.is_lossless() || asked.acks.is_none()) => {
                self
            }
            acks if !can(&acks) => return Err(self.cannot_acknowledge(acks)),
            Acks::Before if self.may_duplicate() => Self { delivery: Delivery::AtMostOnce, ..self },
            // A transaction repeats nothing. It does not bring back what the transport loses.
            Acks::Transaction if self.delivery == Delivery::AtLeastOnce => {
                Self { delivery: Delivery::ExactlyOnce, ..self }
            }
            _ => self,
        };
        let Some(guarantee) = asked.guarantee else { return Ok(promised) };
        match promised.breaks(guarantee) {
            None => Ok(promised),
            Some(allowed) => Err(format!(
                "promises {}{}: a message {allowed}, so --guarantee {guarantee} cannot be kept",
                match promised.delivery {
                    Delivery::Any => "no guarantee".to_owned(),
                    delivery => format!("{delivery} delivery"),
                },
                if acks == Acks::After { String::new() } else { format!(" with --acks {acks}") }
            )),
        }
    }

    fn cannot_acknowledge(&self, acks: Acks) -> String {
        let names: Vec<&str> = self.acknowledges.iter().map(|acks| acks.name()).collect();
        if acks == Acks::Transaction {
            return "has no transactions, so --acks transaction means nothing here".into();
        }
        match names.is_empty() {
            true => format!("has no acknowledgements, so --acks {acks} means nothing here"),
            false => format!("cannot do --acks {acks}; it acknowledges {} handling", names.join(" or ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKER: Promise = Promise {
        delivery: Delivery::AtLeastOnce,
        acknowledges: &[Acks::Before, Acks::After],
        ..Promise::IN_MEMORY
    };

    fn asked(guarantee: Option<Guarantee>, acks: Acks) -> Asked {
        Asked { guarantee, acks: Some(acks) }
    }

    #[test]
    fn at_most_once_is_realised_by_acknowledging_before_handling() {
        let asked = Asked { guarantee: Some(Guarantee::AtMostOnce), acks: None };
        assert_eq!(asked.acks(&BROKER), Acks::Before);
        assert_eq!(BROKER.when(&asked).map(|promise| promise.delivery), Ok(Delivery::AtMostOnce));
        assert_eq!(asked.acks(&Promise::IN_MEMORY), Acks::After, "it repeats nothing");
        assert_eq!(Asked { guarantee: None, ..asked }.acks(&BROKER), Acks::After);
        let late = Promise { acknowledges: &[Acks::After], ..BROKER };
        assert!(late.when(&asked).unwrap_err().contains("--guarantee at-most-once cannot be kept"));
    }

    #[test]
    fn a_guarantee_is_given_or_refused_in_a_sentence() {
        let weaker = asked(Some(Guarantee::AtMostOnce), Acks::After);
        assert_eq!(Promise::IN_MEMORY.when(&weaker), Ok(Promise::IN_MEMORY), "more than was asked for");
        let refused = BROKER.when(&asked(Some(Guarantee::ExactlyOnce), Acks::After)).unwrap_err();
        assert_eq!(
            refused,
            "promises at-least-once delivery: a message may be delivered again, so --guarantee exactly-once cannot be kept"
        );
        assert_eq!(BROKER.when(&Asked::default()), Ok(BROKER));
    }

    #[test]
    fn acknowledging_before_handling_makes_at_most_once_of_at_least_once() {
        let before = BROKER.when(&asked(None, Acks::Before)).unwrap();
        assert_eq!(before.delivery, Delivery::AtMostOnce);
        assert!(!before.is_lossless() && !before.may_duplicate());
        let refused = BROKER.when(&asked(Some(Guarantee::AtLeastOnce), Acks::Before)).unwrap_err();
        assert!(refused.contains("with --acks before: a message may be lost"), "{refused}");
        assert!(BROKER.when(&asked(Some(Guarantee::AtMostOnce), Acks::Before)).is_ok());
    }

    #[test]
    fn exactly_once_is_realised_by_transactions_where_there_are_any() {
        let asked = Asked { guarantee: Some(Guarantee::ExactlyOnce), acks: None };
        let transacts = Promise { acknowledges: &Acks::WITH_TRANSACTIONS, ..BROKER };
        assert_eq!((asked.acks(&transacts), asked.acks(&BROKER)), (Acks::Transaction, Acks::After));
        assert_eq!(transacts.when(&asked).map(|promise| promise.delivery), Ok(Delivery::ExactlyOnce));
        assert_eq!(Asked::default().acks(&transacts), Acks::After, "nobody asked");
        let weaker = Asked { guarantee: Some(Guarantee::AtLeastOnce), acks: Some(Acks::Transaction) };
        assert!(transacts.when(&weaker).is_ok(), "more than was asked for");
    }

    #[test]
    fn a_transport_that_may_lose_and_repeat_gives_at_most_once_alone_and_only_before_handling() {
        let neither = Promise { delivery: Delivery::Any, acknowledges: &Acks::WITH_TRANSACTIONS, ..BROKER };
        assert!(!neither.is_lossless() && neither.may_duplicate());
        assert_eq!(neither.when(&Asked::default()), Ok(neither), "nobody asked");
        let least = neither.when(&asked(Some(Guarantee::AtLeastOnce), Acks::After)).unwrap_err();
        assert_eq!(
            least,
            "promises no guarantee: a message may be lost, so --guarantee at-least-once cannot be kept"
        );
        let most = neither.when(&asked(Some(Guarantee::AtMostOnce), Acks::After)).unwrap_err();
        assert!(most.contains("no guarantee: a message may be delivered again"), "{most}");
        let before = neither.when(&Asked { guarantee: Some(Guarantee::AtMostOnce), acks: None }).unwrap();
        assert_eq!(before.delivery, Delivery::AtMostOnce);
        let once = neither.when(&Asked { guarantee: Some(Guarantee::ExactlyOnce), acks: None }).unwrap_err();
        assert!(once.contains("a message may be lost and may be delivered again"), "{once}");
        assert_eq!(neither.breaks(Delivery::Any), None);
    }

    #[test]
    fn acknowledgements_that_a_transport_does_not_have_are_refused() {
        let refused = Promise::IN_MEMORY.when(&asked(None, Acks::Before)).unwrap_err();
        assert_eq!(refused, "has no acknowledgements, so --acks before means nothing here");
        let refused = BROKER.when(&asked(None, Acks::Confirmed)).unwrap_err();
        assert_eq!(refused, "cannot do --acks confirmed; it acknowledges before or after handling");
        let lossy = Promise { delivery: Delivery::AtMostOnce, ..Promise::IN_MEMORY };
        let refused = lossy.when(&asked(None, Acks::After)).unwrap_err();
        assert_eq!(refused, "has no acknowledgements, so --acks after means nothing here");
        assert_eq!(lossy.when(&Asked::default()), Ok(lossy), "nobody asked");
        assert!("later".parse::<Acks>().unwrap_err().contains("before, after, confirmed or transaction"));
        let refused = BROKER.when(&asked(None, Acks::Transaction)).unwrap_err();
        assert_eq!(refused, "has no transactions, so --acks transaction means nothing here");
    }

    #[test]
    fn a_promise_gives_its_own_guarantee_and_those_that_ask_for_less() {
        use Guarantee::{AtLeastOnce, AtMostOnce, ExactlyOnce};
        for (delivery, given) in
            [(ExactlyOnce, &Guarantee::ALL[..]), (AtLeastOnce, &[AtLeastOnce]), (AtMostOnce, &[AtMostOnce])]
        {
            let promise = Promise { delivery, ..Promise::IN_MEMORY };
            let kept: Vec<Guarantee> =
                Guarantee::ALL.into_iter().filter(|asked| promise.breaks(*asked).is_none()).collect();
            assert_eq!(kept, given, "{promise:?}");
        }
        let lossy = Promise { delivery: AtMostOnce, ..Promise::IN_MEMORY };
        assert_eq!(lossy.breaks(ExactlyOnce), Some("may be lost"));
        let again = Promise { delivery: AtLeastOnce, ..Promise::IN_MEMORY };
        assert_eq!(again.breaks(AtMostOnce), Some("may be delivered again"));
    }
}
