//! The handlers of the contract kit. A [`Look`] says what a receiver does with a message. The receiver's place in the
//! scenario says whether it then ends the flow or replies.
//!
//! Handlers are made by plain functions, so they cannot share data with a check. A handler reports a fault by emitting
//! [`WRONG`], a kind that no table routes. The outcome counts it as unrouted.

use super::trial::{KEYS, payload_len};
use crate::{
    handler::{Handler, Out, Reactor},
    message::{Kind, Message},
};
use std::{collections::HashMap, thread, time::Duration};

/// Kinds by name; see the constants.
pub(super) const KINDS: &[&str] = &["Told", "Answered", "Asked", "PassedOn", "Wrong"];
/// The kind of a sender's command or request.
pub(super) const TOLD: Kind = Kind(1);
/// The kind of a receiver's reply.
pub(super) const ANSWERED: Kind = Kind(2);
/// The kind of the request that a receiver makes itself.
pub(super) const ASKED: Kind = Kind(3);
/// What it passes on when it has the answer; a second thing that happened, in a fan-out.
pub(super) const PASSED_ON: Kind = Kind(4);
/// Something is not as it should be. Routed nowhere.
pub(super) const WRONG: Kind = Kind(5);

/// Number of the message at which [`Panics`] does, and what it says.
pub(super) const LAST_NUMBER: u32 = 50;
/// What it says.
pub(super) const LAST_WORDS: &str = "number 50 is too much";

/// Makes a handler.
pub(super) type Make = fn() -> Box<dyn Reactor>;

/// What a receiver does with a message. Says whether the flow goes on.
pub(super) trait Look: Default + Send + 'static {
    fn look(&mut self, message: &Message, out: &mut Out) -> bool;
}

/// Nothing.
#[derive(Default)]
pub(super) struct Plain;

impl Look for Plain {
    fn look(&mut self, _message: &Message, _out: &mut Out) -> bool {
        true
    }
}

/// Takes so many microseconds.
#[derive(Default)]
pub(super) struct Slow<const US: u64>;

impl<const US: u64> Look for Slow<US> {
    fn look(&mut self, _message: &Message, _out: &mut Out) -> bool {
        thread::sleep(Duration::from_micros(US));
        true
    }
}

/// Lets no flow end.
#[derive(Default)]
pub(super) struct Never;

impl Look for Never {
    fn look(&mut self, _message: &Message, _out: &mut Out) -> bool {
        false
    }
}

/// Expects numbers to rise by origin and key.
#[derive(Default)]
pub(super) struct InOrder {
    last: HashMap<(u16, u32), u32>,
}

impl Look for InOrder {
    fn look(&mut self, message: &Message, out: &mut Out) -> bool {
        let last = self.last.entry((message.origin(), message.key)).or_insert(message.number);
        if message.number < *last {
            out.emit(message, WRONG);
        }
        *last = message.number;
        true
    }
}

/// Expects the key and the payload's length that the feed gave to that number.
#[derive(Default)]
pub(super) struct AsFed;

impl Look for AsFed {
    fn look(&mut self, message: &Message, out: &mut Out) -> bool {
        if message.key != message.number % KEYS || message.payload_len != payload_len(message.key) {
            out.emit(message, WRONG);
        }
        true
    }
}

/// Expects due ≤ first sent ≤ sent, and the first hop to be the first.
#[derive(Default)]
pub(super) struct Stamped;

impl Look for Stamped {
    fn look(&mut self, message: &Message, out: &mut Out) -> bool {
        let (due_ns, first_ns, sent_ns) = (message.due_ns(), message.first_sent_ns(), message.sent_ns());
        let first_hop = message.kind == TOLD;
        if due_ns > first_ns || first_ns > sent_ns || (first_hop && first_ns != sent_ns) {
            out.emit(message, WRONG);
        }
        true
    }
}

/// Panics from a number on (that very one may have been dropped), after some microseconds for each before.
#[derive(Default)]
pub(super) struct Panics<const US: u64>(Slow<US>);

impl<const US: u64> Look for Panics<US> {
    fn look(&mut self, message: &Message, out: &mut Out) -> bool {
        if message.number >= LAST_NUMBER {
            // Not `panic!`, which would print.
            std::panic::resume_unwind(Box::new(LAST_WORDS));
        }
        US == 0 || self.0.look(message, out)
    }
}

/// A handler made of a function and what it remembers.
struct Reacts<F>(F);

impl<F: FnMut(&Message, &mut Out) + Send> Handler for Reacts<F> {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        (self.0)(message, out);
    }
}

/// Tells one thing for each start.
pub(super) fn tells() -> Box<dyn Reactor> {
    Box::new(Reacts(|message: &Message, out: &mut Out| out.emit(message, TOLD)))
}

/// Says two things for each start.
pub(super) fn tells_twice() -> Box<dyn Reactor> {
    Box::new(Reacts(|message: &Message, out: &mut Out| {
        out.emit(message, TOLD);
        out.emit(message, PASSED_ON);
        out.emit(message, ANSWERED);
    }))
}

/// Looks, then ends the flow.
pub(super) fn ends<L: Look>() -> Box<dyn Reactor> {
    let mut look = L::default();
    Box::new(Reacts(move |message: &Message, out: &mut Out| {
        if look.look(message, out) {
            out.end(message);
        }
    }))
}

/// Looks, then answers.
pub(super) fn answers<L: Look>() -> Box<dyn Reactor> {
    let mut look = L::default();
    Box::new(Reacts(move |message: &Message, out: &mut Out| {
        if look.look(message, out) {
            out.emit(message, ANSWERED);
        }
    }))
}

/// Asks for each start, looks at the reply, and ends the flow; finds replies that are another's. With `AWAITS`, also
/// starts that come while it should be waiting.
pub(super) fn asks<L: Look, const AWAITS: bool>() -> Box<dyn Reactor> {
    let (mut look, mut own, mut open) = (L::default(), None, 0_u32);
    Box::new(Reacts(move |message: &Message, out: &mut Out| {
        if message.kind == Kind::START {
            if AWAITS && open > 0 {
                out.emit(message, WRONG);
            }
            (own, open) = (Some(message.origin()), open + 1);
            return out.emit(message, TOLD);
        }
        open = open.saturating_sub(1);
        if own != Some(message.origin()) {
            out.emit(message, WRONG);
        }
        if look.look(message, out) {
            out.end(message);
        }
    }))
}

/// Asks for each thing it is told, and passes it on when it has the answer. With `AWAITS`, finds what it is told while
/// it should be waiting.
pub(super) fn passes_on<const AWAITS: bool>() -> Box<dyn Reactor> {
    let mut open = 0_u32;
    Box::new(Reacts(move |message: &Message, out: &mut Out| match message.kind {
        TOLD => {
            if AWAITS && open > 0 {
                out.emit(message, WRONG);
            }
            open += 1;
            out.emit(message, ASKED);
        }
        _ => {
            open = open.saturating_sub(1);
            out.emit(message, PASSED_ON);
        }
    }))
}
