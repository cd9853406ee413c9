//! Messages that a lane gives back instead of handling them (`--poison`): which ones, and in which order these and the handled
//! ones are settled with the transport.
//!
//! A transport settles the oldest message first. So a lane that gives one message of a batch back acknowledges those before it,
//! rejects it, and acknowledges those after it.

use crate::{
    blame::Act,
    clock::Now,
    lane::Lane,
    message::Message,
    plan::TrialPlan,
    port::{AsyncRecvPort, PortError, RecvPort, Told},
};
use std::collections::VecDeque;

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

    /// Whether it gives a message back. A delivery of which the transport does not say how often it was handed out is handled: given
    /// back, it might come for ever.
    const fn is_against(self, message: &Message, told: Told) -> bool {
        // The last of each so many, so that a run with a few flows begins with good ones.
        message.number % self.one_in == self.one_in - 1 && 0 < told.attempt && told.attempt <= self.times
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
}

impl Sieve {
    pub(super) const fn new(rule: Rule) -> Self {
        Self { rule, handed: 0, settled: 0, given_back: VecDeque::new() }
    }

    /// Has the lane handle those messages of a batch that it does not give back.
    pub(super) fn hand_over(&mut self, lane: &mut Lane, batch: &[Message], told: &[Told], clock: &impl Now) {
        let told_of = |at: usize| told.get(at).copied().unwrap_or_default();
        let mut from = 0;
        for to in 0..=batch.len() {
            if batch.get(to).is_some_and(|message| !self.rule.is_against(message, told_of(to))) {
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

    #[test]
    fn one_message_in_so_many_is_given_back_so_often() {
        let rule = Rule { one_in: 4, times: 2 };
        let against = |number, attempt| rule.is_against(&message(number), Told { attempt, shard: 0 });
        let numbers = |attempt| (0..9).filter(|number| against(*number, attempt)).collect::<Vec<_>>();
        assert_eq!((numbers(1), numbers(2)), (vec![3, 7], vec![3, 7]));
        assert!(numbers(3).is_empty() && numbers(0).is_empty(), "handled the third time; not said how often");
        let all = Rule { one_in: 1, times: 1 };
        assert!(all.is_against(&message(0), Told { attempt: 1, shard: 0 }));
    }
}
