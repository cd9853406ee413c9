//! A small HTTP/1.1 server for `GET /metrics`. Connections, requests and waits are bounded, and it has no part in the run: a client that
//! is slow holds one of a few threads for a few seconds.

use super::{
    accept::{Serving, accept_all},
    figures::Figures,
};
use drumpost_core::{
    clock::{Clock, Now},
    overhead::HarnessThread,
};
use drumpost_results::metrics;
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

/// Requests.
const CONNECTIONS: Serving = Serving { thread: "scrape", at_most: 8 };
/// A request is not longer.
const REQUEST_BYTES: usize = 8 * 1024;
/// A request takes no longer to come, and an answer takes no longer to be read.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the end of the server is waited for.
const LAST: Duration = Duration::from_millis(500);

/// The names by which a client may call this machine, in the header `Host` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hosts {
    /// Those of the loopback alone. A page in a browser on this machine can point a host name of its own at the loopback (DNS rebinding), and
    /// would be allowed to read what is served there. The browser tells that name, and no page can change it.
    Local,
    /// All: others are meant to reach the server, by whatever name.
    Any,
}

/// A server that runs until it is ended or dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stops: Arc<AtomicBool>,
    closed: Receiver<()>,
}

impl Server {
    /// Listens at an address and serves figures there.
    ///
    /// # Errors
    /// The system's: the port is taken, or the address is not of this machine.
    pub(super) fn start(at: SocketAddr, hosts: Hosts, figures: Figures) -> io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        let address = listener.local_addr()?;
        let stops = Arc::new(AtomicBool::new(false));
        let (tell, closed) = channel();
        let is_over = stops.clone();
        let serve = move || {
            let _counted = HarnessThread::current();
            serve(&listener, hosts, &figures, &is_over);
            drop(listener);
            let _ = tell.send(());
        };
        thread::Builder::new().name("prometheus".into()).spawn(serve)?;
        Ok(Self { address, stops, closed })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port.
    pub(super) fn end(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::Relaxed);
        // The thread waits for a connection. An address that means all of the machine's cannot be connected to everywhere.
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        if TcpStream::connect_timeout(&SocketAddr::new(ip, self.address.port()), LAST).is_ok() {
            let _ = self.closed.recv_timeout(LAST);
        }
    }
}

fn serve(listener: &TcpListener, hosts: Hosts, figures: &Figures, is_over: &AtomicBool) {
    let accept = || listener.accept().map(|(connection, _)| connection);
    accept_all(accept, is_over, &CONNECTIONS, |connection| {
        let figures = figures.clone();
        move || {
            // A client that went away has what it wanted.
            let _ = answer(connection, hosts, &figures);
        }
    });
}

fn answer(mut connection: TcpStream, hosts: Hosts, figures: &Figures) -> io::Result<()> {
    let clock = Clock::start();
    let request = match request(&mut connection, &clock) {
        Ok(request) => request,
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return write(
                &mut connection,
                "431 Request Header Fields Too Large",
                "",
                "the request is too long\n",
                true,
            );
        }
        Err(error) => return Err(error),
    };
    let mut words = request.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !words.next().is_some_and(|version| version.starts_with("HTTP/1.")) {
        return write(&mut connection, "400 Bad Request", "", "this is no request of HTTP/1.1\n", true);
    }
    if hosts == Hosts::Local && !hosts_of(&request).all(is_local) {
        return write(
            &mut connection,
            "421 Misdirected Request",
            "",
            "this is served to this machine alone, and the request names another host: ask for it at localhost, or start drumpost with \
             --prometheus-public\n",
            true,
        );
    }
    let has_body = match method {
        "GET" => true,
        "HEAD" => false,
        _ => {
            return write(
                &mut connection,
                "405 Method Not Allowed",
                "Allow: GET, HEAD\r\n",
                "only GET is served\n",
                true,
            );
        }
    };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    match path {
        "/metrics" => {
            let media = format!("Content-Type: {}\r\n", metrics::MEDIA_TYPE);
            write(&mut connection, "200 OK", &media, &figures.text(), has_body)
        }
        _ => write(&mut connection, "404 Not Found", "", "the figures are at /metrics\n", has_body),
    }
}

/// The hosts that a request names. A browser always names one.
fn hosts_of(request: &str) -> impl Iterator<Item = &str> {
    let headers = request.lines().skip(1).filter_map(|line| line.split_once(':'));
    headers.filter(|(name, _)| name.trim().eq_ignore_ascii_case("host")).map(|(_, value)| value.trim())
}

/// Whether a host, which may have a port, is `localhost` or an address of the loopback.
fn is_local(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let v6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match v6 {
        Some(address) => address.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()),
        None => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        }
    }
}

/// Reads a request up to its empty line. A body is not read: nothing that is served has one.
fn request(connection: &mut TcpStream, clock: &Clock) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut some = [0; 1024];
    loop {
        let left = PATIENCE.checked_sub(Duration::from_nanos(clock.now_ns())).filter(|left| !left.is_zero());
        connection.set_read_timeout(Some(left.ok_or(ErrorKind::TimedOut)?))?;
        // The end may be split between two reads.
        let from = bytes.len().saturating_sub(3);
        match connection.read(&mut some)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => bytes.extend_from_slice(&some[..n]),
        }
        if bytes.len() > REQUEST_BYTES {
            return Err(ErrorKind::InvalidData.into());
        }
        let new = &bytes[from..];
        if new.windows(4).any(|end| end == b"\r\n\r\n") || new.windows(2).any(|end| end == b"\n\n") {
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

fn write(connection: &mut TcpStream, status: &str, more: &str, body: &str, has_body: bool) -> io::Result<()> {
    let media =
        if more.contains("Content-Type") { "" } else { "Content-Type: text/plain; charset=utf-8\r\n" };
    let head = format!(
        "HTTP/1.1 {status}\r\n{media}{more}Content-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let clock = Clock::start();
    let text = if has_body { head + body } else { head };
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let left = PATIENCE.checked_sub(Duration::from_nanos(clock.now_ns())).filter(|left| !left.is_zero());
        connection.set_write_timeout(Some(left.ok_or(ErrorKind::TimedOut)?))?;
        match connection.write(rest)? {
            0 => return Err(ErrorKind::WriteZero.into()),
            n => rest = &rest[n..],
        }
    }
    connection.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_loopback_are_told_from_others() {
        for host in
            ["localhost", "LocalHost:9464", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:9464", "localhost:"]
        {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "example.org:9464",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "128.0.0.1",
            "0.0.0.0:9464",
            "[::2]:80",
            "[::1]x",
            "::1",
            "localhost:80:80",
            "localhost:x",
        ] {
            assert!(!is_local(host), "{host}");
        }
        let hosts: Vec<&str> = hosts_of("GET / HTTP/1.1\r\nX: y\r\nhOsT:  a:1 \r\nHost: b\r\n\r\n").collect();
        assert_eq!(hosts, ["a:1", "b"]);
    }
}
