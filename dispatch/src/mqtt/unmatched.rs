//! Messages at QoS 2 that no subscription matches. A broker may say so in its PUBREC. The client tells a sender of the PUBCOMP alone, so what
//! the PUBREC said is kept here until the sender is told.
//!
//! The packet identifier of a message is free again after its PUBCOMP, and the next message may have it before the sender is told of this
//! one. So messages are known by their number, in the order in which their connection publishes them.

use drumpost_kit::prelude::*;
use rumqttc::{Event, Outgoing, Packet, PubRecReason};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// Messages that no subscription matched: the task of the connection notes them, and the sending port asks for them.
#[derive(Debug, Default)]
pub(super) struct Unmatched {
    /// Messages that the sender has published.
    published: AtomicU64,
    /// The numbers of messages that no subscription matched.
    numbers: Mutex<BTreeSet<u64>>,
}

impl Unmatched {
    /// The number of the next message. The ports of a connection belong to one lane, so no two of them publish at the same time.
    pub(super) fn number(&self) -> u64 {
        self.published.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether the broker said of a message that no subscription matches it. It is asked once, when the PUBCOMP has come.
    pub(super) fn take(&self, number: u64) -> bool {
        lock(&self.numbers).remove(&number)
    }
}

/// The packets of a connection that publishes at QoS 2.
#[derive(Debug)]
pub(super) struct Packets {
    unmatched: Arc<Unmatched>,
    published: u64,
    /// The number of the last message with each packet identifier.
    numbers: Vec<u64>,
}

impl Packets {
    pub(super) fn of(unmatched: &Arc<Unmatched>) -> Self {
        Self { unmatched: Arc::clone(unmatched), published: 0, numbers: Vec::new() }
    }

    /// Notes the next packet. The client gives all packets that it has read before it reads more, so this knows a PUBREC before the sender is
    /// told of the PUBCOMP.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Outgoing(Outgoing::Publish(id)) => {
                let at = usize::from(*id);
                if self.numbers.len() <= at {
                    self.numbers.resize(at + 1, 0);
                }
                self.numbers[at] = self.published;
                self.published += 1;
            }
            Event::Incoming(Packet::PubRec(answer))
                if answer.reason == PubRecReason::NoMatchingSubscribers =>
            {
                let number = self.numbers.get(usize::from(answer.pkid));
                lock(&self.unmatched.numbers).extend(number);
            }
            _ => {}
        }
    }
}
