//! The ratios of the pairs of a comparison, with the margin of each metric and the noise floor. Of very many pairs some are drawn.
//!
//! Does not live here: the judgement (`compare`).

use super::super::block::{Block, OnPage};
use super::super::draw::{Strip, Strips};
use crate::compare::{Gate, Row};
use crate::units;

/// The most dots of a strip. More cannot be told apart, and a page stays one that a mail takes.
const MOST: usize = 300;

/// A strip per metric that was judged; a sentence if there is none. Among several rows the title names the row.
pub(in crate::report) fn pairs(row: &Row, is_alone: bool) -> Block {
    const TITLE: &str = "Ratios of the pairs";
    let rows: Vec<Strip> = row.gates.iter().filter_map(strip).collect();
    if rows.is_empty() {
        let sentence = if row.pairs == 0 {
            "No ratios are drawn: there are no pairs of trials that were measured next to each other."
        } else {
            "No ratios are drawn: no pair has values for these figures; the notes above give the reason."
        };
        let sentence = sentence.to_owned();
        return Block::Page(OnPage::Missing { title: TITLE, sentence, is_half: false });
    }
    let is_floored = rows.iter().any(|row| row.floor.is_some());
    let floor = if is_floored {
        " Grey: the noise floor, a change that four of five such comparisons would find."
    } else {
        ""
    };
    let without: Vec<&str> = row
        .gates
        .iter()
        .filter(|gate| !rows.iter().any(|row| row.name == gate.metric.label()))
        .map(|gate| gate.metric.label())
        .collect();
    let notes = (!without.is_empty()).then(|| {
        format!(
            "Not drawn, because single trials lack the figure (the notes above say why): {}.",
            without.join(", ")
        )
    });
    let pairs = row.gates.iter().map(|gate| gate.worsenings.len()).max().unwrap_or(0);
    let thinned = (pairs > MOST).then(|| {
        format!(
            "Of {} pairs {MOST} are drawn in each strip, evenly from the best to the worst. Median and interval are of all.",
            units::count(pairs as u64)
        )
    });
    Block::Page(OnPage::Strips(Strips {
        title: if is_alone { TITLE.into() } else { format!("{TITLE}, {}", row.label()) },
        about: format!(
            "A dot is a pair, the bar is the 95 % interval of the median, and the dashed lines are the margin of each metric. \
             Pairs beyond the axis lie at its ends.{floor}"
        ),
        rows,
        notes: thinned.into_iter().chain(notes).collect(),
    }))
}

/// At most [`MOST`] values. Those that stay are evenly spread over the ranks, the least and the greatest among them.
fn thinned(mut values: Vec<f64>) -> Vec<f64> {
    if values.len() <= MOST {
        return values;
    }
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    (0..MOST).map(|i| values[(i * last + (MOST - 1) / 2) / (MOST - 1)]).collect()
}

fn strip(gate: &Gate) -> Option<Strip> {
    let margin = gate.margin.filter(|margin| *margin > 0.0)?;
    if gate.worsenings.is_empty() {
        return None;
    }
    let unit = margin.ln_1p();
    let sign = if gate.metric.higher_is_better() { -1.0 } else { 1.0 };
    let in_margins = |ratio: f64| sign * ratio.ln() / unit;
    let interval = gate.interval.map(|it| {
        let (a, b) = (in_margins(it.low), in_margins(it.high));
        (a.min(b), a.max(b))
    });
    let said = gate.interval.map_or_else(String::new, |it| {
        format!(" ({} to {})", units::change(it.low - 1.0), units::change(it.high - 1.0))
    });
    Some(Strip {
        name: gate.metric.label().to_owned(),
        said: format!("{}{said}", units::change(gate.ratio - 1.0)),
        margin: format!("margin {}", gate.margin_text().unwrap_or_default()),
        values: thinned(gate.worsenings.iter().map(|worsening| worsening / unit).collect()),
        middle: in_margins(gate.ratio),
        interval,
        floor: gate.floor.filter(|floor| *floor > 0.0).map(|floor| gate.metric.worsening_of(floor) / unit),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_that_stay_are_spread_over_the_ranks() {
        let few: Vec<f64> = (0..MOST).rev().map(|i| i as f64).collect();
        assert_eq!(thinned(few.clone()), few, "few are drawn as they are");
        let many = |n: usize| thinned((0..n).rev().map(|i| i as f64).collect());
        for n in [MOST + 1, 400, 10_000] {
            let left = many(n);
            assert_eq!((left.len(), left[0], left[MOST - 1]), (MOST, 0.0, (n - 1) as f64));
            let widest = left.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
            assert!(
                left.is_sorted_by(|a, b| a < b) && widest <= (n as f64 / MOST as f64).ceil() + 1.0,
                "{n}: {widest}"
            );
        }
    }
}
