//! Tables, drawn with characters and fitted to a width.
//!
//! Lives here: alignment, the headings of groups, and folding. Columns that do not fit go into a further block below, in
//! which the naming column is repeated. A name that leaves no room for a figure beside it is cut. Does not live here: the
//! figures themselves, and tables that are not folded (`fit`).

use std::borrow::Cow;
use std::fmt::Write as _;

use super::super::block::{Align, Cell, Column, Row, Table, Tone};
use super::super::{Layout, columns, hanging};
use crate::plain::NAME_LEN;

/// Space between columns.
pub(super) const GAP: usize = 2;
/// A naming column is not cut to fewer columns than this.
const NARROWEST: usize = 12;
/// A text that may be cut keeps so many columns.
const WORDS: usize = 14;

/// A table that is about to be drawn. The columns that name a row are one, the last of the `keys`; it is repeated in every
/// block.
pub(super) struct Grid<'a> {
    keys: usize,
    headings: Vec<Heading<'a>>,
    rows: Vec<Line<'a>>,
}

struct Heading<'a> {
    group: &'static str,
    text: Cow<'a, str>,
    left: bool,
}

struct Text<'a> {
    text: Cow<'a, str>,
    tone: Tone,
}

enum Line<'a> {
    Cells(Vec<Text<'a>>),
    /// The cells of the keys, and a sentence in place of the figures.
    Sentence(Vec<Text<'a>>, &'a str),
}

