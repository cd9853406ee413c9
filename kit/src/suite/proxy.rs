//! A proxy between client and server. It can cut or reset connections, pass bytes slowly, or go silent while connections stay open: all
//! of them, or those that are open now. And listeners that are no server.

use rustix::net::sockopt::set_socket_linger;
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// The direction from a client to the server.
const TO_SERVER: usize = 0;

/// Forwards connections to a server on another loopback port until told otherwise. Its threads end with their connections.
#[derive(Clone, Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_silent: AtomicBool,
    slowness: Mutex<Slowness>,
    /// By direction: a thread that has the turn passes bytes at the rate of the line, which all connections share.
    turns: [Mutex<()>; 2],
    open: Mutex<Vec<Connection>>,
    /// Bytes that went to the server.
    to_server: AtomicU64,
}

/// What holds bytes up.
#[derive(Clone, Copy, Debug, Default)]
struct Slowness {
    delay: Duration,
    /// `None`: as many as come.
    bytes_per_s: Option<u32>,
}

#[derive(Debug)]
struct Connection {
    ends: [TcpStream; 2],
    fault: Arc<Fault>,
}

/// What is done to one connection.
#[derive(Debug, Default)]
struct Fault {
    /// Its threads close it without telling either end that the other has ended.
    is_reset: AtomicBool,
    /// Nothing goes through any more.
    is_silent: AtomicBool,
}

impl Proxy {
    /// A line to the server on this port.
    ///
    /// # Panics
    /// The system gives out no port.
    #[must_use]
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let proxy = Self { port, state: Arc::default() };
        let state = Arc::clone(&proxy.state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Where there is no server, the client sees a connection that ends.
                let _ = TcpStream::connect(("127.0.0.1", server)).and_then(|to| join(&state, client, to));
            }
        });
        proxy
    }

    /// The loopback port on which it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many bytes went to the server, over all connections.
    pub(super) fn bytes_to_server(&self) -> u64 {
        self.state.to_server.load(Ordering::Relaxed)
    }

    /// Nothing goes through any more; connections stay open.
    pub fn go_silent(&self) {
        self.state.is_silent.store(true, Ordering::Relaxed);
    }

    /// Nothing goes through any more over the connections that are open now. They stay open. What connects afterwards is let through: a
    /// client that notices the silence can come back at once, and one that does not hears nothing.
    pub fn silence_open(&self) {
        for connection in &*lock(&self.state.open) {
            connection.fault.is_silent.store(true, Ordering::Relaxed);
        }
    }

    /// Bytes take at least `delay` from one end to the other, and so many of them pass in a second in each direction, over all connections together.
    pub fn slow(&self, delay: Duration, bytes_per_s: Option<u32>) {
        *lock(&self.state.slowness) = Slowness { delay, bytes_per_s };
    }

    /// Things go through again, and as fast as they come.
    pub fn mend(&self) {
        self.slow(Duration::ZERO, None);
        self.state.is_silent.store(false, Ordering::Relaxed);
        for connection in &*lock(&self.state.open) {
            connection.fault.is_silent.store(false, Ordering::Relaxed);
        }
    }

    /// Cuts what is open now: both ends see that the other has ended. What connects afterwards is let through.
    pub fn cut(&self) {
        for Connection { ends, fault } in lock(&self.state.open).drain(..) {
            fault.is_silent.store(false, Ordering::Relaxed);
            for end in ends {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }

    /// Resets what is open now: both ends get an error. What connects afterwards is let through.
    pub fn reset(&self) {
        for connection in lock(&self.state.open).drain(..) {
            connection.fault.is_reset.store(true, Ordering::Relaxed);
            connection.fault.is_silent.store(false, Ordering::Relaxed);
            for end in &connection.ends {
                // A socket that is closed without lingering is reset. It is closed once its threads have ended, which wait for bytes to read.
                let _ = set_socket_linger(end, Some(Duration::ZERO));
                let _ = end.shutdown(Shutdown::Read);
            }
        }
    }
}

/// Forwards in both directions, each on a thread of its own.
fn join(state: &Arc<State>, client: TcpStream, server: TcpStream) -> io::Result<()> {
    let ways = [(client.try_clone()?, server.try_clone()?), (server.try_clone()?, client.try_clone()?)];
    let fault = Arc::<Fault>::default();
    lock(&state.open).push(Connection { ends: [client, server], fault: Arc::clone(&fault) });
    for (direction, (from, to)) in ways.into_iter().enumerate() {
        let (state, fault) = (Arc::clone(state), Arc::clone(&fault));
        thread::spawn(move || {
            state.forward(direction, &from, &to, &fault);
            if !fault.is_reset.load(Ordering::Relaxed) {
                let _ = to.shutdown(Shutdown::Both);
            }
        });
    }
    Ok(())
}

impl State {
    /// Forwards what comes until one end closes.
    fn forward(&self, direction: usize, mut from: &TcpStream, mut to: &TcpStream, fault: &Fault) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            wait_while(&fault.is_silent);
            self.hold(direction, count);
            if direction == TO_SERVER {
                self.to_server.fetch_add(count as u64, Ordering::Relaxed);
            }
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    }

    /// Waits for as long as so many bytes are held up. What comes meanwhile waits in the system and is forwarded together.
    fn hold(&self, direction: usize, count: usize) {
        wait_while(&self.is_silent);
        let Slowness { delay, bytes_per_s } = *lock(&self.slowness);
        if let Some(rate) = bytes_per_s {
            let _turn = lock(&self.turns[direction]);
            thread::sleep(Duration::from_secs_f64(count as f64 / f64::from(rate)));
        }
        thread::sleep(delay);
    }
}

