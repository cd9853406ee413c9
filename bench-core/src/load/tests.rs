//! Tests of the load alone: when it starts flows, and what it counts.

use super::{starter::Load, *};
use crate::{counters::Local, credit::Credit, hist::Hist};
use std::sync::Arc;

/// Due (or thought about) so long each, and over after so many.
struct Every {
    every_ns: u64,
    number: u64,
    of: u64,
    schedule: bool,
}

impl Feed for Every {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        while starts.len() < starts.capacity() && self.number < self.of {
            let after_ns = if self.schedule { self.number * self.every_ns } else { self.every_ns };
            starts.push(Start { after_ns, key: self.number as u32, payload_len: 0 });
            self.number += 1;
        }
    }
}

/// A load under test, whose flows end when the test says so.
struct Bench {
    load: Load,
    credit: Arc<Credit>,
    local: Local,
    ended: u64,
}

const BEGINS_NS: u64 = 1_000;

impl Bench {
    fn new(plan: LoadPlan, every_ns: u64, of: u64) -> Self {
        let credit = Arc::new(Credit::new(1, 1));
        let schedule = matches!(plan.pace, Pace::Open { .. });
        let feed = Box::new(Every { every_ns, number: 0, of, schedule });
        let share = starter::Share { member: 0, of: 1 };
        let load = Load::new(feed, plan, share, Arc::clone(&credit), 1, BEGINS_NS);
        Self { load, credit, local: Local::default(), ended: 0 }
    }

    /// Asks for up to 64 flows at `at_ns` after the load's begin; says when those it got were due, after the begin too.
    fn poll(&mut self, at_ns: u64) -> (Due, Vec<u64>) {
        let mut starts = Starts::new(0, 64);
        let now_ns = BEGINS_NS + at_ns;
        let (due, _) = self.load.poll(64, || now_ns, now_ns, &mut self.local, &mut starts);
        self.load.note_gaps(now_ns, starts.as_slice(), &mut Hist::default());
        (due, starts.as_slice().iter().map(|start| start.due_ns() - BEGINS_NS).collect())
    }

    fn end(&mut self, flows: u64) {
        self.ended += flows;
        self.credit.publish(0, &[self.ended]);
    }
}

fn open(window: u64, extent: Extent) -> LoadPlan {
    LoadPlan { pace: Pace::Open { window }, ..LoadPlan::closed(window, extent) }
}

#[test]
fn a_full_window_makes_flows_late_and_loses_none() {
    let mut bench = Bench::new(open(2, Extent::Count(5)), 10, u64::MAX);
    assert_eq!(bench.poll(100), (Due::Started, vec![0, 10]));
    assert!(matches!(bench.poll(100), (Due::At(_), due) if due.is_empty()));
    bench.end(2);
    assert_eq!(
        bench.poll(200),
        (Due::Started, vec![20, 30]),
        "due when they were due, not when there was room"
    );
    bench.end(2);
    assert_eq!(bench.poll(300), (Due::Started, vec![40]));
    assert_eq!(bench.poll(300).0, Due::Over);
    assert_eq!((bench.local.started, bench.local.shed, bench.local.dropped), (5, 0, 0));
}

#[test]
fn only_a_load_without_room_or_schedule_waits_for_the_ends_of_flows() {
    let mut bench = Bench::new(open(1, Extent::Count(5)), 10, u64::MAX);
    assert_eq!(bench.poll(0).0, Due::Started);
    assert!(matches!(bench.poll(5).0, Due::At(_)) && bench.load.waits_for_ends(), "the window is full");
    bench.end(1);
    assert_eq!(bench.poll(7).0, Due::At(BEGINS_NS + 10));
    assert!(!bench.load.waits_for_ends(), "it waits for the schedule alone");
    let mut closed = Bench::new(LoadPlan::closed(1, Extent::Count(5)), 0, u64::MAX);
    assert_eq!(closed.poll(0).0, Due::Started);
    assert!(matches!(closed.poll(0).0, Due::At(_)) && closed.load.waits_for_ends());
    let thinks = LoadPlan { thinks: true, ..LoadPlan::closed(2, Extent::Count(4)) };
    let mut thinking = Bench::new(thinks, 100, u64::MAX);
    assert!(matches!(thinking.poll(0).0, Due::At(_)));
    assert!(thinking.load.waits_for_ends(), "whose flow ends thinks from then on");
}

#[test]
fn what_is_due_at_the_cap_is_shed_and_counted() {
    let plan = LoadPlan { at_cap: AtCap::Shed, ..open(2, Extent::Count(100)) };
    let mut bench = Bench::new(plan, 10, u64::MAX);
    assert_eq!(bench.poll(0), (Due::Started, vec![0]));
    assert_eq!(bench.poll(10), (Due::Started, vec![10]));
    assert_eq!(bench.poll(55), (Due::At(BEGINS_NS + 60), vec![]), "20 to 50 find no room");
    assert_eq!(bench.local.shed, 4);
    bench.end(1);
    assert_eq!(bench.poll(65), (Due::Started, vec![60]), "what was shed is not made up for");
    assert_eq!(bench.poll(2_000).0, Due::Over, "shed flows count for the load's extent");
    assert_eq!((bench.local.started, bench.local.shed), (3, 97));
}

#[test]
fn a_cap_that_is_to_fail_the_run_says_so_only_when_a_flow_is_due() {
    let plan = LoadPlan { at_cap: AtCap::Fail, ..open(1, Extent::Count(100)) };
    let mut bench = Bench::new(plan, 10, u64::MAX);
    assert_eq!(bench.poll(0).0, Due::Started);
    assert_eq!(bench.poll(9).0, Due::At(BEGINS_NS + 10), "full, but nothing is due");
    assert_eq!(bench.poll(10).0, Due::Capped);
}

