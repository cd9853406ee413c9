//! A run that changes while it runs, at the limits: growth, drift, the steady state, and a full window.

use super::*;

#[test]
fn a_response_grows_only_from_quarter_to_quarter_and_beyond_its_limits() {
    let grew = |quarters: [u64; 4]| {
        let series = medians(&quarters.map(|ns| [ns; 2]).concat());
        let verdict = open(|trial| trial.series = series.clone());
        !verdict.reasons.is_empty()
    };
    assert!(grew([1_000_000, 1_200_000, 1_400_000, 1_600_000]));
    for quarters in [
        [1_000_000, 1_000_000, 1_400_000, 1_600_000],
        [1_000_000, 1_400_000, 1_400_000, 1_600_000],
        [1_000_000, 1_200_000, 1_600_000, 1_600_000],
        // Half as much again is the limit, and so is a median of 10 µs.
        [1_000_000, 1_200_000, 1_400_000, 1_500_000],
        [1_000_000, 1_100_000, 1_150_000, 1_200_000],
        [1_000, 2_000, 5_000, 10_000],
    ] {
        assert!(!grew(quarters), "{quarters:?}");
    }
    assert!(grew([1_000, 2_000, 5_000, 10_001]));
}

#[test]
fn most_of_the_trials_have_to_be_unsteady() {
    let steady = || Trial { series: medians(&[1_000_000; 8]), ..clean() };
    let unsteady =
        || Trial { series: medians(&[1, 1, 2, 2, 3, 3, 4, 4].map(|ms| ms * 1_000_000)), ..clean() };
    let reasons =
        |trials: Vec<Trial>| judge_by(&run_of(LoadKind::Open, trials), &Thresholds::default()).reasons;
    let grew = "not steady: the median response grew from 1.00 ms in the first quarter to 4.00 ms in the last; the load is \
                more than the dispatch can handle";
    assert_eq!(reasons(vec![unsteady()]), [grew]);
    assert_eq!(reasons(vec![steady(), unsteady()]), Vec::<String>::new());
    assert_eq!(reasons(vec![unsteady(), steady(), unsteady()]), [format!("{grew} (in 2 of 3 trials)")]);
}

/// Eight points of a length that a float holds exactly.
fn speeds(ended: [u64; 8]) -> Trial {
    let point = |(at, ended): (u64, u64)| Point { at_ns: at << 28, ended, ..Point::default() };
    Trial { series: Series::from_points((1..).zip(ended).map(point).collect()), ..clean() }
}

#[test]
fn a_closed_load_drifts_beyond_its_limit() {
    let status = |second: u64| {
        let trial = speeds([1_024, 1_024, 1_024, 1_024, second, second, second, second]);
        judge_by(&run_of(LoadKind::Closed, vec![trial]), &limits(&[("drift", "25%")])).status
    };
    assert_eq!([status(1_024), status(768), status(1_280)], [Validity::Valid; 3]);
    assert_eq!([status(767), status(1_281)], [Validity::Suspect; 2]);
    // Few flows differ by chance: five times the noise of counting are allowed.
    assert_silent(&judged(LoadKind::Closed, |trial| trial.series = speeds([9, 9, 9, 9, 2, 2, 2, 2]).series));
    // Without a length there is no speed.
    let at_once = |at_ns: [u64; 8]| {
        judged(LoadKind::Closed, |trial| {
            let point = |at_ns| Point { at_ns, ended: 1_000, ..Point::default() };
            trial.series = Series::from_points(at_ns.map(point).into());
        })
    };
    assert_silent(&at_once([7; 8]));
    assert_silent(&at_once([0, 0, 0, 0, 1, 2, 3, 4]));
}

/// Points of one response time each, which is their mean.
fn means(intervals: u32, of: &[u64]) -> Series {
    let point = |(at, ns): (u64, &u64)| {
        let mut response = Distribution::coarse();
        response.record(*ns, 10);
        Point { at_ns: at * 1_000_000_000, intervals, ended: 10, response, ..Point::default() }
    };
    Series::from_points((1..).zip(of).map(point).collect())
}

#[test]
fn a_steady_state_is_missed_by_share_and_by_level() {
    let judged = |series: &Series, set: &[(&str, &str)]| {
        let trial = Trial { series: series.clone(), ..clean() };
        judge_by(&run_of(LoadKind::Closed, vec![trial]), &limits(set)).reasons
    };
    let million = |of: &[u64]| of.iter().map(|ms| ms * 1_000_000).collect::<Vec<_>>();
    // Twelve batches of one point each: seven are cut off, and what is kept is a quarter below the second half.
    let fell = means(5, &million(&[30, 28, 26, 24, 22, 20, 9, 3, 3, 3, 3, 3]));
    let reasons = judged(&fell, &[]);
    for figure in ["58.3 % of the window", "3.00 ms", "4.00 ms"] {
        assert!(reasons.len() == 1 && reasons[0].contains(figure), "{reasons:?}");
    }
    assert_eq!(judged(&fell, &[("mser_change", "25%")]), Vec::<String>::new(), "at the limit");
    assert_eq!(judged(&fell, &[("mser_change", "24%")]).len(), 1);
    // By chance the last of a steady series are the most alike: what is kept is at the level of the others.
    let by_chance = means(5, &million(&[104, 96, 104, 96, 104, 96, 104, 100, 100, 100, 100, 100]));
    assert_eq!(judged(&by_chance, &[]), Vec::<String>::new());
    // Points of one interval each: five make a batch. One that grows all along loses three quarters.
    let grows = means(1, &million(&(1..=100).collect::<Vec<_>>()));
    assert_eq!(judged(&grows, &[("mser_truncated", "74%")]).len(), 1);
    assert_eq!(judged(&grows, &[("mser_truncated", "75%")]), Vec::<String>::new(), "at the limit");
}

