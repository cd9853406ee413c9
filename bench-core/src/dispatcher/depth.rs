//! Asks a server, beside the lanes, how many messages wait there.

use super::guard::{leave_behind, no_thread};
use crate::{
    control::Control,
    overhead::HarnessThread,
    transport::{AskDepth, AsyncTransport},
    wiring::Wiring,
};
use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

/// How often a server is asked: seldom enough that it has other things to do.
const EVERY: Duration = Duration::from_millis(200);
/// How long its answer is waited for.
const WITHIN: Duration = Duration::from_millis(500);

/// Asks until the server does not tell.
pub(super) async fn ask<T: AsyncTransport>(
    transport: Arc<T>,
    wiring: Arc<Wiring>,
    control: Arc<Control>,
    sample_every: Duration,
) {
    let mut next = tokio::time::interval(sample_every.max(EVERY));
    loop {
        next.tick().await;
        match tokio::time::timeout(WITHIN, transport.depth(&wiring)).await {
            Ok(Ok(Some(depths))) => control.note_depth(Some(&depths)),
            Ok(Ok(None)) => return,
            Ok(Err(_)) | Err(_) => control.note_depth(None),
        }
    }
}

/// A thread that asks until the server does not tell or the lanes are stopped.
#[derive(Debug)]
pub(super) struct Asking(Option<JoinHandle<()>>);

impl Asking {
    pub(super) fn start(ask: Option<AskDepth>, control: &Arc<Control>, sample_every: Duration) -> Self {
        let Some(mut ask) = ask else { return Self(None) };
        let (own, every) = (Arc::clone(control), sample_every.max(EVERY));
        let asks = move || {
            let _counted = HarnessThread::current();
            while !own.stop.is_stopped() {
                match ask() {
                    Ok(Some(depths)) => own.note_depth(Some(&depths)),
                    Ok(None) => return,
                    Err(_) => own.note_depth(None),
                }
                thread::park_timeout(every);
            }
        };
        let thread = thread::Builder::new().name("depth".into()).spawn(asks);
        if let Err(error) = &thread {
            control.fail(no_thread("the depth of queues", error));
        }
        Self(thread.ok())
    }

    /// Ends it. A thread that waits for its answer is left behind.
    pub(super) fn end(self) {
        let Some(thread) = self.0 else { return };
        thread.thread().unpark();
        // It ends at once unless the server keeps it waiting.
        for _ in 0..100 {
            if thread.is_finished() {
                let _ = thread.join();
                return;
            }
            thread::park_timeout(Duration::from_millis(1));
        }
        leave_behind(thread);
    }
}
