//! Tests of the options, of the promise, and of what the server's answers and advisories say; those with a server are in
//! `dispatch/tests/nats`.

use super::{options::OPTIONS, receive::Consumer, send::refusal, *};
use async_nats::{Message as Envelope, StatusCode, Subject, jetstream::stream::StorageType};
use drumpost_core::options::Options;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
};

static DECLARED: [OptionEntry; OPTIONS.len()] = OPTIONS;

fn made(set: &[(&str, &str)]) -> Result<Settings, String> {
    let mut options = Options::default();
    set.iter().for_each(|(name, value)| options.set(name, *value));
    Settings::read(&options.of(&DECLARED).map_err(|error| error.to_string())?)
}

#[test]
fn options_say_where_messages_are_stored_and_how_long_the_server_waits() {
    let usual = made(&[]).unwrap();
    assert_eq!((usual.storage, usual.ack_wait), (StorageType::File, Duration::from_secs(30)));
    assert_eq!((usual.partitions, usual.from, usual.retention), (1, Begin::Handled, None));
    let other = made(&[("jetstream.storage", "memory"), ("jetstream.ack-wait", "1.5s")]).unwrap();
    assert_eq!((other.storage, other.ack_wait), (StorageType::Memory, Duration::from_millis(1_500)));
    for (text, from) in [
        ("beginning", Begin::First),
        ("end", Begin::End),
        ("sequence:10k", Begin::Number(10_000)),
        ("ago:1.5s", Begin::Ago(Duration::from_millis(1_500))),
    ] {
        assert_eq!(made(&[("jetstream.from", text)]).unwrap().from, from);
    }
}

