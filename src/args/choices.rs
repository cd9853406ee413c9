//! Flags whose value is one of a few words.

use clap::ValueEnum;
use drumpost_core::load;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AtCap {
    Block,
    Shed,
    Fail,
}

impl From<AtCap> for load::AtCap {
    fn from(asked: AtCap) -> Self {
        match asked {
            AtCap::Block => Self::Block,
            AtCap::Shed => Self::Shed,
            AtCap::Fail => Self::Fail,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reply {
    Await,
    Async,
}
