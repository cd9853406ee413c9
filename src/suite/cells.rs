//! Makes cells from combinations. Each cell is resolved like a command line of `run`, before anything runs. A bad value
//! of a flag is an error of the file. A combination that cannot run is a row with the reason. Of cells that other programs run,
//! those are taken as they stand that need what this program does not know.

use super::{
    file::parse,
    goals::Goals,
    keys::{DISPATCH, Keys, Pair, SCENARIO, SET},
    matrix::{Combination, expand, label, varying},
};
use crate::{
    exit::usage,
    run::{job::Job, load},
    secrets,
    spec::RunSpec,
};
use drumpost_core::{
    load::Extent,
    registry::{Registry, transport_in},
    scenario::Style,
};
use drumpost_results::format::suite as plan;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// A cell and what it takes to run it.
#[derive(Debug)]
pub(super) struct Cell {
    pub plan: plan::Cell,
    /// The spec of its one dispatch; of a refused cell that of its combination.
    pub spec: RunSpec,
    pub is_virtual: bool,
    /// Warm-up and window of a trial; `None` if it is as long as its flows take.
    pub trial_ns: Option<u64>,
}

/// A file's cells.
#[derive(Debug)]
pub(super) struct Cells {
    pub name: String,
    pub goals: Goals,
    pub cells: Vec<Cell>,
}

/// Keys that have columns of their own, and so no part in what else differs.
const IN_COLUMNS: [&str; 6] = [SCENARIO, DISPATCH, "payload", "rate", "in-flight", "arrivals"];

/// What runs the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// This program.
    This,
    /// Other programs, which may know more scenarios, transports and options.
    Others,
}

/// Reads a file and resolves all it describes, for this program to run.
///
/// # Errors
/// A sentence with file, line and key about the first thing that cannot be meant.
pub(super) fn resolve(registry: &Registry, path: &Path, text: &str) -> anyhow::Result<Cells> {
    resolve_for(registry, path, text, Runner::This)
}

/// Reads a file and resolves all it describes.
///
/// # Errors
/// As [`resolve`].
pub(super) fn resolve_for(
    registry: &Registry,
    path: &Path,
    text: &str,
    runner: Runner,
) -> anyhow::Result<Cells> {
    let keys = Keys::new(registry);
    let keys = if runner == Runner::Others { keys.of_others() } else { keys };
    let file = parse(path, text, &keys)?;
    let combinations = expand(&file, &keys).map_err(|(block, why)| {
        usage(format!("{}: [[matrix]] `{}`, line {}: {why}", path.display(), block.name, block.line))
    })?;
    let resolver = Resolver { registry, path, keys: &keys, runner, varying: varying(&combinations, &keys) };
    let (mut cells, mut names) = (Vec::new(), BTreeSet::new());
    for combination in &combinations {
        for cell in resolver.cells(combination)? {
            // `crossbeam` and `message/crossbeam` in one list name the same.
            if names.insert(cell.plan.name.clone()) {
                cells.push(cell);
            }
        }
    }
    file.goals.check(path, &cells)?;
    Ok(Cells { name: file.name, goals: file.goals, cells })
}

struct Resolver<'a> {
    registry: &'a Registry,
    path: &'a Path,
    keys: &'a Keys,
    runner: Runner,
    varying: Vec<String>,
}

