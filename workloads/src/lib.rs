//! What drumpost runs: the scenarios, and what is fed into them.
//!
//! Here live the scenarios that come with drumpost ([`mod@scenarios`]) and the generators of a load's flows ([`feed`]):
//! when they are due ([`arrivals`]), how long their payloads are ([`payload`]) and which keys they have ([`keys`]); and which headers all
//! messages carry ([`headers`]).
//! How many flows may be under way and when a load ends is the engine's business; nothing here reads a clock.

mod arguments;
pub mod arrivals;
pub mod feed;
pub mod headers;
pub mod keys;
pub mod payload;
pub mod scenarios;
mod seed;
pub mod text;
pub mod think;
mod units;

pub use arrivals::{ArrivalSpec, Rate};
pub use feed::WorkloadSpec;
pub use headers::HeaderSpec;
pub use keys::KeySpec;
pub use payload::PayloadSpec;
pub use text::SpecError;
pub use think::ThinkSpec;

use drumpost_core::registry::ScenarioEntry;

/// The scenarios that come with drumpost, in the order they are listed.
#[must_use]
pub fn scenarios() -> Vec<ScenarioEntry> {
    vec![
        scenarios::order_authorization::entry(),
        scenarios::payment_confirmation::entry(),
        scenarios::stream::entry(),
        scenarios::fan_out::entry(),
        scenarios::ping::entry(),
    ]
}
