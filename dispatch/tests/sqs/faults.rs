//! Faults of events, over moto: a line that is cut or reset, and a receiver that gives messages back. The suite for brokers has these
//! checks, too, but sends more messages than moto takes on a busy machine. Killed subscribers and dead letters are in `sns.rs`.

use crate::{
    NAME, few,
    support_sqs::{Emulator, SqsServer},
    trial::{Trial, ends, one_hop},
};
use drumpost_core::{
    load::{Extent, Pace},
    outcome::{Cause, Ending, Outage, Outcome},
    plan::Poison,
    promise::Order,
    scenario::Style,
};
use drumpost_kit::suite::{PrivateServer, Proxy};
use std::{thread, time::Duration};

/// Flows that end before a fault, and after it.
const FLOWS: u64 = 25;

/// How long they may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A load at a rate that moto keeps up with, which is to reconnect.
fn events() -> Trial {
    let options = &[("sqs.visibility", "1s")];
    let drain = Duration::from_secs(10);
    Trial { style: Style::Event, order: Order::None, options, drain, ..Trial::until_told(20_000_000) }
}

/// A run over a line that breaks when messages flow. The load of a run that is to reconnect ends when messages flow again.
fn over(line: &Proxy, trial: &Trial, breaks: fn(&Proxy)) -> Outcome {
    let url = format!("http://127.0.0.1:{}", line.port());
    thread::scope(|scope| {
        let run = scope.spawn(|| trial.run(NAME, &url, one_hop(ends)).expect("it opens"));
        assert!(trial.course.moves_on(FLOWS, PATIENCE), "no messages flow");
        breaks(line);
        if trial.reconnect.is_some() {
            assert!(trial.course.moves_on(FLOWS, PATIENCE), "no messages flow after the fault");
            trial.course.end_load();
        }
        run.join().expect("it ends")
    })
}

#[test]
#[ignore = "needs a moto server: scripts/test starts one"]
fn events_outlast_a_line_that_is_reset_and_come_again_when_they_are_given_back() {
    let server = SqsServer::of(Emulator::Moto);
    let (line, tools) = (Proxy::to(server.port()), server.tools());
    let outcome = over(&line, &Trial { reconnect: None, ..events() }, Proxy::cut);
    let address = format!("127.0.0.1:{}", line.port());
    assert!(matches!(&outcome.ending, Ending::Failed(why) if why.contains(&address)), "{}", outcome.ending);
    assert_eq!((tools.queues(), tools.topics()), (vec![], vec![]), "nothing is left behind by a cut line");

    let outcome = over(&line, &events(), Proxy::reset);
    let (audit, outages) = (&outcome.audit, &outcome.outages);
    let is_lost = |outage: &Outage| matches!(outage.cause, Cause::ConnectionLost { .. });
    assert_eq!(outcome.ending, Ending::Completed, "{outages:?}");
    assert!(!outages.is_empty() && outages.iter().all(is_lost), "{outages:?}");
    assert_eq!((audit.confirmed_lost, audit.corrupted), (Some(0), 0), "{audit:?}");
    assert_eq!((tools.queues(), tools.topics()), (vec![], vec![]), "nothing is left behind by a reset line");

    let poison = Some(Poison { service: "warehouse".into(), one_in: 10, times: 2 });
    let (extent, pace) = (Extent::Count(60), Pace::Closed { in_flight: 8 });
    let trial = Trial { style: Style::Event, poison, extent, pace, ..few() };
    let outcome = trial.run(NAME, &server.url(), one_hop(ends)).expect("it opens");
    let audit = &outcome.audit;
    assert_eq!((audit.unique, audit.delivered, audit.lost), (60, 60, 0), "{audit:?}");
    assert_eq!((outcome.ending, audit.rejected), (Ending::Completed, Some(12)), "{audit:?}");
    assert!(audit.redelivered >= Some(12), "the server counts deliveries: {audit:?}");
}
