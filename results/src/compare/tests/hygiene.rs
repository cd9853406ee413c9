//! Which pairs are repeated, without a look at which trial is which.

use super::*;
use crate::model::Hygiene;

/// Two cores for a second.
fn trial(change: impl Fn(&mut Trial)) -> Trial {
    let hygiene = Hygiene {
        cores_ns: Some(2_000_000_000),
        window_ns: Some(1_000_000_000),
        steal_ns: Some(0),
        others_ns: Some(0),
        throttled_ns: Some(0),
        stops: Some(0),
        ..Hygiene::default()
    };
    let mut trial = Trial { hygiene, response: Distribution::of(1..=10_000), ..Trial::default() };
    change(&mut trial);
    trial
}

fn said(trials: &[&Trial]) -> Option<(Cause, String)> {
    disturbed(trials, &Thresholds::default()).map(|disturbed| (disturbed.cause, disturbed.sentence))
}

#[test]
fn each_cause_has_its_limit_and_is_found_on_either_side() {
    type Change = fn(&mut Trial, u64);
    // The system counts cores in steps of 10 ms, so that 20 ms beyond the limit are not beyond it yet.
    let cases: [(Cause, Change, u64, u64, &str); 5] = [
        (
            Cause::Stopped,
            |t, n| t.hygiene.stops = Some(n),
            0,
            1,
            "the process was stopped and continued (Ctrl-Z, SIGSTOP)",
        ),
        (
            Cause::Clock,
            |t, n| t.audit.negative_deltas = n,
            10,
            20,
            "0.200 % of the stamps ran backwards between cores, limit 0.100 %",
        ),
        (
            Cause::Steal,
            |t, n| t.hygiene.steal_ns = Some(n * 1_000_000),
            40,
            50,
            "the hypervisor gave 2.50 % of all cores' time to other machines, limit 1.00 %",
        ),
        (
            Cause::Throttled,
            |t, n| t.hygiene.throttled_ns = Some(n * 1_000_000),
            10,
            20,
            "a CPU quota stopped threads for 2.00 % of the time, limit 1.00 %",
        ),
        (
            Cause::Others,
            |t, n| t.hygiene.others_ns = Some(n * 1_000_000),
            220,
            230,
            "other processes used 11.5 % of all cores' time, limit 10.0 %",
        ),
    ];
    let quiet = trial(|_| {});
    assert_eq!(said(&[&quiet, &quiet]), None);
    for (cause, change, within, beyond, sentence) in cases {
        let (within, beyond) = (trial(|t| change(t, within)), trial(|t| change(t, beyond)));
        assert_eq!(said(&[&quiet, &within]), None, "{cause:?}");
        let expected = Some((cause, sentence.to_owned()));
        assert_eq!(
            (said(&[&quiet, &beyond]), said(&[&beyond, &quiet])),
            (expected.clone(), expected.clone())
        );
        // A copy of A ran in this pair, too.
        assert_eq!(said(&[&quiet, &quiet, &beyond]), expected);
    }
}

#[test]
fn of_several_causes_the_plainest_is_named_with_its_worst_figure() {
    let steal = |ms: u64| trial(|t| t.hygiene.steal_ns = Some(ms * 1_000_000));
    let (some, more) = (steal(100), steal(400));
    assert!(said(&[&some, &more]).unwrap().1.contains("20.0 %"));
    let both = trial(|t| (t.hygiene.stops, t.hygiene.steal_ns) = (Some(1), Some(1_000_000_000)));
    assert_eq!(said(&[&some, &both]).unwrap().0, Cause::Stopped);
}

/// Everything that grows when B itself gets slower.
#[test]
fn a_slow_subject_is_no_disturbance() {
    let slow = trial(|t| {
        t.elapsed_ns = 100_000_000_000;
        t.lag = Distribution::of([10_000_000_000; 100]);
        t.response = Distribution::of([10_000_000_000; 10_000]);
        t.cpu_ns = Some(90_000_000_000);
        t.blocked_ns = 50_000_000_000;
        t.hygiene.involuntary_switches = Some(10_000_000);
        t.hygiene.idle_ns = Some(0);
        t.hygiene.own_ns = Some(2_000_000_000);
        t.hygiene.busiest_thread_ns = Some(1_000_000_000);
    });
    assert_eq!(said(&[&trial(|_| {}), &slow]), None);
    let unknown = Trial::default();
    assert_eq!(said(&[&unknown, &unknown]), None);
}

#[test]
fn limits_can_be_set_and_switched_off() {
    let busy = trial(|t| t.hygiene.others_ns = Some(500_000_000));
    let mut limits = Thresholds::default();
    limits.set("others", "30%").unwrap();
    assert_eq!(disturbed(&[&busy, &busy], &limits), None);
    limits.set("others", "none").unwrap();
    assert_eq!(disturbed(&[&busy, &busy], &limits), None);
}

