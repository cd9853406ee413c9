//! The panel with the response time of the dispatch in focus: percentiles now and over the run, and their course over
//! time. Over a transport that confirms, percentiles of the confirm time over the run are beside them.
//!
//! The table and the bars beside it share their rows, so that each bar has its figure.

use drumpost_results::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::text::{FROM_BOTTOM, clip, row, rule};
use crate::event::Quantiles;
use crate::history::Slot;
use crate::model::Model;

const LABEL: u16 = 5;
const FIGURE: u16 = 9;
/// A strip with fewer columns shows no course.
const NARROWEST: u16 = 8;

pub(super) fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = model.theme();
    rule(theme, area, buf, Line::styled("response time", theme.strong()), Line::default());
    let focused = model.shown().rows.get(model.focus());
    let last = focused.and_then(|row| row.last);
    let figures = |pick: fn(&crate::event::Sample) -> Quantiles| last.as_ref().map(|s| pick(s).known());
    let (now, run) = (figures(|s| s.now), figures(|s| s.run));

    // Of a transport that confirms, the confirm time is beside the response time, if there is room for it.
    let with_confirms = LABEL + 3 * FIGURE;
    let confirm =
        last.filter(|s| s.confirms.is_some() && area.width >= with_confirms).map(|s| s.confirm.known());
    let table = if confirm.is_some() { with_confirms } else { LABEL + 2 * FIGURE };
    let also = if confirm.is_some() { "confirm" } else { "" };
    let heading = format!("{:>5}{:>9}{:>9}{also:>9}", "", "now", "run");
    Line::styled(heading, theme.quiet()).render(row(area, 1), buf);
    for (i, name) in Quantiles::NAMES.into_iter().enumerate() {
        let figure = |of: Option<[Option<u64>; 5]>| {
            format!("{:>9}", units::duration_or_none(of.and_then(|known| known[i])))
        };
        let cells = [
            Span::styled(format!("{name:<5}"), theme.quiet()),
            Span::raw(figure(now)),
            Span::styled(figure(run), theme.strong()),
            Span::raw(confirm.map_or_else(String::new, |known| figure(Some(known)))),
        ];
        Line::from(cells.to_vec()).render(row(area, i as u16 + 2), buf);
    }
    if let Some(room) = area.width.checked_sub(table + 1).filter(|room| *room >= NARROWEST) {
        let columns = focused.map_or(Vec::new(), |row| row.history.columns(usize::from(room)));
        strips(model, Rect { x: area.x + table + 1, width: room, ..area }, buf, &columns);
    }
}

/// One strip of bars per percentile, from the start of the trial to now, all on the same log scale.
fn strips(model: &Model, area: Rect, buf: &mut Buffer, columns: &[Slot]) {
    let theme = model.theme();
    let Some(scale) = Scale::of(columns) else { return };
    Line::styled(scale.legend(usize::from(area.width)), theme.quiet()).render(row(area, 1), buf);
    for (x, slot) in (area.x..area.right()).zip(columns) {
        let Some(values) = slot.worst.values() else { continue };
        for (i, ns) in values.into_iter().enumerate() {
            let level = scale.level(ns);
            let glyph = FROM_BOTTOM[((level * 8.0) as usize).min(7)];
            buf.set_string(x, area.y + 2 + i as u16, glyph, theme.heat(level));
        }
    }
}

/// A log scale over whole decades: it stays while values move within them.
struct Scale {
    from_exp: i32,
    to_exp: i32,
}

impl Scale {
    fn of(columns: &[Slot]) -> Option<Self> {
        let values = || columns.iter().filter_map(|slot| slot.worst.values()).flatten().map(|ns| ns.max(1));
        let (least, most) = (values().min()?, values().max()?);
        let from_exp = (least as f64).log10().floor() as i32;
        let to_exp = (most as f64).log10().ceil() as i32;
        Some(Self { from_exp, to_exp: to_exp.max(from_exp + 1) })
    }

    /// From 0 to 1.
    fn level(&self, ns: u64) -> f64 {
        let exp = (ns.max(1) as f64).log10();
        (exp - f64::from(self.from_exp)) / f64::from(self.to_exp - self.from_exp)
    }

    fn legend(&self, width: usize) -> String {
        let [from, to] = [self.from_exp, self.to_exp].map(|exp| units::duration(10f64.powi(exp) as u64));
        let bars = FROM_BOTTOM.concat();
        let long = format!("{from} {bars} {to}");
        if long.chars().count() <= width { long } else { clip(&format!("{from}..{to}"), width) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Sample;

    fn slot(p50_ns: u64, max_ns: u64) -> Slot {
        let now = Quantiles { count: 1, p50_ns, p90_ns: p50_ns, p99_ns: p50_ns, p99_9_ns: p50_ns, max_ns };
        Slot::from(&Sample { now, ..Sample::default() })
    }

    #[test]
    fn the_scale_covers_whole_decades() {
        let scale = Scale::of(&[slot(1_200, 80_000), slot(3_000, 9_000)]).unwrap();
        assert_eq!((scale.from_exp, scale.to_exp), (3, 5));
        assert_eq!(scale.level(1_000), 0.0);
        assert_eq!(scale.level(10_000), 0.5);
        assert_eq!(scale.legend(40), "1.00 µs ▁▂▃▄▅▆▇█ 100 µs");
        assert_eq!(scale.legend(16), "1.00 µs..100 µs");
    }

    #[test]
    fn a_scale_needs_values_and_is_never_empty() {
        assert!(Scale::of(&[]).is_none());
        assert!(Scale::of(&[Slot::from(&Sample::default())]).is_none());
        let scale = Scale::of(&[slot(0, 0)]).unwrap();
        assert_eq!((scale.from_exp, scale.to_exp), (0, 1));
    }
}
