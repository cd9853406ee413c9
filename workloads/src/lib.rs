//! The scenarios of drumpost, and the generators of their flows.
//!
//! Lives here: the built-in scenarios ([`mod@scenarios`]) and the generators ([`feed`]): when flows are due
//! ([`arrivals`]), their payload sizes ([`payload`]) and keys ([`keys`]), and the headers of all messages
//! ([`headers`]). Does not live here: the number of flows under way and the end of a load (the engine). Nothing here
//! reads a clock.

mod arguments;
pub mod arrivals;
mod column;
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
