//! What is at an address, before any client library is asked: whether the name resolves, whether something accepts connections,
//! and which protocol answers there. Sentences of clients about a wrong port seldom say that.

use drumpost_core::clock::{Clock, Now};
use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How long a name may take to resolve, and a connection to come about.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// How long to wait for the first words of what listens there. A local server says them within a millisecond.
pub(super) const FIRST_WORDS: Duration = Duration::from_millis(500);

/// The host and the port of an address, without its login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub host: String,
    pub port: u16,
}

impl Place {
    /// Of a URL. The port is that of `usual`, another URL, where it has none. `None` if it is not about a place.
    pub(super) fn of(url: &str, usual: &str) -> Option<Self> {
        let (host, port) = host_and_port(url)?;
        let port = port.or_else(|| host_and_port(usual)?.1)?;
        Some(Self { host: host.to_owned(), port })
    }
}

/// `SCHEME://USER:PASSWORD@HOST:PORT/REST`.
fn host_and_port(url: &str) -> Option<(&str, Option<u16>)> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
        _ => (place, None),
    };
    let host = host.trim_matches(['[', ']']);
    (!host.is_empty()).then_some((host, port))
}

/// The addresses of a place.
///
/// # Errors
/// A sentence: the name is not known, or nobody answers who knows names.
pub(super) fn resolve(place: &Place) -> Result<Vec<SocketAddr>, String> {
    let (host, port) = (place.host.clone(), place.port);
    let (told, hears) = mpsc::channel();
    // The system's resolver has no limit of its own that could be set.
    let spawned = thread::Builder::new().spawn(move || {
        let found = (&*host, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        let _ = told.send(found.map_err(|error| error.to_string()));
    });
    spawned.map_err(|error| error.to_string())?;
    match hears.recv_timeout(PATIENCE) {
        Ok(Ok(found)) if found.is_empty() => Err(format!("{} has no address", place.host)),
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => {
            Err(format!("the name {} is not known here: {error}; check its spelling", place.host))
        }
        Err(_) => {
            Err(format!("no answer about the name {} within {PATIENCE:?}; check the name server", place.host))
        }
    }
}

/// Connects to the first address that accepts, and says which it was and how long that took, in ns.
///
/// # Errors
/// A sentence about the last address.
pub(super) fn connect(addresses: &[SocketAddr]) -> Result<(SocketAddr, u64), String> {
    let clock = Clock::start();
    let mut why = "there is no address".to_owned();
    for address in addresses {
        let began_ns = clock.now_ns();
        match TcpStream::connect_timeout(address, PATIENCE) {
            Ok(_) => return Ok((*address, clock.now_ns() - began_ns)),
            Err(error) => why = sentence(*address, error.kind(), &error),
        }
    }
    Err(why)
}

fn sentence(address: SocketAddr, kind: ErrorKind, error: &std::io::Error) -> String {
    match kind {
        ErrorKind::ConnectionRefused => {
            format!("nothing listens on {address}: start the server, or give another port")
        }
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            format!(
                "no answer from {address} within {PATIENCE:?}: the host is down, or a firewall drops the packets"
            )
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            format!("no way to {address}: {error}; check the network and the address")
        }
        _ => format!("{address}: {error}"),
    }
}

/// What answers at an address: by what it says first, or by its answers to questions of several protocols, each on a connection of its
/// own. `None` if that says nothing. If the URL asks for TLS, that question comes first, because web servers answer others without TLS at
/// the same port.
pub(super) fn protocol(address: SocketAddr, url: &str) -> Option<&'static str> {
    let hello = Some(&HELLO).filter(|_| is_encrypted(url));
    hello.into_iter().chain(&QUESTIONS).find_map(|question| of_words(&words(address, question)))
}

/// Whether a URL asks for TLS from the first byte on.
pub(super) fn is_encrypted(url: &str) -> bool {
    ENCRYPTED.contains(&scheme(url))
}

/// Whether a URL asks for TLS, from the first byte on or after words without it.
pub(super) fn asks_for_tls(url: &str) -> bool {
    is_encrypted(url) || scheme(url) == AFTER_WORDS
}

