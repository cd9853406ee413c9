//! The ends and replies that a dead letter would have led to. A dead letter is a message that its broker gave up on.
//!
//! Such a message never reaches its handler, so its flow may never end, and a lane may wait for a reply in vain. Whether that is
//! so depends on the handlers. The answer is theirs: handlers that are made for this purpose, with a state of their own, are handed
//! the message and all that it causes, and the ends and replies among that are counted. Nothing of it is sent or recorded. Dead letters are rare, so
//! the handlers are made with the first one that needs them.

use crate::{
    audit::Auditor,
    credit::Credit,
    handler::{Deaf, Out, Reactor},
    message::Message,
    plan::TrialPlan,
    recorder::{Among, Heard, Recorder, RecorderSpec},
    scenario::{Intent, Scenario},
    wiring::{Destination, Wiring},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// No lane has this number.
const NOBODY: u16 = u16::MAX;
/// Messages that are followed at most. Handlers that send to each other in a circle may never end a flow by themselves.
const MOST: usize = 10_000;

/// Whatever a message would have brought about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missed {
    /// Ends of its flow.
    pub ends: u32,
    /// The reply that [`Message::reply_to`] waits for.
    pub reply: bool,
}

/// The handlers that are asked. One for all lanes of a trial.
pub(crate) struct Aftermath {
    scenario: Arc<Scenario>,
    wiring: Wiring,
    /// By service, as far as they were needed.
    asked: Mutex<HashMap<usize, Asked>>,
}

/// A handler, and what it says.
struct Asked {
    reactor: Box<dyn Reactor>,
    out: Out,
}

impl Aftermath {
    pub(crate) fn new(plan: &TrialPlan) -> Self {
        let (scenario, wiring) = (Arc::clone(&plan.scenario), plan.wiring.clone());
        Self { scenario, wiring, asked: Mutex::default() }
    }

    /// The ends and the reply that do not come because `lane` never handles `message`.
    pub(crate) fn of(&self, lane: u16, message: &Message) -> Missed {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missed = Missed { ends: 0, reply: self.is_reply(message) };
        let mut open = vec![(self.wiring.service_of(lane), *message)];
        for _ in 0..MOST {
            let Some((service, next)) = open.pop() else { break };
            let Asked { reactor, out } = asked.entry(service).or_insert_with(|| self.make(service));
            let before = out.recorder.local.ended;
            reactor.react(std::slice::from_ref(&next), out);
            out.recorder.close_ends(next.due_ns());
            missed.ends += (out.recorder.local.ended - before) as u32;
            for caused in out.take_emitted() {
                // A reply to a request that is itself among what would have followed has nobody who waits for it.
                missed.reply |= self.is_reply(&caused) && caused.reply_to() == message.reply_to();
                let receivers = &self.wiring.destinations[usize::from(caused.destination)].receivers;
                open.extend(receivers.iter().map(|service| (*service, caused)));
            }
        }
        missed
    }

    fn is_reply(&self, message: &Message) -> bool {
        let destination = self.wiring.destinations.get(usize::from(message.destination));
        destination.is_some_and(|destination| destination.intent == Intent::Reply)
    }

    fn make(&self, service: usize) -> Asked {
        let name = &*self.wiring.services[service].name;
        let found = self.scenario.services.iter().find(|service| service.name == name);
        let outboxes = self.wiring.sends_of(service).map(Destination::outbox).collect::<Vec<_>>();
        let (recorder, _) = Recorder::new(RecorderSpec {
            lane: NOBODY,
            ports: outboxes.len(),
            heard: Heard::default(),
            audit: Auditor::alone(Vec::new()),
            credit: Arc::new(Credit::new(0, 0)),
            origins: Arc::new([]),
            measure_from_ns: 0,
            starting: 0,
            among: Among::Many,
        });
        let out = Out::new(NOBODY, self.scenario.kinds.len(), &outboxes, recorder);
        let reactor = found.map_or_else(|| Box::new(Deaf) as Box<dyn Reactor>, |found| (found.reactor)());
        Asked { reactor, out }
    }
}

impl std::fmt::Debug for Aftermath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aftermath").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
