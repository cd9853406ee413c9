//! Tests of the server's address, of sentences about what failed, and of limits on waiting.

use super::*;
use std::future::{pending, ready};

#[test]
fn causes_are_found_inside_of_others() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);
    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct Inner;
    assert!(has_cause::<Inner>(&Outer(io::Error::other(Inner))));
    assert!(has_cause::<Inner>(&Inner));
    assert!(!has_cause::<Inner>(&Outer(io::Error::other("something else"))));
}

#[test]
fn a_server_that_is_not_reached_is_named_with_advice() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let at = At::new("broker", "tcp://127.0.0.1:9");
    let reach = |result: Result<u8, &'static str>| {
        let why = |_: &&str| Unreachable::of(true, "give a password", "start one");
        runtime.block_on(at.reach(ready(result), "start one", why))
    };
    assert_eq!(reach(Ok(7)), Ok(7));
    assert_eq!(Unreachable::of(false, "a", "b"), (Unreachable::Absent, "b".to_owned()));
    let said = reach(Err("who are you?")).unwrap_err().to_string();
    assert_eq!(said, "broker refused the login at tcp://127.0.0.1:9: who are you?; give a password");
    let said = at.unreachable(Unreachable::Absent, &"refused", "start one").to_string();
    assert_eq!(said, "failed to reach broker at tcp://127.0.0.1:9: refused; start one");
}

#[test]
fn what_a_server_would_not_take_is_refused_with_both_sizes() {
    let (at, pool) = (At::new("broker", "tcp://127.0.0.1:9"), Pool::new(1, 1_000));
    let all = 1_000 + MESSAGE_LEN + 10;
    assert_eq!(at.takes(&pool, 10, all, "max_size"), Ok(()));
    let OpenError::Refused(said) = at.takes(&pool, 10, all - 1, "max_size").unwrap_err() else { panic!() };
    assert!(
        said.contains(&format!("at most {} bytes", all - 1)) && said.contains("raise max_size"),
        "{said}"
    );
}

#[test]
fn a_server_that_does_not_tell_its_limit_is_sent_the_longest_message() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (at, pool) = (At::new("broker", "tcp://127.0.0.1:9"), Pool::new(1, 1_000));
    let takes = |most: usize, refusals: &Refusals| {
        let publish = async |longest: Vec<u8>| match longest.len() {
            len if len == most.saturating_add(1) => Err("too large"),
            len if len > most => Err("gone"),
            _ if most == usize::MAX => pending().await,
            _ => Ok(()),
        };
        runtime.block_on(at.takes_the_longest(&pool, publish, |e| *e == "too large", refusals, "max_size"))
    };
    let (all, refusals) = (1_000 + MESSAGE_LEN, Refusals::default());
    assert_eq!(takes(all, &refusals), Ok(()));
    let OpenError::Refused(said) = takes(all - 1, &refusals).unwrap_err() else { panic!() };
    assert!(said.contains(&format!("{all} bytes: too large; raise max_size")), "{said}");
    let failed =
        |what: &str| OpenError::Failed(format!("failed to publish a message at tcp://127.0.0.1:9: {what}"));
    assert_eq!(takes(0, &refusals), Err(failed("gone")));
    assert_eq!(takes(usize::MAX, &refusals), Err(failed("no answer within 5s")));
    refusals.hold_up("low on memory".into());
    assert_eq!(takes(usize::MAX, &refusals), Err(failed("broker held up senders: low on memory")));
}

#[test]
fn a_server_is_greeted_and_what_it_says_is_read() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let said = runtime.block_on(async {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = At::new("broker", &format!("tcp://{}", server.local_addr().unwrap()));
        tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut heard = [0; 5];
            stream.read_exact(&mut heard).await.unwrap();
            stream.write_all(&heard).await.unwrap();
        });
        at.first_words(b"hello").await
    });
    assert_eq!(said, Ok(b"hello".to_vec()));
}

#[test]
fn a_step_says_what_it_was_and_where() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let at = At::new("broker", "tcp://127.0.0.1:9");
    let step = |step| runtime.as_ref().unwrap().block_on(at.step("make a queue", step));
    assert_eq!(step(ready(Ok::<_, String>(7))), Ok(7));
    let failed = step(ready(Err("no".to_owned()))).unwrap_err().to_string();
    assert_eq!(failed, "failed to make a queue at tcp://127.0.0.1:9: no");
    let silent = runtime.as_ref().unwrap().block_on(at.step("ask", pending::<Result<(), String>>()));
    assert_eq!(silent.unwrap_err().to_string(), "failed to ask at tcp://127.0.0.1:9: no answer within 5s");
    let limit = Duration::from_millis(1);
    let step = at.step_within(limit, "join", pending::<Result<(), String>>());
    let silent = runtime.as_ref().unwrap().block_on(step).unwrap_err().to_string();
    assert_eq!(silent, "failed to join at tcp://127.0.0.1:9: no answer within 1ms");
}

#[test]
fn a_server_is_asked_for_its_version_unless_it_listens_encrypted() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = server.local_addr().unwrap();
    let at = At::new("broker", &format!("mq://{place}"));
    let answers = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut asks, _) = server.accept().unwrap();
        let mut greeting = [0; 5];
        asks.read_exact(&mut greeting).unwrap();
        asks.write_all(b"7.1").unwrap();
        greeting
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let version = |answer: &[u8]| String::from_utf8_lossy(answer).into_owned();
    let facts = |is_encrypted| runtime.block_on(at.greeted(b"hello", is_encrypted, version)).unwrap();
    let encrypted = facts(true);
    assert_eq!((encrypted.version, &encrypted.addresses[..]), (None, &[place][..]));
    assert_eq!(facts(false), ServerFacts { version: Some("7.1".into()), ..facts(true) });
    assert_eq!(&answers.join().unwrap(), b"hello");
}
