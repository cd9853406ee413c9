//! Transports and handlers of a third party with one fault each: a panic, a call that blocks, spins, or waits for ever. The
//! transports wrap one that works, on threads or on tasks; options say where the fault is and of which kind.

use drumpost_core::{
    dispatcher::{Tasked, Threaded},
    handler::{Handler, Out, Reactor},
    message::{Kind, Message},
    options::{Grammar, OptionEntry, Values},
    port::{AsyncRecvPort, AsyncSendPort, Confirmed, Inbox, PortError, RecvPort, SendPort, Told},
    registry::{Promise, Registry, RunsOn, ScenarioEntry, TransportEntry},
    scenario::{Intent, Part, Scenario, Service, Style, command, event},
    transport::{AsyncTransport, Endpoint, Endpoints, OpenError, Transport},
    wiring::Wiring,
};
use drumpost_dispatch::{rtrb::Rtrb, tokio_mpsc};
use std::{
    future::pending,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    task::{Context, Poll},
    thread,
    time::Duration,
};

static OPTIONS: [OptionEntry; 2] = [
    OptionEntry::optional("faulty.kind", Grammar::Text, "what happens"),
    OptionEntry::optional("faulty.at", Grammar::Text, "at which method"),
];

/// All that ships, and what is faulty.
pub(crate) fn registry() -> Registry {
    let mut registry = drumpost::builtin();
    let entry = |name, runs_on, make| TransportEntry {
        name,
        summary: "has a fault",
        intents: &[(Style::Message, &[Intent::Command])],
        runs_on,
        promise: Promise::IN_MEMORY,
        needs_server: false,
        requests: None,
        options: &OPTIONS,
        make,
    };
    let threads = entry("threadbare", RunsOn::Threads, |options| {
        Ok(Box::new(Threaded(Faulty { inner: Rtrb, fault: Fault::of(options) })))
    });
    let tasks = entry("taskless", RunsOn::Tasks, |options| {
        Ok(Box::new(Tasked::new(Faulty { inner: tokio_mpsc::transport(), fault: Fault::of(options) })))
    });
    let unreachable = TransportEntry { needs_server: true, name: "far-away", ..threads.clone() };
    registry.transports.extend([threads, tasks, unreachable]);
    registry.scenarios.extend([
        ScenarioEntry {
            name: "blocks",
            options: &[],
            make: |_| Ok(scenario("blocks", || Box::new(Worker(Way::Block)))),
        },
        ScenarioEntry {
            name: "spins",
            options: &[],
            make: |_| Ok(scenario("spins", || Box::new(Worker(Way::Spin)))),
        },
        ScenarioEntry {
            name: "panics",
            options: &[],
            make: |_| Ok(scenario("panics", || Box::new(Worker(Way::Panic)))),
        },
        ScenarioEntry {
            name: "unborn",
            options: &[],
            make: |_| Ok(scenario("unborn", || panic!("it was not to be"))),
        },
        ScenarioEntry {
            name: "endless",
            options: &[],
            make: |_| Ok(scenario("endless", || Box::new(Miscounts { ends: 0 }))),
        },
        ScenarioEntry {
            name: "twice",
            options: &[],
            make: |_| Ok(scenario("twice", || Box::new(Miscounts { ends: 2 }))),
        },
    ]);
    registry
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Panic,
    Block,
    Spin,
    /// Waits for ever without holding its thread.
    Pend,
    /// Fails, as it should.
    Fail,
    /// Takes nothing more.
    Full,
    /// Says that it refused some of what it took, and never speaks of some.
    Refuse,
}

/// Happens at one method.
#[derive(Clone, Debug)]
struct Fault {
    at: String,
    kind: Way,
}

