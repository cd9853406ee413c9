//! The cold side of a transport: what happens before the first message and after the last. On tasks ([`AsyncTransport`], for
//! brokers) it is asked about its server, prepared, opened for each instance, and closed. On threads ([`Transport`]) it is
//! opened once for all instances, asked about its server, and closed. A *wiring* ([`Wiring`]) is the scenario's services with
//! their instances, and the destinations with their senders and receivers.

use crate::{
    port::{AsyncRecvPort, AsyncSendPort, RecvPort, SendPort},
    promise::{Asked, Promise},
    server::{Depth, ServerFacts},
    wiring::Wiring,
};
use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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
    /// Sentences about what ended runs wrote down for servers of this kind at other addresses, which were not asked.
    pub elsewhere: Vec<String>,
}

/// The ports of one service instance.
#[derive(Debug)]
pub struct Endpoint<S, R> {
    /// Everything that the instance hears, replies included. `None` if it hears nothing.
    pub inbox: Option<R>,
    /// One port for each of [`Wiring::sends_of`], in that order.
    pub sends: Vec<S>,
}

/// Endpoints as a transport opens them.
pub type Endpoints<S, R> = Vec<Endpoint<S, R>>;

/// Where messages are between a send port and a receive port. A thread with very many lanes looks into an inbox when
/// something was sent to it, which is possible only over a transport in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queues {
    /// A message may reach its receiver some time after `offer` has taken it, so inboxes have to be looked into again and
    /// again.
    Elsewhere,
    /// A message is in the inbox of its receiver when `offer` returns.
    Each,
    /// As [`Queues::Each`], and the instances of a service that compete for messages take them from one queue.
    Shared,
}

/// Opens the ports of an instance again, on the thread of its lane.
pub type Reopen<S, R> = Arc<dyn Fn(&Wiring, u16) -> Result<Endpoint<S, R>, OpenError> + Send + Sync>;

/// Asks a server how many messages wait, as [`AsyncTransport::depth`] does.
pub type AskDepth = Box<dyn FnMut() -> Result<Option<Vec<Depth>>, OpenError> + Send>;

/// A transport whose ports run on threads.
pub trait Transport: Send {
    /// Its sending port. It owns what it uses, as the thread it runs on may outlive the trial if it hangs.
    type Send: SendPort + 'static;
    /// Its receiving port.
    type Recv: RecvPort + 'static;

    /// Where a message is when `offer` has taken it.
    const QUEUES: Queues = Queues::Elsewhere;

    /// Sets up what carries `wiring`: one endpoint for each of its instances, in order.
    ///
    /// # Errors
    /// `Refused` with a sentence that names the intent that cannot be honoured; `Failed` if set-up failed.
    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Self::Send, Self::Recv>, OpenError>;

    /// As [`AsyncTransport::promise`].
    ///
    /// # Errors
    /// It refuses, in a sentence that begins after its name.
    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        listed.when(asked)
    }

    /// What opens the ports of an instance again, after its endpoint was dropped without having been finished. Asked before
    /// `open`. `None` if that is not possible; a run with a kill, or one that is to reconnect, is then refused.
    fn reopens(&self) -> Option<Reopen<Self::Send, Self::Recv>> {
        None
    }

    /// The server that the ports talk to. Asked once, after `open`; `None` for a transport without a server.
    fn server(&self) -> Option<ServerFacts> {
        None
    }

    /// As [`AsyncTransport::depth`], for a thread of its own. Asked for after `open`; `None` if the server does not tell.
    fn asks_depth(&self, _wiring: &Wiring) -> Option<AskDepth> {
        None
    }

    /// As [`AsyncTransport::close`]. May wait; the engine gives it a limit.
    ///
    /// # Errors
    /// A sentence saying what may be left behind.
    fn close(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// As [`AsyncTransport::clean`].
    ///
    /// # Errors
    /// As [`AsyncTransport::clean`].
    fn clean(&mut self) -> Result<Option<Cleaned>, OpenError> {
        Ok(None)
    }
}

