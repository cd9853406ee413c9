//! Receiving through durable pull consumers, with explicit acknowledgement after handling.
//!
//! One subscription per port receives the messages of all consumers of the port. Each consumer is asked for a number of
//! messages in advance, and for more when half of them have arrived. The requests do not expire; they end with the
//! subscription. (The client's own pull stream copies the client and its timers for every message.)
//!
//! The messages of one drain are acknowledged at the beginning of the next. By then the lane has handled them, and the
//! transport has accepted the messages that they caused.

use super::super::{
    connection::{Connection, Link, Outlet, PATIENCE},
    encode::decode,
};
use async_nats::{Client, Message as Envelope, StatusCode, Subject, Subscriber, message::OutboundMessage};
use bytes::Bytes;
use drumpost_core::{
    message::Message,
    payload::Pool,
    port::{AsyncRecvPort, PortError},
    wiring::{Destination, Wiring},
};
use futures_util::StreamExt;
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::timeout;

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

    /// Whether the server has handed this message out before.
    #[inline]
    fn is_repeated(&self, acknowledged_on: &str) -> bool {
        match acknowledged_on.strip_prefix(&*self.acknowledges) {
            Some(rest) => !rest.starts_with("1."),
            None => deliveries(acknowledged_on).is_some_and(|count| count > 1),
        }
    }
}

/// How often a message was handed out, from the subject on which it is acknowledged: `$JS.ACK.STREAM.CONSUMER.COUNT...`,
/// or with a domain and an account before the stream.
fn deliveries(acknowledged_on: &str) -> Option<u64> {
    let tokens: Vec<&str> = acknowledged_on.split('.').collect();
    tokens.get(if tokens.len() > 9 { 6 } else { 4 })?.parse().ok()
}

/// Several durable consumers, merged by one subscription.
#[derive(Debug)]
struct Pull {
    outlet: Outlet,
    sources: Vec<Source>,
    fetch: usize,
    inbox: Subject,
    inbound: Subscriber,
    /// The subjects on which to acknowledge the batch that was handed over last.
    handed: VecDeque<Subject>,
    /// Its consumer is about to be killed.
    is_dying: bool,
    /// Of all ports of a trial.
    redelivered: Arc<AtomicU64>,
}

impl Pull {
    async fn open(
        wiring: &Wiring,
        connection: &Connection,
        sources: Vec<Source>,
        fetch: usize,
        redelivered: &Arc<AtomicU64>,
    ) -> Result<Option<Self>, async_nats::SubscribeError> {
        if sources.is_empty() {
            return Ok(None);
        }
        let (inbox, inbound) = subscribe(&connection.client).await?;
        let handed = VecDeque::with_capacity(wiring.batch);
        let (outlet, redelivered) = (connection.outlet(), Arc::clone(redelivered));
        Ok(Some(Self { outlet, sources, fetch, inbox, inbound, handed, is_dying: false, redelivered }))
    }

