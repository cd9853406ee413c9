//! Receiving through durable pull consumers, with explicit acknowledgement after handling.
//!
//! One subscription per port takes what all of the port's consumers hand out; each consumer is asked for a number of
//! messages ahead and topped up when half of them have come. The requests do not expire: they end with the
//! subscription. (The client's own pull stream makes a copy of the client and its timers for every message.)
//!
//! What a drain hands over is acknowledged at the beginning of the next one: by then the lane has handled it, and the
//! transport has taken whatever it caused.

use super::super::{
    connection::{Connection, Outlet, PATIENCE},
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
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// A durable consumer, and how many messages it still has to hand out of those it was asked for.
#[derive(Debug)]
pub(super) struct Source {
    destination: u16,
    next: Subject,
    due: usize,
}

impl Source {
    pub(super) fn new(heard: &Destination, stream: &str, consumer: &str) -> Self {
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        Self { destination: heard.id, next: next.into(), due: 0 }
    }
}

/// Hears several durable consumers.
#[derive(Debug)]
pub(super) struct JetStreamRecv {
    outlet: Outlet,
    client: Client,
    pool: Arc<Pool>,
    sources: Vec<Source>,
    fetch: usize,
    inbox: Subject,
    inbound: Subscriber,
    batch: Vec<Message>,
    /// Where to acknowledge what was handed over last.
    handed: VecDeque<Subject>,
}

impl JetStreamRecv {
    pub(super) async fn open(
        wiring: &Wiring,
        connection: &Connection,
        sources: Vec<Source>,
        fetch: usize,
    ) -> Result<Option<Self>, async_nats::SubscribeError> {
        if sources.is_empty() {
            return Ok(None);
        }
        let (inbox, inbound) = subscribe(&connection.client).await?;
        Ok(Some(Self {
            outlet: connection.outlet(),
            client: connection.client.clone(),
            pool: Arc::clone(&wiring.pool),
            sources,
            fetch,
            inbox,
            inbound,
            batch: Vec::with_capacity(wiring.batch),
            handed: VecDeque::with_capacity(wiring.batch),
        }))
    }

    /// Acknowledges what was handed over last.
    fn poll_acknowledge(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        const ACK: Bytes = Bytes::from_static(b"+ACK");
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

    /// Takes up to `max` messages that are there into `batch`.
    fn fill(&mut self, max: usize, context: &mut Context<'_>) -> Result<(), PortError> {
        self.batch.clear();
        while self.batch.len() < max {
            let envelope = match self.inbound.poll_next_unpin(context) {
                Poll::Ready(Some(envelope)) => envelope,
                Poll::Ready(None) => return Err(self.outlet.link.closed()),
                Poll::Pending => break,
            };
            if let Some(status) = envelope.status {
                self.judge(status, &envelope)?;
                continue;
            }
            let message = decode(&envelope, &self.pool)?;
            let mut sources = self.sources.iter_mut();
            if let Some(source) = sources.find(|source| source.destination == message.destination) {
                source.due = source.due.saturating_sub(1);
            }
            self.handed.extend(envelope.reply);
            self.batch.push(message);
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

impl AsyncRecvPort for JetStreamRecv {
    async fn drain(
        &mut self,
        max: usize,
        mut on_batch: impl FnMut(&[Message]) + Send,
    ) -> Result<usize, PortError> {
        poll_fn(|context| {
            self.outlet.link.check()?;
            ready!(self.poll_acknowledge(context))?;
            ready!(self.poll_ask(context))?;
            self.fill(max, context)?;
            if self.batch.is_empty() {
                return self.outlet.link.listen(context);
            }
            on_batch(&self.batch);
            Poll::Ready(Ok(self.batch.len()))
        })
        .await
    }

    async fn finish(&mut self) -> Result<(), PortError> {
        poll_fn(|context| self.poll_acknowledge(context)).await?;
        self.outlet.flush(PATIENCE).await
    }

    async fn crash(&mut self, down: Duration) -> Result<(), PortError> {
        // Nothing of it is acknowledged: neither what was handed over last nor what was fetched ahead.
        self.handed.clear();
        let _ = self.inbound.unsubscribe().await;
        #[expect(clippy::disallowed_methods, reason = "an outage in milliseconds, which paces nothing")]
        tokio::time::sleep(down).await;
        self.outlet.link.check()?;
        let subscribed = subscribe(&self.client).await;
        (self.inbox, self.inbound) = subscribed.map_err(|_| self.outlet.link.closed())?;
        for source in &mut self.sources {
            source.due = 0;
        }
        Ok(())
    }
}
