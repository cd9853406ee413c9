//! `drumpost run`: from flags to a job, from the job to trials, from trials to a record and a table.

mod dispatches;
pub(crate) mod execute;
pub(crate) mod floor;
pub(crate) mod job;
pub(crate) mod load;
pub(crate) mod options;
pub(crate) mod screen;
mod settings;
pub(crate) mod trial;
mod watch;

use crate::{Exit, args::RunArgs, environment, exit::usage, output};
use drumpost_core::registry::Registry;
use drumpost_results::{
    format,
    model::{Record, Status},
    report, store,
    verdict::Validity,
};
use job::Job;
pub(crate) use job::unknown;
use std::path::Path;

/// Runs, saves, prints.
pub(crate) fn run(registry: &Registry, args: &RunArgs) -> anyhow::Result<Exit> {
    let job = Job::new(registry, args)?;
    let path = args.out.clone().unwrap_or_else(|| Path::new(".drumpost").join(store::file_name(&job.record)));
    store::probe(&path).map_err(|error| usage(error.to_string()))?;
    let (mut record, interrupted) = screen::show(registry, &job, args)?;
    record.judge(&job.thresholds);
    save(&path, &record)?;
    if args.json {
        output::result(&format::to_json(&record)?)?;
    } else {
        output::result(&report::table(&record, Some(&path), output::layout()))?;
        if environment::is_debug_build() {
            output::remark("note: this is a debug build; its figures say nothing about a release build");
        }
    }
    Ok(if interrupted { Exit::Interrupted } else { exit(&record) })
}

/// Saves a record whole or not at all; if that fails the table is still worth printing, so the error comes after it.
fn save(path: &Path, record: &Record) -> anyhow::Result<()> {
    store::write(path, record).map_err(|error| {
        // The failure to save comes first; that of printing, too, would say nothing new.
        let _ = output::result(&report::table(record, None, output::layout()));
        error.into()
    })
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
