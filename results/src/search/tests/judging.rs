//! Tests of judging a hold, of goals as text, of the knee, and of the length of holds.

use super::super::*;
use crate::goal::Goal;
use crate::model::search::{Answer, End, Held, Judgement, Phase, Searched};
use crate::model::{ConfirmTimes, Distribution, Flows, LoadKind, Run, Trial};

/// An open run of one trial with these response times.
fn run_of(times_ns: impl IntoIterator<Item = u64>, unfinished: u64) -> Run {
    let response = Distribution::of(times_ns);
    let ended = response.count();
    let flows =
        Flows { due: ended + unfinished, started: ended + unfinished, ended, unfinished, ..Flows::default() };
    let trial = Trial { elapsed_ns: 1_000_000_000, flows, response, ..Trial::default() };
    Run { load: LoadKind::Open, trials: vec![trial], ..Run::default() }
}

fn judged(run: &Run, goal: &str) -> Judged {
    judge(run, &goal.parse().unwrap(), 1_000.0, Host::default())
}

#[test]
fn terms_are_held_against_their_figures() {
    let run = run_of((1..=1_000).map(|ms| ms * 1_000_000), 0);
    for goal in
        ["p99<1s", "p50 <= 501ms", "mean<501ms,max<=1s", "lost=0", "p99.9<1s", "achieved>=100%", "p90>800ms"]
    {
        // A p99.9 takes 2,995 samples.
        let expected = if goal == "p99.9<1s" { Judgement::TooFew } else { Judgement::Kept };
        assert_eq!(
            judged(&run, goal).outcome.judgement,
            expected,
            "{goal}: {:?}",
            judged(&run, goal).reasons
        );
    }
    let missed = judged(&run, "p99<900ms,p50<1s");
    assert_eq!(missed.outcome.judgement, Judgement::Missed { collapsed: false });
    assert_eq!(missed.reasons, ["p99 990 ms, not < 900 ms"]);
}

#[test]
fn confirms_are_held_against_a_goal() {
    let mut run = run_of((1..=1_000).map(|ms| ms * 1_000_000), 0);
    let silent = judged(&run, "confirm.p99<1s");
    assert_eq!(silent.outcome.judgement, Judgement::Missed { collapsed: false });
    assert_eq!(silent.reasons, ["confirm.p99 < 1 s cannot be told: the transport confirms nothing"]);
    let trial = &mut run.trials[0];
    let time = Distribution::of((1..=500).map(|us| us * 1_000));
    trial.confirms =
        vec![ConfirmTimes { destination: "a".into(), confirmed: 500, time, ..ConfirmTimes::default() }];
    (trial.audit.confirmed, trial.audit.refused, trial.audit.unconfirmed) = (Some(500), Some(3), Some(0));
    for goal in
        ["confirm_p99<500us", "confirm.p99 <= 496us", "unconfirmed=0", "refused<=3", "confirm.max<=500us"]
    {
        assert_eq!(judged(&run, goal).outcome.judgement, Judgement::Kept, "{:?}", judged(&run, goal).reasons);
        assert!(goal.parse::<Goal>().unwrap().needs_confirms());
    }
    assert_eq!(
        judged(&run, "confirm.p50<250us,refused=0").reasons,
        ["confirm.p50 250 µs, not < 250 µs", "refused 3, not = 0"]
    );
    assert_eq!(judged(&run, "confirm.p99.9<1s").outcome.judgement, Judgement::TooFew);
    assert!(!"p99<1s,lag_p99<1ms,lost=0".parse::<Goal>().unwrap().needs_confirms());
    // One way to write it, however it was typed.
    assert_eq!("confirm_p99<2ms".parse::<Goal>().unwrap().to_string(), "confirm.p99 < 2 ms");
}

/// Flows that a broker refused under a load leave a queue that is full.
#[test]
fn a_rate_at_which_messages_are_refused_collapsed() {
    let mut run = run_of([1_000; 1_000], 0);
    run.trials[0].flows.started += 50;
    run.trials[0].flows.due += 50;
    run.trials[0].flows.refused = 50;
    let judged = judged(&run, "p99<1s");
    assert_eq!(judged.outcome.judgement, Judgement::Missed { collapsed: true }, "{:?}", judged.reasons);
}