impl<'a> Grid<'a> {
    /// The table for so many columns of a terminal.
    pub(super) fn of(table: &'a Table, width: usize) -> Self {
        let naming = table.lead..table.lead + table.names;
        let widths: Vec<usize> = naming.clone().map(|i| name_width(table, i)).collect();
        let joined = |texts: &[&'a str]| -> Cow<'a, str> {
            if let [one] = texts {
                return Cow::Borrowed(one);
            }
            let padded = texts.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
            Cow::Owned(padded.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned())
        };
        let heading = |column: &'a Column| Heading {
            group: column.group,
            text: Cow::Borrowed(column.heading.as_str()),
            left: column.align == Align::Left,
        };
        let mut headings: Vec<Heading> = table.columns.iter().map(heading).collect();
        let names: Vec<&str> = table.columns[naming.clone()].iter().map(|it| it.heading.as_str()).collect();
        headings[table.lead].text = joined(&names);
        headings.drain(table.lead + 1..naming.end);
        let cells = |cells: &'a [Cell]| {
            let texts = cells.iter().zip(&table.columns).map(|(cell, column)| Text {
                text: column.beside.map_or(Cow::Borrowed(cell.text.as_str()), |others| {
                    Cow::Owned(cut(&cell.text, width.saturating_sub(others).max(WORDS)))
                }),
                tone: cell.tone,
            });
            let mut texts: Vec<Text> = texts.collect();
            let names: Vec<&str> =
                cells.iter().skip(table.lead).take(table.names).map(|it| it.text.as_str()).collect();
            if names.len() > 1 {
                texts[table.lead].text = joined(&names);
                texts.drain(table.lead + 1..table.lead + names.len());
            }
            texts
        };
        let rows = table.rows.iter().map(|row| match row {
            Row::Cells(all) => Line::Cells(cells(all)),
            Row::Sentence(names, sentence) => Line::Sentence(cells(names), sentence),
        });
        Self { keys: table.lead + 1, headings, rows: rows.collect() }
    }

    /// The table as blocks with an empty line between them.
    pub(super) fn render(&self, layout: Layout) -> String {
        let mut widths: Vec<usize> = (0..self.headings.len()).map(|i| self.column_width(i)).collect();
        let figures = (self.keys..widths.len()).filter(|i| !self.headings[*i].left);
        if let Some(widest) = figures.map(|i| widths[i]).max() {
            let room = layout.width.saturating_sub(widest + GAP).max(NARROWEST);
            let naming = self.keys - 1;
            widths[naming] = widths[naming].min(room);
        }
        let blocks = self.fold(&widths, layout.width);
        let text = |(i, block): (usize, &Vec<usize>)| self.block(block, &widths, i == 0, layout);
        blocks.iter().enumerate().map(text).collect::<Vec<_>>().join("\n")
    }

    fn column_width(&self, i: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| match row {
            Line::Cells(cells) | Line::Sentence(cells, _) => cells.get(i),
        });
        let widest = cells.map(|cell| columns(&cell.text)).max().unwrap_or(0);
        let group = self.headings[i].group;
        let alone = self.headings.iter().filter(|column| column.group == group).count() == 1;
        // No text makes its column wider than a name may be.
        let widest = widest.min(NAME_LEN);
        widest.max(columns(&self.headings[i].text)).max(if alone { columns(group) } else { 0 })
    }

    /// The columns of each block: as many groups as fit, at least one beside the naming columns.
    fn fold(&self, widths: &[usize], width: usize) -> Vec<Vec<usize>> {
        let total = |block: &[usize]| block.iter().map(|i| widths[*i] + GAP).sum::<usize>();
        let beside: Vec<usize> = (self.keys..self.headings.len()).collect();
        let together = |a: &usize, b: &usize| {
            let (a, b) = (self.headings[*a].group, self.headings[*b].group);
            !a.is_empty() && a == b
        };
        let alone = total(&[self.keys - 1]);
        // A group stays together unless it is too wide for a block of its own.
        let groups = beside.chunk_by(together).flat_map(|group| {
            let whole = alone + total(group) <= width + GAP;
            group.chunks(if whole { group.len() } else { 1 })
        });
        let mut blocks: Vec<Vec<usize>> = Vec::new();
        let mut block: Vec<usize> = (0..self.keys).collect();
        let mut keys = self.keys;
        for group in groups {
            // Several naming columns may leave no room for a figure; then they stand alone.
            let has_some = block.len() > keys || keys > 1;
            if has_some && total(&block) + total(group) > width + GAP {
                blocks.push(std::mem::replace(&mut block, vec![self.keys - 1]));
                keys = 1;
            }
            block.extend(group);
        }
        blocks.push(block);
        blocks
    }

    fn block(&self, block: &[usize], widths: &[usize], first: bool, layout: Layout) -> String {
        let mut text = self.group_line(block, widths, layout);
        let headings: Vec<String> = block
            .iter()
            .map(|i| {
                let column = &self.headings[*i];
                layout.paint(Tone::Faint, &align(&column.text, widths[*i], column.left))
            })
            .collect();
        push_line(&mut text, &headings.join(&" ".repeat(GAP)));
        for row in &self.rows {
            match row {
                Line::Cells(cells) if self.is_too_wordy(block, widths, layout) => {
                    let text_of = |i: usize| cells.get(i).map_or("", |cell| &*cell.text);
                    let lead = align(text_of(block[0]), widths[block[0]], true) + &" ".repeat(GAP);
                    text += &hanging(&lead, text_of(block[1]), layout);
                }
                Line::Cells(cells) => {
                    let cell = |i: &usize| {
                        cells.get(*i).map_or_else(String::new, |cell| self.cell(cell, *i, widths, layout))
                    };
                    push_line(&mut text, &block.iter().map(cell).collect::<Vec<_>>().join(&" ".repeat(GAP)));
                }
                Line::Sentence(keys, sentence) if first => {
                    text += &self.sentence_line(keys, sentence, widths, layout);
                }
                Line::Sentence(..) => {}
            }
        }
        text
    }

    /// Whether a block is a name and a column of words that do not fit beside it. They are wrapped like sentences then.
    fn is_too_wordy(&self, block: &[usize], widths: &[usize], layout: Layout) -> bool {
        let width = block.iter().map(|i| widths[*i] + GAP).sum::<usize>() - GAP;
        block.len() == 2 && self.headings[block[1]].left && width > layout.width
    }

    /// The naming cells and a sentence beside or below them.
    fn sentence_line(&self, keys: &[Text], sentence: &str, widths: &[usize], layout: Layout) -> String {
        let gap = " ".repeat(GAP);
        let aligned = |(i, key): (usize, &Text)| align(&key.text, widths[i], self.headings[i].left);
        let plain = keys.iter().enumerate().map(aligned).collect::<Vec<_>>().join(&gap);
        let said = hanging(&format!("{plain}{gap}"), sentence, layout);
        // Colours are added last, because they take no columns.
        let painted = |(i, key): (usize, &Text)| match i + 1 == keys.len() {
            true => layout.paint(key.tone, &cut(&key.text, widths[i])),
            false => self.cell(key, i, widths, layout),
        };
        let painted = keys.iter().enumerate().map(painted).collect::<Vec<_>>().join(&gap);
        said.replacen(plain.trim_end(), painted.trim_end(), 1)
    }

    fn cell(&self, cell: &Text, i: usize, widths: &[usize], layout: Layout) -> String {
        layout.paint(cell.tone, &align(&cell.text, widths[i], self.headings[i].left))
    }

    /// The names of groups over their columns: `── response ──`.
    fn group_line(&self, block: &[usize], widths: &[usize], layout: Layout) -> String {
        let mut line = String::new();
        let mut at = 0;
        while at < block.len() {
            let group = self.headings[block[at]].group;
            let members = block[at..].iter().take_while(|i| self.headings[**i].group == group).count();
            let members = if group.is_empty() { 1 } else { members };
            let width = block[at..at + members].iter().map(|i| widths[*i] + GAP).sum::<usize>() - GAP;
            if at > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            if members > 1 {
                let _ = write!(line, "{:─^width$}", format!(" {group} "));
            } else {
                line.push_str(&align(group, width, false));
            }
            at += members;
        }
        let mut text = String::new();
        if !line.trim().is_empty() {
            push_line(&mut text, &layout.paint(Tone::Faint, line.trim_end()));
        }
        text
    }
}

/// The columns that a column of names takes. A longer text stands out of its column, as in every table.
fn name_width(table: &Table, i: usize) -> usize {
    let cells = table.rows.iter().filter_map(|row| match row {
        Row::Cells(cells) | Row::Sentence(cells, _) => cells.get(i),
    });
    let heading = columns(&table.columns[i].heading);
    cells.map(|cell| columns(&cell.text)).fold(heading, usize::max).min(NAME_LEN)
}

fn align(text: &str, width: usize, left: bool) -> String {
    let text = &cut(text, width);
    if left { format!("{text:<width$}") } else { format!("{text:>width$}") }
}

/// At most so many columns, the last of them an ellipsis if something was left out.
pub(in crate::report) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}
