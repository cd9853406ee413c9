//! Parts that several scenarios use: handlers that do one thing, and services made with them.

use drumpost_core::{
    handler::{Handler, Out, Reactor},
    message::{Kind, Message},
    scenario::{Part, Service},
};

/// Says that one kind happened, whatever came.
pub(super) struct Emits(pub(super) Kind);

impl Handler for Emits {
    #[inline]
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.emit(message, self.0);
    }
}

/// Ends the flow, whatever came.
pub(super) struct Ends;

impl Handler for Ends {
    #[inline]
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.end(message);
    }
}

/// Counts what came and reacts with nothing.
#[derive(Default)]
pub(super) struct Counts(u64);

impl Handler for Counts {
    #[inline]
    fn handle(&mut self, _message: &Message, _out: &mut Out) {
        self.0 = self.0.wrapping_add(1);
    }
}

/// A service where flows start.
pub(super) fn driven(name: &'static str, reactor: fn() -> Box<dyn Reactor>) -> Service {
    Service { name, driven: true, part: Part::Needed, reactor }
}

/// A service that reacts to what it hears, and without which no flow would end.
pub(super) fn reacting(name: &'static str, reactor: fn() -> Box<dyn Reactor>) -> Service {
    Service { name, driven: false, part: Part::Needed, reactor }
}

/// A service that reacts to what it hears and can be left out.
pub(super) fn listening(name: &'static str, reactor: fn() -> Box<dyn Reactor>) -> Service {
    Service { name, driven: false, part: Part::Usual, reactor }
}

/// A service that reacts to what it hears, if it is asked to take part.
pub(super) fn optional(name: &'static str, reactor: fn() -> Box<dyn Reactor>) -> Service {
    Service { name, driven: false, part: Part::Optional, reactor }
}
