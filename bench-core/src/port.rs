//! The ports that a transport implements to carry messages. Ports move slices and are called without dynamic dispatch.
//!
//! Ports neither read the clock nor count; lanes do both. No port has to keep a window, a table or a time stamp: the
//! driver keeps what was sent and is not confirmed, and what was handed over and is not acknowledged ([`crate::drive`]).
//! Does not live here: the set-up of ports (`transport`).
//!
//! The traits for threads and for tasks have the same capabilities. A port on tasks is polled and leaves its task's waker;
//! a port on threads is asked again.

use crate::message::Message;
use std::{
    os::fd::OwnedFd,
    task::{Context, Poll},
    time::Duration,
};

/// Why a port could not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The other side is gone and nothing more will come or go. No port has to notice that.
    #[error("the other side closed")]
    Closed,
    /// The transport dropped this many messages for this receiver. Counted as lost; the run goes on. A port with
    /// `ACKNOWLEDGES` never says so.
    #[error("the transport dropped {0} messages")]
    Lagged(u64),
    /// The connection is gone. The run of this dispatch ends, or the instance opens a new connection if the user asked
    /// for that.
    #[error("{0}")]
    Lost(String),
    /// The transport failed; the run of this dispatch ends.
    #[error("{0}")]
    Failed(String),
}

/// Which part of an inbox is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbox {
    /// Everything the instance hears.
    All,
    /// Only replies: the lane awaits one. Asked for only where [`crate::wiring::Wiring::has_replies_apart`] is true.
    Replies,
}

/// What a transport says of the oldest messages that it took and has not spoken of yet, in the order in which it took
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// So many are stored as the transport promises.
    Stored(u32),
    /// So many were refused.
    Refused(u32),
    /// So many were sent in a transaction that was rolled back: nobody will ever receive them. What a handler sent there, it sends
    /// again when it handles its messages again.
    RolledBack(u32),
}

/// How the transaction ended in which a lane handled the oldest messages of which the port has not told yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transacted {
    /// So many were handled, once and for all.
    Committed(u32),
    /// So many count as not handled: they are handed over again, to this instance or to another one.
    RolledBack(u32),
}

/// What a broker says of one delivery. Zero: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How often the broker has handed the message out, this time included. A broker that only marks repeated deliveries
    /// says 2 for those and 1 for others.
    pub attempt: u16,
    /// The shard (partition) that the message lay in, counted from 1.
    pub shard: u16,
}

impl Told {
    /// Said of a dead letter: a message that the broker has given up on, because it was given back too often, and that a port hands over
    /// in place of a delivery. It goes to an instance of the service that the message was meant for, from each destination apart, and
    /// once for each message. It is acknowledged like a delivery and never given back. Its lane counts it and does not handle it.
    pub const DEAD: Self = Self { attempt: u16::MAX, shard: u16::MAX };

    /// Whether that is said.
    #[inline]
    #[must_use]
    pub fn is_dead(&self) -> bool {
        *self == Self::DEAD
    }
}

/// Sends to one destination, on threads.
pub trait SendPort: Send {
    /// Whether ports of this type confirm. The driver then counts and times what is not confirmed, and limits it.
    const CONFIRMS: bool = false;
    /// Whether ports of this type have a use for [`SendPort::flush`].
    const FLUSHES: bool = false;

    /// Takes a prefix of `batch` and says how long it is; never waits. `Ok(0)`: full. What was not taken is offered
    /// again next, first and in order.
    ///
    /// # Errors
    /// `Lost` if the connection is gone, `Failed` if the transport broke. Some of what was offered may have been sent then.
    /// `Closed` if nobody will ever receive; this is optional. A port that cannot see that its receivers are gone returns
    /// `Ok`: the audit counts what was sent to them as lost.
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError>;

    /// Tells what was confirmed or refused since the last call; never waits. Messages are confirmed in the order in which
    /// they were taken; a client that hears of them in another order keeps what came early.
    ///
    /// # Errors
    /// `Lost` or `Failed` if the transport broke.
    fn confirmed(&mut self, _tell: &mut dyn FnMut(Confirmed)) -> Result<(), PortError> {
        Ok(())
    }

    /// Called at the end of a step in which something was taken: passes on what the client holds back to send together.
    ///
    /// # Errors
    /// As `offer`.
    fn flush(&mut self) -> Result<(), PortError> {
        Ok(())
    }

    /// Called once, after the last offer: may wait, at most `at_most`, until the transport has what it took, and says
    /// whether the transport failed without a port having been told.
    ///
    /// # Errors
    /// `Failed` if it did: the trial is then a failed one, as what did not arrive is not known to be lost.
    fn finish(&mut self, _at_most: Duration) -> Result<(), PortError> {
        Ok(())
    }
}

/// Receives what one service instance hears, on threads.
pub trait RecvPort: Send {
    /// Whether ports of this type acknowledge what was handled.
    const ACKNOWLEDGES: bool = false;
    /// Whether the broker says how often it has handed out a message ([`Told::attempt`]).
    const TELLS_ATTEMPTS: bool = false;
    /// Whether ports of this type can give messages back ([`RecvPort::reject`]).
    const REJECTS: bool = false;

    /// Hands over up to `max` messages that are there, in one or more slices, and returns how many it handed over in this
    /// call; never waits. `Ok(0)`: empty. `on_batch` takes a batch and what the broker says of each of its messages, or an empty slice if the
    /// broker says nothing.
    ///
    /// # Errors
    /// `Lagged` if the transport dropped some, `Lost` or `Failed` if it broke. `Closed` if no more will come; this is optional.
    /// A port that cannot see that its senders are gone returns `Ok(0)`: the run ends by its own count or its drain
    /// deadline.
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError>;

