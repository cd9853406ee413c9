//! Tests of the options, of what the server tells about itself, and of questions to the client's own mock of a server; those with a server are
//! in `dispatch/tests/kafka`.

use super::*;
use drumpost_core::options::Options;
use rdkafka::{
    TopicPartitionList as Offsets,
    consumer::ConsumerContext,
    mocking::MockCluster,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

fn made(set: &[(&str, &str)]) -> Result<Kafka, String> {
    let mut options = Options::default();
    set.iter().for_each(|(name, value)| options.set(name, *value));
    Kafka::from_options(&options.of(entry().options).map_err(|error| error.to_string())?)
}

fn promise(set: &[(&str, &str)], guarantee: Option<promise::Delivery>) -> Result<Promise, String> {
    made(set)?.promise(entry().promise, &Asked { guarantee, acks: None })
}

#[test]
fn an_address_is_read_and_a_password_is_never_shown() {
    let all = made(&[("kafka.url", "kafka://me:s3cret@broker:7000")]).unwrap();
    assert_eq!(all.at.address(), "kafka://broker:7000");
    assert_eq!(all.settings.asking.get("sasl.password"), Some("s3cret"));
    assert_eq!(made(&[("kafka.url", "broker")]).unwrap().at.address(), "kafka://broker:9092");
    let six = made(&[("kafka.url", "[::1]")]).unwrap();
    assert_eq!(six.settings.asking.get("broker.address.family"), Some("v6"));
    let secured = made(&[("kafka.url", "kafkas://me:s3cret@broker")]);
    match secured {
        Ok(secured) => assert_eq!(secured.at.address(), "kafkas://broker:9093"),
        Err(error) => assert!(error.contains("use kafka://") && !cfg!(feature = "kafka-tls"), "{error}"),
    }
    for url in ["kafka://me:s3cret@broker?x", "kafkasql://me:s3cret@broker"] {
        let error = made(&[("kafka.url", url)]).map(drop).unwrap_err();
        assert!(error.starts_with("option kafka.url") && !error.contains("s3cret"), "{error}");
    }
}

/// Regression: clients connected to IPv4 addresses alone, so a server with none could not be reached by its name.
#[test]
fn a_server_with_no_other_addresses_is_reached_over_ipv6() {
    let family = |addresses: &[&str]| {
        session::family(&addresses.iter().map(|address| address.parse().unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(family(&["[::1]:9092"]), "v6");
    assert_eq!(family(&["[::1]:9092", "127.0.0.1:9092"]), "v4", "one of two could refuse");
    assert_eq!((family(&["127.0.0.1:9092"]), family(&[])), ("v4", "v4"));
    let kafka = made(&[("kafka.url", "broker")]).unwrap();
    let said =
        || kafka.with_family(&kafka.settings.producing).get("broker.address.family").map(str::to_owned);
    assert_eq!(said(), Some("v4".into()), "the name was not looked up");
    kafka.family.set("v6").unwrap();
    assert_eq!(said(), Some("v6".into()));
}

#[test]
fn what_is_promised_follows_from_the_options() {
    use promise::{Confirms, Delivery};
    let usual = promise(&[], None).unwrap();
    let said = (usual.order, usual.confirms, usual.delivery);
    assert_eq!(said, (Order::PerProducer, Confirms::Replicated, Delivery::AtLeastOnce));
    assert_eq!(promise(&[("kafka.partitions", "4")], None).unwrap().order, Order::PerKey);
    assert_eq!(promise(&[("kafka.acks", "1")], None).unwrap().confirms, Confirms::Leader);
    let unheard = promise(&[("kafka.acks", "0")], None).unwrap();
    assert_eq!((unheard.confirms, unheard.delivery), (Confirms::Written, Delivery::Any));
    let most = promise(&[("kafka.acks", "0")], Some(Delivery::AtMostOnce)).unwrap_err();
    assert!(most.contains("a message may be delivered again"), "{most}");
    let least = Some(Delivery::AtLeastOnce);
    assert!(promise(&[("kafka.acks", "0")], least).unwrap_err().contains("kafka.acks=0"));
    assert!(promise(&[("kafka.from", "end")], least).unwrap_err().contains("may be lost"));
    let stores = |set| promise(&[set], None).unwrap().stores;
    assert!(stores(("kafka.acks", "0")), "a topic keeps what its leader has, confirmed or not");
    assert!(!stores(("kafka.from", "end")), "what was sent meanwhile is passed over");
    let exactly = Some(Delivery::ExactlyOnce);
    assert_eq!(promise(&[], exactly).unwrap().delivery, Delivery::ExactlyOnce);
    for set in [("kafka.acks", "1"), ("kafka.idempotent", "off"), ("kafka.from", "beginning")] {
        assert!(promise(&[set], exactly).unwrap_err().contains("has transactions only with kafka.acks=all"));
    }
}

#[test]
fn requests_are_repeated_only_where_that_stores_nothing_twice() {
    let retries = |set: &[(&str, &str)]| {
        let producing = made(set).unwrap().settings.producing;
        (
            producing.get("enable.idempotence") == Some("true"),
            producing.get("message.send.max.retries") == Some("0"),
        )
    };
    assert_eq!(retries(&[]), (true, false));
    assert_eq!(retries(&[("kafka.acks", "1")]), (false, true));
    assert_eq!(retries(&[("kafka.idempotent", "off")]), (false, true));
    let error = made(&[("kafka.acks", "1"), ("kafka.idempotent", "on")]).map(drop).unwrap_err();
    assert_eq!(error, "option kafka.idempotent: it needs kafka.acks=all, and that is 1");
}

#[test]
fn times_and_sizes_are_the_clients() {
    let all = made(&[
        ("kafka.linger", "50us"),
        ("kafka.batch-size", "64KiB"),
        ("kafka.commit-every", "5s"),
        ("kafka.fetch-wait", "0ms"),
    ]);
    let all = all.unwrap().settings;
    let said = (all.producing.get("linger.ms"), all.producing.get("batch.size"));
    assert_eq!(said, (Some("0.05"), Some("65536")));
    assert_eq!(all.consuming.get("auto.commit.interval.ms"), Some("5000"));
    assert_eq!(all.consuming.get("fetch.wait.max.ms"), Some("0"));
    let error = made(&[("kafka.fetch-wait", "500us")]).map(drop).unwrap_err();
    assert_eq!(error, "option kafka.fetch-wait: Kafka counts in whole milliseconds, such as 5ms");
    // The client takes them.
    for config in [&all.asking, &all.producing, &all.consuming] {
        config.create_native_config().unwrap();
    }
}

#[test]
fn the_level_of_the_features_is_found_in_the_answer() {
    // Supported, from 7 to 30, and then finalized.
    let answer = b"\x11metadata.version\0\x07\0\x1e\0\0\x02\x11metadata.version\0\x1d\0\x1d\0";
    assert_eq!(version(answer), "metadata.version 29");
    assert_eq!(version(b"\x11metadata.version\0"), "");
    assert_eq!(version(b"HTTP/1.1 400 Bad Request"), "");
}

/// Regression: the run began to send right after the topics were made. Where a leader refused the first batch of a partition and took the
/// second, the messages of the first were lost, and confirmed.
#[test]
fn new_partitions_are_used_only_when_their_leader_serves_them() {
    let server = MockCluster::new(1).unwrap();
    server.create_topic("new", 4, 1).unwrap();
    let kafka = made(&[("kafka.url", &format!("kafka://{}", server.bootstrap_servers()))]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let session = kafka.connect().await.unwrap();
        let asked = || async {
            let mut all = Offsets::new();
            all.add_partition_range("new", 0, 3);
            all.set_all_offsets(Offset::End).unwrap();
            session.ask(move |client| client.offsets_for_times(all, PATIENCE)).await
        };
        use RDKafkaRespErr::{
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION as NOT_LEADER,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART as UNKNOWN,
        };
        let refusals = [UNKNOWN, NOT_LEADER, NOT_LEADER];
        server.request_errors(RDKafkaApiKey::ListOffsets, &refusals);
        assert!(asked().await.is_err(), "the mock refuses");
        session.wait_for_leaders(&["new".to_owned()], 4).await.unwrap();
        assert!(asked().await.is_ok(), "the refusals are over");
    });
}

/// Regression: `kafka.from` counted each time that partitions were given out, so an instance that had come back began to read again when the
/// next one came back.
#[test]
fn an_instance_begins_where_it_is_told_once() {
    let server = MockCluster::new(1).unwrap();
    let url = format!("kafka://{}", server.bootstrap_servers());
    let kafka = made(&[("kafka.url", &url), ("kafka.from", "beginning")]).unwrap();
    let (from, line) = (Mutex::new(kafka.settings.from), Line::to(&kafka.at));
    let mut config = kafka.settings.consuming.clone();
    let client: BaseConsumer<Events> =
        kafka.client(config.set("group.id", "group"), Events { from, ..Events::to(&line) }).unwrap();
    let given = |partitions: &[i32]| {
        let mut given = Offsets::new();
        for partition in partitions {
            given.add_partition("topic", *partition);
        }
        client.context().rebalance(&client, RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, &mut given);
        given.elements().iter().map(|one| one.offset()).collect::<Vec<_>>()
    };
    assert!(given(&[]).is_empty(), "there are more members than partitions");
    assert_eq!(given(&[0, 1]), [Offset::Beginning; 2], "the first that it is given");
    assert_eq!(given(&[0]), [Offset::Invalid], "after what was committed");
    assert_eq!(line.link.check(), Ok(()));
}
