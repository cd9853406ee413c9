//! Tests of the options and of silent lines; those with a server are in `dispatch/tests/redis`.

use super::{
    lists,
    pubsub::PubSub,
    streams::{OPTIONS, RedisStream},
};
use drumpost_core::{options::Options, promise::Delivery};
use drumpost_kit::prelude::*;
use futures_util::future::{Either, select};
use redis::cmd;
use std::{future::poll_fn, pin::pin, thread};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::spawn_blocking,
    time::{advance, pause},
};

fn made(set: &[(&str, &str)]) -> Result<RedisStream, String> {
    let mut options = Options::default();
    set.iter().for_each(|(name, value)| options.set(name, *value));
    RedisStream::from_options(&options.of(&OPTIONS).map_err(|error| error.to_string())?)
}

#[test]
fn a_password_is_never_shown() {
    let all = made(&[("redis.url", "redis://me:s3cret@broker:7000/2")]).unwrap();
    assert_eq!(all.server.at.address(), "redis://broker:7000");
    assert_eq!(made(&[("redis.url", "broker")]).unwrap().server.at.address(), "redis://broker:6379");
    for url in ["redis://me:s3cret@broker?x", "rediss://me:s3cret@broker", "redis://me:s3cret@broker/x"] {
        let error = made(&[("redis.url", url)]).unwrap_err();
        assert!(error.starts_with("option redis.url") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn the_time_to_claim_has_a_default_and_a_least() {
    assert_eq!(made(&[]).unwrap().claim_idle, Duration::from_secs(5));
    assert_eq!(made(&[("redis.claim-idle", "1ns")]).unwrap().claim_idle, Duration::from_millis(2));
}

/// Regression: `--backlog` was refused, because what is popped may be lost.
#[test]
fn a_list_stores_what_waits_whichever_way_it_is_taken() {
    let entry = lists::entry();
    for (take, delivery) in [("move", Delivery::AtLeastOnce), ("pop", Delivery::AtMostOnce)] {
        let mut options = Options::default();
        options.set("redis.take", take);
        let promise = entry.made(&options).unwrap().promise(entry.promise, &Asked::default()).unwrap();
        assert_eq!((promise.delivery, promise.stores), (delivery, true), "{take}");
    }
}

/// Answers every command of a client, or with `goes_silent` none after the first `PING` or `SUBSCRIBE`.
async fn talk(mut client: TcpStream, goes_silent: bool) {
    let (mut bytes, mut is_subscribed, mut is_silent) = ([0; 4096], false, false);
    while let Ok(len @ 1..) = client.read(&mut bytes).await {
        let text = String::from_utf8_lossy(&bytes[..len]);
        let answer = if is_subscribed { "*2\r\n$4\r\npong\r\n$0\r\n\r\n" } else { "+OK\r\n" };
        // Each command begins with a star, and there is no other.
        let answers = answer.repeat(text.matches('*').count());
        if !is_silent && client.write_all(answers.as_bytes()).await.is_err() {
            return;
        }
        is_subscribed |= text.contains("SUBSCRIBE");
        is_silent |= goes_silent && (is_subscribed || text.contains("PING"));
    }
}

/// The address of a server in this process.
async fn server(goes_silent: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(talk(client, goes_silent));
        }
    });
    format!("redis://{address}")
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Many looks at a line go by. The clock stands still while a thread sleeps, so that the server has time to answer.
async fn looks_go_by() {
    for _ in 0..8 {
        // A little more than between two looks: timers are late by up to a millisecond.
        advance(Duration::from_millis(2_600)).await;
        spawn_blocking(|| thread::sleep(Duration::from_millis(20))).await.unwrap();
    }
}

/// Regression: a command waited for its answer without a limit, so an instance never noticed that the line was silent, and never
/// connected again.
#[test]
fn a_silent_line_is_lost_and_a_quiet_one_is_kept() {
    for goes_silent in [true, false] {
        wait(async {
            let server = made(&[("redis.url", &server(goes_silent).await)]).unwrap().server;
            let mut session = server.connect().await.unwrap();
            pause();
            let ends = poll_fn(|context| session.line.link.listen::<()>(context));
            match select(pin!(ends), pin!(looks_go_by())).await {
                Either::Left((Err(PortError::Lost(why)), _)) if goes_silent => {
                    assert!(why.ends_with("was lost: the server said nothing for 10s"), "{why}");
                    let failed = cmd("PING").exec_async(&mut session.redis).await.unwrap_err();
                    assert_eq!(session.broken(&failed), PortError::Lost(why), "whoever asks is told, too");
                }
                Either::Right(_) if !goes_silent => {}
                Either::Left((ended, _)) => panic!("{goes_silent}: {ended:?}"),
                Either::Right(_) => panic!("the line was kept"),
            }
        });
    }
}

/// Regression: a subscriber only read, so it waited on a dead line for as long as the run went on.
#[test]
fn a_subscriber_asks_whether_the_server_is_there() {
    for goes_silent in [true, false] {
        wait(async {
            let server = made(&[("redis.url", &server(goes_silent).await)]).unwrap().server;
            let mut channels = PubSub { server }.subscribe(&["channel".into()]).await.unwrap();
            pause();
            let next = poll_fn(|context| channels.poll_value(context));
            match select(pin!(next), pin!(looks_go_by())).await {
                Either::Left((Err(why), _)) if goes_silent => {
                    assert_eq!(why, "the server said nothing for 10s")
                }
                Either::Right(_) if !goes_silent => {}
                Either::Left((next, _)) => panic!("{goes_silent}: {next:?}"),
                Either::Right(_) => panic!("the line was kept"),
            }
        });
    }
}