impl Fault {
    fn of(options: &Values) -> Self {
        let kind = match options.text("faulty.kind").unwrap_or_default() {
            "panic" => Way::Panic,
            "block" => Way::Block,
            "spin" => Way::Spin,
            "pend" => Way::Pend,
            "full" => Way::Full,
            "refuse" => Way::Refuse,
            _ => Way::Fail,
        };
        Self { at: options.text("faulty.at").unwrap_or_default().to_owned(), kind }
    }

    fn strikes(&self, at: &str) -> Option<Way> {
        (self.at == at).then_some(self.kind)
    }

    fn strike(&self, at: &str) {
        if let Some(kind) = self.strikes(at) {
            happen(kind);
        }
    }

    fn strike_polled(&self, at: &str) -> Poll<Result<(), PortError>> {
        match self.strikes(at) {
            Some(Way::Pend) => return Poll::Pending,
            Some(kind) => happen(kind),
            None => {}
        }
        Poll::Ready(Ok(()))
    }

    async fn strike_async(&self, at: &str) {
        match self.strikes(at) {
            Some(Way::Pend) => pending().await,
            Some(kind) => happen(kind),
            None => {}
        }
    }
}

fn happen(kind: Way) {
    match kind {
        Way::Panic => panic!("its pen broke"),
        // For as long as the tests run: longer than any limit that is waited for.
        Way::Block => thread::sleep(Duration::from_secs(600)),
        Way::Spin => {
            let clock = drumpost_core::clock::Clock::start();
            while !SPUN.load(Ordering::Relaxed) && drumpost_core::clock::Now::now_ns(&clock) < 25_000_000_000
            {
                std::hint::spin_loop();
            }
            happen(Way::Block);
        }
        Way::Pend | Way::Fail | Way::Full | Way::Refuse => {}
    }
}

/// What spins has been seen to do so, and may sleep. Until then it spins for longer than any limit that is waited for.
pub(crate) static SPUN: AtomicBool = AtomicBool::new(false);

/// How often a transport that cannot be reached was tried.
pub(crate) static OPENED: AtomicU32 = AtomicU32::new(0);

#[derive(Debug)]
struct Faulty<T> {
    inner: T,
    fault: Fault,
}

/// A port with a fault; dropping it may be the fault.
#[derive(Debug)]
struct Port<P> {
    inner: P,
    fault: Fault,
    calls: u32,
    /// Messages that it took, and of which it said whether they are stored.
    taken: u32,
    told: u32,
}

impl<P> Drop for Port<P> {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.fault.strike("drop");
        }
    }
}

impl<P> Port<P> {
    fn new(inner: P, fault: &Fault) -> Self {
        Self { inner, fault: fault.clone(), calls: 0, taken: 0, told: 0 }
    }

    /// The fault shows after some calls, when the load is under way.
    fn call(&mut self, at: &str) -> Option<Way> {
        self.calls += 1;
        let kind = self.fault.strikes(at).filter(|_| self.calls > 50)?;
        happen(kind);
        Some(kind)
    }
}

fn wrapped<S, R>(endpoint: Endpoint<S, R>, fault: &Fault) -> Endpoint<Port<S>, Port<R>> {
    Endpoint {
        inbox: endpoint.inbox.map(|inner| Port::new(inner, fault)),
        sends: endpoint.sends.into_iter().map(|inner| Port::new(inner, fault)).collect(),
    }
}

impl<T: Transport> Transport for Faulty<T> {
    type Send = Port<T::Send>;
    type Recv = Port<T::Recv>;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Self::Send, Self::Recv>, OpenError> {
        self.fault.strike("open");
        if self.fault.strikes("open") == Some(Way::Fail) {
            OPENED.fetch_add(1, Ordering::SeqCst);
            return Err(OpenError::Failed("nobody answers at far-away:1".into()));
        }
        Ok(self.inner.open(wiring)?.into_iter().map(|endpoint| wrapped(endpoint, &self.fault)).collect())
    }
}

impl<P: SendPort> SendPort for Port<P> {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        if self.call("offer") == Some(Way::Full) {
            return Ok(0);
        }
        self.inner.offer(batch)
    }
}

