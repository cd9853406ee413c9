//! Lanes that handle their messages in transactions: what they receive, and what they send because of it, takes effect together or not
//! at all.
//!
//! The transport decides when a transaction ends, and tells so of messages that were sent ([`Confirmed::RolledBack`]) and of messages
//! that were handled ([`Transacted`]). It may do so on ports that were opened again, so nothing of a transaction is forgotten with its
//! ports. A process that dies takes its sending and its receiving connections with it, so a lane in transactions does, too: it could not
//! roll back what it sent otherwise.
//!
//! [`Confirmed::RolledBack`]: crate::port::Confirmed::RolledBack

use super::Ledger;
use crate::{
    lane::Lane,
    message::Message,
    plan::Victim,
    port::{AsyncRecvPort, Transacted},
    recorder::Handled,
};
use std::{collections::VecDeque, task::Context};

/// The messages that a lane handled in transactions that have not ended. The transport limits how many messages a transaction has.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    /// Oldest first.
    handled: VecDeque<Handled>,
    /// The messages that wait in the lane's outbox were sent by handlers; they are no new flows of the load.
    are_caused: bool,
}

impl Ledger {
    /// Whether the lane handles its messages in transactions.
    #[inline]
    pub(crate) const fn transacts(&self) -> bool {
        self.transactions.is_some()
    }

    /// The part of an instance that a kill of `victim` ends: in transactions always all of it.
    pub(crate) fn dies_with(&self, victim: Victim) -> Victim {
        if self.transacts() { Victim::Connection } else { victim }
    }

    /// Notes messages that the lane is about to handle.
    pub(super) fn note_handled(&mut self, batch: &[Message]) {
        if let Some(Transactions { handled, are_caused }) = self.transactions.as_deref_mut() {
            let name = |message: &Message| (message.producer(), message.destination, message.seq);
            handled.extend(batch.iter().map(name));
            *are_caused = true;
        }
    }

    /// Called before a step of the lane.
    #[inline]
    pub(crate) fn begin_step(&mut self, lane: &Lane) {
        if let Some(transactions) = self.transactions.as_deref_mut().filter(|_| !lane.has_pending()) {
            transactions.are_caused = false;
        }
    }

    /// How many messages were handled in transactions that have not ended.
    pub(super) fn in_transactions(&self) -> usize {
        self.transactions.as_ref().map_or(0, |transactions| transactions.handled.len())
    }

    /// Asks a port what became of transactions, and has the lane note it. Says whether one was rolled back.
    pub(crate) fn hear_transacted(
        &mut self,
        lane: &mut Lane,
        port: &mut impl AsyncRecvPort,
        context: &mut Context<'_>,
    ) -> bool {
        let Some(Transactions { handled, .. }) = self.transactions.as_deref_mut() else { return false };
        let mut was_rolled_back = false;
        port.transacted(context, &mut |told| match told {
            Transacted::Committed(count) => drop(handled.drain(..handled.len().min(count as usize))),
            Transacted::RolledBack(count) => {
                was_rolled_back = true;
                for message in handled.drain(..handled.len().min(count as usize)) {
                    lane.recorder().handled_in_vain(message);
                }
            }
        });
        was_rolled_back
    }

    /// Rolls back what waits in the outbox of a lane that dies, if messages caused it that the lane will be handed again. What its
    /// load has started waits on, as a load starts nothing twice.
    pub(crate) fn roll_back_unsent(&mut self, lane: &mut Lane) {
        if !self.transactions.as_ref().is_some_and(|transactions| transactions.are_caused) {
            return;
        }
        for (port, count) in lane.withdraw_unsent() {
            let unconfirmed = &mut self.ports[port];
            unconfirmed.taken += count;
            unconfirmed.told += count;
            lane.recorder().rolled_back(port, count);
        }
        self.note_taken(lane);
    }
}
