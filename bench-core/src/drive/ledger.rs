//! What a lane's ports owe: messages that the transport took and has not confirmed, and messages that the lane handled and
//! has not acknowledged. The driver keeps both, so that no transport has to.
//!
//! - The **confirm window** limits the unconfirmed messages of each send port, whatever the transport. The driver offers no
//!   more than the window has room for. From the time at which a message was sent and the time at which the lane hears of its
//!   confirm comes the *confirm time*.
//! - An **acknowledgement** is due when a message was handled and the transport took what it caused. `--acks confirmed` waits
//!   until the transport has confirmed that. `--acks before` acknowledges a message before its lane gets it, so that what a
//!   killed lane had not handled is lost. `--acks transaction` has the transport acknowledge it together with what it caused.
//!
//! Transports without confirms have an empty ledger, and the compiler leaves it out of their lanes.

mod hearing;
mod transaction;
mod untold;

pub(crate) use hearing::Hearing;

use super::poison::{Rule, Settle, Sieve};
use crate::{
    act::Act,
    clock::Now,
    lane::Lane,
    message::Message,
    plan::{TrialPlan, WINDOW},
    port::{Confirmed, PortError, Told},
    promise::Acks,
    recorder::{Run, Untold},
};
use std::collections::VecDeque;
use transaction::Transactions;

/// A full window of which nothing was confirmed for this long is no longer waited for. Its messages count as unconfirmed,
/// and the lane sends on.
const SILENCE_NS: u64 = 5_000_000_000;

/// The terms on which lanes confirm and acknowledge.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Largest number of unconfirmed messages of one send port.
    pub window: usize,
    /// When a message is acknowledged.
    pub acks: Acks,
    /// Messages that the lane gives back.
    pub poison: Option<Rule>,
}

impl Terms {
    /// The terms of a lane.
    #[must_use]
    pub fn of(plan: &TrialPlan, lane: u16) -> Self {
        let window = plan.conditions.unconfirmed.max(plan.wiring.batch);
        Self { window, acks: plan.conditions.acks, poison: Rule::of(plan, lane) }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self { window: WINDOW, acks: Acks::After, poison: None }
    }
}

/// The messages of one send port that are not confirmed.
#[derive(Debug, Default)]
struct Unconfirmed {
    /// Oldest first.
    runs: VecDeque<Run>,
    taken: u64,
    /// Of the taken: confirmed or refused.
    told: u64,
    /// Of the taken: no longer waited for.
    given_up: u64,
    /// When the window was found full with as many told as then, in ns on the run's clock.
    full_since: Option<(u64, u64)>,
}

impl Unconfirmed {
    fn room(&self, window: usize) -> usize {
        let under_way = self.taken - self.told.max(self.given_up);
        window.saturating_sub(usize::try_from(under_way).unwrap_or(usize::MAX))
    }

    fn take(&mut self, batch: &[Message], measure_from_ns: u64) {
        for message in batch {
            let (sent_ns, is_measured) = (message.sent_ns(), message.due_ns() >= measure_from_ns);
            match self.runs.back_mut() {
                Some(last) if (last.sent_ns, last.is_measured) == (sent_ns, is_measured) => last.len += 1,
                _ => {
                    let destination = message.destination;
                    self.runs.push_back(Run { destination, sent_ns, len: 1, is_measured });
                }
            }
        }
        self.taken += batch.len() as u64;
    }

    /// Takes the oldest `count` messages off and calls `each` with the runs that they are of.
    fn tell(&mut self, count: u32, mut each: impl FnMut(Run)) -> u32 {
        let mut left = count;
        while left > 0 {
            let Some(first) = self.runs.front_mut() else { break };
            let len = left.min(first.len);
            each(Run { len, ..*first });
            first.len -= len;
            left -= len;
            if first.len == 0 {
                self.runs.pop_front();
            }
        }
        self.told += u64::from(count - left);
        left
    }
}

/// Messages that were handed over together and are not acknowledged.
#[derive(Clone, Debug)]
struct Handed {
    len: usize,
    /// By send port: how many messages it had taken when all that these caused was taken.
    caused: Vec<u64>,
}

