//! What a relay without delay adds to a round trip: the time of an echo through one, against the time of the same echo without it.

use super::{Line, Relay};
use drumpost_core::clock::{Clock, Now};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// Round trips of each kind.
const TRIPS: usize = 200;
/// About as long as a short message with the words of a protocol around it.
const LEN: usize = 256;

pub(super) fn measure_ns() -> io::Result<u64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let at = listener.local_addr()?;
    let relay = Relay::start(Line::default(), &[vec![at]], None)?;
    let echo = thread::Builder::new().name("echo".into()).spawn(move || -> io::Result<()> {
        let mut served = Vec::new();
        for _ in 0..2 {
            let (stream, _) = listener.accept()?;
            served.push(thread::Builder::new().spawn(move || echo(stream))?);
        }
        served.into_iter().for_each(|thread| drop(thread.join()));
        Ok(())
    })?;
    let measured = differences(at, relay.at(0));
    // The echo's threads end with the connections, which `differences` has dropped.
    drop(relay);
    if measured.is_ok() {
        let _ = echo.join();
    }
    measured
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; LEN];
    loop {
        stream.read_exact(&mut buffer)?;
        stream.write_all(&buffer)?;
    }
}

fn differences(direct: SocketAddr, relayed: SocketAddr) -> io::Result<u64> {
    let clock = Clock::start();
    let mut streams = [TcpStream::connect(direct)?, TcpStream::connect(relayed)?];
    let mut took_ns = [Vec::new(), Vec::new()];
    for stream in &streams {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    }
    let mut buffer = [7; LEN];
    for trip in 0..TRIPS {
        for (stream, took_ns) in streams.iter_mut().zip(&mut took_ns) {
            let from_ns = clock.now_ns();
            stream.write_all(&buffer)?;
            stream.read_exact(&mut buffer)?;
            // The first ones open the connections and warm the code up.
            if trip >= TRIPS / 10 {
                took_ns.push(clock.now_ns().saturating_sub(from_ns));
            }
        }
    }
    let [direct_ns, relayed_ns] = took_ns.map(|mut all| {
        all.sort_unstable();
        all[all.len() / 2]
    });
    Ok(relayed_ns.saturating_sub(direct_ns))
}
