//! Tests of the options; those with a server are in `dispatch/tests/rabbitmq_stream`.

use super::{
    options::OPTIONS,
    session::{Failure, frame},
    *,
};
use drumpost_core::options::Options;
use tokio::io::AsyncWriteExt;

fn made(set: &[(&str, &str)]) -> Result<RabbitMqStream, String> {
    let mut options = Options::default();
    set.iter().for_each(|(name, value)| options.set(name, *value));
    RabbitMqStream::from_options(&options.of(&OPTIONS).map_err(|error| error.to_string())?)
}

#[test]
fn an_address_is_read_and_a_password_is_never_shown() {
    let all = made(&[("rabbitmq-stream.url", "rabbitmq-stream://me:s3cret@broker:7000/a%2Fshop")]).unwrap();
    assert_eq!(all.at.address(), "rabbitmq-stream://broker:7000");
    let Settings { user, password, vhost, .. } = &all.settings;
    assert_eq!((&**user, &**password, &**vhost), ("me", "s3cret", "a/shop"));
    let usual = made(&[("rabbitmq-stream.url", "broker")]).unwrap();
    assert_eq!(usual.at.address(), "rabbitmq-stream://broker:5552");
    assert_eq!((&*usual.settings.user, &*usual.settings.vhost), ("guest", "/"));
    for url in ["rabbitmq-stream://me:s3cret@broker?x", "amqp://me:s3cret@broker"] {
        let error = made(&[("rabbitmq-stream.url", url)]).map(drop).unwrap_err();
        assert!(error.starts_with("option rabbitmq-stream.url") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn the_place_where_a_reader_comes_back_makes_the_promise() {
    use promise::Delivery::{Any, AtLeastOnce, AtMostOnce};
    for (text, from, place, delivery) in [
        ("stored", Begin::Handled, Some(Offset::Offset(70)), AtLeastOnce),
        ("first", Begin::First, Some(Offset::First), AtLeastOnce),
        ("last", Begin::Last, Some(Offset::Last), Any),
        ("next", Begin::End, Some(Offset::Next), AtMostOnce),
        ("offset:50", Begin::Number(50), Some(Offset::Offset(50)), AtLeastOnce),
        ("offset:1k", Begin::Number(1_000), Some(Offset::Offset(70)), AtLeastOnce),
        ("ago:1.5s", Begin::Ago(Duration::from_millis(1_500)), None, Any),
    ] {
        let made = made(&[("rabbitmq-stream.from", text)]).unwrap();
        assert_eq!(made.settings.from, from);
        assert!(place.is_none_or(|place| offset(from, 70) == place), "{text}");
        let promised = made.promise(entry().promise, &Asked::default()).unwrap();
        assert_eq!((promised.delivery, promised.stores), (delivery, delivery == AtLeastOnce), "{text}");
    }
    for (text, says) in [("start", "is not `stored`, `first`"), ("offset:x", "\"x\" is no count")] {
        let error = made(&[("rabbitmq-stream.from", text)]).map(drop).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    let exactly = Asked { guarantee: Some(promise::Delivery::ExactlyOnce), acks: None };
    let refused = made(&[("rabbitmq-stream.deduplicate", "on")]).unwrap().promise(entry().promise, &exactly);
    assert!(refused.unwrap_err().contains("may be delivered again"), "readers get messages again");
}

#[test]
fn codes_of_the_server_are_words() {
    let said = Failure::Said(ResponseCode::StreamDoesNotExist).to_string();
    assert_eq!(said, "stream does not exist");
}

/// Regression: the limit was one for the whole frame, so a slow line with long frames was taken for a silent server.
#[test]
fn a_server_is_silent_if_no_byte_comes() {
    let limit = Duration::from_secs(10);
    let clock = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    clock.unwrap().block_on(async {
        let ((mut server, mut client), mut bytes) = (tokio::io::duplex(64), Vec::new());
        let slow = async {
            for part in ["\0\0\0\x05", "a", "bc", "de"] {
                let waits = tokio::time::timeout(limit - Duration::from_secs(1), std::future::pending());
                let _over: Result<(), _> = waits.await;
                server.write_all(part.as_bytes()).await.unwrap();
            }
        };
        let (read, ()) = futures_util::future::join(frame(&mut client, &mut bytes, limit), slow).await;
        assert_eq!((read, &*bytes), (Ok(()), &b"\0\0\0\x05abcde"[..]));
        let silent = frame(&mut client, &mut bytes, limit).await.unwrap_err();
        assert_eq!(silent.to_string(), "the server said nothing for 10s");
        drop(server);
        let ended = frame(&mut client, &mut bytes, limit).await.unwrap_err();
        assert_eq!(ended.to_string(), "the server closed it");
    });
}
