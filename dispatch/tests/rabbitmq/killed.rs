//! Consumers that die with messages in their hands: each of them comes again, and is counted.

use crate::{
    NAME,
    support_rabbitmq::RabbitServer,
    trial::{Trial, ends_slowly, one_hop, order_authorization},
};
use drumpost_core::{
    outcome::{Cause, Ending},
    plan::Kill,
    scenario::Style,
};

fn killed(instances: &'static [(&'static str, u16)]) -> Trial {
    Trial::killed(instances, 400_000)
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_killed_consumer_loses_nothing_over_either_type_of_queue() {
    let server = RabbitServer::start();
    let classic: &[_] = &[("rabbitmq.queue", "classic")];
    for (style, instances, options) in [
        (Style::Message, &[][..], &[][..]),
        (Style::Event, &[("warehouse", 3)], &[]),
        (Style::Message, &[("warehouse", 3)], classic),
        (Style::Event, &[], classic),
    ] {
        let trial = Trial { style, options, ..killed(instances) };
        let outcome = trial.run(NAME, &server.url(), one_hop(ends_slowly)).unwrap();
        let audit = &outcome.audit;
        println!("{style}, {instances:?}, {options:?}: {audit:?} {:?}", outcome.outages);
        assert_eq!(outcome.ending, Ending::Completed);
        assert_eq!((audit.lost, audit.corrupted, outcome.unfinished), (0, 0, 0), "{audit:?}");
        assert_eq!((audit.confirmed, audit.unique), (Some(audit.sent), audit.expected));
        let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
        let Cause::ConsumerKilled { in_hand } = outage.cause else { panic!("{outage}") };
        assert!(outage.away_ns >= 500_000_000, "{outage}");
        // Each message that it died with comes again, and so does one whose acknowledgement had not left the process.
        assert!(audit.duplicated >= in_hand as u64, "{outage}: {audit:?}");
        assert!(audit.redelivered >= Some(audit.duplicated), "{audit:?}");
    }
    assert_eq!(server.tools().objects(), [""; 0]);
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_killed_asker_loses_no_reply() {
    let server = RabbitServer::start();
    let mut trial = killed(&[]);
    trial.kill = trial.kill.map(|kill| Kill { service: "order".into(), ..kill });
    let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
    assert_eq!((outcome.audit.lost, outcome.audit.corrupted), (0, 0), "{:?}", outcome.audit);
    assert_eq!(outcome.ending, Ending::Completed);
}
