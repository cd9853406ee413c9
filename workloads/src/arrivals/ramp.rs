//! A ramp: the rate goes from the base rate to another in a line and stays there. With `mirror` it goes back in the
//! same way and stays at the base rate.

use super::{
    Rate,
    profile::{Piece, Pieces, Profile},
};
use crate::{arguments::Arguments, text::Form, units};
use std::fmt;

/// How it is written and what it does.
pub const FORM: Form = Form {
    grammar: "ramp:to=RATE,over=TIME[,mirror][,poisson]",
    summary: "the rate goes from --rate to RATE in a line, and back with mirror; then it stays",
};

/// A ramp from the base rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Ramp {
    to: Rate,
    over_ns: u64,
    is_mirrored: bool,
}

impl Ramp {
    pub(super) fn read(arguments: &mut Arguments<'_>) -> Result<Self, String> {
        Ok(Self {
            to: arguments.value("to", Rate::read)?,
            over_ns: arguments.value("over", units::some_duration_ns)?,
            is_mirrored: arguments.word("mirror"),
        })
    }

    pub(super) fn profile(&self, base: Rate) -> Profile {
        let (base, to, len_ns) = (base.as_per_s(), self.to.as_per_s(), self.over_ns);
        let there = Piece { len_ns, from_per_s: base, to_per_s: to };
        let back = Piece { len_ns, from_per_s: to, to_per_s: base };
        let both = [there, back];
        Profile::Pieces(Pieces::then_hold(if self.is_mirrored { &both } else { &both[..1] }))
    }
}

impl fmt::Display for Ramp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ramp:to={},over={}", self.to, units::duration_text(self.over_ns))?;
        f.write_str(if self.is_mirrored { ",mirror" } else { "" })
    }
}
