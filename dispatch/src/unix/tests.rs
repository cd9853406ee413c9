//! Tests of both ports over real sockets, and of whole runs.

use super::*;
use crate::shared::{
    on_threads,
    testing::{Trial, ask, fan_out, numbered, numbers, pipe},
};
use drumpost_core::{headers::Shape, scenario::Style};

const TRIAL: Trial = on_threads::ON_THREADS;
const EVENTS: Trial = Trial { style: Style::Event, ..TRIAL };

#[test]
fn everything_arrives_once_and_in_order() {
    on_threads::everything_arrives_once_and_in_order(|| Threaded(Unix));
}

#[test]
fn replies_go_to_who_asked() {
    on_threads::replies_go_to_who_asked(|| Threaded(Unix));
}

#[test]
fn every_subscribing_service_gets_a_copy() {
    on_threads::every_subscribing_service_gets_a_copy(|| Threaded(Unix));
    Trial { instances: &[("slow", 2)], ..EVENTS }.run(Threaded(Unix), fan_out());
}

/// Both instances of a circle send more than the buffers between them hold, and neither drains: the one that asks is held up.
#[test]
fn an_instance_of_a_circle_that_is_held_up_makes_room_for_others() {
    let [mut source, mut server]: [_; 2] = Unix.open(&TRIAL.wiring(&ask())).unwrap().try_into().unwrap();
    fill(&mut source.sends[0], 0);
    let replies = fill(&mut server.sends[0], 0);
    // Filling it has made room for what is asked, since it is held up, too.
    fill(&mut source.sends[0], 0);
    let more = fill(&mut server.sends[0], replies);
    assert!(more > 50, "{more} replies found room while their receiver was held up");
    assert_eq!(drained(&mut source.inbox.unwrap()), (0..replies + more).collect::<Vec<_>>());
    // Without a circle a full buffer stays full, so that a fast sender is held up.
    let (mut sends, _inlets) = open(&[], Style::Message);
    let taken = fill(&mut sends[0], 0);
    assert_eq!(fill(&mut sends[0], taken), 0);
}

/// Both ends of a wiring with several sinks.
fn open(instances: &'static [(&'static str, u16)], style: Style) -> (Vec<Outlet>, Vec<Inlet>) {
    let wiring = Trial { instances, style, ..TRIAL }.wiring(&pipe(false));
    let endpoints = Unix.open(&wiring).unwrap();
    let (mut sends, mut inlets) = (Vec::new(), Vec::new());
    for endpoint in endpoints {
        sends.extend(endpoint.sends);
        inlets.extend(endpoint.inbox);
    }
    (sends, inlets)
}

fn drained(inlet: &mut Inlet) -> Vec<u32> {
    let mut seen = Vec::new();
    while inlet.drain(Inbox::All, 64, |batch, _| seen.extend(numbers(batch))).unwrap() > 0 {}
    seen
}

/// Offers until the buffer is full, and says how many were taken.
fn fill(outlet: &mut Outlet, from: u32) -> u32 {
    let mut next = from;
    loop {
        let taken = outlet.offer(&numbered(next, 50)).unwrap();
        next += taken as u32;
        if taken == 0 {
            return next - from;
        }
    }
}

#[test]
fn a_full_buffer_takes_nothing_until_it_is_read() {
    let (mut sends, mut inlets) = open(&[], Style::Message);
    let (mut next, mut seen) = (0, Vec::new());
    for _ in 0..4 {
        let taken = fill(&mut sends[0], next);
        assert!(taken > 50, "the buffer holds {taken} messages");
        next += taken;
        seen.extend(drained(&mut inlets[0]));
    }
    assert_eq!(seen, (0..next).collect::<Vec<_>>());
}

/// A kernel may take any part of a write. Here the write is made by hand, a few bytes at a time.
#[test]
fn a_message_that_came_in_part_is_handed_over_when_it_is_whole() {
    for step in [1, 7, 100, 130] {
        let (mut sends, mut inlets) = open(&[], Style::Message);
        let (outlet, messages) = (&mut sends[0], numbered(0, 9));
        let (mut taken, mut sent, mut seen) = (0, 0, Vec::new());
        assert!(outlet.gather(&messages).unwrap());
        let bytes = std::mem::take(&mut outlet.out);
        let ends = std::mem::take(&mut outlet.ends);
        while sent < bytes.len() {
            let end = (sent + step).min(bytes.len());
            assert_eq!(outlet.groups[0].instances[0].write(&bytes[sent..end]).unwrap(), end - sent);
            sent = end;
            taken = ends.iter().filter(|whole| **whole <= sent).count();
            seen.extend(drained(&mut inlets[0]));
            assert_eq!(seen.len(), taken, "after {sent} bytes");
        }
        assert_eq!((taken, seen), (9, (0..9).collect()));
    }
}

