//! Runs a command line of `drumpost run` within this process, without a dashboard, a table or a file: for commands that measure
//! something of their own, such as the self-test.

use super::{execute::execute, job::Job};
use crate::{
    args::{Cli, Command},
    interrupt::Interrupt,
    live::Events,
};
use clap::Parser;
use drumpost_core::registry::Registry;
use drumpost_results::model::Record;
use drumpost_tui::Event;
use std::sync::mpsc::{Sender, channel};

/// What the words of a command line ask for, without `drumpost run` before them.
///
/// # Errors
/// The words are not a run.
pub(crate) fn job<W: Into<String>>(
    registry: &Registry,
    words: impl IntoIterator<Item = W>,
) -> anyhow::Result<Job> {
    let words = ["drumpost", "run"].map(String::from).into_iter().chain(words.into_iter().map(Into::into));
    match Cli::try_parse_from(words)?.command {
        Some(Command::Run(args)) => Job::new(registry, &args.spec),
        _ => anyhow::bail!("this is no run, which is a defect of drumpost"),
    }
}

/// The record of a job, which is not judged yet.
pub(crate) fn record(registry: &Registry, job: &Job, interrupt: &Interrupt) -> Record {
    record_telling(registry, job, channel().0, interrupt)
}

/// The same. The channel gets the events that a dashboard would get, and is closed at the end of the job.
pub(crate) fn record_telling(
    registry: &Registry,
    job: &Job,
    tells: Sender<Event>,
    interrupt: &Interrupt,
) -> Record {
    let events = Events::new(tells, false);
    execute(registry, job, &events, interrupt, &mut |_| ())
}
