//! Runs that are not complete, although the sums over all destinations match.

use super::super::{Still, Watched, WatchedHistograms};
use super::*;
use crate::{
    audit::{Auditor, Group},
    counters::{Local, Published},
    credit::Credit,
    message::{Kind, Message},
    outcome::Audit,
    payload::Pool,
    recorder::{Heard, Recorder, RecorderSpec},
    scenario::{Intent, Style},
    wiring::{Destination, WiredService, Wiring},
};
use proptest::prelude::*;
use std::sync::Arc;

/// One sender with a send port for each of `destinations` places, all heard by a service of `receivers` instances.
struct Bench {
    collector: Collector,
    sender: Arc<Published>,
    sent: Local,
    receivers: Vec<(Recorder, Arc<Published>)>,
    pool: Arc<Pool>,
}

/// A service of one instance sends to all destinations, which another service hears.
fn wiring(destinations: u16, receivers: u16, pool: &Arc<Pool>) -> Wiring {
    let service =
        |name: &str, instances| WiredService { name: name.into(), driven: name == "sender", instances };
    let destination = |id| Destination {
        id,
        name: format!("work-{id}"),
        intent: Intent::Command,
        kinds: Vec::new(),
        sender: 0,
        receivers: vec![1],
    };
    Wiring {
        transport: String::new(),
        run_name: "test".into(),
        style: Style::Message,
        services: vec![service("sender", 0..1), service("receiver", 1..1 + receivers)],
        destinations: (0..destinations).map(destination).collect(),
        capacity: 8,
        batch: 1,
        window: None,
        connections: None,
        acks: Default::default(),
        away: Default::default(),
        pool: Arc::clone(pool),
    }
}

impl Bench {
    fn new(destinations: u16, receivers: u16) -> Self {
        let pool = Arc::new(Pool::new(1, 0));
        let wiring = wiring(destinations, receivers, &pool);
        let credit = Arc::new(Credit::new(usize::from(receivers) + 1, 1));
        let group = Arc::new(Group::new(usize::from(destinations), usize::from(receivers)));
        let slots: Vec<u8> = (0..destinations).map(|slot| slot as u8).collect();
        let recorder = |lane: u16| {
            let audit = match receivers {
                1 => Auditor::alone(slots.clone()),
                _ => Auditor::member(Arc::clone(&group), slots.clone()),
            };
            let heard = Heard {
                slots: slots.clone(),
                streams: (0..u32::from(destinations)).map(|stream| (stream, 0)).collect(),
                producers: vec![1; usize::from(destinations)],
            };
            let origins = Arc::new([0]);
            let credit = Arc::clone(&credit);
            Recorder::new(RecorderSpec {
                lane,
                ports: 0,
                heard,
                audit,
                credit,
                origins,
                measure_from_ns: 0,
                starting: 1,
                among: crate::recorder::Among::Few,
            })
        };
        let ids: Vec<u16> = (0..destinations).collect();
        let sender = Arc::new(Published::new(ids.len(), 0));
        let (mut lanes, mut histograms) = (Vec::new(), Vec::new());
        let mut watch = |counters, swap, service, ports: &[u16], heard: &[u16]| {
            histograms.push(WatchedHistograms::new(swap, heard.into(), service, false));
            lanes.push(Watched {
                counters,
                service,
                ports: ports.into(),
                heard: heard.into(),
                histograms: lanes.len(),
                still: Still::default(),
            });
        };
        watch(Arc::clone(&sender), recorder(0).1, 0, &ids, &[]);
        let mut watched = Vec::new();
        for lane in 1..=receivers {
            let (recorder, swap) = recorder(lane);
            let counters = Arc::new(Published::new(0, ids.len()));
            watch(Arc::clone(&counters), swap, 1, &[], &ids);
            watched.push((recorder, counters));
        }
        let sent = Local { emitted: vec![0; ids.len()], ..Local::default() };
        Self {
            collector: Collector::new(wiring, credit, lanes, histograms),
            sender,
            sent,
            receivers: watched,
            pool,
        }
    }

