//! `drumpost suite`: runs a matrix of cells from a file. Trials are interleaved over all cells, and each is saved as
//! soon as it is finished.

mod cells;
mod file;
mod folder;
mod goals;
mod keys;
mod lock;
mod matrix;
mod schema;
mod trials;

use crate::{
    Exit,
    args::SuiteArgs,
    assertions::{self, AssertArgs, FailOn},
    digest, environment,
    exit::usage,
    files::Files,
    form::FormArgs,
    history,
    interrupt::Interrupt,
    live::{About, Live, Row},
    output,
    run::{self, execute},
    secrets,
    spec::RunSpec,
};
use cells::Cell;
pub(crate) use cells::Runner;
use drumpost_core::registry::Registry;
use drumpost_results::{
    assertion::{Assertion, Outcome},
    export::Of,
    format::suite::{self as format, Plan, Slot},
    model::{Record, Run, Status, Trial},
    plain, report, rows,
    suite::{self as store, Suite},
    units,
};
use std::path::Path;

/// Runs a suite, or says what it would run.
pub(crate) fn suite(registry: &Registry, args: &SuiteArgs) -> anyhow::Result<Exit> {
    let Some(path) = args.file.as_deref().filter(|_| !args.schema) else {
        output::result(&schema::text(registry)?)?;
        return Ok(Exit::Ok);
    };
    let text = drumpost_results::store::read_text(path)
        .map_err(|error| usage(format!("failed to read {}: {error}; check the path", path.display())))?;
    let mut found = cells::resolve(registry, path, &text)?;
    if let Some(only) = &args.only {
        found.cells.retain(|cell| cell.plan.name.contains(only.as_str()));
        if found.cells.is_empty() {
            return Err(usage(format!("--only `{only}`: no cell's name contains it; see --list")));
        }
    }
    for (place, cell) in found.cells.iter_mut().enumerate() {
        cell.plan.record = folder::record_name(place, cell);
    }
    let plan = plan(&found, path, text, (args.only.clone(), environment::command_line(&args.command)));
    let asserts = args.asserts.over(&plan);
    asserts.check_rows(&rows::of_cells(&plan.cells))?;
    if args.list {
        output::result(&list(&found, &plan))?;
        return Ok(Exit::Ok);
    }
    let folder = match &args.out {
        Some(out) if out == Path::new("-") => {
            return Err(usage(
                "--out -: a suite is saved as a folder of files; to print it to stdout, add --json",
            ));
        }
        Some(out) => out.clone(),
        None if args.resume => folder::newest(&plan.name)?,
        None => folder::fresh(&plan.name),
    };
    let records = plan.cells.iter().map(|cell| cell.record.clone()).collect();
    args.form.check_files(asserts.written(Files::default().reads([path]).runs_suite_in(&folder, records)))?;
    let live = Live::open(&args.live, &about(&plan))?;
    let (mut suite, _lock) =
        if args.resume { folder::go_on(&folder, &plan)? } else { folder::begin(&folder, plan)? };
    let interrupted = Interrupt::listen();
    let trials = trials::Trials { registry, cells: &found.cells, folder: &folder, interrupted: &interrupted };
    let done = trials.run(&mut suite, live);
    // If the last trial could not be saved, the finished ones are still worth printing. If the terminal went away, the
    // suite was interrupted, whether or not its table could be printed.
    let saved = done.is_ok().then_some(folder.as_path());
    if let Some(folder) = saved {
        output::note_saved(folder, " (one record per cell)");
    }
    let rows = rows::of_suite(&suite);
    let outcome = asserts.outcome_of_suite(&suite, &rows)?;
    note(&suite, &folder);
    let printed = print(&suite, saved, &args.form, &asserts, &outcome);
    done?;
    if suite.partial().is_some() && interrupted.is_set() {
        return Ok(Exit::Interrupted);
    }
    printed?;
    if environment::is_debug_build() && !args.form.json {
        output::remark("note: this is a debug build; its figures say nothing about a release build");
    }
    if suite.partial().is_some() {
        return Ok(Exit::Interrupted);
    }
    let end = exit(&suite);
    Ok(asserts.exit(end, &outcome, &rows))
}

/// What a suite's file says to a command that measures its cells in another way.
pub(crate) struct Specs {
    /// The cells by name, each with the spec of its one dispatch.
    pub cells: Vec<(String, RunSpec)>,
    /// The goals of the file, for rows that have the names of the cells.
    pub goals: Vec<Assertion>,
    pub fail_on: Option<FailOn>,
}

/// The cells of a suite's file that can be run, and its goals.
///
/// # Errors
/// A sentence with file, line and key about the first thing that cannot be meant, or a cell that cannot be run.
pub(crate) fn specs(registry: &Registry, path: &Path, runner: Runner) -> anyhow::Result<Specs> {
    let text = drumpost_results::store::read_text(path)
        .map_err(|error| usage(format!("failed to read {}: {error}; check the path", path.display())))?;
    let found = cells::resolve_for(registry, path, &text, runner)?;
    let (goals, fail_on) = (found.goals.by_name(&found.cells), found.goals.fail_on);
    let spec = |cell: Cell| match cell.plan.refused {
        Some(why) => Err(usage(format!("{}: {why}", cell.plan.name))),
        None => Ok((cell.plan.name, cell.spec)),
    };
    let cells = found.cells.into_iter().map(spec).collect::<anyhow::Result<_>>()?;
    Ok(Specs { cells, goals, fail_on })
}

