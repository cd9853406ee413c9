//! The report on saved runs: a list, or the trend of a figure with its change points.
//!
//! Lives here: the list, and the parts that both have. A trend is in `trend`, its picture in `picture`, its settings in `setting`, the
//! document for scripts in `json`. Does not live here: series and their changes (`crate::history`).

mod json;
mod picture;
mod setting;
mod trend;

use super::block::{
    Block, Cell, Column, Facts, Heading, Item, Level, List, Report, Table, Term, Tone, Yields,
};
use crate::goal::Named;
use crate::history::{Entry, History, Standing};
use crate::model::{Role, Validity};
use crate::units;

pub use json::history_json;
pub(super) use picture::{Picture, Point};
pub use trend::trend;

/// Names that are told of a longer list.
const NAMED: usize = 5;
/// Characters to which the name of a file is shortened. Its last nine are the number and the ending that tell two records of one day apart:
/// `stream-20…3f2a.json`.
const FILE_LEN: usize = 19;

/// A list of runs, the newest last.
#[must_use]
pub fn history(history: &History) -> Report {
    let mut report = Report::default();
    report.group([head(history, "runs")]);
    report.group(nothing(history));
    if !history.entries.is_empty() {
        let fingerprints = Fingerprints::of(history);
        report.group([Block::Table(table(history, &fingerprints))]);
        report.group(fingerprints.terms(history));
    }
    report.group(remarks(history));
    report
}

/// `history  50 of 1,200 runs in .drumpost`.
fn head(history: &History, what: &str) -> Block {
    let shown = history.entries.len() as u64;
    let of = if shown < history.all { format!("{} of ", units::count(shown)) } else { String::new() };
    let facts = format!("{of}{} {what} in {}, times in UTC", units::count(history.all), history.folder);
    Block::Heading(Heading::new(Level::Report, "history", facts))
}

/// A sentence in the place of runs that are not there.
fn nothing(history: &History) -> Option<Block> {
    let sentence = match (history.all, history.entries.len()) {
        (0, _) => "no record is saved here yet; drumpost run saves one",
        (_, 0) => "no run matches what was asked for",
        _ => return None,
    };
    Some(Facts::one("", Tone::Plain, sentence))
}

/// What else there is to know: records that cannot be read, and notes.
fn remarks(history: &History) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !history.unreadable.is_empty() {
        let count = history.unreadable.len() as u64;
        let files = units::counted(count, "file", "files");
        let mut items: Vec<Item> = history.unreadable.iter().take(NAMED).map(unreadable).collect();
        items.extend((history.unreadable.len() > NAMED).then(|| {
            Item::Reason(format!("and {} more; --json lists all", units::count(count - NAMED as u64)))
        }));
        let text = format!(
            "{files} cannot be read as a record and {} left out",
            if count == 1 { "is" } else { "are" }
        );
        blocks.push(Facts::one("unread", Tone::Warning, text));
        blocks.push(Block::List(List { head: None, items }));
    }
    let notes: Vec<Item> = history.notes.iter().cloned().map(Item::Note).collect();
    if !notes.is_empty() {
        blocks.push(Block::List(List { head: None, items: notes }));
    }
    blocks
}

fn unreadable((file, reason): &(String, String)) -> Item {
    Item::Reason(format!("{file}: {reason}"))
}

/// The fingerprints of a list, numbered by their first run.
struct Fingerprints<'a> {
    known: Vec<&'a crate::history::Fingerprint>,
}

impl<'a> Fingerprints<'a> {
    fn of(history: &'a History) -> Self {
        let mut known: Vec<&crate::history::Fingerprint> = Vec::new();
        for entry in &history.entries {
            if !known.contains(&entry.fingerprint.as_ref()) {
                known.push(&entry.fingerprint);
            }
        }
        Self { known }
    }

    fn number(&self, entry: &Entry) -> usize {
        self.known.iter().position(|known| **known == *entry.fingerprint).unwrap_or(0) + 1
    }

