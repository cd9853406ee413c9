//! Asks a server, beside the lanes, how many messages wait there.

use super::guard::{leave_behind, no_thread};
use crate::{
    control::Control,
    overhead::HarnessThread,
    server::Depth,
    transport::{AskDepth, AsyncTransport, OpenError},
    wiring::Wiring,
};
use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often a server is asked: seldom enough that it has other things to do.
const EVERY: Duration = Duration::from_millis(200);
/// An answer that takes longer is no figure: the queues are others by then.
const WITHIN: Duration = Duration::from_millis(500);
/// A question that is not answered in so long after that is given up.
const GIVEN_UP: Duration = Duration::from_secs(10);

/// Asks until the server does not tell.
pub(super) async fn ask<T: AsyncTransport>(
    transport: Arc<T>,
    wiring: Arc<Wiring>,
    control: Arc<Control>,
    sample_every: Duration,
) {
    let mut next = interval(sample_every.max(EVERY));
    // A server that was late is not asked several times at once afterwards.
    next.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        next.tick().await;
        if !hear(transport.depth(&wiring), &control).await {
            return;
        }
    }
}

/// Notes an answer. Says whether the server is to be asked again, which is when this returns.
///
/// A late question goes on until it is answered. With it would go its connection, and the next question would have to connect and log in
/// anew, several times a second, at a server that is late already.
async fn hear(
    answer: impl Future<Output = Result<Option<Vec<Depth>>, OpenError>>,
    control: &Control,
) -> bool {
    let mut answer = pin!(answer);
    match timeout(WITHIN, answer.as_mut()).await {
        Ok(Ok(Some(depths))) => control.note_depth(Some(&depths)),
        Ok(Ok(None)) => return false,
        Ok(Err(_)) => control.note_depth(None),
        Err(_) => {
            control.note_depth(None);
            return !matches!(timeout(GIVEN_UP, answer).await, Ok(Ok(None)));
        }
    }
    true
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    type Answer = Result<Option<Vec<Depth>>, OpenError>;

    /// Whether the server is asked again, and after how long, if it gives this answer after `takes`, and whether the question came to its end.
    fn heard(control: &Control, takes: Duration, answer: Answer) -> (bool, Duration, bool) {
        let mut ended = false;
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let (again, after) = clock.unwrap().block_on(async {
            let begun = Instant::now();
            let question = async {
                let _over: Result<(), _> = timeout(takes, std::future::pending()).await;
                ended = true;
                answer
            };
            (hear(question, control).await, begun.elapsed())
        });
        (again, after, ended)
    }

    /// Whether two times are the same: the clock of the runtime counts milliseconds.
    fn is_about(one: Duration, other: Duration) -> bool {
        one.abs_diff(other) <= Duration::from_millis(5)
    }

    /// Regression: a late question was dropped together with its client, and the next one connected anew.
    #[test]
    fn a_late_question_goes_on_and_no_other_is_asked_meanwhile() {
        let control = Control::default();
        let depth = Depth { ready: 7, ..Depth::default() };
        let told = || Ok(Some(vec![depth]));
        assert!(heard(&control, Duration::from_millis(3), told()).0);
        assert_eq!(control.depth().map(|depth| depth.ready), Some(7));
        let late = Duration::from_millis(2_700);
        let (again, after, ended) = heard(&control, late, told());
        assert!(again && ended && is_about(after, late), "{after:?}");
        assert_eq!(control.depth(), None, "a late answer is no figure");
        let (again, after, ended) = heard(&control, Duration::from_hours(1), told());
        assert!(again && !ended && is_about(after, WITHIN + GIVEN_UP), "{after:?}");
    }

    #[test]
    fn a_server_that_does_not_tell_is_not_asked_again() {
        let control = Control::default();
        for takes in [3, 2_700] {
            let (again, ..) = heard(&control, Duration::from_millis(takes), Ok(None));
            assert!(!again, "{takes} ms");
            let (again, ..) =
                heard(&control, Duration::from_millis(takes), Err(OpenError::Failed("no".into())));
            assert!(again, "{takes} ms");
            assert_eq!(control.depth(), None);
        }
    }
}
