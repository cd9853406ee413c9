//! The contract kit for every transport of drumpost. Transports that need a server run against a private one. Their
//! tests are ignored unless scripts/test runs them.

#[cfg(feature = "redis")]
#[path = "support/guaranteed.rs"]
mod guaranteed;
#[cfg(feature = "nats")]
mod support;
#[cfg(feature = "kafka")]
#[path = "support/kafka.rs"]
mod support_kafka;
#[cfg(any(feature = "rabbitmq", feature = "rabbitmq-stream"))]
#[path = "support/rabbitmq.rs"]
mod support_rabbitmq;
#[cfg(feature = "redis")]
#[path = "support/redis.rs"]
mod support_redis;
#[cfg(feature = "sqs")]
#[path = "support/sqs.rs"]
mod support_sqs;

use drumpost_core::{
    contract,
    registry::{Options, TransportEntry},
    scenario::Style,
};
use drumpost_dispatch::transports;

fn entry(name: &str) -> TransportEntry {
    let known = transports();
    known.into_iter().find(|entry| entry.name == name).unwrap_or_else(|| panic!("no transport `{name}`"))
}

/// One test for each transport, and a list of all of them.
macro_rules! contracts {
    ($($(#[$when:meta])? $test:ident: $name:literal over $options:expr $(, ignored: $why:literal)?;)*) => {
        $(
            $(#[$when])?
            #[test]
            $(#[ignore = $why])?
            fn $test() {
                let options = $options;
                contract::check_where(&entry($name), &options.0, |style, _| options.1.contains(&style)).assert();
            }
        )*

        const TESTED: &[&str] = &[$($(#[$when])? $name),*];
    };
}

contracts! {
    rtrb_keeps_the_contract: "rtrb" over in_process();
    crossbeam_keeps_the_contract: "crossbeam" over in_process();
    tokio_mpsc_keeps_the_contract: "tokio-mpsc" over in_process();
    tokio_broadcast_keeps_the_contract: "tokio-broadcast" over in_process();
    listeners_keep_the_contract: "listeners" over in_process();
    sim_keeps_the_contract: "sim" over in_process();
    #[cfg(feature = "nats")]
    nats_keeps_the_contract: "nats" over with_server(), ignored: "needs a nats-server: scripts/test starts one";
    #[cfg(feature = "nats")]
    jetstream_keeps_the_contract: "jetstream" over with_server(), ignored: "needs a nats-server: scripts/test starts one";
    #[cfg(feature = "nats")]
    nats_wire_keeps_the_contract: "nats-wire" over with_server(), ignored: "needs a nats-server: scripts/test starts one";
    #[cfg(feature = "redis")]
    redis_stream_keeps_the_contract: "redis-stream" over with_redis(), ignored: "needs a redis-server: scripts/test starts one";
    #[cfg(feature = "redis")]
    redis_keeps_the_contract: "redis" over with_redis(), ignored: "needs a redis-server: scripts/test starts one";
    #[cfg(feature = "redis")]
    redis_pubsub_keeps_the_contract: "redis-pubsub" over with_redis(), ignored: "needs a redis-server: scripts/test starts one";
    #[cfg(feature = "rabbitmq")]
    rabbitmq_keeps_the_contract: "rabbitmq" over with_rabbitmq(), ignored: "needs a RabbitMQ server: scripts/test starts one";
    #[cfg(feature = "rabbitmq-stream")]
    rabbitmq_streams_keep_the_contract: "rabbitmq-stream" over with_rabbitmq_streams(), ignored: "needs a RabbitMQ server: scripts/test starts one";
    #[cfg(feature = "kafka")]
    kafka_keeps_the_contract: "kafka" over with_kafka(), ignored: "needs a Kafka server: scripts/test starts one";
    #[cfg(feature = "mqtt")]
    mqtt_keeps_the_contract: "mqtt" over in_process();
    #[cfg(feature = "sqs")]
    sqs_keeps_the_contract: "sqs" over with_elasticmq(), ignored: "needs an ElasticMQ server: scripts/test starts one";
    #[cfg(feature = "unix")]
    unix_keeps_the_contract: "unix" over in_process();
    #[cfg(feature = "zeromq")]
    zeromq_keeps_the_contract: "zeromq" over in_process();
    #[cfg(feature = "iceoryx2")]
    iceoryx2_keeps_the_contract: "iceoryx2" over in_process();
}

#[test]
fn sim_in_real_time_keeps_the_contract() {
    let mut options = Options::default();
    options.set("sim", "clock=real");
    contract::check(&entry("sim"), &options).assert();
}

#[cfg(feature = "redis")]
#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn redis_that_pops_keeps_what_it_guarantees() {
    let mut with = with_redis();
    with.0.set("redis.take", "pop");
    // Redis is asked for messages with another command then, which has to hand over the same bytes and to carry replies, too.
    guaranteed::assert_kept(&entry("redis"), &with.0, &["payload", "request-reply"]);
}

#[cfg(feature = "sqs")]
#[test]
#[ignore = "needs a moto server: scripts/test starts one"]
fn sqs_with_sns_keeps_the_contract_of_events() {
    /// They send 500 to 1,000 messages, of which moto delivers some hundred in the time that a check has. `dispatch/tests/sqs/sns.rs` counts fewer.
    const TOO_LONG: [&str; 3] = ["count", "fan-out", "competing"];
    let With(options, styles, _server) = with_moto();
    let wanted = |style, check| styles.contains(&style) && !TOO_LONG.contains(&check);
    contract::check_where(&entry("sqs"), &options, wanted).assert();
}

#[test]
fn every_transport_has_a_test() {
    let known: Vec<&str> = transports().iter().map(|entry| entry.name).collect();
    assert_eq!(known, TESTED, "a transport is listed and not tested here, or tested in another order");
}

/// Options, the styles that the server has, and what has to live as long as they are used.
struct With<T>(Options, &'static [Style], #[allow(dead_code, reason = "dropped after the test")] T);

fn in_process() -> With<()> {
    With(Options::default(), &Style::ALL, ())
}

/// A server, whose address is that of this option.
#[allow(dead_code, reason = "a build may have no transport with a server")]
fn at<T>(option: &str, url: String, styles: &'static [Style], server: T) -> With<T> {
    let mut options = Options::default();
    options.set(option, url);
    With(options, styles, server)
}

#[cfg(feature = "nats")]
fn with_server() -> With<support::NatsServer> {
    let server = support::NatsServer::start();
    at("nats.url", server.url(), &Style::ALL, server)
}

#[cfg(feature = "redis")]
fn with_redis() -> With<support_redis::RedisServer> {
    let server = support_redis::RedisServer::start();
    at("redis.url", server.url(), &Style::ALL, server)
}

#[cfg(feature = "rabbitmq")]
fn with_rabbitmq() -> With<support_rabbitmq::RabbitServer> {
    let server = support_rabbitmq::RabbitServer::start();
    at("rabbitmq.url", server.url(), &Style::ALL, server)
}

#[cfg(feature = "rabbitmq-stream")]
fn with_rabbitmq_streams() -> With<support_rabbitmq::RabbitServer> {
    let server = support_rabbitmq::RabbitServer::start();
    at("rabbitmq-stream.url", server.stream_url(), &Style::ALL, server)
}

#[cfg(feature = "kafka")]
fn with_kafka() -> With<support_kafka::KafkaServer> {
    let server = support_kafka::KafkaServer::start();
    at("kafka.url", server.url(), &Style::ALL, server)
}

#[cfg(feature = "sqs")]
fn with_elasticmq() -> With<support_sqs::SqsServer> {
    let server = support_sqs::SqsServer::start();
    // It has no SNS; moto has.
    at("sqs.url", server.url(), &[Style::Message], server)
}

#[cfg(feature = "sqs")]
fn with_moto() -> With<support_sqs::SqsServer> {
    let server = support_sqs::SqsServer::of(support_sqs::Emulator::Moto);
    at("sqs.url", server.url(), &[Style::Event], server)
}
