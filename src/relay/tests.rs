//! A relay between sockets of a test: what passes, when, and how connections end.

use super::*;
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
};

const MS: Duration = Duration::from_millis(1);

/// A server that sends back what it hears, each connection on a thread, and ends its side when the client has.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut buffer = vec![0; 32 << 10];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    at
}

fn relay(line: Line) -> Relay {
    Relay::start(line, &[vec![echo()]], None).unwrap()
}

fn client(relay: &Relay) -> TcpStream {
    let stream = TcpStream::connect(relay.at(0)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(5_000 * MS)).unwrap();
    stream
}

/// How long a round trip of so many bytes takes.
fn trip(stream: &mut TcpStream, len: usize) -> Duration {
    let clock = Clock::start();
    let sent: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    let (mut writer, bytes) = (stream.try_clone().unwrap(), sent.clone());
    let writes = thread::spawn(move || writer.write_all(&bytes));
    let mut heard = vec![0; len];
    stream.read_exact(&mut heard).unwrap();
    writes.join().unwrap().unwrap();
    assert!(heard == sent, "the bytes are those that were sent");
    Duration::from_nanos(clock.now_ns())
}

fn reads_nothing(stream: &mut TcpStream, time: Duration) {
    stream.set_read_timeout(Some(time)).unwrap();
    let kind = stream.read(&mut [0; 16]).unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{kind:?}");
    stream.set_read_timeout(Some(5_000 * MS)).unwrap();
}

fn cut(at: Duration, lasts: Duration) -> Breaks {
    Breaks { cut: Some(Stretch { at, lasts }), ..Breaks::default() }
}

fn reset(at: Duration, lasts: Duration) -> Breaks {
    Breaks { reset: Some(Stretch { at, lasts }), ..Breaks::default() }
}

#[test]
fn bytes_pass_unchanged_and_are_counted() {
    let relay = relay(Line::default());
    let mut streams: Vec<TcpStream> = (0..20).map(|_| client(&relay)).collect();
    // More than all buffers on the way hold.
    trip(&mut streams[0], 24 << 20);
    for stream in &mut streams {
        trip(stream, 1_000);
    }
    let bytes = (24 << 20) + 20_000;
    assert_eq!(relay.passed(), Passed { connections: 20, bytes: [bytes; 2] });
}

/// A busy machine may delay more, never less; the shortest of several is near to what was asked for.
#[test]
fn a_line_delays_both_ways() {
    let relay = relay(Line { delays: [8 * MS, 4 * MS], rate: None });
    let mut stream = client(&relay);
    let shortest = (0..10).map(|_| trip(&mut stream, 100)).min().unwrap();
    assert!(shortest >= 12 * MS && shortest < 20 * MS, "{shortest:?}");
    // It delays and does not slow down: one chunk after the other would take 128 round trips, 1.5 s.
    let much = (0..3).map(|_| trip(&mut stream, 8 << 20)).min().unwrap();
    assert!(much < 1_000 * MS, "{much:?}");
}

#[test]
fn a_line_has_a_rate_in_each_direction() {
    let relay = relay(Line { rate: Some(2_000_000), ..Line::default() });
    let mut stream = client(&relay);
    let took = trip(&mut stream, 400_000);
    // There 200 ms; back about as long, and nearly at the same time.
    assert!(took >= 200 * MS && took < 800 * MS, "{took:?}");
}

/// Regression: bytes that only waited for the delay counted as a queue, so that no more than 256 KiB passed in a delay. That took 1.6 s here.
#[test]
fn a_line_with_a_delay_has_its_whole_rate() {
    let relay = relay(Line { delays: [50 * MS; 2], rate: Some(20_000_000) });
    let mut stream = client(&relay);
    let took = (0..3).map(|_| trip(&mut stream, 8_000_000)).min().unwrap();
    // There 400 ms and the delay; back nearly at the same time, and the delay.
    assert!(took >= 500 * MS && took < 1_200 * MS, "{took:?}");
}

