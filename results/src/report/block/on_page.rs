//! Blocks that only a page shows: a terminal and a comment have no room for them.
//!
//! Does not live here: how they look (`html`), and what they say of a record (`page`).

use super::super::draw::{Plot, Strips};
use super::{Block, Tone};

/// Something that only a page shows.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) enum OnPage {
    Lead(Lead),
    /// The title of a part, and what a reader should know about it, which may be empty.
    Section(&'static str, String),
    Plot(Box<Plot>),
    Strips(Strips),
    /// What stands in the place of a plot that cannot be drawn.
    Missing {
        title: &'static str,
        sentence: String,
        /// Whether plots stand beside it.
        is_half: bool,
    },
    /// A command to be copied.
    Code(String),
    Figures(Figures),
    /// The rows of a table, each in full.
    Rows(Rows),
    /// A block that is on the page alone.
    Only(Box<Block>),
}

/// The beginning of a page: its title, and the verdict in one line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::report) struct Lead {
    pub title: String,
    pub facts: String,
    pub tone: Tone,
    /// The verdict as a word.
    pub word: String,
    /// The dispatch that it is about; empty if it is about all.
    pub about: String,
    pub reason: String,
    /// How many runs have which verdict. May be empty.
    pub counts: String,
    /// Whether goals are kept, with the tone of the answer.
    pub goals: Option<(Tone, String)>,
    /// Whether the heading that follows says the same and is left out.
    pub is_heading: bool,
}

/// The figures of a run, for the JSON in a page.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::report) struct Figures {
    pub scenario: String,
    pub dispatch: String,
    /// Its side of a comparison.
    pub side: Option<&'static str>,
    pub status: &'static str,
    pub verdict: &'static str,
    /// By name, which ends in its unit. `None`: not known, or too few samples.
    pub values: Vec<(&'static str, Option<f64>)>,
}

/// Rows in full, under an index of all rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::report) struct Rows {
    /// What a reader should know about them.
    pub about: String,
    pub rows: Vec<RowPart>,
}

/// One row in full.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::report) struct RowPart {
    pub name: String,
    pub tone: Tone,
    /// The verdict as a word.
    pub word: String,
    pub facts: String,
    /// As those of a report. Without any, only the index names the row.
    pub groups: Vec<Vec<Block>>,
}

impl Block {
    pub(in crate::report) fn section(title: &'static str, about: impl Into<String>) -> Self {
        Self::Page(OnPage::Section(title, about.into()))
    }

    /// This block on a page, and nothing elsewhere.
    pub(in crate::report) fn only_on_page(self) -> Self {
        match self {
            Self::Page(_) => self,
            _ => Self::Page(OnPage::Only(Box::new(self))),
        }
    }

    pub(in crate::report) fn plot(plot: Plot) -> Self {
        Self::Page(OnPage::Plot(Box::new(plot)))
    }
}
