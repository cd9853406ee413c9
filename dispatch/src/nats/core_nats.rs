//! `nats`: core NATS, publish and subscribe without storage. A message without a subscriber, or one that a receiver
//! does not take in time, is lost.
//!
//! A destination is a subject, `RUN.DESTINATION`. A receiving service subscribes in a queue group of its name, so one
//! of its instances gets each message, for commands and for events. A service with a single instance subscribes plainly. The server picks the instance at random. A request
//! carries a native reply subject, `RUN.DESTINATION.INSTANCE`, to which only the requesting instance subscribes. The
//! replier derives the same subject from the message's header.
//!
//! Back-pressure: the client's queue to the server holds `capacity` messages. It blocks the sender when it is full,
//! which happens when the server reads more slowly. A slow receiver blocks no sender: the client keeps `capacity`
//! messages (at least 65,536) for each subscription and drops the rest, which is counted as lagged.

use super::{
    connection::{Connection, Outlet, Server},
    headers,
    login::OPTIONS,
};
use async_nats::{Subject, Subscriber};
use drumpost_kit::{drops::Drops, prelude::*};
use std::sync::atomic::Ordering;

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "nats",
        summary: "core NATS: subjects, queue groups and native reply subjects; at most once, without storage",
        promise: Promise { delivery: promise::Delivery::AtMostOnce, ..BROKER.promise },
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(Nats { server: Server::from_options(options)? }))),
        ..BROKER
    }
}

#[derive(Debug)]
struct Nats {
    server: Server,
}

impl AsyncTransport for Nats {
    type Send = Outbox<Outlet>;
    type Recv = Inbox<Subscriptions>;

    const SHARES_CONNECTIONS: bool = true;
    const REOPENS: bool = true;

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.server.probe().await
    }

    async fn close(&self) -> Result<(), String> {
        self.server.shared.forget();
        Ok(())
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let connection = self.server.connect(wiring, me).await?;
        let (line, layout) = (connection.line.clone(), Layout::new(wiring, '.'));
        let (mut sources, mut apart) = (Vec::new(), Vec::new());
        for heard in layout.heard(me) {
            let (client, at) = (&connection.client, &line.at);
            // A queue group costs the server 2 % or more, and one instance has nobody to compete with.
            sources.push(match heard.is_alone {
                true => at.step("subscribe", client.subscribe(heard.place)).await?,
                false => at.step("subscribe", client.queue_subscribe(heard.place, heard.group)).await?,
            });
            apart.push(heard.is_apart);
        }
        connection.round_trip().await?;
        let sends = wiring.sends_of(wiring.service_of(me)).map(|sent| {
            let is_request = sent.intent == Intent::Request;
            let reply = layout.replies_to(sent, me).filter(|_| is_request).map(Subject::from);
            Outbox::new(wiring, layout, sent, line.clone(), Outlet::new(wiring, &connection, reply))
        });
        let (sends, client) = (sends.collect(), connection.client.statistics());
        let drops = Drops::new(move || client.in_messages.load(Ordering::Acquire));
        let pool = Arc::clone(&wiring.pool);
        let inbox = Inbox::new(wiring, line, &apart, Subscriptions { connection, pool, sources, drops });
        Ok(Endpoint { inbox, sends })
    }
}

/// What one instance subscribes to.
#[derive(Debug)]
struct Subscriptions {
    connection: Connection,
    pool: Arc<Pool>,
    sources: Vec<Subscriber>,
    drops: Drops,
}

impl Deliveries for Subscriptions {
    type Token = ();

    #[inline]
    fn poll_next(&mut self, source: usize, context: &mut Context<'_>) -> Poll<PortResult<Delivery<()>>> {
        let envelope = ready!(self.sources[source].poll_next_unpin(context));
        let envelope = envelope.ok_or_else(|| self.connection.line.closed())?;
        let message = headers::decode(&envelope, &self.pool)?;
        Poll::Ready(Ok(Delivery { message, told: Told::default(), token: () }))
    }

    fn drops(&mut self) -> Option<&mut Drops> {
        Some(&mut self.drops)
    }

    fn last(&self) -> RoundTrip {
        self.connection.last()
    }
}
