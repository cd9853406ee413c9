//! Lanes that are away for a while: killed, paused, absent at first, or without their connection.

mod for_good;
mod on_tasks;

use super::*;

#[test]
fn what_a_killed_lane_held_comes_again() {
    for (placement, batch, service, what) in [
        (Placement::Each, 8, "sink", Victim::Consumer),
        (Placement::Threads(1), 32, "sink", Victim::Connection),
        (Placement::Threads(1), 8, "source", Victim::Connection),
    ] {
        let (after, down) = (100 * MS, 50 * MS);
        let kill = Kill { service: service.into(), instance: 0, after, down, what };
        let outcome = ran(
            &Store::default(),
            &under(Conditions { kill: Some(kill), ..Conditions::default() }, plan(placement, batch)),
        );
        let audit = &outcome.audit;
        assert_eq!((outcome.ending, audit.lost, outcome.unfinished), (Ending::Completed, 0, 0), "{audit:?}");
        let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
        assert!(outage.at_ns >= 100_000_000 && outage.away_ns >= 50_000_000, "{outage}");
        let in_hand = match outage.cause {
            Cause::ConsumerKilled { in_hand } | Cause::ConnectionKilled { in_hand, .. } => in_hand as u64,
            Cause::ConnectionLost { .. } | Cause::Absent | Cause::Paused => panic!("{outage}"),
        };
        assert_eq!((audit.duplicated, audit.redelivered), (in_hand, Some(in_hand)), "{outage}");
        assert_eq!(in_hand >= 8, service == "sink", "{outage}");
    }
}

/// A paused lane holds up nothing but itself, and goes on with the ports that it had.
#[test]
fn a_paused_lane_goes_on_with_what_waited() {
    for placement in PLACEMENTS {
        let (after, lasts) = (100 * MS, 80 * MS);
        let pause = Pause { service: "sink".into(), instance: 0, after, lasts };
        let conditions = Conditions {
            pause: Some(pause),
            disturbances: vec![Disturbance { at: after, lasts }],
            ..Conditions::default()
        };
        let store = Store { fails: Arc::new(AtomicU32::new(9)), ..Store::default() };
        let outcome = ran(&store, &under(conditions, plan(placement, 8)));
        let audit = &outcome.audit;
        assert_eq!((outcome.ending, audit.lost, audit.duplicated), (Ending::Completed, 0, 0), "{audit:?}");
        assert_eq!(store.fails.load(Ordering::Relaxed), 9, "its ports are not opened again");
        assert_eq!(audit.confirmed_lost, Some(0));
        let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
        assert_eq!((outage.instance.as_str(), &outage.cause), ("sink", &Cause::Paused));
        assert!(outage.at_ns >= 100_000_000 && outage.away_ns >= 80_000_000, "{outage}");
        let [recovery] = &outcome.recoveries[..] else { panic!("{:?}", outcome.recoveries) };
        assert!(recovery.gap_ns >= 70_000_000 && recovery.before_per_s > 0.0, "{recovery:?}");
    }
}

#[test]
fn a_backlog_piles_up_for_sinks_that_are_absent_and_goes_when_they_join() {
    let messages = Amount::Messages(500);
    let time = Amount::Time(100 * MS);
    type Runs = fn(&Store, &TrialPlan) -> Outcome;
    for (runs, placement, sinks, absent, amount, fails) in [
        (ran as Runs, Placement::Each, 1, 1, messages, 0),
        (ran, Placement::Threads(1), 1, 1, messages, 2),
        (on_tasks::ran, Placement::Threads(2), 1, 1, messages, 2),
        // Those that compete find out only now and then what was new among them.
        (ran, Placement::Each, 2, 2, messages, 0),
        (ran, Placement::Threads(1), 2, 1, time, 0),
    ] {
        let (service, level) = ("sink".to_owned(), 10 * MS);
        let backlog = Backlog { service, absent, amount, level, limit: None, is_stored: true };
        let conditions = Conditions { backlog: Some(backlog), ..Conditions::default() };
        // A store that is away when they join is waited for.
        let store = Store { fails: Arc::new(AtomicU32::new(fails)), ..Store::default() };
        let conditions = Conditions { reconnect: (fails > 0).then_some(5_000 * MS), ..conditions };
        let outcome = runs(&store, &under(conditions, plan_of(placement, 8, sinks)));
        assert_eq!(store.fails.load(Ordering::Relaxed), 0);
        let (audit, told) = (&outcome.audit, outcome.backlog.as_deref().expect("a backlog"));
        let what = format!("{placement:?}, {absent} of {sinks}: {told:?}");
        assert_eq!((outcome.ending, audit.lost, audit.duplicated), (Ending::Completed, 0, 0), "{what}");
        assert_eq!((outcome.unfinished, outcome.outages.len()), (0, usize::from(absent)), "{what}");
        assert!(outcome.outages.iter().all(|outage| outage.cause == Cause::Absent), "{what}");
        assert!(told.is_reached && told.joined_ns.is_some_and(|ns| ns >= 90_000_000), "{what}");
        let phases = &told.phases;
        let sum = |of: fn(&Phase) -> u64| phases.iter().map(of).sum::<u64>();
        assert_eq!(sum(|phase| phase.sent) - sum(|phase| phase.received), told.left, "{what}");
        if absent == sinks {
            assert!(told.waiting >= 500 && phases[0].received == 0, "{what}");
            assert_eq!(told.waiting, phases[0].sent, "{what}");
            // The load goes on for 300 ms, and the sinks are faster by far.
            assert!(told.level_ns > told.joined_ns && phases.len() == 3, "{what}");
        } else {
            // The sink that is there receives everything meanwhile.
            assert!(told.level_ns.is_some() && told.level_ns >= told.joined_ns, "{what}");
        }
        assert_eq!(sum(|phase| phase.started), outcome.started, "{what}");
        let of_lag = phases.iter().map(|phase| phase.lag.count()).sum::<u64>();
        assert_eq!(of_lag, outcome.lag.count(), "{what}");
    }
}

