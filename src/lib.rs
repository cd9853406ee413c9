//! The command line of drumpost as a library. A program with its own transport or scenario adds it to the built-in ones
//! and has the whole command line.
//!
//! ```no_run
//! let mut registry = drumpost::builtin();
//! // registry.transports.push(my_transport::entry());
//! std::process::exit(i32::from(drumpost::run(registry, std::env::args_os()).code()));
//! ```
//!
//! Each sub-command has a file. Modules that several of them share stand beside these files. Measuring itself is the
//! engine's part.

mod activity;
mod args;
mod assertions;
mod broker;
mod clean;
mod command_line;
mod compare;
mod completions;
mod contract;
mod digest;
mod doctor;
mod environment;
mod exit;
mod export;
mod files;
mod form;
#[cfg(test)]
mod fuzz;
mod history;
mod host;
mod interrupt;
mod list;
mod live;
mod merge;
pub mod oracle;
mod output;
mod relay;
mod run;
mod saver;
mod search;
mod secrets;
mod selftest;
mod servers;
mod show;
mod signals;
mod similar;
mod spec;
mod suite;
mod watch;

pub use exit::Exit;

use args::{Cli, Command};
use clap::{CommandFactory, error::ErrorKind};
use drumpost_core::registry::Registry;
use drumpost_defects::{Defect, is_in};
use drumpost_results::plain;
use std::{
    ffi::OsString,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

/// All transports and scenarios that ship.
#[must_use]
pub fn builtin() -> Registry {
    Registry {
        transports: drumpost_dispatch::transports(),
        scenarios: drumpost_workloads::scenarios(),
        absent: drumpost_dispatch::absent(),
    }
}

/// Runs the command line of this process over `registry`.
#[must_use]
pub fn main(registry: Registry) -> ExitCode {
    let words = command_line::of_this_process(&registry);
    output::hide_secrets_in_panics();
    let exit = run(registry, words);
    ExitCode::from(if is_in(Defect::AlwaysZero) { 0 } else { exit.code() })
}

/// Runs a command line, the program's name first.
#[must_use]
pub fn run(registry: Registry, command_line: impl IntoIterator<Item = OsString>) -> Exit {
    let words: Vec<OsString> = command_line.into_iter().collect();
    command_line::learn_secrets(&registry, &words);
    let run = || command(&registry, &words);
    // A panic of a trial is caught where the trial runs. This is for panics of an added transport or scenario before that.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = drumpost_core::dispatcher::panic_text(&*panic);
        output::complain(&format!(
            "the command panicked: {text}; this is a defect of drumpost, or of a transport or scenario that was added \
             to it"
        ));
        Exit::Failed
    })
}

fn command(registry: &Registry, words: &[OsString]) -> Exit {
    let read = match command_line::written_out(registry, words) {
        Ok(read) => read,
        Err(error) => return complained(&error),
    };
    let cli = match command_line::parsed(&read) {
        Ok(cli) => cli,
        Err(error) => return told(&about_plain(&read).unwrap_or(error)),
    };
    let mut command = cli.command.unwrap_or_else(Command::main_job);
    if let Some(line) = command.command_line() {
        *line = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    }
    let done = match command {
        Command::Run(args) => run::run(registry, &args),
        Command::Search(args) => search::search(registry, *args),
        Command::Suite(args) => suite::suite(registry, &args),
        Command::List(args) => list::list(registry, &args),
        Command::Watch(args) => watch::watch(&args),
        Command::Show(args) => show::show(&args),
        Command::Compare(args) => compare::compare(registry, &args),
        Command::History(args) => history::history(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Export(args) => export::export(&args),
        Command::Selftest(args) => selftest::selftest(registry, &args),
        Command::Contract(args) => contract::contract(registry, &args),
        Command::Doctor(args) => doctor::doctor(registry, &args),
        Command::Clean(args) => clean::clean(registry, &args),
        Command::Broker(args) => broker::broker(&args),
        Command::Completions(args) => completions::completions(registry, &args),
        Command::Trial => run::child::obey(registry),
    };
    output::tell_saved();
    done.unwrap_or_else(|error| complained(&error))
}

/// What is wrong with a command line, told of its words without what acts on a terminal or begins a line: the parser quotes
/// words as they are. `None` if there is no such word.
fn about_plain(words: &[OsString]) -> Option<clap::Error> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let plain: Vec<_> = words.iter().map(|word| plain::line(word)).collect();
    if plain == words {
        return None;
    }
    let wrong =
        || Cli::command().error(ErrorKind::InvalidValue, "a word of the command line acts on a terminal");
    let plain: Vec<OsString> = plain.iter().map(|word| OsString::from(&**word)).collect();
    Some(command_line::parsed(&plain).err().unwrap_or_else(wrong))
}

/// Prints the help, the version or what is wrong with the command line.
fn told(error: &clap::Error) -> Exit {
    let text = error.to_string();
    let hidden = secrets::hide(&text);
    // A value that holds a secret is told without colours.
    let printed = match () {
        () if hidden == text && plain::plain(&text) == text => {
            error.print().and_then(|()| std::io::stdout().flush())
        }
        () => {
            output::remark_lines(hidden.trim_end());
            Ok(())
        }
    };
    if error.use_stderr() {
        return Exit::Usage;
    }
    output::printed(printed).map_or_else(|error| complained(&error), |()| Exit::Ok)
}

fn complained(error: &anyhow::Error) -> Exit {
    output::complain(&format!("{error:#}"));
    exit::of(error)
}