impl<P: RecvPort> RecvPort for Port<P> {
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        self.call("drain");
        self.inner.drain(from, max, on_batch)
    }
}

impl<T: AsyncTransport> AsyncTransport for Faulty<T> {
    type Send = Port<T::Send>;
    type Recv = Port<T::Recv>;

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        self.fault.strike_async("prepare").await;
        self.inner.prepare(wiring).await
    }

    async fn open(
        &self,
        wiring: &Wiring,
        instance: u16,
    ) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        self.fault.strike_async("open").await;
        Ok(wrapped(self.inner.open(wiring, instance).await?, &self.fault))
    }

    async fn close(&self) -> Result<(), String> {
        self.fault.strike_async("close").await;
        self.inner.close().await
    }
}

impl<P: AsyncSendPort> AsyncSendPort for Port<P> {
    const CONFIRMS: bool = true;

    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        if self.call("offer") == Some(Way::Full) {
            return Ok(0);
        }
        let taken = self.inner.offer(batch)?;
        self.taken += taken as u32;
        Ok(taken)
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        match self.fault.strikes("offer") {
            Some(Way::Full) => Poll::Pending,
            _ => self.inner.poll_room(context),
        }
    }

    fn poll_confirmed(
        &mut self,
        _context: &mut Context<'_>,
        tell: &mut dyn FnMut(Confirmed),
    ) -> Result<(), PortError> {
        // Of 300 messages, the first 37 are refused and the last 5 are never spoken of.
        if self.fault.strikes("confirmed") == Some(Way::Refuse) {
            let refused = 37.min(self.taken).saturating_sub(self.told);
            let stored = 295.min(self.taken).saturating_sub(self.told + refused);
            self.told += refused + stored;
            tell_some(tell, Confirmed::Refused, refused);
            tell_some(tell, Confirmed::Stored, stored);
            return Ok(());
        }
        self.call("confirmed");
        let stored = self.taken - std::mem::replace(&mut self.told, self.taken);
        tell_some(tell, Confirmed::Stored, stored);
        Ok(())
    }

    fn poll_finish(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.fault.strike_polled("finish")
    }
}

impl<P: AsyncRecvPort> AsyncRecvPort for Port<P> {
    fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        from: Inbox,
        max: usize,
        on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Poll<Result<usize, PortError>> {
        self.call("drain");
        self.inner.poll_drain(context, from, max, on_batch)
    }

    fn poll_finish(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.fault.strike_polled("finish")
    }
}

fn tell_some(tell: &mut dyn FnMut(Confirmed), of: fn(u32) -> Confirmed, count: u32) {
    if count > 0 {
        tell(of(count));
    }
}

const KINDS: &[&str] = &["WorkProduced"];

fn scenario(name: &'static str, reactor: fn() -> Box<dyn Reactor>) -> Scenario {
    Scenario {
        name,
        summary: "A producer and a worker whose handler has a fault",
        kinds: KINDS,
        services: vec![
            Service { name: "producer", driven: true, part: Part::Needed, reactor: || Box::new(Producer) },
            Service { name: "worker", driven: false, part: Part::Needed, reactor },
        ],
        ends_per_flow: 1,
        message: vec![command("work.queue", KINDS, "producer", &["worker"])],
        event: vec![event("work.published", KINDS, "producer", &["worker"])],
    }
}

struct Producer;

impl Handler for Producer {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.emit(message, Kind(1));
    }
}

/// Its fault shows at the hundredth flow.
struct Worker(Way);

impl Handler for Worker {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        if message.number == 100 {
            happen(self.0);
        }
        out.end(message);
    }
}

/// Ends its flows as often as it should not, and emits a kind for which it has no route.
struct Miscounts {
    ends: u32,
}

impl Handler for Miscounts {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.emit(message, Kind(1));
        (0..self.ends).for_each(|_| out.end(message));
    }
}
