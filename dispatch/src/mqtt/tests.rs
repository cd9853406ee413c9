//! Tests of the options and of what is promised; those with a server are in `dispatch/tests/mqtt`.

use super::*;
use drumpost_core::{options::Options, port::Confirmed};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

fn made(set: &[(&str, &str)]) -> Result<Mqtt, String> {
    let mut options = Options::default();
    set.iter().for_each(|(name, value)| options.set(name, *value));
    Mqtt::from_options(&options.of(&OPTIONS).map_err(|error| error.to_string())?)
}

#[test]
fn a_password_is_never_shown() {
    let all = made(&[("mqtt.url", "mqtt://me:s3cret@broker:7000")]).unwrap();
    assert_eq!(all.at.address(), "mqtt://broker:7000");
    assert!(!format!("{all:?}").contains("s3cret"), "{all:?}");
    assert_eq!(made(&[("mqtt.url", "broker")]).unwrap().at.address(), "mqtt://broker:1883");
    for url in ["mqtt://me:s3cret@broker?x", "ws://me:s3cret@broker"] {
        let error = made(&[("mqtt.url", url)]).unwrap_err();
        assert!(error.starts_with("option mqtt.url") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn tls_is_asked_for_by_the_address() {
    assert!(made(&[("mqtt.tls-ca", "/dev/null")]).unwrap_err().contains("need an address with mqtts://"));
    let secure = made(&[("mqtt.url", "mqtts://broker"), ("mqtt.tls-ca", "/dev/null")]).unwrap();
    assert_eq!(secure.at.address(), "mqtts://broker:8883");
    let half =
        [("mqtt.url", "mqtts://broker"), ("mqtt.tls-cert", "/dev/null"), ("mqtt.tls-key", "/dev/null")];
    assert!(made(&half).unwrap_err().contains("needs mqtt.tls-ca"));
}

#[test]
fn without_an_address_the_broker_is_in_this_process() {
    for set in [&[][..], &[("mqtt.url", "embedded")], &[("mqtt.url", "")]] {
        assert!(made(set).unwrap().is_embedded(), "{set:?}");
        let mut options = Options::default();
        set.iter().for_each(|(name, value)| options.set(name, *value));
        assert!(entry().runs_server(&options), "{set:?}");
    }
    assert!(!made(&[("mqtt.url", "localhost")]).unwrap().is_embedded());
    let locked = include_str!("../../../Cargo.lock");
    let version = locked.split_once("name = \"mqtt5\"\nversion = \"").unwrap().1.split('"').next();
    assert_eq!(version, Some(embedded::VERSION));
}

#[test]
fn a_guarantee_is_given_or_refused_with_the_quality_that_has_it() {
    use promise::Delivery::{AtLeastOnce, AtMostOnce, ExactlyOnce};
    for (qos, gives, others) in [
        ("0", AtMostOnce, [AtLeastOnce, ExactlyOnce]),
        ("1", AtLeastOnce, [AtMostOnce, ExactlyOnce]),
        ("2", AtLeastOnce, [AtMostOnce, ExactlyOnce]),
    ] {
        let made = made(&[("mqtt.qos", qos)]).unwrap();
        let promise = |guarantee| {
            made.promise(entry().promise, &Asked { guarantee: Some(guarantee), ..Asked::default() })
        };
        assert_eq!(promise(gives).unwrap().delivery, gives, "QoS {qos}");
        assert_eq!(promise(gives).unwrap().stores, qos != "0", "sessions are kept, but for QoS 0");
        for other in others {
            let refused = promise(other).unwrap_err();
            assert!(
                refused.contains("cannot be kept; mqtt.qos=0 promises at most once"),
                "QoS {qos}: {refused}"
            );
        }
    }
    assert!(made(&[("mqtt.qos", "3")]).is_err());
}

/// Regression: a receiver at QoS 0 whose queue was full did not read the answers to its pings, and lost its connection after 7.5 s.
#[test]
fn a_receiver_whose_queue_may_be_full_does_not_have_to_ping() {
    let broker = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", broker.local_addr().unwrap());
    let clients = thread::spawn(move || {
        let clients = broker.incoming().take(4).map(|client| {
            let (mut client, mut connect) = (client.unwrap(), [0; 12]);
            client.read_exact(&mut connect).unwrap();
            // Success, a new session, no properties.
            client.write_all(&[0x20, 3, 0, 0, 0]).unwrap();
            assert_eq!((connect[0], &connect[2..9]), (0x10, &b"\0\x04MQTT\x05"[..]));
            (u16::from_be_bytes([connect[10], connect[11]]), client)
        });
        clients.collect::<Vec<_>>()
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for qos in ["0", "1"] {
            let mqtt = made(&[("mqtt.url", &url), ("mqtt.qos", qos)]).unwrap();
            let receiver = mqtt.subscribed("receiver".into(), &[], AWAY, &Line::to(&mqtt.at)).await;
            let other = mqtt.connect().await;
            assert!(receiver.is_ok() && other.is_ok(), "QoS {qos}");
        }
    });
    let keep_alives_s: Vec<u16> =
        clients.join().unwrap().into_iter().map(|(keep_alive_s, _)| keep_alive_s).collect();
    assert_eq!(keep_alives_s, [3_600, 5, 5, 5]);
}

/// The kind of the next packet and what follows its length, which is short.
fn packet(client: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    client.read_exact(&mut head).unwrap();
    let mut rest = vec![0; head[1].into()];
    client.read_exact(&mut rest).unwrap();
    (head[0], rest)
}

/// Regression: an opening that broke off before the broker had answered its SUBSCRIBE left a session. The next opening found it, asked
/// for no subscriptions, and heard nothing for the rest of the run. Later it began a new session, so that the messages were lost which the
/// broker had stored for the other one and had confirmed.
#[test]
fn subscriptions_that_were_not_granted_are_asked_for_again_over_the_same_session() {
    let broker = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", broker.local_addr().unwrap());
    // Of each connection: whether there is a session, and whether the client subscribes and is answered.
    let course = [(false, Some(false)), (true, Some(true)), (true, None)];
    let clean_starts = thread::spawn(move || {
        let (mut clean_starts, mut open) = (Vec::new(), Vec::new());
        for (is_there, subscribes) in course {
            let (mut client, _) = broker.accept().unwrap();
            let (kind, connect) = packet(&mut client);
            assert_eq!((kind, &connect[..7]), (0x10, &b"\0\x04MQTT\x05"[..]));
            clean_starts.push(connect[7] & 2 != 0);
            // A property: the session is kept for three hours.
            assert!(connect.windows(5).any(|part| part == [0x11, 0, 0, 0x2a, 0x30]), "{connect:?}");
            client.write_all(&[0x20, 3, is_there.into(), 0, 0]).unwrap();
            if let Some(is_answered) = subscribes {
                let (kind, subscribe) = packet(&mut client);
                assert_eq!(kind, 0x82);
                if !is_answered {
                    continue;
                }
                client.write_all(&[0x90, 4, subscribe[0], subscribe[1], 0, 1]).unwrap();
            }
            open.push(client);
        }
        clean_starts
    });
    let (name, intent) = ("work".to_owned(), Intent::Command);
    let work = Destination { id: 0, name, intent, kinds: vec![], sender: 0, receivers: vec![] };
    let (place, group) = ("run/work".to_owned(), "worker".to_owned());
    let heard = [Heard { destination: &work, place, group, is_apart: false, is_alone: false }];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let opened: Vec<bool> = runtime.block_on(async {
        let (mqtt, mut opened) = (made(&[("mqtt.url", &url)]).unwrap(), Vec::new());
        for _ in 0..3 {
            let line = Line::to(&mqtt.at);
            let receiver = mqtt.subscribed("receiver".into(), &heard, Duration::from_hours(3), &line).await;
            opened.push(receiver.is_ok());
        }
        opened
    });
    assert_eq!(opened, [false, true, true]);
    assert_eq!(clean_starts.join().unwrap(), [false; 3]);
}

/// A broker that answers the messages of a connection with these reason codes. Gives the connection back.
fn answers(broker: &TcpListener, codes: [u8; 4]) -> TcpStream {
    let (mut client, _) = broker.accept().unwrap();
    assert_eq!(packet(&mut client).0, 0x10);
    client.write_all(&[0x20, 3, 0, 0, 0]).unwrap();
    for code in codes {
        let (kind, publish) = packet(&mut client);
        // Behind the topic, which is short.
        let at = 2 + usize::from(publish[1]);
        let [high, low] = [publish[at], publish[at + 1]];
        let [puback, pubrec] = [0x40, 0x50];
        if kind == 0x32 {
            client.write_all(&[puback, 3, high, low, code]).unwrap();
            continue;
        }
        assert_eq!(kind, 0x34);
        client.write_all(&[pubrec, 3, high, low, code]).unwrap();
        assert_eq!(packet(&mut client), (0x62, vec![high, low]), "PUBREL");
        client.write_all(&[0x70, 2, high, low]).unwrap();
    }
    client
}

/// The confirms and refusals that a topic tells, until there are so many.
async fn tells(topic: &mut Topic, parts: usize) -> Vec<Confirmed> {
    let (mut all, refusals) = (Vec::new(), Refusals::default());
    let told = std::future::poll_fn(|context| {
        let mut tell = |told| all.push(told);
        topic.poll_confirmed(context, &mut Confirms::new(&mut tell, &refusals)).unwrap();
        if all.len() < parts { Poll::Pending } else { Poll::Ready(()) }
    });
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    all
}

/// Regression: at QoS 2 a message that no subscription matched was confirmed, and so it counted as lost, though the broker had said so in its
/// PUBREC. All messages have the same packet identifier here, and their sender is told of the first when the last has its answer.
#[test]
fn a_message_that_no_subscription_matches_is_refused_where_one_should() {
    use Confirmed::{Refused, Stored};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for qos in ["1", "2"] {
        let broker = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("mqtt://{}", broker.local_addr().unwrap());
        let broker = thread::spawn(move || answers(&broker, [0, 0x10, 0, 0x10]));
        let told = runtime.block_on(async {
            let mqtt = made(&[("mqtt.url", &url), ("mqtt.qos", qos), ("mqtt.inflight", "1")]).unwrap();
            let line = Line::to(&mqtt.at);
            let sender = mqtt.attach("sender".into(), None, PING_EVERY_S, &line, true).await.unwrap();
            let sender = Arc::new(sender);
            let topic = |is_heard| Topic {
                sender: Arc::clone(&sender),
                line: line.clone(),
                qos: mqtt.qos,
                reply: None,
                is_correlated: false,
                is_heard,
                confirms: Futures::default(),
            };
            let (mut heard, mut unheard) = (topic(true), topic(false));
            let (place, message, pool) = ("work".to_owned(), Message::start(0, 0, 0, 0, 0), Pool::new(1, 0));
            for _ in 0..3 {
                heard.put(&place, Bytes::from_static(b"work"), &message, &pool).unwrap();
            }
            unheard.put(&place, Bytes::from_static(b"news"), &message, &pool).unwrap();
            let answered = tokio::task::spawn_blocking(move || broker.join().unwrap());
            let _connection = answered.await.unwrap();
            (tells(&mut heard, 3).await, tells(&mut unheard, 1).await)
        });
        assert_eq!(told, (vec![Stored(1), Refused(1), Stored(1)], vec![Stored(1)]), "QoS {qos}");
    }
}
