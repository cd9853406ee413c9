//! The chart of throughput over time: one line per dispatch, of its latest trial, over the time since the start of the
//! trial.
//!
//! The list of dispatches has the colours of the lines. On the time axis are the times at which an instance of the dispatch in
//! focus was away.

use drumpost_results::units;
use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

use super::text::{inlay, rule};
use crate::model::Model;
use crate::state::{Row, State};

/// A time axis never covers less, so that the first samples do not race across it. In seconds.
const SHORTEST_S: f64 = 1.0;
/// Marks the times on the axis at which an instance of the dispatch in focus was away.
const AWAY: &str = "×";
/// Columns of the rates beside the axis.
const LABELS: u16 = 9;

type Points = Vec<(f64, f64)>;

pub(super) fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let (theme, state) = (model.theme(), model.shown());
    let focused = state.rows.get(model.focus()).map(|row| (model.focus(), row));
    let target_per_s =
        focused.and_then(|(_, row)| row.last?.target_per_s).filter(|t| t.is_finite() && *t > 0.0);
    let title = Line::styled("throughput, flows per second", theme.strong());
    rule(theme, area, buf, title, now(model, focused, target_per_s));

    let lines: Vec<(usize, Points)> = state.rows.iter().map(points).enumerate().collect();
    let end_s = end_of_time(state);
    let values_per_s = lines.iter().flat_map(|(_, points)| points.iter().map(|p| p.1));
    let top_per_s = round_up(values_per_s.chain(target_per_s).fold(0.0, f64::max) * 1.02);
    let columns = area.width.saturating_sub(LABELS + 1);
    let dots: Points = target_per_s.map_or(Vec::new(), |target| dots(columns, end_s, target));

    let mut sets = vec![Dataset::default().marker(Marker::Braille).style(theme.target()).data(&dots)];
    let (quiet, strong): (Vec<_>, Vec<_>) =
        lines.iter().partition(|(dispatch, _)| *dispatch != model.focus());
    for (dispatch, points) in quiet.into_iter().chain(strong) {
        let in_focus = *dispatch == model.focus();
        let set = Dataset::default().graph_type(GraphType::Line).data(points);
        // The line in focus is thicker and on top: it stands out without colours too.
        let marker = if in_focus { Marker::Quadrant } else { Marker::Braille };
        sets.push(set.marker(marker).style(theme.series(*dispatch, in_focus)));
    }
    let label =
        |text: String| Span::styled(format!("{text:>width$}", width = usize::from(LABELS)), theme.quiet());
    let rates = [0.0, top_per_s / 2.0, top_per_s].map(|per_s| label(units::rate(per_s)));
    let y = Axis::default().bounds([0.0, top_per_s]).labels(rates).labels_alignment(Alignment::Right);
    let plot = Rect { y: area.y + 1, height: area.height - 2, ..area };
    Chart::new(sets)
        .legend_position(None)
        .x_axis(Axis::default().bounds([0.0, end_s]))
        .y_axis(y.style(theme.rule()))
        .render(plot, buf);
    time_axis(
        model,
        Rect { x: area.x + LABELS, y: plot.bottom(), width: columns + 1, height: 1 },
        buf,
        end_s,
    );
}

/// The axis with its times in the line itself: a row saved is a row more for the plot.
fn time_axis(model: &Model, area: Rect, buf: &mut Buffer, end_s: f64) {
    let theme = model.theme();
    let line = format!("└{}", "─".repeat(usize::from(area.width) - 1));
    buf.set_string(area.x, area.y, line, theme.rule());
    for x in focused(model).map_or(Vec::new(), |row| marks(&row.outages, area.width, end_s)) {
        buf.set_string(area.x + x, area.y, AWAY, theme.fault());
    }
    let width = usize::from(area.width);
    for (s, share) in [(0.0, 0.0), (end_s / 2.0, 0.5), (end_s, 1.0)] {
        let text = seconds(s);
        let x = ((width as f64 * share) as usize).saturating_sub(text.chars().count() / 2);
        let x = x.clamp(3, width.saturating_sub(text.chars().count() + 2).max(3));
        inlay(area, buf, x, Line::styled(text, theme.quiet()));
    }
}

fn focused(model: &Model) -> Option<&Row> {
    model.shown().rows.get(model.focus())
}