    /// Acknowledges the oldest `count` messages that were handed over and are not acknowledged. Called after they were
    /// handled and the transport took what they caused, or after it confirmed that.
    ///
    /// # Errors
    /// `Lost` or `Failed` if the transport broke.
    fn acknowledge(&mut self, _count: usize) -> Result<(), PortError> {
        Ok(())
    }

    /// Gives the oldest `count` messages that were handed over and are not settled back to the broker, which hands each of them out
    /// again: the service could not handle them.
    ///
    /// # Errors
    /// `Lost` or `Failed` if the transport broke. `Failed` too where [`RecvPort::REJECTS`] is false.
    fn reject(&mut self, _count: usize) -> Result<(), PortError> {
        Err(PortError::Failed("the transport takes no message back".into()))
    }

    /// Sleeps the transport's own way until something may have come, at most `at_most` (wait strategy `native`).
    /// May return early.
    ///
    /// # Errors
    /// As `drain`.
    fn wait(&mut self, _at_most: Duration) -> Result<(), PortError> {
        std::thread::yield_now();
        Ok(())
    }

    /// Another descriptor of the socket over which messages come, for ports whose next message, after a `drain` that found
    /// nothing, makes it readable. A thread that has nothing to do then sleeps on the sockets of all its lanes, with the wait strategies
    /// `park` and `native`, and [`RecvPort::wait`] is not called.
    fn socket(&self) -> Option<OwnedFd> {
        None
    }

    /// Called once, when the run ends well, after the last acknowledgement: may wait, at most `at_most`, until the
    /// acknowledgements are with the transport.
    ///
    /// # Errors
    /// `Lost` or `Failed` if the transport broke.
    fn finish(&mut self, _at_most: Duration) -> Result<(), PortError> {
        Ok(())
    }
}

/// Sends to one destination, on tasks. A method that is polled leaves the waker of its task where the transport rings it,
/// unless it is ready.
pub trait AsyncSendPort: Send {
    /// As [`SendPort::CONFIRMS`].
    const CONFIRMS: bool = false;
    /// As [`SendPort::FLUSHES`].
    const FLUSHES: bool = false;

    /// As [`SendPort::offer`]: takes a prefix, never waits. Taking and waiting for room are apart, so that a message is
    /// stamped when the transport takes it and the wait counts as time in which the sender was blocked.
    ///
    /// # Errors
    /// As [`SendPort::offer`].
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError>;

    /// Ready when `offer` may take at least one. May be ready early.
    ///
    /// # Errors
    /// As `offer`.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>>;

    /// As [`SendPort::confirmed`].
    ///
    /// # Errors
    /// As [`SendPort::confirmed`].
    fn poll_confirmed(
        &mut self,
        _context: &mut Context<'_>,
        _tell: &mut dyn FnMut(Confirmed),
    ) -> Result<(), PortError> {
        Ok(())
    }

    /// As [`SendPort::flush`]. What is not ready is polled again with the lane's next step.
    ///
    /// # Errors
    /// As `offer`.
    fn poll_flush(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        Poll::Ready(Ok(()))
    }

    /// As [`SendPort::finish`]; ready when the transport has what it took. The driver does not wait longer than the drain
    /// deadline and a few seconds.
    ///
    /// # Errors
    /// As [`SendPort::finish`].
    fn poll_finish(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        Poll::Ready(Ok(()))
    }
}

/// Receives what one service instance hears, on tasks.
pub trait AsyncRecvPort: Send {
    /// As [`RecvPort::ACKNOWLEDGES`].
    const ACKNOWLEDGES: bool = false;
    /// As [`RecvPort::TELLS_ATTEMPTS`].
    const TELLS_ATTEMPTS: bool = false;
    /// As [`RecvPort::REJECTS`].
    const REJECTS: bool = false;

    /// Hands over up to `max` messages that are there, in one or more slices, and says how many; pending if there are none.
    ///
    /// # Errors
    /// As [`RecvPort::drain`].
    fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        from: Inbox,
        max: usize,
        on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Poll<Result<usize, PortError>>;

    /// As [`RecvPort::acknowledge`]. Never waits: a port that has no room for acknowledgements keeps their number and
    /// passes them on when it is polled.
    ///
    /// # Errors
    /// As [`RecvPort::acknowledge`].
    fn acknowledge(&mut self, _count: usize) -> Result<(), PortError> {
        Ok(())
    }

    /// With [`crate::promise::Acks::Transaction`]: tells what became of messages that were handed over, oldest first; never waits. A port
    /// that is opened in place of one that is gone goes on with what that one has not told.
    fn transacted(&mut self, _context: &mut Context<'_>, _tell: &mut dyn FnMut(Transacted)) {}

    /// As [`RecvPort::reject`]. Never waits, as [`AsyncRecvPort::acknowledge`].
    ///
    /// # Errors
    /// As [`RecvPort::reject`].
    fn reject(&mut self, _count: usize) -> Result<(), PortError> {
        Err(PortError::Failed("the transport takes no message back".into()))
    }

    /// As [`RecvPort::finish`]; ready when the acknowledgements are with the transport.
    ///
    /// # Errors
    /// As [`RecvPort::finish`].
    fn poll_finish(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        Poll::Ready(Ok(()))
    }
}