impl Resolver<'_> {
    fn cells(&self, of: &Combination) -> anyhow::Result<Vec<Cell>> {
        let spec = self.keys.parse(&of.pairs).map_err(|why| {
            let names = |pair: &&Pair| why.contains(&format!("--{} ", pair.key));
            self.error(of, of.pairs.iter().find(names), &why)
        })?;
        let job = match Job::planned(self.registry, &spec) {
            Ok(job) => job,
            Err(error) if self.runner == Runner::Others && self.lacks(of, &spec) => {
                return self.of_others(of, spec, &format!("{error:#}"));
            }
            Err(error) => return self.refused(of, spec, &format!("{error:#}")).map(|cell| vec![cell]),
        };
        let mut cells = Vec::new();
        for target in &job.targets {
            let spec = RunSpec { dispatch: vec![target.label.clone()], ..spec.clone() };
            let alone = Job::planned(self.registry, &spec)?;
            let planned = alone.targets[0].plan.load;
            let trial_ns = match planned.extent {
                Extent::Duration(ns) if !alone.is_virtual => Some(ns + planned.warmup_ns),
                _ => None,
            };
            let plan = plan::Cell {
                trials: alone.trials,
                ..self.plan(of, alone.scenario.name, &target.label, &spec)
            };
            cells.push(Cell { plan, spec, is_virtual: alone.is_virtual, trial_ns });
        }
        Ok(cells)
    }

    /// Whether a combination has a scenario, a transport or an option that this program does not know.
    fn lacks(&self, of: &Combination, spec: &RunSpec) -> bool {
        let transport = |dispatch: &String| {
            let name = transport_in(dispatch);
            name.parse::<Style>().is_ok() || self.registry.transport(name).is_some()
        };
        let option = |pair: &Pair| {
            pair.key != SET || self.keys.options().iter().any(|option| option.name == label(pair).0)
        };
        let scenario = spec.scenario.as_ref().is_none_or(|name| self.registry.scenario(name).is_some());
        !(scenario && spec.dispatch.iter().all(transport) && of.pairs.iter().all(option))
    }

    /// The cells of a combination that another program may be able to run, and this one not.
    fn of_others(&self, of: &Combination, spec: RunSpec, why: &str) -> anyhow::Result<Vec<Cell>> {
        if spec.dispatch.is_empty() || !spec.dispatch.iter().all(|dispatch| dispatch.contains('/')) {
            let why = format!(
                "{why}; what only the programs of the sides know needs its dispatches in full, as in dispatch = 'message/NAME'"
            );
            return self.refused(of, spec, &why).map(|cell| vec![cell]);
        }
        let scenario = spec.scenario.clone().unwrap_or_else(|| "order-authorization".into());
        let cell = |dispatch: &String| {
            let spec = RunSpec { dispatch: vec![dispatch.clone()], ..spec.clone() };
            let plan = self.plan(of, &scenario, dispatch, &spec);
            Cell { plan, spec, is_virtual: false, trial_ns: None }
        };
        Ok(spec.dispatch.iter().map(cell).collect())
    }

    /// A cell that cannot be run, unless it is a key that cannot be meant.
    fn refused(&self, of: &Combination, spec: RunSpec, why: &str) -> anyhow::Result<Cell> {
        if let Some(pair) = blamed(&of.pairs, why) {
            return Err(self.error(of, Some(pair), why));
        }
        let scenario = spec.scenario.clone().unwrap_or_else(|| "order-authorization".into());
        let dispatch = if spec.dispatch.is_empty() { "all".into() } else { spec.dispatch.join(",") };
        let plan = self.plan(of, &scenario, &dispatch, &spec);
        Ok(Cell {
            plan: plan::Cell { refused: Some(secrets::hide(why)), ..plan },
            spec,
            is_virtual: false,
            trial_ns: None,
        })
    }

    fn error(&self, of: &Combination, pair: Option<&Pair>, why: &str) -> anyhow::Error {
        let (file, matrix) = (self.path.display(), &of.matrix);
        match pair {
            Some(pair) => usage(format!(
                "{file}: bad value of `{}` for [[matrix]] `{matrix}`, line {}: {why}",
                if pair.key == SET { label(pair).0 } else { &pair.key },
                pair.line
            )),
            None => usage(format!("{file}: [[matrix]] `{matrix}`, line {}: {why}", of.line)),
        }
    }

    fn plan(&self, of: &Combination, scenario: &str, dispatch: &str, spec: &RunSpec) -> plan::Cell {
        let varies = |name: &str| self.varying.iter().any(|varying| varying == name);
        let said = of.pairs.iter().map(label).filter(|(name, _)| varies(name));
        let said: Vec<_> = said.filter(|(name, _)| ![SCENARIO, DISPATCH].contains(name)).collect();
        let name = said.iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>();
        let differs = said.iter().filter(|(name, _)| !IN_COLUMNS.contains(name));
        let differs: BTreeMap<_, _> =
            differs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let others = of.pairs.iter().filter(|pair| pair.key != DISPATCH).cloned();
        let of_cell = Pair { key: DISPATCH.into(), value: dispatch.into(), line: of.line };
        let pairs: Vec<Pair> = others.chain([of_cell]).collect();
        let command =
            ["drumpost", "run"].map(str::to_owned).into_iter().chain(self.keys.arguments_of(&pairs));
        // Options have been read by now, so their secrets are known.
        let differs = differs.into_iter().map(|(name, value)| (secrets::shown(&name, &value), (name, value)));
        let differs = differs.map(|(shown, (name, _))| (name, shown)).collect();
        let command = command.map(|word| secrets::hide(&word));
        plan::Cell {
            name: secrets::hide(&format!("{}/{scenario}/{dispatch}{name}", of.matrix)),
            matrix: of.matrix.clone(),
            scenario: scenario.to_owned(),
            dispatch: dispatch.to_owned(),
            load: load::text_alone(spec).unwrap_or_default(),
            payload: spec.load.payload.text().to_owned(),
            differs,
            command: command.collect(),
            trials: 0,
            record: String::new(),
            refused: None,
        }
    }
}

