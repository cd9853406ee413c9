//! What a report says, as data: blocks in groups.
//!
//! A report is made once and rendered as often as needed: [`Report::text`] for a terminal, [`Report::markdown`] for a comment,
//! [`Report::html`] for a browser. A block says what is worth knowing and what it means (its tone), never how it looks. So a table has cells and
//! not padded lines, and a chart has points and not characters. Lives here: the kinds of blocks. Does not live here: what is
//! said of a record (`run`, `search`, `suite`, `comparison` and the files for their parts), what only a page
//! shows (`on_page`), and how it looks (`text`, `markdown`, `html`).

mod on_page;
mod texts;

pub(super) use on_page::{Figures, Lead, OnPage, RowPart, Rows};

use super::chart::Chart;
use super::history::Picture;
use super::{Layout, columns, html, markdown, text};
use crate::plain::{NAME_LEN, line};
use std::path::Path;

/// Everything that a command says of a record, a suite or a comparison.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Blocks that stand directly below each other. Between two groups there is an empty line. No group is empty.
    pub(super) groups: Vec<Vec<Block>>,
    /// What stands at the end of a page, whatever else is said. Elsewhere it is not shown.
    pub(super) ending: Vec<Vec<Block>>,
}

impl Report {
    /// Adds blocks that belong together. Without a block nothing is added.
    pub(super) fn group(&mut self, blocks: impl IntoIterator<Item = Block>) {
        let blocks: Vec<Block> = blocks.into_iter().collect();
        if !blocks.is_empty() {
            self.groups.push(blocks);
        }
    }

    /// Adds blocks that stand at the end of a page.
    pub(super) fn end(&mut self, blocks: impl IntoIterator<Item = Block>) {
        let blocks: Vec<Block> = blocks.into_iter().map(Block::only_on_page).collect();
        if !blocks.is_empty() {
            self.ending.push(blocks);
        }
    }

    /// Adds all that another report says. On a page it stands above the end of this report.
    pub fn append(&mut self, other: Self) {
        self.groups.extend(other.groups);
        self.groups.extend(other.ending);
    }

    /// The report for a terminal; empty without blocks.
    #[must_use]
    pub fn text(&self, layout: Layout) -> String {
        text::render(&self.everywhere(), layout)
    }

    /// The report as Markdown in GitHub's dialect, for a page or for a comment on a pull request; empty without blocks.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::render(&self.everywhere())
    }

    /// The report as one HTML page that needs no other file and no network: with charts, and with its figures as JSON inside it.
    #[must_use]
    pub fn html(&self) -> String {
        html::render(self.groups.iter().chain(&self.ending))
    }

    /// The files and folders that the report names as saved.
    #[must_use]
    pub fn saved<'a>(&'a self) -> Vec<&'a str> {
        let of = |block: &'a Block| if let Block::Saved(it) = block { Some(it.path.as_str()) } else { None };
        self.groups.iter().flatten().filter_map(of).collect()
    }

    /// The blocks without those that only a page shows.
    fn everywhere(&self) -> Vec<Vec<&Block>> {
        let is_everywhere = |block: &&Block| !matches!(block, Block::Page(_));
        let groups = self.groups.iter().map(|group| group.iter().filter(is_everywhere).collect());
        groups.filter(|group: &Vec<&Block>| !group.is_empty()).collect()
    }
}

/// One thing that a report says. All renderers match on this type, so a new kind has to be given a look in each.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    Heading(Heading),
    Paragraph(Paragraph),
    Facts(Facts),
    List(List),
    Table(Table),
    Settings(Settings),
    Terms(Vec<Term>),
    Chart(Chart),
    Trend(Picture),
    Saved(Saved),
    Page(OnPage),
}

/// The meaning of a piece of text. A renderer turns it into a colour or an emphasis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Plain,
    Strong,
    Good,
    Warning,
    Bad,
    Faint,
}

/// How much a heading is the heading of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Of a whole report, or of a scenario in it.
    Report,
    /// Of a part of that.
    Part,
}

/// A name, and facts about what it names.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heading {
    pub level: Level,
    pub tone: Tone,
    pub name: String,
    /// May be empty.
    pub facts: String,
}

impl Heading {
    pub(super) fn new(level: Level, name: &str, facts: impl Into<String>) -> Self {
        Self { level, tone: Tone::Strong, name: name.to_owned(), facts: facts.into() }
    }
}

/// Sentences without a label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Paragraph {
    pub tone: Tone,
    pub text: String,
}

/// Facts under a label such as `checks`. Without a label they go on with those above.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    pub label: &'static str,
    pub tone: Tone,
    pub facts: Vec<Fact>,
}

/// One fact, perhaps about something with a name, and facts about parts of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Fact {
    pub name: Option<Name>,
    /// Parts of a sentence. They are shown with semicolons between them.
    pub parts: Vec<String>,
    pub below: Vec<Fact>,
}

/// A name among others of its kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    pub text: String,
    /// Characters of the longest name of its kind in this report, [`NAME_LEN`] at most. It aligns facts of several blocks.
    pub longest: usize,
}

impl Facts {
    /// Facts of the usual tone, as a block; none without a fact.
    pub(super) fn block(label: &'static str, facts: Vec<Fact>) -> Option<Block> {
        (!facts.is_empty()).then_some(Block::Facts(Self { label, tone: Tone::Plain, facts }))
    }

