//! What a server refuses or holds up, and what it removes by itself.

use crate::{
    NAME,
    cleaned::assert_cleans_what_is_written_down,
    rabbitmq_login::assert_asked_for_and_never_shown,
    seen,
    support_rabbitmq::{RabbitServer, Tools},
    trial::{Trial, assert_sound, ends, made, one_hop},
};
use drumpost_core::{
    load::{Extent, Pace},
    monitor::Watch,
    outcome::Snapshot,
    scenario::Style,
    server::ServerFacts,
    transport::OpenError,
};
use std::{thread, time::Duration};

fn short() -> Trial {
    Trial { extent: Extent::Count(100), ..Trial::default() }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_password_and_a_virtual_host_are_asked_for_and_never_shown() {
    let server = RabbitServer::start();
    assert_asked_for_and_never_shown(NAME, &server, &server.url(), &Trial::default());
}

/// Memory is enough again when this is dropped.
struct Enough(Tools);

impl Drop for Enough {
    fn drop(&mut self) {
        self.0.ctl(&["set_vm_memory_high_watermark", "0.4"]);
    }
}

/// Leaves the server no memory once a run is open.
struct Low(Tools);

impl Watch for Low {
    fn sample(&mut self, _snapshot: &Snapshot) {}

    fn opened(&mut self, _server: Option<&ServerFacts>) {
        self.0.ctl(&["set_vm_memory_high_watermark", "0.00001"]);
    }

    fn is_interrupted(&self) -> bool {
        false
    }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_server_that_is_low_on_memory_is_told() {
    let server = RabbitServer::start();
    let enough = Enough(server.tools());
    // In the middle: it reads no more, and the run ends without its messages.
    let trial = Trial {
        pace: Pace::Open { window: 100_000 },
        extent: Extent::Duration(1_000_000_000),
        every_ns: 1_000_000,
        drain: Duration::from_secs(1),
        ..Trial::default()
    };
    let ran = trial.run_watched(NAME, &server.url(), one_hop(ends), Low(server.tools()));
    // From the start.
    let began = short().run(NAME, &server.url(), one_hop(ends));
    drop(enough);
    let notes = ran.unwrap().notes.join("\n");
    assert!(notes.contains("RabbitMQ held up senders: low on memory"), "{notes}");
    let Err(OpenError::Failed(what)) = began else { panic!("{began:?}") };
    assert!(
        what.contains("RabbitMQ held up senders: low on memory") && what.contains(&server.url()),
        "{what}"
    );
    // And it is over.
    assert_sound(&short().run(NAME, &server.url(), one_hop(ends)).unwrap(), 100);
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn what_dead_processes_left_is_removed_by_the_server() {
    let server = RabbitServer::start();
    let tools = server.tools();
    let seen = seen(&server);
    let trial = Trial { style: Style::Event, ..short() };
    assert_sound(&trial.run_watched(NAME, &server.url(), one_hop(ends), seen.clone()).unwrap(), 100);
    let (queues, exchanges) = seen.sight().found;
    assert_eq!((queues.len(), exchanges.len()), (1, 1), "{queues:?} {exchanges:?}");
    assert_eq!(
        (&queues[0]["arguments"]["x-expires"], &queues[0]["durable"]),
        (&3_600_000.into(), &true.into())
    );
    assert_eq!((&exchanges[0]["auto_delete"], &exchanges[0]["durable"]), (&true.into(), &true.into()));
    // The same with a shorter time: the exchange goes with its queue.
    tools.ask("PUT", "exchanges/%2f/dead", r#"{"type":"fanout","durable":true,"auto_delete":true}"#);
    let arguments = r#"{"durable":true,"arguments":{"x-queue-type":"quorum","x-expires":1000}}"#;
    tools.ask("PUT", "queues/%2f/dead.queue", arguments);
    tools.ask("POST", "bindings/%2f/e/dead/q/dead.queue", r#"{"routing_key":""}"#);
    assert_eq!(tools.objects(), ["dead.queue", "dead"]);
    let is_gone = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(100));
        tools.objects().is_empty()
    });
    assert!(is_gone, "{:?}", tools.objects());
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn what_dead_processes_wrote_down_is_cleaned_and_nothing_else() {
    let server = RabbitServer::start();
    let tools = server.tools();
    let place = format!("queues and exchanges at RabbitMQ at {}//", server.url());
    assert_cleans_what_is_written_down(&place, &mut *made(NAME, &server.url(), &[]), |name| {
        tools.ask("PUT", &format!("queues/%2f/{name}"), r#"{"durable":true}"#);
    });
    assert_eq!(tools.objects(), ["alive", "mine"]);
    tools.remove_all();
}