/// Reads a suite's text, resolves and lists its cells, and gives the state that would be written, for tests that feed it
/// any.
#[cfg(test)]
pub(crate) fn state_of(registry: &Registry, text: &str) -> anyhow::Result<String> {
    let path = Path::new("suite.toml");
    let mut found = cells::resolve(registry, path, text)?;
    for (place, cell) in found.cells.iter_mut().enumerate() {
        cell.plan.record = folder::record_name(place, cell);
    }
    let plan = plan(&found, path, text.to_owned(), (None, vec![]));
    list(&found, &plan);
    Ok(format::plan_to_json(&plan)?)
}

/// Prints a suite, and saves its documents. `folder` holds all of it; `None`: a part of it could not be saved.
pub(crate) fn print(
    suite: &Suite,
    folder: Option<&Path>,
    form: &FormArgs,
    asserts: &AssertArgs,
    outcome: &Outcome,
) -> anyhow::Result<()> {
    assertions::report(|| report::suite(suite, folder), || store::to_json(suite), form, outcome)?;
    asserts.save_junit(Of::Suite(suite), outcome, &rows::of_suite(suite))
}

/// Notes the records of all cells in the index of records.
fn note(suite: &Suite, folder: &Path) {
    let cells = suite.plan.cells.iter().zip(&suite.records);
    let saved = cells.filter_map(|(cell, record)| Some((folder.join(&cell.record), record.as_ref()?)));
    history::note(&saved.collect::<Vec<_>>());
}

/// As a run of all cells would end.
fn exit(suite: &Suite) -> Exit {
    let refused = |cell: &format::Cell| cell.refused.is_some();
    let refusal =
        Run { trials: vec![Trial { status: Status::Refused, ..Trial::default() }], ..Run::default() };
    let mut runs: Vec<Run> =
        suite.records.iter().flatten().flat_map(|record| record.runs.iter().cloned()).collect();
    runs.extend(suite.plan.cells.iter().any(refused).then_some(refusal));
    run::exit(&Record { runs, ..Record::default() })
}

/// `asked` is the text of `--only`, and the command.
fn plan(found: &cells::Cells, path: &Path, text: String, asked: (Option<String>, Vec<String>)) -> Plan {
    let (only, command) = asked;
    let cells: Vec<format::Cell> = found.cells.iter().map(|cell| cell.plan.clone()).collect();
    let seed = found.cells.first().map_or(0, |cell| *cell.spec.load.seed);
    let trials: Vec<u32> = cells.iter().map(|cell| cell.trials).collect();
    let is_virtual = found.cells.iter().all(|cell| cell.is_virtual || cell.plan.refused.is_some());
    let order_seed = execute::order_seed(seed, is_virtual);
    let slot = |(cell, trial)| Slot { cell, trial, seed: execute::trial_seed(seed, trial) };
    let started_at = (!is_virtual).then(environment::date);
    let id = match &started_at {
        Some(date) => {
            format!("{}-{}-{:04x}", found.name, environment::compact(date), environment::nonce())
        }
        None => format!("{}-virtual-seed-{seed}-{:08x}", found.name, digest::of_text(&text)),
    };
    Plan {
        schema_version: format::SCHEMA_VERSION,
        id,
        name: found.name.clone(),
        tool_version: env!("CARGO_PKG_VERSION").into(),
        started_at,
        seed,
        host: environment::facts(true),
        only,
        command,
        file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        // `--resume` compares the stored text with this one. A changed secret does not make another suite.
        text: secrets::hide(&text),
        goals: found.goals.stored(),
        fail_on: found.goals.fail_on.map(|verdict| verdict.word().to_owned()),
        cells,
        order: execute::order(order_seed, &trials).into_iter().map(slot).collect(),
    }
}

/// The suite for whoever watches it: a row for each cell.
fn about(plan: &Plan) -> About {
    let rows = plan.cells.iter().map(|cell| Row {
        scenario: cell.scenario.clone(),
        dispatch: cell.dispatch.clone(),
        name: cell.name.clone(),
    });
    About { kind: "suite", id: plan.id.clone(), rows: rows.collect() }
}

/// The cells that would run, one per line.
fn list(found: &cells::Cells, plan: &Plan) -> String {
    let cells = &found.cells;
    let width = cells.iter().map(|cell| cell.plan.name.chars().count()).max().unwrap_or(0);
    let width = width.min(plain::NAME_LEN);
    let mut text = String::new();
    for cell in cells {
        let what = match &cell.plan.refused {
            Some(why) => format!("refused: {why}"),
            None => format!("{} × {}", cell.plan.trials, trial_text(cell)),
        };
        let name = plain::line(&plain::cut(&cell.plan.name, plain::NAME_LEN)).into_owned();
        text += &format!(
            "{name:<width$}  {}
",
            output::short_words(&plain::line(&what))
        );
    }
    let known = |cell: &Cell| cell.trial_ns.unwrap_or(0) * u64::from(cell.plan.trials);
    let unknown = cells.iter().any(|cell| cell.trial_ns.is_none() && cell.plan.refused.is_none());
    let time = match (cells.iter().map(known).sum::<u64>(), unknown) {
        (0, true) => "; how long they take is not known before".to_owned(),
        (0, false) => String::new(),
        (ns, true) => format!(", {} and the time of cells without a fixed length", units::duration(ns)),
        (ns, false) => format!(", {}", units::duration(ns)),
    };
    let many = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    text += &plain::plain(&found.goals.list(cells));
    let (cells, trials) = (many(cells.len(), "cell"), many(plan.order.len(), "trial"));
    text + &format!("{cells}, {trials}{time}\n")
}

fn trial_text(cell: &Cell) -> String {
    match cell.trial_ns {
        Some(ns) => units::duration(ns),
        None if cell.is_virtual => "virtual time".into(),
        None => "a number of flows".into(),
    }
}
