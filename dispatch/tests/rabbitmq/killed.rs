//! Consumers that die with messages in their hands: each of them comes again, and is counted.

use crate::{
    NAME,
    support_rabbitmq::{RabbitServer, Tools},
    trial::{Trial, assert_sound, ends, ends_slowly, one_hop, order_authorization},
};
use drumpost_core::{
    load::Extent,
    monitor::Watch,
    outcome::{Cause, Ending, Snapshot},
    plan::Kill,
    promise::Acks,
    scenario::Style,
    server::ServerFacts,
};
use std::sync::{Arc, Mutex};

/// Of each consumer, when the load begins, whether the server waits for its acknowledgements.
#[derive(Clone)]
struct Consumers {
    tools: Tools,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Watch for Consumers {
    fn sample(&mut self, snapshot: &Snapshot) {
        let told = snapshot.depth.and_then(|depth| depth.unacknowledged);
        assert_eq!(told, None, "AMQP does not tell, and a 0 would look measured");
    }

    fn is_interrupted(&self) -> bool {
        false
    }

    fn opened(&mut self, _server: Option<&ServerFacts>) {
        let consumers = self.tools.ctl(&["list_consumers", "-q", "--no-table-headers", "ack_required"]);
        *self.seen.lock().expect("not poisoned") = consumers;
    }
}

fn killed(instances: &'static [(&'static str, u16)]) -> Trial {
    Trial::killed(instances, 400_000)
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_killed_consumer_loses_nothing_over_either_type_of_queue() {
    let server = RabbitServer::start();
    let classic: &[_] = &[("rabbitmq.queue", "classic")];
    for (style, instances, options) in [
        (Style::Message, &[][..], &[][..]),
        (Style::Event, &[("warehouse", 3)], &[]),
        (Style::Message, &[("warehouse", 3)], classic),
        (Style::Event, &[], classic),
    ] {
        let trial = Trial { style, options, ..killed(instances) };
        let outcome = trial.run(NAME, &server.url(), one_hop(ends_slowly)).unwrap();
        let audit = &outcome.audit;
        println!("{style}, {instances:?}, {options:?}: {audit:?} {:?}", outcome.outages);
        assert_eq!(outcome.ending, Ending::Completed);
        assert_eq!((audit.lost, audit.corrupted, outcome.unfinished), (0, 0, 0), "{audit:?}");
        assert_eq!((audit.confirmed, audit.unique), (Some(audit.sent), audit.expected));
        let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
        let Cause::ConsumerKilled { in_hand } = outage.cause else { panic!("{outage}") };
        assert!(outage.away_ns >= 500_000_000, "{outage}");
        // Each message that it died with comes again, and so does one whose acknowledgement had not left the process.
        assert!(audit.duplicated >= in_hand as u64, "{outage}: {audit:?}");
        assert!(audit.redelivered >= Some(audit.duplicated), "{audit:?}");
    }
    assert_eq!(server.tools().objects(), [""; 0]);
}

/// Regression: consumers that acknowledged before handling asked for no acknowledgements, and nothing limited what the server sent them.
#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn consumers_ask_for_no_acknowledgements_only_with_an_option() {
    let server = RabbitServer::start();
    let none: &[_] = &[("rabbitmq.no-ack", "on")];
    for (acks, options, ack_required) in
        [(Acks::Before, &[][..], "true"), (Acks::Before, none, "false"), (Acks::After, &[], "true")]
    {
        let seen = Consumers { tools: server.tools(), seen: Arc::default() };
        let trial = Trial { acks, options, extent: Extent::Count(500), ..Trial::default() };
        let outcome = trial.run_watched(NAME, &server.url(), one_hop(ends), seen.clone()).unwrap();
        assert_sound(&outcome, 500);
        assert_eq!(*seen.seen.lock().unwrap(), [ack_required], "{acks}");
    }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_killed_asker_loses_no_reply() {
    let server = RabbitServer::start();
    let mut trial = killed(&[]);
    trial.kill = trial.kill.map(|kill| Kill { service: "order".into(), ..kill });
    let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
    assert_eq!((outcome.audit.lost, outcome.audit.corrupted), (0, 0), "{:?}", outcome.audit);
    assert_eq!(outcome.ending, Ending::Completed);
}
