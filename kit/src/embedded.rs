//! A server in this process, on a runtime thread of its own, for a transport whose broker is a library.

use futures_util::future::{Either, select};
use std::{
    future::Future,
    io,
    pin::pin,
    thread::{self, JoinHandle},
};
use tokio::{
    runtime,
    sync::{Mutex, oneshot},
    task::spawn_blocking,
};

/// A server that ends when this is dropped, with all its connections.
#[derive(Debug)]
pub struct Embedded<T> {
    /// What the server told when it was ready, such as its address.
    pub ready: T,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Embedded<T> {
    /// Starts a server on a thread of this name, and returns when it is ready. `serve` tells that, and serves until it is dropped.
    ///
    /// # Errors
    /// A sentence: the thread does not start, or `serve` returned without having been ready.
    pub async fn start<F: Future<Output = Result<(), String>>>(
        name: &str,
        serve: impl FnOnce(oneshot::Sender<T>) -> F + Send + 'static,
    ) -> Result<Self, String> {
        let ((stop, stopped), (tell, ready)) = (oneshot::channel(), oneshot::channel());
        let (fail, failed) = oneshot::channel();
        let run = move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            let served = runtime.map_err(|error: io::Error| error.to_string()).and_then(|runtime| {
                runtime.block_on(async {
                    match select(pin!(serve(tell)), stopped).await {
                        Either::Left((served, _)) => served,
                        Either::Right(_) => Ok(()),
                    }
                })
            });
            let _ = fail.send(served.err().unwrap_or_else(|| "it ended".into()));
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread = Some(thread.map_err(|error| error.to_string())?);
        match ready.await {
            Ok(ready) => Ok(Self { ready, stop: Some(stop), thread }),
            Err(_) => Err(failed.await.unwrap_or_else(|_| "it panicked".into())),
        }
    }
}

/// The server of one trial at a time, which whoever needs it first starts.
#[derive(Debug)]
pub struct OfTrial<T>(Mutex<Option<Embedded<T>>>);

impl<T> Default for OfTrial<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + Send + 'static> OfTrial<T> {
    /// What the server told when it was ready. `start` starts it, unless it runs.
    ///
    /// # Errors
    /// Those of `start`.
    pub async fn ready<E>(&self, start: impl Future<Output = Result<Embedded<T>, E>>) -> Result<T, E> {
        let mut server = self.0.lock().await;
        if let Some(running) = &*server {
            return Ok(running.ready.clone());
        }
        Ok(server.insert(start.await?).ready.clone())
    }

    /// Ends the server, which waits for its thread.
    pub async fn stop(&self) {
        let server = self.0.lock().await.take();
        let _ = spawn_blocking(|| drop(server)).await;
    }
}

impl<T> Drop for Embedded<T> {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::TcpStream,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    /// A server that tells how many were started before it.
    async fn numbered(started: &AtomicU32) -> Result<Embedded<u32>, String> {
        let number = started.fetch_add(1, Relaxed);
        let serve = move |tell: oneshot::Sender<u32>| async move {
            let _ = tell.send(number);
            std::future::pending().await
        };
        Embedded::start("numbered", serve).await
    }

    #[test]
    fn the_server_of_a_trial_is_started_once_and_again_in_the_next() {
        let (server, started) = (OfTrial::default(), AtomicU32::new(0));
        runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            assert_eq!(server.ready(numbered(&started)).await, Ok(0));
            assert_eq!(server.ready(numbered(&started)).await, Ok(0));
            server.stop().await;
            assert_eq!(server.ready(numbered(&started)).await, Ok(1));
        });
    }

    #[test]
    fn a_server_serves_until_it_is_dropped() {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        let embedded = runtime.block_on(Embedded::start("server", async |tell| {
            let server = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
            let _ = tell.send(server.local_addr().unwrap());
            loop {
                let (mut stream, _) = server.accept().await.unwrap();
                stream.write_all(b"hello").await.unwrap();
            }
        }));
        let embedded = embedded.unwrap();
        let (address, mut said) = (embedded.ready, [0; 5]);
        TcpStream::connect(address).unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"hello");
        drop(embedded);
        let gone = TcpStream::connect(address).and_then(|mut stream| stream.write_all(b"x"));
        assert!(gone.is_err(), "it ended");
    }

    #[test]
    fn a_server_that_does_not_start_says_why() {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        let started = runtime.block_on(Embedded::<()>::start("server", async |_| Err("no port".into())));
        assert_eq!(started.map(drop), Err("no port".to_owned()));
    }
}