#[test]
fn too_few_samples_say_how_long_a_hold_would_have_to_be() {
    let judged = judged(&run_of([1; 100], 0), "p99<1s");
    assert_eq!(judged.outcome.judgement, Judgement::TooFew);
    assert_eq!(
        judged.reasons,
        ["100 samples are too few for p99 < 1 s, which needs 299: hold the rate for 371 ms or longer"]
    );
}

/// Two percentiles that cannot be told are not a goal that was missed; one that is missed outweighs them.
#[test]
fn too_few_samples_for_several_terms_name_the_longest_hold_first() {
    let few = judged(&run_of([1_000; 100], 0), "p99<1s,p99.9<2s,p50<1ms");
    assert_eq!(few.outcome.judgement, Judgement::TooFew);
    assert!(few.reasons.len() == 2 && few.reasons[0].contains("p99.9 < 2 s"), "{:?}", few.reasons);
    let missed = judged(&run_of([1_000; 100], 0), "p99<1s,p50<1ns");
    assert_eq!(missed.outcome.judgement, Judgement::Missed { collapsed: false });
    assert!(missed.reasons[0].starts_with("p50 "), "{:?}", missed.reasons);
}

#[test]
fn a_hold_in_which_nothing_was_due_says_nothing() {
    for goal in ["lost=0", "p50<1s", "mean<1s,lost=0"] {
        let judged = judged(&run_of([], 0), goal);
        assert_eq!(judged.outcome.judgement, Judgement::TooFew, "{goal}");
        assert!(
            judged.reasons[0].ends_with("hold the rate for 5.00 ms or longer"),
            "{goal}: {:?}",
            judged.reasons
        );
    }
    // Where flows were due and none ended, that is the reason, and no sample is missed.
    assert_eq!(judged(&run_of([], 9), "p99<1s").outcome.judgement, Judgement::Missed { collapsed: true });
}

/// A rate that gives the samples on average gives too few half of the time.
#[test]
fn the_length_that_is_told_is_enough() {
    for samples in [29, 299, 2_995] {
        let flows = flows_with_room(samples) as f64;
        assert!(flows - 3.0 * flows.sqrt() > samples as f64, "{samples}: {flows}");
    }
}

#[test]
fn a_load_that_was_not_taken_does_not_keep_the_goal() {
    let judged = judged(&run_of([1_000; 1_000], 50), "p99<1s");
    assert_eq!(judged.outcome.judgement, Judgement::Missed { collapsed: true });
    assert!(judged.reasons[0].contains("did not end"), "{:?}", judged.reasons);
}

#[test]
fn a_busy_host_is_told_from_a_slow_target() {
    let run = run_of([1_000; 1_000], 0);
    let host = Host { steal_share: Some(0.2), others_share: Some(0.0), stopped: false };
    let judged = judge(&run, &"p99<1s".parse().unwrap(), 1_000.0, host);
    assert!(judged.outcome.disturbed && judged.outcome.judgement == Judgement::Kept);
    assert!(judged.disturbance.unwrap().contains("20.0 %"));
}