/// The key that a refusal is about, if it names one: then the value is wrong wherever it is used.
fn blamed<'a>(pairs: &'a [Pair], why: &str) -> Option<&'a Pair> {
    let flag = why
        .strip_prefix("--")
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default());
    let named = |pair: &&Pair| match pair.key.as_str() {
        SET => {
            let name = label(pair).0;
            why.contains(&format!("`{name}`"))
                || why.contains(&format!("option {name}, set by"))
                || why.contains(&format!("`{}`", pair.value))
        }
        SCENARIO => why.starts_with("unknown scenario"),
        DISPATCH => why.starts_with("unknown transport") || flag == Some(DISPATCH),
        key => flag == Some(key),
    };
    pairs.iter().find(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, runner: Runner) -> Result<Vec<String>, String> {
        let found = resolve_for(&crate::builtin(), Path::new("s.toml"), text, runner);
        let cells = found.map_err(|error| error.to_string())?.cells.into_iter();
        cells.map(|cell| cell.plan.refused.map_or(Ok(cell.plan.name), Err)).collect()
    }

    #[test]
    fn cells_that_only_another_program_knows_are_left_to_it() {
        let block = |keys: &str| format!("[[matrix]]\nname = 'm'\n{keys}\n");
        for (keys, name) in [
            ("scenario = 'baskets'\ndispatch = ['message/crossbeam']", "m/baskets/message/crossbeam"),
            ("scenario = 'stream'\ndispatch = ['event/pigeon']", "m/stream/event/pigeon"),
            (
                "scenario = 'stream'\ndispatch = ['event/pigeon']\nset = { pigeon.height = '3m' }",
                "m/stream/event/pigeon",
            ),
        ] {
            assert_eq!(names(&block(keys), Runner::Others), Ok(vec![name.to_owned()]));
            assert!(names(&block(keys), Runner::This).unwrap_err().contains("unknown "), "{keys}");
        }
        // What this program knows is checked as ever.
        let known = block("scenario = 'stream'\ndispatch = ['message/crossbeam']\nduration = '1x'");
        assert!(names(&known, Runner::Others).unwrap_err().contains("`duration`"));
        let short = names(&block("scenario = 'baskets'\ndispatch = ['crossbeam']"), Runner::Others);
        let said = short.unwrap_err();
        assert!(said.contains("unknown scenario") && said.contains("dispatches in full"), "{said}");
    }
}
