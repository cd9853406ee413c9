//! `jetstream`: when a stream deletes messages, replay, and order within a key.

use crate::{
    support::NatsServer,
    trial::{
        Reacts, Seen, Trial, assert_in_order, assert_sound, ends, ends_slowly, in_hand, one_hop,
        order_authorization,
    },
};
use async_nats::jetstream::{self, stream::RetentionPolicy};
use drumpost_core::{
    handler::Reactor,
    outcome::{Ending, Outcome},
    plan::Kill,
    promise::{Acks, Order},
    scenario::Style,
    transport::OpenError,
};
use futures_util::TryStreamExt;
use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    thread,
    time::Duration,
};

const NAME: &str = "jetstream";

/// The streams when everything is measured and nothing is removed yet, as another client finds them: the retention, the subjects,
/// the number of messages, the last number given to one, and the number of consumers.
type Found = Vec<(RetentionPolicy, Vec<String>, u64, u64, usize)>;

fn found(url: &str) -> Found {
    // The last acknowledgements are on their way.
    std::thread::sleep(Duration::from_millis(300));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = async_nats::connect(url).await.expect("a connection");
        let infos: Vec<_> = jetstream::new(client).streams().try_collect().await.expect("a list");
        let facts = |info: jetstream::stream::Info| {
            let (config, state) = (info.config, info.state);
            (config.retention, config.subjects, state.messages, state.last_sequence, state.consumer_count)
        };
        infos.into_iter().map(facts).collect()
    })
}

fn run(server: &NatsServer, trial: &Trial, scenario: drumpost_core::scenario::Scenario) -> (Outcome, Found) {
    let url = server.url();
    let seen = Seen::by(move |_| found(&url));
    let outcome = trial.run_watched(NAME, &server.url(), scenario, seen.clone()).expect("it opens");
    (outcome, seen.sight().found)
}

