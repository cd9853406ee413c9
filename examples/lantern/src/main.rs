//! drumpost with the transport `lantern` in addition to the built-in ones.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut registry = drumpost::builtin();
    registry.transports.push(lantern::entry());
    drumpost::main(registry)
}
