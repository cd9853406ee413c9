//! The set-up of a transport: it is opened for a wiring and returns its ports.

use crate::{
    port::{AsyncRecvPort, AsyncSendPort, RecvPort, SendPort},
    registry::Promise,
    server::ServerFacts,
    wiring::Wiring,
};
use std::future::Future;

/// Why a transport could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The transport does not support the wiring. The sentence names the intent.
    #[error("{0}")]
    Refused(String),
    /// The transport could not be reached or set up.
    #[error("{0}")]
    Failed(String),
}

/// The result of cleaning up after processes that ended before they could do it themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// The address that was cleaned, without secrets.
    pub at: String,
    /// Names of what was removed.
    pub removed: Vec<String>,
    /// Things that drumpost made and that were not removed, each with the reason, such as `NAME: process 7 on host is running`.
    pub kept: Vec<String>,
}

/// The ports of one service instance.
#[derive(Debug)]
pub struct Endpoint<S, R> {
    /// Everything the instance hears, merged by the transport, replies included even where they are also apart: which
    /// of the two is asked depends on whether the lane awaits one. `None` if it hears nothing.
    pub inbox: Option<R>,
    /// Replies apart from the rest, only for an instance of which [`Wiring::has_replies_apart`] is true.
    pub replies: Option<R>,
    /// One port for each of [`Wiring::sends_of`], in that order.
    pub sends: Vec<S>,
}

/// Endpoints as a transport opens them.
pub type Endpoints<S, R> = Vec<Endpoint<S, R>>;

/// A transport whose ports run on threads.
pub trait Transport: Send {
    /// Its sending port. It owns what it uses, as the thread it runs on may outlive the trial if it hangs.
    type Send: SendPort + 'static;
    /// Its receiving port.
    type Recv: RecvPort + 'static;

    /// Whether the instances of a service that compete for messages take them from one queue. Then the engine has one of
    /// them look for a message, and otherwise all of them, where there are so many that it does not look at each in turn.
    const SHARES_QUEUES: bool = false;

    /// Sets up what carries `wiring`: one endpoint for each of its instances, in order.
    ///
    /// # Errors
    /// `Refused` with a sentence that names the intent that cannot be honoured; `Failed` if set-up failed.
    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Self::Send, Self::Recv>, OpenError>;

    /// The server that the ports talk to. Asked once, after `open`; `None` for a transport without a server.
    fn server(&self) -> Option<ServerFacts> {
        None
    }
}

/// A transport whose ports run on tasks.
pub trait AsyncTransport: Send {
    /// Its sending port.
    type Send: AsyncSendPort + 'static;
    /// Its receiving port.
    type Recv: AsyncRecvPort + 'static;

    /// As [`Transport::open`].
    ///
    /// # Errors
    /// As [`Transport::open`].
    fn open(
        &mut self,
        wiring: &Wiring,
    ) -> impl Future<Output = Result<Endpoints<Self::Send, Self::Recv>, OpenError>> + Send;

    /// What it promises as it was made; see [`crate::dispatcher::Dispatcher::promise`].
    fn promise(&self, listed: Promise) -> Promise {
        listed
    }

    /// As [`Transport::server`].
    fn server(&self) -> Option<ServerFacts> {
        None
    }

    /// Removes what `open` left outside the process (streams, queues). Called once, also after a failure.
    ///
    /// # Errors
    /// A sentence saying what may be left behind.
    fn close(&mut self) -> impl Future<Output = Result<(), String>> + Send {
        async { Ok(()) }
    }
    /// How many deliveries of the last trial the transport marked as repeated. Asked after `close`. `None` for a transport
    /// that marks none.
    fn redelivered(&self) -> Option<u64> {
        None
    }

    /// Removes what processes left behind that ended before their `close`. `None` if nothing can stay behind.
    ///
    /// # Errors
    /// `Failed` if the server cannot be reached or does not let us look.
    fn clean(&mut self) -> impl Future<Output = Result<Option<Cleaned>, OpenError>> + Send {
        async { Ok(None) }
    }
}
