//! Events: topics of SNS with a queue for each subscriber, over moto.

use crate::{
    NAME, few,
    support_sqs::{Emulator, SqsServer, Tools},
    trial::{
        Reacts, Trial, assert_confirmed, dies, headers, in_hand, made, one_hop, order_authorization,
        scenario, service,
    },
};
use drumpost_core::{
    handler::Reactor,
    load::{Extent, Pace},
    monitor::Watch,
    outcome::{Ending, Outcome, Snapshot},
    promise::Order,
    scenario::{Style, event},
    server::ServerFacts,
};
use drumpost_kit::owner::Owner;
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// The name of another client's queue.
const COUNTS: &str = "another-counts";

/// Another client, which subscribes to every topic of the run and counts.
#[derive(Clone)]
struct Subscriber {
    tools: Tools,
    counted: Arc<Mutex<u64>>,
    /// Its queue is gone before anything is published.
    is_gone: bool,
}

impl Subscriber {
    fn at(server: &SqsServer) -> Self {
        Self { tools: server.tools(), counted: Arc::default(), is_gone: false }
    }

    fn counted(&self) -> u64 {
        *self.counted.lock().expect("not poisoned")
    }
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
        if self.is_gone {
            self.tools.remove(COUNTS);
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
    let another = Subscriber::at(&server);
    let outcome = trial.run_watched(NAME, &server.url(), order_authorization(), another.clone()).unwrap();
    let audit = &outcome.audit;
    println!("{audit}");
    assert_eq!((audit.unique, audit.lost, audit.corrupted), (100 + 2 * 90 + 10, 0, 0), "{audit:?}");
    assert_confirmed(&outcome, NAME);
    assert_eq!((another.counted(), audit.sent), (200, 200), "each event was published once");
    assert_eq!((outcome.notes, tools.topics()), (vec![], vec![]), "nothing is left behind");
    assert_eq!(tools.queues(), [COUNTS]);
}

#[test]
#[ignore = "needs a moto server: scripts/test starts one"]
fn fifo_topics_keep_the_order_of_each_key_among_several_instances() {
    let server = SqsServer::of(Emulator::Moto);
    for instances in [&[][..], &[("warehouse", 2)]] {
        let trial = Trial {
            extent: Extent::Count(300),
            pace: Pace::Closed { in_flight: 32 },
            keys: 20,
            ..Trial::by_key(Style::Event, Order::PerKey, instances, crate::FIFO)
        };
        let outcome = trial.run(NAME, &server.url(), one_hop(crate::ends)).unwrap();
        println!("{}", outcome.audit);
        crate::assert_in_order(&outcome, 300);
        assert_eq!((outcome.notes, server.tools().topics()), (vec![], vec![]));
    }
}

/// The numbers of the messages that handlers of `warehouse` were given, in a trial that is the only one of this process.
static HANDLED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn notes() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| {
        HANDLED.lock().expect("not poisoned").push(message.number);
        out.end(message);
    }))
}

/// At least once: what comes again is counted by handlers, and what was sent by another client, apart from the audit.
#[test]
#[ignore = "needs a moto server: scripts/test starts one"]
fn what_a_killed_subscriber_had_comes_again_after_the_time_out() {
    let server = SqsServer::of(Emulator::Moto);
    let flow = scenario(
        vec![
            service("order", true, crate::trial::order),
            service("warehouse", false, notes),
            service("revenue-reporting", false, crate::trial::ignores),
        ],
        vec![],
        vec![event("order.placed", &["OrderPlaced"], "order", &["warehouse", "revenue-reporting"])],
    );
    let trial = Trial {
        style: Style::Event,
        options: &[("sqs.visibility", "1s")],
        order: Order::None,
        // Messages flow for some seconds after the time-out.
        extent: Extent::Duration(4_000_000_000),
        ..Trial::killed(&[("warehouse", 2)], 20_000_000)
    };
    let another = Subscriber::at(&server);
    let outcome = trial.run_watched(NAME, &server.url(), flow, another.clone()).unwrap();
    let (audit, had) = (&outcome.audit, in_hand(&outcome));
    println!("{audit}, {had} in hand");
    let mut times = BTreeMap::<u32, u64>::new();
    for number in HANDLED.lock().unwrap().iter() {
        *times.entry(*number).or_default() += 1;
    }
    let (handled, again) = (times.len() as u64, times.values().map(|times| times - 1).sum::<u64>());
    let reported: u64 = hops_of(&outcome, "revenue-reporting");
    assert_eq!((another.counted(), handled), (audit.sent, audit.sent), "sent, and handled by a warehouse");
    assert_eq!((audit.lost, audit.unique), (0, 2 * audit.sent), "{audit:?}");
    assert_eq!(again + reported - audit.sent, audit.duplicated, "{audit:?}");
    assert!(again >= had, "what a killed instance had handled and not deleted comes again: {had}, {audit:?}");
    assert!(audit.redelivered >= Some(audit.duplicated) && audit.redelivered > Some(0), "{audit:?}");
}

