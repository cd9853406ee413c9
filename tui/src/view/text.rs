//! Small pieces of drawing that the panels share: rules, pairs, bars, clipped text.
//!
//! Does not live here: formatting numbers (`drumpost_results::units`).

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use crate::theme::Theme;

/// Filled eighths of a cell from the bottom, the first of them not empty.
pub(super) const FROM_BOTTOM: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// The row `index` of an area, or nothing below its end.
pub(super) fn row(area: Rect, index: u16) -> Rect {
    Rect { y: area.y.saturating_add(index), height: 1, ..area }.intersection(area)
}

/// What fits of a text, with an ellipsis where it was cut.
pub(super) fn clip(text: &str, width: usize) -> String {
    if Span::raw(text).width() <= width {
        return text.to_owned();
    }
    let mut clipped = String::new();
    for c in text.chars() {
        clipped.push(c);
        if Span::raw(clipped.as_str()).width() >= width {
            clipped.pop();
            break;
        }
    }
    if width > 0 {
        clipped.push('…');
    }
    clipped
}

/// One line at the left and one at the right; the left one gives way.
pub(super) fn pair(area: Rect, buf: &mut Buffer, left: Line, right: Line) {
    let taken = u16::try_from(right.width()).unwrap_or(u16::MAX).min(area.width);
    let room = area.width - if taken > 0 { taken + 1 } else { 0 }.min(area.width);
    clipped(left, usize::from(room)).render(Rect { width: room, ..area }, buf);
    right.render(Rect { x: area.right() - taken, width: taken, ..area }, buf);
}

/// A line cut to a width, with an ellipsis in the span where it was cut.
fn clipped(line: Line<'_>, width: usize) -> Line<'_> {
    if line.width() <= width {
        return line;
    }
    let mut room = width;
    let mut spans = Vec::new();
    for span in line.spans {
        if span.width() >= room {
            // One column more than there is, so that a span that just fits is still cut: more follows it.
            let content = clip(&format!("{} ", span.content), room);
            spans.push(Span::styled(content, span.style));
            break;
        }
        room -= span.width();
        spans.push(span);
    }
    Line::from(spans)
}

/// A horizontal rule with a title, and optionally something at its right end.
pub(super) fn rule(theme: Theme, area: Rect, buf: &mut Buffer, title: Line, right: Line) {
    let line = row(area, 0);
    buf.set_string(line.x, line.y, "─".repeat(usize::from(line.width)), theme.rule());
    let inner = Rect { x: line.x + 2, width: line.width.saturating_sub(3), ..line };
    let (title, right) = (padded(title), padded(right));
    let columns = |text: &Line| u16::try_from(text.width()).unwrap_or(u16::MAX).min(inner.width);
    let from = inner.right() - columns(&right);
    // What is written into a rule must not inherit its faint style.
    Clear.render(Rect { width: columns(&title).min(from - inner.x), ..inner }, buf);
    Clear.render(Rect { x: from, width: columns(&right), ..inner }, buf);
    pair(inner, buf, title, right);
}

/// Writes into a rule, with a space at both sides; the text starts at column `x` of it.
pub(super) fn inlay(area: Rect, buf: &mut Buffer, x: usize, text: Line) {
    let x = area.x.saturating_add(u16::try_from(x).unwrap_or(u16::MAX)).saturating_sub(1);
    let text = padded(text);
    let place =
        Rect { x, width: u16::try_from(text.width()).unwrap_or(u16::MAX), ..row(area, 0) }.intersection(area);
    Clear.render(place, buf);
    text.render(place, buf);
}

fn padded(mut line: Line<'_>) -> Line<'_> {
    if line.width() > 0 {
        line.spans.insert(0, Span::raw(" "));
        line.spans.push(Span::raw(" "));
    }
    line
}

/// A gauge of `width` cells, filled to a share from 0 to 1.
pub(super) fn bar(theme: Theme, width: u16, share: f64, style: Style) -> Line<'static> {
    let halves = (share * f64::from(width) * 2.0).round() as usize;
    let filled = "━".repeat(halves / 2) + if !halves.is_multiple_of(2) { "╾" } else { "" };
    let empty = usize::from(width).saturating_sub(halves.div_ceil(2));
    Line::from(vec![Span::styled(filled, style), Span::styled("─".repeat(empty), theme.trough())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_clipped_by_columns_with_an_ellipsis() {
        assert_eq!(clip("event/nats", 10), "event/nats");
        assert_eq!(clip("event/nats", 9), "event/na…");
        assert_eq!(clip("event/nats", 1), "…");
        assert_eq!(clip("event/nats", 0), "");
        assert_eq!(clip("日本語の名前", 5), "日本…");
    }

    #[test]
    fn a_line_is_clipped_in_the_span_that_is_too_long() {
        let line = Line::from(vec![Span::raw("ab"), Span::raw("cdef"), Span::raw("gh")]);
        assert_eq!(clipped(line.clone(), 8).to_string(), "abcdefgh");
        assert_eq!(clipped(line.clone(), 6).to_string(), "abcde…");
        assert_eq!(clipped(line.clone(), 4).to_string(), "abc…");
        assert_eq!(clipped(line, 2).to_string(), "a…");
    }

    #[test]
    fn a_bar_has_its_width_at_every_share() {
        for i in 0..=1000 {
            let line = bar(Theme::plain(), 17, f64::from(i) / 1000.0, Style::new());
            assert_eq!(line.width(), 17, "{i}");
        }
        assert_eq!(bar(Theme::plain(), 4, 0.5, Style::new()).to_string(), "━━──");
    }
}
