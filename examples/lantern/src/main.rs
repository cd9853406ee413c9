//! drumpost with the transport `lantern` and the scenario `parcel` in addition to the built-in ones.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut registry = drumpost::builtin();
    registry.transports.push(lantern::entry());
    registry.scenarios.push(lantern::parcel::entry());
    drumpost::main(registry)
}
