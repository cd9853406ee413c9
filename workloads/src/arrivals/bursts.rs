//! Bursts: the base rate for a time, then no flows for a time, and so on.

use super::{
    Rate,
    profile::{Piece, Pieces, Profile},
};
use crate::{arguments::Arguments, text::Form, units};
use std::fmt;

/// How it is written and what it does.
pub const FORM: Form = Form {
    grammar: "bursts:on=TIME,off=TIME[,poisson]",
    summary: "--rate for the on time, nothing for the off time, and so on",
};

/// Bursts at the base rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Bursts {
    on_ns: u64,
    off_ns: u64,
}

impl Bursts {
    pub(super) fn read(arguments: &mut Arguments<'_>) -> Result<Self, String> {
        Ok(Self {
            on_ns: arguments.value("on", units::some_duration_ns)?,
            off_ns: arguments.value("off", units::some_duration_ns)?,
        })
    }

    pub(super) fn profile(&self, base: Rate) -> Profile {
        let held = |len_ns, per_s| Piece { len_ns, from_per_s: per_s, to_per_s: per_s };
        Profile::Pieces(Pieces::repeated(&[held(self.on_ns, base.as_per_s()), held(self.off_ns, 0.0)]))
    }
}

impl fmt::Display for Bursts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (on, off) = (units::duration_text(self.on_ns), units::duration_text(self.off_ns));
        write!(f, "bursts:on={on},off={off}")
    }
}
