//! Every text of a report that may be foreign, to be changed before it is shown.
//!
//! The command line replaces secrets in them. Afterwards it would be too late: escaped for a page, a secret no longer looks
//! like one. Words that stand in this package's sources are left out.

use super::{Block, Cell, Fact, Item, OnPage, Pair, Report, Row, RowPart};

impl Report {
    /// The report with each of its texts replaced.
    #[must_use]
    pub fn map_texts(mut self, change: impl Fn(&str) -> String) -> Self {
        let all = self.groups.iter_mut().chain(&mut self.ending).flatten().flat_map(texts);
        all.for_each(|text| *text = change(text));
        self
    }
}

fn texts(block: &mut Block) -> Vec<&mut String> {
    match block {
        Block::Heading(it) => vec![&mut it.name, &mut it.facts],
        Block::Paragraph(it) => vec![&mut it.text],
        Block::Facts(it) => it.facts.iter_mut().flat_map(of_fact).collect(),
        Block::List(it) => {
            let head = it.head.iter_mut().map(|head| &mut head.about);
            let items = it.items.iter_mut().map(|(Item::Reason(text) | Item::Note(text))| text);
            head.chain(items).collect()
        }
        Block::Table(it) => it.rows.iter_mut().flat_map(of_row).collect(),
        Block::Settings(it) => {
            let own = it.own.iter_mut().flat_map(|(name, own)| {
                std::iter::once(&mut name.text).chain(own.iter_mut().flat_map(of_pair))
            });
            it.shared.iter_mut().flat_map(of_pair).chain(own).collect()
        }
        Block::Terms(it) => it.iter_mut().map(|term| &mut term.text).collect(),
        Block::Chart(it) => vec![&mut it.dispatch, &mut it.goal],
        Block::Trend(it) => vec![&mut it.title],
        Block::Saved(it) => vec![&mut it.path],
        Block::Page(it) => of_page(it),
    }
}

fn of_page(block: &mut OnPage) -> Vec<&mut String> {
    match block {
        OnPage::Lead(it) => vec![&mut it.title, &mut it.facts, &mut it.about, &mut it.reason],
        OnPage::Section(..) => Vec::new(),
        OnPage::Plot(it) => {
            let lines = it.lines.iter_mut().map(|line| &mut line.name);
            let labels = it.limits.iter_mut().map(|limit| &mut limit.label);
            let marks = it.marks.iter_mut().flat_map(|mark| [&mut mark.label, &mut mark.short]);
            [&mut it.title, &mut it.about]
                .into_iter()
                .chain(lines)
                .chain(labels)
                .chain(marks)
                .chain(&mut it.notes)
                .collect()
        }
        OnPage::Strips(it) => {
            let rows = it.rows.iter_mut().flat_map(|row| [&mut row.name, &mut row.said, &mut row.margin]);
            [&mut it.title, &mut it.about].into_iter().chain(rows).chain(&mut it.notes).collect()
        }
        OnPage::Missing { sentence, .. } => vec![sentence],
        OnPage::Code(it) => vec![it],
        OnPage::Figures(it) => vec![&mut it.scenario, &mut it.dispatch],
        OnPage::Rows(it) => it.rows.iter_mut().flat_map(of_whole_row).chain([&mut it.about]).collect(),
        OnPage::Only(it) => texts(it),
    }
}

fn of_whole_row(row: &mut RowPart) -> Vec<&mut String> {
    let groups = row.groups.iter_mut().flatten().flat_map(texts);
    [&mut row.name, &mut row.facts].into_iter().chain(groups).collect()
}

fn of_fact(fact: &mut Fact) -> Vec<&mut String> {
    let name = fact.name.iter_mut().map(|name| &mut name.text);
    name.chain(&mut fact.parts).chain(fact.below.iter_mut().flat_map(of_fact)).collect()
}

fn of_row(row: &mut Row) -> Vec<&mut String> {
    let (cells, sentence): (&mut Vec<Cell>, _) = match row {
        Row::Cells(cells) => (cells, None),
        Row::Sentence(cells, sentence) => (cells, Some(sentence)),
    };
    cells.iter_mut().map(|cell| &mut cell.text).chain(sentence).collect()
}

fn of_pair(pair: &mut Pair) -> [&mut String; 2] {
    [&mut pair.key, &mut pair.value]
}
