//! Tests of change points: known series, and the shares of false and of missed changes in made-up noise.

use super::*;

/// Noise around a level: normal by twelve uniform numbers, or with one value in ten far above.
fn series(seed: u64, n: usize, has_outliers: bool) -> Vec<f64> {
    let mut noise = Noise(seed.wrapping_mul(0x1234_5678_9abc_def1));
    let mut uniform = move || (noise.next() >> 11) as f64 / (1u64 << 53) as f64;
    let value = |_| {
        let normal = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        let is_outlier = has_outliers && uniform() < 0.1;
        100.0 + normal + if is_outlier { 50.0 * uniform() } else { 0.0 }
    };
    (0..n).map(value).collect()
}

/// The values from a place on are higher.
fn stepped(mut values: Vec<f64>, at: usize, by: f64) -> Vec<f64> {
    values[at..].iter_mut().for_each(|value| *value += by);
    values
}

#[test]
fn a_clear_step_is_found_where_it_is() {
    let values = [10.0, 10.1, 9.9, 10.2, 10.0, 9.8, 12.0, 12.1, 11.9, 12.2, 12.0, 11.8];
    let [change] = changes(&values)[..] else { panic!("{:?}", changes(&values)) };
    assert_eq!((change.at, change.values_before, change.values_after), (6, 6, 6));
    assert_eq!((change.before, change.after), (10.0, 12.0));
    assert!(change.p <= LEVEL && (change.share().unwrap() - 0.2).abs() < 1e-9, "{change:?}");
}

#[test]
fn two_steps_are_two_changes_with_their_own_medians() {
    let mut values = stepped(series(3, 45, false), 15, 8.0);
    values[30..].iter_mut().for_each(|value| *value -= 16.0);
    let found = changes(&values);
    assert_eq!(found.iter().map(|change| change.at).collect::<Vec<_>>(), [15, 30]);
    assert!((found[0].after - 108.0).abs() < 1.0 && (found[1].after - 92.0).abs() < 1.0, "{found:?}");
    assert_eq!((found[1].values_before, found[1].values_after), (15, 15));
}

#[test]
fn short_and_constant_series_have_no_change() {
    assert!(changes(&[]).is_empty() && changes(&[1.0, 9.0]).is_empty());
    assert!(changes(&[1.0, 1.0, 1.0, 9.0, 9.0, 9.0]).is_empty(), "fewer than four on a side");
    assert!(changes(&[5.0; 40]).is_empty());
    let mut one = series(1, 30, false);
    one[29] = 1e9;
    assert!(changes(&one).is_empty(), "one run is no change");
}

#[test]
fn the_same_series_gives_the_same_answer_and_no_seed_favours_it() {
    let values = stepped(series(8, 40, true), 20, 4.0);
    assert_eq!(changes(&values), changes(&values));
    let scaled: Vec<f64> = values.iter().map(|value| value * 1e6).collect();
    let places =
        |values: &[f64]| changes(values).iter().map(|change| (change.at, change.p)).collect::<Vec<_>>();
    assert_eq!(places(&values), places(&scaled), "the unit does not count");
}

/// Of 1,000 series without a change, 10 are expected to show one. The bound is four standard deviations above.
#[test]
fn noise_shows_a_change_no_more_often_than_the_level_says() {
    for has_outliers in [false, true] {
        for n in [12, 30, 60] {
            let seeds = 0..1_000;
            let alarms =
                seeds.filter(|seed| !changes(&series(seed + 7_000, n, has_outliers)).is_empty()).count();
            assert!(alarms <= 23, "{alarms} of 1,000 series of {n}, outliers: {has_outliers}");
        }
    }
}

/// A step of three standard deviations, in the middle and five runs before the end.
#[test]
fn a_step_of_three_standard_deviations_is_found() {
    for (n, at, has_outliers, at_least) in
        [(30, 15, false, 198), (30, 15, true, 140), (30, 25, false, 150), (20, 10, false, 190)]
    {
        let near = |seed: &u64| {
            let found = changes(&stepped(series(*seed, n, has_outliers), at, 3.0));
            found.iter().any(|change| change.at.abs_diff(at) <= 2)
        };
        let found = (0..200).filter(near).count();
        assert!(found >= at_least, "{found} of 200 at {at} of {n}, outliers: {has_outliers}");
    }
}
