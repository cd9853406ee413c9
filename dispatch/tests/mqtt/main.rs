//! Tests of `mqtt`: over the broker in this process, and against a private mosquitto. The latter are ignored unless scripts/test runs
//! them, which starts servers.
#![cfg(feature = "mqtt")]

#[path = "../support/cleaned.rs"]
mod cleaned;
#[path = "../support/counted.rs"]
mod counted;
#[path = "../support/guaranteed.rs"]
mod guaranteed;
mod killed;
mod native;
mod paused;
mod restarts;
mod secured;
#[path = "../support/secured_trial.rs"]
mod secured_trial;
mod suite;
#[path = "../support/mosquitto.rs"]
mod support_mosquitto;
#[path = "../support/secured.rs"]
mod support_secured;
#[path = "../support/trial.rs"]
mod trial;

use drumpost_core::{contract, load::Extent, registry::Options, scenario::Style};
use support_mosquitto::Mosquitto;
use trial::{
    Seen, Trial, assert_confirmed, assert_replies_find_who_asked, assert_sound, ends, entry, headers,
    one_hop, order_authorization,
};

const NAME: &str = "mqtt";
const EMBEDDED: &str = "embedded";
/// Every quality of service.
const LEVELS: [&[(&str, &str)]; 3] = [&[("mqtt.qos", "0")], &[("mqtt.qos", "1")], &[("mqtt.qos", "2")]];

fn options_at(url: &str, level: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    options.set("mqtt.url", url);
    level.iter().for_each(|(name, value)| options.set(name, *value));
    options
}

/// The checks of the contract that QoS 0 and QoS 2 may change. The module `flows` sends requests, replies and headers at each quality.
fn keep_what_they_guarantee(url: &str) {
    for level in [LEVELS[0], LEVELS[2]] {
        guaranteed::assert_kept(&entry(NAME), &options_at(url, level), &[]);
    }
}

#[test]
fn each_other_quality_keeps_what_it_guarantees_over_the_broker_in_this_process() {
    // The usual quality keeps the whole contract, in the list of all transports.
    keep_what_they_guarantee(EMBEDDED);
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn every_quality_keeps_the_contract_over_mosquitto() {
    let server = Mosquitto::start();
    // All of it at the usual quality, and what the others change.
    contract::check(&entry(NAME), &options_at(&server.url(), LEVELS[1])).assert();
    keep_what_they_guarantee(&server.url());
}

/// Flows in both styles, replies and headers, at every quality of service.
fn flows(url: &str) {
    for options in LEVELS {
        let trial = Trial { options, ..Trial::default() };
        let outcome = trial.run(NAME, url, order_authorization()).expect("it opens");
        // 5,000 requests and replies, and a shipment for nine of ten.
        assert_sound(&outcome, 14_500);
        assert_confirmed(&outcome, NAME);
        assert_eq!((outcome.audit.redelivered, outcome.notes), (Some(0), vec![]));
        let outcome =
            Trial { style: Style::Event, ..trial }.run(NAME, url, order_authorization()).expect("it opens");
        // Accepted orders are heard by two services.
        assert_sound(&outcome, 5_000 + 2 * 4_500 + 500);
        assert_confirmed(&outcome, NAME);
        for style in Style::ALL {
            let trial = Trial {
                style,
                instances: &[("warehouse", 3)],
                headers: headers(4, 32),
                batch: 1,
                options,
                ..Trial::default()
            };
            assert_sound(&trial.run(NAME, url, one_hop(ends)).expect("it opens"), 5_000);
        }
    }
    assert_replies_find_who_asked(NAME, url);
}

#[test]
fn flows_over_the_broker_in_this_process() {
    flows(EMBEDDED);
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn flows_over_mosquitto() {
    let server = Mosquitto::start();
    flows(&server.url());
    let (seen, trial) = (Seen::by(|_| ()), Trial { extent: Extent::Count(100), ..Trial::default() });
    trial.run_watched(NAME, &server.url(), one_hop(ends), seen.clone()).expect("it opens");
    let facts = seen.sight().server.expect("there is a server");
    assert!(
        facts.version.as_ref().is_some_and(|version| version.starts_with("mosquitto version 2.")),
        "{facts:?}"
    );
}
