//! The panel with the load of the dispatch in focus: lag, blocked senders, flows in flight, and the server's CPU and
//! memory.
//!
//! Does not live here: throughput, which has a chart.

use drumpost_results::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Sparkline, Widget};

use super::text::{bar, pair, row, rule};
use crate::model::Model;
use crate::state::share;

/// From this share on, blocked senders set the pace and not the load.
const MOSTLY_BLOCKED: f64 = 0.5;

pub(super) fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = model.theme();
    rule(theme, area, buf, Line::styled("load", theme.strong()), Line::default());
    let focused = model.shown().rows.get(model.focus());
    let last = focused.and_then(|row| row.last);
    let blocked = last.map(|s| share(s.blocked_share));
    let mut figure = |index: u16, label: &'static str, value: Option<String>| {
        let value = value.unwrap_or_else(|| units::NONE.to_owned());
        pair(row(area, index), buf, Line::styled(label, theme.quiet()), Line::styled(value, theme.strong()));
    };
    figure(1, "lag p99", last.map(|s| units::duration(s.lag_p99_ns)));
    figure(2, "blocked", blocked.map(units::percent));
    // What waits at a server replaces the bar.
    let waiting = last.and_then(|s| s.waiting);
    if let Some([ready, unacknowledged]) = waiting {
        figure(3, "at server", Some(units::count(ready.saturating_add(unacknowledged))));
    }
    figure(4, "in flight", last.map(|s| units::count(s.in_flight)));
    // If there is a server on this machine, its figures replace the course of flows in flight.
    let server = last.and_then(|s| s.server);
    if let Some(server) = server {
        let cores = Some(server.cores).filter(|cores| cores.is_finite());
        figure(5, "server CPU", cores.map(|cores| format!("{cores:.2}")));
        figure(6, "  memory", Some(units::size(server.memory_bytes)));
    }

    let style =
        if blocked.is_some_and(|share| share >= MOSTLY_BLOCKED) { theme.warning() } else { theme.gauge() };
    if waiting.is_none() {
        bar(theme, area.width, blocked.unwrap_or(0.0), style).render(row(area, 3), buf);
    }
    if server.is_some() {
        return;
    }
    let columns = focused.map_or(Vec::new(), |row| row.history.columns(usize::from(area.width)));
    let in_flight: Vec<u64> = columns.iter().map(|slot| slot.in_flight).collect();
    let below = Rect { y: area.y + 5, height: area.height.saturating_sub(5), ..area }.intersection(area);
    // A scale in powers of two: a steady number is a steady bar of about half the height, not a full block.
    let most = in_flight.iter().copied().max().unwrap_or(0);
    let top = most.saturating_add(1).checked_next_power_of_two().unwrap_or(most);
    Sparkline::default().max(top).data(in_flight).style(theme.gauge()).render(below, buf);
}
