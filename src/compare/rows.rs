//! What is measured on both sides: a row for each dispatch of a spec, or for each cell of a suite.

use super::side::Side;
use crate::{
    args::CompareArgs,
    assertions::{AssertArgs, FailOn},
    command_line,
    exit::usage,
    output,
    run::job::Job,
    spec::{Document, Obstacle, RunSpec, asked_on},
    suite::{self, Runner, Specs},
};
use drumpost_core::registry::{Registry, transport_in};
use drumpost_results::{
    assertion::Assertion,
    model::{ComparedRow, Record},
};
use serde_json::Value;
use std::{ffi::OsString, path::Path, time::Duration};

/// What one row measures.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// A dispatch, or the cell of a suite.
    pub name: String,
    pub scenario: String,
    /// The fields for a trial of the base, with one dispatch.
    pub base: Document,
    /// The same for the head.
    pub head: Document,
    /// How long the drain of a trial may take.
    pub drain: Duration,
    /// How long the load of a trial lasts, its warm-up included; `None` in virtual time, and where a number of flows ends it.
    pub lasts: Option<Duration>,
}

/// The warm-up where the flags give none. It is only used for how long a trial may take.
const WARMUP: Duration = Duration::from_millis(200);
/// Length of a trial in process, and of its warm-up. Many short trials tell more than few long ones: the trial is what repeats, and
/// not the message.
const IN_PROCESS: (&str, &str) = ("250ms", "50ms");
/// The same over a server.
const OVER_SERVER: (&str, &str) = ("1s", "200ms");

/// The rows that are asked for, and the goals for them.
///
/// # Errors
/// Flags, a file or names that cannot be meant.
pub(super) fn rows(
    registry: &Registry,
    args: &CompareArgs,
    base: &Side,
    head: &Side,
) -> anyhow::Result<(Vec<Row>, AssertArgs)> {
    let Specs { cells, goals, fail_on } = match &args.a {
        Some(path) if path.extension().is_some_and(|end| end == "toml") => {
            of_suite(registry, path, args, [base, head])?
        }
        file => {
            let cells = of_flags(registry, file.as_deref(), args, [base, head])?;
            Specs { cells, goals: Vec::new(), fail_on: None }
        }
    };
    let mut rows: Vec<Row> = Vec::new();
    for (name, spec) in cells {
        let of_side = |side: &Side| {
            let fields = of_side(&spec, side)?;
            let read = RunSpec::from_document(fields)
                .map_err(|why| usage(format!("side `{}`: {why}", side.name)))?;
            if read.dispatch.len() != 1 {
                return Err(usage(format!(
                    "side `{}`: a row has one dispatch; give the flag --dispatch after `--`",
                    side.name
                )));
            }
            shortened(registry, &read)
        };
        let (base, head) = (of_side(base)?, of_side(head)?);
        let scenario = spec.scenario.clone().unwrap_or_default();
        let drains = [&base, &head]
            .map(|fields| RunSpec::from_document(fields.clone()).map(|spec| spec.measure.drain.0));
        let drain = drains.into_iter().flatten().max().unwrap_or_default();
        let lasts = lasts(registry, [&base, &head]);
        // Sides that are dispatches make the same row of every dispatch.
        if !rows.iter().any(|row| row.base == base && row.head == head) {
            rows.push(Row { name, scenario, base, head, drain, lasts });
        }
    }
    let asserts = asserts(args, goals, fail_on, &rows)?;
    Ok((rows, asserts))
}

/// The goals of a suite's file, and then those of the command line. `--fail-on` replaces that of the file.
fn asserts(
    args: &CompareArgs,
    goals: Vec<Assertion>,
    fail_on: Option<FailOn>,
    rows: &[Row],
) -> anyhow::Result<AssertArgs> {
    if args.tolerate_machine && fail_on == Some(FailOn::Suspect) {
        return Err(usage(
            "--tolerate-machine cannot be used with a suite whose file says fail-on = \"suspect\": one passes what the other fails",
        ));
    }
    // Cells that come to the same row, as where the sides are dispatches, are measured once, by the name of the first.
    let is_measured =
        |goal: &Assertion| goal.selector.as_ref().is_none_or(|name| rows.iter().any(|row| row.name == *name));
    let (mut assertions, left_out): (Vec<Assertion>, Vec<Assertion>) =
        goals.into_iter().partition(is_measured);
    for goal in left_out {
        output::remark(&format!(
            "note: the goal `{goal}` is not checked: its cell is measured under the name of another"
        ));
    }
    assertions.extend(args.asserts.assertions.iter().cloned());
    Ok(AssertArgs { assertions, fail_on: args.asserts.fail_on.or(fail_on), ..args.asserts.clone() })
}