/// A transport whose ports run on tasks. The engine calls `probe`, `prepare`, `open` for each instance, and `joined`, in this
/// order, and `close` at the end, also after a failure. The first four have one limit together, and `close` has one.
pub trait AsyncTransport: Send + Sync + 'static {
    /// Its sending port.
    type Send: AsyncSendPort + 'static;
    /// Its receiving port.
    type Recv: AsyncRecvPort + 'static;

    /// Whether instances may share connections: [`Wiring::connections`] is then the transport's to heed.
    const SHARES_CONNECTIONS: bool = false;

    /// Whether `open` may be called again for an instance, after its endpoint was dropped without having been finished. A run
    /// with a kill, or one that is to reconnect, is refused where it may not.
    const REOPENS: bool = false;

    /// What it promises as it was made; see [`crate::dispatcher::Dispatcher::promise`].
    ///
    /// # Errors
    /// It refuses, in a sentence that begins after its name.
    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        listed.when(asked)
    }

    /// Reaches the server and says what it is. `None` for a transport without a server.
    ///
    /// # Errors
    /// `Failed` if the server cannot be reached or refuses the login.
    fn probe(&self) -> impl Future<Output = Result<Option<ServerFacts>, OpenError>> + Send {
        async { Ok(None) }
    }

    /// Makes what all instances share: queues, topics, groups. Called once per trial.
    ///
    /// # Errors
    /// As [`Transport::open`].
    fn prepare(&self, _wiring: &Wiring) -> impl Future<Output = Result<(), OpenError>> + Send {
        async { Ok(()) }
    }

    /// Opens the ports of one instance. Called for all instances of a wiring in order, several at the same time, and again for an instance whose
    /// endpoint was dropped ([`AsyncTransport::REOPENS`]).
    ///
    /// # Errors
    /// As [`Transport::open`].
    fn open(
        &self,
        wiring: &Wiring,
        instance: u16,
    ) -> impl Future<Output = Result<Endpoint<Self::Send, Self::Recv>, OpenError>> + Send;

    /// Waits until every instance hears what is sent to it: subscriptions are known to the server, shards are assigned.
    ///
    /// # Errors
    /// `Failed` if that does not come about.
    fn joined(&self, _wiring: &Wiring) -> impl Future<Output = Result<(), OpenError>> + Send {
        async { Ok(()) }
    }

    /// How many messages wait at the server, by destination. Asked some times a second while the lanes run, off the measured path; an
    /// answer that takes longer than half a second gives no figure, and the next question waits for it. `None`: the server does not tell, and is not asked again in this trial.
    ///
    /// # Errors
    /// The server did not answer. It is asked again.
    fn depth(&self, _wiring: &Wiring) -> impl Future<Output = Result<Option<Vec<Depth>>, OpenError>> + Send {
        async { Ok(None) }
    }

    /// Removes what `prepare` and `open` left outside the process (streams, queues). Called once per trial, also after a
    /// failure.
    ///
    /// # Errors
    /// A sentence saying what may be left behind, or what else the user should know of the trial.
    fn close(&self) -> impl Future<Output = Result<(), String>> + Send {
        async { Ok(()) }
    }

    /// Removes what processes left behind that ended before their `close`. `None` if nothing can stay behind.
    ///
    /// # Errors
    /// `Failed` if the server cannot be reached or does not let us look. `Refused` if the server itself removes what nobody uses and
    /// does not list it.
    fn clean(&self) -> impl Future<Output = Result<Option<Cleaned>, OpenError>> + Send {
        async { Ok(None) }
    }
}

/// A transport in memory whose ports run on tasks. Its ports are the two ends of the same queues, so the endpoints of all
/// instances are made together, by a function of the wiring, and handed out one by one.
#[derive(Debug)]
pub struct InMemory<S, R> {
    make: fn(&Wiring) -> Result<Endpoints<S, R>, OpenError>,
    made: Mutex<Vec<Option<Endpoint<S, R>>>>,
}

impl<S, R> InMemory<S, R> {
    /// A transport whose endpoints `make` makes, as [`Transport::open`] does on threads.
    #[must_use]
    pub const fn new(make: fn(&Wiring) -> Result<Endpoints<S, R>, OpenError>) -> Self {
        Self { make, made: Mutex::new(Vec::new()) }
    }

    fn made(&self) -> MutexGuard<'_, Vec<Option<Endpoint<S, R>>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncSendPort + 'static, R: AsyncRecvPort + 'static> AsyncTransport for InMemory<S, R> {
    type Send = S;
    type Recv = R;

    /// Endpoints of an earlier trial are dropped.
    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let endpoints = (self.make)(wiring)?;
        *self.made() = endpoints.into_iter().map(Some).collect();
        Ok(())
    }

    /// Refuses an instance whose endpoint was handed out before: a queue in memory ends with its receiver.
    async fn open(&self, _wiring: &Wiring, instance: u16) -> Result<Endpoint<S, R>, OpenError> {
        self.made().get_mut(usize::from(instance)).and_then(Option::take).ok_or_else(|| {
            OpenError::Refused("a queue in memory ends with its receiver and cannot be opened again".into())
        })
    }
}
