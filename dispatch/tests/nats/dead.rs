//! Messages that a service gives back too often: the server stops handing them out and says so, and the harness counts them.

use crate::{
    misbehaving::streams,
    support::NatsServer,
    trial::{Trial, dies, order_authorization},
};
use drumpost_core::{outcome::Ending, scenario::Style};

const LIMIT: &[(&str, &str)] = &[("jetstream.max-deliver", "3")];

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn flows_die_with_their_messages_whichever_they_are() {
    let server = NatsServer::start();
    for (style, service, instances, await_replies) in [
        (Style::Message, "payment", &[][..], true),
        (Style::Message, "order", &[][..], true),
        (Style::Event, "warehouse", &[("warehouse", 3)], false),
        (Style::Event, "revenue-reporting", &[], false),
    ] {
        let trial = Trial { style, instances, await_replies, options: LIMIT, ..dies(service, 10, 50) };
        let outcome = trial.run("jetstream", &server.url(), order_authorization()).unwrap();
        let audit = &outcome.audit;
        println!("{service}: {audit} {:?}", outcome.dead_letters);
        assert_eq!((outcome.ending, audit.lost, outcome.unfinished), (Ending::Completed, 0, 0), "{audit}");
        assert_eq!((audit.unique + audit.dead, audit.dead_again), (audit.expected, 0), "{audit}");
        assert_eq!(audit.rejected, Some(3 * audit.dead), "{audit}");
        assert_eq!(outcome.measured_ended + outcome.measured_dead, outcome.measured_started);
        assert!(audit.dead >= outcome.started / 12 && !outcome.drain_timed_out, "{service}: {audit}");
        // Who counts revenue ends no flow.
        let ends = service != "revenue-reporting";
        assert_eq!(outcome.dead, if ends { audit.dead } else { 0 }, "{service}: {audit}");
        assert!(outcome.notes.is_empty() && streams(&server.url()).is_empty(), "{:?}", outcome.notes);
    }
}
