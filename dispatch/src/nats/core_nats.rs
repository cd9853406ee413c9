//! `nats`: core NATS, publish and subscribe without storage. A message without a subscriber, or one that a receiver
//! does not take in time, is lost.
//!
//! A destination is a subject, `RUN.DESTINATION`. A receiving service subscribes in a queue group of its name, so one
//! of its instances gets each message, for commands and for events. The server picks the instance at random. A request
//! carries a native reply subject, `RUN.DESTINATION.INSTANCE`, to which only the requesting instance subscribes. The
//! replier derives the same subject from the message's header.
//!
//! Back-pressure: the client's queue to the server holds `capacity` messages. It blocks the sender when it is full,
//! which happens when the server reads more slowly. A slow receiver blocks no sender: the client keeps `capacity`
//! messages (at least 65,536) for each subscription and drops the rest, which is counted as lagged.

use super::{
    connection::{Connection, Outlet, Server},
    drops::{Doubt, Tally},
    headers,
    login::OPTIONS,
};
use async_nats::{Subject, Subscriber};
use drumpost_core::{
    dispatcher::Tasked,
    message::Message,
    payload::Pool,
    port::{AsyncRecvPort, AsyncSendPort, Inbox, PortError, Told},
    registry::{Promise, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    server::ServerFacts,
    transport::{AsyncTransport, Endpoint, OpenError},
    wiring::Wiring,
};
use drumpost_kit::layout::Layout;
use futures_util::StreamExt;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};
use tokio::task::unconstrained;

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "nats",
        summary: "core NATS: subjects, queue groups and native reply subjects; at most once, without storage",
        intents: &[
            (Style::Message, &[Intent::Command, Intent::Request, Intent::Reply]),
            (Style::Event, &[Intent::Event]),
        ],
        runs_on: RunsOn::Tasks,
        promise: Promise { holds_up_senders: false, lossless: false, ..Promise::IN_MEMORY },
        needs_server: true,
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(Nats { server: Server::from_options(options)? }))),
    }
}

#[derive(Debug)]
struct Nats {
    server: Server,
}

impl AsyncTransport for Nats {
    type Send = NatsSend;
    type Recv = NatsRecv;

    const REOPENS: bool = true;

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.server.probe().await.map(Some)
    }

    async fn open(&self, wiring: &Wiring, instance: u16) -> Result<Endpoint<NatsSend, NatsRecv>, OpenError> {
        let connection = self.server.connect(wiring, instance).await?;
        let (layout, service) = (Layout::new(wiring, '.'), wiring.service_of(instance));
        let mut sources = Vec::new();
        for heard in layout.heard(instance) {
            let subscribe = connection.client.queue_subscribe(heard.place, heard.group);
            let subscriber = self.server.at.step("subscribe", subscribe).await?;
            sources.push(Source { subscriber, is_apart: heard.is_apart });
        }
        let tally = Tally::new(connection.client.statistics());
        connection.round_trip().await?;
        tally.begin();
        let sends = wiring.sends_of(service).map(|sent| NatsSend {
            outlet: Outlet::new(wiring, &connection, sent),
            reply: (sent.intent == Intent::Request)
                .then(|| layout.replies_to(sent, instance).map(Subject::from))
                .flatten(),
        });
        let sends = sends.collect();
        let inbox = (!sources.is_empty()).then(|| NatsRecv {
            connection,
            pool: Arc::clone(&wiring.pool),
            sources,
            first: 0,
            tally,
            doubt: Doubt::default(),
            batch: Vec::with_capacity(wiring.batch),
        });
        Ok(Endpoint { inbox, sends })
    }
}

/// Publishes to one destination.
#[derive(Debug)]
struct NatsSend {
    outlet: Outlet,
    reply: Option<Subject>,
}

impl AsyncSendPort for NatsSend {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        self.outlet.offer(batch, self.reply.as_ref())
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.outlet.connection.poll_room(context)
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.outlet.poll_finish(context)
    }
}

/// A subscription.
#[derive(Debug)]
struct Source {
    subscriber: Subscriber,
    is_apart: bool,
}

/// Receives what one instance hears.
#[derive(Debug)]
struct NatsRecv {
    connection: Connection,
    pool: Arc<Pool>,
    sources: Vec<Source>,
    /// The subscription to begin with, so that a busy one does not silence those after it.
    first: usize,
    tally: Tally,
    doubt: Doubt,
    batch: Vec<Message>,
}

impl NatsRecv {
    /// Takes up to `max` messages that are there into `batch`; replies first, if they are apart.
    fn fill(&mut self, from: Inbox, max: usize, context: &mut Context<'_>) -> Result<(), PortError> {
        self.batch.clear();
        let count = self.sources.len();
        for is_apart in [true, false] {
            for at in self.first..self.first + count {
                let source = &mut self.sources[at % count];
                if source.is_apart != is_apart || (from == Inbox::Replies && !is_apart) {
                    continue;
                }
                while self.batch.len() < max {
                    match source.subscriber.poll_next_unpin(context) {
                        Poll::Ready(Some(envelope)) => {
                            self.batch.push(headers::decode(&envelope, &self.pool)?);
                        }
                        Poll::Ready(None) => return Err(self.connection.closed()),
                        Poll::Pending => break,
                    }
                }
            }
        }
        self.first = (self.first + 1) % count;
        if !self.batch.is_empty() {
            self.tally.account(self.batch.len() as u64);
        }
        Ok(())
    }

    /// As `fill`, when the client has dropped messages: finds out how many are missing if nothing is there.
    fn fill_or_miss(
        &mut self,
        max: usize,
        is_dropping: bool,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<u64>, PortError>> {
        let arrived = self.tally.arrived();
        // A task that has used up its budget finds nothing even where there is something.
        let filled = pin!(unconstrained(poll_fn(|context| Poll::Ready(self.fill(Inbox::All, max, context)))));
        ready!(filled.poll(context))?;
        if !self.batch.is_empty() {
            if is_dropping {
                self.connection.dropping.store(true, Ordering::Relaxed);
            }
            return Poll::Ready(Ok(None));
        }
        match self.doubt.certain(self.tally.missing(arrived), arrived, is_dropping) {
            0 => self.connection.link.listen(context),
            dropped => {
                self.tally.account(dropped);
                Poll::Ready(Ok(Some(dropped)))
            }
        }
    }
}

impl AsyncRecvPort for NatsRecv {
    fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Poll<Result<usize, PortError>> {
        self.connection.link.check()?;
        let dropping = &self.connection.dropping;
        // Only a look at everything can find everything empty.
        let is_dropping =
            from == Inbox::All && dropping.load(Ordering::Relaxed) && dropping.swap(false, Ordering::Acquire);
        if from == Inbox::All && (is_dropping || self.doubt.is_some()) {
            if let Some(dropped) = ready!(self.fill_or_miss(max, is_dropping, context))? {
                return Poll::Ready(Err(PortError::Lagged(dropped)));
            }
        } else {
            self.fill(from, max, context)?;
            if self.batch.is_empty() {
                return self.connection.link.listen(context);
            }
        }
        on_batch(&self.batch, &[]);
        Poll::Ready(Ok(self.batch.len()))
    }
}
