//! Messages that a service gives back too often: the server moves them to a queue of their own, and the harness counts them.

use crate::{
    NAME,
    support_rabbitmq::RabbitServer,
    trial::{Trial, assert_flows_again, dies, ends, one_hop, order_authorization},
};
use drumpost_core::{
    monitor::Watch,
    outcome::{Ending, Snapshot},
    scenario::Style,
};
use drumpost_kit::suite::PrivateServer;
use std::{sync::mpsc, thread};

const LIMIT: &[(&str, &str)] = &[("rabbitmq.delivery-limit", "2")];

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn flows_die_with_their_messages_whichever_they_are() {
    let server = RabbitServer::start();
    for (style, service, await_replies) in [
        (Style::Message, "payment", true),
        (Style::Message, "order", true),
        (Style::Event, "warehouse", false),
        (Style::Event, "revenue-reporting", false),
    ] {
        let trial = Trial { style, await_replies, options: LIMIT, ..dies(service, 10, 50) };
        let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
        let audit = &outcome.audit;
        println!("{service}: {audit} {:?}", outcome.dead_letters);
        assert_eq!((outcome.ending, audit.lost, outcome.unfinished), (Ending::Completed, 0, 0), "{audit}");
        assert_eq!(audit.unique + audit.dead, audit.expected, "{audit}");
        assert_eq!(audit.rejected, Some(3 * audit.dead), "delivered once, and twice again: {audit}");
        assert_eq!(outcome.measured_ended + outcome.measured_dead, outcome.measured_started);
        assert_eq!(outcome.response.count(), outcome.measured_ended);
        // Who counts revenue ends no flow. Nine of ten orders are accepted, which is all that the warehouse hears of.
        let dead = match service {
            "revenue-reporting" => 0,
            "warehouse" => audit.dead,
            _ => outcome.started / 10,
        };
        assert_eq!(outcome.dead, dead, "{service}: {audit}");
        assert!(audit.dead >= outcome.started / 12, "{service}: {audit}");
        assert!(!outcome.drain_timed_out);
        assert_eq!((outcome.notes, server.tools().objects()), (vec![], vec![]));
    }
}

/// Says when messages flow.
struct Flows(mpsc::Sender<()>);

impl Watch for Flows {
    fn sample(&mut self, snapshot: &Snapshot) {
        if snapshot.ended >= 100 {
            let _ = self.0.send(());
        }
    }

    fn is_interrupted(&self) -> bool {
        false
    }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn dead_letters_outlive_the_server() {
    let mut server = RabbitServer::start();
    let (url, (flow, flows)) = (server.url(), mpsc::channel());
    let trial =
        Trial { options: LIMIT, poison: dies("warehouse", 4, 50).poison, ..Trial::until_told(2_000_000) };
    let course = trial.course.clone();
    let run = thread::spawn(move || trial.run_watched(NAME, &url, one_hop(ends), Flows(flow)).unwrap());
    flows.recv().unwrap();
    server.kill();
    server.come_back();
    assert_flows_again(&course);
    let outcome = run.join().unwrap();
    let (audit, bad) = (&outcome.audit, outcome.started / 4);
    println!("{audit} {:?}", outcome.outages);
    assert_eq!((outcome.ending, outcome.outages.len()), (Ending::Completed, 2), "{audit}");
    assert_eq!(audit.unique + audit.dead + audit.lost, audit.expected, "{audit}");
    assert_eq!(audit.confirmed_lost, Some(0), "nothing that was confirmed is lost: {audit}");
    assert!(audit.dead <= bad && audit.dead + audit.lost >= bad, "{bad} should have died: {audit}");
    server.tools().remove_all();
}

/// The server's own trace has a copy of every message that it hands out from a queue for dead letters.
#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn the_server_hands_out_as_many_dead_letters_as_the_audit_counts() {
    let server = RabbitServer::start();
    let tools = server.tools();
    tools.ctl(&["trace_on"]);
    tools.ask("PUT", "queues/%2f/counts-dead", "{}");
    tools.ask(
        "POST",
        "bindings/%2f/e/amq.rabbitmq.trace/q/counts-dead",
        r##"{"routing_key":"deliver.#.dead"}"##,
    );
    let trial = Trial { instances: &[("warehouse", 2)], options: LIMIT, ..dies("warehouse", 4, 50) };
    let outcome = trial.run(NAME, &server.url(), one_hop(ends)).unwrap();
    let audit = &outcome.audit;
    let counted = tools.ctl(&["list_queues", "-q", "--no-table-headers", "name", "messages"]);
    let counted: Vec<&str> = counted.iter().filter_map(|line| line.strip_prefix("counts-dead\t")).collect();
    assert_eq!(
        (counted, audit.dead),
        (vec![audit.dead.to_string().as_str()], outcome.started / 4),
        "{audit}"
    );
    tools.ctl(&["trace_off"]);
    tools.ask("DELETE", "queues/%2f/counts-dead", "");
}
