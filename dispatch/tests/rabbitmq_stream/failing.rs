//! What a server refuses, and ports at which something else answers.

use crate::{
    NAME,
    cleaned::assert_cleans_what_is_written_down,
    events,
    rabbitmq_login::assert_asked_for_and_never_shown,
    support_rabbitmq::RabbitServer,
    trial::{Trial, ends, made, one_hop},
};
use drumpost_core::{load::Extent, transport::OpenError};
use drumpost_kit::suite::free_port;

fn short() -> Trial {
    Trial { extent: Extent::Count(100), ..events() }
}

fn fails(url: &str) -> String {
    let Err(OpenError::Failed(what)) = short().run(NAME, url, one_hop(ends)) else { panic!("{url}") };
    what
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_password_and_a_virtual_host_are_asked_for_and_never_shown() {
    let server = RabbitServer::start();
    assert_asked_for_and_never_shown(NAME, &server, &server.stream_url(), &events());
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_port_without_the_plug_in_is_told_from_one_that_speaks_amqp() {
    let server = RabbitServer::start();
    let at = |port: u16| format!("rabbitmq-stream://127.0.0.1:{port}");
    let what = fails(&at(free_port()));
    assert!(what.contains("failed to reach RabbitMQ") && what.contains("rabbitmq_stream"), "{what}");
    let what = fails(&at(server.port));
    assert!(what.contains("a server that speaks AMQP answers there") && what.contains("5552"), "{what}");
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn what_dead_processes_wrote_down_is_cleaned_and_nothing_else() {
    let server = RabbitServer::start();
    let tools = server.tools();
    let place = format!("streams at RabbitMQ at {}//", server.stream_url());
    assert_cleans_what_is_written_down(&place, &mut *made(NAME, &server.stream_url(), &[]), |name| {
        let stream = r#"{"durable":true,"arguments":{"x-queue-type":"stream"}}"#;
        tools.ask("PUT", &format!("queues/%2f/{name}"), stream);
    });
    assert_eq!(tools.objects(), ["alive", "mine"]);
    tools.remove_all();
}