    /// Acknowledges what was handed over last.
    fn poll_acknowledge(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        const ACK: Bytes = Bytes::from_static(b"+ACK");
        if self.is_dying {
            return Poll::Ready(Ok(()));
        }
        while !self.handed.is_empty() {
            if !self.outlet.has_room()? {
                ready!(self.outlet.poll_room(context))?;
            }
            if let Some(subject) = self.handed.pop_front() {
                self.outlet.put(OutboundMessage { subject, payload: ACK, reply: None, headers: None })?;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Asks the consumers for more, those that have handed out half of what they were asked for.
    fn poll_ask(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        for source in &mut self.sources {
            if source.due > self.fetch / 2 {
                continue;
            }
            if !self.outlet.has_room()? {
                ready!(self.outlet.poll_room(context))?;
            }
            let payload = format!("{{\"batch\":{}}}", self.fetch - source.due).into();
            let (subject, reply) = (source.next.clone(), Some(self.inbox.clone()));
            self.outlet.put(OutboundMessage { subject, payload, reply, headers: None })?;
            source.due = self.fetch;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what is there into `batch`, until that holds `max`.
    fn fill(
        &mut self,
        batch: &mut Vec<Message>,
        max: usize,
        pool: &Pool,
        context: &mut Context<'_>,
    ) -> Result<(), PortError> {
        while batch.len() < max {
            let envelope = match self.inbound.poll_next_unpin(context) {
                Poll::Ready(Some(envelope)) => envelope,
                Poll::Ready(None) => return Err(self.outlet.link.closed()),
                Poll::Pending => break,
            };
            if let Some(status) = envelope.status {
                self.judge(status, &envelope)?;
                continue;
            }
            let message = decode(&envelope, pool)?;
            let mut sources = self.sources.iter_mut();
            if let Some(source) = sources.find(|source| source.destination == message.destination) {
                source.due = source.due.saturating_sub(1);
                if envelope.reply.as_deref().is_some_and(|reply| source.is_repeated(reply)) {
                    self.redelivered.fetch_add(1, Ordering::Relaxed);
                }
            }
            self.handed.extend(envelope.reply);
            batch.push(message);
        }
        Ok(())
    }

    /// What the server says instead of handing out a message. Requests do not expire, so nothing but a heartbeat is
    /// expected: a consumer was deleted, or the server is about to stop.
    fn judge(&self, status: StatusCode, envelope: &Envelope) -> Result<(), PortError> {
        if status == StatusCode::IDLE_HEARTBEAT {
            return Ok(());
        }
        let said = envelope.description.as_deref().unwrap_or("no reason given");
        Err(PortError::Failed(format!(
            "nats-server at {} ended a consumer: {status} {said}",
            self.outlet.link.shown()
        )))
    }
}

async fn subscribe(client: &Client) -> Result<(Subject, Subscriber), async_nats::SubscribeError> {
    let inbox = Subject::from(client.new_inbox());
    let inbound = client.subscribe(inbox.clone()).await?;
    Ok((inbox, inbound))
}

/// Receives what one instance hears, or only its replies. Both ports of an instance hold both parts, from the same task.
#[derive(Debug)]
pub(super) struct JetStreamRecv {
    client: Client,
    link: Arc<Link>,
    pool: Arc<Pool>,
    own: Option<Arc<Mutex<Pull>>>,
    apart: Option<Arc<Mutex<Pull>>>,
    only_replies: bool,
    batch: Vec<Message>,
}

/// The ports of one instance: for everything, and for replies if they are apart.
pub(super) async fn open(
    wiring: &Wiring,
    connection: &Connection,
    [own, apart]: [Vec<Source>; 2],
    fetch: usize,
    redelivered: &Arc<AtomicU64>,
) -> Result<(Option<JetStreamRecv>, Option<JetStreamRecv>), async_nats::SubscribeError> {
    let own = Pull::open(wiring, connection, own, fetch, redelivered).await?;
    let apart = Pull::open(wiring, connection, apart, fetch, redelivered).await?;
    let [own, apart] = [own, apart].map(|pull| pull.map(|pull| Arc::new(Mutex::new(pull))));
    let port = |only_replies| JetStreamRecv {
        client: connection.client.clone(),
        link: Arc::clone(&connection.link),
        pool: Arc::clone(&wiring.pool),
        own: own.clone(),
        apart: apart.clone(),
        only_replies,
        batch: Vec::with_capacity(wiring.batch),
    };
    Ok((own.is_some().then(|| port(false)), apart.is_some().then(|| port(true))))
}

fn locked(pull: &Mutex<Pull>) -> MutexGuard<'_, Pull> {
    pull.lock().unwrap_or_else(PoisonError::into_inner)
}

impl JetStreamRecv {
    /// The parts this port reads, replies first.
    fn parts(&self) -> impl Iterator<Item = &Arc<Mutex<Pull>>> {
        let own = if self.only_replies { &None } else { &self.own };
        self.apart.iter().chain(own)
    }

    /// Acknowledges what was handed over last.
    fn poll_acknowledge(&self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        for part in self.parts() {
            ready!(locked(part).poll_acknowledge(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes up to `max` messages that are there into `batch`.
    fn fill(&self, batch: &mut Vec<Message>, max: usize, context: &mut Context<'_>) -> Result<(), PortError> {
        for part in self.parts() {
            locked(part).fill(batch, max, &self.pool, context)?;
        }
        Ok(())
    }
}

impl AsyncRecvPort for JetStreamRecv {
    const CAN_BE_KILLED: bool = true;

    async fn drain(
        &mut self,
        max: usize,
        mut on_batch: impl FnMut(&[Message]) + Send,
    ) -> Result<usize, PortError> {
        poll_fn(|context| {
            self.link.check()?;
            ready!(self.poll_acknowledge(context))?;
            for part in self.parts() {
                ready!(locked(part).poll_ask(context))?;
            }
            let mut batch = std::mem::take(&mut self.batch);
            batch.clear();
            let filled = self.fill(&mut batch, max, context);
            self.batch = batch;
            filled?;
            if self.batch.is_empty() {
                return self.link.listen(context);
            }
            on_batch(&self.batch);
            Poll::Ready(Ok(self.batch.len()))
        })
        .await
    }

    async fn finish(&mut self) -> Result<(), PortError> {
        poll_fn(|context| self.poll_acknowledge(context)).await?;
        self.link.check()?;
        match timeout(PATIENCE, self.client.flush()).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(self.link.closed()),
        }
    }

    fn stop_acknowledging(&mut self) {
        for part in self.apart.iter().chain(&self.own) {
            locked(part).is_dying = true;
        }
    }

    async fn crash(&mut self, down: Duration) -> Result<(), PortError> {
        let parts: Vec<_> = self.apart.iter().chain(&self.own).cloned().collect();
        for part in &parts {
            // Nothing of it is acknowledged: neither what was handed over last nor what was fetched ahead.
            let (inbox, inbound) = subscribe(&self.client).await.map_err(|_| self.link.closed())?;
            let mut pull = locked(part);
            pull.is_dying = false;
            pull.handed.clear();
            pull.sources.iter_mut().for_each(|source| source.due = 0);
            (pull.inbox, pull.inbound) = (inbox, inbound);
        }
        #[expect(clippy::disallowed_methods, reason = "an outage in milliseconds, which paces nothing")]
        tokio::time::sleep(down).await;
        self.link.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_deliveries_is_read_from_the_subject() {
        let next = "$JS.API.CONSUMER.MSG.NEXT.s.c".into();
        let source = Source { destination: 0, next, acknowledges: "$JS.ACK.s.c.".into(), due: 0 };
        for (subject, repeated) in [
            ("$JS.ACK.s.c.1.7.9.1700000000.5", false),
            ("$JS.ACK.s.c.2.7.9.1700000000.5", true),
            ("$JS.ACK.s.c.12.7.9.1700000000.5", true),
            ("$JS.ACK.hub.ACCOUNT.s.c.1.7.9.1700000000.5.x", false),
            ("$JS.ACK.hub.ACCOUNT.s.c.3.7.9.1700000000.5.x", true),
            ("_INBOX.1", false),
        ] {
            assert_eq!(source.is_repeated(subject), repeated, "{subject}");
        }
    }
}