fn refused(server: &NatsServer, trial: &Trial) -> String {
    let error = trial.run(NAME, &server.url(), order_authorization()).expect_err("it is refused");
    let OpenError::Refused(what) = error else { panic!("{error:?}") };
    what
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn streams_delete_messages_as_they_are_told_to() {
    use RetentionPolicy::{Interest, Limits, WorkQueue};
    let server = NatsServer::start();
    for (style, option, expected) in [
        (Style::Message, "by-intent", WorkQueue),
        (Style::Message, "interest", Interest),
        (Style::Message, "limits", Limits),
        (Style::Event, "by-intent", Limits),
        (Style::Event, "interest", Interest),
    ] {
        let options = vec![("jetstream.retention", option)].leak();
        let trial = Trial { style, options, instances: &[("warehouse", 2)], ..Trial::default() };
        let (outcome, found) = run(&server, &trial, order_authorization());
        // In either style.
        assert_sound(&outcome, 14_500);
        assert!(found.len() >= 3 && found.iter().all(|(retention, ..)| *retention == expected), "{found:?}");
        for (_, subjects, messages, last, _) in &found {
            assert_eq!(*messages, if expected == Limits { *last } else { 0 }, "{subjects:?} {option}");
        }
        let stored: u64 = found.iter().map(|(.., last, _)| last).sum();
        assert_eq!(stored, outcome.audit.sent, "{option}");
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn an_interest_stream_forgets_at_once_what_nobody_acknowledges() {
    let server = NatsServer::start();
    let options = &[("jetstream.retention", "interest")];
    let (outcome, found) =
        run(&server, &Trial { acks: Acks::Before, options, ..Trial::default() }, one_hop(ends));
    assert_sound(&outcome, 5_000);
    assert!(matches!(found[..], [(RetentionPolicy::Interest, _, 0, 5_000, 1)]), "{found:?}");
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn what_does_not_fit_together_is_refused_in_a_sentence() {
    let server = NatsServer::start();
    for (style, instances, options, says) in [
        (
            Style::Event,
            &[][..],
            &[("jetstream.retention", "work-queue")][..],
            "a work queue hands each message to one service, and 2 services hear `payment.accepted`",
        ),
        (Style::Message, &[], &[("jetstream.from", "beginning")], "deletes what is acknowledged"),
        (
            Style::Event,
            &[],
            &[("jetstream.from", "sequence:7"), ("jetstream.retention", "interest")],
            "set jetstream.retention=limits",
        ),
        (
            Style::Message,
            &[("payment", 3)],
            &[("jetstream.partitions", "2")],
            "payment has 3 instances, and each needs a partition of its own",
        ),
    ] {
        let what = refused(&server, &Trial { style, instances, options, ..Trial::default() });
        assert!(what.contains(says), "{what}");
    }
}

/// An open load in which the consumer of `warehouse` dies after a second, when it has handled some hundred messages.
fn replay(from: &str) -> Trial {
    let options = vec![("jetstream.from", &*from.to_owned().leak()), ("jetstream.ack-wait", "1s")].leak();
    let trial = Trial { style: Style::Event, options, ..Trial::killed(&[], 400_000) };
    Trial { kill: trial.kill.map(|kill| Kill { after: Duration::from_secs(1), ..kill }), ..trial }
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
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_consumer_that_comes_back_replays_the_stream_from_where_it_is_told_to() {
    let server = NatsServer::start();
    // The number in the stream is one more than that of the flow.
    for (from, expected) in [
        ("beginning", Some(0)),
        ("sequence:1", Some(0)),
        ("sequence:201", Some(200)),
        ("ago:1h", Some(0)),
        // What was not acknowledged comes, however far ahead the place is.
        ("sequence:1000000", None),
        ("ago:1ms", None),
    ] {
        CAME.store(0, Relaxed);
        AGAIN_FROM.store(u32::MAX, Relaxed);
        let (outcome, _) = run(&server, &replay(from), one_hop(notes_where_it_begins_again));
        let (audit, in_hand, again_from) = (&outcome.audit, in_hand(&outcome), AGAIN_FROM.load(Relaxed));
        println!("{from}: {in_hand} in hand, again from {again_from}: {audit:?}");
        assert_eq!((audit.lost, audit.unique), (0, audit.expected), "{from}: {audit:?}");
        match expected {
            Some(number) => assert_eq!(again_from, number, "{from}"),
            None => assert!(audit.duplicated <= in_hand + 200 && again_from > 200, "{from}: {again_from}"),
        }
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_consumer_that_begins_at_the_end_skips_what_it_missed() {
    let server = NatsServer::start();
    let (outcome, _) =
        run(&server, &Trial { drain: Duration::from_secs(1), ..replay("end") }, one_hop(ends_slowly));
    in_hand(&outcome);
    // What was sent while it was away for 500 ms.
    assert!(outcome.audit.lost > 500 && outcome.audit.duplicated == 0, "{:?}", outcome.audit);
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn the_instances_of_a_service_replay_together_and_commands_are_replayed_from_a_stream_that_keeps_them() {
    let server = NatsServer::start();
    let mut trial = replay("beginning");
    trial.instances = &[("warehouse", 2)];
    trial.style = Style::Message;
    trial.options =
        &[("jetstream.from", "beginning"), ("jetstream.retention", "limits"), ("jetstream.ack-wait", "1s")];
    let (outcome, _) = run(&server, &trial, one_hop(ends_slowly));
    let (audit, in_hand) = (&outcome.audit, in_hand(&outcome));
    assert_eq!((audit.lost, audit.unique), (0, audit.expected), "{audit:?}");
    assert!(audit.duplicated > in_hand + 300, "{in_hand} in hand: {audit:?}");
}

const PARTITIONS: &[(&str, &str)] = &[("jetstream.partitions", "4"), ("jetstream.ack-wait", "20s")];

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn instances_share_partitions_and_each_key_keeps_its_order() {
    let server = NatsServer::start();
    for (style, order) in [(Style::Message, Order::PerKey), (Style::Event, Order::PerShard)] {
        let trial = Trial::by_key(style, order, &[("warehouse", 3)], PARTITIONS);
        let (outcome, found) = run(&server, &trial, one_hop(ends));
        assert_in_order(&outcome, 5_000);
        let [(_, subjects, .., consumers)] = &found[..] else { panic!("{found:?}") };
        assert!(*consumers == 4 && subjects[0].ends_with(".*"), "{found:?}");
    }
    let trial =
        Trial { instances: &[("payment", 2)], order: Order::PerKey, options: PARTITIONS, ..Trial::default() };
    let (outcome, _) = run(&server, &Trial { keys: 100, ..trial }, order_authorization());
    assert_eq!((outcome.audit.unique, outcome.audit.out_of_order), (14_500, 0), "{:?}", outcome.audit);
}

/// What a killed instance had in its hands comes again before what came later, and not after an ack wait of 20 s.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn each_key_keeps_its_order_when_an_instance_dies() {
    let server = NatsServer::start();
    for (style, retention) in
        [(Style::Message, "by-intent"), (Style::Event, "by-intent"), (Style::Event, "interest")]
    {
        let options = [PARTITIONS, &[("jetstream.retention", retention)]].concat().leak();
        let trial = Trial {
            style,
            options,
            order: Order::PerKey,
            keys: 50,
            ..Trial::killed(&[("warehouse", 2)], 400_000)
        };
        let (outcome, _) = run(&server, &trial, one_hop(ends_slowly));
        let (audit, in_hand) = (&outcome.audit, in_hand(&outcome));
        println!("{style} {retention}: {in_hand} in hand: {audit:?}");
        assert_eq!((audit.lost, audit.out_of_order, audit.unjudged), (0, 0, 0), "{audit:?}");
        assert!(in_hand > 0 && audit.duplicated >= in_hand, "{in_hand}: {audit:?}");
        assert!(outcome.elapsed_ns < 15_000_000_000, "nobody waited for an ack wait");
    }
}

/// Without partitions the same trial breaks the order: this is what the test above can see.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn without_partitions_keys_lose_their_order() {
    let server = NatsServer::start();
    let options = &[("jetstream.ack-wait", "500ms")];
    let trial =
        Trial { options, order: Order::PerKey, keys: 50, ..Trial::killed(&[("warehouse", 2)], 400_000) };
    // It is likely, and not sure, that what the killed consumer held has successors elsewhere.
    let audits = (0..3).map(|_| run(&server, &trial, one_hop(ends_slowly)).0.audit);
    let audits: Vec<_> = audits.inspect(|audit| assert_eq!(audit.lost, 0, "{audit:?}")).collect();
    assert!(audits.iter().any(|audit| audit.out_of_order > 0), "{audits:?}");
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn dead_letters_come_from_every_partition() {
    let server = NatsServer::start();
    let options = &[("jetstream.partitions", "3"), ("jetstream.max-deliver", "2")];
    let trial =
        Trial { options, instances: &[("payment", 2)], keys: 30, ..crate::trial::dies("payment", 10, 50) };
    let (outcome, _) = run(&server, &trial, order_authorization());
    let audit = &outcome.audit;
    assert_eq!(
        (outcome.ending.clone(), audit.lost, outcome.unfinished),
        (Ending::Completed, 0, 0),
        "{audit:?}"
    );
    assert!(audit.dead >= 100 && audit.rejected == Some(2 * audit.dead), "{audit:?}");
    let promised = Trial { order: Order::PerKey, ..trial };
    assert!(
        refused(&server, &promised)
            .contains("--poison needs a transport that promises no order within a key")
    );
}
