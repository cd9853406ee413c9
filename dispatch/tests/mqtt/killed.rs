//! Consumers that die with messages in their hands, and a server that ends and starts again in the middle.

use crate::{
    EMBEDDED, LEVELS, NAME,
    cleaned::assert_cleans_what_is_written_down,
    native::Counter,
    support_mosquitto::Mosquitto,
    trial::{Trial, ends, ends_slowly, made, one_hop, order_authorization},
};
use drumpost_core::{
    load::{Extent, Pace},
    monitor::Watch,
    outcome::{Cause, Ending, Snapshot},
    plan::{Conditions, Kill},
    scenario::Style,
};
use std::{
    process::Command,
    sync::mpsc::{self, Sender},
    thread,
    time::Duration,
};

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

/// Tells when messages flow.
struct Flows(Option<Sender<()>>);

impl Watch for Flows {
    fn sample(&mut self, snapshot: &Snapshot) {
        if snapshot.ended >= 300
            && let Some(tell) = self.0.take()
        {
            let _ = tell.send(());
        }
    }

    fn is_interrupted(&self) -> bool {
        false
    }
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn a_server_that_ends_and_comes_back_loses_nothing_that_it_confirmed_and_another_client_counts_the_same() {
    for options in &LEVELS[1..] {
        let mut server = Mosquitto::start();
        let trial = Trial {
            pace: Pace::Open { window: 100_000 },
            extent: Extent::Duration(4_000_000_000),
            every_ns: 2_000_000,
            drain: Duration::from_secs(20),
            options,
            ..Trial::default()
        };
        let mut plan = trial.plan(one_hop(ends));
        plan.conditions = Conditions { reconnect: Some(Duration::from_secs(20)), ..plan.conditions };
        let counter = Counter::start(&server, &plan.wiring.run_name);
        let (tell, flows) = mpsc::channel();
        let mut dispatcher = made(NAME, &server.url(), options);
        let run = thread::spawn(move || dispatcher.run(&plan, &mut Flows(Some(tell))));
        flows.recv_timeout(Duration::from_secs(30)).expect("messages flow");
        server.end();
        server.come_back();
        let outcome = run.join().expect("no panic").expect("it opens");
        let audit = &outcome.audit;
        println!("{options:?}: {audit:?} {:?}", outcome.outages);
        assert_eq!(outcome.ending, Ending::Completed);
        assert!(outcome.outages.iter().any(|outage| matches!(outage.cause, Cause::ConnectionLost { .. })));
        let (confirmed, unconfirmed) = (audit.confirmed.unwrap(), audit.unconfirmed.unwrap());
        assert!(audit.lost <= unconfirmed && audit.unique >= confirmed, "{audit:?}");
        assert!(confirmed > 600, "messages flow before and afterwards: {audit:?}");
        assert_eq!(counter.distinct(audit.unique), audit.unique, "{audit:?}");
    }
}

/// A program of mosquitto's that connects as `client`, and what it printed.
fn mosquitto(program: &str, server: &Mosquitto, client: &str, words: &[&str]) -> String {
    let mut command = Command::new(Mosquitto::beside(program));
    command.args(["-V", "5", "-q", "1", "-t", "work", "-i", client, "-p", &server.port().to_string()]);
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
    mosquitto("mosquitto_pub", &server, "sender", &["-m", "waits"]);
    // A session that is there has it.
    for (name, waits) in [("dead", ""), ("alive", "waits\n"), ("mine", "waits\n")] {
        let came = mosquitto("mosquitto_sub", &server, name, &[&session[..], &["-W", "2"]].concat());
        assert_eq!(came, waits, "{name}");
    }
}
