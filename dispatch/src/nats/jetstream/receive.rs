//! Receiving through durable pull consumers, with explicit acknowledgement after handling.
//!
//! One subscription receives the messages of all consumers of an instance, and a second one its replies, if they are apart.
//! Each consumer is asked for a number of messages in advance, and for more when half of them have arrived. The requests
//! do not expire; they end with the subscription. (The client's own pull stream copies the client and its timers for every
//! message.)

use super::super::{connection::Connection, headers};
use async_nats::{Message as Envelope, StatusCode, Subject, Subscriber, message::OutboundMessage};
use bytes::Bytes;
use drumpost_core::{
    message::Message,
    payload::Pool,
    port::{AsyncRecvPort, Inbox, PortError, Told},
    transport::OpenError,
    wiring::{Destination, Wiring},
};
use drumpost_kit::last::Last;
use futures_util::StreamExt;
use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// A durable consumer, and how many messages it still has to hand out of those it was asked for.
#[derive(Debug)]
pub(super) struct Source {
    destination: u16,
    next: Subject,
    /// What the subject begins with on which its messages are acknowledged, up to the count of deliveries.
    acknowledges: String,
    due: usize,
}

impl Source {
    pub(super) fn new(heard: &Destination, stream: &str, consumer: &str) -> Self {
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let acknowledges = format!("$JS.ACK.{stream}.{consumer}.");
        Self { destination: heard.id, next: next.into(), acknowledges, due: 0 }
    }

    /// How often the server has handed out a message, from the subject on which it is acknowledged:
    /// `$JS.ACK.STREAM.CONSUMER.COUNT...`, or with a domain and an account before the stream. 0 if that does not say.
    #[inline]
    fn attempt(&self, acknowledged_on: &str) -> u16 {
        if let Some(rest) = acknowledged_on.strip_prefix(&*self.acknowledges) {
            return if rest.starts_with("1.") { 1 } else { count(rest.split('.').next()) };
        }
        let tokens: Vec<&str> = acknowledged_on.split('.').collect();
        count(tokens.get(if tokens.len() > 9 { 6 } else { 4 }).copied())
    }
}

fn count(text: Option<&str>) -> u16 {
    text.and_then(|text| text.parse::<u64>().ok()).map_or(0, |count| count.min(u64::from(u16::MAX)) as u16)
}

/// Several durable consumers, merged by one subscription.
#[derive(Debug)]
struct Pull {
    sources: Vec<Source>,
    inbox: Subject,
    inbound: Subscriber,
    is_apart: bool,
}

/// Receives what one instance hears.
#[derive(Debug)]
pub(super) struct JetStreamRecv {
    connection: Connection,
    pool: Arc<Pool>,
    /// Replies first, if they are apart: they end what was asked, and there are never more of them than was asked.
    pulls: Vec<Pull>,
    /// How many messages a consumer is asked for in advance.
    fetch: usize,
    /// The subjects on which to acknowledge what was handed over, oldest first.
    handed: VecDeque<Subject>,
    /// How many of the oldest are to be acknowledged.
    to_acknowledge: usize,
    batch: Vec<Message>,
    told: Vec<Told>,
    last: Last,
}

impl JetStreamRecv {
    /// Receives from `sources`, and replies from those that are `apart`; `None` if there are none.
    pub(super) async fn open(
        wiring: &Wiring,
        connection: &Connection,
        [apart, sources]: [Vec<Source>; 2],
        fetch: usize,
    ) -> Result<Option<Self>, OpenError> {
        let mut pulls = Vec::new();
        for (sources, is_apart) in [(apart, true), (sources, false)] {
            if !sources.is_empty() {
                let inbox = Subject::from(connection.client.new_inbox());
                let subscribe = connection.client.subscribe(inbox.clone());
                let inbound = connection.at.step("subscribe", subscribe).await?;
                pulls.push(Pull { sources, inbox, inbound, is_apart });
            }
        }
        Ok((!pulls.is_empty()).then(|| Self {
            connection: connection.clone(),
            pool: Arc::clone(&wiring.pool),
            pulls,
            fetch,
            handed: VecDeque::with_capacity(wiring.batch),
            to_acknowledge: 0,
            batch: Vec::with_capacity(wiring.batch),
            told: Vec::with_capacity(wiring.batch),
            last: Last::default(),
        }))
    }

