//! What the caller that watches a trial learns about the server, and about the start and the end of the measured
//! window.

use crate::{
    ALL,
    support::NatsServer,
    trial::{Trial, ends, entry, one_hop},
};
use drumpost_core::{
    load::Extent,
    monitor::{Counts, Edge, Watch},
    outcome::Snapshot,
    registry::Options,
    server::ServerFacts,
};

#[derive(Default)]
struct Notes {
    opened: Vec<Option<ServerFacts>>,
    edges: Vec<(Edge, Counts)>,
}

impl Watch for Notes {
    fn sample(&mut self, _snapshot: &Snapshot) {}

    fn is_interrupted(&self) -> bool {
        false
    }

    fn opened(&mut self, server: Option<&ServerFacts>) {
        self.opened.push(server.cloned());
    }

    fn edge(&mut self, edge: Edge, counts: Counts) {
        self.edges.push((edge, counts));
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn the_server_is_told_once_with_its_version_and_its_address() {
    let server = NatsServer::start();
    let mut options = Options::default();
    options.set("nats.url", server.url());
    let address = server.url().trim_start_matches("nats://").parse().unwrap();
    for transport in ALL {
        let entry = entry(transport);
        let mut plan = Trial { extent: Extent::Count(2_000), ..Trial::default() }.plan(one_hop(ends));
        plan.load.warmup_ns = 100_000_000;
        let mut notes = Notes::default();
        let outcome = entry.made(&options).unwrap().run(&plan, &mut notes).unwrap();
        let [Some(facts)] = &notes.opened[..] else { panic!("{:?}", notes.opened) };
        assert_eq!((facts.product.as_str(), &facts.addresses[..]), ("nats-server", &[address][..]));
        assert!(facts.version.as_ref().is_some_and(|version| version.starts_with('2')), "{facts:?}");
        // The warm-up sends messages that the window does not.
        // A drain that takes longer closes the window more than once, and the last close counts.
        let [(Edge::Opens, before), .., (Edge::Closes, after)] = notes.edges[..] else {
            panic!("{:?}", notes.edges)
        };
        assert!(before.sent > 0 && after.sent - before.sent >= 1_000, "{:?}", notes.edges);
        assert_eq!((after.sent, after.ended), (outcome.audit.sent, outcome.started));
    }
}
