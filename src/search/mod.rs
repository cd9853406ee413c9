//! `drumpost search`: the highest rate that keeps a goal. Which rate is held next is decided in
//! `drumpost_results::search`; here holds are made, shown and saved.

mod args;
mod holds;

pub(crate) use args::SearchArgs;

use crate::{
    Exit, digest, environment, exit::usage, interrupt::Interrupt, output, run::job::Job, saver::Saver,
};
use drumpost_core::registry::Registry;
use drumpost_results::{
    format,
    model::{Record, Settings, Status},
    report,
    search::{End, Search, Searched},
    store,
};
use holds::Holds;
use std::path::Path;

/// Searches dispatch after dispatch, saves, prints.
pub(crate) fn search(registry: &Registry, mut args: SearchArgs) -> anyhow::Result<Exit> {
    args.check()?;
    args.measured.run.rate = Some(args.from.unwrap_or(holds::WITHOUT_A_PROBE_PER_S));
    let job = Job::new(registry, &args.measured.run)?;
    let record = empty_record(&job, &args);
    let run = &args.measured.run;
    let mut saver = Saver::new(run.out.as_deref(), &record)?;
    if let Some(path) = &args.svg {
        store::probe(path).map_err(|error| usage(error.to_string()))?;
    }
    let (json, svg, repeats) = (run.json, args.svg.clone(), args.repeats);
    let interrupted = Interrupt::listen();
    let begun = Record { runs: job.record.runs.clone(), ..record.clone() };
    output::remark(report::search_headline(&begun, output::layout()).trim_end());
    let (record, made) = Holds::new(registry, &job, args, record, &interrupted, &mut saver).make();
    let saved = saver.finish(&record);
    let printed = if saver.takes_stdout() { Ok(()) } else { print(&record, saved.path.as_deref(), json) };
    let drawn =
        svg.map_or(Ok(()), |svg| output::document(&svg, &report::search_svg(&record), store::Reader::Soon));
    // The failure to save comes first: what was to be printed and drawn can be had again from the record.
    let done = made.and(saved.outcome).and(printed).and(drawn);
    match done {
        Err(error) if interrupted.is_set() => {
            output::complain(&format!("{error:#}"));
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(error),
        Ok(()) => Ok(exit(&record, repeats)),
    }
}

fn print(record: &Record, path: Option<&Path>, json: bool) -> anyhow::Result<()> {
    if json {
        return output::result(&format::to_json(record)?);
    }
    output::result(&report::search(record, path, output::layout()))?;
    if environment::is_debug_build() {
        output::remark("note: this is a debug build; its figures say nothing about a release build");
    }
    Ok(())
}

fn empty_record(job: &Job, args: &SearchArgs) -> Record {
    let mut settings = Settings::new();
    let mut set = |key: &str, value: drumpost_results::model::Setting| settings.insert(key.to_owned(), value);
    set("precision", args.precision.into());
    set("repeats", u64::from(args.repeats).into());
    set("max_holds", u64::from(args.max_holds).into());
    if let Some(rate) = args.from {
        set("from_per_s", rate.into());
    }
    if let Some(rate) = args.to {
        set("to_per_s", rate.into());
    }
    let search = Search { goal: args.slo.to_string(), settings, dispatches: Vec::new() };
    let record = Record { search: Some(search), ..job.record.clone() };
    let id = match record.started_at {
        Some(_) => format!("search-{}", record.id),
        // No date tells two of these apart, so that what was asked has to.
        None => {
            let digest = digest::of_record(&record, args.repeats);
            format!("search-{}-virtual-seed-{}-{digest:08x}", job.scenario.name, job.seed)
        }
    };
    Record { id, runs: Vec::new(), ..record }
}

/// How a search ends: an interruption outweighs what broke, that what was refused, that a goal that no rate within the
/// bounds kept, and that an answer that was not confirmed. A search whose holds were too short or too few to tell is of the
/// last kind, even if every rate that was tried missed the goal.
fn exit(record: &Record, repeats: u32) -> Exit {
    let searched: &[Searched] = record.search.as_ref().map_or(&[], |search| &search.dispatches);
    let any = |end: End| searched.iter().any(|dispatch| dispatch.answer.end == end);
    let refused = record.runs.iter().any(|run| run.status() == Status::Refused);
    if record.partial.is_some() {
        Exit::Interrupted
    } else if any(End::Broke) {
        if refused { Exit::Usage } else { Exit::Failed }
    } else if any(End::NeverKept) {
        Exit::Missed
    } else if searched.iter().any(|dispatch| dispatch.answer.repeats_kept < repeats) {
        Exit::Inconclusive
    } else {
        Exit::Ok
    }
}