/// The fields of a spec with those of a side in their place.
fn of_side(spec: &RunSpec, side: &Side) -> anyhow::Result<Document> {
    let mut fields = spec.document();
    fields.extend(
        side.dispatch.iter().map(|dispatch| ("dispatch".to_owned(), Value::from(vec![dispatch.clone()]))),
    );
    fields.extend(side.fields.clone());
    Ok(RunSpec::from_document(fields)
        .map_err(|why| usage(format!("side `{}`: {why}", side.name)))?
        .document())
}

/// The rows of a record of two sides.
///
/// # Errors
/// It is no such record, or its specs are not to be run as they are.
pub(super) fn of_record(
    registry: &Registry,
    record: &Record,
    path: &Path,
    sides: [&Side; 2],
) -> anyhow::Result<Vec<Row>> {
    let wrong = |why: &str| usage(format!("--replay {}: {why}", path.display()));
    let compared = record.comparison.as_ref().ok_or_else(|| wrong("it is not the record of two sides"))?;
    let fields = |spec: &Value| {
        let fields = spec.as_object().cloned().ok_or_else(|| wrong("a row has no spec"))?;
        match Obstacle::of(&fields) {
            Some(Obstacle::Commands) => {
                Err(wrong("its runs have commands (--at), which only a command line may give"))
            }
            Some(Obstacle::Secret(key)) => Err(wrong(&format!("`{key}`: a secret was left out of it"))),
            None => Ok(fields),
        }
    };
    let row = |row: &ComparedRow| {
        let base = fields(&row.spec)?;
        let head = row.head_spec.as_ref().map_or_else(|| Ok(base.clone()), fields)?;
        for (side, fields) in sides.into_iter().zip([&base, &head]) {
            if of_side(&RunSpec::from_document(fields.clone()).map_err(|why| wrong(&why))?, side)? != *fields
            {
                return Err(wrong(&format!("it measured something else than side `{}` asks for", side.name)));
            }
        }
        let spec = RunSpec::from_document(base.clone()).map_err(|why| wrong(&why))?;
        let scenario = spec.scenario.unwrap_or_default();
        let lasts = lasts(registry, [&base, &head]);
        Ok(Row { name: row.name.clone(), scenario, base, head, drain: spec.measure.drain.0, lasts })
    };
    compared.rows.iter().map(row).collect()
}

/// The words after `--`, with the short flags of servers written out.
fn words(registry: &Registry, args: &CompareArgs, file: Option<&Path>) -> anyhow::Result<Vec<String>> {
    let given: Vec<OsString> = args.sides.run.iter().map(OsString::from).collect();
    let given = command_line::written_out(registry, &given)?;
    let file = file.map(|path| ["--spec".to_owned(), path.to_string_lossy().into_owned()]);
    let words = given.into_iter().map(|word| word.to_string_lossy().into_owned());
    Ok(file.into_iter().flatten().chain(words).collect())
}

fn of_flags(
    registry: &Registry,
    file: Option<&Path>,
    args: &CompareArgs,
    [base, head]: [&Side; 2],
) -> anyhow::Result<Vec<(String, RunSpec)>> {
    let mut spec = asked_on(&words(registry, args, file)?).map_err(usage)?;
    if spec.measure.trials.is_some() && file.is_none() {
        return Err(usage("--trials: a comparison runs pairs of trials; use --pairs, before the `--`"));
    }
    spec.measure.trials = None;
    if let Some(dispatch) = &base.dispatch {
        if !spec.dispatch.is_empty() && file.is_none() {
            return Err(usage("--dispatch: the sides are dispatches already; leave it out"));
        }
        spec.dispatch = vec![dispatch.clone()];
    }
    let is_foreign = base.is_foreign || head.is_foreign;
    let is_whole = |name: &String| name.contains('/');
    match Job::planned(registry, &spec) {
        Ok(job) => {
            let of = |label: &String| RunSpec {
                scenario: Some(job.scenario.name.to_owned()),
                dispatch: vec![label.clone()],
                ..spec.clone()
            };
            Ok(job.targets.iter().map(|target| (target.label.clone(), of(&target.label))).collect())
        }
        // A program of a side may know more than this one.
        Err(_) if is_foreign && !spec.dispatch.is_empty() && spec.dispatch.iter().all(is_whole) => {
            let of =
                |label: &String| (label.clone(), RunSpec { dispatch: vec![label.clone()], ..spec.clone() });
            Ok(spec.dispatch.iter().map(of).collect())
        }
        Err(error) if is_foreign && !is_known(registry, &spec) => Err(usage(format!(
            "{error:#}; a scenario that only the programs of the sides know needs its dispatches in full, as in --dispatch message/NAME"
        ))),
        Err(error) => Err(error),
    }
}

fn is_known(registry: &Registry, spec: &RunSpec) -> bool {
    spec.scenario.as_ref().is_none_or(|name| registry.scenarios.iter().any(|known| known.name == name))
}

