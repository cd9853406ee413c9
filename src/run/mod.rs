//! `drumpost run`: from flags to a job, from the job to trials, from trials to a record and a table.

mod dispatches;
pub(crate) mod execute;
pub(crate) mod floor;
pub(crate) mod job;
pub(crate) mod load;
mod memory;
pub(crate) mod options;
pub(crate) mod screen;
mod settings;
pub(crate) mod trial;
mod watch;

use crate::{Exit, args::RunArgs, environment, output, saver::Saver};
use drumpost_core::registry::Registry;
use drumpost_results::{
    format,
    model::{Record, Status},
    report,
    verdict::Validity,
};
use job::Job;
pub(crate) use job::unknown;
use screen::Shown;
use std::path::Path;

/// Runs, saves, prints.
pub(crate) fn run(registry: &Registry, args: &RunArgs) -> anyhow::Result<Exit> {
    let job = Job::new(registry, args)?;
    let saver = Saver::new(args.out.as_deref(), &job.record)?;
    let is_document = saver.takes_stdout();
    let Shown { record, saved, interrupted } = screen::show(registry, &job, args, saver)?;
    let printed = if is_document { Ok(()) } else { print(&record, saved.path.as_deref(), args.json) };
    // The failure to save comes first: what was to be printed can be printed again from the record.
    let done = saved.outcome.and(printed);
    match done {
        Err(error) if !interrupted => Err(error),
        Err(error) => {
            output::complain(&format!("{error:#}"));
            Ok(Exit::Interrupted)
        }
        Ok(()) => Ok(if interrupted { Exit::Interrupted } else { exit(&record) }),
    }
}

fn print(record: &Record, path: Option<&Path>, json: bool) -> anyhow::Result<()> {
    if json {
        return output::result(&format::to_json(record)?);
    }
    output::result(&report::table(record, path, output::layout()))?;
    if environment::is_debug_build() {
        output::remark("note: this is a debug build; its figures say nothing about a release build");
    }
    Ok(())
}

/// How a run ends: what failed outweighs what was refused, that what was lost, and that what is invalid.
pub(crate) fn exit(record: &Record) -> Exit {
    let any =
        |status: Status| record.runs.iter().flat_map(|run| &run.trials).any(|trial| trial.status == status);
    if any(Status::Failed) {
        Exit::Failed
    } else if any(Status::Refused) {
        Exit::Usage
    } else if record.runs.iter().any(drumpost_results::model::Run::audit_failed) {
        Exit::Audit
    } else if record.runs.iter().any(|run| run.judged().status == Validity::Invalid) {
        Exit::Invalid
    } else {
        Exit::Ok
    }
}