const LIMIT_PER_S: f64 = 10_000.0;

/// All sinks are absent until 800 messages wait for them, and catch up at a limited rate.
pub(super) fn limited(sinks: u16) -> Conditions {
    let backlog = Backlog {
        service: "sink".into(),
        absent: sinks,
        amount: Amount::Messages(800),
        level: 10 * MS,
        limit: Limit::per_s(LIMIT_PER_S),
        is_stored: true,
    };
    Conditions { backlog: Some(backlog), ..Conditions::default() }
}

/// While sinks caught up they received no more than the limit allows, and everything arrived in the end.
#[track_caller]
pub(super) fn assert_kept_to_the_limit(outcome: Outcome, what: &str) {
    let (audit, told) = (&outcome.audit, outcome.backlog.as_deref().expect("a backlog"));
    let what = format!("{what}: {told:?}");
    assert_eq!((outcome.ending, audit.lost, audit.duplicated), (Ending::Completed, 0, 0), "{what}");
    assert_eq!(outcome.unfinished, 0, "{what}");
    let [_, catching_up, ..] = &told.phases[..] else { panic!("{what}") };
    let length_ns = catching_up.until_ns - catching_up.from_ns;
    // The monitor may be held up between the clock and the counters. Without a limit all 800 come within some ms.
    let most = LIMIT_PER_S * (length_ns + 250_000_000) as f64 / 1e9;
    assert!(catching_up.received as f64 <= most, "at most {most}: {what}");
    let limited = told.limit.expect("a limit");
    assert_eq!(limited.per_s, LIMIT_PER_S);
    assert!((1..=length_ns + 1_000_000).contains(&limited.held_back_ns), "{what}");
}

#[test]
fn sinks_that_catch_up_keep_to_a_limit() {
    for (placement, wait, sinks) in [
        (Placement::Each, Wait::Park, 1),
        (Placement::Each, Wait::Native, 2),
        (Placement::Threads(1), Wait::Park, 2),
    ] {
        let plan = TrialPlan { wait, ..plan_of(placement, 8, sinks) };
        let outcome = ran(&Store::default(), &under(limited(sinks), plan));
        assert_kept_to_the_limit(outcome, &format!("{placement:?}, {wait:?}, {sinks} sinks"));
    }
}

#[test]
fn a_lost_connection_ends_the_trial_unless_it_may_come_back() {
    let lossy = || Store { loses_after: Some(50), ..Store::default() };
    let outcome = ran(&lossy(), &plan(Placement::Each, 8));
    assert_eq!(outcome.ending, Ending::Failed("sink: the line was cut (`drain` of the transport)".into()));
    for placement in PLACEMENTS {
        let reconnect =
            |limit| under(Conditions { reconnect: Some(limit), ..Conditions::default() }, plan(placement, 8));
        let store = Store { fails: Arc::new(AtomicU32::new(2)), ..lossy() };
        let outcome = ran(&store, &reconnect(5_000 * MS));
        assert_eq!((outcome.ending, outcome.audit.lost), (Ending::Completed, 0), "{:?}", outcome.audit);
        let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
        assert_eq!(outage.cause, Cause::ConnectionLost { why: "the line was cut".into() });
        // Pauses of 10, 20 and 40 ms, as it fails twice.
        assert!(outage.away_ns >= 70_000_000, "{outage}");
        let never = Store { fails: Arc::new(AtomicU32::new(u32::MAX)), ..lossy() };
        let outcome = ran(&never, &reconnect(30 * MS));
        let Ending::Failed(why) = outcome.ending else { panic!("{:?}", outcome.ending) };
        assert!(
            why.contains("did not come back after the line was cut: the store is not there yet"),
            "{why}"
        );
    }
}

/// A store that is away when a killed instance is to return is waited for where the instance may open lost connections again.
#[test]
fn a_killed_instance_that_cannot_return_tries_again_if_it_may_reconnect() {
    type Runs = fn(&Store, &TrialPlan) -> Outcome;
    for (runs, placement, what) in [
        (ran as Runs, Placement::Each, Victim::Consumer),
        (ran, Placement::Threads(1), Victim::Connection),
        (on_tasks::ran, Placement::Threads(2), Victim::Connection),
    ] {
        let runs = |fails: u32, reconnect| {
            let kill = Kill { service: "sink".into(), instance: 0, after: 100 * MS, down: 50 * MS, what };
            let conditions = Conditions { kill: Some(kill), reconnect, ..Conditions::default() };
            let store = Store { fails: Arc::new(AtomicU32::new(fails)), ..Store::default() };
            runs(&store, &under(conditions, plan(placement, 8)))
        };
        let outcome = runs(2, Some(5_000 * MS));
        let audit = &outcome.audit;
        assert_eq!((outcome.ending, audit.lost, outcome.unfinished), (Ending::Completed, 0, 0), "{audit:?}");
        let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
        // The first attempt to open the store fails at once and the second after 10 ms; the third, 20 ms later, opens it.
        assert!(outage.away_ns >= 80_000_000 && !outage.until_end, "{outage}");
        for (fails, reconnect) in [(1, None), (u32::MAX, Some(30 * MS))] {
            let outcome = runs(fails, reconnect);
            let Ending::Failed(why) = &outcome.ending else { panic!("{fails} {reconnect:?}") };
            assert!(why.contains("did not come back after a kill: the store is not there yet"), "{why}");
            let outages = &outcome.outages;
            assert!(matches!(&outages[..], [outage] if outage.until_end), "{outages:?}");
        }
    }
}
