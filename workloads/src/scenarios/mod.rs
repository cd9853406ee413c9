//! The built-in scenarios, one file each: handlers that emit kinds, a table of routes for each style, and an entry for
//! the registry. The engine wires the tables.

pub mod fan_out;
pub mod order_authorization;
pub mod payment_confirmation;
pub mod ping;
pub mod stream;

mod parts;
#[cfg(test)]
mod tests;
