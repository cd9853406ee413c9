//! Readers that die: what was confirmed comes, again or for the first time. Servers that die are in `restarts.rs`.

use crate::{
    NAME, events,
    support_rabbitmq::RabbitServer,
    trial::{Reacts, Trial, ends_slowly, in_hand, one_hop},
};
use drumpost_core::{handler::Reactor, plan::Kill};
use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    thread,
    time::Duration,
};

/// A reader that dies after a second, when it has handled some hundred messages.
fn killed(options: &'static [(&'static str, &'static str)]) -> Trial {
    let trial = Trial { options, ..Trial::killed(&[], 400_000) };
    let kill = trial.kill.map(|kill| Kill { after: Duration::from_secs(1), ..kill });
    Trial { kill, style: events().style, ..trial }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_killed_reader_comes_back_from_its_stored_offset_and_loses_nothing() {
    let server = RabbitServer::start();
    for (options, most_again) in [(&[][..], 100), (&[("rabbitmq-stream.store-every", "1")], 0)] {
        let outcome = killed(options).run(NAME, &server.stream_url(), one_hop(ends_slowly)).unwrap();
        let (audit, in_hand) = (&outcome.audit, in_hand(&outcome));
        println!("{in_hand} in hand: {audit:?}");
        assert_eq!((audit.lost, audit.out_of_order, outcome.unfinished), (0, 0, 0), "{audit:?}");
        assert_eq!((audit.confirmed, audit.unique), (Some(audit.sent), audit.expected));
        // What it died with, what it had not had stored, and what the server had not stored yet.
        assert!(audit.duplicated >= in_hand && audit.duplicated <= in_hand + most_again + 200, "{audit:?}");
        assert_eq!(audit.redelivered, None, "the server does not say");
    }
    assert_eq!(server.tools().objects(), [""; 0]);
}

/// One more than the highest number of a flow that came, and the lowest that came after a higher one.
static CAME: AtomicU32 = AtomicU32::new(0);
static AGAIN_FROM: AtomicU32 = AtomicU32::new(u32::MAX);

/// Ends flows slowly, and notes where a replay begins: messages of one producer come in order otherwise.
fn notes_where_it_begins_again() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| {
        if message.number < CAME.fetch_max(message.number + 1, Relaxed) {
            AGAIN_FROM.fetch_min(message.number, Relaxed);
        }
        thread::sleep(Duration::from_micros(100));
        out.end(message);
    }))
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_reader_that_comes_back_replays_the_stream_from_where_it_is_told_to() {
    let server = RabbitServer::start();
    // The offset in the stream is the number of the flow, or a little more: each offset that was stored before takes a place.
    let replays: [(&'static [_], Option<u32>); 4] = [
        (&[("rabbitmq-stream.from", "first")], Some(0)),
        (&[("rabbitmq-stream.from", "offset:200")], Some(200)),
        (&[("rabbitmq-stream.from", "ago:1h")], Some(0)),
        // What was not handled comes, however far ahead the place is.
        (&[("rabbitmq-stream.from", "offset:1M")], None),
    ];
    for (options, expected) in replays {
        CAME.store(0, Relaxed);
        AGAIN_FROM.store(u32::MAX, Relaxed);
        let outcome = killed(options).run(NAME, &server.stream_url(), one_hop(notes_where_it_begins_again));
        let (outcome, again_from) = (outcome.unwrap(), AGAIN_FROM.load(Relaxed));
        let audit = &outcome.audit;
        println!("{options:?}: again from {again_from}: {audit:?}");
        assert_eq!((audit.lost, audit.unique), (0, audit.expected), "{options:?}: {audit:?}");
        match expected {
            Some(number) => {
                let about = number.saturating_sub(5)..=number;
                assert!(about.contains(&again_from), "{options:?}: {again_from}");
            }
            None => assert!(again_from > 200, "{options:?}: {again_from}"),
        }
    }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_reader_that_comes_back_at_the_next_message_skips_what_it_missed() {
    let server = RabbitServer::start();
    let trial = Trial { drain: Duration::from_secs(1), ..killed(&[("rabbitmq-stream.from", "next")]) };
    let outcome = trial.run(NAME, &server.stream_url(), one_hop(ends_slowly)).unwrap();
    // What was sent while it was away for 500 ms.
    assert!(outcome.audit.lost > 500 && outcome.audit.duplicated == 0, "{:?}", outcome.audit);
}
