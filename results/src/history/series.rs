//! Series: runs of one subject and one fingerprint, from the oldest to the newest, and where their figure changes.
//!
//! Does not live here: how a change is found (`stats`), and how a series is drawn (`report`).

use std::collections::{BTreeMap, BTreeSet};

use super::fingerprint::{Difference, differences};
use super::{Entry, Fingerprint, History, Part, Subject};
use crate::stats;

/// Runs that may be compared with each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'a> {
    /// What was measured.
    pub subject: &'a Subject,
    /// What all of its runs were measured on and with, without the parts that were joined.
    pub fingerprint: Fingerprint,
    /// The runs with the figure, from the oldest to the newest. Those that are left out of account are among them.
    pub entries: Vec<&'a Entry>,
    /// The same runs' values.
    pub values: Vec<f64>,
    /// Facts in which its runs differ, although they are in one series.
    pub joined: Vec<Joined>,
    /// Runs before these that are not shown.
    pub earlier: usize,
    /// Runs that have no such figure.
    pub without: usize,
    /// In which settings and facts it differs from the series before it, if that has the same scenario and dispatch.
    pub differs: Vec<Difference>,
    /// Where the figure changes.
    pub changes: Vec<Change>,
}

/// A fact in which runs of one series differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Its name.
    pub fact: String,
    /// Its values, in the order in which they first occur.
    pub values: Vec<String>,
}

/// A change of the figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The first run after it, as an index of the series' entries.
    pub entry: usize,
    /// By how much, and with what evidence.
    pub by: stats::Change,
}

/// The series of the first figure of a history, each with its newest `last` runs. Bases and controls of comparisons are left out: they
/// repeat an older revision.
#[must_use]
pub fn series(history: &History, last: usize) -> Vec<Series<'_>> {
    let mut groups: BTreeMap<(&Subject, Fingerprint), Vec<&Entry>> = BTreeMap::new();
    let mut known: BTreeMap<*const Fingerprint, Fingerprint> = BTreeMap::new();
    let is_shown = |entry: &&Entry| entry.role.as_deref().is_none_or(|role| role == "head");
    let mut firsts = Firsts::of(&history.entries);
    for entry in history.entries.iter().filter(is_shown).filter(|entry| firsts.is_first(entry)) {
        let left = known
            .entry(std::sync::Arc::as_ptr(&entry.fingerprint))
            .or_insert_with(|| entry.fingerprint.without(&history.across));
        groups.entry((entry.subject.as_ref(), left.clone())).or_default().push(entry);
    }
    let mut all: Vec<Series<'_>> = groups
        .into_iter()
        .map(|((subject, fingerprint), entries)| one(subject, fingerprint, &entries, last, &history.across))
        .filter(|series| !series.entries.is_empty())
        .collect();
    let first_s = |series: &Series<'_>| series.entries.first().map(|entry| entry.at_s);
    let name = |subject: &Subject| (subject.scenario.clone(), subject.dispatch.clone(), subject.kind);
    all.sort_by_cached_key(|series| (name(series.subject), first_s(series)));
    for place in 1..all.len() {
        let (before, own) = (&all[place - 1], &all[place]);
        if name(before.subject) == name(own.subject) {
            let settings = differences(&before.subject.settings, &own.subject.settings).into_iter();
            let mut differs: Vec<Difference> =
                settings.map(|setting| Difference { is_setting: true, ..setting }).collect();
            differs.extend(differences(before.fingerprint.facts(), own.fingerprint.facts()));
            all[place].differs = differs;
        }
    }
    all
}

/// Tells runs from copies of them, which would count as more runs with the same figure.
struct Firsts<'a> {
    /// When runs began that are no sums of others, by subject.
    begun: BTreeSet<(&'a Subject, i64)>,
    /// By record and time: the file in which it was met first.
    files: BTreeMap<(&'a str, i64), &'a str>,
}

impl<'a> Firsts<'a> {
    fn of(entries: &'a [Entry]) -> Self {
        let begun = entries.iter().filter(|entry| !is_merged(entry));
        Self {
            begun: begun.map(|entry| (entry.subject.as_ref(), entry.at_s)).collect(),
            files: BTreeMap::new(),
        }
    }

    /// `false` for a run of a copied file, and for a sum of runs that are there, too. Runs in virtual time have no time of their own, and
    /// equal names.
    fn is_first(&mut self, entry: &'a Entry) -> bool {
        if !entry.is_dated {
            return true;
        }
        if is_merged(entry) && self.begun.contains(&(entry.subject.as_ref(), entry.at_s)) {
            return false;
        }
        *self.files.entry((&entry.record, entry.at_s)).or_insert(&entry.file) == entry.file
    }
}

/// Whether `drumpost merge` made its record.
fn is_merged(entry: &Entry) -> bool {
    entry.record.starts_with("merge-")
}

fn one<'a>(
    subject: &'a Subject,
    fingerprint: Fingerprint,
    entries: &[&'a Entry],
    last: usize,
    across: &[Part],
) -> Series<'a> {
    let valued = |entry: &&'a Entry| Some((*entry, entry.figures.first().copied().flatten()?));
    let with: Vec<(&Entry, f64)> = entries.iter().filter_map(valued).collect();
    let earlier = with.len().saturating_sub(last);
    let (shown, values): (Vec<&Entry>, Vec<f64>) = with[earlier..].iter().copied().unzip();
    let used: Vec<usize> = (0..shown.len()).filter(|place| shown[*place].standing.is_used()).collect();
    let of_used: Vec<f64> = used.iter().map(|place| values[*place]).collect();
    let changes = stats::changes(&of_used).into_iter().map(|by| Change { entry: used[by.at], by }).collect();
    Series {
        joined: joined(&shown, across),
        subject,
        fingerprint,
        entries: shown,
        values,
        earlier,
        without: entries.len() - with.len(),
        differs: Vec::new(),
        changes,
    }
}

fn joined(entries: &[&Entry], across: &[Part]) -> Vec<Joined> {
    if across.is_empty() {
        return Vec::new();
    }
    let names: BTreeSet<&String> =
        entries.iter().flat_map(|entry| entry.fingerprint.facts().keys()).collect();
    let of_name = |name: &String| {
        let mut values: Vec<String> = Vec::new();
        for entry in entries {
            let value = entry.fingerprint.facts().get(name).map_or("not recorded", String::as_str);
            if values.iter().all(|known| known != value) {
                values.push(value.to_owned());
            }
        }
        (values.len() > 1).then(|| Joined { fact: name.clone(), values })
    };
    names.into_iter().filter_map(of_name).collect()
}

#[cfg(test)]
mod tests;