    /// Passes on the acknowledgements that are due.
    fn poll_acknowledge(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        const ACK: Bytes = Bytes::from_static(b"+ACK");
        while self.to_acknowledge > 0 {
            if !self.connection.has_room()? {
                ready!(self.connection.poll_room(context))?;
            }
            self.to_acknowledge -= 1;
            if let Some(subject) = self.handed.pop_front() {
                self.connection.put(OutboundMessage { subject, payload: ACK, reply: None, headers: None })?;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Asks the consumers for more, those that have handed out half of what they were asked for.
    fn poll_ask(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        let Self { connection, pulls, fetch, .. } = self;
        for Pull { sources, inbox, .. } in pulls {
            for source in sources.iter_mut().filter(|source| source.due <= *fetch / 2) {
                if !connection.has_room()? {
                    ready!(connection.poll_room(context))?;
                }
                let payload = format!("{{\"batch\":{}}}", *fetch - source.due).into();
                let (subject, reply) = (source.next.clone(), Some(inbox.clone()));
                connection.put(OutboundMessage { subject, payload, reply, headers: None })?;
                source.due = *fetch;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what is there, up to `max` messages.
    fn fill(&mut self, from: Inbox, max: usize, context: &mut Context<'_>) -> Result<(), PortError> {
        self.batch.clear();
        self.told.clear();
        for Pull { sources, inbound, is_apart, .. } in &mut self.pulls {
            while self.batch.len() < max && (*is_apart || from == Inbox::All) {
                let envelope = match inbound.poll_next_unpin(context) {
                    Poll::Ready(Some(envelope)) => envelope,
                    Poll::Ready(None) => return Err(self.connection.closed()),
                    Poll::Pending => break,
                };
                if let Some(status) = envelope.status {
                    judge(&self.connection, status, &envelope)?;
                    continue;
                }
                let message = headers::decode(&envelope, &self.pool)?;
                let mut told = Told::default();
                let mut sources = sources.iter_mut();
                if let Some(source) = sources.find(|source| source.destination == message.destination) {
                    source.due = source.due.saturating_sub(1);
                    told.attempt = envelope.reply.as_deref().map_or(0, |reply| source.attempt(reply));
                }
                // A message without an address for its acknowledgement counts all the same.
                self.handed.push_back(envelope.reply.unwrap_or_else(|| Subject::from_static("_")));
                self.batch.push(message);
                self.told.push(told);
            }
        }
        Ok(())
    }
}

/// What the server says instead of handing out a message. Requests do not expire, so nothing but a heartbeat is expected: a
/// consumer was deleted, or the server is about to stop.
fn judge(connection: &Connection, status: StatusCode, envelope: &Envelope) -> Result<(), PortError> {
    if status == StatusCode::IDLE_HEARTBEAT {
        return Ok(());
    }
    let said = envelope.description.as_deref().unwrap_or("no reason given");
    Err(PortError::Lost(format!("{} ended a consumer: {status} {said}", connection.at)))
}

impl AsyncRecvPort for JetStreamRecv {
    const ACKNOWLEDGES: bool = true;
    const TELLS_ATTEMPTS: bool = true;

    fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Poll<Result<usize, PortError>> {
        self.connection.link.check()?;
        ready!(self.poll_acknowledge(context))?;
        ready!(self.poll_ask(context))?;
        self.fill(from, max, context)?;
        if self.batch.is_empty() {
            return self.connection.link.listen(context);
        }
        on_batch(&self.batch, &self.told);
        Poll::Ready(Ok(self.batch.len()))
    }

    fn acknowledge(&mut self, count: usize) -> Result<(), PortError> {
        self.to_acknowledge += count;
        Ok(())
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.connection.link.check()?;
        ready!(self.poll_acknowledge(context))?;
        let client = &self.connection.client;
        let flush = || {
            let client = client.clone();
            async move { client.flush().await }
        };
        self.last.poll(context, &self.connection.at.to_string(), flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_deliveries_is_read_from_the_subject() {
        let next = "$JS.API.CONSUMER.MSG.NEXT.s.c".into();
        let source = Source { destination: 0, next, acknowledges: "$JS.ACK.s.c.".into(), due: 0 };
        for (subject, attempt) in [
            ("$JS.ACK.s.c.1.7.9.1700000000.5", 1),
            ("$JS.ACK.s.c.2.7.9.1700000000.5", 2),
            ("$JS.ACK.s.c.12.7.9.1700000000.5", 12),
            ("$JS.ACK.s.c.99999.7.9.1700000000.5", u16::MAX),
            ("$JS.ACK.hub.ACCOUNT.s.c.1.7.9.1700000000.5.x", 1),
            ("$JS.ACK.hub.ACCOUNT.s.c.3.7.9.1700000000.5.x", 3),
            ("_INBOX.1", 0),
        ] {
            assert_eq!(source.attempt(subject), attempt, "{subject}");
        }
    }
}
