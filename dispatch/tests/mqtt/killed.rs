//! Consumers that die with messages in their hands, and what dead processes leave. Servers that die are in `restarts.rs`.

use crate::{
    EMBEDDED, LEVELS, NAME,
    cleaned::assert_cleans_what_is_written_down,
    support_mosquitto::Mosquitto,
    trial::{Trial, ends_slowly, made, one_hop, order_authorization},
};
use drumpost_core::{
    outcome::{Cause, Ending},
    plan::Kill,
    scenario::Style,
};
use std::process::Command;

fn loses_nothing(url: &str) {
    // Each way once: alone and one of three, commands and events, QoS 1 and 2.
    for (options, style, instances) in [
        (LEVELS[1], Style::Message, &[][..]),
        (LEVELS[2], Style::Event, &[]),
        (LEVELS[1], Style::Event, &[("warehouse", 3)]),
        (LEVELS[2], Style::Message, &[("warehouse", 3)]),
    ] {
        let trial = Trial { style, options, ..Trial::killed(instances, 400_000) };
        let outcome = trial.run(NAME, url, one_hop(ends_slowly)).expect("it opens");
        let audit = &outcome.audit;
        assert_eq!(outcome.ending, Ending::Completed);
        assert_eq!((audit.lost, audit.corrupted, outcome.unfinished), (0, 0, 0), "{audit:?}");
        assert_eq!((audit.confirmed, audit.unique), (Some(audit.sent), audit.expected));
        let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
        let Cause::ConsumerKilled { in_hand } = outage.cause else { panic!("{outage}") };
        // Also at QoS 2 each message that it died with comes again, so exactly once is not promised.
        assert!(in_hand > 0 && audit.duplicated >= in_hand as u64, "{outage}: {audit:?}");
        assert!(audit.redelivered >= Some(audit.duplicated), "{audit:?}");
    }
    let mut trial = Trial::killed(&[], 400_000);
    trial.kill = trial.kill.map(|kill| Kill { service: "order".into(), ..kill });
    let outcome = trial.run(NAME, url, order_authorization()).expect("it opens");
    assert_eq!((outcome.audit.lost, outcome.audit.corrupted), (0, 0), "replies: {:?}", outcome.audit);
    assert_eq!(outcome.ending, Ending::Completed);
}

#[test]
fn a_killed_consumer_loses_nothing_over_the_broker_in_this_process() {
    loses_nothing(EMBEDDED);
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn a_killed_consumer_loses_nothing_over_mosquitto() {
    loses_nothing(&Mosquitto::start().url());
}

/// A program of mosquitto's that connects as `client`, and what it printed.
fn mosquitto(program: &str, server: &Mosquitto, client: &str, words: &[&str]) -> String {
    let mut command = Command::new(Mosquitto::beside(program));
    command.args(["-V", "5", "-q", "1", "-t", "work", "-i", client, "-p", &server.port.to_string()]);
    let output = command.args(words).output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn sessions_that_dead_processes_wrote_down_are_ended_and_no_others() {
    let server = Mosquitto::start();
    let session = ["-c", "-x", "3600"];
    let place = format!("sessions at MQTT broker at {}/", server.url());
    let mut dispatcher = made(NAME, &server.url(), &[]);
    assert_cleans_what_is_written_down(&place, &mut *dispatcher, |name| {
        mosquitto("mosquitto_sub", &server, name, &[&session[..], &["-E"]].concat());
    });
    assert_eq!(server.sessions(), ["alive", "mine"]);
    mosquitto("mosquitto_pub", &server, "sender", &["-m", "waits"]);
    // A session that is there has it.
    for (name, waits) in [("dead", ""), ("alive", "waits\n"), ("mine", "waits\n")] {
        let came = mosquitto("mosquitto_sub", &server, name, &[&session[..], &["-W", "2"]].concat());
        assert_eq!(came, waits, "{name}");
    }
}
