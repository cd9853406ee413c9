//! Code that several transports share: the instance that a message goes to, the queues of a wiring (`queues`), the merging of
//! queues into one inbox (`merged`), and the sentences with which transports refuse what they do not support.

use drumpost_core::{
    message::Message,
    port::PortError,
    registry::TransportEntry,
    scenario::Intent,
    transport::OpenError,
    wiring::{Destination, Wiring},
};
use std::ops::Range;

pub(crate) mod merged;
#[cfg(all(test, any(feature = "unix", feature = "iceoryx2")))]
pub(crate) mod on_threads;
pub(crate) mod queues;
#[cfg(test)]
pub(crate) mod testing;

/// Fewest messages a receive buffer has room for: a block of 3 KiB, so that what two receivers write at its start is
/// not on one cache line even when a batch is a single message.
const BUFFER_MIN: usize = 64;

/// An empty receive buffer for batches of the wiring.
pub(crate) fn buffer(wiring: &Wiring) -> Vec<Message> {
    Vec::with_capacity(wiring.batch.max(BUFFER_MIN))
}

/// The receivers of one destination that is not an event's, by instance.
#[derive(Debug, Default)]
pub(crate) struct Addressees {
    /// Replies go to the instance that asked; anything else to the only one.
    by_reply_to: bool,
    instances: Range<u16>,
}

impl Addressees {
    pub(crate) fn new(destination: &Destination, instances: Range<u16>) -> Self {
        Self { by_reply_to: destination.intent == Intent::Reply && instances.len() > 1, instances }
    }

    /// The first messages of `batch` that go to the same instance, and which of the instances that is.
    #[inline]
    pub(crate) fn first_run<'a>(&self, batch: &'a [Message]) -> Result<(usize, &'a [Message]), PortError> {
        let Some(first) = batch.first().filter(|_| self.by_reply_to) else { return Ok((0, batch)) };
        let to = first.reply_to();
        let len = batch.iter().take_while(|message| message.reply_to() == to).count();
        if !self.instances.contains(&to) {
            return Err(nobody_asked(to));
        }
        Ok((usize::from(to - self.instances.start), &batch[..len]))
    }

    /// Gives each instance its messages of `batch` by `fill`, which says how many it took, until one has no room. Says how
    /// many were taken.
    pub(crate) fn offer(
        &self,
        batch: &[Message],
        mut fill: impl FnMut(usize, &[Message]) -> Result<usize, PortError>,
    ) -> Result<usize, PortError> {
        let mut rest = batch;
        while !rest.is_empty() {
            let (to, run) = self.first_run(rest)?;
            let taken = fill(to, run)?;
            rest = &rest[taken..];
            if taken < run.len() {
                break;
            }
        }
        Ok(batch.len() - rest.len())
    }
}

/// Gives each of `queues` by `fill`, which says how many it took, what it has room for. Says how many messages all of them have. `ahead` has,
/// for each queue, how many messages at the head of the next offer it already has.
#[inline]
pub(crate) fn fan_out<Q>(
    queues: &[Q],
    ahead: &mut [usize],
    batch: &[Message],
    mut fill: impl FnMut(&Q, &[Message]) -> Result<usize, PortError>,
) -> Result<usize, PortError> {
    let mut taken = batch.len();
    for (queue, ahead) in queues.iter().zip(ahead.iter_mut()) {
        *ahead += fill(queue, batch.get(*ahead..).unwrap_or_default())?;
        taken = taken.min(*ahead);
    }
    ahead.iter_mut().for_each(|ahead| *ahead -= taken);
    Ok(taken)
}

/// A reply whose address is not among those who hear it.
#[cold]
fn nobody_asked(to: u16) -> PortError {
    PortError::Failed(format!(
        "a Reply is addressed to instance {to}, which does not hear its destination: it answers no Request from there"
    ))
}

/// The sentences in which a transport refuses a wiring.
pub(crate) struct Refusals {
    /// Why the transport carries no intents but those of its entry, and what to use instead.
    pub intents: &'static str,
    /// Says, for so many instances of a service, why they cannot compete for messages that one of them is to handle, and what
    /// to use instead. [`exactly_one`] does, for a reason.
    pub competing: fn(usize, &str) -> String,
}

/// Why so many instances of `service` cannot compete, where that would hand a message to one receiver or to all.
pub(crate) fn exactly_one(instances: usize, service: &str, why: &str) -> String {
    format!(
        "the {instances} instances of service `{service}`, of which exactly one is to handle it: {why}; use crossbeam, or \
         one instance"
    )
}

impl Refusals {
    /// Refuses destinations whose intent is not in the transport's `entry`, and services whose instances would compete.
    /// Replies are addressed to an instance, so instances do not compete for them.
    pub(crate) fn check(&self, entry: &TransportEntry, wiring: &Wiring) -> Result<(), OpenError> {
        let is_carried = |intent| entry.intents.iter().any(|(_, carried)| carried.contains(&intent));
        let refused = |Destination { intent, name, .. }: &Destination, why: &str| {
            Err(OpenError::Refused(format!("{} cannot carry {intent} `{name}`{why}", entry.name)))
        };
        if let Some(other) = wiring.destinations.iter().find(|destination| !is_carried(destination.intent)) {
            return refused(other, &format!(": {}", self.intents));
        }
        for destination in wiring.destinations.iter().filter(|sent| sent.intent != Intent::Reply) {
            let mut services = destination.receivers.iter().map(|receiver| &wiring.services[*receiver]);
            if let Some(several) = services.find(|service| service.instances.len() > 1) {
                let whom = (self.competing)(several.instances.len(), &several.name);
                return refused(destination, &format!(" to {whom}"));
            }
        }
        Ok(())
    }
}
