//! Draws the model. Lives here: the arrangement of the panels for any size. Each panel has a file below.

mod audit;
mod chart;
mod dispatches;
mod header;
mod help;
mod latency;
mod load;
mod notices;
mod text;

use drumpost_results::plain;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use crate::model::Model;

/// Below this there is only a message.
const SMALLEST: (u16, u16) = (60, 16);
const HEADER_ROWS: u16 = 3;
/// One more where a server tells what waits there.
const DETAIL_ROWS: u16 = 7;
/// A chart with fewer rows says nothing.
const CHART_ROWS: u16 = 6;
/// From here on there is room to list notices instead of showing the latest.
const TALL: u16 = 30;
const NOTICE_ROWS: u16 = 4;

/// Draws the model over the whole frame.
pub fn view(model: &Model, frame: &mut Frame) {
    draw(model, frame.area(), frame.buffer_mut());
}

/// Replaces characters that would act on the terminal. Names and notices are foreign text; here is the one place that all of
/// it passes, whatever panel it is in.
fn make_plain(buf: &mut Buffer) {
    for cell in &mut buf.content {
        if cell.symbol().chars().any(plain::acts) {
            let symbol = plain::plain(cell.symbol()).into_owned();
            // A mark that came along with the letter before it takes no place of its own.
            let shown: String = symbol.chars().take(1).collect();
            cell.set_symbol(&shown);
        }
    }
}

/// Draws the model into a part of a buffer.
pub(crate) fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    panels(model, area, buf);
    make_plain(buf);
}

fn panels(model: &Model, area: Rect, buf: &mut Buffer) {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return too_small(area, buf);
    }
    let state = model.shown();
    let details = DETAIL_ROWS + u16::from(state.has_depth);
    let panels = Panels::arrange(area, details, state.rows.len(), state.notices.len());
    header::draw(model, panels.header, buf);
    if let Some(area) = panels.chart {
        chart::draw(model, area, buf);
    }
    latency::draw(model, panels.latency, buf);
    load::draw(model, panels.load, buf);
    audit::draw(model, panels.audit, buf);
    dispatches::draw(model, panels.dispatches, buf);
    notices::draw(model, panels.notices, buf);
    help::hints(model, panels.hints, buf);
    if model.is_help_open() {
        help::overlay(model, area, buf);
    }
}

fn too_small(area: Rect, buf: &mut Buffer) {
    let lines = [
        "window too small".to_owned(),
        format!("{} x {} needed", SMALLEST.0, SMALLEST.1),
        format!("{} x {} here", area.width, area.height),
        "q quits".to_owned(),
    ];
    let top = area.y + area.height.saturating_sub(lines.len() as u16) / 2;
    for (line, y) in lines.into_iter().zip(top..area.bottom()) {
        Line::from(line).centered().render(Rect::new(area.x, y, area.width, 1), buf);
    }
}

/// Where each panel goes.
#[derive(Debug, PartialEq, Eq)]
struct Panels {
    header: Rect,
    chart: Option<Rect>,
    latency: Rect,
    load: Rect,
    audit: Rect,
    dispatches: Rect,
    notices: Rect,
    hints: Rect,
}

impl Panels {
    /// Header, details and hints have their rows; the dispatches take what they need, the chart what is left.
    fn arrange(area: Rect, detail_rows: u16, dispatches: usize, notices: usize) -> Self {
        let noticed = match u16::try_from(notices).unwrap_or(u16::MAX) {
            0 => 0,
            n if area.height >= TALL => 1 + n.min(NOTICE_ROWS),
            _ => 1,
        };
        let free = area.height - HEADER_ROWS - detail_rows - 1 - noticed;
        let wanted = u16::try_from(dispatches).unwrap_or(u16::MAX).saturating_add(1).max(2);
        let with_chart = free >= CHART_ROWS + 2;
        let listed = if with_chart { wanted.min(free - CHART_ROWS) } else { free };

        let mut y = area.y;
        let mut next = |rows: u16| {
            let taken = Rect::new(area.x, y, area.width, rows);
            y += rows;
            taken
        };
        let header = next(HEADER_ROWS);
        let chart = with_chart.then(|| next(free - listed));
        let [latency, load, audit] = details(next(detail_rows));
        let (dispatches, notices, hints) = (next(listed), next(noticed), next(1));
        Self { header, chart, latency, load, audit, dispatches, notices, hints }
    }
}

/// Latency takes what the two narrow panels leave.
fn details(area: Rect) -> [Rect; 3] {
    let (gap, load, audit) = match area.width {
        ..72 => (1, 16, 19),
        72..110 => (2, 16, 20),
        _ => (3, 24, 24),
    };
    let latency = area.width - load - audit - 2 * gap;
    let at = |x: u16, width: u16| Rect { x: area.x + x, width, ..area };
    [at(0, latency), at(latency + gap, load), at(latency + gap + load + gap, audit)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_fill_every_size_without_gap_or_overlap() {
        for (width, height, dispatches, notices) in (60..=200)
            .flat_map(|w| (16..=70).map(move |h| (w, h, (w * 7 + h) as usize % 40, (w + h) as usize % 6)))
        {
            let area = Rect::new(0, 0, width, height);
            let p = Panels::arrange(area, DETAIL_ROWS + (width + height) % 2, dispatches, notices);
            let mut bottom = 0;
            for part in
                [Some(p.header), p.chart, Some(p.latency), Some(p.dispatches), Some(p.notices), Some(p.hints)]
                    .into_iter()
                    .flatten()
            {
                assert_eq!(part.y, bottom, "{width}x{height}");
                bottom = part.bottom();
            }
            assert_eq!(bottom, height, "{width}x{height}");
            assert!(p.chart.is_none_or(|chart| chart.height >= CHART_ROWS));
            assert!(p.dispatches.height >= 2 && p.latency.width >= 23);
            assert_eq!(p.audit.right(), width);
        }
    }
}