fn wait_while(is_so: &AtomicBool) {
    while is_so.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(20));
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The port of a listener that says these bytes to whoever connects and then nothing. Its thread ends with the process.
pub(super) fn stranger(says: &'static [u8]) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        let mut open = Vec::new();
        for mut client in listener.incoming().flatten() {
            let _ = client.write_all(says);
            open.push(client);
        }
    });
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::clock::{Clock, Now};

    /// A line to a server that sends back what it gets, and a client that has used it once.
    fn echo() -> (Proxy, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy::to(listener.local_addr().unwrap().port());
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        thread::spawn(move || {
            let (server, _) = listener.accept().unwrap();
            io::copy(&mut &server, &mut &server)
        });
        round_trip(&mut client, 1);
        (proxy, client)
    }

    /// How long so many bytes take to the server and back.
    fn round_trip(client: &mut TcpStream, len: usize) -> Duration {
        let (clock, mut writer) = (Clock::start(), client.try_clone().unwrap());
        thread::scope(|scope| {
            scope.spawn(move || writer.write_all(&vec![7; len]));
            client.read_exact(&mut vec![0; len]).unwrap();
        });
        Duration::from_nanos(clock.now_ns())
    }

    #[test]
    fn a_slow_line_holds_bytes_up_in_both_directions() {
        let (proxy, mut client) = echo();
        let delay = Duration::from_millis(30);
        proxy.slow(delay, None);
        assert!(round_trip(&mut client, 1) >= 2 * delay);
        proxy.slow(Duration::ZERO, Some(100_000));
        assert!(round_trip(&mut client, 10_000) >= Duration::from_millis(100));
        assert_eq!(proxy.bytes_to_server(), 10_002);
        proxy.mend();
        assert!(round_trip(&mut client, 1_000_000) < Duration::from_secs(10), "it is as slow as before");
    }

    #[test]
    fn connections_that_are_open_go_silent_and_later_ones_do_not() {
        let (proxy, mut client) = echo();
        proxy.silence_open();
        client.write_all(&[1]).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let _later = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        let is_silent = |connection: &Connection| connection.fault.is_silent.load(Ordering::Relaxed);
        let flags = || lock(&proxy.state.open).iter().map(is_silent).collect::<Vec<_>>();
        while flags().len() < 2 {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(flags(), [true, false]);
        proxy.mend();
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 1, "what was held back arrives late");
        assert_eq!(flags(), [false, false]);
    }

    #[test]
    fn a_cut_is_an_end_and_a_reset_is_an_error() {
        let (proxy, mut client) = echo();
        proxy.cut();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        let (proxy, mut client) = echo();
        proxy.reset();
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}
