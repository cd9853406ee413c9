//! The least and the most of the trials, which stand below a figure.

use crate::model::{Run, Trial};

/// `6.10–6.40 µs`; `None` if fewer than two trials have the figure, and if all have the same.
pub(in crate::report) fn range(
    run: &Run,
    of: impl Fn(&Trial) -> Option<f64>,
    text: fn(f64) -> String,
) -> Option<String> {
    let values: Vec<f64> = run.counted_trials().filter_map(of).filter(|value| value.is_finite()).collect();
    if values.len() < 2 {
        return None;
    }
    let low = values.iter().copied().fold(f64::MAX, f64::min);
    let high = values.iter().copied().fold(f64::MIN, f64::max);
    let (low, high) = (text(low), text(high));
    if low == high {
        return None;
    }
    // A unit that both share is said once.
    let short = match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => number,
        _ => &low,
    };
    Some(format!("{short}–{high}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units;

    #[test]
    fn a_shared_unit_is_said_once() {
        let run = |elapsed: &[u64]| Run {
            trials: elapsed.iter().map(|ns| Trial { elapsed_ns: *ns, ..Trial::default() }).collect(),
            ..Run::default()
        };
        let of = |elapsed: &[u64]| {
            range(&run(elapsed), |trial| Some(trial.elapsed_ns as f64), |ns| units::duration(ns as u64))
        };
        assert_eq!(of(&[6_400, 6_100, 6_200]).as_deref(), Some("6.10–6.40 µs"));
        assert_eq!(of(&[900, 1_100]).as_deref(), Some("900 ns–1.10 µs"));
        assert_eq!(of(&[6_400, 6_400]), None);
        assert_eq!(of(&[6_400]), None);
    }
}