/// A closed load whose window is the limit: a quarter of two cores is idle, and no thread is busy all the time.
fn with_window(change: impl FnOnce(&mut Run)) -> Vec<String> {
    let second = 1_000_000_000;
    let hygiene = Hygiene {
        window_ns: Some(10 * second),
        cores_ns: Some(20 * second),
        idle_ns: Some(5 * second),
        busiest_thread_ns: Some(6 * second),
        ..Hygiene::default()
    };
    let mut run = run_of(LoadKind::Closed, vec![Trial { hygiene, ..clean() }]);
    run.dispatch = "message/channel".into();
    run.settings.insert("window".into(), 64u64.into());
    change(&mut run);
    judge_by(&run, &Thresholds::default()).notes
}

#[test]
fn a_window_is_the_limit_up_to_what_else_might_be() {
    let limited = |change: fn(&mut Run)| {
        let notes = with_window(change);
        assert!(
            notes.len() < 2 && notes.iter().all(|note| note.contains("limited by the window of 64 flows")),
            "{notes:?}"
        );
        notes.len() == 1
    };
    assert!(limited(|_| {}));
    assert!(limited(|run| drop(run.settings.insert("think".into(), "none".into()))), "nobody thinks");
    // 15 % of the cores have to be idle, and a thread may be busy for 85 % of the time.
    assert!(limited(|run| run.trials[0].hygiene.idle_ns = Some(3_000_000_000)));
    assert!(!limited(|run| run.trials[0].hygiene.idle_ns = Some(2_999_999_999)));
    assert!(limited(|run| run.trials[0].hygiene.busiest_thread_ns = Some(8_500_000_000)));
    assert!(!limited(|run| run.trials[0].hygiene.busiest_thread_ns = Some(8_500_000_001)));
    let server = |busiest_thread_ns| {
        let notes = with_window(|run| {
            run.trials[0].server = Some(crate::model::Server {
                window_ns: 10_000_000_000,
                busiest_thread_ns: Some(busiest_thread_ns),
                ..crate::model::Server::default()
            });
        });
        notes.len()
    };
    assert_eq!((server(8_500_000_000), server(8_500_000_001)), (1, 0));
    // On a machine that was not free nobody knows what the limit was.
    assert!(!limited(|run| run.trials[0].hygiene.steal_ns = Some(5_000_000_000)));
}

/// Figures of a machine are over all trials: one that was not looked at leaves them unknown.
#[test]
fn what_was_left_of_the_machine_is_summed_over_trials() {
    let two = |change: fn(&mut Trial)| {
        with_window(|run| {
            let mut other = run.trials[0].clone();
            change(&mut other);
            run.trials.push(other);
        })
    };
    let share = |notes: Vec<String>| {
        let (_, after) = notes.first()?.split_once("idle for ")?;
        Some(after.split_once(" of the time")?.0.to_owned())
    };
    assert_eq!(share(two(|_| {})).as_deref(), Some("25.0 %"));
    assert_eq!(share(two(|trial| trial.hygiene.idle_ns = Some(15_000_000_000))).as_deref(), Some("50.0 %"));
    assert_eq!(share(two(|trial| trial.hygiene.cores_ns = Some(30_000_000_000))).as_deref(), Some("20.0 %"));
    assert_eq!(share(two(|trial| trial.hygiene.busiest_thread_ns = Some(9_000_000_000))), None);
    let unseen = |trial: &mut Trial| {
        (trial.hygiene.window_ns, trial.hygiene.busiest_thread_ns) = (Some(0), Some(0));
    };
    assert_eq!(share(two(unseen)), None);
    assert_eq!(share(two(|trial| trial.hygiene.window_ns = None)), None);
}

#[test]
fn a_window_of_which_one_flow_is_under_way_is_filled() {
    let never_filled = |mean: f64, window: u64| {
        let notes = with_window(|run| {
            run.trials[0].mean_in_flight = Some(mean);
            run.trials[0].counted_in_flight = None;
            run.settings.insert("window".into(), window.into());
        });
        notes.iter().any(|note| !note.contains("limited by"))
    };
    assert!(never_filled(0.99, 64) && never_filled(0.99, 2));
    assert!(!never_filled(1.0, 64) && !never_filled(0.99, 1));
}

#[test]
fn a_record_holds_whole_limits_as_whole_numbers() {
    let stored = |key: &str, value: &str| limits(&[(key, value)]).to_settings().remove(key).unwrap();
    assert_eq!(stored("lag_floor_ns", "3us"), Setting::Integer(3_000));
    assert_eq!(stored("rate_off", "7%"), Setting::Number(0.07));
    assert_eq!(stored("growth", "2"), Setting::Integer(2));
    assert_eq!(stored("growth", "none"), Setting::Text("none".into()));
    // Beyond 2^53 not every whole number has a float.
    let mut huge = Thresholds { little_flows: 8e15, ..Thresholds::default() };
    assert_eq!(huge.to_settings()["little_flows"], Setting::Integer(8_000_000_000_000_000));
    huge.little_flows = 9e15;
    assert_eq!(huge.to_settings()["little_flows"], Setting::Number(9e15));
}
