//! The report on a comparison: its verdict, a table with one row per metric, and notes on what would help to decide.
//!
//! Does not live here: the rule that decides (`compare`).

use super::block::{Block, Cell, Column, Heading, Item, Level, List, Paragraph, Report, Table, Term, Tone};
use super::{floors, names, page};
use crate::compare::{Basis, Comparison, Cut, Gate, Looks, Row, Verdict};
use crate::model::{Record, Setting};
use crate::rows::Fault;
use crate::units;

/// The report on a comparison. `records` are those that A and B are from; both may be the same. Only a page shows what is in them:
/// charts of both sides, the audit, the machine, and the command.
#[must_use]
pub fn comparison(comparison: &Comparison, records: [&Record; 2]) -> Report {
    let mut report = Report::default();
    let Headline { tone, word, facts } = headline(comparison);
    report.group([page::of_comparison(comparison)]);
    let begins = Heading { tone, ..Heading::new(Level::Report, word, facts) };
    let term = |word, text: &String| Term { word, text: text.clone() };
    let mut terms = vec![term("A", &comparison.a), term("B", &comparison.b)];
    terms.extend(comparison.control.iter().map(|control| term("A'", &control.sentence)));
    terms.extend(comparison.notes.iter().map(|note| term("", note)));
    report.group([Block::Heading(begins), Block::Terms(terms)]);
    for row in &comparison.rows {
        report.group([Block::Heading(heading(row, comparison.basis))]);
        report.group([Block::Table(table(row, comparison.basis))]);
        report.group(notes(row));
        report.group([page::pairs(row, comparison.rows.len() == 1)]);
    }
    // Without a row nothing was measured, so there is no rule to state and no record to show.
    if !comparison.rows.is_empty() {
        report.group([Block::Paragraph(Paragraph { tone: Tone::Faint, text: rule(comparison) })]);
        report.group(page::sides(comparison, records));
        report.end(page::of_compared(records));
    }
    report
}

/// What a report begins with.
pub(super) struct Headline {
    pub tone: Tone,
    pub word: &'static str,
    /// Empty if the word says all.
    pub facts: String,
}

/// In the order of the exit codes: what was cut off, pairs that failed, a broken promise, a regression, invalid sides, and the other verdicts.
/// Verdicts of a comparison that was cut off were not due yet.
pub(super) fn headline(comparison: &Comparison) -> Headline {
    let whole = of_promises(comparison);
    let Some(cut) = &comparison.course.cut else { return of_failed_pairs(comparison, whole) };
    let (tone, why) = match cut {
        Cut::Interrupted(why) => (Tone::Warning, why),
        Cut::Failed(why) => (Tone::Bad, why),
    };
    let has_figures = comparison.rows.iter().any(|row| !row.gates.is_empty());
    let facts = match &*whole.facts {
        "" if !has_figures => format!("{why}; there are no figures"),
        "" => format!("{why}; figures so far: {}", whole.word),
        facts => format!("{why}; so far {facts}"),
    };
    Headline { tone, word: NOT_COMPLETE, facts }
}

const NOT_COMPLETE: &str = "not complete";

/// A build with a pair that failed is no pass, whatever the other pairs show.
fn of_failed_pairs(comparison: &Comparison, whole: Headline) -> Headline {
    let Some(failed) = comparison.course.failed_pairs_in_words() else { return whole };
    let facts = match &*whole.facts {
        "" => format!("{failed}; figures: {}", whole.word),
        facts => format!("{failed}; {facts}"),
    };
    Headline { tone: Tone::Bad, word: NOT_COMPLETE, facts }
}

/// A failed audit comes before the times: a side that loses messages may well be the faster one.
fn of_promises(comparison: &Comparison) -> Headline {
    let times = comparison.verdict;
    let mut broken = comparison.broken_promises();
    let Some((row, _)) = broken.next() else { return of_sides(comparison) };
    let place = place(comparison, row, broken.count());
    let broken = row.broken_in_words().unwrap_or_default();
    let facts = format!("{broken}{place}; figures: {}", times.words());
    Headline { tone: Tone::Bad, word: Fault::AuditFailed.words(), facts }
}

/// A regression counts even if a side is invalid. Any other verdict does not.
fn of_sides(comparison: &Comparison) -> Headline {
    let times = comparison.verdict;
    if times != Verdict::Regression
        && let Some(why) = invalid_in_words(comparison)
    {
        let facts = format!("{why}; figures: {}", times.words());
        return Headline { tone: Tone::Bad, word: Fault::Invalid.words(), facts };
    }
    // The times are judged, and a reader has to know that they are those of sides that both failed.
    let both = comparison.broken_by_both().find_map(Row::broken_in_words);
    let tone = match (tone(times), &both) {
        (Tone::Good, Some(_)) => Tone::Warning,
        (tone, _) => tone,
    };
    Headline { tone, word: times.words(), facts: both.unwrap_or_default() }
}

