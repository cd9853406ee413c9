//! Takes connections of viewers: some at the same time, each on a thread of its own.

use drumpost_core::overhead::HarnessThread;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How the connections of a listener are served.
pub(super) struct Serving {
    /// The name of the threads.
    pub thread: &'static str,
    /// Connections at the same time. Others are closed at once.
    pub at_most: usize,
}

/// Waits for connections until one comes after `is_over` was set. `begin` makes of a connection what its thread does.
pub(super) fn accept_all<C, F: FnOnce() + Send + 'static>(
    accept: impl Fn() -> io::Result<C>,
    is_over: &AtomicBool,
    serving: &Serving,
    begin: impl Fn(C) -> F,
) {
    /// After this many failures in a row, such as a lack of file descriptors, there is no point in more.
    const FAILURES: u32 = 100;
    let mut failures = 0;
    // Each thread that serves a connection holds a share of it.
    let places = Arc::new(());
    loop {
        let accepted = accept();
        if is_over.load(Ordering::Relaxed) || failures == FAILURES {
            return;
        }
        let Ok(connection) = accepted else {
            failures += 1;
            thread::sleep(Duration::from_millis(50));
            continue;
        };
        failures = 0;
        if Arc::strong_count(&places) > serving.at_most {
            continue;
        }
        let (place, serve) = (places.clone(), begin(connection));
        let served = move || {
            let _counted = HarnessThread::current();
            let _place = place;
            serve();
        };
        // Without a thread the connection is closed.
        let _ = thread::Builder::new().name(serving.thread.into()).spawn(served);
    }
}