fn of_suite(
    registry: &Registry,
    path: &Path,
    args: &CompareArgs,
    [base, head]: [&Side; 2],
) -> anyhow::Result<Specs> {
    if !args.sides.run.is_empty() {
        return Err(usage("flags after `--` are for a run; a suite's file says what its cells measure"));
    }
    // A program of a side may know more than this one.
    let runner = if base.is_foreign || head.is_foreign { Runner::Others } else { Runner::This };
    suite::specs(registry, path, runner)
}

/// How long the longer of two loads lasts, with its warm-up. A backlog piles up before, for as long as it takes.
fn lasts(registry: &Registry, sides: [&Document; 2]) -> Option<Duration> {
    let of = |fields: &Document| {
        let spec = RunSpec::from_document(fields.clone()).ok()?;
        let is_virtual = Job::planned(registry, &spec).is_ok_and(|job| job.is_virtual);
        let warmup = spec.measure.warmup.as_ref().map_or(WARMUP, |warmup| warmup.0);
        let measured =
            spec.measure.duration.as_ref().filter(|_| !is_virtual && !fields.contains_key("backlog"))?;
        Some(measured.0.saturating_add(warmup))
    };
    let [base, head] = sides.map(of);
    Some(base?.max(head?))
}

/// The fields of a trial. Sets the default length of a trial if the flags give none.
fn shortened(registry: &Registry, spec: &RunSpec) -> anyhow::Result<Document> {
    let mut fields = spec.document();
    let job = Job::planned(registry, spec);
    let is_virtual = job.as_ref().is_ok_and(|job| job.is_virtual);
    let has_server = match &job {
        Ok(job) => job.targets.iter().any(|target| target.needs_server),
        // Only the program of a side can run it. A transport that this program does not know may well have a server.
        Err(_) => spec.dispatch.iter().any(|dispatch| {
            registry.transport(transport_in(dispatch)).is_none_or(|entry| entry.needs_server)
        }),
    };
    let is_extent = |key: &String| ["duration", "count", "arrivals"].contains(&key.as_str());
    if !is_virtual && !fields.keys().any(is_extent) {
        let (long, warmup) = if has_server { OVER_SERVER } else { IN_PROCESS };
        fields.insert("duration".into(), long.into());
        fields.entry("warmup").or_insert(warmup.into());
    }
    // Each trial has a process of its own anyway, and how many there are the comparison says.
    fields.retain(|key, _| !["isolate", "trials"].contains(&key.as_str()));
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::super::sequence::{ROLES, Sequence, label};
    use super::shortened;
    use crate::spec::RunSpec;
    use drumpost_results::{
        format,
        model::{Compared, ComparedRow, Pairing, Record},
    };
    use std::path::Path;

    #[test]
    fn a_transport_that_only_the_program_of_a_side_knows_has_trials_as_long_as_over_a_server() {
        let lasts = |scenario: &str, dispatch: &str| {
            let spec = RunSpec {
                scenario: Some(scenario.into()),
                dispatch: vec![dispatch.into()],
                ..RunSpec::default()
            };
            let fields = shortened(&crate::builtin(), &spec).unwrap();
            ["duration", "warmup"].map(|key| fields[key].as_str().unwrap().to_owned())
        };
        assert_eq!(lasts("stream", "message/crossbeam"), ["250ms", "50ms"]);
        assert_eq!(lasts("baskets", "message/crossbeam"), ["250ms", "50ms"]);
        assert_eq!(lasts("stream", "message/pigeon"), ["1s", "200ms"]);
        assert_eq!(lasts("baskets", "message/pigeon"), ["1s", "200ms"]);
    }

    /// The name of a suite's cell has every value in which the cell differs from others, and the file of a record may cut it.
    #[test]
    fn rows_with_long_names_are_run_again_in_their_order() {
        let long = format!("sizes/stream/message/crossbeam {}", "payload=1kB ".repeat(25));
        let names = ["1", "2"].map(|end| format!("{long}batch={end}"));
        let order = names.iter().flat_map(|name| ROLES.map(|role| (label(role, name), 0)));
        let row = |name: &String| ComparedRow { name: name.clone(), ..ComparedRow::default() };
        let record = Record {
            pairing: Some(Pairing { id: "p".into(), order: order.collect() }),
            comparison: Some(Compared { rows: names.iter().map(row).collect(), ..Compared::default() }),
            ..Record::default()
        };
        let read = format::from_json(&format::to_json(&record).unwrap()).unwrap();
        let mut again = Sequence::of(&read, Path::new("r.json")).unwrap();
        assert_eq!(again.rows(0), [0, 1]);
        assert!([0, 1].into_iter().all(|row| again.roles(row, 0) == ROLES));
    }
}
