//! The live dashboard of drumpost.
//!
//! It has three parts. [`Model`] is plain data that takes [`Event`]s and [`Key`]s. [`view`] draws the model and does
//! nothing else. [`run`] is the loop around both, over any ratatui backend, any clock and any source of keys. Without a
//! terminal the same model gives one line of text ([`progress_line`]) or a picture ([`to_svg`]).
//!
//! Does not live here: measuring, clocks, signals, environment variables and exit codes. The caller passes time, keys,
//! colour and the wish to stop.

mod event;
mod frame;
mod history;
mod key;
mod line;
mod model;
mod screen;
mod state;
mod steer;
mod svg;
mod terminal;
mod theme;
mod view;

#[cfg(test)]
extern crate self as drumpost_tui;
#[cfg(test)]
#[path = "../examples/demo/script.rs"]
mod script;
#[cfg(test)]
mod snapshots;

pub use event::{Allows, Confirms, Event, Plan, Quantiles, Sample, Server, ServerNow, Status};
pub use frame::{render, to_text};
pub use history::{History, SLOTS, Slot};
pub use key::Key;
pub use line::progress_line;
pub use model::{Action, Model};
pub use screen::{Screen, TerminalKeys, is_gone, is_open, restore, resume, suspend};
pub use state::{Current, Notice, Phase, Row, State};
pub use steer::{SPEEDS, Steer, Steering};
pub use svg::to_svg;
pub use terminal::{Input, KeySource, Outcome, run};
pub use theme::Theme;
pub use view::view;
