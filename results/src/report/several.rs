//! Several records side by side: one table and the charts of all their runs, and then each record in full.
//!
//! Nothing is judged between them: records of different times are a trend, and `compare` says what may be compared.

use super::block::{Block, Fact, Facts, Heading, Item, Level, List, Name, Report};
use super::run::{charts, figures, table};
use super::search::search;
use super::{names, page};
use crate::model::{Record, Run, Verdict};
use std::collections::BTreeMap;

/// The report on several records, each with the name by which readers know it, such as its file.
#[must_use]
pub fn several(records: &[(String, &Record)]) -> Report {
    let mut report = Report::default();
    let mut scenarios: BTreeMap<String, Vec<Run>> = BTreeMap::new();
    for (at, (_, record)) in records.iter().enumerate().filter(|(_, (_, record))| record.search.is_none()) {
        for run in &record.runs {
            scenarios.entry(run.scenario.clone()).or_default().push(named(run, &letter(at)));
        }
    }
    let all: Vec<(&Run, Verdict)> = scenarios.values().flatten().map(|run| (run, run.judged())).collect();
    let title = format!("{} records", records.len());
    let names: Vec<&str> = records.iter().map(|(name, _)| name.as_str()).collect();
    report.group([page::of_runs(title.clone(), names.join(", "), &all, true)]);
    let heading = Block::Heading(Heading::new(Level::Report, &title, ""));
    report.group(std::iter::once(heading).chain(legend(&names)));
    let note = "the records were made at different times, so a difference between them is not judged; drumpost compare says what can be";
    report.group([Block::List(List { head: None, items: vec![Item::Note(note.into())] })]);
    for (scenario, runs) in &scenarios {
        let judged: Vec<(&Run, Verdict)> = runs.iter().map(|run| (run, run.judged())).collect();
        report.group([Block::Heading(Heading::new(Level::Part, scenario, ""))]);
        report.group([Block::Table(figures(&judged))]);
        report.group(charts(&judged));
    }
    for (_, record) in records {
        report.append(if record.search.is_some() { search(record, None) } else { table(record, None) });
    }
    report
}

/// What a record is called in the table: a file's path in each row would leave no room for figures. A, B, ... Z, A2, B2 and so on.
fn letter(at: usize) -> String {
    const LETTERS: usize = 26;
    let letter = char::from(b'A' + (at % LETTERS) as u8);
    match at / LETTERS {
        0 => letter.to_string(),
        round => format!("{letter}{}", round + 1),
    }
}

/// The letters, and the names that they stand for.
fn legend(names: &[&str]) -> Option<Block> {
    let letters: Vec<String> = (0..names.len()).map(letter).collect();
    let fact = |(letter, name): (&String, &&str)| {
        Fact::about(Name::among(letter, letters.iter().map(String::as_str)), vec![(*name).to_owned()])
    };
    Facts::block("records", letters.iter().zip(names).map(fact).collect())
}

/// The run under a name that says its record, too.
fn named(run: &Run, record: &str) -> Run {
    let verdict = Some(run.judged());
    Run { dispatch: format!("{} ({record})", names::run(run)), verdict, side: None, ..run.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Layout;
    use crate::sample;

    #[test]
    fn records_have_letters_in_the_table_and_a_legend_above_it() {
        let record = sample::record();
        let long = ".drumpost/stream-20260101T000000Z-1a2b.json";
        let text =
            several(&[(long.to_owned(), &record), ("b.json".to_owned(), &record)]).text(Layout::plain(100));
        assert_eq!(text.matches(long).count(), 1, "{text}");
        assert!(text.contains(&format!("records  A  {long}\n         B  b.json\n")), "{text}");
        assert!(text.contains("message/crossbeam (A)") && text.contains("message/crossbeam (B)"), "{text}");
        assert_eq!([0, 25, 26, 51, 52].map(letter), ["A", "Z", "A2", "Z2", "A3"]);
    }
}