#[test]
fn who_waits_for_a_reply_has_not_filled_the_window() {
    for at_cap in [AtCap::Shed, AtCap::Fail] {
        let plan = LoadPlan { at_cap, ..open(3, Extent::Count(100)) };
        let mut bench = Bench::new(plan, 10, u64::MAX);
        assert_eq!(bench.poll(0).0, Due::Started);
        let mut starts = Starts::new(0, 64);
        let (due, _) = bench.load.poll(0, || BEGINS_NS + 55, BEGINS_NS, &mut bench.local, &mut starts);
        assert!(matches!(due, Due::At(_)) && starts.as_slice().is_empty(), "{at_cap:?}: {due:?}");
        assert_eq!(bench.local.shed, 0);
        assert_eq!(bench.poll(60).1, [10, 20], "late, and started when the reply is there");
    }
}

#[test]
fn a_load_lasts_as_long_as_was_asked_at_a_full_window_too() {
    for at_cap in [AtCap::Shed, AtCap::Fail] {
        let plan = LoadPlan { at_cap, ..open(1, Extent::Duration(100)) };
        let mut bench = Bench::new(plan, 1_000, u64::MAX);
        assert_eq!(bench.poll(0).0, Due::Started);
        assert_eq!(bench.poll(50).0, Due::At(BEGINS_NS + 100), "full, and the next is due after its end");
        assert_eq!(bench.poll(100).0, Due::Over);
    }
}

#[test]
fn debt_is_kept_or_dropped_and_counted() {
    let mut kept = Bench::new(open(1_000, Extent::Count(50)), 10, u64::MAX);
    assert_eq!(kept.poll(1_000).1, (0..50).map(|number| number * 10).collect::<Vec<_>>());
    let plan = LoadPlan { debt: Debt::DropAfter { late_ns: 100 }, ..open(1_000, Extent::Count(120)) };
    let mut dropped = Bench::new(plan, 10, u64::MAX);
    let (_, due) = dropped.poll(1_000);
    assert_eq!(due, (90..=100).map(|number| number * 10).collect::<Vec<_>>(), "those 100 ns late or less");
    assert_eq!((dropped.local.dropped, dropped.local.started), (90, 11));
    dropped.poll(1_190);
    assert_eq!(dropped.poll(1_200).0, Due::Over);
    assert_eq!(dropped.local.dropped + dropped.local.started, 120);
}

#[test]
fn a_user_thinks_before_each_flow_and_is_due_when_ready() {
    let plan = LoadPlan { thinks: true, ..LoadPlan::closed(2, Extent::Count(4)) };
    let mut bench = Bench::new(plan, 100, u64::MAX);
    assert_eq!(bench.poll(0), (Due::At(BEGINS_NS + 100), vec![]), "both think first");
    assert_eq!(bench.poll(130), (Due::Started, vec![100, 100]), "ready at 100, noticed at 130");
    assert!(matches!(bench.poll(150), (Due::At(_), due) if due.is_empty()));
    bench.end(1);
    assert_eq!(bench.poll(160), (Due::At(BEGINS_NS + 260), vec![]), "one is back and thinks");
    bench.end(1);
    assert_eq!(bench.poll(200), (Due::At(BEGINS_NS + 260), vec![]));
    assert_eq!(bench.poll(300), (Due::Started, vec![260, 300]));
    assert_eq!(bench.poll(300).0, Due::Over);
}

#[test]
fn a_feed_that_gives_no_more_ends_the_load() {
    let mut open = Bench::new(open(1_000, Extent::Count(u64::MAX)), 10, 3);
    assert_eq!(open.poll(100).1, [0, 10, 20]);
    assert_eq!(open.poll(100).0, Due::Over);
    let mut closed = Bench::new(LoadPlan::closed(10, Extent::Count(u64::MAX)), 0, 3);
    assert_eq!(closed.poll(100).1.len(), 3);
    assert_eq!(closed.poll(100).0, Due::Over);
}

#[test]
fn a_load_lasts_as_long_as_was_asked() {
    let mut bench = Bench::new(open(10, Extent::Duration(100)), 60, u64::MAX);
    bench.poll(60);
    assert_eq!(bench.local.started, 2);
    assert_eq!(bench.poll(61).0, Due::At(BEGINS_NS + 100), "the next is due after its end");
    assert_eq!(bench.poll(100).0, Due::Over);
    assert_eq!(bench.local.missed, 0);
}

#[test]
fn what_was_due_and_never_started_is_missed() {
    let mut bench = Bench::new(open(10, Extent::Duration(100)), 10, u64::MAX);
    bench.poll(35);
    assert_eq!(bench.local.started, 4);
    assert_eq!(bench.poll(150).0, Due::Over, "its time was over before it was asked again");
    assert_eq!(bench.local.missed, 6);
}

#[test]
fn intervals_are_kept_as_planned_and_as_started() {
    let mut bench = Bench::new(open(1_000, Extent::Count(6)), 10, u64::MAX);
    for at_ns in [0, 12, 41, 60] {
        bench.poll(at_ns);
    }
    let gaps = bench.load.into_gaps().unwrap();
    assert_eq!(gaps.planned_ns, [10; 5]);
    assert_eq!(gaps.started_ns, [12, 29, 0, 0, 19], "three were due when it was asked at 41");
}
