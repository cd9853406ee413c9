//! A server that runs already and that a suite uses without killing it.

use super::{PrivateServer, Process};
use drumpost_core::{options::Options, outcome::Audit, registry::TransportEntry};
use std::sync::{Arc, Mutex, PoisonError};

/// The address of such a server: `SCHEME://USER@` and `/REST` around the host and the port.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// What is there of runs. `None`: nobody is asked.
    kept: Option<super::kept::Kept>,
    before: String,
    host: String,
    port: u16,
    after: String,
    /// Whether messages go past a line in front of it, once a run has shown that. All checks share it.
    past: Arc<Mutex<Option<bool>>>,
}

impl Given {
    /// The server at the address that the options set or that is the default.
    pub(super) fn of(entry: &TransportEntry, options: &Options) -> Result<Self, String> {
        let option = entry.address().ok_or("no option of the transport is the address of its server")?;
        // Set by the user, by the environment, or the default.
        let values = options.of(entry.options).map_err(|error| error.to_string())?;
        let given = Self::read(values.url(option.name));
        let kept = Some(super::kept::Kept::at(entry, options));
        given
            .map(|given| Self { kept, ..given })
            .ok_or_else(|| format!("{}: give a URL with a port, such as mq://127.0.0.1:7654", option.name))
    }

    /// The server as it is when a check begins.
    pub(super) fn now(&self) -> Self {
        Self { kept: self.kept.as_ref().map(super::kept::Kept::now), ..self.clone() }
    }

    fn read(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, after) = rest.split_at(end);
        let (user, place) = authority.rsplit_once('@').map_or(("", authority), |(user, place)| (user, place));
        let (host, port) = place.rsplit_once(':')?;
        let at = if user.is_empty() { "" } else { "@" };
        Some(Self {
            kept: None,
            before: format!("{scheme}://{user}{at}"),
            host: host.to_owned(),
            port: port.parse().ok()?,
            after: after.to_owned(),
            past: Arc::default(),
        })
    }

    /// The same login at a loopback port; its own address for its own port.
    pub(super) fn url_at(&self, port: u16) -> String {
        let Self { before, host, after, .. } = self;
        let host = if port == self.port { host } else { "127.0.0.1" };
        format!("{before}{host}:{port}{after}")
    }

    /// Whether messages go past a line in front of it. `run` is one over such a line that shows it, and is made once.
    pub(super) fn goes_past<E>(&self, run: impl FnOnce() -> Result<bool, E>) -> Result<bool, E> {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        match *past {
            Some(known) => Ok(known),
            None => Ok(*past.insert(run()?)),
        }
    }

    /// Whether it is reached over a loopback address.
    pub(super) fn is_local(&self) -> bool {
        matches!(&*self.host, "127.0.0.1" | "localhost" | "[::1]")
    }
}

/// Whether messages with this payload went past a line over which so many bytes passed. What a client asks at its first address is short.
pub(super) fn went_past(audit: &Audit, payload_len: u32, bytes_to_server: u64) -> bool {
    bytes_to_server < audit.sent * u64::from(payload_len) / 2
}

impl PrivateServer for Given {
    fn objects(&self) -> Option<Vec<String>> {
        self.kept.as_ref()?.objects()
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn process(&mut self) -> &mut Process {
        unreachable!("checks that kill a server ask for a private one");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_login_and_its_rest_at_another_port() {
        for (url, own, other, is_local) in [
            ("mq://127.0.0.1:7654", "mq://127.0.0.1:7654", "mq://127.0.0.1:9", true),
            (
                "mqs://u:p@ss@host:1/v?x=1",
                "mqs://u:p@ss@host:1/v?x=1",
                "mqs://u:p@ss@127.0.0.1:9/v?x=1",
                false,
            ),
            ("mq://[::1]:5", "mq://[::1]:5", "mq://127.0.0.1:9", true),
        ] {
            let given = Given::read(url).unwrap();
            assert_eq!((given.url_at(given.port), given.url_at(9)), (own.into(), other.into()));
            assert_eq!(given.is_local(), is_local);
        }
        assert!(Given::read("127.0.0.1:5").is_none() && Given::read("mq://host").is_none());
    }

    #[test]
    fn that_messages_go_past_a_line_is_found_out_once() {
        let given = Given::read("mq://127.0.0.1:7654").unwrap();
        assert_eq!(given.goes_past(|| Err("it did not open")), Err("it did not open"));
        assert_eq!(given.clone().goes_past(|| Ok::<_, ()>(true)), Ok(true));
        assert_eq!(given.goes_past(|| Err("it is known")), Ok(true));
        let audit = Audit { sent: 1_000, ..Audit::default() };
        // Headers of messages are more than their payload. Without messages nothing is shown.
        assert!(!went_past(&audit, 100, 130_000) && !went_past(&Audit::default(), 100, 7_000));
        assert!(went_past(&audit, 100, 7_000));
    }
}
