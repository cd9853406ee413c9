//! The panel with the audit of the dispatch in focus: the counters of its latest trial. When a trial over a transport
//! with confirms is over, the panel shows confirmed and refused messages. The list of dispatches has the faults of all
//! trials.

use drumpost_results::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{pair, row, rule};
use crate::event::{Allows, Confirms};
use crate::model::Model;

pub(super) fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = model.theme();
    let focused = model.shown().rows.get(model.focus());
    let last = focused.and_then(|row| row.last);
    let confirms = focused.and_then(|row| row.confirms);
    let verdict = match last.map(|s| s.faults()) {
        None => Line::default(),
        Some(0) => Line::styled("ok", theme.phase(crate::state::Phase::Ended(crate::event::Status::Valid))),
        Some(_) => Line::styled("faults", theme.fault()),
    };
    rule(theme, area, buf, Line::styled("audit", theme.strong()), verdict);
    // Each with whether any of it is a fault.
    let allows = last.map_or_else(Allows::default, |s| s.allows);
    let mut counters = vec![
        ("sent", last.map(|s| s.sent), false),
        ("delivered", last.map(|s| s.delivered), false),
        ("dropped", last.map(|s| s.dropped), !allows.loss),
        ("duplicated", last.map(|s| s.duplicated), !allows.duplicates),
        ("reordered", last.map(|s| s.reordered), !allows.disorder),
        ("corrupted", last.map(|s| s.corrupted), true),
    ];
    if let Some(Confirms { confirmed, refused, unconfirmed }) = confirms {
        // In place of what was sent and delivered: the panel has no more lines.
        counters[0] = ("confirmed", Some(confirmed), false);
        counters[1] = ("refused", Some(refused), true);
        if unconfirmed > 0 && refused == 0 {
            counters[1] = ("unconfirmed", Some(unconfirmed), true);
        }
    }
    for (i, (name, count, is_bad)) in counters.into_iter().enumerate() {
        let text = count.map_or_else(|| units::NONE.to_owned(), units::count);
        let is_fault = is_bad && count.is_some_and(|n| n > 0);
        let (label, value) =
            if is_fault { (theme.fault(), theme.fault()) } else { (theme.quiet(), theme.strong()) };
        pair(row(area, i as u16 + 1), buf, Line::styled(name, label), Line::styled(text, value));
    }
}
