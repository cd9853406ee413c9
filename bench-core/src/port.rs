//! The ports that a transport implements to carry messages. Ports move slices and are called without dynamic dispatch.
//!
//! Ports neither read the clock nor count; lanes do both. Does not live here: the set-up of ports (`transport`).

use crate::message::Message;
use std::{future::Future, time::Duration};

/// Why a port could not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The other side is gone and nothing more will come or go.
    #[error("the other side closed")]
    Closed,
    /// The transport dropped this many messages for this receiver. Counted as lost; the run goes on.
    #[error("the transport dropped {0} messages")]
    Lagged(u64),
    /// The transport failed; the run of this dispatch ends.
    #[error("{0}")]
    Failed(String),
}

/// Counts of confirmed and refused messages, for a transport with publisher confirms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirms {
    /// Confirmed by the transport.
    pub confirmed: u64,
    /// Refused by the transport.
    pub refused: u64,
    /// Still without an answer at the deadline.
    pub unconfirmed: u64,
}

impl Confirms {
    /// Adds those of another port.
    pub fn merge(&mut self, other: Self) {
        let Self { confirmed, refused, unconfirmed } = other;
        self.confirmed += confirmed;
        self.refused += refused;
        self.unconfirmed += unconfirmed;
    }
}

/// Sends to one destination, on threads.
pub trait SendPort: Send {
    /// Takes a prefix of `batch` and says how long it is; never waits. `Ok(0)`: full. What was not taken is offered
    /// again next, first and in order.
    ///
    /// # Errors
    /// `Closed` if nobody will ever receive, `Failed` if the transport broke. What was offered is then not sent.
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError>;
}

/// Receives what one service instance hears, on threads.
///
/// Acknowledgement needs no call of its own: asking for more says that what was handed over before is handled
/// and that whatever it caused was accepted by the transport. A port that acknowledges does it then.
pub trait RecvPort: Send {
    /// Hands over up to `max` messages that are there, in one or more slices, and says how many; never waits.
    /// `Ok(0)`: empty.
    ///
    /// # Errors
    /// `Closed` if no more will come, `Lagged` if the transport dropped some, `Failed` if it broke.
    fn drain(&mut self, max: usize, on_batch: impl FnMut(&[Message])) -> Result<usize, PortError>;

    /// Sleeps the transport's own way until something may have come, at most `at_most` (wait strategy `native`).
    /// May return early.
    ///
    /// # Errors
    /// As `drain`.
    fn wait(&mut self, _at_most: Duration) -> Result<(), PortError> {
        std::thread::yield_now();
        Ok(())
    }
}

/// Sends to one destination, on tasks.
///
/// Taking and waiting are apart, so that a message is stamped when the transport takes it and the wait for room
/// counts as time in which the sender was blocked, as it does on threads.
pub trait AsyncSendPort: Send {
    /// As [`SendPort::offer`]: takes a prefix, never waits.
    ///
    /// # Errors
    /// As [`SendPort::offer`].
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError>;

    /// Waits until `offer` may take at least one. May return early. Cancel-safe.
    ///
    /// # Errors
    /// As `offer`.
    fn ready(&mut self) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Called once, after the last offer: waits, at most `at_most`, until the transport has what it took, and says
    /// what it confirmed. `None` for a transport that confirms nothing.
    fn settle(&mut self, _at_most: Duration) -> impl Future<Output = Option<Confirms>> + Send {
        async { None }
    }

    /// Asked once, after `settle`: whether the transport failed without a port having been told.
    ///
    /// # Errors
    /// `Failed` if it did. The trial is then a failed one, as what did not arrive is not known to be lost.
    fn check(&self) -> Result<(), PortError> {
        Ok(())
    }
}

/// Receives what one service instance hears, on tasks. Acknowledges as [`RecvPort`] does.
pub trait AsyncRecvPort: Send {
    /// Whether `crash` does what it says. A run with a kill is refused where it does not.
    const CAN_BE_KILLED: bool = false;

    /// Waits for at least one message, hands over up to `max`, and says how many. Cancel-safe: dropped before it
    /// resolves, it has taken nothing, and what wakes it must outlive it: the driver makes a new one after each wait.
    ///
    /// # Errors
    /// As [`RecvPort::drain`].
    fn drain(
        &mut self,
        max: usize,
        on_batch: impl FnMut(&[Message]) + Send,
    ) -> impl Future<Output = Result<usize, PortError>> + Send;

    /// Acknowledges what the last `drain` handed over. Called once, when the run ends well.
    ///
    /// # Errors
    /// `Failed` if the transport broke.
    fn finish(&mut self) -> impl Future<Output = Result<(), PortError>> + Send {
        async { Ok(()) }
    }

    /// Called once, shortly before `crash`: acknowledges nothing any more, so that the consumer dies with what it is handed
    /// from now on in its hands, handled and not acknowledged.
    fn stop_acknowledging(&mut self) {}

    /// Dies as a killed consumer would, without acknowledging what it was handed, stays away for `down`, and comes
    /// back: to its durable subscription, or, of a transport that keeps nothing, to a new one. What was sent in between is
    /// then lost, and counted.
    ///
    /// # Errors
    /// `Failed` if it could not come back.
    fn crash(&mut self, _down: Duration) -> impl Future<Output = Result<(), PortError>> + Send {
        async { Err(PortError::Failed("a consumer of this transport cannot be killed".into())) }
    }
}
