//! Code that several transports share: the instance that a message goes to, and the sentences with which transports
//! refuse intents that they do not support.

use drumpost_core::{
    message::Message,
    port::PortError,
    scenario::Intent,
    transport::OpenError,
    wiring::{Destination, Wiring},
};
use std::ops::Range;

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

/// A reply whose address is not among those who hear it.
#[cold]
fn nobody_asked(to: u16) -> PortError {
    PortError::Failed(format!(
        "a Reply is addressed to instance {to}, which does not hear its destination: it answers no Request from there"
    ))
}

/// Refuses every destination whose intent is not among `honoured`; `why` ends the sentence.
pub(crate) fn refuse_other_intents(
    transport: &str,
    wiring: &Wiring,
    honoured: &[Intent],
    why: &str,
) -> Result<(), OpenError> {
    match wiring.destinations.iter().find(|destination| !honoured.contains(&destination.intent)) {
        Some(Destination { intent, name, .. }) => {
            Err(OpenError::Refused(format!("{transport} cannot carry {intent} `{name}`: {why}")))
        }
        None => Ok(()),
    }
}

/// Refuses services whose instances would compete for messages that only one of them may handle. Replies are addressed
/// to an instance, so nobody competes for them. `why` goes before what to do instead.
pub(crate) fn refuse_competing(transport: &str, wiring: &Wiring, why: &str) -> Result<(), OpenError> {
    for destination in wiring.destinations.iter().filter(|destination| destination.intent != Intent::Reply) {
        let services = destination.receivers.iter().map(|receiver| &wiring.services[*receiver]);
        if let Some(service) = services.into_iter().find(|service| service.instances.len() > 1) {
            let Destination { intent, name, .. } = destination;
            return Err(OpenError::Refused(format!(
                "{transport} cannot carry {intent} `{name}` to the {} instances of service `{}`, of which exactly one \
                 is to handle it: {why}; use crossbeam, or one instance",
                service.instances.len(),
                service.name
            )));
        }
    }
    Ok(())
}
