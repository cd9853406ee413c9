//! The binary: the command line with all built-in transports and scenarios.

use std::process::ExitCode;

fn main() -> ExitCode {
    drumpost::main(drumpost::builtin())
}
