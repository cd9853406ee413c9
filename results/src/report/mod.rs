//! Records and comparisons as text for a terminal, and comparisons as JSON.
//!
//! Lives here: the layout and its colours. The parts are `run` (a record), `hops`, `comparison`, `json`, `search` with
//! its `chart` and `svg`, and `suite`. `grid` aligns columns and fits them to a width. Does not live here: printing. Every
//! function returns the text.

use crate::plain;

mod audit;
mod backlog;
mod chart;
mod comparison;
mod grid;
mod hops;
mod host;
mod json;
mod run;
mod search;
mod server;
mod settings;
mod suite;
mod svg;

pub use comparison::comparison;
pub use hops::hops;
pub use json::json;
pub use run::table;
pub use search::{search, search_headline, search_line};
pub use settings::{FAIRNESS, IN_HEADLINE, USUAL};
pub use suite::suite;
pub use svg::search_svg;

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

/// The meaning of a piece of text. The layout turns it into a colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Tone {
    #[default]
    Plain,
    Strong,
    Good,
    Warning,
    Bad,
    Faint,
}

/// The columns that a text takes in a terminal. Wide and combining characters occur only in foreign names and are ignored.
fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Lines of at most `width` columns, broken at spaces.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
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

/// A name in bold and facts about it.
fn headline(name: &str, facts: &str, layout: Layout) -> String {
    let name = &*plain::line(name);
    hanging(&format!("{name}  "), facts, layout).replacen(name, &layout.paint(Tone::Strong, name), 1)
}

/// A settings key without the unit it ends in, for values that carry their unit.
fn without_unit(key: &str) -> &str {
    ["_ns", "_bytes", "_per_s"].iter().find_map(|unit| key.strip_suffix(unit)).unwrap_or(key)
}

#[cfg(test)]
mod tests;
