//! What the ports of one lane know about their connection. A failure is told once, and every port hears of it.

use crate::server::At;
use drumpost_core::port::PortError;
use futures_util::task::AtomicWaker;
use std::{
    fmt::Display,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

/// What a port comes to.
pub type PortResult<T = ()> = Result<T, PortError>;

/// The state of a connection. All ports that share it are polled by one lane's task, so there is one waker.
#[derive(Debug, Default)]
pub struct Link {
    failure: OnceLock<PortError>,
    waker: AtomicWaker,
    dropped: AtomicBool,
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

    pub(crate) fn end(&self, error: PortError) {
        let _ = self.failure.set(error);
        self.wake();
    }

    /// Wakes the lane.
    pub fn wake(&self) {
        self.waker.wake();
    }

    /// The client dropped messages for a slow receiver ([`crate::drops`]).
    pub fn drop_some(&self) {
        self.dropped.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether it did since this was last asked.
    #[inline]
    pub(crate) fn take_dropped(&self) -> bool {
        self.dropped.load(Ordering::Relaxed) && self.dropped.swap(false, Ordering::Acquire)
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

/// A link, and the server at its other end.
#[derive(Clone, Debug)]
pub struct Line {
    /// The state of the connection.
    pub link: Arc<Link>,
    /// The server.
    pub at: Arc<At>,
}

impl Line {
    /// A new connection to `at`.
    #[must_use]
    pub fn to(at: &Arc<At>) -> Self {
        Self { link: Arc::default(), at: Arc::clone(at) }
    }

    /// The connection is gone; `why` says more, such as `the server closed it`.
    pub fn lose(&self, why: &str) {
        self.link.lose(format!("the connection to {} was lost: {why}", self.at));
    }

    /// A port's error for one of the client's: the connection is lost, or else the server refuses what was asked of it.
    #[must_use]
    pub fn broken(&self, is_lost: bool, error: &dyn Display) -> PortError {
        match is_lost {
            true => PortError::Lost(format!("the connection to {} was lost: {error}", self.at)),
            false => PortError::Failed(format!("{} said: {error}", self.at)),
        }
    }

    /// The same, told to every port of the lane: for an error that no call of a port returns.
    pub fn break_off(&self, is_lost: bool, error: &dyn Display) {
        self.link.end(self.broken(is_lost, error));
    }

    /// Takes a step with the server, or says why the line was lost meanwhile: a client seldom ends a step for what the server said
    /// beside the answer.
    ///
    /// # Errors
    /// The step's, or the line's.
    pub async fn unless_lost<T, E: Display>(
        &self,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, String> {
        let mut step = pin!(step);
        poll_fn(|context| match step.as_mut().poll(context) {
            Poll::Pending => self.link.listen(context).map_err(|error| error.to_string()),
            Poll::Ready(done) => Poll::Ready(done.map_err(|error| error.to_string())),
        })
        .await
    }

    /// The error of a client that closed by itself.
    #[must_use]
    pub fn closed(&self) -> PortError {
        self.link.closed(&self.at.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_ends_with_its_own_answer_or_with_the_line() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let line = Line::to(&Arc::new(At::new("broker", "tcp://127.0.0.1:9")));
        let step = |step| runtime.block_on(line.unless_lost(step));
        let done: std::pin::Pin<Box<dyn Future<Output = Result<u8, &str>>>> = Box::pin(async { Ok(7) });
        assert_eq!(step(done), Ok(7));
        assert_eq!(step(Box::pin(async { Err("no") })), Err("no".into()));
        line.link.fail("broker said: permissions violation".into());
        assert_eq!(step(Box::pin(std::future::pending())), Err("broker said: permissions violation".into()));
    }

    #[test]
    fn the_first_reason_counts_and_every_port_hears_of_it() {
        let line = Line::to(&Arc::new(At::new("broker", "tcp://127.0.0.1:9")));
        assert_eq!(line.link.check(), Ok(()));
        assert_eq!(
            line.closed(),
            PortError::Lost("the connection to broker at tcp://127.0.0.1:9 was closed".into())
        );
        let said = PortError::Failed("broker at tcp://127.0.0.1:9 said: no".into());
        assert_eq!(line.broken(false, &"no"), said);
        let error = line.broken(true, &"it was pulled out");
        line.lose("it was pulled out");
        line.break_off(false, &"no");
        assert_eq!(line.link.check(), Err(error.clone()));
        let other = Line::to(&line.at);
        other.break_off(true, &"it was pulled out");
        assert_eq!(other.link.check(), Err(error));
        line.link.fail("worse".into());
        let lost = PortError::Lost(
            "the connection to broker at tcp://127.0.0.1:9 was lost: it was pulled out".into(),
        );
        assert_eq!((line.link.check(), line.closed()), (Err(lost.clone()), lost.clone()));
        let context = Context::from_waker(std::task::Waker::noop());
        assert_eq!(line.link.listen::<()>(&context), Poll::Ready(Err(lost)));
    }
}