/// An answer that rests on disturbed holds alone says nothing about the dispatch.
#[test]
fn a_rate_whose_holds_were_all_disturbed_leaves_the_answer_in_doubt() {
    let held = |rate_per_s, is_kept, is_disturbed: bool| Held {
        run: 0,
        rate_per_s,
        phase: Phase::Bisect,
        judgement: Some(if is_kept { Judgement::Kept } else { Judgement::Missed { collapsed: false } }),
        reasons: Vec::new(),
        disturbance: is_disturbed.then(|| "other processes used 40.0 % of the cores".into()),
    };
    let doubt = |end, holds: &[Held]| {
        let answer = Answer { end, kept_per_s: Some(1.0), failed_per_s: Some(2.0), repeats_kept: 3 };
        let (dispatch, holds) = ("message/crossbeam".into(), holds.to_vec());
        Searched { dispatch, probe_per_s: None, knee_per_s: None, holds, answer }.disturbed_at()
    };
    let (kept, failed) = (held(1.0, true, false), held(2.0, false, false));
    let (kept_in_noise, failed_in_noise) = (held(1.0, true, true), held(2.0, false, true));
    assert_eq!(doubt(End::Found, &[kept.clone(), failed.clone()]), None);
    assert_eq!(doubt(End::Found, &[kept_in_noise.clone(), failed.clone()]), Some(1.0));
    assert_eq!(doubt(End::Found, &[kept.clone(), failed_in_noise.clone()]), Some(2.0));
    let one_of_two = [kept_in_noise.clone(), kept.clone(), failed_in_noise.clone(), failed.clone()];
    assert_eq!(doubt(End::Found, &one_of_two), None, "one hold of each rate was not disturbed");
    let other_way = held(2.0, true, false);
    assert_eq!(
        doubt(End::Found, &[kept.clone(), failed_in_noise.clone(), other_way]),
        Some(2.0),
        "a hold that kept the goal does not support a rate that failed"
    );
    let check = Held { phase: Phase::Recover, ..kept };
    assert_eq!(doubt(End::Found, &[kept_in_noise.clone(), check, failed]), Some(1.0));
    assert_eq!(doubt(End::OutOfHolds, &[kept_in_noise, failed_in_noise]), None, "there is no answer");
}

#[test]
fn goals_read_back_as_themselves() {
    for (text, shown) in [
        ("p99<2ms,lost=0", "p99 < 2 ms, lost = 0"),
        ("response.p99.9<=1500us", "p99.9 <= 1500 µs"),
        ("service.p99<1s, lag.max<1ms", "service.p99 < 1 s, lag.max < 1 ms"),
        ("achieved>=99.5%,unfinished<=10k", "achieved >= 99.5 %, unfinished <= 10000"),
    ] {
        let goal: Goal = text.parse().unwrap();
        assert_eq!(goal.to_string(), shown);
        assert_eq!(shown.parse::<Goal>().unwrap(), goal);
    }
}

#[test]
fn a_bad_term_is_named_with_an_example() {
    for (text, says) in [
        ("p99<2", "the unit is missing"),
        ("p98<2ms", "unknown figure `p98`"),
        ("p99", "it needs one of"),
        ("lost=none", "does not start with a number"),
        ("achieved>=2", "no percentage such as 99%"),
        ("p99<2ms,", "it needs one of"),
        ("", "it needs one of"),
    ] {
        let error = text.parse::<Goal>().unwrap_err().to_string();
        let term = text.rsplit(',').next().unwrap();
        assert!(error.contains(says) && error.contains(&format!("`{term}`")), "{text}: {error}");
        assert!(error.ends_with("a goal is for example p99<2ms,lost=0"), "{error}");
    }
}

#[test]
fn a_goal_that_overload_keeps_is_none_for_a_search() {
    let checked = |text: &str| text.parse::<Goal>().unwrap().check_for_search();
    for text in ["lost=0,p99>20ms", "lag.max>=1ms", "p50>1ms,cpu_ns_per_message<1us"] {
        let error = checked(text).unwrap_err().to_string();
        assert!(error.contains("times grow with the rate") && error.contains(" < "), "{error}");
    }
    for text in [
        "p99<20ms",
        "achieved>=99%",
        "throughput_per_s>50k",
        "lost=0",
        "cpu_ns_per_message>1us",
        "p99<20ms,p50>10us",
    ] {
        assert_eq!(checked(text), Ok(()), "{text}");
    }
}

#[test]
fn the_knee_of_a_single_server_queue_is_half_load() {
    let at = |rho: f64| Load { throughput_per_s: rho * 1_000.0, mean_ns: 1e6 / (1.0 - rho) };
    let loads: Vec<Load> = [0.1, 0.3, 0.5, 0.7, 0.9].map(at).to_vec();
    assert_eq!(knee(&loads), Some(2));
    assert_eq!(knee(&loads[..2]), None);
}

#[test]
fn precision_costs_flows() {
    assert!((340_000..360_000).contains(&flows_for(0.99, 0.03, 0.77)), "{}", flows_for(0.99, 0.03, 0.77));
    assert!(flows_for(0.999, 0.03, 0.77) > 4 * flows_for(0.99, 0.03, 0.77));
    assert!(flows_for(0.99, 0.03, 0.5) < flows_for(0.99, 0.03, 0.77) / 5);
}
