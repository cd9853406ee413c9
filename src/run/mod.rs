//! `drumpost run`: flags give a job, the job gives trials, and the trials give a record and a table.

mod backlog;
pub(crate) mod child;
mod commands;
pub(crate) mod cost;
pub(crate) mod dispatches;
pub(crate) mod execute;
mod faults;
pub(crate) mod floor;
pub(crate) mod job;
mod kill;
pub(crate) mod link;
pub(crate) mod load;
mod memory;
pub(crate) mod options;
mod poison;
pub(crate) mod quietly;
mod reconnect;
pub(crate) mod screen;
mod settings;
pub(crate) mod trial;
mod watch;

use crate::{
    Exit,
    args::RunArgs,
    assertions, environment,
    files::{Files, Holds},
    form::FormArgs,
    live::{About, Live},
    output,
    saver::{Saved, Saver},
};
use drumpost_core::registry::Registry;
use drumpost_results::{
    assertion::Outcome,
    format,
    model::{Record, Status, Validity},
    report, rows,
};
use job::Job;
use screen::Shown;
use std::{path::Path, sync::mpsc::channel, thread, time::Duration};

/// Runs, saves, prints.
pub(crate) fn run(registry: &Registry, args: &RunArgs) -> anyhow::Result<Exit> {
    let mut job = Job::new(registry, &args.spec)?;
    job.record.command = environment::command_line(&args.command);
    args.asserts.check_rows(&rows::of_record(&job.record))?;
    let files = Files::default().reads(args.spec.files(registry));
    let files = files.writes("--out", args.out.as_deref(), Holds::Record);
    let files = files.writes("--save-frame", args.save_frame.as_deref(), Holds::Svg);
    args.form.check_files(args.asserts.written(files))?;
    let live = Live::open(&args.live, &About::of_record("run", &job.record))?;
    let saver = Saver::new(args.out.as_deref(), &job.record)?;
    let is_document = saver.takes_stdout();
    let Shown { record, saved, interrupted, is_stuck } = screen::show(registry, &job, args, saver, live)?;
    let rows = rows::of_record(&record);
    let outcome = args.asserts.outcome(&rows)?;
    let end = args.asserts.exit(exit(&record), &outcome, &rows);
    let junit = args.asserts.save_junit_of(&record, &outcome, &rows);
    drop(rows);
    if is_stuck && output::is_terminal() {
        let print = move |saved: Saved, form: &FormArgs| {
            saved.outcome.and(junit).and(print(&record, saved.path.as_deref(), form, &outcome))
        };
        return Ok(print_if_it_can(print, saved, interrupted, args.form.clone(), end));
    }
    let printed =
        if is_document { Ok(()) } else { print(&record, saved.path.as_deref(), &args.form, &outcome) };
    // The failure to save comes first: what was to be printed can be printed again from the record.
    let done = saved.outcome.and(junit).and(printed);
    match done {
        Err(error) if !interrupted => Err(error),
        Err(error) => {
            output::complain(&format!("{error:#}"));
            Ok(Exit::Interrupted)
        }
        Ok(()) => Ok(if interrupted { Exit::Interrupted } else { end }),
    }
}

/// Prints to a terminal that has not taken the last frame, and leaves without it if it takes nothing: a connection that is
/// gone may be found out hours later. The record is saved.
fn print_if_it_can(
    print: impl FnOnce(Saved, &FormArgs) -> anyhow::Result<()> + Send + 'static,
    saved: Saved,
    interrupted: bool,
    form: FormArgs,
    measured: Exit,
) -> Exit {
    const PATIENCE: Duration = Duration::from_secs(3);
    let (tell, done) = channel();
    let write = move || {
        drumpost_tui::restore();
        let printed = print(saved, &form);
        if let Err(error) = &printed {
            output::complain(&format!("{error:#}"));
        }
        output::tell_saved();
        let _ = tell.send(printed.is_ok());
    };
    let is_done = thread::Builder::new().spawn(write).is_ok() && done.recv_timeout(PATIENCE) == Ok(true);
    // What was not told by now would wait for the same terminal.
    output::forget_saved();
    match (interrupted, is_done) {
        (true, _) => Exit::Interrupted,
        (false, true) => measured,
        (false, false) => Exit::Failed,
    }
}

fn print(record: &Record, path: Option<&Path>, form: &FormArgs, outcome: &Outcome) -> anyhow::Result<()> {
    assertions::report(|| report::table(record, path), || format::to_json(record), form, outcome)?;
    if environment::is_debug_build() && !form.json {
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
