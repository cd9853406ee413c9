//! Counts at a limit: overload, losses, shares of unfinished flows, Little's law.

use super::*;

fn overloaded(change: impl FnOnce(&mut Trial)) -> Vec<String> {
    let mut trial = clean();
    change(&mut trial);
    overload(&run_of(LoadKind::Open, vec![trial]), &Thresholds::default())
}

#[test]
fn an_overload_is_what_speaks_against_the_load_itself() {
    assert_eq!(overloaded(|_| {}), Vec::<String>::new());
    let missed = overloaded(|trial| (trial.flows.started, trial.flows.ended) = (90_000, 90_000));
    assert_eq!(missed.len(), 1, "{missed:?}");
    assert!(missed[0].starts_with("the load started 9.00 k/s, but 10.0 k/s were due"), "{missed:?}");
    // Flows that did not end and flows that were lost count together: six in a thousand of each are more than one in a hundred.
    let left = |unfinished, lost| {
        overloaded(|trial| {
            let ended = 100_000 - unfinished - lost;
            trial.flows = Flows { ended, unfinished, lost, ..trial.flows };
        })
    };
    assert_eq!((left(600, 0).len(), left(0, 600).len(), left(500, 500).len()), (0, 0, 0));
    for (unfinished, lost) in [(600, 600), (1_200, 0), (0, 1_200)] {
        assert_eq!(
            left(unfinished, lost),
            ["1,200 flows did not end before the drain deadline (1.20 % of those started)"]
        );
    }
    let growing =
        |trial: &mut Trial| trial.series = medians(&[1, 2, 3, 4, 5, 6, 7, 8].map(|ms| ms * 1_000_000));
    let words =
        "not steady: the median response grew from 1.50 ms in the first quarter to 7.50 ms in the last; ";
    assert_eq!(overloaded(growing), [format!("{words}the load is more than the dispatch can handle")]);
    let busy = overloaded(|trial| {
        growing(trial);
        trial.hygiene = Hygiene { cores_ns: Some(10), steal_ns: Some(1 << 40), ..Hygiene::default() };
    });
    assert_eq!(busy, [format!("{words}the machine was busy, so this says nothing about the dispatch")]);
}

#[test]
fn counts_are_shares_of_what_was_recorded() {
    let noted = |change: &dyn Fn(&mut Trial)| {
        let verdict = open(change);
        assert_eq!((verdict.status, verdict.reasons.len()), (Validity::Valid, 0), "{verdict:?}");
        verdict.notes
    };
    // Of 100,000 flows three times each are recorded.
    assert_eq!(
        noted(&|trial| trial.audit.over_range = 250),
        ["250 times were over the range of the histogram (0.0833 % of those recorded)"]
    );
    // Stamps are compared once at the end of a flow and once a hop.
    let hop = |trial: &mut Trial| {
        let mut time = Distribution::default();
        time.record(1_000, 200_000);
        trial.hops = vec![Hop { time, ..Hop::default() }];
    };
    assert_eq!(
        noted(&|trial| {
            hop(trial);
            trial.audit.negative_deltas = 250;
        }),
        [
            "250 stamps ran backwards between cores, whose clocks differ slightly; their times were recorded as zero (0.0833 % of those recorded)"
        ]
    );
    // One in a thousand is the limit, and not yet beyond it.
    assert_eq!(noted(&|trial| trial.audit.negative_deltas = 100).len(), 1);
    assert_eq!(open(|trial| trial.audit.negative_deltas = 101).status, Validity::Suspect);
}

#[test]
fn a_limit_of_losses_is_a_share_of_what_was_expected() {
    let lost = |n: u64| {
        let mut trial = clean();
        (trial.audit.lost, trial.audit.unique) = (n, 300_000 - n);
        let promises = Promises { delivery: Delivery::AtMostOnce, ..Promises::default() };
        let run = Run { promises, ..run_of(LoadKind::Closed, vec![trial]) };
        judge_by(&run, &limits(&[("lost", "1%")])).status
    };
    assert_eq!((lost(3_000), lost(3_001)), (Validity::Valid, Validity::Invalid));
}

