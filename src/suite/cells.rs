//! Makes cells from combinations. Each cell is resolved like a command line of `run`, before anything runs. A bad value
//! of a flag is an error of the file. A combination that cannot run is a row with the reason.

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
use drumpost_core::{load::Extent, registry::Registry};
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

/// Reads a file and resolves all it describes.
///
/// # Errors
/// A sentence with file, line and key about the first thing that cannot be meant.
pub(super) fn resolve(registry: &Registry, path: &Path, text: &str) -> anyhow::Result<Cells> {
    let keys = Keys::new(registry);
    let file = parse(path, text, &keys)?;
    let combinations = expand(&file, &keys).map_err(|(block, why)| {
        usage(format!("{}: [[matrix]] `{}`, line {}: {why}", path.display(), block.name, block.line))
    })?;
    let resolver = Resolver { registry, path, keys: &keys, varying: varying(&combinations, &keys) };
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