/// Which side is invalid, without a full stop; `None`: none is. The reasons are in the notes of its row.
fn invalid_in_words(comparison: &Comparison) -> Option<String> {
    if comparison.is_control_different() {
        return Some("a copy of A differs from A".to_owned());
    }
    let mut invalid = comparison.rows.iter().filter(|row| row.is_invalid());
    let row = invalid.next()?;
    let sides = match row.invalid_sides {
        [true, true] => "A and B are invalid",
        [true, false] => "A is invalid",
        [false, _] => "B is invalid",
    };
    Some(format!("{sides}{}", place(comparison, row, invalid.count())))
}

/// Where it is, if there are several rows: in this one, and in so many others.
fn place(comparison: &Comparison, row: &Row, others: usize) -> String {
    if comparison.rows.len() == 1 {
        return String::new();
    }
    let more = units::counted(others as u64, "more row", "more rows");
    let more = if others > 0 { format!(" and others in {more}") } else { String::new() };
    format!(" in {}{more}", row.label())
}

/// A line that says what A, B and B/A are, and how they were judged.
fn rule(comparison: &Comparison) -> String {
    const OF_ALL: &str = "A and B are figures of all trials together, and B/A is their ratio.";
    const OF_PAIRS: &str =
        "A and B are medians over the pairs of trials, and B/A is the median of the pairs' ratios.";
    let mut gates = comparison.rows.iter().flat_map(|row| &row.gates);
    let is_any_paired = gates.any(|gate| gate.pairs > 0);
    let of_what = if is_any_paired { OF_PAIRS } else { OF_ALL };
    if comparison.basis == Basis::Unpaired {
        return of_what.to_owned();
    }
    format!("{of_what} {}", test(comparison))
}

/// The test that judged, its level, and when it was made. The same words stand in the JSON document.
pub(super) fn test(comparison: &Comparison) -> String {
    let options = &comparison.options;
    let firm = match options.firm {
        true => " A regression or an improvement also needs a 99 % interval beyond half the margin.",
        false => "",
    };
    let chance = format!(
        "the chance that any regression or improvement above is false is at most {} % (Holm's correction).",
        share(options.alpha)
    );
    let looks = match &comparison.looks {
        _ if comparison.course.cut.is_some() => {
            let looks = units::counted(u64::from(options.looks), "look", "looks");
            let each = share(options.alpha_per_look());
            let was = if options.looks == 1 { "was" } else { "were" };
            format!(
                "Planned {was} {looks}, each a judgement of all pairs so far at {each} %. It ended before the next of them, so nothing is known about the chance that a verdict in this table is false."
            )
        }
        Some(looks) => planned(looks, options.alpha_per_look(), &chance),
        None if options.looks > 1 => {
            let (n, each) = (options.looks, share(options.alpha_per_look()));
            format!("With {n} looks at {each} % each, {chance}")
        }
        None => format!("T{}", &chance[1..]),
    };
    format!("Judged by an exact sign test and the margin.{firm} {looks}")
}

fn planned(ended: &Looks, alpha_per_look: f64, chance: &str) -> String {
    let numbers: Vec<String> = ended.planned.iter().map(ToString::to_string).collect();
    let (last, others) = numbers.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
    let looks = match others {
        [] => format!("It was planned to judge once, after {last} pairs; {chance}"),
        _ => {
            let (others, each) = (others.join(", "), share(alpha_per_look));
            format!(
                "It was planned to judge after {others} and {last} pairs, at {each} % each, so that {chance}"
            )
        }
    };
    let (pairs, why) = (units::counted(ended.pairs as u64, "pair", "pairs"), ended.stop.because());
    format!("{looks} The comparison ended after {pairs}, because {why}.")
}