#[test]
fn what_a_contract_permits_is_noted_where_it_happened() {
    let tolerant = Promises { delivery: Delivery::Any, order: Order::None, ..Promises::default() };
    let notes = |promises: Promises, change: &dyn Fn(&mut Trial)| {
        let mut trial = clean();
        change(&mut trial);
        judge_by(&Run { promises, ..run_of(LoadKind::Open, vec![trial]) }, &Thresholds::default()).notes
    };
    assert!(notes(tolerant, &|_| {}).is_empty(), "nothing happened");
    let all = |trial: &mut Trial| {
        (trial.audit.duplicated, trial.audit.reordered, trial.audit.lost) = (4, 2, 7);
        (trial.audit.redelivered, trial.audit.unknown, trial.audit.unrouted) = (Some(9), 3, 1);
    };
    let found = notes(tolerant, &all);
    let figures =
        ["4 flows", "4 messages", "9 deliveries", "2 messages", "7 of 300,000", "3 deliveries", "1 message"];
    assert_eq!(found.len(), figures.len(), "{found:?}");
    for (note, figure) in found.iter().zip(figures) {
        assert!(note.contains(figure), "{figure}: {note}");
    }
    assert!(found[2].contains("; 5 were"), "five of nine were new: {}", found[2]);
    // A promise that was broken is a reason and no note.
    let broken = notes(Promises::default(), &all);
    assert_eq!(broken, [0, 2, 5, 6].map(|at| found[at].clone()));
    let as_many = notes(tolerant, &|trial| (trial.audit.duplicated, trial.audit.redelivered) = (4, Some(4)));
    assert_eq!(as_many.len(), 1, "{as_many:?}");
}

#[test]
fn what_trials_say_is_said_once() {
    let trial = |said: &str| Trial { notes: vec![said.into()], faults: vec!["killed".into()], ..clean() };
    let run = run_of(LoadKind::Closed, vec![trial("one"), trial("one"), trial("two")]);
    assert_eq!(judge_by(&run, &Thresholds::default()).notes, ["killed", "one", "two"]);
}

#[test]
fn as_many_samples_as_a_p99_needs_are_enough() {
    let notes = |n: u64| {
        judged(LoadKind::Closed, |trial| {
            (trial.flows, trial.mean_in_flight) = (flows(n), None);
            trial.response = Distribution::default();
            trial.response.record(1_000_000, n);
        })
        .notes
    };
    assert_eq!((notes(298).len(), notes(299).len()), (1, 0));
}

#[test]
fn trials_that_ended_alike_are_told_together_and_others_apart() {
    let failed =
        |number, error: &str| Trial { number, status: Status::Failed, error: Some(error.into()), ..clean() };
    let reasons =
        |trials: Vec<Trial>| judge_by(&run_of(LoadKind::Closed, trials), &Thresholds::default()).reasons;
    assert_eq!(reasons(vec![failed(0, "lost")]), ["failed: lost"]);
    let refused = Trial { status: Status::Refused, ..failed(3, "lost") };
    let trials = vec![clean(), failed(1, "lost"), failed(2, "full"), refused, failed(4, "full")];
    assert_eq!(
        reasons(trials),
        ["trial 2 of 5 failed: lost", "2 of 5 trials failed: full", "trial 4 of 5 refused: lost"]
    );
}

#[test]
fn a_share_of_unfinished_flows_at_the_limit_is_not_beyond_it() {
    let status = |unfinished, lost| {
        open(|trial| {
            let ended = 100_000 - unfinished - lost;
            trial.flows = Flows { ended, unfinished, lost, ..trial.flows };
        })
        .status
    };
    assert_eq!((status(1_000, 0), status(1_001, 0)), (Validity::Suspect, Validity::Invalid));
    assert_eq!((status(0, 1_000), status(0, 1_001)), (Validity::Valid, Validity::Suspect));
}

#[test]
fn more_flows_than_were_started_do_not_add_up_either() {
    let verdict = open(|trial| (trial.flows.unfinished, trial.flows.warmup_unfinished) = (5, Some(0)));
    let words = "the counts of trial 1 do not add up: 100,000 flows started, but 100,000 ended, 5 unfinished and 0 lost";
    assert_reason(&verdict, Validity::Invalid, words);
}

#[test]
fn littles_law_is_checked_from_its_number_of_flows_on_and_up_to_its_margin() {
    let status = |n: u64, counted: f64| {
        open(|trial| {
            (trial.flows, trial.asked_per_s) = (flows(n), None);
            trial.response = Distribution::default();
            trial.response.record(1_000_000, n);
            trial.counted_in_flight = Some(counted);
        })
        .status
    };
    assert_eq!((status(9_999, 20.0), status(10_000, 20.0)), (Validity::Valid, Validity::Suspect));
    // On a real clock: a tenth of 60, and a quarter of a flow besides.
    let real = |counted: f64| {
        let (mean_in_flight, counted_in_flight) = (Some(60.0), Some(counted));
        let trial = Trial { mean_in_flight, counted_in_flight, cpu_ns: Some(1), ..clean() };
        judge_by(&run_of(LoadKind::Open, vec![trial]), &Thresholds::default()).status
    };
    for counted in [53.76, 66.24] {
        assert_eq!(real(counted), Validity::Valid, "{counted}");
    }
    for counted in [53.74, 66.26] {
        assert_eq!(real(counted), Validity::Suspect, "{counted}");
    }
}
