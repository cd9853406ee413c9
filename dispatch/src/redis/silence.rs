//! Notices that a server says nothing any more over a connection that is open: its host is gone, or packets are dropped on the way. TCP
//! alone notices that after minutes, and never where nothing is sent.

use drumpost_kit::prelude::*;
use futures_util::future::select;
use redis::{aio::MultiplexedConnection, cmd};
use std::{
    future::poll_fn,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How often a connection is looked at.
const LOOK: Duration = Duration::from_millis(2_500);
/// Without a byte from the server at so many looks, one after the other, the line is silent. A healthy server answers within a
/// millisecond, and a read that waits for messages is answered once a second.
const QUIET_LOOKS: u32 = 4;

/// What a quiet connection asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quiet {
    /// A question that the server answers at once: nothing may be under way.
    Ask,
    /// The end of the connection.
    Silent,
}

/// Counts the looks at which a connection had heard nothing.
#[derive(Debug)]
pub(super) struct Ear {
    looks: Interval,
    quiet: u32,
}

impl Ear {
    pub(super) fn new() -> Self {
        let mut looks = interval_at(Instant::now() + LOOK, LOOK);
        // A process that stood still makes up for no looks: the server has to have time for an answer.
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { looks, quiet: 0 }
    }

    /// Waits until the connection is quiet. `heard` says whether something came since it was last asked. Everything that has come by now
    /// has to be read before this is called.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, mut heard: impl FnMut() -> bool) -> Poll<Quiet> {
        loop {
            ready!(self.looks.poll_tick(context));
            self.quiet = if heard() { 0 } else { self.quiet + 1 };
            match self.quiet {
                0 => {}
                QUIET_LOOKS.. => return Poll::Ready(Quiet::Silent),
                _ => return Poll::Ready(Quiet::Ask),
            }
        }
    }
}

/// Why a connection ends that heard nothing.
pub(super) fn silent() -> String {
    format!("the server said nothing for {:?}", LOOK * QUIET_LOOKS)
}

/// Runs the client's `driver` of a connection, which reads and writes, until it ends or the line is silent. `heard` is set by each read.
/// All that is under way fails then, and the line says why.
pub(super) async fn carry(
    driver: impl Future<Output = ()>,
    redis: MultiplexedConnection,
    heard: Arc<AtomicBool>,
    line: Line,
) {
    let mut ear = Ear::new();
    let watch = async move {
        let mut under_way = None;
        while poll_fn(|context| ear.poll(context, || heard.swap(false, Relaxed))).await == Quiet::Ask {
            let mut redis = redis.clone();
            let mut question = async move { cmd("PING").exec_async(&mut redis).await }.boxed();
            // This hands the question over. Its answer is heard as any other. The client does not send what nobody waits for.
            let _asked = (&mut question).now_or_never();
            drop(under_way.replace(question));
        }
        line.lose(&silent());
    };
    // The first is polled first, so all that has come is read before a look.
    let _ended = select(pin!(driver), pin!(watch)).await;
}
