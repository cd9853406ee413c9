//! A spike: the base rate, with another rate for one period.

use super::{
    Rate,
    profile::{Piece, Pieces, Profile},
};
use crate::{arguments::Arguments, text::Form, units};
use std::fmt;

/// How it is written and what it does.
pub const FORM: Form = Form {
    grammar: "spike:to=RATE,at=TIME,for=TIME[,poisson]",
    summary: "--rate, with RATE once from TIME for TIME; times count from the start of the warm-up",
};

/// A spike on the base rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Spike {
    to: Rate,
    at_ns: u64,
    for_ns: u64,
}

impl Spike {
    pub(super) fn read(arguments: &mut Arguments<'_>) -> Result<Self, String> {
        Ok(Self {
            to: arguments.value("to", Rate::read)?,
            at_ns: arguments.value("at", units::duration_ns)?,
            for_ns: arguments.value("for", units::some_duration_ns)?,
        })
    }

    pub(super) fn profile(&self, base: Rate) -> Profile {
        let held =
            |len_ns, rate: Rate| Piece { len_ns, from_per_s: rate.as_per_s(), to_per_s: rate.as_per_s() };
        // The last piece is what is held: how long it is said to be does not matter.
        let all = [held(self.at_ns, base), held(self.for_ns, self.to), held(1, base)];
        Profile::Pieces(Pieces::then_hold(if self.at_ns == 0 { &all[1..] } else { &all }))
    }
}

impl fmt::Display for Spike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, long) = (units::duration_text(self.at_ns), units::duration_text(self.for_ns));
        write!(f, "spike:to={},at={at},for={long}", self.to)
    }
}
