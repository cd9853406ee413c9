//! Reports as one HTML file: it opens from a mail attachment, loads nothing, and can be read without its script.
//!
//! Lives here: the order of everything in a page. `frame` is what stands around it, `blocks`, `rows` and `table` are the kinds of blocks,
//! `drawing` is a chart in a page, `data` the figures as JSON, `escape` how foreign text is written. Does not live here: what is
//! said (`block`, `page`), and lines and axes (`draw`).

mod blocks;
mod data;
mod drawing;
mod escape;
mod frame;
mod rows;
mod table;

use super::block::{Block, Lead, OnPage, Rows};
use super::chart::Chart;
use super::draw::{Family, Plot};
use data::Data;
use std::collections::BTreeMap;

/// A page while it is written.
#[derive(Default)]
struct Page {
    body: String,
    title: Option<String>,
    data: Data,
    /// The style of each line by its name, so that a dispatch looks the same in all plots.
    styles: BTreeMap<(Family, String), usize>,
    /// The title of a part of which nothing was written yet. A part without content has no title.
    section: String,
    /// Whether the next heading of a report is left out, because the page's title says the same.
    is_heading_said: bool,
    /// Whether headings of parts stand below the heading of a report.
    is_below_heading: bool,
}

/// The whole page. The same groups give the same bytes.
pub(super) fn render<'a>(groups: impl Iterator<Item = &'a Vec<Block>>) -> String {
    let mut page = Page::default();
    for group in groups {
        page.group(group);
    }
    page.finish()
}

impl Page {
    /// Blocks that belong together. Neighbours that are drawn as one element are taken together.
    fn group(&mut self, group: &[Block]) {
        for run in group.chunk_by(|a, b| is_half(a) && is_half(b) || are_facts(a, b)) {
            match run {
                [first, ..] if is_half(first) => self.beside(run),
                [first, ..] if run.len() > 1 || matches!(first, Block::Facts(_)) => {
                    self.add(&blocks::facts(run.iter()));
                }
                _ => run.iter().for_each(|block| self.block(block)),
            }
        }
    }

    fn add(&mut self, html: &str) {
        self.body += &std::mem::take(&mut self.section);
        self.body += html;
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading(it) => self.heading(it),
            Block::Paragraph(it) => self.add(&blocks::paragraph(it)),
            Block::Facts(_) | Block::Saved(_) => self.add(&blocks::facts(std::iter::once(block))),
            Block::List(it) => self.add(&blocks::list(it)),
            Block::Table(it) => self.add(&table::table(it)),
            Block::Settings(it) => self.add(&table::settings(it)),
            Block::Terms(it) => self.add(&blocks::terms(it)),
            Block::Chart(it) => self.load(it),
            Block::Trend(it) => self.plot(&it.plot()),
            Block::Page(it) => self.on_page(it),
        }
    }

    fn on_page(&mut self, block: &OnPage) {
        match block {
            OnPage::Lead(it) => self.lead(it),
            OnPage::Section(title, about) => {
                let level = if self.is_below_heading { 3 } else { 2 };
                self.section = blocks::section(level, title, about);
            }
            OnPage::Plot(it) => self.plot(it),
            OnPage::Strips(it) => {
                let number = self.data.strips(it);
                self.add(&drawing::strips(it, number));
            }
            OnPage::Missing { title, sentence, .. } => self.add(&drawing::missing(title, sentence)),
            OnPage::Code(it) => self.add(&blocks::code(it)),
            OnPage::Figures(it) => self.data.figures(it),
            OnPage::Rows(it) => self.rows(it),
            OnPage::Only(it) => self.block(it),
        }
    }

    /// An index of all rows, and each row in full. Titles within a row are one level below its own.
    fn rows(&mut self, rows: &Rows) {
        self.section.clear();
        self.add(&rows::index(rows));
        let is_below_heading = std::mem::replace(&mut self.is_below_heading, true);
        for (i, row) in rows.rows.iter().enumerate() {
            if rows::is_drawn(row) {
                self.add(&rows::heading(row, i));
            }
            self.data.begin_row(&row.name);
            row.groups.iter().for_each(|group| self.group(group));
            self.section.clear();
        }
        self.data.begin_row("");
        self.is_below_heading = is_below_heading;
    }

    /// The title of the page with the verdict. That of a further report in the same page is a heading.
    fn lead(&mut self, lead: &Lead) {
        let is_first = self.title.is_none();
        self.section.clear();
        self.add(&blocks::lead(lead, is_first));
        self.title.get_or_insert_with(|| lead.title.clone());
        self.is_heading_said = lead.is_heading;
        self.is_below_heading = !is_first;
    }

    fn heading(&mut self, heading: &super::block::Heading) {
        use super::block::Level;
        let is_report = heading.level == Level::Report;
        if is_report && std::mem::take(&mut self.is_heading_said) {
            return;
        }
        self.title.get_or_insert_with(|| heading.name.clone());
        self.is_below_heading |= is_report;
        let level = if self.is_below_heading && !is_report { 3 } else { 2 };
        self.section.clear();
        self.add(&blocks::heading(level, heading));
    }

    /// Latency against load. The heading above says which dispatch it is.
    fn load(&mut self, chart: &Chart) {
        let plot = chart.plot();
        let title = "Latency against load".to_owned();
        self.plot(&Plot { about: format!("goal {}; {}", chart.goal, plot.about), title, ..plot });
    }

    /// Plots beside each other, under one legend.
    fn beside(&mut self, blocks: &[Block]) {
        let plots: Vec<Plot> = blocks
            .iter()
            .filter_map(|block| match block {
                Block::Page(OnPage::Plot(plot)) => Some(self.styled(plot)),
                _ => None,
            })
            .collect();
        if !plots.is_empty() {
            self.add(&drawing::legend(plots.iter()));
        }
        self.add("<div class=\"beside\">\n");
        blocks.iter().for_each(|block| self.block(block));
        self.add("</div>\n");
    }

    fn plot(&mut self, plot: &Plot) {
        let plot = self.styled(plot);
        let number = self.data.plot(&plot);
        self.add(&drawing::plot(&plot, number));
    }

    /// The plot with the styles that its lines have in this page.
    fn styled(&mut self, plot: &Plot) -> Plot {
        let mut plot = plot.clone();
        for line in &mut plot.lines {
            let known = self.styles.keys().filter(|(family, _)| *family == plot.family).count();
            line.style = *self.styles.entry((plot.family, line.name.clone())).or_insert(known);
        }
        plot
    }

    fn finish(self) -> String {
        let title = self.title.unwrap_or_else(|| "drumpost".to_owned());
        frame::page(&title, &self.body, &self.data.json())
    }
}

/// Whether a block stands beside its neighbours where there is room.
fn is_half(block: &Block) -> bool {
    match block {
        Block::Page(OnPage::Plot(plot)) => plot.is_half,
        Block::Page(OnPage::Missing { is_half, .. }) => *is_half,
        _ => false,
    }
}

/// Facts that stand together are one list, and the path of the record is the last of them.
fn are_facts(a: &Block, b: &Block) -> bool {
    matches!((a, b), (Block::Facts(_), Block::Facts(_) | Block::Saved(_)))
}

#[cfg(test)]
mod tests;
