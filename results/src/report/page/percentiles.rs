//! Percentiles of the response time over each other, on the axis log(1/(1−p)).

use super::super::block::{Block, OnPage};
use super::super::draw::{Axis, Family, Line, Plot, Scale, Unit};
use super::scale;
use crate::model::Distribution;

/// Points from one nine to the next.
const PER_NINE: i32 = 12;
/// More nines than any record has samples for.
const NINES: i32 = 9;

/// The response times of a line.
pub(in crate::report) struct ResponseTimes {
    pub name: String,
    pub times: Distribution,
}

/// A plot of all of them; a sentence if none has a time.
pub(in crate::report) fn percentiles(responses: &[ResponseTimes]) -> Block {
    const TITLE: &str = "Response time by percentile";
    let lines: Vec<Line> =
        responses.iter().enumerate().filter_map(|(i, response)| line(i, response)).collect();
    if lines.is_empty() {
        let sentence = "No percentiles are drawn: no flow ended, so there are no response times.".to_owned();
        return Block::Page(OnPage::Missing { title: TITLE, sentence, is_half: false });
    }
    let without: Vec<&str> = responses
        .iter()
        .filter(|response| response.times.is_empty())
        .map(|response| response.name.as_str())
        .collect();
    let missing =
        (!without.is_empty()).then(|| format!("Not drawn, because no flow ended: {}.", without.join(", ")));
    let times = lines.iter().flat_map(|line| line.pieces.iter().flatten().map(|(_, ns)| *ns));
    let y = Axis::new("response time", Unit::Ns, scale(times));
    Block::plot(Plot {
        title: TITLE.into(),
        about: "p90, p99 and p99.9 are equally far apart. A line ends where there are too few samples for a percentile.".into(),
        family: Family::Dispatch,
        is_half: false,
        x: Axis::new("percentile", Unit::Quantile, Scale::Tail),
        y,
        lines,
        limits: Vec::new(),
        marks: Vec::new(),
        bands: Vec::new(),
        notes: missing.into_iter().collect(),
    })
}

fn line(style: usize, response: &ResponseTimes) -> Option<Line> {
    let point = |quantile: f64| Some((quantile, response.times.quantile_ns(quantile)? as f64));
    let mut points: Vec<(f64, f64)> = quantiles().map_while(point).collect();
    // Within a plateau only its ends are needed.
    let is_needed: Vec<bool> = (0..points.len())
        .map(|i| {
            i == 0
                || i + 1 == points.len()
                || points[i - 1].1 != points[i].1
                || points[i + 1].1 != points[i].1
        })
        .collect();
    let mut needed = is_needed.into_iter();
    points.retain(|_| needed.next().unwrap_or(true));
    (!points.is_empty()).then(|| Line {
        name: response.name.clone(),
        style,
        pieces: vec![points],
        dots: Vec::new(),
    })
}

/// Quantiles at even distances on the axis, those with a name among them. They begin at p10: the shortest times of all would
/// stretch the other axis and tell little.
fn quantiles() -> impl Iterator<Item = f64> {
    let even = (1..=NINES * PER_NINE).map(|step| match step % PER_NINE {
        // Nines are given as people write them, so that they fall on the same sample as those of the table.
        0 => 1.0 - 0.1f64.powi(step / PER_NINE),
        _ => 1.0 - 0.1f64.powf(f64::from(step) / f64::from(PER_NINE)),
    });
    let mut all: Vec<f64> = even.chain([0.1, 0.5]).collect();
    all.sort_by(f64::total_cmp);
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_ascend_and_have_those_of_the_table() {
        let all: Vec<f64> = quantiles().collect();
        assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
        for wanted in [0.1, 0.5, 0.9, 0.99, 0.999] {
            assert!(all.iter().any(|q| (q - wanted).abs() < 1e-12), "{wanted}");
        }
    }

    #[test]
    fn a_line_ends_where_samples_are_too_few() {
        let times = Distribution::of(1..=1_000);
        let line = line(0, &ResponseTimes { name: "x".into(), times: times.clone() }).unwrap();
        let last = line.pieces[0].last().unwrap();
        assert!(last.0 > 0.99 && times.quantile_ns(last.0).is_some(), "{last:?}");
        assert!(times.quantile_ns(0.999).is_none() && last.0 < 0.999);
        let at =
            |q: f64| line.pieces[0].iter().find(|(at, _)| (at - q).abs() < 1e-12).map(|(_, ns)| *ns as u64);
        assert_eq!((at(0.5), at(0.99)), (times.quantile_ns(0.5), times.quantile_ns(0.99)));
    }
}