/// The ledger of one lane. See the module.
#[derive(Debug, Default)]
pub struct Ledger {
    terms: Terms,
    ports: Vec<Unconfirmed>,
    /// Handed over since [`Ledger::due`] was last asked.
    in_hand: usize,
    /// Nothing is acknowledged any more.
    is_held: bool,
    /// Waiting for confirms, oldest first.
    waiting: VecDeque<Handed>,
    /// Handed over, and to be acknowledged before the lane gets them.
    early: (Vec<Message>, Vec<Told>),
    /// For a lane that gives messages back.
    sieve: Option<Box<Sieve>>,
    /// For a lane that handles its messages in transactions.
    transactions: Option<Box<Transactions>>,
    /// Messages of ports that were lost with their connection: nobody will tell of them.
    untold: Vec<Untold>,
}

impl Ledger {
    /// The ledger of a lane with so many send ports; without any if they do not confirm.
    #[must_use]
    pub fn new(terms: Terms, ports: usize) -> Self {
        let ports = (0..ports).map(|_| Unconfirmed::default()).collect();
        let sieve = terms.poison.map(|rule| Box::new(Sieve::new(rule)));
        let transactions = (terms.acks == Acks::Transaction).then(Box::default);
        Self { terms, ports, sieve, transactions, ..Self::default() }
    }

    /// Hands a port as much of `batch` as the window has room for, by `offer`, and notes what it took. Flows are measured
    /// that were due from `measure_from_ns` on.
    ///
    /// # Errors
    /// Those of `offer`; `Failed` if the port took more than it was offered.
    pub fn offer(
        &mut self,
        port: usize,
        batch: &[Message],
        measure_from_ns: u64,
        offer: impl FnOnce(&[Message]) -> Result<usize, PortError>,
    ) -> Result<usize, PortError> {
        let room = self.room(port);
        let batch = &batch[..batch.len().min(room)];
        if batch.is_empty() {
            return Ok(0);
        }
        let taken = offer(batch)?;
        let Some(batch) = batch.get(..taken) else { return Err(more_than_offered(taken, batch.len())) };
        self.ports[port].take(batch, measure_from_ns);
        Ok(taken)
    }

    /// How many messages may be offered to a port. What handled messages cause has to go into their transaction, which is committed
    /// only then, so no window holds it up.
    #[must_use]
    pub fn room(&self, port: usize) -> usize {
        let limit = if self.transacts() && self.in_hand > 0 { usize::MAX } else { self.terms.window };
        self.ports[port].room(limit)
    }

    /// Notes what a port told, at `now_ns`, and has the lane record it.
    ///
    /// # Errors
    /// `Failed` if the port told of more messages than it took.
    pub fn told(
        &mut self,
        port: usize,
        told: Confirmed,
        lane: &mut Lane,
        now_ns: u64,
    ) -> Result<(), PortError> {
        let (Confirmed::Stored(count) | Confirmed::Refused(count) | Confirmed::RolledBack(count)) = told;
        let unknown = self.ports[port].tell(count, |run| match told {
            Confirmed::Stored(_) => lane.recorder().confirmed(port, run, now_ns),
            Confirmed::Refused(_) => lane.recorder().refused(port, run.len),
            Confirmed::RolledBack(_) => lane.recorder().rolled_back(port, u64::from(run.len)),
        });
        match unknown {
            0 => Ok(()),
            _ => Err(PortError::Failed(format!(
                "the transport confirmed {unknown} messages more than it had taken"
            ))),
        }
    }

    /// Called when a port has no room at `now_ns`: gives up a window that stays full without a word.
    pub fn look_at_silence(&mut self, port: usize, now_ns: u64) {
        let port = &mut self.ports[port];
        match port.full_since {
            Some((told, since_ns)) if told == port.told => {
                if now_ns.saturating_sub(since_ns) >= SILENCE_NS {
                    port.given_up = port.taken;
                    port.full_since = None;
                }
            }
            _ => port.full_since = Some((port.told, now_ns)),
        }
    }