#[test]
fn options_are_refused_with_what_they_may_be() {
    for (name, value, says) in [
        (
            "jetstream.storage",
            "tape",
            "option jetstream.storage, set by --set: \"tape\" is not `file` or `memory`",
        ),
        ("jetstream.ack-wait", "0s", "\"0s\" is not a time above zero"),
        ("jetstream.ack-wait", "2", "the unit is missing, as in 2s"),
        ("jetstream.from", "start", "\"start\" is not `acknowledged`, `beginning`, `end`, a sequence number"),
        ("jetstream.from", "sequence:x", "\"x\" is no count"),
        ("jetstream.from", "ago:2", "the unit is missing, as in 2s"),
        ("jetstream.partitions", "0", "\"0\" is not a whole number from 1 to 256"),
    ] {
        let error = made(&[(name, value)]).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn options_make_the_promise_or_are_refused_together() {
    let promised = |set: &[(&str, &str)], acks| {
        let asked = Asked { guarantee: None, acks: Some(acks) };
        made(set).unwrap().promise(entry().promise, &asked).map(|said| (said.delivery, said.order))
    };
    use promise::Delivery::{Any, AtLeastOnce, AtMostOnce};
    assert_eq!(promised(&[], Acks::After), Ok((AtLeastOnce, Order::None)));
    assert_eq!(promised(&[("jetstream.partitions", "4")], Acks::After), Ok((AtLeastOnce, Order::PerKey)));
    assert_eq!(promised(&[("jetstream.from", "beginning")], Acks::After), Ok((AtLeastOnce, Order::None)));
    assert_eq!(promised(&[("jetstream.from", "end")], Acks::After), Ok((Any, Order::None)));
    let stores = |from| {
        let made = made(&[("jetstream.from", from)]).unwrap();
        made.promise(entry().promise, &Asked::default()).unwrap().stores
    };
    assert!(stores("acknowledged") && stores("beginning") && !stores("end"));
    for set in
        [("jetstream.max-deliver", "3"), ("jetstream.retention", "work-queue"), ("jetstream.from", "end")]
    {
        let refused = promised(&[set], Acks::Before).unwrap_err();
        assert!(refused.contains(set.0) && refused.contains("--acks before"), "{refused}");
    }
    // A server that is killed forgets what it has delivered shortly before, and delivers it again from its file.
    assert_eq!(promised(&[], Acks::Before), Ok((Any, Order::None)));
    assert_eq!(promised(&[("jetstream.retention", "interest")], Acks::Before), Ok((Any, Order::None)));
    let memory = &[("jetstream.storage", "memory")][..];
    assert_eq!(promised(memory, Acks::Before), Ok((AtMostOnce, Order::None)));
    let most = Asked { guarantee: Some(AtMostOnce), acks: None };
    let refused = made(&[]).unwrap().promise(entry().promise, &most).unwrap_err();
    assert!(
        refused.contains("--guarantee at-most-once cannot be kept: set jetstream.storage=memory"),
        "{refused}"
    );
    assert_eq!(made(memory).unwrap().promise(entry().promise, &most).unwrap().delivery, AtMostOnce);
}

#[test]
fn the_number_is_read_from_the_advisory() {
    let advisory = br#"{"type":"io.nats.jetstream.advisory.v1.max_deliver","stream":"s","consumer":"c","stream_seq":417,"deliveries":3}"#;
    assert_eq!(dead::number(advisory), Some(417));
    assert_eq!(dead::number(br#"{"stream_seq": 7}"#), Some(7));
    assert_eq!(dead::number(br#"{"consumer_seq":7}"#), None);
    assert_eq!(dead::subject("run-0-work", "*"), "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.run-0-work.*");
}

#[test]
fn the_count_of_deliveries_is_read_from_the_subject() {
    let next = "$JS.API.CONSUMER.MSG.NEXT.s.c".into();
    let (advised, acknowledges) = (String::new(), "$JS.ACK.s.c.".into());
    let consumer = Consumer { durable: Durable::default(), advised, next, acknowledges, due: 0 };
    for (subject, attempt) in [
        ("$JS.ACK.s.c.1.7.9.1700000000.5", 1),
        ("$JS.ACK.s.c.2.7.9.1700000000.5", 2),
        ("$JS.ACK.s.c.12.7.9.1700000000.5", 12),
        ("$JS.ACK.s.c.99999.7.9.1700000000.5", u16::MAX),
        ("$JS.ACK.hub.ACCOUNT.s.c.1.7.9.1700000000.5.x", 1),
        ("$JS.ACK.hub.ACCOUNT.s.c.3.7.9.1700000000.5.x", 3),
        ("_INBOX.1", 0),
    ] {
        assert_eq!(consumer.attempt(subject), attempt, "{subject}");
    }
}

fn answer(payload: &'static str, status: Option<StatusCode>) -> Envelope {
    let payload = bytes::Bytes::from_static(payload.as_bytes());
    let subject = Subject::from_static("_INBOX.1");
    Envelope { subject, reply: None, payload, headers: None, status, description: None, length: 0 }
}

#[test]
fn answers_are_told_apart() {
    assert_eq!(refusal(&answer(r#"{"stream":"a", "seq":7}"#, None)), None);
    let error = r#"{"error":{"code":503,"description":"insufficient resources"},"stream":"a","seq":0}"#;
    assert!(refusal(&answer(error, None)).unwrap().contains("insufficient resources"));
    assert!(refusal(&answer("", Some(StatusCode::NO_RESPONDERS))).unwrap().contains("no stream"));
}

/// A server without a message in any stream, and what is published there, with the subject.
fn without_messages() -> (String, mpsc::Receiver<[String; 2]>) {
    const NONE: &str = r#"{"error":{"code":404,"err_code":10037,"description":"no message found"}}"#;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("nats://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"INFO {\"version\":\"2.14.0\",\"max_payload\":1024,\"headers\":true}\r\n").unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let mut answers = String::new();
        while let Some(line) = lines.next() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["PING"] => stream.write_all(b"PONG\r\n").unwrap(),
                ["SUB", _, id] => answers = id.to_owned(),
                ["PUB", _, reply, _] => {
                    let _question = lines.next();
                    write!(stream, "MSG {reply} {answers} {}\r\n{NONE}\r\n", NONE.len()).unwrap();
                }
                ["PUB", subject, _] => {
                    let _ = tell.send([subject.to_owned(), lines.next().unwrap_or_default()]);
                }
                _ => {}
            }
        }
    });
    (at, told)
}

/// Regression: it ended the run. A slow consumer acknowledges a message after the server has given up on it.
#[test]
fn an_advisory_about_a_message_that_is_gone_is_acknowledged_and_passed_over() {
    let (at, published) = without_messages();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(at).await.unwrap();
        let reply = Some(Subject::from_static("acknowledges"));
        let advisory = Envelope { reply, ..answer(r#"{"stream_seq":7}"#, None) };
        let letter = dead::letter(client.clone(), "work".into(), advisory).await;
        assert!(matches!(letter, Ok(None)), "{letter:?}");
        client.flush().await.unwrap();
    });
    assert_eq!(
        published.recv_timeout(Duration::from_secs(20)),
        Ok(["acknowledges", "+ACK"].map(String::from))
    );
}
