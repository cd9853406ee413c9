//! Tests of the options and of what is promised; those with a server are in `dispatch/tests/mqtt`.

use super::*;
use drumpost_core::options::Options;

fn made(set: &[(&str, &str)]) -> Result<Mqtt, String> {
    let mut options = Options::default();
    set.iter().for_each(|(name, value)| options.set(name, *value));
    Mqtt::from_options(&options.of(&OPTIONS).map_err(|error| error.to_string())?)
}

#[test]
fn a_password_is_never_shown() {
    let all = made(&[("mqtt.url", "mqtt://me:s3cret@broker:7000")]).unwrap();
    assert_eq!(all.at.address(), "mqtt://broker:7000");
    assert!(!format!("{all:?}").contains("s3cret"), "{all:?}");
    assert_eq!(made(&[("mqtt.url", "broker")]).unwrap().at.address(), "mqtt://broker:1883");
    for url in ["mqtt://me:s3cret@broker?x", "ws://me:s3cret@broker"] {
        let error = made(&[("mqtt.url", url)]).unwrap_err();
        assert!(error.starts_with("option mqtt.url") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn tls_is_asked_for_by_the_address() {
    assert!(made(&[("mqtt.tls-ca", "/dev/null")]).unwrap_err().contains("need an address with mqtts://"));
    let secure = made(&[("mqtt.url", "mqtts://broker"), ("mqtt.tls-ca", "/dev/null")]).unwrap();
    assert_eq!(secure.at.address(), "mqtts://broker:8883");
    let half =
        [("mqtt.url", "mqtts://broker"), ("mqtt.tls-cert", "/dev/null"), ("mqtt.tls-key", "/dev/null")];
    assert!(made(&half).unwrap_err().contains("needs mqtt.tls-ca"));
}

#[test]
fn without_an_address_the_broker_is_in_this_process() {
    for set in [&[][..], &[("mqtt.url", "embedded")], &[("mqtt.url", "")]] {
        assert!(made(set).unwrap().is_embedded(), "{set:?}");
        let mut options = Options::default();
        set.iter().for_each(|(name, value)| options.set(name, *value));
        assert!(entry().runs_server(&options), "{set:?}");
    }
    assert!(!made(&[("mqtt.url", "localhost")]).unwrap().is_embedded());
    let locked = include_str!("../../../Cargo.lock");
    let version = locked.split_once("name = \"mqtt5\"\nversion = \"").unwrap().1.split('"').next();
    assert_eq!(version, Some(embedded::VERSION));
}

#[test]
fn a_guarantee_is_given_or_refused_with_the_quality_that_has_it() {
    use promise::Delivery::{AtLeastOnce, AtMostOnce, ExactlyOnce};
    for (qos, gives, others) in [
        ("0", AtMostOnce, [AtLeastOnce, ExactlyOnce]),
        ("1", AtLeastOnce, [AtMostOnce, ExactlyOnce]),
        ("2", AtLeastOnce, [AtMostOnce, ExactlyOnce]),
    ] {
        let made = made(&[("mqtt.qos", qos)]).unwrap();
        let promise = |guarantee| {
            made.promise(entry().promise, &Asked { guarantee: Some(guarantee), ..Asked::default() })
        };
        assert_eq!(promise(gives).unwrap().delivery, gives, "QoS {qos}");
        assert_eq!(promise(gives).unwrap().stores, qos != "0", "sessions are kept, but for QoS 0");
        for other in others {
            let refused = promise(other).unwrap_err();
            assert!(
                refused.contains("cannot be kept; mqtt.qos=0 promises at most once"),
                "QoS {qos}: {refused}"
            );
        }
    }
    assert!(made(&[("mqtt.qos", "3")]).is_err());
}
