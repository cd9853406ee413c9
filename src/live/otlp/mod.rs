//! Sends live figures by OTLP over HTTP, in protobuf, every few seconds and once more at the end. It has a thread of its own, each request has
//! a deadline, and a failure is said once and changes nothing of the run.

mod encode;

use super::figures::Figures;
use crate::{args::Endpoint, environment, output};
use drumpost_core::{
    clock::{Clock, Now},
    overhead::HarnessThread,
};
use encode::Span;
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// Between two requests.
const EVERY: Duration = Duration::from_secs(2);
/// A request takes no longer, with its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first line of an answer is no longer.
const ANSWER_BYTES: usize = 4_096;

/// Sends until it is ended or dropped. What failed is said at the end, when no dashboard is in the way.
#[derive(Debug)]
pub(super) struct Sending {
    end: Option<Sender<()>>,
    ended: Receiver<Option<String>>,
}

impl Sending {
    /// # Errors
    /// There is no thread for it.
    pub(super) fn start(to: &Endpoint, figures: Figures) -> io::Result<Self> {
        let (end, ends) = channel();
        let (tell, ended) = channel();
        let to = to.clone();
        let send = move || {
            let _counted = HarnessThread::current();
            let _ = tell.send(send_all(&to, &figures, &ends));
        };
        thread::Builder::new().name("otlp".into()).spawn(send)?;
        Ok(Self { end: Some(end), ended })
    }

    /// Sends the last figures, and waits for that no longer than two requests may take.
    pub(super) fn end(self) {
        drop(self);
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        drop(self.end.take());
        // A request may be under way, and the last one comes after it.
        if let Ok(Some(failed)) = self.ended.recv_timeout(2 * PATIENCE) {
            output::remark(&failed);
        }
    }
}

/// Sends every few seconds until the end. Gives back the first failure, as a sentence.
fn send_all(to: &Endpoint, figures: &Figures, ends: &Receiver<()>) -> Option<String> {
    let from_ns = environment::unix_ns();
    let mut failed = None;
    loop {
        let is_last = ends.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout);
        let span = Span { from_ns, until_ns: environment::unix_ns() };
        if let Err(error) = post(to, &encode::request(&figures.families(), span)) {
            failed.get_or_insert_with(|| format!("note: --otlp {to}: live figures were not taken: {error}"));
        }
        if is_last {
            return failed;
        }
    }
}

fn post(to: &Endpoint, body: &[u8]) -> io::Result<()> {
    let clock = Clock::start();
    let left = || {
        let left = PATIENCE.checked_sub(Duration::from_nanos(clock.now_ns())).filter(|left| !left.is_zero());
        left.ok_or_else(|| io::Error::new(ErrorKind::TimedOut, format!("it took more than {PATIENCE:?}")))
    };
    let mut connection = Err(io::Error::other("its name has no address"));
    // A collector may listen at one of several addresses: `localhost` often is ::1, too.
    for address in to.authority.to_socket_addrs()? {
        connection = TcpStream::connect_timeout(&address, left()?);
        if connection.is_ok() {
            break;
        }
    }
    let mut connection = connection?;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        to.path,
        to.authority,
        body.len()
    );
    for part in [head.as_bytes(), body] {
        let mut rest = part;
        while !rest.is_empty() {
            connection.set_write_timeout(Some(left()?))?;
            match connection.write(rest)? {
                0 => return Err(ErrorKind::WriteZero.into()),
                n => rest = &rest[n..],
            }
        }
    }
    let (mut answer, mut some) = (Vec::new(), [0; 256]);
    while answer.len() < ANSWER_BYTES && !answer.contains(&b'\n') {
        connection.set_read_timeout(Some(left()?))?;
        match connection.read(&mut some)? {
            0 => break,
            n => answer.extend_from_slice(&some[..n]),
        }
    }
    let line = String::from_utf8_lossy(&answer);
    let line = line.lines().next().unwrap_or_default();
    let code = line.split(' ').nth(1).filter(|_| line.starts_with("HTTP/1."));
    match code {
        Some(code) if code.starts_with('2') => Ok(()),
        Some(_) => {
            let line = drumpost_results::plain::cut(line, 200);
            Err(io::Error::other(format!("it answered `{}`", drumpost_results::plain::line(&line))))
        }
        None => Err(io::Error::other("it gave no answer of HTTP")),
    }
}

#[cfg(test)]
mod tests;