/// The columns of a time axis of that width in which an instance was away, at least one for each outage.
fn marks(outages: &[(u64, u64)], width: u16, end_s: f64) -> Vec<u16> {
    let last = width.saturating_sub(1).max(1);
    let column = |ns: u64| ((ns as f64 / 1e9 / end_s * f64::from(last - 1)) as u16).saturating_add(1);
    let columns = |(from_ns, until_ns): &(u64, u64)| column(*from_ns)..=column(*until_ns).min(last);
    outages.iter().flat_map(columns).collect()
}

/// What the dispatch in focus does at this moment.
fn now<'a>(model: &Model, focused: Option<(usize, &'a Row)>, target_per_s: Option<f64>) -> Line<'a> {
    let theme = model.theme();
    let Some((dispatch, row)) = focused else { return Line::default() };
    let mut spans = vec![Span::styled(row.name.as_str(), theme.series(dispatch, true))];
    if let Some(sample) = row.last {
        spans.push(Span::styled(format!(" {:>9}", units::rate(sample.throughput_per_s)), theme.strong()));
    }
    if let Some(target) = target_per_s {
        spans.push(Span::styled(format!("  target {}", units::rate(target)), theme.target()));
    }
    Line::from(spans)
}

fn points(row: &Row) -> Points {
    row.history.slots().iter().map(|slot| (slot.until_ns as f64 / 1e9, slot.throughput_per_s())).collect()
}

/// A dotted line: one dot in each column, two of which a column would hold.
fn dots(columns: u16, end_s: f64, target_per_s: f64) -> Points {
    let last = f64::from(columns) * 2.0 - 1.0;
    (0..columns).map(|column| (f64::from(column) * 2.0 / last * end_s, target_per_s)).collect()
}

/// Where the time axis ends: a round time, at most the length of the longest trial where that is known.
fn end_of_time(state: &State) -> f64 {
    let samples = || state.rows.iter().filter_map(|row| row.last);
    let seconds = |ns: u64| ns as f64 / 1e9;
    let elapsed_s = samples().map(|s| seconds(s.elapsed_ns)).fold(0.0, f64::max);
    let known: Option<Vec<f64>> =
        samples().map(|s| Some(seconds(s.elapsed_ns.saturating_add(s.remaining_ns?)))).collect();
    let longest_s = known.map_or(f64::INFINITY, |all| all.into_iter().fold(0.0, f64::max));
    round_up(elapsed_s).min(longest_s).max(elapsed_s).max(SHORTEST_S)
}

fn seconds(s: f64) -> String {
    if s > 0.0 { units::duration((s * 1e9) as u64) } else { "0 s".to_owned() }
}

/// The next round number: an axis that ends there stands still while its values move.
fn round_up(value: f64) -> f64 {
    const ROUND: [f64; 9] = [1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0];
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let decade = 10f64.powf(value.log10().floor());
    let fits = ROUND.iter().map(|r| r * decade).find(|round| *round >= value);
    fits.unwrap_or(decade * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_has_a_mark_however_short_it_was_and_none_outside_of_the_axis() {
        let ms = |from: u64, until: u64| (from * 1_000_000, until * 1_000_000);
        assert_eq!(marks(&[ms(500, 501)], 102, 1.0), [51]);
        assert_eq!(marks(&[ms(0, 0), ms(100, 130)], 102, 1.0), [1, 11, 12, 13, 14]);
        assert_eq!(marks(&[ms(990, 5_000)], 102, 1.0), [100, 101]);
        assert_eq!(marks(&[ms(3_000, 5_000)], 102, 1.0), Vec::<u16>::new());
        assert_eq!(marks(&[(u64::MAX, u64::MAX)], 102, 1.0), Vec::<u16>::new());
    }

    #[test]
    fn axes_end_at_round_numbers_that_hold_the_values() {
        for (value, round) in
            [(0.0, 1.0), (1.0, 1.0), (9.7, 10.0), (12_100.0, 15_000.0), (10_200.0, 12_000.0), (0.011, 0.012)]
        {
            assert!((round_up(value) - round).abs() < round * 1e-9, "{value}");
        }
        assert_eq!(round_up(f64::NAN), 1.0);
    }
}
