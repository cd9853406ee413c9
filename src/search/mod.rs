//! `drumpost search`: the highest rate that keeps a goal. Which rate is held next is decided in
//! `drumpost_results::search`; here holds are made, shown and saved.

mod args;
mod holds;

pub(crate) use args::SearchArgs;

use crate::{Exit, environment, exit::usage, interrupt::Interrupt, output, run::job::Job};
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
    let path = run.out.clone().unwrap_or_else(|| Path::new(".drumpost").join(store::file_name(&record)));
    for path in [Some(&path), args.svg.as_ref()].into_iter().flatten() {
        store::probe(path).map_err(|error| usage(error.to_string()))?;
    }
    let (json, svg, repeats) = (run.json, args.svg.clone(), args.repeats);
    let interrupted = Interrupt::listen();
    let begun = Record { runs: job.record.runs.clone(), ..record.clone() };
    output::remark(report::search_headline(&begun, output::layout()).trim_end());
    let record = Holds::new(registry, &job, args, record, &interrupted).make()?;
    let saved = store::write(&path, &record);
    // If it could not be saved, the result is still worth printing.
    let shown = saved.is_ok().then_some(path.as_path());
    if json {
        output::result(&format::to_json(&record)?)?;
    } else {
        output::result(&report::search(&record, shown, output::layout()))?;
        if environment::is_debug_build() {
            output::remark("note: this is a debug build; its figures say nothing about a release build");
        }
    }
    saved?;
    if let Some(svg) = svg {
        store::write_text(&svg, &report::search_svg(&record))?;
    }
    Ok(exit(&record, repeats))
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
    Record {
        id: format!("search-{}", job.record.id),
        runs: Vec::new(),
        search: Some(Search { goal: args.slo.to_string(), settings, dispatches: Vec::new() }),
        ..job.record.clone()
    }
}

/// How a search ends: an interruption outweighs what broke, that what was refused, that a goal that no rate kept, and
/// that an answer that was not confirmed.
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
