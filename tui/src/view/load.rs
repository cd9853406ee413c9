//! The panel with the load of the dispatch in focus: lag, blocked senders, what waits at the server, flows in flight, and the
//! server's CPU and memory.
//!
//! Does not live here: throughput, which has a chart.

use drumpost_results::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Sparkline, Widget};

use super::text::{bar, pair, row, rule};
use crate::history::Slot;
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
    // What waits at a server replaces the bar, and its course is the row below.
    let at_server = last.and_then(|s| s.at_server());
    let has_depth = model.shown().has_depth;
    if at_server.is_some() {
        figure(3, "at server", at_server.map(units::count));
    }
    let next = 4 + u16::from(has_depth);
    figure(next, "in flight", last.map(|s| units::count(s.in_flight)));
    // If there is a server on this machine, its figures replace the course of flows in flight.
    let server = last.and_then(|s| s.server);
    if let Some(server) = server {
        let cores = Some(server.cores).filter(|cores| cores.is_finite());
        figure(next + 1, "server CPU", cores.map(|cores| format!("{cores:.2}")));
        figure(next + 2, "  memory", Some(units::size(server.memory_bytes)));
    }

    let style =
        if blocked.is_some_and(|share| share >= MOSTLY_BLOCKED) { theme.warning() } else { theme.gauge() };
    let columns = focused.map_or(Vec::new(), |row| row.history.columns(usize::from(area.width)));
    if at_server.is_some() {
        course(&columns, |slot| slot.at_server, theme.gauge(), row(area, 4), buf);
    } else {
        bar(theme, area.width, blocked.unwrap_or(0.0), style).render(row(area, 3), buf);
    }
    if server.is_none() {
        let top = next + 1;
        let below =
            Rect { y: area.y + top, height: area.height.saturating_sub(top), ..area }.intersection(area);
        course(&columns, |slot| slot.in_flight, theme.gauge(), below, buf);
    }
}

/// A figure over time as bars, on a scale in powers of two: a steady number is a steady bar of about half the height, not a full block.
fn course(columns: &[Slot], figure: fn(&Slot) -> u64, style: Style, area: Rect, buf: &mut Buffer) {
    let values: Vec<u64> = columns.iter().map(figure).collect();
    let most = values.iter().copied().max().unwrap_or(0);
    let top = most.saturating_add(1).checked_next_power_of_two().unwrap_or(most);
    Sparkline::default().max(top).data(values).style(style).render(area, buf);
}

#[cfg(test)]
mod tests {
    use crate::event::{Event, Plan, Sample};
    use crate::frame::{render, to_text};
    use crate::model::Model;
    use crate::theme::Theme;

    /// The rows of the panel at a size, without the panels beside it.
    fn panel(model: &Model, width: u16, height: u16) -> Vec<String> {
        let text = to_text(&render(model, width, height));
        let all: Vec<&str> = text.lines().collect();
        let first = all.iter().position(|line| line.contains("── load ")).expect("the panel is there");
        let from = all[first].chars().collect::<Vec<_>>();
        let is_here = |at: &usize| from[*at..].starts_with(&"── load ".chars().collect::<Vec<_>>()[..]);
        let at = (0..from.len()).find(is_here).expect("it begins");
        let wide = if width < 110 { 16 } else { 24 };
        let cut = |line: &&str| line.chars().skip(at).take(wide).collect::<String>();
        all[first + 1..first + 8].iter().map(cut).collect()
    }

    #[test]
    fn what_waits_at_a_server_has_a_course_below_it() {
        for (width, height) in [(60, 16), (80, 24), (120, 40)] {
            let mut model = Model::new(Theme::plain());
            let dispatches = vec!["message/a".to_owned()];
            model.apply(Event::Started(Plan { dispatches, trials: 1, ..Plan::default() }));
            for tenth in 1..=8u64 {
                let waiting = Some((tenth * 100, Some(tenth)));
                let elapsed_ns = tenth * 100_000_000;
                model.apply(Event::Sample(Sample { elapsed_ns, waiting, in_flight: 7, ..Sample::default() }));
            }
            let rows = panel(&model, width, height);
            assert!(rows[2].starts_with("at server") && rows[2].ends_with(" 808"), "{rows:#?}");
            assert!(rows[3].starts_with(" ▁▂▃▃▄▅▆"), "{rows:#?}");
            assert!(rows[4].starts_with("in flight") && rows[4].ends_with(" 7"), "{rows:#?}");
        }
    }
}
