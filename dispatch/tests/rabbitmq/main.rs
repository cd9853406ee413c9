//! Tests of `rabbitmq` against a private server. They are ignored unless scripts/test runs them, which starts servers.
#![cfg(feature = "rabbitmq")]

#[path = "../support/cleaned.rs"]
mod cleaned;
#[path = "../support/counted.rs"]
mod counted;
mod dead;
mod failing;
mod killed;
#[path = "../support/rabbitmq_login.rs"]
mod rabbitmq_login;
mod restarts;
mod secured;
#[cfg(feature = "amqp-tls")]
#[path = "../support/secured_trial.rs"]
mod secured_trial;
mod suite;
#[path = "../support/rabbitmq.rs"]
mod support_rabbitmq;
#[cfg(feature = "amqp-tls")]
#[path = "../support/secured.rs"]
mod support_secured;
#[path = "../support/trial.rs"]
mod trial;

use drumpost_core::{
    load::{Extent, Pace},
    plan::Placement,
    promise::Acks,
    scenario::{Scenario, Style, event},
};
use serde_json::Value;
use support_rabbitmq::RabbitServer;
use trial::{
    PLACED, Reacts, Seen, Trial, assert_confirmed, assert_replies_find_who_asked, assert_runs_do_not_meet,
    assert_sound, ends, ends_slowly, entry, headers, made, one_hop, order_authorization, scenario, service,
};

const NAME: &str = "rabbitmq";
const CLASSIC: &[(&str, &str)] = &[("rabbitmq.queue", "classic")];

