//! Application headers over a server: they arrive unchanged as NATS headers, and a run is refused if the server would
//! refuse them.

use crate::{
    ALL,
    support::NatsServer,
    trial::{Trial, assert_sound, ends, headers, one_hop, order_authorization},
};
use drumpost_core::{
    load::{Extent, Pace},
    scenario::Style,
    transport::OpenError,
};
use futures_util::StreamExt;
use std::collections::HashSet;

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn every_message_of_a_flow_carries_them() {
    let server = NatsServer::start();
    for (transport, style) in ALL.into_iter().flat_map(|name| Style::ALL.map(|style| (name, style))) {
        let trial =
            Trial { style, headers: headers(4, 32), extent: Extent::Count(1_000), ..Trial::default() };
        let outcome = trial.run(transport, &server.url(), order_authorization()).unwrap();
        // A request, its reply and nine shipments in ten; or one event each, of which nine in ten second ones have two
        // subscribers.
        assert_sound(&outcome, 2_900);
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn awaited_replies_carry_them() {
    let server = NatsServer::start();
    for transport in ALL {
        let trial = Trial {
            headers: headers(2, 100),
            instances: &[("order", 2), ("payment", 2)],
            await_replies: true,
            extent: Extent::Count(500),
            pace: Pace::Closed { in_flight: 8 },
            ..Trial::default()
        };
        let outcome = trial.run(transport, &server.url(), order_authorization()).unwrap();
        assert_sound(&outcome, 1_450);
    }
}

/// What a client that knows nothing of drumpost hears of the messages of a run.
fn overheard(transport: &'static str, url: &str, trial: Trial) -> Vec<async_nats::Message> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = url.to_owned();
    runtime.block_on(async move {
        let client = async_nats::connect(&url).await.expect("a connection");
        let mut all = client.subscribe(">").await.expect("a subscription");
        // What it publishes itself it hears after everything that came before.
        client.publish("begin", "".into()).await.expect("published");
        while all.next().await.expect("connected").subject.as_str() != "begin" {}
        let run = move || trial.run(transport, &url, one_hop(ends)).expect("opened");
        let outcome = tokio::task::spawn_blocking(run).await.expect("no panic");
        assert_sound(&outcome, 100);
        client.publish("end", "".into()).await.expect("published");
        let mut heard = Vec::new();
        loop {
            match all.next().await.expect("connected") {
                end if end.subject.as_str() == "end" => return heard,
                message if message.subject.starts_with("test_") => heard.push(message),
                _ => {}
            }
        }
    })
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn the_server_gets_them_as_its_own_headers() {
    let server = NatsServer::start();
    for transport in ALL {
        let trial = Trial { headers: headers(3, 24), extent: Extent::Count(100), ..Trial::default() };
        let heard = overheard(transport, &server.url(), trial);
        let mut values = HashSet::new();
        for message in &heard {
            assert_eq!(message.payload.len(), 48 + 128, "{message:?}");
            let headers = message.headers.as_ref().unwrap_or_else(|| panic!("{message:?}"));
            assert_eq!(headers.len(), 3, "{headers:?}");
            for name in ["drumpost-1", "drumpost-2", "drumpost-3"] {
                let value = headers.get(name).unwrap().as_str();
                assert!(value.len() == 24 && value.bytes().all(|byte| byte.is_ascii_graphic()), "{value}");
                values.insert(value.to_owned());
            }
        }
        assert_eq!(values.len(), 3 * 100, "values vary from message to message");
        let without = Trial { extent: Extent::Count(100), ..Trial::default() };
        let heard = overheard(transport, &server.url(), without);
        assert!(heard.len() >= 100 && heard.iter().all(|message| message.headers.is_none()));
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn what_the_server_would_not_take_is_refused_in_a_sentence() {
    let server = NatsServer::start();
    let run = |transport, trial: Trial| {
        Trial { extent: Extent::Count(100), ..trial }.run(transport, &server.url(), one_hop(ends))
    };
    let refused = |transport, trial| match run(transport, trial).unwrap_err() {
        OpenError::Refused(what) => what,
        OpenError::Failed(what) => panic!("{what}"),
    };
    for transport in ALL {
        let what = refused(
            transport,
            Trial { payload_len: 1_000_000, headers: headers(64, 1_000), ..Trial::default() },
        );
        assert!(what.contains("1048576 bytes") && what.contains("headers"), "{what}");
    }
    // 64 names take 963 bytes with what is between them.
    let what = refused("jetstream", Trial { headers: headers(64, 1_009), ..Trial::default() });
    assert_eq!(what, "JetStream takes at most 65535 bytes of headers in a message, and this run's are 65539");
    assert_sound(&run("jetstream", Trial { headers: headers(64, 1_008), ..Trial::default() }).unwrap(), 100);
    for transport in ["nats", "nats-wire"] {
        assert_sound(
            &run(transport, Trial { headers: headers(64, 4_096), ..Trial::default() }).unwrap(),
            100,
        );
    }
}
