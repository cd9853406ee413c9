//! The binary: the command line with all built-in transports and scenarios.

mod out_of_memory;

use std::process::ExitCode;

#[global_allocator]
static MEMORY: out_of_memory::OrEnd = out_of_memory::OrEnd;

fn main() -> ExitCode {
    drumpost::main(drumpost::builtin())
}