/// How many deliveries a service was given.
fn hops_of(outcome: &Outcome, receiver: &str) -> u64 {
    let of = outcome.hops.iter().filter(|hop| hop.receiver == receiver);
    of.map(|hop| hop.times.count()).sum()
}

#[test]
#[ignore = "needs a moto server: scripts/test starts one"]
fn events_that_a_subscriber_receives_too_often_become_its_dead_letters_alone() {
    let server = SqsServer::of(Emulator::Moto);
    let trial = Trial {
        style: Style::Event,
        options: crate::settled::LIMIT,
        order: Order::None,
        extent: Extent::Count(100),
        pace: Pace::Closed { in_flight: 16 },
        ..dies("warehouse", 10, 50)
    };
    let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
    let audit = &outcome.audit;
    println!("{audit} {:?}", outcome.dead_letters);
    assert_eq!(
        (outcome.ending.clone(), audit.lost, outcome.unfinished),
        (Ending::Completed, 0, 0),
        "{audit}"
    );
    assert_eq!(audit.unique + audit.dead, audit.expected, "{audit}");
    assert_eq!(audit.rejected, Some(3 * audit.dead), "received three times: {audit}");
    assert!(audit.dead > 0 && outcome.dead == audit.dead, "{audit}");
    assert_eq!(hops_of(&outcome, "revenue-reporting"), 90, "the other subscriber has its own copies");
    assert_eq!((outcome.notes, server.tools().queues()), (vec![], vec![]));
}

/// moto tells nothing of a message that it could not give to every subscriber: it is neither among those that are stored nor among
/// those that are refused.
#[test]
#[ignore = "needs a moto server: scripts/test starts one"]
fn a_message_that_an_answer_does_not_name_is_not_confirmed() {
    let server = SqsServer::of(Emulator::Moto);
    let trial = Trial { style: Style::Event, extent: Extent::Count(50), ..few() };
    let gone = Subscriber { is_gone: true, ..Subscriber::at(&server) };
    let outcome = trial.run_watched(NAME, &server.url(), one_hop(crate::ends), gone).unwrap();
    let audit = &outcome.audit;
    assert_eq!((audit.confirmed, audit.refused), (Some(0), Some(50)), "{audit:?}");
    assert!(
        outcome.notes.iter().any(|note| note.contains("refused to store 50 messages")),
        "{:?}",
        outcome.notes
    );
}

/// A text as the value of a form.
fn of_form(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
#[ignore = "needs a moto server: scripts/test starts one"]
fn topics_say_which_process_made_them_and_only_those_of_dead_ones_are_cleaned() {
    let server = SqsServer::of(Emulator::Moto);
    let tools = server.tools();
    let alive = Owner::here();
    let dead = alive.split(" started=").next().unwrap().to_owned() + " started=1";
    for (name, owner) in
        [("drumpost-dead", &*dead), ("drumpost-alive", &alive), ("drumpost-mine", "me"), ("another", &dead)]
    {
        // A tag takes no brackets.
        let owner = of_form(&owner.replace('[', "+").replace(']', "@"));
        let tag = format!("Tags.member.1.Key=drumpost-owner&Tags.member.1.Value={owner}");
        let form = format!("Action=CreateTopic&Version=2010-03-31&Name={name}&{tag}");
        tools.ask_sns(&form).expect("a topic");
    }
    let cleaned = made(NAME, &server.url(), &[]).clean().unwrap().unwrap();
    assert_eq!(cleaned.removed, ["topic drumpost-dead"], "{cleaned:?}");
    let [kept] = &cleaned.kept[..] else { panic!("{cleaned:?}") };
    assert!(kept.starts_with("topic drumpost-alive: process ") && kept.ends_with(" is running"), "{kept}");
    let mut topics: Vec<String> =
        tools.topics().iter().filter_map(|topic| Some(topic.rsplit_once(':')?.1.to_owned())).collect();
    topics.sort();
    assert_eq!(topics, ["another", "drumpost-alive", "drumpost-mine"]);
}
