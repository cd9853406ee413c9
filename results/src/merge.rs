//! One record of several: parts that were measured apart, such as trials in processes or jobs of their own, become trials of the same
//! runs. Histograms and counts add up exactly. The parts are not interleaved with each other, so `compare` does not judge the record, and parts that
//! ran at the same time on one machine have slowed each other.

use crate::{
    model::{self, Record, Run, Setting, Settings},
    units,
};
use std::collections::BTreeSet;

/// Merges parts, each with the name by which sentences call it. The trials of a run are numbered anew, in the order of the parts, and
/// keep their seeds. The record is judged by the limits of the first part.
///
/// # Errors
/// A sentence about the first two parts that do not belong together: other versions, machines, scenarios, settings or promises, limits of
/// the verdict, or the same trial twice.
pub fn merge(parts: Vec<(String, Record)>) -> Result<Record, String> {
    let mut parts = parts.into_iter();
    let (first_name, first) = parts.next().ok_or("there is nothing to merge")?;
    alone(&first_name, &first)?;
    let mut whole = Whole { names: vec![first_name], record: Record { pairing: None, spec: None, ..first } };
    for (name, part) in parts {
        whole.add(name, part)?;
    }
    let mut record = whole.record;
    number(&mut record.runs);
    record.id = format!("merge-{}-of-{}", whole.names.len(), record.id);
    let limits = crate::verdict::Thresholds::from_settings(&record.thresholds);
    record.judge(&limits);
    Ok(record)
}

/// What makes a machine and its build another one.
const MACHINE: [&str; 7] = ["os", "kernel", "architecture", "processor", "cores", "memory", "build"];

struct Whole {
    names: Vec<String>,
    record: Record,
}

impl Whole {
    fn add(&mut self, name: String, part: Record) -> Result<(), String> {
        alone(&name, &part)?;
        let (first, into) = (&self.names[0], &mut self.record);
        let differ = |what: &str, a: &str, b: &str| {
            Err(format!("{name} does not belong to {first}: {what} {b}, and not {a}; compare them instead"))
        };
        if into.tool_version != part.tool_version {
            return differ("it was measured by drumpost", &into.tool_version, &part.tool_version);
        }
        for fact in MACHINE {
            let known = |of: &Record| of.environment.get(fact).map_or("not known", String::as_str).to_owned();
            let (a, b) = (known(into), known(&part));
            if a != b {
                return differ(&format!("on its machine, {fact} is"), &a, &b);
            }
        }
        // What was read anew for each part, such as the load of the machine, is that of none of them.
        into.environment.retain(|fact, value| part.environment.get(fact) == Some(value));
        if into.thresholds != part.thresholds {
            return Err(format!(
                "{name} does not belong to {first}: it was judged by other limits; `show --threshold` has them"
            ));
        }
        if let Some((key, a, b)) = difference(&into.settings, &part.settings) {
            return differ(&format!("its `{key}` is"), &a, &b);
        }
        into.settings.retain(|key, value| model::is_compared(key) || part.settings.get(key) == Some(value));
        for run in part.runs {
            match into
                .runs
                .iter_mut()
                .find(|known| known.scenario == run.scenario && known.dispatch == run.dispatch)
            {
                Some(known) => {
                    join(known, run).map_err(|why| format!("{name} does not belong to {first}: {why}"))?
                }
                None => into.runs.push(run),
            }
        }
        if into.partial.is_none() {
            into.partial = part.partial.map(|why| format!("{name}: {why}"));
        }
        self.names.push(name);
        Ok(())
    }
}

/// Whether a record can be a part at all.
fn alone(name: &str, record: &Record) -> Result<(), String> {
    match record.search {
        Some(_) => Err(format!("{name} is the record of a search, whose holds belong to no other record")),
        None => Ok(()),
    }
}

