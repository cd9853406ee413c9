//! What the ports of one lane know about their connection. A failure is told once, and every port hears of it.

use drumpost_core::port::PortError;
use futures_util::task::AtomicWaker;
use std::{
    sync::OnceLock,
    task::{Context, Poll},
};

/// The state of a connection. All ports that share it are polled by one lane's task, so there is one waker.
#[derive(Debug, Default)]
pub struct Link {
    failure: OnceLock<PortError>,
    waker: AtomicWaker,
}

impl Link {
    /// The connection is gone, for the reason in the sentence `why`, which holds no secret. The first reason counts.
    pub fn lose(&self, why: String) {
        self.end(PortError::Lost(why));
    }

    /// The connection is of no more use: connecting again would not help.
    pub fn fail(&self, why: String) {
        self.end(PortError::Failed(why));
    }

    fn end(&self, error: PortError) {
        let _ = self.failure.set(error);
        self.wake();
    }

    /// Wakes the lane.
    pub fn wake(&self) {
        self.waker.wake();
    }

    /// The failure, if there was one.
    ///
    /// # Errors
    /// The failure.
    #[inline]
    pub fn check(&self) -> Result<(), PortError> {
        match self.failure.get() {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    /// Has the lane woken when the link fails, or by [`Link::wake`]; ready if it has failed.
    pub fn listen<T>(&self, context: &Context<'_>) -> Poll<Result<T, PortError>> {
        self.waker.register(context.waker());
        self.check().map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending)
    }

    /// The error for a client that closed by itself: the link's own, or else that it was closed at `at`.
    #[must_use]
    pub fn closed(&self, at: &str) -> PortError {
        self.check().err().unwrap_or_else(|| PortError::Lost(format!("the connection to {at} was closed")))
    }
}
