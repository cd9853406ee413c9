//! `zeromq`: sockets of ZeroMQ over TCP on loopback, without a server. The crate `zeromq` speaks the protocol (ZMTP) on tasks.
//!
//! - *Commands, requests*: each receiving instance binds a PULL socket at a free port. Each sending instance has a PUSH socket, which
//!   deals messages out to the receiving instances in turn.
//! - *Replies*: a PUSH socket for each instance that may have asked. Replies that are apart come over a PULL socket of their own.
//! - *Events*: each publishing instance binds a PUB socket for each destination, and each subscriber connects a SUB socket to them.
//!   Several instances of a subscribing service are refused, because every subscriber gets each message.
//! - *Start*: a publisher drops what it sends before it knows its subscribers. So it sends probes until each of them has received one.
//! - *Capacity*: the crate holds up to 100,000 messages for each peer and has no option for that. PUB drops what is more. PUSH may hold more
//!   than that, so a sender stops when `--capacity` messages of a destination are under way, at most half of the crate's number. In a circle of
//!   services the load's own window is the limit.
//! - *Promise*: PUSH and PULL lose nothing while the process lives. PUB and SUB may, so at most once is promised.

mod open;
#[cfg(test)]
mod tests;

use drumpost_kit::{encode::decode, prelude::*};
use futures_util::{stream::BoxStream, task::AtomicWaker};
use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use zeromq::{PubSocket, PushSocket, SocketSend, ZmqMessage, ZmqResult};

/// The transport, as the command line lists it.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "zeromq",
        summary: "ZeroMQ over TCP on loopback, without a server: push and pull, publish and subscribe; at most once",
        promise: Promise {
            delivery: promise::Delivery::AtMostOnce,
            persistence: "queues of both sockets",
            ..BROKER.promise
        },
        needs_server: false,
        make: |_| {
            let at = Arc::new(At::new("zeromq", "tcp://127.0.0.1"));
            Ok(Box::new(Tasked::new(ZeroMq { at, made: Mutex::default() })))
        },
        ..BROKER
    }
}

/// See the module.
struct ZeroMq {
    at: Arc<At>,
    /// By instance. All are made together, as each connects to others.
    made: Mutex<Vec<Option<Ports>>>,
}

type Ports = Endpoint<Outbox<Peers>, Inbox<Sources>>;

impl AsyncTransport for ZeroMq {
    type Send = Outbox<Peers>;
    type Recv = Inbox<Sources>;

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        refuse(wiring)?;
        let made = open::all(&self.at, wiring).await?;
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = made.into_iter().map(Some).collect();
        Ok(())
    }

    async fn open(&self, _wiring: &Wiring, me: u16) -> Result<Ports, OpenError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let ports = made.get_mut(usize::from(me)).and_then(Option::take);
        ports.ok_or_else(|| OpenError::Refused("zeromq cannot open the sockets of an instance again".into()))
    }
}

/// Refuses what these sockets cannot do.
fn refuse(wiring: &Wiring) -> Result<(), OpenError> {
    if wiring.pool.headers().count() > 0 {
        let why = "zeromq carries no application headers: a message is one frame of 48 bytes and its payload";
        return Err(OpenError::Refused(why.into()));
    }
    for event in wiring.destinations.iter().filter(|sent| sent.intent == Intent::Event) {
        let mut services = event.receivers.iter().map(|of| &wiring.services[*of]);
        if let Some(service) = services.find(|of| of.instances.len() > 1) {
            return Err(OpenError::Refused(format!(
                "zeromq cannot carry Event `{}` to {} instances of {}: every subscriber gets each message; use one instance",
                event.name,
                service.instances.len(),
                service.name
            )));
        }
    }
    Ok(())
}

/// How many messages of one sender and destination are under way.
#[derive(Debug, Default)]
struct UnderWay {
    count: AtomicUsize,
    waker: AtomicWaker,
}

impl UnderWay {
    fn poll_below(&self, most: usize, context: &Context<'_>) -> Poll<()> {
        if self.count.load(Ordering::Acquire) < most {
            return Poll::Ready(());
        }
        self.waker.register(context.waker());
        // One may have arrived meanwhile.
        if self.count.load(Ordering::SeqCst) < most { Poll::Ready(()) } else { Poll::Pending }
    }

    fn arrived(&self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
        self.waker.wake();
    }
}

/// By number of the destination and of the sending instance; none where nothing is counted.
type AllUnderWay = HashMap<(u16, u16), Arc<UnderWay>>;

/// The sockets of one send port.
struct Peers {
    /// By place: one place, or one for each instance that may have asked.
    push: HashMap<String, PushSocket>,
    publish: Option<PubSocket>,
    under_way: Option<Arc<UnderWay>>,
    most: usize,
}

impl Publish for Peers {
    type Place = String;

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<PortResult> {
        self.under_way.as_ref().map_or(Poll::Ready(()), |sent| sent.poll_below(self.most, context)).map(Ok)
    }

    fn put(&mut self, place: &String, payload: Bytes, _: &Message, _: &Pool) -> PortResult {
        let message = ZmqMessage::from(payload);
        if let Some(under_way) = &self.under_way {
            // Counted first: it may arrive before the call returns.
            under_way.count.fetch_add(1, Ordering::SeqCst);
        }
        let sent = match (&mut self.publish, self.push.get_mut(place)) {
            (Some(publish), _) => publish.send(message).now_or_never(),
            (None, Some(push)) => push.send(message).now_or_never(),
            (None, None) => return Err(PortError::Failed(format!("nobody hears `{place}`"))),
        };
        match sent {
            Some(Ok(())) => {}
            Some(Err(_)) => return Err(PortError::Closed),
            None => return Err(PortError::Failed("zeromq holds more messages than it has room for".into())),
        }
        Ok(())
    }
}

/// What one socket receives.
type Source = BoxStream<'static, ZmqResult<ZmqMessage>>;

/// What one instance hears.
struct Sources {
    all: Vec<Source>,
    pool: Arc<Pool>,
    under_way: Arc<AllUnderWay>,
    line: Line,
}

impl Deliveries for Sources {
    type Token = ();

    fn poll_next(&mut self, source: usize, context: &mut Context<'_>) -> Poll<PortResult<Delivery<()>>> {
        loop {
            let received = ready!(self.all[source].poll_next_unpin(context)).ok_or(PortError::Closed)?;
            let received = received.map_err(|error| self.line.broken(true, &error))?;
            let frame = received.get(0).map_or(&[][..], |frame| &frame[..]);
            if open::is_probe(frame) {
                continue;
            }
            let none = std::iter::empty::<(&str, &[u8])>();
            let message = decode(frame, none, &self.pool, || "a socket".into())?;
            if let Some(under_way) = self.under_way.get(&(message.destination, message.producer())) {
                under_way.arrived();
            }
            return Poll::Ready(Ok(Delivery { message, told: Told::default(), token: () }));
        }
    }
}