/// Trials of 60 ms on two cores: the limit is 12 ms, and 20 ms more may be rounding.
#[test]
fn short_trials_are_judged_together() {
    let of = |cores_ms: u64, others_ms: u64| {
        trial(|t| {
            t.hygiene.cores_ns = Some(cores_ms * 1_000_000);
            t.hygiene.others_ns = Some(others_ms * 1_000_000);
        })
    };
    let busy = |trial: &Trial, pairs: usize, limits: &Thresholds| {
        super::super::hygiene::is_busy(&vec![(trial, trial); pairs], limits)
    };
    let limits = Thresholds::default();
    let (quiet, some) = (of(120, 10), of(120, 20));
    assert_eq!(said(&[&some, &some]), None, "one by one it is not seen");
    assert!(busy(&some, 20, &limits), "over 40 trials it is");
    assert!(!busy(&some, 1, &limits), "two trials are within rounding");
    assert!(!busy(&quiet, 20, &limits));
    assert!(!busy(&of(500, 70), 20, &limits), "longer trials are judged pair by pair");
    let mut none = Thresholds::default();
    none.set("others", "none").unwrap();
    assert!(!busy(&some, 20, &none) && !busy(&Trial::default(), 20, &limits));
}

#[test]
fn half_as_many_pairs_may_be_repeated_as_the_look_wants() {
    let mut repeating = Repeating::default();
    assert_eq!(repeating.so_far().sentence(), None);
    let allowed = (0..15).filter(|_| repeating.is_repeated(Some(Cause::Others), false, 20)).count();
    let repeats = repeating.so_far();
    assert_eq!((allowed, repeats.total(), repeats.of(Cause::Others), repeats.kept()), (10, 10, 10, 5));
    // The next look wants twice as many.
    assert!(repeating.is_repeated(Some(Cause::Steal), false, 40));
    let repeats = repeating.so_far();
    assert_eq!((repeats.total(), repeats.of(Cause::Steal)), (11, 1));
    assert_eq!(
        repeats.sentence().unwrap(),
        "the machine disturbed 16 pairs (the hypervisor took time in 1, other processes used the cores in 15): 11 repeated whole, \
         5 counted as measured. drumpost repeats disturbed pairs up to half of the pairs needed for the next look, fewer where \
         repeats are mostly disturbed again, and with --within only while time is left"
    );
    let mut one = Repeating::default();
    assert!(one.is_repeated(Some(Cause::Stopped), false, 20));
    assert_eq!(
        one.so_far().sentence().unwrap(),
        "the machine disturbed 1 pair (the process was stopped), which was repeated whole"
    );
    // The time is over.
    let mut late = Repeating::default();
    assert!(!late.is_repeated(Some(Cause::Stopped), false, 0));
    let late = late.so_far();
    assert_eq!((late.total(), late.kept()), (0, 1));
    assert_eq!(
        late.sentence().unwrap(),
        "the machine disturbed 1 pair (the process was stopped), which counts as measured. drumpost repeats disturbed pairs up to \
         half of the pairs needed for the next look, fewer where repeats are mostly disturbed again, and with --within only while \
         time is left"
    );
}

/// Runs a comparison that wants `until` pairs, and gives the repeats and how many pairs were measured in all. `is_disturbed` is asked for each of them.
fn measured(until: usize, mut is_disturbed: impl FnMut(usize) -> bool) -> (usize, usize) {
    let (mut repeating, mut measured) = (Repeating::default(), 0);
    for _ in 0..until {
        let mut is_again = false;
        loop {
            let cause = is_disturbed(measured).then_some(Cause::Others);
            measured += 1;
            if !repeating.is_repeated(cause, is_again, until) {
                break;
            }
            is_again = true;
        }
    }
    (repeating.so_far().total(), measured)
}

#[test]
fn repeats_that_are_in_vain_come_to_an_end() {
    // Busy all the time: a tenth, and the one that shows that it is enough.
    assert_eq!(measured(100, |_| true), (11, 111));
    assert_eq!(measured(20, |_| true), (3, 23));
    // Every other pair is disturbed, and each repeat helps, until half as many were repeated.
    assert_eq!(measured(100, |at| at % 2 == 0), (50, 150));
    // It is busy once for some time, at first or in the middle. Later disturbances are repeated again as soon as as many pairs were not disturbed.
    assert_eq!(measured(100, |at| at < 8), (8, 108));
    assert_eq!(measured(100, |at| (50..70).contains(&at)), (20, 120));
    assert_eq!(measured(100, |at| at < 30 || at == 80), (12, 112));
}

proptest! {
    #[test]
    fn it_does_not_matter_which_trial_is_which(stolen in 0u64..100, others in 0u64..400, held in 0u64..40, stops in 0u64..2) {
        let ms = 1_000_000;
        let a = trial(|t| (t.hygiene.steal_ns, t.hygiene.stops) = (Some(stolen * ms), Some(stops)));
        let b = trial(|t| (t.hygiene.others_ns, t.hygiene.throttled_ns) = (Some(others * ms), Some(held * ms)));
        prop_assert_eq!(said(&[&a, &b]), said(&[&b, &a]));
    }
}