    /// How many messages a port has taken.
    #[must_use]
    pub fn taken(&self, port: usize) -> u64 {
        self.ports[port].taken
    }

    /// Has the lane publish how many messages each port has taken, and what the transport said of them.
    pub fn note_taken(&self, lane: &mut Lane) {
        lane.note_taken(|port| self.taken(port));
    }

    /// How many messages no port has told of.
    #[must_use]
    pub fn unconfirmed(&self) -> u64 {
        self.ports.iter().map(|port| port.taken - port.told).sum()
    }

    /// Forgets the messages that a lost connection will not tell of. They stay unconfirmed. Also forgets what was handed over: the
    /// transport will hand it over again. Nothing that was sent or handled in a transaction is forgotten.
    pub fn forget(&mut self, sends_too: bool) {
        (self.in_hand, self.is_held, self.waiting) = (0, false, VecDeque::new());
        self.early = Default::default();
        self.sieve.iter_mut().for_each(|sieve| sieve.forget());
        let transacts = self.transacts();
        for (at, port) in self.ports.iter_mut().enumerate().filter(|_| sends_too && !transacts) {
            self.untold.extend(port.untold(at));
            port.runs.clear();
            port.given_up = port.taken;
            port.told = port.told.max(port.given_up);
        }
    }

    /// Notes that `count` messages were handed over.
    #[inline(always)]
    pub const fn handed(&mut self, count: usize) {
        self.in_hand += count;
    }

    /// Acknowledges or rejects what is due, by `settle`. Called when the transport has taken all that the messages handed over
    /// so far caused.
    pub(crate) fn settle_due(
        &mut self,
        lane: &Lane,
        mut settle: impl FnMut(Settle) -> Result<(), PortError>,
    ) -> Result<(), PortError> {
        match (self.due(), &mut self.sieve) {
            (0, _) => Ok(()),
            (due, None) => lane.within(Act::Acknowledge, || settle(Settle::Acknowledge(due))),
            (due, Some(sieve)) => lane.within(Act::Acknowledge, || sieve.settle(lane, due, settle)),
        }
    }

    /// Whether messages are acknowledged before the lane gets them.
    #[inline]
    pub(crate) fn acks_before(&self) -> bool {
        self.terms.acks == Acks::Before
    }

    /// Keeps what was handed over, if it is to be acknowledged before the lane gets it, or hands the lane what it does not give
    /// back. Says whether it did either; if not, the lane gets all of it.
    #[inline]
    pub(crate) fn sift(
        &mut self,
        lane: &mut Lane,
        batch: &[Message],
        told: &[Told],
        clock: &impl Now,
    ) -> bool {
        if self.acks_before() {
            self.early.0.extend_from_slice(batch);
            self.early.1.extend_from_slice(told);
        } else if let Some(sieve) = &mut self.sieve {
            sieve.hand_over(lane, batch, told, clock);
        } else {
            self.note_handled(batch);
            return false;
        }
        true
    }

    /// Hands on what was kept.
    pub(crate) fn hand_on(&mut self, to: impl FnOnce(&[Message], &[Told])) {
        let (batch, told) = &mut self.early;
        // A port that says nothing of some messages says nothing of the others.
        if told.len() != batch.len() {
            told.clear();
        }
        if !batch.is_empty() {
            to(batch, told);
        }
        batch.clear();
        told.clear();
    }

    /// Has nothing acknowledged any more, until the ports are opened again.
    pub(crate) const fn hold(&mut self) {
        self.is_held = true;
    }

    /// How many messages were handed over and are not acknowledged, or are in a transaction that has not ended.
    #[must_use]
    pub fn in_hand(&self) -> usize {
        if self.transacts() {
            return self.in_transactions();
        }
        self.in_hand + self.waiting.iter().map(|handed| handed.len).sum::<usize>()
    }

