//! Instances that are still away at the drain deadline.

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
        }
    }
}

/// The plan says that it is away, and nothing says that it could not connect.
#[test]
fn an_instance_that_is_still_killed_at_the_drain_deadline_fails_no_trial() {
    for (runs, placement) in ALL {
        let outcome = runs(&gone(), &patient(kill(60_000 * MS), plan(placement, 8)));
        let audit = &outcome.audit;
        assert_eq!(outcome.ending, Ending::Completed, "{placement:?}");
        assert!(outcome.drain_timed_out && audit.lost > 0 && audit.unknown == 0, "{placement:?}: {audit:?}");
    }
}

/// One of two instances never comes back, and the other handles all messages. The first one lost its connection in the middle of a step,
/// so it has counts that it has not published.
#[test]
fn a_trial_that_lacks_nothing_is_complete_without_an_instance() {
    for (runs, placement) in ALL {
        let store = Store { loses_after: Some(20), loses_at: Some(1), ..gone() };
        // The trial is complete long before that deadline.
        let plan = TrialPlan { drain_deadline: 10_000 * MS, ..patient(None, plan_of(placement, 1, 2)) };
        let outcome = runs(&store, &plan);
        let audit = &outcome.audit;
        let ended = (outcome.ending, audit.lost, audit.unknown, outcome.drain_timed_out);
        assert_eq!(ended, (Ending::Completed, 0, 0, false), "{placement:?}: {audit:?}");
        let [outage] = &outcome.outages[..] else { panic!("{placement:?}: {:?}", outcome.outages) };
        assert_eq!(outage.instance, "sink#0");
        assert_eq!(outage.cause, Cause::ConnectionLost { why: "the line was cut".into() });
    }
}