fn scheme(url: &str) -> &str {
    url.split_once("://").map_or("", |(scheme, _)| scheme)
}

/// Nothing, a request of the web, a CONNECT of MQTT 5 with a clean start and no name, Kafka's `ApiVersions` of version 0 with a
/// number that the answer repeats, `PeerProperties` of RabbitMQ's streams without a property, and the beginning of TLS.
const QUESTIONS: [&[u8]; 6] = [
    b"",
    b"GET / HTTP/1.0\r\n\r\n",
    b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00",
    b"\x00\x00\x00\x0a\x00\x12\x00\x00drum\x00\x00",
    b"\x00\x00\x00\x0c\x00\x11\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00",
    HELLO,
];

/// A ClientHello of TLS 1.2 with one cipher suite, which is answered with a ServerHello or an alert.
const HELLO: &[u8] =
    b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03drumpost asks who is there today\x00\x00\x02\x00\x2f\x01\x00";

/// The first bytes that come back.
fn words(address: SocketAddr, greeting: &[u8]) -> Vec<u8> {
    let hear = || {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(FIRST_WORDS))?;
        stream.set_write_timeout(Some(FIRST_WORDS))?;
        stream.write_all(greeting)?;
        let mut heard = vec![0; 64];
        let len = stream.read(&mut heard)?;
        heard.truncate(len);
        Ok::<_, std::io::Error>(heard)
    };
    hear().unwrap_or_default()
}

/// What is said of a server that speaks HTTP.
const WEB: &str = "a web server, perhaps the management pages of a broker";
/// What is said of a server that speaks TLS.
const TLS: &str = "a server that speaks TLS";
/// Schemes of addresses that ask for TLS from the first byte on.
const ENCRYPTED: [&str; 4] = ["amqps", "https", "kafkas", "mqtts"];
/// The scheme of addresses that ask for TLS after the server's first words, as NATS has it.
const AFTER_WORDS: &str = "tls";

/// What answers at the address of a URL, and what that means for the URL. `None` if it explains no failure: the URL asks for TLS or for HTTP, and
/// the server speaks that.
pub(super) fn beside(whose: &str, url: &str) -> Option<String> {
    match (whose == TLS, is_encrypted(url)) {
        (true, false) if !asks_for_tls(url) => {
            Some(format!("{whose}: give an address with a scheme for TLS, such as amqps:// or mqtts://"))
        }
        (true, _) => None,
        (false, true) => Some(format!(
            "{whose}, and without TLS: give the port that has TLS, or an address without it, such as amqp:// in place of amqps://"
        )),
        // A nats-server says its first words without TLS, so `tls://` and such words do not contradict each other.
        (false, false) => Some(whose.to_owned()).filter(|_| scheme(url) != "http" || whose != WEB),
    }
}

/// Beginnings of answers, and whose they are.
const ANSWERS: &[(&[u8], &str)] = &[
    (b"INFO {", "a server that speaks the NATS protocol"),
    (b"AMQP", "a server that speaks AMQP"),
    (b"HTTP/", WEB),
    (b"-ERR", "a server that speaks the Redis protocol"),
    (b"-NOAUTH", "a Redis server that asks for a password"),
    (
        b"-DENIED",
        "a Redis server in protected mode: it lets nobody in from other machines without a password",
    ),
    (b"SSH-", "an SSH server"),
    (b"220 ", "a mail or file server"),
    // The record types of an alert and of a handshake, and the version of every TLS since 1.0.
    (b"\x15\x03", TLS),
    (b"\x16\x03", TLS),
    // A CONNACK without a session that it kept.
    (b"\x20", "a server that speaks MQTT"),
];

