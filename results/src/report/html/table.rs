//! Tables and settings of a page.
//!
//! Does not live here: the other kinds of blocks (`blocks`).

use super::super::block::{Align, Cell, Column, Name, Pair, Row, Settings, Table, Tone};
use super::blocks::class;
use super::escape::html;

/// A table that scrolls sideways where it has no room. The names of rows stay in sight.
pub(super) fn table(table: &Table) -> String {
    let rows: String = table.rows.iter().map(|row| self::row(table, row)).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table\"><table>\n<thead>\n{}</thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n",
        headings(table)
    )
}

/// A row of groups, if there are any, and a row of headings.
fn headings(table: &Table) -> String {
    let heading = |(i, column): (usize, &Column)| {
        format!("<th scope=\"col\" class=\"{}\">{}</th>", place(table, i), html(&column.heading))
    };
    let names: String = table.columns.iter().enumerate().map(heading).collect();
    if table.columns.iter().all(|column| column.group.is_empty()) {
        return format!("<tr>{names}</tr>\n");
    }
    let mut groups = String::new();
    let is_same = |a: &Column, b: &Column| a.group == b.group && !a.group.is_empty();
    let mut at = 0;
    for members in table.columns.chunk_by(is_same) {
        let class = if members[0].group.is_empty() { place(table, at) } else { "group".into() };
        at += members.len();
        let group = html(members[0].group);
        groups += &match members.len() {
            1 => format!("<th class=\"{class}\">{group}</th>"),
            n => format!("<th class=\"{class}\" colspan=\"{n}\" scope=\"colgroup\">{group}</th>"),
        };
    }
    format!("<tr class=\"groups\">{groups}</tr>\n<tr>{names}</tr>\n")
}

/// The classes of a cell by its column.
fn place(table: &Table, i: usize) -> String {
    let side = match table.columns.get(i).map(|column| column.align) {
        Some(Align::Right) => "right",
        Some(Align::Left) | None => "left",
    };
    let last_name = table.lead + table.names;
    let name = if (table.lead..last_name).contains(&i) { " name" } else { "" };
    format!("{side}{name}")
}

fn row(table: &Table, row: &Row) -> String {
    let cells =
        |cells: &[Cell]| -> String { cells.iter().enumerate().map(|(i, it)| cell(table, i, it)).collect() };
    match row {
        Row::Cells(all) => format!("<tr>{}</tr>\n", cells(all)),
        Row::Sentence(names, sentence) => {
            let left = table.columns.len().saturating_sub(names.len()).max(1);
            format!(
                "<tr>{}<td class=\"sentence\" colspan=\"{left}\"><p>{}</p></td></tr>\n",
                cells(names),
                html(sentence)
            )
        }
    }
}

fn cell(table: &Table, i: usize, cell: &Cell) -> String {
    let range = match cell.range.as_str() {
        "" => String::new(),
        range => format!("<small>{}</small>", html(range)),
    };
    let text = html(&cell.text);
    let is_verdict = i < table.lead && matches!(cell.tone, Tone::Good | Tone::Warning | Tone::Bad);
    let said = match cell.tone {
        _ if is_verdict => format!("<span class=\"pill {}\">{text}</span>", class(cell.tone)),
        Tone::Plain => text,
        tone => format!("<span class=\"{}\">{text}</span>", class(tone)),
    };
    let is_name = (table.lead..table.lead + table.names).contains(&i);
    let (tag, scope) = if is_name { ("th", " scope=\"row\"") } else { ("td", "") };
    // A long text of words may be broken, a figure may not.
    let long = if cell.text.chars().count() > 40 { " long" } else { "" };
    format!("<{tag}{scope} class=\"{}{long}\">{said}{range}</{tag}>", place(table, i))
}

/// Settings that all rows share as pairs, and a table of those in which rows differ.
pub(super) fn settings(settings: &Settings) -> String {
    let pair =
        |pair: &Pair| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", html(&pair.key), html(&pair.value));
    let mut parts = String::new();
    if !settings.shared.is_empty() {
        parts +=
            &format!("<dl class=\"pairs\">\n{}</dl>\n", settings.shared.iter().map(pair).collect::<String>());
    }
    if let Some((_, first)) = settings.own.first() {
        let mut columns = vec![Column::left("settings that differ")];
        columns.extend(first.iter().map(|pair| Column::left(pair.key.as_str())));
        let mut table = Table::new(0, 1, columns);
        for (name, own) in &settings.own {
            table.row(own_row(name, own));
        }
        parts += &self::table(&table);
    }
    parts
}

fn own_row(name: &Name, own: &[Pair]) -> Vec<Cell> {
    std::iter::once(name.text.as_str())
        .chain(own.iter().map(|pair| pair.value.as_str()))
        .map(Cell::from)
        .collect()
}
