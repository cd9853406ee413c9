//! Steps: the base rate for a time, then each of the given rates for the same time. The last rate stays.

use super::{
    Rate,
    profile::{Piece, Pieces, Profile},
};
use crate::{arguments::Arguments, text::Form, units};
use std::fmt;

/// How it is written and what it does.
pub const FORM: Form = Form {
    grammar: "steps:RATE[,RATE...],every=TIME[,poisson]",
    summary: "--rate and then each RATE, each for TIME; the last one stays",
};

/// Steps from the base rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    rates: Vec<Rate>,
    every_ns: u64,
}

impl Steps {
    /// Takes the arguments without a key too, so whoever reads a word from them has to do so before.
    pub(super) fn read(arguments: &mut Arguments<'_>) -> Result<Self, String> {
        let rates: Vec<Rate> = arguments.plain().into_iter().map(Rate::read).collect::<Result<_, _>>()?;
        if rates.is_empty() {
            return Err("`steps` needs at least one rate to step to".to_owned());
        }
        Ok(Self { rates, every_ns: arguments.value("every", units::some_duration_ns)? })
    }

    pub(super) fn profile(&self, base: Rate) -> Profile {
        let all = [base].into_iter().chain(self.rates.iter().copied()).map(Rate::as_per_s);
        let step = |per_s| Piece { len_ns: self.every_ns, from_per_s: per_s, to_per_s: per_s };
        Profile::Pieces(Pieces::then_hold(&all.map(step).collect::<Vec<_>>()))
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("steps:")?;
        self.rates.iter().try_for_each(|rate| write!(f, "{rate},"))?;
        write!(f, "every={}", units::duration_text(self.every_ns))
    }
}