fn of_words(words: &[u8]) -> Option<&'static str> {
    // After the length of the answer stands the number of the question.
    if words.get(4..8).is_some_and(|number| number == b"drum") {
        return Some("a server that speaks the Kafka protocol");
    }
    // After the length stand the number of the command with the sign of an answer, and the version.
    if words.get(4..8).is_some_and(|command| command == b"\x80\x11\x00\x01") {
        return Some("a server that speaks the protocol of RabbitMQ's streams");
    }
    ANSWERS.iter().find(|(beginning, _)| words.starts_with(beginning)).map(|(_, whose)| *whose)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_place_is_read_without_its_login_and_with_the_usual_port() {
        let of = |url: &str| Place::of(url, "mq://127.0.0.1:7").map(|place| (place.host, place.port));
        let is = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(of("mq://me:p@ss@broker:9/v?x=1"), is("broker", 9));
        assert_eq!(of("mqs://[::1]"), is("::1", 7));
        assert_eq!(of("mq://[::1]:8/"), is("::1", 8));
        assert_eq!((of("embedded"), of("mq://"), of("mq://h:port")), (None, None, None));
    }

    /// Serves `count` connections: each hears what comes, and gets `answer` after that or at once.
    fn server(answer: &'static [u8], at_once: bool, count: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().take(count) {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut heard = [0; 64];
                    if at_once || stream.read(&mut heard).is_ok_and(|len| len > 0) {
                        let _ = stream.write_all(answer);
                    }
                    // Until the other side hangs up.
                    let _ = stream.read(&mut heard);
                });
            }
        });
        address
    }

    #[test]
    fn what_answers_is_known_by_its_first_words() {
        let says = |answer, at_once| protocol(server(answer, at_once, QUESTIONS.len()), "mq://h");
        assert_eq!(says(b"INFO {\"server_id\":1}\r\n", true), Some("a server that speaks the NATS protocol"));
        assert!(says(b"HTTP/1.1 404 Not Found\r\n", false).unwrap().starts_with("a web server"));
        assert!(says(b"\x15\x03\x03\x00\x02\x02\x46", false).unwrap().contains("TLS"));
        assert_eq!(says(b"\x20\x03\x00\x00\x00", false), Some("a server that speaks MQTT"));
        assert!(says(b"\0\0\0\x20drum\0\0", false).unwrap().contains("Kafka"));
        assert!(says(b"\0\0\0\x20\x80\x11\0\x01\0\0\0\x01", false).unwrap().contains("RabbitMQ's streams"));
        assert_eq!(says(b"\x16\x03\x03\x00\x31\x02", false), Some(TLS));
        assert_eq!(says(b"who are you?", false), None);
        assert_eq!(protocol(SocketAddr::from(([127, 0, 0, 1], 9)), "mq://h"), None);
    }

    #[test]
    fn an_address_for_tls_and_a_server_without_it_are_told_apart_from_the_reverse() {
        let says = |whose, url| beside(whose, url);
        assert_eq!(says(TLS, "mqtts://h:1"), None);
        assert_eq!(says(TLS, "tls://h:1"), None);
        assert!(says(TLS, "mqtt://h:1").unwrap().contains("give an address with a scheme for TLS"));
        assert!(says("a server that speaks AMQP", "amqps://h:1").unwrap().contains(", and without TLS: "));
        assert_eq!(says("an SSH server", "amqp://h:1").as_deref(), Some("an SSH server"));
        assert_eq!((says(WEB, "http://h:1"), says(WEB, "amqp://h:1").as_deref()), (None, Some(WEB)));
        assert!(!says("a server that speaks the NATS protocol", "tls://h").unwrap().contains("without TLS"));
    }

    #[test]
    fn a_port_where_nothing_listens_and_a_name_that_nobody_has_are_said() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let why = connect(&[free]).unwrap_err();
        assert_eq!(why, format!("nothing listens on {free}: start the server, or give another port"));
        let taken = server(b"", true, 1);
        assert_eq!(connect(&[free, taken]).unwrap().0, taken);
        let nobody = Place { host: "no-such-host.invalid".into(), port: 1 };
        assert!(resolve(&nobody).unwrap_err().contains("no-such-host.invalid"));
        let here = Place { host: "127.0.0.1".into(), port: 1 };
        assert_eq!(resolve(&here).unwrap(), [SocketAddr::from(([127, 0, 0, 1], 1))]);
    }
}