/// The queues and the exchanges at a server.
fn seen(server: &RabbitServer) -> Seen<(Vec<Value>, Vec<Value>)> {
    let tools = server.tools();
    Seen::by(move |_| (tools.all("queues"), tools.all("exchanges")))
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_flow_of_requests_and_commands() {
    let server = RabbitServer::start();
    for options in [&[][..], CLASSIC] {
        let trial = Trial { options, ..Trial::default() };
        let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
        // 5,000 requests and replies, and a shipment for nine of ten.
        assert_sound(&outcome, 14_500);
        assert_confirmed(&outcome, NAME);
        assert_eq!((outcome.audit.redelivered, outcome.notes), (Some(0), vec![]));
        assert_eq!(server.tools().objects(), [""; 0]);
    }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_flow_of_events() {
    let server = RabbitServer::start();
    for (options, placement) in [
        (&[][..], Placement::Threads(1)),
        (CLASSIC, Placement::Each),
        (&[("rabbitmq.exchange", "topic"), ("rabbitmq.queue", "transient")], Placement::Each),
    ] {
        let trial = Trial { style: Style::Event, options, placement, ..Trial::default() };
        let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
        // Accepted orders are heard by two services.
        assert_sound(&outcome, 5_000 + 2 * 4_500 + 500);
        assert_confirmed(&outcome, NAME);
        assert_eq!((outcome.notes, server.tools().objects()), (vec![], vec![]));
    }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn replies_come_to_the_instance_that_asked_apart_where_it_also_reacts() {
    assert_replies_find_who_asked(NAME, &RabbitServer::start().url());
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn direct_replies_need_no_queue() {
    let server = RabbitServer::start();
    for (instances, await_replies) in [(&[("order", 2), ("payment", 2)][..], false), (&[], true)] {
        let trial = Trial {
            instances,
            await_replies,
            acks: Acks::Before,
            options: &[("rabbitmq.replies", "direct")],
            extent: Extent::Count(1_000),
            ..Trial::default()
        };
        let seen = seen(&server);
        let outcome = trial.run_watched(NAME, &server.url(), order_authorization(), seen.clone()).unwrap();
        assert_sound(&outcome, 2_900);
        assert_confirmed(&outcome, NAME);
        let queues: Vec<_> = seen.sight().found.0.iter().map(|queue| queue["name"].to_string()).collect();
        assert!(queues.len() == 2 && !queues.iter().any(|name| name.contains("reply")), "{queues:?}");
    }
    let refused = made(NAME, &server.url(), &[("rabbitmq.replies", "direct")])
        .promise(entry(NAME).promise, &drumpost_core::promise::Asked::default())
        .unwrap_err();
    assert!(refused.contains("--acks before"), "{refused}");
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn instances_compete_in_both_styles_and_headers_are_headers() {
    let server = RabbitServer::start();
    for style in Style::ALL {
        let trial = Trial {
            style,
            instances: &[("warehouse", 3)],
            headers: headers(4, 32),
            batch: 1,
            options: &[("rabbitmq.prefetch", "8")],
            ..Trial::default()
        };
        assert_sound(&trial.run(NAME, &server.url(), one_hop(ends)).unwrap(), 5_000);
    }
}

/// All headers of a message are in one frame, however long they are.
#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn headers_may_be_as_long_as_the_servers_frames() {
    let server = RabbitServer::start();
    let trial = Trial { headers: headers(20, 4_000), extent: Extent::Count(200), ..Trial::default() };
    assert_sound(&trial.run(NAME, &server.url(), one_hop(ends)).unwrap(), 200);
}

/// Without confirms a message is done with when it is written.
#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn messages_arrive_without_confirms_too() {
    let server = RabbitServer::start();
    for style in Style::ALL {
        let options = &[("rabbitmq.confirms", "off"), ("rabbitmq.queue", "classic")];
        let trial = Trial { style, options, acks: Acks::Before, ..Trial::default() };
        assert_sound(&trial.run(NAME, &server.url(), one_hop(ends)).unwrap(), 5_000);
    }
}

/// Sends an event, and is done.
fn tells_nobody() -> Scenario {
    let order = service("order", true, || {
        Box::new(Reacts(|message, out| {
            out.emit(message, PLACED);
            out.end(message);
        }))
    });
    scenario(vec![order], vec![], vec![event("order.placed", &["OrderPlaced"], "order", &[])])
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn an_event_that_nobody_hears_is_confirmed() {
    let (server, trial) = (RabbitServer::start(), Trial { style: Style::Event, ..Trial::default() });
    let seen = seen(&server);
    let outcome = trial.run_watched(NAME, &server.url(), tells_nobody(), seen.clone()).unwrap();
    assert_sound(&outcome, 0);
    assert_eq!((outcome.audit.sent, outcome.audit.confirmed), (5_000, Some(5_000)), "{:?}", outcome.audit);
    assert_eq!(seen.sight().found, (vec![], vec![]), "there is nothing to make for it");
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn the_server_counts_the_same_as_the_audit() {
    let server = RabbitServer::start();
    let tools = server.tools();
    // The server's own trace has a copy of every message that comes in and of every delivery.
    tools.ctl(&["trace_on"]);
    for style in Style::ALL {
        for counted in ["publish", "deliver"] {
            tools.ask("PUT", &format!("queues/%2f/counts-{counted}"), "{}");
            let binding = format!("bindings/%2f/e/amq.rabbitmq.trace/q/counts-{counted}");
            tools.ask("POST", &binding, &format!(r##"{{"routing_key":"{counted}.#"}}"##));
        }
        let trial = Trial { style, extent: Extent::Count(1_000), ..Trial::default() };
        let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
        let audit = &outcome.audit;
        let counted = |name: &str| {
            let all = tools.ctl(&["list_queues", "-q", "--no-table-headers", "name", "messages"]);
            let find =
                |line: &String| line.split_once('\t').filter(|(of, _)| *of == name)?.1.parse::<u64>().ok();
            all.iter().find_map(find).expect("its queue is there")
        };
        // One more: the message that shows that the server takes the longest one.
        let counts = (counted("counts-publish"), counted("counts-deliver"));
        assert_eq!(counts, (audit.sent + 1, audit.delivered), "{style}: {audit:?}");
        for counted in ["publish", "deliver"] {
            tools.ask("DELETE", &format!("queues/%2f/counts-{counted}"), "");
        }
    }
    tools.ctl(&["trace_off"]);
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn the_server_is_told_with_its_version_its_address_and_what_waits_there() {
    let server = RabbitServer::start();
    let seen = seen(&server);
    let trial = Trial { batch: 1, pace: Pace::Closed { in_flight: 5_000 }, ..Trial::default() };
    let outcome = trial.run_watched(NAME, &server.url(), one_hop(ends_slowly), seen.clone()).unwrap();
    assert_sound(&outcome, 5_000);
    // The consumer takes 512 at a time.
    let (seen, waited) = (seen.sight(), seen.sight().waited());
    assert!((100..=5_000).contains(&waited), "{waited} waited");
    let facts = seen.server.unwrap();
    let version = server.tools().ctl(&["version"]).pop().unwrap();
    assert_eq!((facts.product.as_str(), facts.version), ("RabbitMQ", Some(version)));
    assert_eq!(facts.addresses, [server.url().trim_start_matches("amqp://").parse().unwrap()]);
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn two_runs_at_once_and_two_one_after_the_other_do_not_meet() {
    let server = RabbitServer::start();
    assert_runs_do_not_meet(NAME, &server.url(), Style::ALL, 5_000);
    assert_eq!(server.tools().objects(), [""; 0]);
}
