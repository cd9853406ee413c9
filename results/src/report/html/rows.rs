//! The index of rows that a page shows in full, and the heading of each.
//!
//! Does not live here: what is below a heading, which are blocks like any other.

use super::super::block::{Block, OnPage, RowPart, Rows};
use super::blocks::class;
use super::escape::{html, with_code};

/// Whether a row has more than numbers for programs, so that there is something to go to.
pub(super) fn is_drawn(row: &RowPart) -> bool {
    row.groups.iter().flatten().any(|block| !matches!(block, Block::Page(OnPage::Figures(_))))
}

pub(super) fn index(rows: &Rows) -> String {
    let mut text = format!(
        "<h2 class=\"section\" id=\"rows\">Rows</h2>\n<p class=\"hint\">{}</p>\n<ul class=\"index\">\n",
        with_code(&rows.about)
    );
    for (i, row) in rows.rows.iter().enumerate() {
        let name = html(&row.name);
        let name = if is_drawn(row) { format!("<a href=\"#row-{}\">{name}</a>", i + 1) } else { name };
        text += &format!("<li>{}<span>{name}</span></li>\n", pill(row));
    }
    text + "</ul>\n"
}

/// The heading of a row. `i` is its place in the index.
pub(super) fn heading(row: &RowPart, i: usize) -> String {
    format!(
        "<h2 class=\"row\" id=\"row-{}\">{}</h2>\n<p class=\"facts\">{} {} <a href=\"#rows\">all rows</a></p>\n",
        i + 1,
        html(&row.name),
        pill(row),
        html(&row.facts)
    )
}

fn pill(row: &RowPart) -> String {
    format!("<span class=\"pill {}\">{}</span> ", class(row.tone), html(&row.word))
}
