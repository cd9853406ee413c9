//! One frame without a terminal, drawn into a buffer or as text.
//!
//! Does not live here: the picture (`svg.rs`).

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::text::Span;

use crate::model::Model;

/// Draws the model off-screen, `width` columns by `height` rows.
#[must_use]
pub fn render(model: &Model, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    crate::view::draw(model, buffer.area, &mut buffer);
    buffer
}

/// The characters of a buffer, a line per row, without trailing spaces.
#[must_use]
pub fn to_text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for row in rows(buffer) {
        let line: String = row.map(|(_, cell)| cell.symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The cells of each row with their column, without the cells that a wide character to their left covers.
pub(crate) fn rows(buffer: &Buffer) -> impl Iterator<Item = impl Iterator<Item = (usize, &Cell)>> {
    let width = usize::from(buffer.area.width).max(1);
    buffer.content.chunks(width).map(|row| {
        let mut next = 0;
        row.iter().enumerate().filter(move |(column, cell)| {
            let shown = *column >= next;
            if shown {
                next = column + columns(cell);
            }
            shown
        })
    })
}

/// How many columns the character of a cell takes.
pub(crate) fn columns(cell: &Cell) -> usize {
    Span::raw(cell.symbol()).width().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    #[test]
    fn wide_characters_take_their_columns() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
        buffer.set_string(0, 0, "日本 ab", Style::new());
        assert_eq!(to_text(&buffer), "日本 ab\n\n");
        let columns: Vec<usize> = rows(&buffer).next().unwrap().map(|(column, _)| column).collect();
        assert_eq!(columns, [0, 2, 4, 5, 6, 7]);
    }
}
