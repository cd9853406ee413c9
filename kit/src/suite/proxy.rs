//! A proxy between client and server that can cut the connection, or go silent while the connection stays open; and listeners
//! that are no server.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// Forwards connections to a server on another loopback port until told otherwise. Its threads end with their connections.
#[derive(Clone, Debug)]
pub struct Proxy {
    port: u16,
    silent: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
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
        let proxy = Self { port, silent: Arc::default(), open: Arc::default() };
        let (silent, open) = (Arc::clone(&proxy.silent), Arc::clone(&proxy.open));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (Ok(from), Ok(to), Ok(noted)) = (from.try_clone(), to.try_clone(), from.try_clone())
                    else {
                        continue;
                    };
                    open.lock().unwrap_or_else(PoisonError::into_inner).push(noted);
                    let silent = Arc::clone(&silent);
                    thread::spawn(move || forward(from, to, &silent));
                }
            }
        });
        proxy
    }

    /// The loopback port on which it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Nothing goes through any more; connections stay open.
    pub fn go_silent(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    /// Things go through again.
    pub fn speak_again(&self) {
        self.silent.store(false, Ordering::Relaxed);
    }

    /// Cuts what is open now; what connects afterwards is let through.
    pub fn cut(&self) {
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, silent: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        while silent.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// The port of a listener that says these bytes to whoever connects and then nothing. Its thread ends with the process.
pub(super) fn stranger(says: &'static [u8]) -> std::io::Result<u16> {
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
