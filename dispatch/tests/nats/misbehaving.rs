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
use std::{sync::mpsc, thread, time::Duration};

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
    let arguments = safe.arguments(lines);
    let server = NatsServer::start_with(&arguments.each_ref().map(String::as_str));
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
