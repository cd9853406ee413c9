//! What a server refuses or holds up, and what it removes by itself.

use crate::{
    NAME, Seen,
    support_rabbitmq::{RabbitServer, Tools},
    trial::{Trial, assert_sound, ends, made, one_hop},
};
use drumpost_core::{
    load::{Extent, Pace},
    scenario::Style,
    transport::OpenError,
};
use std::{thread, time::Duration};

/// A password; it may stand nowhere.
const SECRET: &str = "hush0815hush";

fn short() -> Trial {
    Trial { extent: Extent::Count(100), ..Trial::default() }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_password_and_a_virtual_host_are_asked_for_and_never_shown() {
    let server = RabbitServer::start();
    let tools = server.tools();
    for command in [
        &["add_user", "me", SECRET][..],
        &["add_vhost", "the shop"],
        &["set_permissions", "-p", "the shop", "me", ".*", ".*", ".*"],
    ] {
        tools.ctl(command);
    }
    let with = |who: &str, path: &str| server.url().replace("://", &format!("://{who}@")) + path;
    assert_sound(&short().run(NAME, &with("guest:guest", "/%2f"), one_hop(ends)).unwrap(), 100);
    let shop = with(&format!("me:{SECRET}"), "/the%20shop");
    assert_sound(&short().run(NAME, &shop, one_hop(ends)).unwrap(), 100);
    for url in [
        with(&format!("me:{SECRET}2"), ""),
        with(&format!("you:{SECRET}"), ""),
        // Not allowed there, and not there.
        with(&format!("me:{SECRET}"), "/%2f"),
        with(&format!("me:{SECRET}"), "/elsewhere"),
    ] {
        let Err(OpenError::Failed(what)) = short().run(NAME, &url, one_hop(ends)) else { panic!("{url}") };
        assert!(what.contains(&server.url()) && !what.contains(SECRET), "{what}");
        assert!(what.contains("refused the login") && what.contains("rabbitmq.password"), "{what}");
    }
    tools.ctl(&["delete_vhost", "the shop"]);
    tools.ctl(&["delete_user", "me"]);
}

/// Memory is enough again when this is dropped.
struct Enough(Tools);

impl Drop for Enough {
    fn drop(&mut self) {
        self.0.ctl(&["set_vm_memory_high_watermark", "0.4"]);
    }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_server_that_is_low_on_memory_is_told() {
    let server = RabbitServer::start();
    let enough = Enough(server.tools());
    // In the middle: it reads no more, and the run ends without its messages.
    let low = Seen::then(server.tools(), |tools| {
        tools.ctl(&["set_vm_memory_high_watermark", "0.00001"]);
    });
    let trial = Trial {
        pace: Pace::Open { window: 100_000 },
        extent: Extent::Duration(1_000_000_000),
        every_ns: 1_000_000,
        drain: Duration::from_secs(1),
        ..Trial::default()
    };
    let ran = trial.run_watched(NAME, &server.url(), one_hop(ends), low);
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
    let seen = Seen::of(&server);
    let trial = Trial { style: Style::Event, ..short() };
    assert_sound(&trial.run_watched(NAME, &server.url(), one_hop(ends), seen.clone()).unwrap(), 100);
    let (queues, exchanges) = seen.objects();
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
    let Err(OpenError::Refused(why)) = made(NAME, &server.url(), &[]).clean() else {
        panic!("it cannot list them")
    };
    assert!(why.contains("nobody has used for 3600s"), "{why}");
}
