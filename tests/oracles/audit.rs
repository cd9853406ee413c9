//! Faults by rule: lost, duplicated and reordered messages are counted to the message, and the exit code is right.
//!
//! A rule hits the first few of every so many messages of a producer, so the expected count follows from the rule.

use crate::support::{Place, Record, count};

const FLOWS: u64 = 50_000;

/// A stream of flows with one key in sequence, through a target with these faults. An open load, as what is lost never
/// makes room in a closed one.
fn faulty(faults: &str) -> Record {
    let line =
        format!("stream --sim service=fixed:10us,{faults} --rate 10k/s --count {FLOWS} --keys uniform:1");
    Place::new().record(&line)
}

#[track_caller]
fn assert_counts(record: &Record, lost: u64, duplicated: u64, reordered: u64) {
    let audit = &record.only()["audit"];
    let of = |what: &str| count(audit, &format!("/{what}"));
    assert_eq!(
        (of("lost"), of("duplicated"), of("reordered"), of("corrupted")),
        (lost, duplicated, reordered, 0)
    );
    assert_eq!((of("sent"), of("expected")), (FLOWS, FLOWS));
    assert_eq!(of("lost") + of("unique"), of("sent"));
    assert_eq!(of("delivered"), of("unique") + of("duplicated"));
}

#[track_caller]
fn assert_displacement(record: &Record, max: u64, mean: f64) {
    let audit = &record.only()["audit"];
    assert_eq!((&audit["displacement_max"], &audit["displacement_mean"]), (&max.into(), &mean.into()));
}

#[test]
fn what_is_lost_is_counted() {
    assert_counts(&faulty("loss=1/1000").with_code(5), 50, 0, 0);
    assert_counts(&faulty("loss=3/1000").with_code(5), 150, 0, 0);
}

#[test]
fn what_comes_twice_is_counted() {
    assert_counts(&faulty("duplicate=1/500").with_code(5), 0, 100, 0);
    assert_counts(&faulty("duplicate=2/500").with_code(5), 0, 200, 0);
}

#[test]
fn what_comes_after_its_successor_is_counted() {
    let swapped = faulty("reorder=1/250").with_code(5);
    assert_counts(&swapped, 0, 0, 200);
    assert_displacement(&swapped, 1, 1.0);
}

/// Five are held back until a sixth has passed, and come last first: 1, 2, 3, 4 and 5 behind it.
#[test]
fn how_far_messages_came_behind_is_counted() {
    let record = faulty("reorder=5/250").with_code(5);
    assert_counts(&record, 0, 0, 1_000);
    assert_displacement(&record, 5, 3.0);
}

#[test]
fn nothing_is_counted_where_nothing_is_wrong() {
    let record = faulty("loss=0/1000").with_code(0);
    assert_counts(&record, 0, 0, 0);
    assert!(record.only()["audit"]["displacement_max"].is_null(), "nothing was out of order");
}

/// All three at once, against a count of the rules by hand: what is lost is neither duplicated nor out of order.
#[test]
fn all_faults_at_once() {
    let of = |first: u64, every: u64| move |seq: &u64| seq % every < first;
    let (loss, duplicate, reorder) = (of(3, 1000), of(1, 500), of(1, 250));
    let arrives = |seq: &u64| !loss(seq);
    let duplicated = (0..FLOWS).filter(arrives).filter(duplicate).count() as u64;
    let reordered = (0..FLOWS).filter(arrives).filter(reorder).count() as u64;
    assert_eq!((duplicated, reordered), (50, 150));
    let record = faulty("loss=3/1000,duplicate=1/500,reorder=1/250").with_code(5);
    assert_counts(&record, 150, duplicated, reordered);
    assert_displacement(&record, 1, 1.0);
    let reasons = record.only()["verdict"]["reasons"].to_string();
    assert!(reasons.contains("150 lost, 50 duplicated, 150 "), "{reasons}");
}