/// Adds the trials of a run to those of another of the same dispatch.
fn join(known: &mut Run, run: Run) -> Result<(), String> {
    let dispatch = &known.dispatch;
    if let Some((key, a, b)) = difference(&known.settings, &run.settings) {
        return Err(format!("{dispatch} has `{key}` {b}, and not {a}; compare them instead"));
    }
    if known.options != run.options {
        return Err(format!("{dispatch} has other options; compare them instead"));
    }
    if known.promises != run.promises || known.load != run.load {
        return Err(format!("{dispatch} has another load, or promises something else; compare them instead"));
    }
    let seeds: BTreeSet<u64> = known.trials.iter().map(|trial| trial.seed).collect();
    if let Some(twice) = run.trials.iter().find(|trial| seeds.contains(&trial.seed)) {
        let seed = twice.seed;
        return Err(format!(
            "both have a trial of {dispatch} with the seed {seed}: give each part a --seed of its own"
        ));
    }
    // Parts with different notes: the merged run has none.
    known.settings.retain(|key, value| model::is_compared(key) || run.settings.get(key) == Some(value));
    known.trials.extend(run.trials);
    Ok(())
}

/// The first setting in which two differ, with both values as a table shows them.
fn difference(a: &Settings, b: &Settings) -> Option<(String, String, String)> {
    let (key, a, b) = model::differences(a, b).next()?;
    let text =
        |value: Option<&Setting>| value.map_or_else(|| units::NONE.to_owned(), |value| value.text(key));
    Some((key.to_owned(), text(a), text(b)))
}

/// Numbers trials by run, and gives all of them places one after the other.
fn number(runs: &mut [Run]) {
    let mut position = 0;
    for run in runs {
        for (number, trial) in run.trials.iter_mut().enumerate() {
            (trial.number, trial.position) = (number as u32, position);
            position += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Distribution, Status, Trial};
    use proptest::prelude::*;

    fn record(trials: Vec<(u64, Vec<u64>)>) -> Record {
        let trial = |(seed, times): (u64, Vec<u64>)| Trial {
            seed,
            status: Status::Ok,
            response: Distribution::of(times),
            ..Trial::default()
        };
        let run = Run {
            dispatch: "message/ring".into(),
            trials: trials.into_iter().map(trial).collect(),
            ..Run::default()
        };
        Record { id: "r".into(), runs: vec![run], ..Record::default() }
    }

    fn parts(records: Vec<Record>) -> Vec<(String, Record)> {
        records.into_iter().enumerate().map(|(i, record)| (format!("{i}.json"), record)).collect()
    }

    proptest! {
        /// Eight parts and one process: the same, bin for bin.
        #[test]
        fn parts_come_to_what_one_record_has(times in proptest::collection::vec(proptest::collection::vec(1u64..10_000_000, 0..40), 8)) {
            let trials: Vec<(u64, Vec<u64>)> = times.into_iter().enumerate().map(|(i, times)| (i as u64, times)).collect();
            let whole = record(trials.clone());
            let merged = merge(parts(trials.into_iter().map(|trial| record(vec![trial])).collect())).unwrap();
            prop_assert_eq!(merged.runs[0].response(), whole.runs[0].response());
            let numbers: Vec<(u32, u32, u64)> = merged.runs[0].trials.iter().map(|trial| (trial.number, trial.position, trial.seed)).collect();
            prop_assert_eq!(numbers, (0..8).map(|i| (i, i, u64::from(i))).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_does_not_belong_together_is_refused_in_words() {
        let part = |seed| record(vec![(seed, vec![5])]);
        let refused = |change: fn(&mut Record)| {
            let mut other = part(2);
            change(&mut other);
            merge(parts(vec![part(1), other])).unwrap_err()
        };
        for (why, says) in [
            (
                refused(|other| other.tool_version = "9".into()),
                "1.json does not belong to 0.json: it was measured by drumpost 9",
            ),
            (
                refused(|other| drop(other.runs[0].settings.insert("batch".into(), 64u64.into()))),
                "message/ring has `batch` 64",
            ),
            (
                refused(|other| other.runs[0].trials[0].seed = 1),
                "both have a trial of message/ring with the seed 1",
            ),
            (refused(|other| other.search = Some(Default::default())), "1.json is the record of a search"),
        ] {
            assert!(why.contains(says), "{why}");
        }
        assert!(merge(Vec::new()).is_err());
    }

    #[test]
    fn another_dispatch_is_a_row_of_its_own_and_a_partial_part_makes_a_partial_record() {
        let mut other = record(vec![(1, vec![7])]);
        other.runs[0].dispatch = "event/ring".into();
        other.partial = Some("interrupted".into());
        let merged = merge(parts(vec![record(vec![(1, vec![5])]), other])).unwrap();
        assert_eq!(merged.runs.len(), 2);
        assert_eq!(merged.partial.as_deref(), Some("1.json: interrupted"));
    }
}