    /// How many of the oldest messages that were handed over are to be acknowledged now. Called when the transport has taken
    /// all that the messages handed over so far caused.
    pub fn due(&mut self) -> usize {
        if self.is_held {
            return 0;
        }
        let len = std::mem::take(&mut self.in_hand);
        if self.terms.acks != Acks::Confirmed || self.ports.is_empty() {
            return len;
        }
        if len > 0 {
            let caused = self.ports.iter().map(|port| port.taken).collect();
            self.waiting.push_back(Handed { len, caused });
        }
        let mut due = 0;
        while let Some(first) = self.waiting.front() {
            let is_confirmed = |(port, caused): (&Unconfirmed, &u64)| port.told.max(port.given_up) >= *caused;
            if !self.ports.iter().zip(&first.caused).all(is_confirmed) {
                break;
            }
            due += first.len;
            self.waiting.pop_front();
        }
        due
    }
}

#[cold]
fn more_than_offered(taken: usize, offered: usize) -> PortError {
    PortError::Failed(format!("`offer` returned {taken} when {offered} messages were offered"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Pool;

    fn sent(at_ns: u64, due_ns: u64, count: usize) -> Vec<Message> {
        let pool = Pool::new(1, 0);
        let mut message = Message::start(0, 0, due_ns, 0, 0);
        message.stamp(at_ns, &pool);
        vec![message; count]
    }

    fn ledger(window: usize, after_confirm: bool) -> Ledger {
        let acks = if after_confirm { Acks::Confirmed } else { Acks::After };
        Ledger::new(Terms { window, acks, poison: None }, 2)
    }

    fn offer(ledger: &mut Ledger, port: usize, batch: &[Message]) -> usize {
        ledger.offer(port, batch, 100, |batch| Ok(batch.len())).unwrap()
    }

    #[test]
    fn what_handled_messages_cause_goes_into_their_transaction_whatever_the_window() {
        let terms = Terms { window: 2, acks: Acks::Transaction, poison: None };
        let mut ledger = Ledger::new(terms, 1);
        assert_eq!(offer(&mut ledger, 0, &sent(1, 0, 3)), 2, "what a load starts is limited");
        ledger.note_handled(&sent(1, 0, 1));
        ledger.handed(1);
        assert_eq!(offer(&mut ledger, 0, &sent(1, 0, 3)), 3);
        assert_eq!(
            (ledger.due(), ledger.in_hand(), ledger.room(0)),
            (1, 1, 0),
            "acknowledged, not committed"
        );
        // The ports that come next tell of it.
        ledger.forget(true);
        assert_eq!((ledger.in_hand(), ledger.unconfirmed()), (1, 5));
        assert_eq!(ledger.dies_with(crate::plan::Victim::Consumer), crate::plan::Victim::Connection);
    }

    #[test]
    fn no_more_is_offered_than_the_window_has_room_for() {
        let mut ledger = ledger(5, false);
        assert_eq!(offer(&mut ledger, 0, &sent(1, 0, 3)), 3);
        assert_eq!(offer(&mut ledger, 0, &sent(2, 0, 3)), 2);
        assert_eq!(ledger.offer(0, &sent(3, 0, 1), 0, |_| panic!("it is full")), Ok(0));
        assert_eq!((ledger.room(0), ledger.room(1), ledger.unconfirmed()), (0, 5, 5));
        ledger.ports[0].tell(1, |_| {});
        assert_eq!((ledger.room(0), ledger.unconfirmed()), (1, 4));
        let refuses = ledger.offer(1, &sent(4, 0, 2), 0, |_| Err(PortError::Closed));
        assert_eq!((refuses, ledger.taken(1)), (Err(PortError::Closed), 0));
        let more = ledger.offer(1, &sent(5, 0, 2), 0, |_| Ok(3)).unwrap_err().to_string();
        assert_eq!((&*more, ledger.taken(1)), ("`offer` returned 3 when 2 messages were offered", 0));
    }

    #[test]
    fn confirms_are_told_apart_by_when_their_messages_were_sent_and_whether_they_are_measured() {
        let mut ledger = ledger(100, false);
        for (at_ns, due_ns, count) in [(120, 99, 2), (120, 100, 2), (130, 110, 3)] {
            offer(&mut ledger, 0, &sent(at_ns, due_ns, count));
        }
        let mut told = Vec::new();
        for count in [1, 4, 9] {
            let unknown =
                ledger.ports[0].tell(count, |run| told.push((run.sent_ns, run.len, run.is_measured)));
            assert_eq!(unknown, if count == 9 { 7 } else { 0 }, "more than were taken");
        }
        let expected = [(120, 1, false), (120, 1, false), (120, 2, true), (130, 1, true), (130, 2, true)];
        assert_eq!((told, ledger.unconfirmed()), (expected.to_vec(), 0));
    }

    #[test]
    fn a_full_window_is_given_up_only_after_a_silence() {
        let mut ledger = ledger(2, false);
        offer(&mut ledger, 0, &sent(1, 0, 2));
        ledger.look_at_silence(0, 10);
        ledger.look_at_silence(0, 9 + SILENCE_NS);
        assert_eq!(ledger.room(0), 0);
        ledger.ports[0].tell(1, |_| {});
        offer(&mut ledger, 0, &sent(2, 0, 1));
        ledger.look_at_silence(0, 11 + SILENCE_NS);
        assert_eq!(ledger.room(0), 0, "the silence begins anew with each confirm");
        ledger.look_at_silence(0, 11 + 2 * SILENCE_NS);
        assert_eq!((ledger.room(0), ledger.unconfirmed()), (2, 2), "given up, and still not confirmed");
        assert_eq!(ledger.ports[0].tell(2, |_| {}), 0, "a late confirm counts");
        assert_eq!((ledger.room(0), ledger.unconfirmed()), (2, 0));
    }

    #[test]
    fn acknowledgements_wait_for_the_confirms_of_what_the_messages_caused() {
        let mut ledger = ledger(100, true);
        ledger.handed(3);
        offer(&mut ledger, 0, &sent(1, 0, 2));
        assert_eq!((ledger.due(), ledger.in_hand()), (0, 3));
        ledger.handed(4);
        offer(&mut ledger, 1, &sent(1, 0, 1));
        assert_eq!(ledger.due(), 0);
        ledger.ports[0].tell(1, |_| {});
        assert_eq!(ledger.due(), 0);
        ledger.ports[0].tell(1, |_| {});
        assert_eq!((ledger.due(), ledger.in_hand()), (3, 4), "the first three are done");
        ledger.ports[1].tell(1, |_| {});
        assert_eq!((ledger.due(), ledger.due(), ledger.in_hand()), (4, 0, 0));
        ledger.handed(2);
        assert_eq!(ledger.due(), 2, "they caused nothing");
    }

    #[test]
    fn a_lost_connection_takes_its_unconfirmed_messages_along() {
        let mut ledger = ledger(4, true);
        ledger.handed(2);
        offer(&mut ledger, 0, &sent(1, 0, 4));
        assert_eq!(ledger.due(), 0);
        ledger.forget(false);
        assert_eq!((ledger.in_hand(), ledger.unconfirmed(), ledger.room(0)), (0, 4, 0), "a consumer alone");
        ledger.forget(true);
        assert_eq!((ledger.unconfirmed(), ledger.room(0)), (0, 4));
        offer(&mut ledger, 0, &sent(2, 0, 1));
        assert_eq!(ledger.ports[0].tell(1, |run| assert_eq!(run.sent_ns, 2)), 0);
    }

    #[test]
    fn what_was_never_told_of_is_known_by_its_numbers() {
        let mut ledger = ledger(10, false);
        offer(&mut ledger, 0, &sent(1, 0, 5));
        offer(&mut ledger, 1, &sent(1, 0, 2));
        ledger.ports[0].tell(3, |_| {});
        ledger.forget(true);
        offer(&mut ledger, 0, &sent(2, 0, 4));
        ledger.ports[0].tell(1, |_| {});
        let of = |port, from, to| Untold { port, from, to };
        assert_eq!(ledger.untold(), [of(0, 3, 5), of(1, 0, 2), of(0, 6, 9)]);
    }
}