    /// One fact.
    pub(super) fn one(label: &'static str, tone: Tone, text: impl Into<String>) -> Block {
        Block::Facts(Self { label, tone, facts: vec![Fact::from(text.into())] })
    }
}

impl Fact {
    pub(super) fn about(name: Name, parts: Vec<String>) -> Self {
        Self { name: Some(name), parts, below: Vec::new() }
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self { parts: vec![text], ..Self::default() }
    }
}

impl Name {
    /// A name that is shown beside others.
    pub(super) fn among<'a>(text: &str, all: impl IntoIterator<Item = &'a str>) -> Self {
        let longest = all.into_iter().map(columns).max().unwrap_or(0).min(NAME_LEN);
        Self { text: text.to_owned(), longest }
    }
}

/// The word above a list of notes alone.
pub(super) const NOTE: &str = "note";

/// Reasons and notes, perhaps with a word and a name above them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct List {
    pub head: Option<Head>,
    pub items: Vec<Item>,
}

impl List {
    /// What stands before a note: nothing where the word above the list says already that its items are notes.
    pub(super) fn note_mark(&self) -> &'static str {
        if self.head.as_ref().is_some_and(|head| head.word == NOTE) { "" } else { "note: " }
    }
}

/// What a list is about: `suspect  message/crossbeam`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    pub tone: Tone,
    pub word: &'static str,
    pub about: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Reason(String),
    /// It does not speak against what the list is about.
    Note(String),
}

/// Rows under headings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    /// Columns before those that name a row.
    pub lead: usize,
    /// Columns that name a row, together.
    pub names: usize,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
}

/// A column: its heading and its group. Neighbours of the same group belong together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// Empty: none.
    pub group: &'static str,
    pub heading: String,
    pub align: Align,
    /// Characters that the other columns usually take, of a column whose texts may be cut where there is no room beside them.
    pub beside: Option<usize>,
    pub yields: Yields,
}

/// What a column gives up on a narrow terminal. If a column gives up anything, the table is not folded into several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Yields {
    /// Columns are left out in the order of these numbers, and those beyond [`Yields::EASY`] come back if there is room in the end; 0: the column
    /// stays.
    pub goes: u8,
    /// Characters to which its texts may be shortened in the middle: as long as columns up to [`Yields::EASY`] can go, and after that.
    pub shortest: Option<[usize; 2]>,
}

impl Yields {
    /// Columns up to this number go before texts are shortened as far as they may be.
    pub(super) const EASY: u8 = 2;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    Cells(Vec<Cell>),
    /// The cells up to those that name the row, and a sentence in place of the figures.
    Sentence(Vec<Cell>, String),
}

/// A text and its tone. The text of a figure carries its unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Cell {
    pub text: String,
    pub tone: Tone,
    /// The least and the most of the trials. Only a page has room for it; empty if there is none.
    pub range: String,
}

impl Table {
    pub(super) fn new(lead: usize, names: usize, columns: Vec<Column>) -> Self {
        Self { lead, names, columns, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row::Cells(cells));
    }

    pub(super) fn sentence(&mut self, names: Vec<Cell>, sentence: impl Into<String>) {
        self.rows.push(Row::Sentence(names, sentence.into()));
    }
}

impl Column {
    /// A column of figures, aligned to the right.
    pub(super) fn right(group: &'static str, heading: impl Into<String>) -> Self {
        Self { group, heading: heading.into(), align: Align::Right, beside: None, yields: Yields::default() }
    }

    /// A column of words, aligned to the left.
    pub(super) fn left(heading: impl Into<String>) -> Self {
        Self {
            group: "",
            heading: heading.into(),
            align: Align::Left,
            beside: None,
            yields: Yields::default(),
        }
    }

    /// A text in this column may be cut to the room beside so many characters.
    pub(super) fn cut_beside(self, others: usize) -> Self {
        Self { beside: Some(others), ..self }
    }

    /// The same, and what it gives up on a narrow terminal.
    pub(super) fn yielding(self, yields: Yields) -> Self {
        Self { yields, ..self }
    }
}

impl Cell {
    /// A name in it may come from anywhere, and a line break would begin another row.
    pub(super) fn new(tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            text: if text.contains(['\n', '\r']) { line(&text).into_owned() } else { text },
            tone,
            range: String::new(),
        }
    }

    /// The same with the range over the trials.
    pub(super) fn ranging(self, range: Option<String>) -> Self {
        Self { range: range.unwrap_or_default(), ..self }
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

/// Settings: those that all rows share, and for each row those in which it differs from others.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub shared: Vec<Pair>,
    /// None, or a row with the same keys for each run.
    pub own: Vec<(Name, Vec<Pair>)>,
}

/// A key and the text of its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    pub key: String,
    pub value: String,
}

/// A word and what it stands for. Without a word it is a remark on those above.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    pub word: &'static str,
    pub text: String,
}

/// Where all of it was saved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Saved {
    pub path: String,
    /// May be empty. Commands in it are in back-quotes.
    pub remark: &'static str,
}

impl Saved {
    pub(super) fn block(path: &Path, remark: &'static str) -> Block {
        Block::Saved(Self { path: path.to_string_lossy().into_owned(), remark })
    }
}