/// Every destination has a sequence of its own, and the rule holds for each.
#[test]
fn what_is_lost_on_every_destination_is_counted() {
    let line = "order-authorization --dispatch event/sim --sim service=fixed:10us,loss=1/1000 --rate 5k/s --count 20k";
    let record = Place::new().record(line).with_code(5);
    let audit = &record.only()["audit"];
    assert_eq!(count(audit, "/lost") + count(audit, "/unique"), count(audit, "/expected"));
    // One in a thousand of what was sent to each of three, their first included.
    let sent = count(audit, "/sent");
    assert!((sent / 1_000..=sent / 1_000 + 3).contains(&count(audit, "/lost")), "{audit}");
}

/// A stream of flows with seven keys in turn.
fn keyed(faults: &str, keys: &str) -> Record {
    let line = format!("stream --sim service=fixed:10us,{faults} --rate 10k/s --count {FLOWS} --keys {keys}");
    Place::new().record(&line)
}

fn out_of_order(record: &Record) -> u64 {
    record.only()["audit"].get("out_of_order").map_or(0, |n| n.as_u64().unwrap())
}

/// Neighbours have different keys, so that changing places keeps the order of each key. With one key there is nothing to change
/// places with.
#[test]
fn reordering_across_keys_is_counted_and_allowed_where_order_is_promised_per_key() {
    let across = keyed("order=key,reorder=1/250", "roundrobin:7").with_code(0);
    assert_counts(&across, 0, 0, 200);
    assert_eq!((out_of_order(&across), &across.only()["promises"]["order"]), (0, &"per-key".into()));
    assert!(across.only()["verdict"].to_string().contains("out of order across keys"), "{}", across.text);
    let one = keyed("order=key,reorder=1/250", "uniform:1").with_code(0);
    assert_counts(&one, 0, 0, 0);
}

/// A message is passed by the next of its key, which is seven places behind it.
#[test]
fn a_broken_order_of_keys_is_told_exactly() {
    let broken = keyed("order=key,misorder=1/250", "roundrobin:7").with_code(5);
    assert_counts(&broken, 0, 0, 200);
    assert_displacement(&broken, 7, 7.0);
    assert_eq!(out_of_order(&broken), 200);
    assert!(broken.only()["verdict"].to_string().contains("200 out of order within their key"));
    // The same course breaks an order per producer as well, and none breaks no promise.
    let strict = keyed("misorder=1/250", "roundrobin:7").with_code(5);
    assert_counts(&strict, 0, 0, 200);
    let none = keyed("order=none,reorder=1/250", "roundrobin:7").with_code(0);
    assert_counts(&none, 0, 0, 200);
    assert_eq!((out_of_order(&strict), out_of_order(&none)), (0, 0));
}

/// Keys lie in four shards. The target tells the shard of each message, so that all are judged.
#[test]
fn a_broken_order_of_shards_is_told_exactly() {
    let across = keyed("order=shard,reorder=1/250", "roundrobin:7").with_code(0);
    assert_counts(&across, 0, 0, 200);
    let broken = keyed("order=shard,misorder=1/250", "roundrobin:7").with_code(5);
    assert_eq!((out_of_order(&across), out_of_order(&broken)), (0, 200));
    for record in [&across, &broken] {
        assert!(record.only()["audit"].get("unjudged").is_none(), "{}", record.only()["audit"]);
    }
}

/// What a promise allows is counted and shown, and is no failed audit.
#[test]
fn what_is_allowed_is_judged_by_what_is_promised() {
    let lossy = faulty("loss=1/1000,delivery=at-most-once").with_code(0);
    assert_counts(&lossy, 50, 0, 0);
    assert_eq!(lossy.only()["promises"]["delivery"], "at-most-once");
    let again = faulty("duplicate=1/500,delivery=at-least-once").with_code(0);
    assert_counts(&again, 0, 100, 0);
    assert_counts(&faulty("duplicate=1/500,delivery=at-most-once").with_code(5), 0, 100, 0);
    let asked =
        "stream --sim service=fixed:10us,loss=1/1000 --rate 10k/s --count 50k --guarantee at-most-once";
    assert_counts(&Place::new().record(asked).with_code(0), 50, 0, 0);
}
