//! Instances that are still away when the trial is over.

use super::*;

type Runs = fn(&Store, &TrialPlan) -> Outcome;

const ALL: [(Runs, Placement); 3] =
    [(ran, Placement::Each), (ran, Placement::Threads(1)), (on_tasks::ran, Placement::Threads(2))];

/// A store whose instances cannot connect again.
fn gone() -> Store {
    Store { fails: Arc::new(AtomicU32::new(u32::MAX)), ..Store::default() }
}

/// The plan waits for what is missing for 200 ms and tries to connect for a minute.
fn patient(kill: Option<Kill>, plan: TrialPlan) -> TrialPlan {
    let conditions = Conditions { kill, reconnect: Some(60_000 * MS), ..Conditions::default() };
    under(conditions, TrialPlan { drain_deadline: 200 * MS, ..plan })
}

fn kill(down: Duration) -> Option<Kill> {
    let (service, after) = ("sink".to_owned(), 100 * MS);
    Some(Kill { service, instance: 0, after, down, what: Victim::Consumer })
}

/// The only outage of a trial, which lasted until the trial was over.
#[track_caller]
fn still_away(outcome: &Outcome) -> &Outage {
    let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
    assert!(outage.until_end && outage.to_string().contains("still away when the run ended"), "{outage}");
    assert!(outage.away_ns > 0, "{outage}");
    outage
}

/// Regression: a trial whose server was gone completed, and what was missing counted as lost, and as confirmed and lost.
#[test]
fn an_instance_without_a_connection_at_the_drain_deadline_fails_a_trial_that_lacks_messages() {
    for (runs, placement) in ALL {
        for (what, kill) in [("the line was cut", None), ("a kill", kill(50 * MS))] {
            let store = Store { loses_after: kill.is_none().then_some(50), ..gone() };
            let outcome = runs(&store, &patient(kill, plan(placement, 8)));
            let audit = &outcome.audit;
            let Ending::Failed(why) = &outcome.ending else { panic!("{placement:?}, {what}: {audit:?}") };
            let said = format!(
                "sink: it did not come back after {what}; at the drain deadline it had tried to connect for "
            );
            assert!(why.starts_with(&said), "{why}");
            assert!(outcome.drain_timed_out && audit.unknown > 0, "{placement:?}: {audit:?}");
            assert_eq!((audit.lost, audit.confirmed_lost), (0, Some(0)), "{placement:?}");
            assert!(outcome.started > 0 && audit.sent == outcome.started, "what there is is kept: {audit:?}");
            assert_eq!(still_away(&outcome).instance, "sink", "{placement:?}, {what}");
        }
    }
}

/// The plan says that it is away, and nothing says that it could not connect. Regression: on threads the record said nothing of such an
/// instance, and on tasks it said that the instance was back, or nothing.
#[test]
fn an_instance_that_is_still_killed_at_the_drain_deadline_fails_no_trial() {
    for (runs, placement) in ALL {
        let outcome = runs(&gone(), &patient(kill(60_000 * MS), plan(placement, 8)));
        let audit = &outcome.audit;
        assert_eq!(outcome.ending, Ending::Completed, "{placement:?}");
        assert!(outcome.drain_timed_out && audit.lost > 0 && audit.unknown == 0, "{placement:?}: {audit:?}");
        let outage = still_away(&outcome);
        assert!(matches!(outage.cause, Cause::ConsumerKilled { in_hand } if in_hand > 0), "{outage}");
        // The drain alone takes 200 ms.
        assert!(outage.at_ns >= 100_000_000 && outage.away_ns >= 200_000_000, "{outage}");
    }
}

/// The same of a server that is there: the instance would be back, if the trial had gone on.
#[test]
fn an_instance_that_is_killed_until_the_end_is_not_called_back() {
    for (runs, placement) in ALL {
        let outcome = runs(&Store::default(), &patient(kill(60_000 * MS), plan(placement, 8)));
        assert!(outcome.drain_timed_out, "{placement:?}");
        assert!(matches!(still_away(&outcome).cause, Cause::ConsumerKilled { .. }), "{placement:?}");
    }
}

/// Regression: on threads the record said nothing of it, and on tasks it said that the instance was back.
#[test]
fn an_instance_that_is_still_paused_at_the_end_leaves_an_outage() {
    for (runs, placement) in ALL {
        let (service, lasts) = ("sink".to_owned(), 60_000 * MS);
        let pause = Some(Pause { service, instance: 0, after: 100 * MS, lasts });
        let conditions = Conditions { pause, ..Conditions::default() };
        let plan = TrialPlan { drain_deadline: 200 * MS, ..plan(placement, 8) };
        let outcome = runs(&Store::default(), &under(conditions, plan));
        assert!(outcome.drain_timed_out, "{placement:?}");
        assert_eq!(still_away(&outcome).cause, Cause::Paused, "{placement:?}");
    }
}

/// One of two instances never comes back, and the other handles all messages. The first one lost its connection in the middle of a step,
/// so it has counts that it has not published.
#[test]
fn a_trial_that_lacks_nothing_is_complete_without_an_instance() {
    for (runs, placement) in ALL {
        let store = Store { loses_after: Some(20), loses_at: Some(1), ..gone() };
        let outcome = complete_without(runs, &store, None, placement);
        let why = "the line was cut".into();
        assert_eq!(still_away(&outcome).cause, Cause::ConnectionLost { why }, "{placement:?}");
    }
}

/// Regression: there was no outage in the record of a trial that lacked no message.
#[test]
fn an_instance_that_cannot_return_from_a_kill_leaves_an_outage() {
    for (runs, placement) in ALL {
        let outcome = complete_without(runs, &gone(), kill(50 * MS), placement);
        let outage = still_away(&outcome);
        assert!(matches!(outage.cause, Cause::ConsumerKilled { .. }), "{placement:?}: {outage}");
    }
}

/// A trial that completes without the first of two instances.
#[track_caller]
fn complete_without(runs: Runs, store: &Store, kill: Option<Kill>, placement: Placement) -> Outcome {
    // The trial is complete long before that deadline.
    let plan = TrialPlan { drain_deadline: 10_000 * MS, ..patient(kill, plan_of(placement, 1, 2)) };
    let outcome = runs(store, &plan);
    let audit = &outcome.audit;
    let ended = (&outcome.ending, audit.lost, audit.unknown, outcome.drain_timed_out);
    assert_eq!(ended, (&Ending::Completed, 0, 0, false), "{placement:?}: {audit:?}");
    assert_eq!(still_away(&outcome).instance, "sink#0", "{placement:?}");
    outcome
}