/// Two messages and a half are in the socket; the sender knows that of the third.
#[test]
fn the_rest_of_a_message_is_written_once() {
    let (mut sends, mut inlets) = open(&[], Style::Message);
    let (outlet, messages) = (&mut sends[0], numbered(0, 5));
    assert!(outlet.gather(&messages).unwrap());
    let half = outlet.ends[1] + 20;
    let Outlet { groups, out, ends, .. } = &mut *outlet;
    groups[0].instances[0].write_all(&out[..half]).unwrap();
    let cut = ends[1];
    out.truncate(ends[2]);
    out.drain(..cut);
    *ends = vec![ends[2] - cut];
    groups[0].written = half - cut;
    assert_eq!(drained(&mut inlets[0]), [0, 1]);
    assert_eq!(outlet.offer(&messages[2..]), Ok(3));
    assert_eq!(drained(&mut inlets[0]), [2, 3, 4]);
    assert!(outlet.out.is_empty() && outlet.ends.is_empty() && outlet.groups[0].written == 0);
}

#[test]
fn several_instances_take_turns_and_a_full_one_is_passed_over() {
    let (mut sends, mut inlets) = open(&[("sink", 2)], Style::Message);
    for number in 0..6 {
        assert_eq!(sends[0].offer(&numbered(number, 1)), Ok(1));
    }
    let first = drained(&mut inlets[0]);
    let second = drained(&mut inlets[1]);
    assert_eq!((first.len(), second.len()), (3, 3));
    let taken = fill(&mut sends[0], 0);
    let one = drained(&mut inlets[0]).len();
    assert!(one > 0 && one < taken as usize);
    assert!(fill(&mut sends[0], taken) > 50, "only the other one is full");
}

#[test]
fn an_event_waits_for_room_at_each_service() {
    let wiring = EVENTS.wiring(&fan_out());
    let endpoints = Unix.open(&wiring).unwrap();
    let mut sends: Vec<Outlet> = Vec::new();
    let mut inlets: Vec<Inlet> = Vec::new();
    for endpoint in endpoints {
        sends.extend(endpoint.sends);
        inlets.extend(endpoint.inbox);
    }
    let taken = fill(&mut sends[0], 0);
    assert_eq!(drained(&mut inlets[0]), (0..taken).collect::<Vec<_>>());
    assert_eq!(sends[0].offer(&numbered(taken, 1)), Ok(0), "the others have no room");
    for inlet in &mut inlets[1..] {
        assert_eq!(drained(inlet), (0..taken).collect::<Vec<_>>());
    }
    assert_eq!(sends[0].offer(&numbered(taken, 1)), Ok(1));
    assert_eq!(sends[1].offer(&numbered(0, 9)), Ok(9), "nobody hears it");
}

#[test]
fn a_side_that_is_gone_closes_the_other() {
    let (mut sends, mut inlets) = open(&[], Style::Message);
    assert_eq!(sends[0].offer(&numbered(0, 3)), Ok(3));
    drop(sends);
    let mut seen = Vec::new();
    let inlet = &mut inlets[0];
    assert_eq!(inlet.drain(Inbox::All, 2, |batch, _| seen.extend(numbers(batch))), Ok(2));
    assert_eq!(inlet.drain(Inbox::All, 2, |batch, _| seen.extend(numbers(batch))), Ok(1));
    assert_eq!((inlet.drain(Inbox::All, 2, |_, _| ()), seen), (Err(PortError::Closed), vec![0, 1, 2]));
    let (mut sends, inlets) = open(&[], Style::Message);
    drop(inlets);
    assert_eq!(sends[0].offer(&numbered(0, 3)), Err(PortError::Closed));
}

#[test]
fn headers_are_refused_and_bytes_that_are_no_message_are_named() {
    let mut wiring = TRIAL.wiring(&pipe(false));
    wiring.pool = Arc::new(Pool::new(1, 64).with_headers(1, Shape::new(1, 4).unwrap()));
    let refused = Unix.open(&wiring).unwrap_err().to_string();
    assert!(refused.starts_with("unix carries no application headers"), "{refused}");
    for (bytes, why) in [(&[200, 0, 0, 0][..], "200 bytes"), (&[3, 0, 0, 0, 1, 2, 3][..], "3 bytes")] {
        let (mut sends, mut inlets) = open(&[], Style::Message);
        sends[0].groups[0].instances[0].write_all(bytes).unwrap();
        let error = inlets[0].drain(Inbox::All, 2, |_, _| ()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
