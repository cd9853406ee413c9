//! `drumpost search`: finds the highest rate that keeps a goal. `drumpost_results::search` decides which rate is held next. The
//! holds are made, shown and saved here.

mod holds;

use crate::{
    Exit,
    args::SearchArgs,
    assertions, digest, environment,
    files::{self, Files},
    form::FormArgs,
    interrupt::Interrupt,
    live::{About, Live},
    output,
    run::job::Job,
    saver::Saver,
};
use drumpost_core::registry::Registry;
use drumpost_results::{
    assertion::Outcome,
    format,
    model::{
        Record, Settings, Status,
        search::{End, Search, Searched},
    },
    report, rows, store,
};
use holds::Holds;
use std::path::Path;

/// Searches dispatch after dispatch, saves, prints.
pub(crate) fn search(registry: &Registry, mut args: SearchArgs) -> anyhow::Result<Exit> {
    args.check()?;
    args.measured.run.spec.load.rate = Some(args.from.unwrap_or(holds::WITHOUT_A_PROBE_PER_S).into());
    let mut job = Job::new(registry, &args.measured.run.spec)?;
    job.record.command = environment::command_line(&args.measured.run.command);
    let record = empty_record(&job, &args);
    let run = &args.measured.run;
    let files = Files::default().reads(run.spec.files(registry));
    let files = files.writes("--out", run.out.as_deref(), files::Holds::Record);
    let files = run.asserts.written(files.writes("--svg", args.svg.as_deref(), files::Holds::Svg));
    run.form.check_files(files)?;
    let about = About { id: record.id.clone(), ..About::of_record("search", &job.record) };
    let mut live = Live::open(&run.live, &about)?;
    let mut saver = Saver::new(run.out.as_deref(), &record)?;
    let (form, svg, repeats) = (run.form.clone(), args.svg.clone(), args.repeats);
    let asserts = run.asserts.clone();
    asserts.check_rows(&rows::of_record(&job.record))?;
    let interrupted = Interrupt::listen();
    let begun = Record { runs: job.record.runs.clone(), ..record.clone() };
    output::remark_lines(report::search_headline(&begun, output::layout()).trim_end());
    let (record, made) =
        Holds::new(registry, &job, args, record, &interrupted, &mut saver, live.begin()).make();
    let saved = saver.finish(&record);
    live.end();
    let rows = rows::of_record(&record);
    let outcome = asserts.outcome(&rows)?;
    let junit = asserts.save_junit_of(&record, &outcome, &rows);
    let printed =
        if saver.takes_stdout() { Ok(()) } else { print(&record, saved.path.as_deref(), &form, &outcome) };
    let drawn =
        svg.map_or(Ok(()), |svg| output::document(&svg, &report::search_svg(&record), store::Reader::Soon));
    // A failure to save comes first, because the table and the picture can be made again from the record.
    let done = made.and(saved.outcome).and(printed).and(drawn).and(junit);
    match done {
        Err(error) if interrupted.is_set() => {
            output::complain(&format!("{error:#}"));
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(error),
        Ok(()) => Ok(asserts.exit(exit(&record, repeats), &outcome, &rows)),
    }
}

fn print(record: &Record, path: Option<&Path>, form: &FormArgs, outcome: &Outcome) -> anyhow::Result<()> {
    assertions::report(|| report::search(record, path), || format::to_json(record), form, outcome)?;
    if environment::is_debug_build() && !form.json {
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
        // In virtual time there is no date in the name, so a digest of the settings tells two searches apart.
        None => {
            let digest = digest::of_record(&record, args.repeats);
            format!("search-{}-virtual-seed-{}-{digest:08x}", job.scenario.name, job.seed)
        }
    };
    // The spec of a run has no place for what a search varies.
    Record { id, runs: Vec::new(), spec: None, ..record }
}

/// Exit codes by severity: interrupted (130) > a hold was refused (2) or failed (1) > no rate keeps the goal (4) > not
/// confirmed (7). A search is not confirmed if a repeat is missing, if its holds were too short or too few, or if the machine disturbed
/// every hold at a rate of the answer. The last also holds for a search in which every rate missed the goal.
fn exit(record: &Record, repeats: u32) -> Exit {
    let searched: &[Searched] = record.search.as_ref().map_or(&[], |search| &search.dispatches);
    let any = |end: End| searched.iter().any(|dispatch| dispatch.answer.end == end);
    let refused = record.runs.iter().any(|run| run.status() == Status::Refused);
    if record.partial.is_some() {
        Exit::Interrupted
    } else if any(End::Broke) {
        if refused { Exit::Usage } else { Exit::Failed }
    } else if searched.iter().any(|one| one.answer.end == End::NeverKept && one.disturbed_at().is_none()) {
        Exit::Missed
    } else if searched.iter().any(|one| one.answer.repeats_kept < repeats || one.disturbed_at().is_some()) {
        Exit::Inconclusive
    } else {
        Exit::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_results::model::search::{Answer, Held, Judgement, Phase};

    fn exit_of(end: End, is_disturbed: bool) -> Exit {
        let (kept_per_s, failed_per_s) = match end {
            End::NeverKept => (None, Some(2.0)),
            _ => (Some(1.0), Some(2.0)),
        };
        let held = |rate_per_s, judgement| Held {
            run: 0,
            rate_per_s,
            phase: Phase::Repeat,
            judgement: Some(judgement),
            reasons: Vec::new(),
            disturbance: is_disturbed.then(|| "other processes used 40.0 % of the cores".into()),
        };
        let searched = Searched {
            dispatch: "message/crossbeam".into(),
            probe_per_s: None,
            knee_per_s: None,
            holds: vec![held(1.0, Judgement::Kept), held(2.0, Judgement::Missed { collapsed: false })],
            answer: Answer {
                end,
                kept_per_s,
                failed_per_s,
                repeats_kept: if kept_per_s.is_some() { 3 } else { 0 },
            },
        };
        let search = Search { goal: String::new(), settings: Settings::new(), dispatches: vec![searched] };
        exit(&Record { search: Some(search), ..Record::default() }, 3)
    }

    #[test]
    fn an_answer_from_disturbed_holds_alone_is_inconclusive() {
        assert_eq!([exit_of(End::Found, false), exit_of(End::NeverKept, false)], [Exit::Ok, Exit::Missed]);
        assert_eq!([exit_of(End::Found, true), exit_of(End::NeverKept, true)], [Exit::Inconclusive; 2]);
    }
}
