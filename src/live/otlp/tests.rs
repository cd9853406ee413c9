//! A small receiver, and a reader of protobuf that shares nothing with the writer.

use super::*;
use crate::{
    live::{About, Events, Viewer},
    run::{execute::execute, quietly},
};
use drumpost_results::metrics::Totals;
use std::net::TcpListener;

/// A field of a message: its number, and its value as bytes or as a number.
#[derive(Clone, Debug)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Field {
    fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            Self::Number(_) => panic!("a number where a text was expected"),
        }
    }

    fn fields(&self) -> Vec<(u64, Field)> {
        match self {
            Self::Bytes(bytes) => read(bytes),
            Self::Number(_) => panic!("a number where a message was expected"),
        }
    }

    fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Bytes(_) => panic!("bytes where a number was expected"),
        }
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn read(mut bytes: &[u8]) -> Vec<(u64, Field)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (number, rest) = bytes.split_at(8);
                bytes = rest;
                Field::Number(u64::from_le_bytes(number.try_into().unwrap()))
            }
            2 => {
                let len = varint(&mut bytes) as usize;
                let (value, rest) = bytes.split_at(len);
                bytes = rest;
                Field::Bytes(value.to_vec())
            }
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

fn all(fields: &[(u64, Field)], number: u64) -> Vec<Field> {
    fields.iter().filter(|(own, _)| *own == number).map(|(_, field)| field.clone()).collect()
}

#[track_caller]
fn one(fields: &[(u64, Field)], number: u64) -> Field {
    let found = all(fields, number);
    assert_eq!(found.len(), 1, "field {number}");
    found[0].clone()
}

/// The data points of a metric, and the field in which it has them.
fn metric(body: &[u8], name: &str) -> (u64, Vec<Vec<(u64, Field)>>) {
    let of_resource = one(&read(body), 1).fields();
    let resource = one(&of_resource, 1).fields();
    let attributes: Vec<String> =
        all(&resource, 1).iter().map(|pair| one(&pair.fields(), 1).text()).collect();
    assert!(attributes.contains(&"service.name".to_owned()));
    let metrics = all(&one(&of_resource, 2).fields(), 2);
    let found: Vec<_> =
        metrics.iter().map(Field::fields).filter(|metric| one(metric, 1).text() == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    let (kind, data) = found[0].iter().find(|(number, _)| *number >= 5).unwrap();
    (*kind, all(&data.fields(), 1).iter().map(Field::fields).collect())
}

/// Takes requests, answers each with a status, and gives their bodies.
fn receiver(status: &'static str) -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, bodies) = channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut bytes = Vec::new();
            let body = loop {
                let mut some = [0; 4096];
                let n = connection.read(&mut some).unwrap();
                bytes.extend_from_slice(&some[..n]);
                let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
                let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
                assert!(head.contains("Content-Type: application/x-protobuf"), "{head}");
                let len = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
                if bytes.len() - end - 4 == len.parse::<usize>().unwrap() {
                    break bytes.split_off(end + 4);
                }
            };
            connection
                .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())
                .unwrap();
            if tell.send(body).is_err() {
                return;
            }
        }
    });
    (format!("http://{address}"), bodies)
}

#[test]
fn what_is_received_at_the_end_is_what_was_measured() {
    let registry = crate::builtin();
    let line = "stream --sim service=exp:300us,loss=1/50,confirm=fixed:1ms --rate 1k/s --duration 2s --trials 2 --seed 5";
    let job = quietly::job(&registry, line.split_whitespace()).unwrap();
    let (to, seen) = channel();
    let events = Events::new(to, true);
    let mut record = execute(&registry, &job, &events, &crate::interrupt::Interrupt::default(), &mut |_| ());
    drop(events);
    let mut figures = Figures::new(&About::of_record("run", &job.record));
    let (to, bodies) = receiver("200 OK");
    let sending = Sending::start(&to.parse().unwrap(), figures.clone()).unwrap();
    for event in seen {
        figures.tell(&event);
    }
    sending.end();
    let mut body = bodies.recv_timeout(Duration::from_secs(20)).unwrap();
    // The last one counts.
    while let Ok(next) = bodies.recv_timeout(Duration::from_millis(500)) {
        body = next;
    }
    if let Ok(path) = std::env::var("DRUMPOST_OTLP_BODY") {
        std::fs::write(path, &body).unwrap();
    }
    let run = record.runs.pop().unwrap();
    let mut totals = Totals::default();
    run.trials.iter().for_each(|trial| totals.merge(&Totals::of(trial)));
    assert!(totals.audit.sent > 0 && totals.audit.lost > 0 && totals.confirm.count > 0);
    let number = |name: &str| {
        let (kind, points) = metric(&body, name);
        assert_eq!((kind, points.len()), (7, 1), "{name}");
        f64::from_bits(one(&points[0], 4).number())
    };
    assert_eq!(number("messaging.client.sent.messages") as u64, totals.audit.sent);
    assert_eq!(number("messaging.client.consumed.messages") as u64, totals.audit.delivered);
    for (name, times) in [
        ("messaging.process.duration", totals.response),
        ("messaging.client.operation.duration", totals.confirm),
    ] {
        let (kind, points) = metric(&body, name);
        assert_eq!((kind, points.len()), (9, 1), "{name}");
        let point = &points[0];
        assert_eq!(one(point, 4).number(), times.count, "{name}");
        let sum = f64::from_bits(one(point, 5).number());
        assert!((sum - times.sum_ns as f64 / 1e9).abs() < 1e-9, "{name}");
        let eights = |field: u64| match one(point, field) {
            Field::Bytes(bytes) => {
                bytes.chunks(8).map(|eight| u64::from_le_bytes(eight.try_into().unwrap())).collect::<Vec<_>>()
            }
            Field::Number(_) => panic!("it is packed"),
        };
        let (counts, bounds) = (eights(6), eights(7));
        assert_eq!((counts.len(), counts.iter().sum::<u64>()), (bounds.len() + 1, times.count), "{name}");
        assert_eq!(f64::from_bits(bounds[0]), 1e-6);
        let attributes: Vec<String> =
            all(point, 9).iter().map(|pair| one(&pair.fields(), 1).text()).collect();
        assert!(attributes.contains(&"messaging.operation.name".to_owned()), "{attributes:?}");
    }
    assert_eq!(metric(&body, "drumpost.response").0, 11);
}

#[test]
fn a_receiver_that_refuses_or_is_silent_holds_up_nothing() {
    let clock = Clock::start();
    let figures = Figures::new(&About::default());
    let (to, bodies) = receiver("503 Service Unavailable");
    let why = post(&to.parse().unwrap(), b"").unwrap_err().to_string();
    assert!(why.contains("503"), "{why}");
    drop(bodies);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}", silent.local_addr().unwrap());
    Sending::start(&to.parse().unwrap(), figures).unwrap().end();
    assert!(clock.now_ns() < 20_000_000_000);
}
