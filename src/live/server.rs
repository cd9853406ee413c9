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
    pub(super) fn start(at: SocketAddr, figures: Figures) -> io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        let address = listener.local_addr()?;
        let stops = Arc::new(AtomicBool::new(false));
        let (tell, closed) = channel();
        let is_over = stops.clone();
        let serve = move || {
            let _counted = HarnessThread::current();
            serve(&listener, &figures, &is_over);
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

fn serve(listener: &TcpListener, figures: &Figures, is_over: &AtomicBool) {
    let accept = || listener.accept().map(|(connection, _)| connection);
    accept_all(accept, is_over, &CONNECTIONS, |connection| {
        let figures = figures.clone();
        move || {
            // A client that went away has what it wanted.
            let _ = answer(connection, &figures);
        }
    });
}

fn answer(mut connection: TcpStream, figures: &Figures) -> io::Result<()> {
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
