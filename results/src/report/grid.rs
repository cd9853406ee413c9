//! Tables, fitted to a width.
//!
//! Lives here: alignment, the headings of groups, and folding. Columns that do not fit go into a further block below, in
//! which the naming column is repeated. A name that leaves no room for a figure beside it is cut. Does not live here: the
//! figures themselves.

use std::fmt::Write as _;

use super::{Layout, Tone, columns, hanging};
use crate::plain::line;

/// Space between columns.
const GAP: usize = 2;
/// A naming column is not cut to fewer columns than this.
const NARROWEST: usize = 12;

/// A column: its heading and its group. The group is shown above, once for neighbouring columns of the same group.
pub(super) struct Column {
    group: &'static str,
    heading: String,
    left: bool,
}

/// A text and its tone.
#[derive(Default)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

enum Row {
    Cells(Vec<Cell>),
    /// The naming cells, and a sentence in place of the figures.
    Sentence(Vec<Cell>, String),
}

/// Rows under headings. The first `keys` columns name the row; the last of them is repeated in every block.
pub(super) struct Grid {
    keys: usize,
    headings: Vec<Column>,
    rows: Vec<Row>,
}

impl Column {
    /// A column of figures, aligned to the right.
    pub(super) fn right(group: &'static str, heading: impl Into<String>) -> Self {
        Self { group, heading: heading.into(), left: false }
    }

    /// A column of words, aligned to the left.
    pub(super) fn left(heading: impl Into<String>) -> Self {
        Self { group: "", heading: heading.into(), left: true }
    }
}

impl Cell {
    /// A name in it may come from anywhere, and a line break would begin another row.
    pub(super) fn new(tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { text: if text.contains(['\n', '\r']) { line(&text).into_owned() } else { text }, tone }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(Tone::Plain, text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Grid {
    pub(super) fn new(keys: usize, headings: Vec<Column>) -> Self {
        Self { keys, headings, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row::Cells(cells));
    }

    pub(super) fn sentence(&mut self, keys: Vec<Cell>, sentence: impl Into<String>) {
        self.rows.push(Row::Sentence(keys, sentence.into()));
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
            Row::Cells(cells) | Row::Sentence(cells, _) => cells.get(i),
        });
        let widest = cells.map(|cell| columns(&cell.text)).max().unwrap_or(0);
        let group = self.headings[i].group;
        let alone = self.headings.iter().filter(|column| column.group == group).count() == 1;
        // No text makes its column wider than a name may be.
        let widest = widest.min(crate::plain::NAME_LEN);
        widest.max(columns(&self.headings[i].heading)).max(if alone { columns(group) } else { 0 })
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
                layout.paint(Tone::Faint, &align(&column.heading, widths[*i], column.left))
            })
            .collect();
        push_line(&mut text, &headings.join(&" ".repeat(GAP)));
        for row in &self.rows {
            match row {
                Row::Cells(cells) if self.is_too_wordy(block, widths, layout) => {
                    let text_of = |i: usize| cells.get(i).map_or("", |cell| &cell.text);
                    let lead = align(text_of(block[0]), widths[block[0]], true) + &" ".repeat(GAP);
                    text += &hanging(&lead, text_of(block[1]), layout);
                }
                Row::Cells(cells) => {
                    let cell = |i: &usize| {
                        cells.get(*i).map_or_else(String::new, |cell| self.cell(cell, *i, widths, layout))
                    };
                    push_line(&mut text, &block.iter().map(cell).collect::<Vec<_>>().join(&" ".repeat(GAP)));
                }
                Row::Sentence(keys, sentence) if first => {
                    text += &self.sentence_line(keys, sentence, widths, layout);
                }
                Row::Sentence(..) => {}
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
    fn sentence_line(&self, keys: &[Cell], sentence: &str, widths: &[usize], layout: Layout) -> String {
        let gap = " ".repeat(GAP);
        let aligned = |(i, key): (usize, &Cell)| align(&key.text, widths[i], self.headings[i].left);
        let plain = keys.iter().enumerate().map(aligned).collect::<Vec<_>>().join(&gap);
        let said = hanging(&format!("{plain}{gap}"), sentence, layout);
        // Colours are added last, because they take no columns.
        let painted = |(i, key): (usize, &Cell)| match i + 1 == keys.len() {
            true => layout.paint(key.tone, &cut(&key.text, widths[i])),
            false => self.cell(key, i, widths, layout),
        };
        let painted = keys.iter().enumerate().map(painted).collect::<Vec<_>>().join(&gap);
        said.replacen(plain.trim_end(), painted.trim_end(), 1)
    }

    fn cell(&self, cell: &Cell, i: usize, widths: &[usize], layout: Layout) -> String {
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

fn align(text: &str, width: usize, left: bool) -> String {
    let text = &cut(text, width);
    if left { format!("{text:<width$}") } else { format!("{text:>width$}") }
}

/// At most so many columns, the last of them an ellipsis if something was left out.
pub(super) fn cut(text: &str, width: usize) -> String {
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
