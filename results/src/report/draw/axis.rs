//! From values to places: the range of an axis, its scale and its ticks.
//!
//! Does not live here: drawing (`plot`).

use super::{Axis, Scale, Unit};
use crate::units;

/// Room beyond the outermost values, as a share of the range.
const ROOM: f64 = 0.05;

/// An axis on which places are known.
pub(super) struct Ruler {
    unit: Unit,
    scale: Scale,
    /// The ends, as the scale has them.
    low: f64,
    high: f64,
    /// The same in pixels.
    from: f64,
    to: f64,
}

impl Ruler {
    /// An axis for these values, between two places; `None` without a value that it can show.
    pub(super) fn of(axis: &Axis, values: impl Iterator<Item = f64>, (from, to): (f64, f64)) -> Option<Self> {
        let scaled = values.map(|value| scaled(axis.scale, value)).filter(|value| value.is_finite());
        let (low, high) = scaled.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return None;
        }
        let (low, high) = match axis.scale {
            Scale::Zero => {
                let (low, high) = (low.min(0.0), high.max(0.0));
                let room = if high > low { (high - low) * ROOM } else { 1.0 };
                (if low < 0.0 { low - room } else { low }, high + room)
            }
            Scale::Log if high - low < 0.1 => (low - 0.4, high + 0.4),
            Scale::Log => (low - (high - low) * ROOM, high + (high - low) * ROOM),
            Scale::Tail => (low, high.max(1.0) * 1.01),
        };
        Some(Self { unit: axis.unit, scale: axis.scale, low, high, from, to })
    }

    /// The same without room beyond the highest value, as for time.
    pub(super) fn tight(self) -> Self {
        match self.scale {
            Scale::Zero => Self { high: self.low + (self.high - self.low) / (1.0 + ROOM) * 1.005, ..self },
            Scale::Log | Scale::Tail => self,
        }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (scaled(self.scale, value) - self.low) / (self.high - self.low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Values with their texts, at least so many pixels apart.
    pub(super) fn ticks(&self, apart: f64) -> Vec<(f64, String)> {
        let most = ((self.to - self.from).abs() / apart).floor().max(1.0);
        let values = match self.scale {
            Scale::Zero => self.even(most),
            Scale::Log => self.decades(most),
            Scale::Tail => self.quantiles(apart),
        };
        values.into_iter().map(|value| (value, text(self.unit, value))).collect()
    }

    /// Whole multiples of one step.
    fn even(&self, most: f64) -> Vec<f64> {
        multiples(self.low, self.high, step(self.unit, (self.high - self.low) / most))
    }

    /// 1, 2 and 5 of each decade, or fewer where there is no room.
    fn decades(&self, most: f64) -> Vec<f64> {
        let (low, high) = (self.low.exp(), self.high.exp());
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let all = |digits: &[f64], every: usize| -> Vec<f64> {
            let decades = (first..=last).step_by(every);
            let values = decades.flat_map(|decade| digits.iter().map(move |d| d * 10f64.powi(decade)));
            values.filter(|value| (low..=high).contains(value)).collect()
        };
        let fits = |values: &Vec<f64>| values.len() as f64 <= most + 1.0;
        let choices =
            [all(&[1.0, 2.0, 5.0], 1), all(&[1.0, 3.0], 1), all(&[1.0], 1), all(&[1.0], 2), all(&[1.0], 3)];
        match choices.into_iter().find(fits) {
            Some(values) if values.len() >= 3 => values,
            // Less than a decade: even steps tell more.
            _ => multiples(low, high, step(self.unit, (high - low) / most.min(4.0))),
        }
    }

    /// p50, and then a nine more each time, or several more where there is no room.
    fn quantiles(&self, apart: f64) -> Vec<f64> {
        let a_nine = (self.to - self.from).abs() / (self.high - self.low);
        let every = (apart / a_nine).ceil().max(1.0) as usize;
        let nines = (1..=self.high.floor() as i32).step_by(every).map(|nines| 1.0 - 0.1f64.powi(nines));
        let median = (self.at(0.9) - self.at(0.5) > apart * 0.7).then_some(0.5);
        let lowest = (self.at(0.5) - self.from > apart * 0.7).then_some(0.1);
        lowest
            .into_iter()
            .chain(median)
            .chain(nines)
            .filter(|q| scaled(Scale::Tail, *q) >= self.low - 1e-9)
            .collect()
    }
}

fn scaled(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Zero => value,
        Scale::Log => value.ln(),
        Scale::Tail => -(1.0 - value).log10(),
    }
}

fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|n| n as f64 * step).collect()
}

/// The next step that people count in: 1, 2 or 5, and for long times parts of a minute and of an hour.
fn step(unit: Unit, at_least: f64) -> f64 {
    const MINUTES: [f64; 9] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0];
    let minute = 6e10;
    if unit == Unit::Ns
        && at_least > 2e10
        && let Some(minutes) = MINUTES.into_iter().find(|minutes| minutes * minute >= at_least)
    {
        return minutes * minute;
    }
    // Nanoseconds are whole: smaller steps would say the same number twice.
    let at_least = if unit == Unit::Ns { at_least.max(1.0) } else { at_least };
    let decade = 10f64.powf(at_least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|d| d * decade)
        .find(|step| *step >= at_least * 0.999)
        .unwrap_or(decade)
}

/// The text of a value with its unit.
pub(super) fn text(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Ns if value < 0.0 => format!("−{}", text(unit, -value)),
        Unit::Ns if value == 0.0 => "0".into(),
        Unit::Ns => without_zeros(&units::duration(value.round() as u64)),
        Unit::PerS if value == 0.0 => "0".into(),
        Unit::PerS => without_zeros(&units::rate(value)),
        Unit::Count => units::count(value.round().max(0.0) as u64),
        Unit::Share => units::percent(value),
        Unit::Quantile => {
            let percent = format!("{:.8}", value * 100.0);
            format!("p{}", percent.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

/// `1.00 ms` as `1 ms`: a tick is a round number.
fn without_zeros(text: &str) -> String {
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ticks(scale: Scale, unit: Unit, values: &[f64], apart: f64) -> Vec<String> {
        let axis = Axis::new("", unit, scale);
        let ruler = Ruler::of(&axis, values.iter().copied(), (0.0, 500.0)).unwrap();
        ruler.ticks(apart).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            ticks(Scale::Zero, Unit::PerS, &[41_300.0], 90.0),
            ["0", "10 k/s", "20 k/s", "30 k/s", "40 k/s"]
        );
        assert_eq!(ticks(Scale::Zero, Unit::Ns, &[0.0], 90.0), ["0", "1 ns"]);
        assert_eq!(ticks(Scale::Zero, Unit::Ns, &[3.6e12], 90.0), ["0", "20 min", "40 min", "1 h"]);
        assert_eq!(
            ticks(Scale::Log, Unit::Ns, &[900.0, 1.1e6], 60.0),
            ["1 µs", "3 µs", "10 µs", "30 µs", "100 µs", "300 µs", "1 ms"]
        );
        assert_eq!(
            ticks(Scale::Log, Unit::Ns, &[2_100.0, 3_900.0], 100.0),
            ["2.5 µs", "3 µs", "3.5 µs", "4 µs"]
        );
        assert_eq!(
            ticks(Scale::Tail, Unit::Quantile, &[0.1, 0.9999], 48.0),
            ["p50", "p90", "p99", "p99.9", "p99.99"]
        );
    }

    proptest! {
        /// Whatever the values are, each has a place within the axis, and ticks do not crowd.
        #[test]
        fn places_are_within_and_ticks_are_few(
            values in proptest::collection::vec(0.001..1e15f64, 1..20), apart in 40.0..200.0f64, is_log: bool
        ) {
            let axis = Axis::new("", Unit::Ns, if is_log { Scale::Log } else { Scale::Zero });
            let ruler = Ruler::of(&axis, values.iter().copied(), (10.0, 610.0)).unwrap();
            for value in values {
                prop_assert!((10.0..=610.0).contains(&ruler.at(value)));
            }
            let ticks = ruler.ticks(apart);
            prop_assert!(ticks.len() <= 18, "{ticks:?}");
            prop_assert!(ticks.iter().all(|(value, _)| (10.0..=610.0).contains(&ruler.at(*value))));
        }
    }

    #[test]
    fn without_values_there_is_no_axis() {
        let axis = Axis::new("", Unit::Ns, Scale::Log);
        assert!(Ruler::of(&axis, [0.0, f64::NAN].into_iter(), (0.0, 1.0)).is_none());
    }
}
