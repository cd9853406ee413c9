//! The trend of a figure as characters: a point for each run from the oldest to the newest, medians as lines, changes as columns.
//!
//! Does not live here: the points (`report::history`), and the same trend as a picture (`draw`).

use super::super::block::Tone;
use super::super::history::{Picture, Point};
use super::super::{Layout, columns};

const ROWS: usize = 11;
/// Columns of the values beside the axis.
const LABELS: usize = 10;

/// The points; empty without a run. The y axis begins at zero only if a value is near it.
pub(in crate::report) fn trend(picture: &Picture, layout: Layout) -> String {
    let Some(range) = Range::of(picture) else { return String::new() };
    let runs = picture.points.len();
    let most = layout.width.min(110).saturating_sub(LABELS + 3).max(20);
    // A few runs stand apart, so that they are seen as a line.
    let width = most.min(runs.saturating_mul(4)).max(20);
    let mut plot = vec![vec![(' ', Tone::Plain); width]; ROWS];
    let column = |run: usize| if runs < 2 { width / 2 } else { run * (width - 1) / (runs - 1) };
    let row = |value: f64| ROWS - 1 - (range.share(value) * (ROWS - 1) as f64).round() as usize;
    for stretch in &picture.stretches {
        let (from, to) = (column(stretch.from), column(stretch.to - 1));
        plot[row(stretch.median)][from..=to].fill(('┄', Tone::Faint));
    }
    for stretch in picture.stretches.iter().skip(1) {
        let at = column(stretch.from);
        plot.iter_mut().for_each(|line| line[at] = ('┊', Tone::Warning));
    }
    // What is not used lies below: it is shown, and says less.
    for is_used in [false, true] {
        for (run, point) in picture.points.iter().enumerate().filter(|(_, point)| point.is_used == is_used) {
            plot[row(point.value)][column(run)] =
                if is_used { ('●', Tone::Plain) } else { ('×', Tone::Bad) };
        }
    }
    let mut text = numbers(picture, width, &column, layout);
    for (i, line) in plot.iter().enumerate() {
        let is_labelled = i == 0 || i == ROWS / 2 || i == ROWS - 1;
        let value = range.value((ROWS - 1 - i) as f64 / (ROWS - 1) as f64);
        let label = if is_labelled { picture.figure.text(value) } else { String::new() };
        let blank_from = line.iter().rposition(|(c, _)| *c != ' ').map_or(0, |last| last + 1);
        let drawn: String =
            line[..blank_from].iter().map(|(c, tone)| layout.paint(*tone, &c.to_string())).collect();
        let axis = layout.paint(Tone::Faint, &format!("{label:>LABELS$} │"));
        text += &format!("{axis}{}{drawn}\n", if drawn.is_empty() { "" } else { " " });
    }
    text + &axis(picture, width, layout)
}

/// The numbers of the changes above their columns, and what the marks mean.
fn numbers(picture: &Picture, width: usize, column: &dyn Fn(usize) -> usize, layout: Layout) -> String {
    let mut marks = format!("{:>LABELS$}  ● run", picture.figure.to_string());
    if picture.points.iter().any(|point| !point.is_used) {
        marks += "  × not used for changes";
    }
    marks += "  ┄ median";
    let changes = picture.stretches.iter().skip(1).enumerate();
    let mut line = vec![' '; width + 4];
    for (i, stretch) in changes {
        for (place, digit) in (i + 1).to_string().chars().enumerate() {
            line[column(stretch.from) + place] = digit;
        }
    }
    let line: String = line.into_iter().collect();
    if line.trim().is_empty() {
        return format!("{}\n", layout.paint(Tone::Faint, &marks));
    }
    marks += "  ┊ change";
    format!(
        "{}\n{}\n",
        layout.paint(Tone::Faint, &marks),
        layout.paint(Tone::Warning, &format!("{:LABELS$}   {}", "", line.trim_end()))
    )
}

/// The dates of the first and of the last run.
fn axis(picture: &Picture, width: usize, layout: Layout) -> String {
    let [first, last] = &picture.dates;
    let room = width.saturating_sub(columns(first));
    let dates = match picture.points.len() {
        1 => first.clone(),
        // Both would not fit below so few runs.
        _ if room < columns(last) + 2 => format!("{first} to {last}"),
        _ => format!("{first}{last:>room$}"),
    };
    let text = format!("{:>LABELS$} └{}\n{:>LABELS$}   {dates}\n", "", "─".repeat(width + 1), "");
    layout.paint(Tone::Faint, &text)
}

/// The values from the bottom to the top: those of the runs that are used. Others beyond them lie on the edge, or one of them could
/// flatten the rest.
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    fn of(picture: &Picture) -> Option<Self> {
        let any_used = picture.points.iter().any(|point| point.is_used);
        let is_shown = |point: &&Point| point.is_used || !any_used;
        let values = picture.points.iter().filter(is_shown).map(|point| point.value);
        let values = values.filter(|value| value.is_finite());
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return None;
        }
        // Equal values lie in the middle. Noise of a hundredth does not fill the picture.
        let room = ((high - low) * 0.05).max(high.abs() * 0.01).max(f64::MIN_POSITIVE);
        let low = if low < high * 0.2 { 0.0 } else { low - room };
        Some(Self { low, high: if high > low { high + room } else { low + 1.0 } })
    }

    fn share(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    fn value(&self, share: f64) -> f64 {
        self.low + share * (self.high - self.low)
    }
}
