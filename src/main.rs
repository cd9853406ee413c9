//! The binary: everything that ships, registered, and the command line over it.

use std::process::ExitCode;

fn main() -> ExitCode {
    drumpost::main(drumpost::builtin())
}
