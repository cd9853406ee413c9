//! The address of a server, replaced by that of the relay. Everything else of it stays: the scheme, who connects, the path, and the
//! name of the host where that name stands for this machine, so that a certificate for it stays valid.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// The hosts and ports in an address option, and how to write them anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    parts: Vec<Part>,
}

/// One `SCHEME://USER@HOST:PORT/PATH`, in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    before: String,
    host: String,
    port: u16,
    after: String,
}

impl Address {
    /// Reads the text of an address option. A port that it leaves out is that of the option's `default`. Several addresses are
    /// separated with commas.
    ///
    /// # Errors
    /// What is missing. The sentence repeats nothing of the text, which may hold a secret.
    pub(crate) fn read(text: &str, default: Option<&str>) -> Result<Self, String> {
        let usual =
            default.and_then(|default| Part::read(default.split(',').next().unwrap_or_default(), None).ok());
        let usual = usual.map(|part| part.port);
        // A password may hold a comma.
        let texts: Vec<&str> = if text.contains('@') { vec![text] } else { text.split(',').collect() };
        let parts: Result<Vec<Part>, String> =
            texts.into_iter().map(|text| Part::read(text.trim(), usual)).collect();
        Ok(Self { parts: parts? })
    }

    /// What the hosts and ports stand for, by address.
    ///
    /// # Errors
    /// A host that is not known.
    pub(crate) fn resolved(&self) -> Result<Vec<Vec<SocketAddr>>, String> {
        let resolved = |part: &Part| {
            let host = part.host.trim_start_matches('[').trim_end_matches(']');
            let known = (host, part.port).to_socket_addrs();
            let known: Vec<SocketAddr> = known.map_err(|error| format!("{host}: {error}"))?.collect();
            if known.is_empty() { Err(format!("{host}: no address is known")) } else { Ok(known) }
        };
        self.parts.iter().map(resolved).collect()
    }

    /// The address with the relay's listeners, `at`, in place of the servers. `to` is what its hosts stand for.
    pub(crate) fn through(&self, at: &[SocketAddr], to: &[Vec<SocketAddr>]) -> String {
        let parts = self.parts.iter().zip(at).zip(to).map(|((part, at), to)| {
            let is_here = to.iter().all(|address| address.ip().is_loopback());
            let is_name = part.host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_err();
            let host = match at.ip() {
                _ if is_here && is_name => part.host.clone(),
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            };
            format!("{}{host}:{}{}", part.before, at.port(), part.after)
        });
        parts.collect::<Vec<_>>().join(",")
    }

    /// The places of the servers, for sentences.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.parts.iter().map(|part| format!("{}:{}", part.host, part.port)).collect()
    }
}

impl Part {
    fn read(text: &str, port: Option<u16>) -> Result<Self, String> {
        let from = text.find("://").map_or(0, |at| at + 3);
        let rest = &text[from..];
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let begin = rest[..end].rfind('@').map_or(0, |at| at + 1);
        let place = &rest[begin..end];
        // The colons of an IPv6 address are in brackets.
        let colon = place.rfind(':').filter(|at| place.rfind(']').is_none_or(|bracket| *at > bracket));
        let (host, named) = colon.map_or((place, None), |at| (&place[..at], Some(&place[at + 1..])));
        let named = named.map(|named| named.parse::<u16>().map_err(|_| "its port is no number".to_owned()));
        let port = named.transpose()?.or(port).ok_or("it names no port")?;
        if host.is_empty() {
            return Err("it names no host".into());
        }
        let (before, after) = (text[..from + begin].to_owned(), rest[end..].to_owned());
        Ok(Self { before, host: host.to_owned(), port, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(text: &str) -> String {
        let address = Address::read(text, Some("mq://127.0.0.1:4222")).unwrap();
        let to: Vec<Vec<SocketAddr>> = address
            .parts
            .iter()
            .map(|part| {
                let host = if part.host == "localhost" { "127.0.0.1" } else { &part.host };
                let host = host.trim_start_matches('[').trim_end_matches(']');
                vec![SocketAddr::new(host.parse().unwrap_or([203, 0, 113, 7].into()), part.port)]
            })
            .collect();
        let at: Vec<SocketAddr> = (1..=to.len())
            .map(|port| SocketAddr::new([127, 0, 0, 1].into(), u16::try_from(port).unwrap()))
            .collect();
        address.through(&at, &to)
    }

    #[test]
    fn only_the_place_of_the_server_is_replaced() {
        for (text, relayed) in [
            ("mq://127.0.0.1:4222", "mq://127.0.0.1:1"),
            ("mq://me:s3%40cret@localhost/5?x=a@b:3", "mq://me:s3%40cret@localhost:1/5?x=a@b:3"),
            ("tls://broker.example:9/", "tls://127.0.0.1:1/"),
            ("localhost", "localhost:1"),
            ("[::1]:7", "127.0.0.1:1"),
            ("h1:1,h2:2", "127.0.0.1:1,127.0.0.1:2"),
            ("mq://me:s3,cret@localhost:3", "mq://me:s3,cret@localhost:1"),
        ] {
            assert_eq!(through(text), relayed);
        }
    }

    #[test]
    fn what_is_missing_is_said_without_the_text() {
        for (text, default, says) in [
            ("mq://s3cret@host", None, "it names no port"),
            ("mq://s3cret@host:x", Some("mq://h:1"), "its port is no number"),
            ("mq://s3cret@:7", None, "it names no host"),
        ] {
            assert_eq!(Address::read(text, default).unwrap_err(), says);
        }
        assert_eq!(Address::read("a,b:3", Some("mq://h:1")).unwrap().shown(), ["a:1", "b:3"]);
    }

    #[test]
    fn loopback_is_known_without_a_server_of_names() {
        let address = Address::read("[::1]:7,127.0.0.1:8", None).unwrap();
        let expected: Vec<Vec<SocketAddr>> =
            vec![vec!["[::1]:7".parse().unwrap()], vec!["127.0.0.1:8".parse().unwrap()]];
        assert_eq!(address.resolved().unwrap(), expected);
    }
}
