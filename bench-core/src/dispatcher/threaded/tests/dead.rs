//! Dead letters: what a store gives up on after so many deliveries.

use super::*;

fn poisoned(one_in: u32, times: u16) -> Conditions {
    Conditions { poison: Some(Poison { service: "sink".into(), one_in, times }), ..Conditions::default() }
}

/// The same plan, with so many sinks.
fn with_sinks(count: u16, plan: TrialPlan) -> TrialPlan {
    let TrialPlan { scenario, wiring, .. } = &plan;
    let settings = WiringSettings {
        run_name: "test".into(),
        with: vec![],
        without: vec![],
        instances: BTreeMap::from([("sink".into(), count)]),
        capacity: wiring.capacity,
        batch: wiring.batch,
        window: None,
        pool: Arc::clone(&wiring.pool),
    };
    TrialPlan { wiring: Wiring::new(scenario, Style::Message, &settings).unwrap(), ..plan }
}

/// Runs it over a store with that limit, of which so many flows died.
fn died(limit: u16, plan: &TrialPlan, dead: impl FnOnce(u64) -> u64) -> Outcome {
    let store = Store { limit: Some(limit), ..Store::default() };
    let outcome = ran(&store, plan);
    let (audit, dead) = (&outcome.audit, dead(outcome.started));
    assert_eq!(outcome.ending, Ending::Completed);
    assert_eq!((audit.dead, audit.dead_again, outcome.dead), (dead, 0, dead), "{audit}");
    assert_eq!((audit.lost, audit.unknown, audit.duplicated, outcome.unfinished), (0, 0, 0, 0), "{audit}");
    assert_eq!((audit.unique, audit.unique + audit.dead), (audit.delivered, audit.expected), "{audit}");
    assert_eq!(outcome.started, audit.expected);
    assert_eq!(outcome.response.count(), outcome.measured_ended);
    assert_eq!(outcome.measured_started, outcome.measured_ended + outcome.measured_dead);
    assert_eq!((outcome.drain_timed_out, outcome.standstill), (false, None));
    let told: u64 = outcome.dead_letters.iter().map(|letters| letters.messages).sum();
    assert_eq!(told, dead, "{:?}", outcome.dead_letters);
    assert!(store.stored.lock().unwrap().waiting.is_empty(), "all was settled");
    outcome
}

#[test]
fn messages_that_are_given_back_too_often_die_and_their_flows_with_them() {
    for (one_in, times, limit, batch, sinks) in
        [(4, 9, 1, 8, 1), (1, 3, 3, 8, 1), (7, 3, 2, 1, 2), (2, 100, 3, 32, 3)]
    {
        let plan = with_sinks(sinks, under(poisoned(one_in, times), plan(Placement::Each, batch)));
        let outcome = died(limit, &plan, |started| started / u64::from(one_in));
        let audit = &outcome.audit;
        // A dead letter is no delivery.
        assert_eq!(audit.rejected, Some(audit.dead * u64::from(limit)), "{audit}");
        assert_eq!(audit.redelivered, Some(audit.dead * u64::from(limit - 1)), "{audit}");
        let [letters] = &outcome.dead_letters[..] else { panic!("{:?}", outcome.dead_letters) };
        assert_eq!((&*letters.destination, &*letters.receiver), ("sink.work", "sink"));
    }
}

#[test]
fn messages_that_are_handled_before_the_limit_do_not_die() {
    let outcome = died(3, &under(poisoned(4, 2), plan(Placement::Each, 8)), |_| 0);
    assert_eq!(outcome.audit.rejected, Some(outcome.started / 4 * 2));
}

/// With half of its window dead after each round, a closed load would stand still.
#[test]
fn a_closed_load_has_its_window_back_from_the_dead() {
    for placement in PLACEMENTS {
        let plan = under(poisoned(2, 5), plan(placement, 4));
        let plan = TrialPlan { load: LoadPlan::closed(4, Extent::Count(600)), ..plan };
        let outcome = died(2, &plan, |started| started / 2);
        assert_eq!((outcome.started, outcome.measured_ended, outcome.measured_dead), (600, 300, 300));
        assert!(outcome.elapsed_ns < 3_000_000_000, "it did not wait for them: {} ns", outcome.elapsed_ns);
    }
}

#[test]
fn flows_that_die_in_the_warm_up_are_counted_apart() {
    let plan = under(poisoned(2, 1), plan(Placement::Each, 8));
    let load = LoadPlan { warmup_ns: 100_000_000, ..plan.load };
    let outcome = died(1, &TrialPlan { load, ..plan }, |started| started / 2);
    assert!(outcome.measured_dead > 0 && outcome.measured_dead < outcome.dead, "{outcome:?}");
    assert_eq!(outcome.warmup_unfinished, 0);
}

/// The store delivers a message that was handled, and then gives up on it: its acknowledgement went with the consumer.
#[test]
fn a_dead_letter_of_a_message_that_was_handled_is_no_loss_and_no_death() {
    let kill =
        Kill { service: "sink".into(), instance: 0, after: 100 * MS, down: 20 * MS, what: Victim::Consumer };
    let store = Store { dies_with_consumer: true, ..Store::default() };
    let conditions = Conditions { kill: Some(kill), ..Conditions::default() };
    let outcome = ran(&store, &under(conditions, plan(Placement::Each, 8)));
    let audit = &outcome.audit;
    assert_eq!(
        (outcome.ending, audit.lost, audit.dead, outcome.dead),
        (Ending::Completed, 0, 0, 0),
        "{audit}"
    );
    assert!(audit.dead_again > 0 && audit.unique == audit.expected, "{audit}");
    assert_eq!((outcome.unfinished, outcome.response.count()), (0, outcome.measured_ended));
}