/// A share as a percentage without needless zeros.
fn share(share: f64) -> String {
    let percent = format!("{:.2}", share * 100.0);
    percent.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn heading(row: &Row, basis: Basis) -> Heading {
    let sides = if row.dispatch_a == row.dispatch_b {
        row.dispatch_a.clone()
    } else {
        format!("A {}, B {}", row.dispatch_a, row.dispatch_b)
    };
    let pairs = if basis == Basis::Paired { format!(", {}", row.pairs_in_words()) } else { String::new() };
    Heading::new(Level::Part, names::cell(row).unwrap_or(&row.scenario), format!("{sides}{pairs}"))
}

fn table(row: &Row, basis: Basis) -> Table {
    let mut headings = vec![
        Column::left("verdict"),
        Column::left("metric"),
        Column::right("", "A"),
        Column::right("", "B"),
        Column::right("", "B/A"),
    ];
    if basis == Basis::Paired {
        headings.push(Column::right("", "95 % interval"));
        headings.push(Column::right("", "p (Holm)"));
        headings.push(Column::right("", "margin"));
    }
    let has_floor = row.gates.iter().any(|gate| gate.floor.is_some());
    if has_floor {
        headings.push(Column::right("", "noise floor"));
    }
    let mut table = Table::new(1, 1, headings);
    for gate in &row.gates {
        let mut cells = vec![
            Cell::new(tone(gate.verdict), gate.verdict.words()),
            gate.metric.label().into(),
            gate.metric.format(gate.a).into(),
            gate.metric.format(gate.b).into(),
            units::ratio(gate.ratio).into(),
        ];
        if basis == Basis::Paired {
            let none = || units::NONE.to_owned();
            let interval = gate
                .interval
                .map(|it| format!("{} to {}", units::change(it.low - 1.0), units::change(it.high - 1.0)));
            cells.push(interval.unwrap_or_else(none).into());
            cells.push(gate.p_holm.map_or_else(none, units::probability).into());
            cells.push(gate.margin_text().unwrap_or_else(none).into());
        }
        if has_floor {
            cells.push(gate.floor_text().unwrap_or_else(|| units::NONE.to_owned()).into());
        }
        table.row(cells);
    }
    if row.gates.is_empty() {
        let verdict = if basis == Basis::Paired { Verdict::Inconclusive } else { Verdict::NotJudged };
        table.sentence(vec![Cell::new(tone(verdict), verdict.words()), "".into()], "one side has no figures");
    }
    table
}

fn notes(row: &Row) -> Option<Block> {
    let mut items = Vec::new();
    let mut said: Vec<(String, Vec<&Gate>)> = Vec::new();
    for gate in &row.gates {
        // Where nothing was judged, the table has said so.
        if gate.verdict == Verdict::NotJudged && gate.note.is_none() {
            continue;
        }
        let note = gate.brief_sentence();
        match said.iter_mut().find(|(known, _)| *known == note) {
            Some((_, gates)) => gates.push(gate),
            None => said.push((note, vec![gate])),
        }
    }
    for (note, gates) in said {
        let labels: Vec<&str> = gates.iter().map(|gate| gate.metric.label()).collect();
        let which = if gates.len() == row.gates.len() { "all".to_owned() } else { labels.join(", ") };
        items.push(format!("{which}: {note}"));
    }
    let contrary: Vec<&str> =
        row.gates.iter().filter(|gate| is_contrary(gate)).map(|gate| gate.metric.label()).collect();
    if !contrary.is_empty() {
        let why = "B/A points in the other direction than the medians A and B, because the pairs differ more among themselves than A and B do";
        items.push(format!("{}: {why}", contrary.join(", ")));
    }
    items.extend(floors::sentences(row));
    items.extend(row.notes.iter().cloned());
    if !row.differences.is_empty() {
        let shown = |key: &str, value: &Option<Setting>| {
            value.as_ref().map_or_else(|| units::NONE.to_owned(), |value| value.text(key))
        };
        let one = |(key, a, b): &(String, _, _)| {
            format!("{} A {}, B {}", super::without_unit(key), shown(key, a), shown(key, b))
        };
        let all: Vec<String> = row.differences.iter().map(one).collect();
        items.push(format!("settings that differ: {}", all.join("; ")));
    }
    let items: Vec<Item> = items.into_iter().map(Item::Reason).collect();
    (!items.is_empty()).then_some(Block::List(List { head: None, items }))
}

/// True if the medians shown and the ratio shown point in different directions. The median of ratios is not the ratio of
/// medians, so both may be right.
fn is_contrary(gate: &Gate) -> bool {
    let [a, b] = [gate.a, gate.b].map(|value| gate.metric.format(value));
    let is_shown = a != b && units::ratio(gate.ratio) != units::ratio(1.0);
    is_shown && (gate.b > gate.a) != (gate.ratio > 1.0)
}

/// The tone of a verdict.
pub(super) fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Regression => Tone::Bad,
        Verdict::Improvement | Verdict::NoChange => Tone::Good,
        Verdict::Inconclusive => Tone::Warning,
        Verdict::NotJudged => Tone::Faint,
    }
}
