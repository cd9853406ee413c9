//! A proxy between client and server that can cut the connection, or go silent while the connection stays open.
#![allow(
    unreachable_pub,
    dead_code,
    reason = "shared by the test binaries of two packages, each of which uses a part"
)]

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// Forwards connections to a server until told otherwise. Its threads end with their connections.
pub struct Proxy {
    port: u16,
    silent: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// A line to `url`, which is `nats://127.0.0.1:PORT`.
    pub fn to(url: &str) -> Self {
        let server = url.rsplit_once('/').expect("a URL").1.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let proxy = Self { port, silent: Arc::default(), open: Arc::default() };
        let (silent, open) = (Arc::clone(&proxy.silent), Arc::clone(&proxy.open));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                    open.lock().expect("not poisoned").push(from.try_clone().expect("a handle"));
                    let silent = Arc::clone(&silent);
                    thread::spawn(move || forward(from, to, &silent));
                }
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Nothing goes through any more; connections stay open.
    pub fn go_silent(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    /// Cuts what is open now; what connects afterwards is let through.
    pub fn cut(&self) {
        for stream in self.open.lock().expect("not poisoned").drain(..) {
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
