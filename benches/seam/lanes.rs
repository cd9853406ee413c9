//! The engine's side of the comparison: lanes, through the public interface of the engine.

use crate::trial::{CAPACITY, Ran, Trial};
use drumpost_core::{
    load::{Extent, LoadPlan},
    monitor::Unwatched,
    outcome::Ending,
    plan::{Placement, TrialPlan, Wait},
    registry::Options,
    scenario::Style,
    wiring::{Wiring, WiringSettings},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Runs `scenario` in message style over `transport`.
pub(crate) fn run(trial: &Trial, scenario: &str, transport: &str, placement: Placement) -> Ran {
    let options = Options::default();
    let transports = drumpost_dispatch::transports();
    let entry = transports.iter().find(|entry| entry.name == transport).expect("a transport");
    let mut dispatcher = entry.made(&options).expect("no options");
    let outcome = dispatcher.run(&plan(trial, scenario, placement), &mut Unwatched).expect("is not refused");
    assert_eq!(outcome.ending, Ending::Completed);
    let audit = outcome.audit;
    Ran {
        elapsed_ns: outcome.elapsed_ns,
        flows: outcome.response.count(),
        hops: outcome.hops.iter().map(|hop| hop.times.count()).sum(),
        faults: audit.lost + audit.duplicated + audit.reordered + audit.corrupted,
        negative: audit.negative_deltas,
    }
}

fn plan(trial: &Trial, scenario: &str, placement: Placement) -> TrialPlan {
    let scenarios = drumpost_workloads::scenarios();
    let entry = scenarios.iter().find(|entry| entry.name == scenario).expect("a scenario");
    let scenario = Arc::new(entry.made(&Options::default()).expect("no options"));
    let settings = WiringSettings {
        run_name: "seam".into(),
        with: Vec::new(),
        without: Vec::new(),
        instances: BTreeMap::new(),
        capacity: CAPACITY,
        batch: trial.batch,
        window: None,
        pool: Arc::clone(&trial.pool),
    };
    TrialPlan {
        wiring: Wiring::new(&scenario, Style::Message, &settings).expect("can be wired"),
        scenario,
        load: LoadPlan::closed(trial.in_flight, Extent::Count(trial.flows)),
        feeds: trial.feeds(),
        await_replies: false,
        placement,
        wait: Wait::Yield,
        drain_deadline: Duration::from_secs(10),
        sample_every: Duration::from_secs(60),
        conditions: Default::default(),
    }
}
