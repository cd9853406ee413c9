//! The list of dispatches: colour of the line, state and figures of each.
//!
//! If there are more rows than room, the list scrolls to the row in focus.

use drumpost_results::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::text::{clip, inlay, row};
use crate::event::{Sample, Status};
use crate::model::Model;
use crate::state::{Phase, Row};

/// Mark, number and line in front of the name.
const PREFIX: usize = 6;
const PHASE: usize = 12;

/// A column of figures, right-aligned.
struct Column {
    title: &'static str,
    width: usize,
    /// It is shown from this width of the panel on.
    from_width: u16,
    text: fn(&Row, u32) -> String,
}

const COLUMNS: [Column; 8] = [
    Column {
        title: "trials",
        width: 7,
        from_width: 70,
        text: |row, trials| format!("{}/{trials}", row.trials_ended),
    },
    Column {
        title: "mean rate",
        width: 10,
        from_width: 0,
        text: |row, _| row.mean_per_s().map_or_else(none, units::rate),
    },
    Column { title: "p50", width: 9, from_width: 0, text: |row, _| time(row, 0) },
    Column { title: "p99", width: 9, from_width: 0, text: |row, _| time(row, 2) },
    Column { title: "p99.9", width: 10, from_width: 100, text: |row, _| time(row, 3) },
    Column { title: "max", width: 10, from_width: 100, text: |row, _| time(row, 4) },
    Column {
        title: "lag p99",
        width: 10,
        from_width: 110,
        text: |row, _| of(row, |s| units::duration(s.lag_p99_ns)),
    },
    Column { title: "faults", width: 8, from_width: 76, text: |row, _| units::count(row.faults()) },
];

fn none() -> String {
    units::NONE.to_owned()
}

fn of(row: &Row, text: fn(&Sample) -> String) -> String {
    row.last.as_ref().map_or_else(none, text)
}

/// A response time of the run so far, by its place in [`crate::event::Quantiles::NAMES`].
fn time(row: &Row, at: usize) -> String {
    let known = row.last.and_then(|sample| sample.run.known().get(at).copied().flatten());
    units::duration_or_none(known)
}

pub(super) fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let (theme, state) = (model.theme(), model.shown());
    let columns: Vec<&Column> = COLUMNS.iter().filter(|c| area.width >= c.from_width).collect();
    let figures: usize = columns.iter().map(|c| c.width).sum();
    let name_width = usize::from(area.width).saturating_sub(PREFIX + PHASE + 1 + figures);
    let room = usize::from(area.height.saturating_sub(1));
    heading(model, row(area, 0), buf, &columns, name_width, room);

    let trials = state.plan.as_ref().map_or(0, |plan| plan.trials);
    let first = model.focus().saturating_sub(room / 2).min(state.rows.len().saturating_sub(room));
    for (i, (dispatch, shown)) in state.rows.iter().enumerate().skip(first).take(room).enumerate() {
        let in_focus = dispatch == model.focus();
        let style = if in_focus { theme.strong() } else { Style::new() };
        let mark = if in_focus { "▸" } else { " " };
        let mut spans = vec![
            Span::styled(format!("{mark}{:<2}", dispatch + 1), style),
            Span::styled(swatch(dispatch, in_focus), theme.series(dispatch, in_focus)),
            Span::styled(format!("{:<name_width$} ", clip(&shown.name, name_width)), style),
            Span::styled(phase(shown.phase), theme.phase(shown.phase)),
        ];
        for column in &columns {
            let style = if column.title == "faults" && shown.faults() > 0 { theme.fault() } else { style };
            spans.push(Span::styled(
                format!("{:>width$}", (column.text)(shown, trials), width = column.width),
                style,
            ));
        }
        Line::from(spans).render(row(area, i as u16 + 1), buf);
    }
}

/// The titles stand in the rule itself: a row saved is a row more for the chart.
fn heading(model: &Model, area: Rect, buf: &mut Buffer, columns: &[&Column], name_width: usize, room: usize) {
    let theme = model.theme();
    buf.set_string(area.x, area.y, "─".repeat(usize::from(area.width)), theme.rule());
    let rows = model.shown().rows.len();
    let part = if rows > room { format!(" {room} of {rows}") } else { String::new() };
    let title = vec![Span::styled("dispatch", theme.strong()), Span::styled(part, theme.quiet())];
    inlay(area, buf, 3, Line::from(title));
    let mut x = PREFIX + name_width + 1;
    // Each title ends above the end of its figures and has a space at both sides.
    let mut put = |x: usize, title: &'static str| inlay(area, buf, x, Line::styled(title, theme.quiet()));
    put(x, "state");
    x += PHASE;
    for column in columns {
        x += column.width;
        put(x - column.title.len(), column.title);
    }
}

/// A piece of the dispatch's line in the chart, shorter beside a number of two digits.
fn swatch(dispatch: usize, in_focus: bool) -> String {
    let piece = if in_focus { "━" } else { "─" };
    if dispatch < 9 { format!("{piece}{piece} ") } else { format!(" {piece} ") }
}

fn phase(phase: Phase) -> String {
    let sign = match phase {
        Phase::Waiting | Phase::NotRun => '·',
        Phase::WarmingUp => '○',
        Phase::Running => '●',
        Phase::Ended(Status::Valid) => '✓',
        Phase::Ended(Status::Suspect) => '?',
        Phase::Ended(Status::Invalid | Status::Refused | Status::Failed) => '✗',
        Phase::Stopped => '■',
    };
    format!("{sign} {:<width$}", phase.word(), width = PHASE - 2)
}