/// Regression: a connection that sends much filled 256 KiB of the relay, so that the pings of all waited for several seconds.
#[test]
fn a_slow_line_holds_no_connection_back_for_long() {
    let relay = relay(Line { rate: Some(100_000), ..Line::default() });
    let (mut much, mut ping) = (client(&relay), client(&relay));
    trip(&mut ping, 10);
    let floods = thread::spawn(move || much.write_all(&vec![0; 16 << 20]));
    let clock = Clock::start();
    while relay.passed().bytes[0] < 40_000 {
        assert!(clock.now_ns() < 5_000_000_000, "nothing passes");
        thread::sleep(MS);
    }
    // At most half a second there, and about as long back behind the echo of the other connection.
    let took = trip(&mut ping, 10);
    assert!(took < 3_000 * MS, "{took:?}");
    drop(relay);
    assert!(floods.join().unwrap().is_err(), "it still sent");
}

#[test]
fn a_half_that_is_closed_leaves_the_other_open() {
    let relay = relay(Line { delays: [2 * MS; 2], rate: None });
    let mut stream = client(&relay);
    stream.write_all(b"last words").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "last words");
}

#[test]
fn nothing_passes_while_a_line_is_cut_and_connections_stay() {
    let relay = relay(Line::default());
    let mut stream = client(&relay);
    trip(&mut stream, 10);
    relay.begin(cut(Duration::ZERO, 300 * MS), Duration::ZERO);
    thread::sleep(20 * MS);
    let clock = Clock::start();
    stream.write_all(b"while").unwrap();
    let mut other = client(&relay);
    other.write_all(b"new").unwrap();
    let before = relay.passed();
    reads_nothing(&mut stream, 150 * MS);
    assert_eq!(relay.passed(), before);
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"while");
    other.read_exact(&mut heard[..3]).unwrap();
    assert_eq!(&heard[..3], b"new");
    assert!(clock.now_ns() > 250_000_000, "it was cut for as long as was asked");
    // The next trial has a whole line from the start.
    relay.begin(cut(Duration::ZERO, 60_000 * MS), Duration::ZERO);
    thread::sleep(10 * MS);
    relay.end();
    trip(&mut stream, 10);
}

#[test]
fn a_reset_ends_connections_and_refuses_new_ones_for_a_while() {
    let relay = relay(Line::default());
    let mut stream = client(&relay);
    trip(&mut stream, 10);
    let clock = Clock::start();
    relay.begin(reset(20 * MS, 500 * MS), Duration::ZERO);
    let kind = stream.read(&mut [0; 16]).unwrap_err().kind();
    assert_eq!(kind, ErrorKind::ConnectionReset, "not an end in order");
    let mut refused = 0;
    let mut again = loop {
        match TcpStream::connect(relay.at(0)) {
            Ok(stream) => break stream,
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
        }
        refused += 1;
        assert!(clock.now_ns() < 5_000_000_000, "it never came back");
        thread::sleep(5 * MS);
    };
    assert!(refused > 0 && clock.now_ns() >= 519_000_000, "{refused} refused");
    again.set_read_timeout(Some(5_000 * MS)).unwrap();
    trip(&mut again, 10);
    // Without a time for which new ones are refused, one is there at once.
    relay.begin(reset(Duration::ZERO, Duration::ZERO), Duration::ZERO);
    assert_eq!(again.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    trip(&mut client(&relay), 10);
    // What is left of a trial's breaks ends with the trial.
    relay.begin(reset(Duration::ZERO, 60_000 * MS), Duration::ZERO);
    thread::sleep(10 * MS);
    relay.end();
    thread::sleep(20 * MS);
    trip(&mut client(&relay), 10);
}

#[test]
fn a_server_that_is_not_there_resets_its_clients() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::start(Line::default(), &[vec![nobody]], None).unwrap();
    assert_eq!(client(&relay).read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    // Of several addresses, the first that answers is taken.
    let relay = Relay::start(Line::default(), &[vec![nobody, echo()]], None).unwrap();
    trip(&mut client(&relay), 10);
}

#[test]
fn it_listens_where_it_is_told_if_nothing_else_does() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::start(Line::default(), &[vec![echo()]], Some(free)).unwrap();
    assert_eq!(relay.at(0), free);
    trip(&mut client(&relay), 10);
    let taken = Relay::start(Line::default(), &[vec![echo()]], Some(free)).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
}

#[test]
fn what_the_relay_itself_adds_is_measured() {
    let cost_ns = Relay::cost_ns().unwrap();
    // On a busy machine a relay may make no difference between two medians.
    assert!(cost_ns < 50_000_000, "{cost_ns} ns");
}
