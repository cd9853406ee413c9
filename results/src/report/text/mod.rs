//! Reports for a terminal: blocks as lines that fit its width, with colours where it has some.
//!
//! Lives here: every kind of block but tables (`grid`, `fit`), charts (`chart`) and trends (`trend`), and the folding of sentences. Does not live
//! here: what is said (`block`), and printing.

mod chart;
mod fit;
mod grid;
mod trend;

use super::block::{Block, Fact, Facts, Heading, Item, List, Name, Settings, Term, Tone};
use super::columns;
use crate::plain;
use grid::Grid;
use std::borrow::Cow;

pub(super) use chart::chart;
pub(super) use grid::cut;
pub(super) use trend::trend;

/// Columns of the labels of facts: the longest label, and two blanks.
const LABEL: usize = 9;

/// The width of the text, and whether it has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Columns of the terminal; text without spaces may still be longer.
    pub width: usize,
    /// ANSI colours: false for `NO_COLOR`, files and pipes.
    pub colour: bool,
}

impl Layout {
    /// A layout without colours.
    #[must_use]
    pub fn plain(width: usize) -> Self {
        Self { width, colour: false }
    }

    fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.colour || text.is_empty() => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Groups of blocks with an empty line between them.
pub(super) fn render(groups: &[Vec<&Block>], layout: Layout) -> String {
    let group = |blocks: &Vec<&Block>| blocks.iter().map(|it| block(it, layout)).collect::<String>();
    groups.iter().map(group).collect::<Vec<_>>().join("\n")
}

/// A block as lines.
fn block(block: &Block, layout: Layout) -> String {
    match block {
        Block::Heading(it) => heading(it, layout),
        Block::Paragraph(it) => layout.paint(it.tone, &hanging("", &it.text, layout)),
        Block::Facts(it) => facts(it, layout),
        Block::List(it) => list(it, layout),
        Block::Table(it) if fit::is_fitted(it) => fit::fitted(it, layout),
        Block::Table(it) => Grid::of(it, layout.width).render(layout),
        Block::Settings(it) => settings(it, layout),
        Block::Terms(it) => terms(it, layout),
        Block::Chart(it) => chart(it, layout),
        Block::Trend(it) => trend(it, layout),
        // A path is not folded, so that it can be copied.
        Block::Saved(it) => format!("{:<LABEL$}{}{}\n", "saved", plain::line(&it.path), it.remark),
        Block::Page(_) => String::new(),
    }
}

/// A name in its tone, and facts about it.
fn heading(heading: &Heading, layout: Layout) -> String {
    let name = &*plain::line(&heading.name);
    let painted = layout.paint(heading.tone, name);
    if heading.facts.is_empty() {
        return format!("{painted}\n");
    }
    hanging(&format!("{name}  "), &heading.facts, layout).replacen(name, &painted, 1)
}

fn facts(facts: &Facts, layout: Layout) -> String {
    let mut text = String::new();
    for fact in &facts.facts {
        let label = if text.is_empty() { facts.label } else { "" };
        text += &layout.paint(facts.tone, &line(label, fact, layout));
        for below in &fact.below {
            text += &layout.paint(facts.tone, &line("", below, layout));
        }
    }
    text
}

fn line(label: &str, fact: &Fact, layout: Layout) -> String {
    hanging(&lead(label, fact.name.as_ref()), &fact.parts.join("; "), layout)
}

/// A label, and a name that is aligned with others.
fn lead(label: &str, name: Option<&Name>) -> String {
    let name = name.map_or_else(String::new, |name| format!("{:<1$}  ", name.text, name.longest));
    format!("{label:<LABEL$}{name}")
}

fn list(list: &List, layout: Layout) -> String {
    let (mut text, indent) = match &list.head {
        Some(head) => {
            let word = layout.paint(head.tone, &format!("{:<7}", head.word));
            (format!("{word}  {}\n", plain::line(&head.about)), LABEL)
        }
        None => (String::new(), 0),
    };
    for item in &list.items {
        let (mark, said) = match item {
            Item::Reason(said) => ("", said),
            Item::Note(said) => (list.note_mark(), said),
        };
        text += &hanging(&format!("{:indent$}- {mark}", ""), said, layout);
    }
    text
}

fn settings(settings: &Settings, layout: Layout) -> String {
    let said = |pairs: &[super::block::Pair]| {
        let each = pairs.iter().map(|pair| format!("{} {}", pair.key, pair.value));
        each.collect::<Vec<_>>().join("; ")
    };
    let mut text = String::new();
    if !settings.shared.is_empty() {
        text += &hanging(&lead("with", None), &said(&settings.shared), layout);
    }
    for (name, own) in &settings.own {
        text += &hanging(&lead("", Some(name)), &said(own), layout);
    }
    text
}

fn terms(terms: &[Term], layout: Layout) -> String {
    let width = terms.iter().map(|term| columns(term.word)).max().unwrap_or(0);
    let line = |term: &Term| hanging(&format!("{:<width$}  ", term.word), &term.text, layout);
    terms.iter().map(line).collect()
}

/// Lines of at most `width` columns, broken at spaces, but not between a number and its unit.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let unit = words.next_if(|next| is_number(word) && is_unit(next));
        let whole = unit.map_or(Cow::Borrowed(word), |unit| Cow::Owned(format!("{word} {unit}")));
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(&whole) <= width => {
                line.push(' ');
                line.push_str(&whole);
            }
            _ => lines.push(whole.into_owned()),
        }
    }
    lines
}

