//! Events: topics of SNS with a queue for each subscriber, over moto.

use crate::{
    NAME, few,
    support_sqs::{Emulator, SqsServer, Tools},
    trial::{Trial, assert_confirmed, headers, order_authorization},
};
use drumpost_core::{
    load::{Extent, Pace},
    monitor::Watch,
    outcome::{Outcome, Snapshot},
    promise::Order,
    scenario::Style,
    server::ServerFacts,
};
use serde_json::json;
use std::sync::{Arc, Mutex};

/// The name of another client's queue.
const COUNTS: &str = "another-counts";

/// Another client, which subscribes to every topic of the run and counts.
#[derive(Clone)]
struct Subscriber {
    tools: Tools,
    counted: Arc<Mutex<u64>>,
}

impl Watch for Subscriber {
    fn sample(&mut self, _snapshot: &Snapshot) {}

    fn is_interrupted(&self) -> bool {
        false
    }

    fn opened(&mut self, _server: Option<&ServerFacts>) {
        self.tools.ask("CreateQueue", &json!({"QueueName": COUNTS})).expect("a queue");
        for topic in self.tools.topics() {
            let queue = topic.rsplit_once(':').map(|(account, _)| account.replace(":sns:", ":sqs:"));
            let endpoint = format!("{}:{COUNTS}", queue.expect("an account"));
            let form = format!(
                "Action=Subscribe&Version=2010-03-31&Protocol=sqs&TopicArn={topic}&Endpoint={endpoint}"
            );
            self.tools.ask_sns(&form).expect("a subscription");
        }
    }

    fn measured(&mut self, _outcome: &Outcome) {
        *self.counted.lock().expect("not poisoned") = self.tools.messages(COUNTS);
    }
}

#[test]
#[ignore = "needs a moto server: scripts/test starts one"]
fn every_service_that_hears_an_event_gets_it_and_another_client_counts_the_same() {
    let server = SqsServer::of(Emulator::Moto);
    let tools = server.tools();
    // Two services hear that an order was accepted.
    let trial = Trial {
        style: Style::Event,
        extent: Extent::Count(100),
        pace: Pace::Closed { in_flight: 8 },
        headers: headers(2, 8),
        ..few()
    };
    let another = Subscriber { tools, counted: Arc::default() };
    let outcome = trial.run_watched(NAME, &server.url(), order_authorization(), another.clone()).unwrap();
    let audit = &outcome.audit;
    println!("{audit}");
    assert_eq!((audit.unique, audit.lost, audit.corrupted), (100 + 2 * 90 + 10, 0, 0), "{audit:?}");
    assert_confirmed(&outcome, NAME);
    assert_eq!((*another.counted.lock().unwrap(), audit.sent), (200, 200), "each event was published once");
    assert_eq!((outcome.notes, tools.topics()), (vec![], vec![]), "nothing is left behind");
    assert_eq!(tools.queues(), [COUNTS]);
}

#[test]
#[ignore = "needs a moto server: scripts/test starts one"]
fn fifo_topics_keep_the_order_of_each_key() {
    let server = SqsServer::of(Emulator::Moto);
    let fifo = &[("sqs.fifo", "true")];
    let trial = Trial {
        extent: Extent::Count(100),
        pace: Pace::Closed { in_flight: 8 },
        keys: 5,
        ..Trial::by_key(Style::Event, Order::PerKey, &[], fifo)
    };
    let outcome = trial.run(NAME, &server.url(), crate::one_hop(crate::ends)).unwrap();
    crate::assert_in_order(&outcome, 100);
    assert_eq!((outcome.notes, server.tools().topics()), (vec![], vec![]));
}
