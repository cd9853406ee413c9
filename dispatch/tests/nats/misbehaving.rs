//! Servers and connections that fail: what the error says, and that no stream stays behind.

use crate::{
    ALL,
    support::NatsServer,
    support_secured::Safe,
    trial::{Trial, ends, one_hop},
};
use drumpost_core::{
    load::{Extent, Pace},
    outcome::{Ending, Outcome},
};
use futures_util::TryStreamExt;
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// An open load of so many seconds with a flow each millisecond.
pub(crate) fn steady(seconds: u64) -> Trial {
    Trial {
        pace: Pace::Open { window: 10_000 },
        extent: Extent::Duration(seconds * 1_000_000_000),
        every_ns: 1_000_000,
        batch: 1,
        ..Trial::default()
    }
}

/// Runs a trial of one hop; `at_half_time` is called half a second into it.
pub(crate) fn run(transport: &'static str, url: &str, trial: Trial, at_half_time: impl FnOnce()) -> Outcome {
    let (done, outcome) = mpsc::channel();
    let url = url.to_owned();
    thread::spawn(move || {
        let _ = done.send(trial.run(transport, &url, one_hop(ends)));
    });
    thread::sleep(Duration::from_millis(700));
    at_half_time();
    outcome.recv_timeout(Duration::from_secs(40)).expect("the run hangs").expect("it was opened")
}

#[track_caller]
pub(crate) fn failure(outcome: &Outcome) -> &str {
    let Ending::Failed(what) = &outcome.ending else { panic!("{:?} {:?}", outcome.ending, outcome.audit) };
    what
}

/// The streams at a server.
pub(crate) fn streams(url: &str) -> Vec<async_nats::jetstream::stream::Config> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // A server that asks for nobody does not mind.
        let me = async_nats::ConnectOptions::new().user_and_password("me".into(), "me".into());
        let client = me.connect(url).await.expect("a connection");
        let context = async_nats::jetstream::new(client);
        let infos: Vec<_> = context.streams().try_collect().await.expect("a list");
        infos.into_iter().map(|info| info.config).collect()
    })
}

#[track_caller]
fn no_stream_is_left(url: &str, outcome: &Outcome) {
    let left: Vec<String> = streams(url).into_iter().map(|stream| stream.name).collect();
    assert_eq!(left, Vec::<String>::new(), "{:?}", outcome.notes);
    assert_eq!(outcome.notes, Vec::<String>::new());
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_server_that_crashed_and_is_back_keeps_no_stream() {
    let mut server = NatsServer::start();
    let url = server.url();
    let outcome = run("jetstream", &url, steady(20), || server.crash_and_come_back());
    assert!(failure(&outcome).contains("was lost"), "{:?}", outcome.ending);
    no_stream_is_left(&url, &outcome);
}

/// The connection lives on, though the client was told that it may not publish.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_publish_that_is_not_permitted_leaves_no_stream() {
    let safe = Safe::new();
    let lines = "authorization { users: [ { user: me, password: me, permissions: { publish: { deny: \
                 \"*.warehouse.ship\" } } } ] }\n";
    let server = NatsServer::start_with(&safe.arguments(lines));
    let url = server.url().replace("://", "://me:me@");
    let outcome = steady(5).run("jetstream", &url, one_hop(ends)).unwrap();
    let what = failure(&outcome);
    assert!(what.to_lowercase().contains("permissions violation"), "{what}");
    no_stream_is_left(&server.url(), &outcome);
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn streams_say_whose_they_are_and_do_not_keep_messages_for_ever() {
    let server = NatsServer::start();
    let url = server.url();
    let mut seen = Vec::new();
    let outcome = run("jetstream", &url, steady(2), || seen = streams(&url));
    assert_eq!((outcome.ending.clone(), seen.len()), (Ending::Completed, 1));
    assert_eq!(seen[0].max_age, Duration::from_hours(24));
    let description = seen[0].description.clone().unwrap_or_default();
    assert!(description.contains(&format!(" pid={} ", std::process::id())), "{description}");
    no_stream_is_left(&url, &outcome);
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn what_comes_once_is_not_counted_as_redelivered() {
    let server = NatsServer::start();
    for (transport, expected) in ALL.into_iter().zip([None, Some(0), None]) {
        let outcome = Trial::default().run(transport, &server.url(), one_hop(ends)).unwrap();
        assert_eq!(outcome.audit.redelivered, expected, "{transport}");
    }
}

/// Forwards connections to the server on this port. What a client whose name contains `muted` and the server send each other is swallowed once
/// the flag is set, and the connections stay open. Its threads end with their connections.
fn relay_that_mutes(muted: &'static str, server: u16) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (port, is_on) = (listener.local_addr().expect("a port").port(), Arc::new(AtomicBool::new(false)));
    let mutes = Arc::clone(&is_on);
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
            let is_meant = Arc::new(AtomicBool::new(false));
            let back = (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
            for (mut from, mut to) in [(client, server), back] {
                let (is_meant, mutes) = (Arc::clone(&is_meant), Arc::clone(&mutes));
                thread::spawn(move || {
                    let mut buffer = [0; 16 * 1024];
                    while let Ok(count @ 1..) = from.read(&mut buffer) {
                        let bytes = &buffer[..count];
                        // The name is in the first line of the client.
                        if bytes.starts_with(b"CONNECT ") && String::from_utf8_lossy(bytes).contains(muted) {
                            is_meant.store(true, Ordering::Relaxed);
                        }
                        let is_silent = is_meant.load(Ordering::Relaxed) && mutes.load(Ordering::Relaxed);
                        if !is_silent && to.write_all(bytes).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        }
    });
    (port, is_on)
}

/// Regression: only connections that send were asked at the end, so the messages of a receiver whose line was silent counted as lost.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_line_of_a_receiver_that_goes_silent_is_told_from_lost_messages() {
    let server = NatsServer::start();
    let at = server.port;
    let silent = |transport: &'static str| {
        let (port, mutes) = relay_that_mutes("warehouse", at);
        // Much shorter than the time in which pings find out.
        let trial = Trial { drain: Duration::from_secs(1), ..steady(3_600) };
        let course = trial.course.clone();
        thread::scope(|threads| {
            let running = threads
                .spawn(move || trial.run(transport, &format!("nats://127.0.0.1:{port}"), one_hop(ends)));
            let flows = course.moves_on(100, Duration::from_secs(30));
            mutes.store(true, Ordering::Relaxed);
            course.end_load();
            assert!(flows, "{transport}: no messages flow");
            let outcome = running.join().expect("it ran").expect("it was opened");
            let what = failure(&outcome);
            assert!(what.contains("was silent"), "{transport}: {what}");
        });
    };
    thread::scope(|threads| {
        for transport in ["nats", "jetstream"] {
            let silent = &silent;
            threads.spawn(move || silent(transport));
        }
    });
}
