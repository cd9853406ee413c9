//! The audit of the dispatch in focus: expected against delivered.
//!
//! Lives here: the counters of the latest trial. The faults of all trials stand in the list of dispatches.

use drumpost_results::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{pair, row, rule};
use crate::model::Model;

pub(super) fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = model.theme();
    let last = model.shown().rows.get(model.focus()).and_then(|row| row.last);
    let verdict = match last.map(|s| s.faults()) {
        None => Line::default(),
        Some(0) => Line::styled("ok", theme.phase(crate::state::Phase::Ended(crate::event::Status::Valid))),
        Some(_) => Line::styled("faults", theme.fault()),
    };
    rule(theme, area, buf, Line::styled("audit", theme.strong()), verdict);
    let counters = last.map(|s| [s.sent, s.delivered, s.lost, s.duplicated, s.reordered, s.corrupted]);
    let names = ["sent", "delivered", "lost", "duplicated", "reordered", "corrupted"];
    for (i, name) in names.into_iter().enumerate() {
        let count = counters.map(|all| all[i]);
        let text = count.map_or_else(|| units::NONE.to_owned(), units::count);
        // The first two count what went well.
        let is_fault = i >= 2 && count.is_some_and(|n| n > 0);
        let (label, value) =
            if is_fault { (theme.fault(), theme.fault()) } else { (theme.quiet(), theme.strong()) };
        pair(row(area, i as u16 + 1), buf, Line::styled(name, label), Line::styled(text, value));
    }
}
