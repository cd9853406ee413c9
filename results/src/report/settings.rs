//! The block of settings under a table, and the limits of the verdict that differ from the defaults.
//!
//! Does not live here: which settings are shown, and in which order (`model/settings`).

use std::collections::BTreeSet;

use super::block::{Block, Fact, Facts, Pair, Settings};
use super::run::name;
use crate::model::{DECLARED, Record, Run, Shown, declared};
use crate::units;
use crate::verdict::Thresholds;

/// The settings that all runs share, and those that differ for each run.
pub(super) fn settings(record: &Record, runs: &[&Run]) -> Option<Block> {
    let value = |run: &Run, key: &str| {
        run.settings.get(key).or_else(|| record.settings.get(key)).map(|value| value.text(key))
    };
    let entry = |key: &str, value: &str| Pair { key: super::without_unit(key).into(), value: value.into() };
    let mut shared = Vec::new();
    let mut own: Vec<Vec<Pair>> = vec![Vec::new(); runs.len()];
    let written: BTreeSet<&str> = runs
        .iter()
        .flat_map(|run| run.settings.keys())
        .chain(record.settings.keys())
        .map(String::as_str)
        .collect();
    let others = written.into_iter().filter(|key| declared(key).is_none()).map(|key| (key, Shown::Always));
    for (key, shown) in DECLARED.iter().map(|own| (own.key, own.shown)).chain(others) {
        let values: Vec<Option<String>> = runs.iter().map(|run| value(run, key)).collect();
        match shown {
            Shown::InHeadline => continue,
            Shown::Unless(usual) if values.iter().flatten().all(|value| value == usual) => continue,
            Shown::Unless(_) | Shown::Always => {}
        }
        let said = |value: &Option<String>| entry(key, value.as_deref().unwrap_or(units::NONE));
        match &values[..] {
            [first, rest @ ..] if rest.iter().all(|value| value == first) => {
                shared.extend(first.iter().map(|value| entry(key, value)));
            }
            _ => own.iter_mut().zip(&values).for_each(|(own, value)| own.push(said(value))),
        }
    }
    let own = runs.iter().zip(own).filter(|(_, own)| !own.is_empty());
    let own: Vec<_> = own.map(|(run, own)| (name(run, runs), own)).collect();
    (!shared.is_empty() || !own.is_empty()).then_some(Block::Settings(Settings { shared, own }))
}

/// Limits of the verdict that differ from the defaults.
pub(super) fn limits(record: &Record) -> Option<Block> {
    let thresholds = Thresholds::from_settings(&record.thresholds);
    let changed: Vec<String> = thresholds
        .changed()
        .map(|(limit, value)| {
            format!("{} {} (default {})", limit.key, limit.text(value), limit.text(limit.default))
        })
        .collect();
    let facts = (!changed.is_empty()).then_some(Fact { parts: changed, ..Fact::default() });
    Facts::block("limits", Vec::from_iter(facts))
}
