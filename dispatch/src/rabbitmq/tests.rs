//! Tests of the options and of what the server tells about itself; those with a server are in `dispatch/tests/rabbitmq`.

use super::*;
use drumpost_core::options::Options;
use lapin::types::AMQPValue;

fn made(set: &[(&str, &str)]) -> Result<RabbitMq, String> {
    let mut options = Options::default();
    set.iter().for_each(|(name, value)| options.set(name, *value));
    RabbitMq::from_options(&options.of(&OPTIONS).map_err(|error| error.to_string())?)
}

#[test]
fn a_password_is_never_shown() {
    let all = made(&[("rabbitmq.url", "amqp://me:s3cret@broker:7000/shop")]).unwrap();
    assert_eq!(all.at.address(), "amqp://broker:7000");
    assert!(!format!("{all:?}").contains("s3cret"), "{all:?}");
    assert_eq!(made(&[("rabbitmq.url", "broker")]).unwrap().at.address(), "amqp://broker:5672");
    for url in ["amqp://me:s3cret@broker?x", "http://me:s3cret@broker"] {
        let error = made(&[("rabbitmq.url", url)]).unwrap_err();
        assert!(error.starts_with("option rabbitmq.url") && !error.contains("s3cret"), "{error}");
    }
    match made(&[("rabbitmq.url", "amqps://broker")]) {
        Ok(encrypted) => assert_eq!(encrypted.at.address(), "amqps://broker:5671"),
        Err(error) => assert!(error.contains("use amqp://") && !cfg!(feature = "amqp-tls"), "{error}"),
    }
}

#[test]
fn queues_are_of_a_type_and_expire() {
    let usual = made(&[]).unwrap();
    assert_eq!((usual.shape.kind, usual.prefetch), ("quorum", 512));
    let other = made(&[("rabbitmq.queue", "classic"), ("rabbitmq.prefetch", "66k")]);
    assert!(other.unwrap_err().contains("rabbitmq.prefetch"), "more than the protocol has");
    let other = made(&[("rabbitmq.queue", "classic"), ("rabbitmq.prefetch", "1")]).unwrap();
    let of = |name: &str, away| other.shape.arguments(away).get(name).cloned();
    assert_eq!(of("x-queue-type", Duration::ZERO), Some(AMQPValue::LongString("classic".into())));
    let expires = |away| of("x-expires", away);
    assert_eq!(expires(Duration::ZERO), Some(AMQPValue::LongLongInt(3_600_000)));
    // Regression: an instance that stayed away for longer found its queue gone.
    assert_eq!(expires(Duration::from_hours(2)), Some(AMQPValue::LongLongInt(3 * 3_600_000)));
    assert_eq!(expires(Duration::MAX), Some(AMQPValue::LongLongInt(u32::MAX.into())));
}

#[test]
fn a_delivery_limit_needs_queues_that_count() {
    let limited = made(&[("rabbitmq.delivery-limit", "2")]).unwrap();
    assert_eq!(limited.shape.limit, Some(2));
    let queue = Queue { name: "run.work.sink".into(), event: Some(("run.work".into(), vec!["1.*".into()])) };
    let objects: Vec<_> = limited.shape.objects(&queue).collect();
    assert_eq!(objects, ["run.work.sink", "run.work", "run.work.sink.dead"]);
    assert!(
        made(&[("rabbitmq.delivery-limit", "0")]).is_err(),
        "one that is never handed out again says nothing"
    );
    let refused = made(&[("rabbitmq.delivery-limit", "2"), ("rabbitmq.queue", "classic")]).unwrap_err();
    assert!(refused.contains("needs quorum queues"), "{refused}");
    let asked = Asked { guarantee: None, acks: Some(Acks::Before) };
    let refused = limited.promise(entry().promise, &asked).unwrap_err();
    assert!(refused.contains("leave rabbitmq.delivery-limit or --acks before out"), "{refused}");
    assert!(limited.promise(entry().promise, &Asked::default()).is_ok());
}

#[test]
fn the_version_is_found_in_the_greeting() {
    let frame = b"\0\x0a\0\x0a\0\x09\0\0\0\x20\x07productS\0\0\0\x08RabbitMQ\x07versionS\0\0\0\x063.10.8\0";
    assert_eq!(version(frame), "3.10.8");
    assert_eq!(version(b"\x07versionS\0"), "");
    assert_eq!(version(b"HTTP/1.1 400 Bad Request"), "");
}

#[test]
fn a_publisher_that_hears_no_confirms_promises_less() {
    use promise::{Confirms, Delivery};
    let promised = |set: &[(&str, &str)], guarantee, acks| {
        made(set).unwrap().promise(entry().promise, &Asked { guarantee, acks })
    };
    let off = [("rabbitmq.confirms", "off")];
    let promise = promised(&off, None, None).unwrap();
    assert_eq!((promise.confirms, promise.delivery), (Confirms::Written, Delivery::Any));
    assert!(promise.stores, "queues keep what waits");
    assert_eq!(promise.acks, "no publisher confirms, basic.ack after handling");
    let refused = promised(&off, Some(Delivery::AtLeastOnce), None).unwrap_err();
    assert!(refused.contains("rabbitmq.confirms=off"), "{refused}");
    let early = promised(&off, Some(Delivery::AtMostOnce), None).unwrap();
    assert_eq!(early.delivery, Delivery::AtMostOnce);
    assert_eq!(early.acks, "no publisher confirms, basic.ack before handling");
    let before = promised(&[], None, Some(Acks::Before)).unwrap();
    assert_eq!((before.confirms, before.delivery), (Confirms::Replicated, Delivery::AtMostOnce));
    assert_eq!((before.acks, before.stores), ("publisher confirms, basic.ack before handling", true));
}

#[test]
fn consumers_without_acknowledgements_are_asked_for_with_an_option_of_their_own() {
    let promised = |set: &[(&str, &str)], acks| {
        made(set).unwrap().promise(entry().promise, &Asked { guarantee: None, acks })
    };
    let (none, off) = (("rabbitmq.no-ack", "on"), ("rabbitmq.confirms", "off"));
    let before = promised(&[none], Some(Acks::Before)).unwrap();
    assert_eq!(before.acks, "publisher confirms, no acknowledgements (no_ack)");
    let neither = promised(&[none, off], Some(Acks::Before)).unwrap();
    assert_eq!(neither.acks, "neither publisher confirms nor acknowledgements (no_ack)");
    for acks in [None, Some(Acks::After), Some(Acks::Confirmed)] {
        let refused = promised(&[none], acks).unwrap_err();
        assert!(refused.contains("only with --acks before"), "{refused}");
    }
}

#[test]
fn frames_are_short_where_headers_are() {
    use drumpost_core::headers::Shape;
    let of = |shape| connect::frame_bytes(&Pool::new(1, 1 << 20).with_headers(1, shape));
    assert_eq!(of(Shape::NONE), Some(32 * 1024), "a payload may take several frames");
    assert_eq!(of(Shape::new(11, 32).unwrap()), Some(32 * 1024));
    assert_eq!(of(Shape::new(8, 4_096).unwrap()), None, "headers are in one frame");
}
