//! The relay between a dispatch and its server, where a fault of the line was asked for. It is started with the first trial and is
//! there for all of them, so that a transport finds the same address again when it removes later what it had to leave.

use super::{
    faults::LineFaults,
    trial::{self, Place},
};
use crate::{
    relay::{Passed, Relay, address::Address},
    secrets,
};
use drumpost_core::{
    options::{OptionEntry, Options},
    server::ServerFacts,
    transport::OpenError,
};
use drumpost_results::{
    model::{Link as Recorded, Status, Trial},
    units,
};
use std::{net::SocketAddr, sync::OnceLock, time::Duration};

/// See the module.
pub(crate) struct Link {
    faults: LineFaults,
    /// The option with the address of the server.
    address: Option<&'static OptionEntry>,
    up: OnceLock<Result<Up, String>>,
}

/// A relay that is up.
pub(crate) struct Up {
    relay: Relay,
    faults: LineFaults,
    option: &'static str,
    /// The address of the server with the relay in its place.
    through: String,
    /// For sentences: the places of the relay, and of the servers.
    places: Vec<(String, String)>,
    /// Where the relay listens, and where that leads.
    routes: Vec<(SocketAddr, Vec<SocketAddr>)>,
    /// What the relay itself adds to a round trip.
    added_ns: u64,
}

impl Link {
    pub(super) const fn new(faults: LineFaults, address: Option<&'static OptionEntry>) -> Self {
        Self { faults, address, up: OnceLock::new() }
    }

    /// The relay, which `options` then have before the server; `None` if the line is to be as it is.
    ///
    /// # Errors
    /// A sentence: what is wrong with the address, or that no relay could be started.
    pub(super) fn put_between(&self, options: &mut Options) -> Result<Option<&Up>, String> {
        let (Some(line), Some(address)) = (self.faults.relay(), self.address) else { return Ok(None) };
        let start = || -> Result<Up, String> {
            let wrong =
                |why: String| format!("option {}: no relay can be put before it: {why}", address.name);
            let text = options.get(address.name).or(address.default).unwrap_or_default();
            let place = Address::read(text, address.default).map_err(wrong)?;
            let to = place.resolved().map_err(wrong)?;
            let failed = |error| match self.faults.at {
                Some(at) => format!(
                    "failed to start the relay at {at} (--relay-at): {error}; give it a port that nothing listens on, and run one \
                     dispatch at a time"
                ),
                None => format!("failed to start the relay to the server: {error}"),
            };
            if let (Some(_), [_, _, ..]) = (self.faults.at, &to[..]) {
                return Err(wrong("--relay-at has one address, and there are several servers".into()));
            }
            let added_ns = Relay::cost_ns().map_err(failed)?;
            let relay = Relay::start(line, &to, self.faults.at).map_err(failed)?;
            let at: Vec<SocketAddr> = (0..to.len()).map(|route| relay.at(route)).collect();
            let through = place.through(&at, &to);
            let shown = Address::read(&through, None).map_err(wrong)?.shown();
            Ok(Up {
                relay,
                faults: self.faults,
                option: address.name,
                through,
                places: shown.into_iter().zip(place.shown()).collect(),
                routes: at.into_iter().zip(to).collect(),
                added_ns,
            })
        };
        let up = self.up.get_or_init(start).as_ref().map_err(Clone::clone)?;
        secrets::note(up.option, &up.through);
        options.relay(up.option, up.through.as_str());
        Ok(Some(up))
    }
}

/// Notes what passed in a trial. A trial whose messages did not pass is refused.
pub(super) fn note(up: &Up, before: Passed, place: Place, trial: &mut Trial) {
    // Also where the trial failed before anything was measured: the next one begins with a whole line.
    up.end();
    let used = up.recorded(before);
    if let (Status::Ok, Some(why)) = (trial.status, up.bypassed(&used, trial.audit.sent)) {
        *trial = trial::not_opened(place, &OpenError::Refused(why));
    }
    let told = |text: &mut String| *text = up.told(text);
    trial.error.iter_mut().for_each(told);
    trial.notes.iter_mut().for_each(told);
    trial.outages.iter_mut().filter_map(|outage| outage.why.as_mut()).for_each(told);
    trial.link = Some(used);
}

impl Up {
    /// The load of a trial began `ago`.
    pub(super) fn begin(&self, ago: Duration) {
        self.relay.begin(self.faults.breaks, ago);
    }

    /// Everything is measured: the line is whole again.
    pub(super) fn end(&self) {
        self.relay.end();
    }

    pub(super) fn passed(&self) -> Passed {
        self.relay.passed()
    }

    /// The facts about the server itself, where a transport took the relay for it.
    pub(super) fn real(&self, facts: &ServerFacts) -> ServerFacts {
        let real = |address: &SocketAddr| {
            let route =
                self.routes.iter().find(|(at, _)| at.port() == address.port() && address.ip().is_loopback());
            route.map_or_else(|| vec![*address], |(_, to)| to.clone())
        };
        let mut addresses: Vec<SocketAddr> = facts.addresses.iter().flat_map(real).collect();
        addresses.dedup();
        ServerFacts { addresses, ..facts.clone() }
    }

    /// A sentence of the transport with the place of the server in that of the relay.
    pub(super) fn told(&self, text: &str) -> String {
        self.places.iter().fold(text.to_owned(), |text, (relay, server)| text.replace(relay, server))
    }

    /// What passed since `before`, as the record keeps it.
    pub(super) fn recorded(&self, before: Passed) -> Recorded {
        let now = self.passed();
        Recorded {
            added_round_trip_ns: self.added_ns,
            connections: now.connections - before.connections,
            bytes_there: now.bytes[0] - before.bytes[0],
            bytes_back: now.bytes[1] - before.bytes[1],
        }
    }

    /// Why a trial that sent so many messages says nothing about the line: they did not take it.
    pub(super) fn bypassed(&self, used: &Recorded, messages: u64) -> Option<String> {
        /// With fewer messages, what passes to log in may be more than the messages.
        const ENOUGH: u64 = 50;
        /// What a message takes of the line at least, compressed or not: its check, its number and its stamps. A client that asks for the
        /// addresses of its server sends some kilobytes.
        const LEAST_BYTES: u64 = 8;
        let is_past = messages >= ENOUGH && used.bytes_there < LEAST_BYTES * messages;
        is_past.then(|| {
            format!(
                "the messages went past the relay: {} were sent, and {} passed on the way to the server; its server tells clients \
                 another address to connect to, so have it tell the address of the relay and give the relay that address with --relay-at ({}), or leave \
                 --link, --cut and --reset out",
                units::counted(messages, "message", "messages"),
                units::size(used.bytes_there),
                self.option
            )
        })
    }
}