    /// What each number stands for. From the second on: in what it differs from the one before it.
    fn terms(&self, history: &History) -> Option<Block> {
        let term = |(i, own): (usize, &&crate::history::Fingerprint)| {
            let text = match i.checked_sub(1) {
                None => own.text(),
                Some(before) => {
                    let differs = own.differs_from(self.known[before]);
                    let differs: Vec<String> = differs.iter().map(ToString::to_string).collect();
                    format!("differs from {}: {}", before + 1, differs.join("; "))
                }
            };
            format!("{}  {text}", i + 1)
        };
        let several = "fingerprints: runs with different ones cannot be compared as they are";
        let head = if self.known.len() == 1 { "fingerprint of all runs" } else { several };
        let mut terms = vec![Term { word: "on", text: head.to_owned() }];
        let all = self.known.iter().enumerate().map(term);
        terms.extend(all.map(|text| Term { word: "", text }));
        (!history.entries.is_empty()).then_some(Block::Terms(terms))
    }
}

fn table(history: &History, fingerprints: &Fingerprints<'_>) -> Table {
    let has =
        |i: usize| history.entries.iter().any(|entry| entry.figures.get(i).copied().flatten().is_some());
    let shown: Vec<(usize, Named)> =
        history.figures.iter().copied().enumerate().filter(|(i, _)| has(*i)).collect();
    let yielding =
        |column: Column, goes: u8, shortest: Option<[usize; 2]>| column.yielding(Yields { goes, shortest });
    let mut columns = vec![
        Column::left("verdict"),
        Column::left("time"),
        yielding(Column::left("scenario"), Yields::EASY + 5, Some([14, 8])),
        yielding(Column::left("dispatch"), 0, Some([18, 12])),
        yielding(Column::left("revision"), 1, None),
        yielding(Column::right("", "on"), Yields::EASY + 1, None),
    ];
    let figure = |figure: Named| yielding(Column::right("", heading(figure)), goes(figure), None);
    columns.extend(shown.iter().map(|(_, it)| figure(*it)));
    columns.push(yielding(Column::left("file"), Yields::EASY + 4, Some([FILE_LEN; 2])));
    let mut table = Table::new(1, 3, columns);
    for entry in &history.entries {
        let mut cells = vec![
            Cell::new(tone(entry.standing), entry.standing.word()),
            entry.date().into(),
            entry.subject.scenario.as_str().into(),
            dispatch(entry).into(),
            entry.short_revision().unwrap_or_else(|| units::NONE.to_owned()).into(),
            fingerprints.number(entry).to_string().into(),
        ];
        cells.extend(shown.iter().map(|(i, figure)| {
            let value = entry.figures.get(*i).copied().flatten();
            Cell::from(value.map_or_else(|| units::NONE.to_owned(), |value| figure.text(value)))
        }));
        cells.push(entry.file.as_str().into());
        table.row(cells);
    }
    table
}

/// The dispatch, and the part in a search or in a comparison.
fn dispatch(entry: &Entry) -> String {
    match (&entry.role, entry.subject.kind) {
        (Some(role), _) => {
            let told: &str = match Role::of_word(role) {
                Some(known) => known.told(),
                None => role,
            };
            format!("{} ({told})", entry.subject.dispatch)
        }
        (None, crate::history::Kind::Search) => format!("{} (search)", entry.subject.dispatch),
        (None, _) => entry.subject.dispatch.clone(),
    }
}

/// The name of a figure without the unit that each value carries.
fn heading(figure: Named) -> String {
    match figure.to_string().as_str() {
        "throughput_per_s" => "flows/s".to_owned(),
        "kept_per_s" => "rate kept".to_owned(),
        "cpu_ns_per_message" => "CPU/message".to_owned(),
        name => name.to_owned(),
    }
}

/// When the column of a figure goes on a narrow terminal: before that of the file. A p99 and a rate that was searched for stay.
fn goes(figure: Named) -> u8 {
    match figure.to_string().as_str() {
        "cpu_ns_per_message" => 2,
        "p50" => Yields::EASY + 2,
        "throughput_per_s" => Yields::EASY + 3,
        _ => 0,
    }
}

fn tone(standing: Standing) -> Tone {
    match standing {
        Standing::Judged(Validity::Valid) => Tone::Good,
        Standing::Judged(Validity::Suspect)
        | Standing::NoRate
        | Standing::NotJudged
        | Standing::Interrupted => Tone::Warning,
        Standing::Judged(Validity::Invalid) | Standing::Refused | Standing::Failed => Tone::Bad,
    }
}

#[cfg(test)]
mod tests;
