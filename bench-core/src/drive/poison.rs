//! Messages that a lane gives back instead of handling them (`--poison`): which ones, and in which order these and the handled
//! ones are settled with the transport.
//!
//! A transport settles the oldest message first. So a lane that gives one message of a batch back acknowledges those before it,
//! rejects it, and acknowledges those after it.

use crate::{
    act::Act,
    clock::Now,
    lane::Lane,
    message::Message,
    plan::TrialPlan,
    port::{AsyncRecvPort, PortError, RecvPort, Told},
};
use std::collections::{HashMap, VecDeque};

/// The messages that one lane gives back: those of one flow in so many, the first so many times that they are handed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    one_in: u32,
    times: u16,
}

impl Rule {
    /// The rule of a lane. `None`: it handles everything.
    #[must_use]
    pub fn of(plan: &TrialPlan, lane: u16) -> Option<Self> {
        let poison = plan.conditions.poison.as_ref()?;
        let service = &plan.wiring.services[plan.wiring.service_of(lane)];
        let (one_in, times) = (poison.one_in.max(1), poison.times);
        (service.name == poison.service).then_some(Self { one_in, times })
    }

    /// Whether a message is one of those that are given back: those of the last of each so many flows, so that a run with a few
    /// flows begins with good ones.
    const fn is_against(self, message: &Message) -> bool {
        message.number % self.one_in == self.one_in - 1
    }
}

/// What is said to the transport of the oldest messages that are not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settle {
    /// So many were handled.
    Acknowledge(usize),
    /// So many are given back.
    Reject(usize),
}

impl Settle {
    /// Says it to a port on threads.
    pub(crate) fn with(self, port: &mut impl RecvPort) -> Result<(), PortError> {
        match self {
            Self::Acknowledge(count) => port.acknowledge(count),
            Self::Reject(count) => port.reject(count),
        }
    }

    /// Says it to a port on tasks.
    pub(crate) fn with_async(self, port: &mut impl AsyncRecvPort) -> Result<(), PortError> {
        match self {
            Self::Acknowledge(count) => port.acknowledge(count),
            Self::Reject(count) => port.reject(count),
        }
    }
}

/// What a lane gave back and has not told the transport of.
#[derive(Debug)]
pub(super) struct Sieve {
    rule: Rule,
    /// Messages that were handed over since the ports were opened.
    handed: u64,
    /// Of these: settled.
    settled: u64,
    /// The numbers, among the handed, of those that are given back.
    given_back: VecDeque<u64>,
    /// How often this lane gave back each message that has not come to be handled yet.
    times: HashMap<Sent, u16>,
}

/// A message by its producer, its destination, and its number among theirs.
type Sent = (u16, u16, u32);

impl Sieve {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, handed: 0, settled: 0, given_back: VecDeque::new(), times: HashMap::new() }
    }

    /// Whether a message is given back this time. The transport says how often it was handed out, to any instance. A transport that
    /// only marks repeated deliveries says 2 of all of them, so what this lane gave back itself counts, too. A delivery of which
    /// the transport says nothing is handled: given back, it might come for ever.
    fn gives_back(&mut self, message: &Message, told: Told) -> bool {
        if !self.rule.is_against(message) {
            return false;
        }
        let sent = (message.producer(), message.destination, message.seq);
        let before = self.times.get(&sent).copied().unwrap_or(0);
        let is_bad = told.attempt > 0 && before.max(told.attempt - 1) < self.rule.times;
        match is_bad {
            true => self.times.insert(sent, before + 1),
            false => self.times.remove(&sent),
        };
        is_bad
    }

    /// Has the lane handle those messages of a batch that it does not give back.
    pub(super) fn hand_over(&mut self, lane: &mut Lane, batch: &[Message], told: &[Told], clock: &impl Now) {
        let told_of = |at: usize| told.get(at).copied().unwrap_or_default();
        let mut from = 0;
        for to in 0..=batch.len() {
            if batch.get(to).is_some_and(|message| !self.gives_back(message, told_of(to))) {
                continue;
            }
            if from < to {
                lane.received(&batch[from..to], told.get(from..to).unwrap_or_default(), clock);
            }
            if to < batch.len() {
                self.given_back.push_back(self.handed + to as u64);
                lane.recorder().rejected(told_of(to));
            }
            from = to + 1;
        }
        self.handed += batch.len() as u64;
    }

    /// Settles the oldest `due` messages.
    pub(super) fn settle(
        &mut self,
        lane: &Lane,
        due: usize,
        mut settle: impl FnMut(Settle) -> Result<(), PortError>,
    ) -> Result<(), PortError> {
        let end = self.settled + due as u64;
        while self.settled < end {
            let bad = self.given_back.front().map_or(end, |bad| end.min(*bad));
            if self.settled < bad {
                settle(Settle::Acknowledge((bad - self.settled) as usize))?;
                self.settled = bad;
                continue;
            }
            let count = self.given_back.iter().zip(bad..end).take_while(|(at, next)| *at == next).count();
            lane.within(Act::Reject, || settle(Settle::Reject(count)))?;
            self.given_back.drain(..count);
            self.settled += count as u64;
            lane.does(Act::Acknowledge);
        }
        Ok(())
    }

    /// Forgets what a consumer that is gone had not settled.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.rule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u32) -> Message {
        Message::start(0, number, 0, 0, 0)
    }

    fn gives_back(sieve: &mut Sieve, number: u32, attempt: u16) -> bool {
        sieve.gives_back(&message(number), Told { attempt, shard: 0 })
    }

    #[test]
    fn messages_of_one_flow_in_so_many_are_given_back_as_often_as_they_were_handed_out() {
        let rule = Rule { one_in: 4, times: 2 };
        let numbers = |attempt| {
            let bad = |number: &u32| gives_back(&mut Sieve::new(rule), *number, attempt);
            (0..9).filter(bad).collect::<Vec<_>>()
        };
        assert_eq!((numbers(1), numbers(2)), (vec![3, 7], vec![3, 7]), "by whatever instance");
        assert!(numbers(3).is_empty() && numbers(0).is_empty(), "handled the third time; not said how often");
        assert!(gives_back(&mut Sieve::new(Rule { one_in: 1, times: 1 }), 0, 1));
    }

    #[test]
    fn over_a_transport_that_only_marks_repeats_a_lane_counts_what_it_gave_back() {
        let mut sieve = Sieve::new(Rule { one_in: 1, times: 3 });
        for _ in 0..2 {
            let given_back = [1, 2, 2, 2].map(|attempt| gives_back(&mut sieve, 0, attempt));
            assert_eq!(given_back, [true, true, true, false], "and it forgets the message that it handles");
            assert!(sieve.times.is_empty());
        }
    }
}