    fn send(&mut self, destination: usize, count: u64) {
        self.sent.emitted[destination] += count;
        self.sender.publish(&self.sent);
    }

    /// As a lane does in a step.
    fn receive(&mut self, receiver: usize, destination: u16, seqs: std::ops::Range<u32>) {
        let (recorder, counters) = &mut self.receivers[receiver];
        for seq in seqs {
            let mut message = Message::start(0, seq, 1, 0, 0).caused(Kind(0), destination, 0, seq);
            message.stamp(1, &self.pool);
            recorder.receive(&[message], &[], 2, &self.pool);
        }
        if recorder.has_rare_news() {
            recorder.publish_all(counters);
        } else {
            recorder.publish_received(counters);
        }
    }

    fn idle(&mut self) {
        for (recorder, counters) in &mut self.receivers {
            recorder.settle(counters, false);
        }
    }
}

#[test]
fn a_message_at_two_competing_instances_does_not_stand_for_one_that_is_still_out() {
    let mut bench = Bench::new(1, 2);
    bench.send(0, 13);
    bench.receive(0, 0, 0..10);
    // Given to the other instance, too: 13 deliveries, and three messages have not come.
    bench.receive(1, 0, 0..3);
    assert!(!bench.collector.is_complete(), "nobody has asked the group yet");
    bench.idle();
    assert!(!bench.collector.is_complete(), "three came twice");
    bench.receive(1, 0, 10..13);
    bench.idle();
    assert!(bench.collector.is_complete());
    let tally = bench.collector.tally(&[]);
    assert_eq!((tally.expected(), tally.unique(), tally.missing()), (13, 13, 0));
}

#[test]
fn what_came_too_often_at_one_destination_does_not_stand_for_another() {
    let mut bench = Bench::new(2, 1);
    bench.send(0, 5);
    bench.send(1, 5);
    // A sender was told that its sixth failed, and it came all the same.
    bench.receive(0, 0, 0..6);
    bench.receive(0, 1, 0..4);
    assert!(!bench.collector.is_complete(), "one for the second destination is still out");
    let tally = bench.collector.tally(&[]);
    assert_eq!((tally.expected(), tally.unique(), tally.missing()), (11, 10, 1));
    bench.receive(0, 1, 4..5);
    assert!(bench.collector.is_complete());
}

#[test]
fn what_the_transport_says_it_dropped_is_waited_for_by_nobody() {
    let mut bench = Bench::new(2, 1);
    bench.send(0, 5);
    bench.send(1, 5);
    bench.receive(0, 0, 0..5);
    bench.receive(0, 1, 0..3);
    let (recorder, counters) = &mut bench.receivers[0];
    recorder.lagged(2);
    recorder.publish_all(counters);
    assert!(bench.collector.is_complete());
    assert!(!bench.collector.tally(&[]).hops.is_empty());
    assert!(bench.collector.tally(&[(0, 5), (1, 2)]).missing() == 0, "what was not taken is not expected");
}

proptest! {
    #[test]
    fn what_is_unique_lost_and_unknown_is_what_was_expected(
        hops in proptest::collection::vec((0u64..1 << 40, 0u64..1 << 40, 0u64..1 << 40), 0..9),
        beyond_window: u32, lagged: u32, was_waited_for: bool,
    ) {
        let hops = hops.iter().map(|(expected, first, dead)| HopCount {
            service: 0,
            destination: 0,
            expected: *expected,
            first: *first,
            dead: *dead,
        });
        let tally = Tally { hops: hops.collect(), excused: vec![0] };
        let mut audit = Audit {
            expected: tally.expected(),
            unique: tally.unique(),
            dead: tally.dead(),
            unknown: tally.missing(),
            beyond_window: beyond_window.into(),
            lagged: lagged.into(),
            ..Audit::default()
        };
        audit.close(was_waited_for);
        prop_assert_eq!(audit.unique + audit.dead + audit.lost + audit.unknown, audit.expected);
        prop_assert!(was_waited_for || audit.lost <= audit.lagged);
    }
}
