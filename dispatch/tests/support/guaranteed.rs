//! The part of the contract that depends on what is guaranteed, for options that change this and little else: an MQTT quality of service, or
//! whether Redis keeps what a consumer took. The whole contract is hundreds of runs, which keep both cores of a small machine busy. The
//! checks that are left out (ports, payloads, headers, stamps, replies, refusals, panics) are run for the usual option of each transport,
//! and those that an option may change, too, are named with it.

use drumpost_core::{
    contract,
    registry::{Options, TransportEntry},
};

/// Their names. Wake-ups are among them because a receiver may wait with another command: `redis.take=pop` does.
const CHECKS: [&str; 8] =
    ["count", "order", "wake-ups", "back-pressure", "fan-out", "competing", "shutdown", "interruption"];

/// Runs these checks, and `further` ones, over the transport of `entry`, made with `options`.
#[track_caller]
pub(crate) fn assert_kept(entry: &TransportEntry, options: &Options, further: &[&str]) {
    let checks = [&CHECKS[..], further].concat();
    for &name in &checks {
        assert!(
            contract::CHECKS.iter().any(|check| check.name == name),
            "the contract has no check `{name}`"
        );
    }
    contract::check_only(entry, options, |check| checks.contains(&check)).assert();
}
