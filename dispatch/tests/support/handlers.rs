//! Handlers that count what they send and what they are given, apart from the engine, and the scenario that they are of.

use crate::trial::{PLACED, Reacts, SHIP, scenario, service};
use drumpost_core::{
    handler::Reactor,
    message::Message,
    scenario::{Scenario, command, event},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Each flow is a message to the service in the middle and one to the service at the end.
pub(super) const HOPS: u64 = 2;

/// How often it is seen how many messages were sent.
const LOOK: Duration = Duration::from_millis(20);

/// What the handlers of the run under way did.
pub(super) struct Handlers {
    emitted: u64,
    /// How often they were given each message, by its producer, its destination, and its number among those.
    given: BTreeMap<(u16, u16, u32), u64>,
}

impl Handlers {
    const NONE: Self = Self { emitted: 0, given: BTreeMap::new() };

    /// Forgets the last run.
    pub(super) fn begin_anew() {
        *Self::lock() = Self::NONE;
    }

    fn lock() -> MutexGuard<'static, Self> {
        static HANDLERS: Mutex<Handlers> = Mutex::new(Handlers::NONE);
        HANDLERS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn emits(&mut self) {
        self.emitted += 1;
    }

    fn is_given(&mut self, message: &Message) {
        let which = (message.producer(), message.destination, message.seq);
        *self.given.entry(which).or_default() += 1;
    }

    /// How many messages they sent, how many different ones they were given, and how many with those that came again.
    pub(super) fn counts() -> (u64, u64, u64) {
        let all = Self::lock();
        (all.emitted, all.given.len() as u64, all.given.values().sum())
    }
}

fn begins() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| {
        Handlers::lock().emits();
        out.emit(message, PLACED);
    }))
}

fn passes_on() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| {
        let mut handlers = Handlers::lock();
        handlers.is_given(message);
        handlers.emits();
        drop(handlers);
        out.emit(message, SHIP);
    }))
}

fn ends() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| {
        Handlers::lock().is_given(message);
        out.end(message);
    }))
}

/// Two commands, or two events, one after the other: the service in the middle receives, handles and sends.
pub(super) fn two_hops() -> Scenario {
    scenario(
        vec![
            service("order", true, begins),
            service("payment", false, passes_on),
            service("warehouse", false, ends),
        ],
        vec![
            command("payment.take", &["OrderPlaced"], "order", &["payment"]),
            command("warehouse.ship", &["Ship"], "payment", &["warehouse"]),
        ],
        vec![
            event("order.placed", &["OrderPlaced"], "order", &["payment"]),
            event("order.paid", &["Ship"], "payment", &["warehouse"]),
        ],
    )
}

/// Waits until the handlers have sent so many messages. False if they have not in that time.
pub(super) fn have_sent(messages: u64, within: Duration) -> bool {
    (0..=within.as_nanos() / LOOK.as_nanos()).any(|_| {
        thread::sleep(LOOK);
        Handlers::lock().emitted >= messages
    })
}