/// Whether a word is a number, perhaps behind a bracket or a sign: `3.60`, `(12`, `+1,234`.
fn is_number(word: &str) -> bool {
    let digits = word.trim_start_matches(['(', '[', '`', '+', '-', '<', '>']);
    digits.ends_with(|c: char| c.is_ascii_digit())
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || [',', '.'].contains(&c))
}

/// Whether a word is a unit as `units` writes it, perhaps at the end of a part of a sentence: `ms`, `%)`, `k/s,`.
fn is_unit(word: &str) -> bool {
    const UNITS: [&str; 20] = [
        "ns", "µs", "ms", "s", "min", "h", "%", "/s", "k/s", "M/s", "G/s", "T/s", "B", "KiB", "MiB", "GiB",
        "TiB", "M", "G", "T",
    ];
    UNITS.contains(&word.trim_end_matches([',', '.', ';', ':', ')', ']', '`']))
}

/// A text after a lead, wrapped to the width of the layout. Further lines are indented to the end of the lead. If the lead
/// leaves too little room beside it, the text begins on the next line.
#[must_use]
pub fn hanging(lead: &str, text: &str, layout: Layout) -> String {
    /// Columns in which a sentence can be read.
    const ROOM: usize = 20;
    /// Indentation of a text below its lead.
    const BELOW: usize = 2;
    // The text is broken at every blank below; a name in the lead may hold a line break.
    let lead = if lead.contains(['\n', '\r']) { &*plain::line(lead) } else { lead };
    let indent = columns(lead);
    let room = layout.width.saturating_sub(indent);
    if room < ROOM.min(columns(text)) && !lead.trim().is_empty() {
        let lines = wrap(text, layout.width.saturating_sub(BELOW).max(ROOM));
        let below = format!("\n{}", " ".repeat(BELOW));
        return format!("{}{below}{}\n", lead.trim_end(), lines.join(&below));
    }
    let lines = wrap(text, room.max(ROOM));
    let below = format!("\n{}", " ".repeat(indent));
    format!("{lead}{}\n", lines.join(&below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_stays_with_its_unit() {
        let text = "the harness (3.60 % of a core), 50.0 ms, 1,234 MiB and 12 words";
        assert_eq!(
            wrap(text, 14),
            ["the harness", "(3.60 % of a", "core),", "50.0 ms,", "1,234 MiB and", "12 words"]
        );
        assert_eq!(wrap("at 2.80 k/s; 7 x", 6), ["at", "2.80 k/s;", "7 x"], "what does not fit stays whole");
        for word in ["12ms", "1.5x", "-", "1.", "a1", "(%", ""] {
            assert!(!is_number(word), "{word}");
        }
    }

    proptest! {
        /// The words stay the same, and in their order.
        #[test]
        fn nothing_is_lost(words in proptest::collection::vec("[0-9.,(%a-z/µ]{1,6}", 0..20), width in 1..40_usize) {
            let text = words.join(" ");
            prop_assert_eq!(wrap(&text, width).join(" "), text);
        }
    }
}
