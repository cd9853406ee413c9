//! Tables and settings in Markdown.
//!
//! Does not live here: the other kinds of blocks.

use super::super::block::{Align, Cell, Column, Pair, Row, Settings, Table, Tone};
use super::escape::inline;

/// A table with a row of headings. The heading of a column begins with that of its group.
pub(super) fn table(table: &Table) -> String {
    let heading = |column: &Column| inline(&format!("{} {}", column.group, column.heading));
    let headings = table.columns.iter().map(heading).collect();
    let aligns: Vec<Align> = table.columns.iter().map(|column| column.align).collect();
    let names = table.lead + table.names;
    // A sentence goes into the first left-aligned column after the names.
    let words = (names..aligns.len()).find(|i| aligns[*i] == Align::Left).unwrap_or(names);
    let rows = table.rows.iter().map(|row| match row {
        Row::Cells(cells) => cells.iter().map(cell).collect(),
        Row::Sentence(cells, sentence) => {
            let mut texts: Vec<String> = cells.iter().map(cell).collect();
            texts.resize(words, String::new());
            texts.push(inline(sentence));
            texts
        }
    });
    drawn(headings, &aligns, rows)
}

/// Settings that rows share, folded away, and a table of those in which rows differ.
pub(super) fn settings(settings: &Settings) -> String {
    let mut parts = Vec::new();
    if !settings.shared.is_empty() {
        let pair = |pair: &Pair| vec![inline(&pair.key), inline(&pair.value)];
        let pairs = settings.shared.iter().map(pair);
        let table = drawn(vec!["setting".into(), "value".into()], &[Align::Left; 2], pairs);
        let all = if settings.own.is_empty() { "settings" } else { "settings of all rows" };
        parts.push(format!("<details><summary>{all}</summary>\n\n{table}\n</details>\n"));
    }
    if let Some((_, first)) = settings.own.first() {
        let keys = first.iter().map(|pair| inline(&pair.key));
        let headings: Vec<String> = std::iter::once("settings that differ".to_owned()).chain(keys).collect();
        let row = |(name, pairs): &(super::super::block::Name, Vec<Pair>)| {
            std::iter::once(inline(&name.text)).chain(pairs.iter().map(|pair| inline(&pair.value))).collect()
        };
        let aligns = vec![Align::Left; headings.len()];
        parts.push(drawn(headings, &aligns, settings.own.iter().map(row)));
    }
    parts.join("\n")
}

/// Rows of cells that are Markdown already. Every row has as many cells as there are headings.
fn drawn(headings: Vec<String>, aligns: &[Align], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = |align: &Align| match align {
        Align::Left => ":--".to_owned(),
        Align::Right => "--:".to_owned(),
    };
    let mut markdown = line(&headings);
    markdown += &line(&aligns.iter().map(rule).collect::<Vec<_>>());
    for mut cells in rows {
        cells.resize(aligns.len(), String::new());
        markdown += &line(&cells);
    }
    markdown
}

fn cell(cell: &Cell) -> String {
    toned(cell.tone, &cell.text)
}

/// A text with an emphasis that grows with what it means. There are no colours.
pub(super) fn toned(tone: Tone, text: &str) -> String {
    let text = inline(text);
    match tone {
        _ if text.is_empty() => text,
        Tone::Bad | Tone::Strong => format!("**{text}**"),
        Tone::Warning => format!("*{text}*"),
        Tone::Plain | Tone::Good | Tone::Faint => text,
    }
}
