//! One connection to nats-server: connecting, noticing that it is lost, and waiting for room to publish. The transports
//! publish and subscribe over it.

use super::{
    encode::headers_len,
    login::{Login, Rejected, Scheme, decoded},
};
use async_nats::{Client, ConnectOptions, Event, ServerAddr, message::OutboundMessage};
use drumpost_core::{
    message::MESSAGE_LEN, options::Values, payload::Pool, port::PortError, server::ServerFacts,
    transport::OpenError, wiring::Wiring,
};
use futures_util::{SinkExt, StreamExt, task::AtomicWaker};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{task::unconstrained, time::timeout};

/// How long the server may take to answer anything during set-up.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// A server that says nothing is asked this often; the third silence ends the connection.
const PING_EVERY: Duration = Duration::from_secs(3);
/// How long the server may take at the end of a run to answer a message of our own that goes there and back. A healthy
/// one takes under a millisecond. It has to be less than the four seconds that the engine gives a lane to finish after the
/// drain deadline; the pings above need nine seconds, and so find out only about a silence in the middle of a load.
const SILENCE: Duration = Duration::from_secs(3);
/// A lost connection stays lost: the client's next attempt lies beyond any run.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// Messages the client holds for a subscription before it drops them; its own default.
const SUBSCRIPTION_CAPACITY: usize = 64 * 1024;

/// The address of the server and the login.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Without user and password.
    address: ServerAddr,
    shown: String,
    login: Login,
    /// Facts that the server reported with the first connection.
    facts: Arc<OnceLock<ServerFacts>>,
}

impl Server {
    /// Reads `nats.url` and who connects.
    pub(super) fn from_options(options: &Values) -> Result<Self, String> {
        let url = options.url("nats.url");
        check_parts(url)?;
        let asked: ServerAddr = url.parse().map_err(|error| format!("option nats.url: {error}"))?;
        let scheme: Scheme = asked.scheme().parse()?;
        let host = asked.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let shown = format!("{}://{host}:{}", scheme.name(), asked.port());
        let login = Login::new(options, asked.username().map(decoded), asked.password().map(decoded))?;
        // Made anew from what is shown, so that nothing that is handed on knows a secret.
        let address = shown.parse().map_err(|error| format!("option nats.url: {error}"))?;
        Ok(Self { address, shown, login, facts: Arc::default() })
    }

    /// The address, without secrets.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Facts about the server, known after the first connection.
    pub(super) fn facts(&self) -> Option<ServerFacts> {
        self.facts.get().cloned()
    }

    async fn note_facts(&self, client: &Client) {
        if self.facts.get().is_none() {
            let addresses = self.address.socket_addrs().await.map(Iterator::collect).unwrap_or_default();
            let version = Some(client.server_info().version.clone()).filter(|version| !version.is_empty());
            let _ = self.facts.set(ServerFacts { product: "nats-server".into(), version, addresses });
        }
    }

    /// The error during set-up.
    pub(super) fn failed(&self, what: &str, error: &dyn std::fmt::Display) -> OpenError {
        OpenError::Failed(format!("failed to {what} at {}: {error}", self.shown))
    }

    /// Connects for one instance.
    pub(super) async fn connect(&self, wiring: &Wiring, instance: u16) -> Result<Connection, OpenError> {
        let name = format!("drumpost {} {}", wiring.run_name, wiring.instance_name(instance));
        let queue = wiring.capacity.max(wiring.batch).max(64);
        let connection = self.attach(name, queue, wiring.capacity.max(SUBSCRIPTION_CAPACITY)).await?;
        self.takes(&connection.client, &wiring.pool)?;
        Ok(connection)
    }

    /// Connects to see to what the server keeps, apart from any load.
    pub(super) async fn connect_to_tidy(&self) -> Result<Connection, OpenError> {
        self.attach("drumpost, removing streams".into(), 64, SUBSCRIPTION_CAPACITY).await
    }

    /// A connection whose queues to the server and for each subscription hold so many messages.
    async fn attach(&self, name: String, queue: usize, subscription: usize) -> Result<Connection, OpenError> {
        let link = Arc::new(Link::new(self.shown.clone()));
        let (on_event, on_loss) = (Arc::clone(&link), Arc::clone(&link));
        let options = ConnectOptions::new()
            .name(name)
            .connection_timeout(PATIENCE)
            .ping_interval(PING_EVERY)
            .client_capacity(queue)
            .subscription_capacity(subscription)
            .ignore_discovered_servers()
            .event_callback(move |event| {
                on_event.note(&event);
                std::future::ready(())
            })
            .reconnect_delay_callback(move |_| on_loss.before_connecting());
        let options = self.login.applied(options).map_err(OpenError::Refused)?;
        let client = match timeout(PATIENCE, options.connect(self.address.clone())).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(self.unreachable(&error, &Rejected::of(&error))),
            Err(_) => {
                return Err(self.unreachable(&format!("no answer within {PATIENCE:?}"), &Rejected::Other));
            }
        };
        link.connected.store(true, Ordering::Release);
        self.note_facts(&client).await;
        Ok(Connection { client, link })
    }

    /// Refuses what the server would.
    fn takes(&self, client: &Client, pool: &Pool) -> Result<(), OpenError> {
        let headers_len = headers_len(pool);
        if headers_len > 0 && !client.server_info().headers {
            return Err(OpenError::Refused(format!(
                "nats-server at {} does not support headers",
                self.shown
            )));
        }
        let (longest, limit) = (pool.max_len() as usize + MESSAGE_LEN + headers_len, client.max_payload());
        if longest > limit {
            return Err(OpenError::Refused(format!(
                "nats-server at {} takes at most {limit} bytes in a message, and this run's are up to {longest}; raise \
                 max_payload in its configuration, or send shorter payloads and headers",
                self.shown
            )));
        }
        Ok(())
    }

    fn unreachable(&self, error: &dyn std::fmt::Display, why: &Rejected) -> OpenError {
        let what = match why {
            Rejected::Other => "failed to reach nats-server",
            Rejected::Who | Rejected::Tls => "nats-server refused the login",
        };
        OpenError::Failed(format!("{what} at {}: {error}; {}", self.shown, why.advice()))
    }
}

/// A connected client and the state of its link.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) link: Arc<Link>,
}

/// Refuses what the client would leave out of a URL without a word. It may hold a secret, so it is not repeated.
fn check_parts(url: &str) -> Result<(), String> {
    let Some(mark) = url.chars().find(|c| "?#".contains(*c)) else { return Ok(()) };
    Err(format!(
        "option nats.url: a URL of NATS ends before the `{mark}`; say who connects with USER:PASSWORD@ or TOKEN@ before the \
         host or with options such as nats.token, and write a `?` or `#` in a password as %3F or %23"
    ))
}

impl Connection {
    /// A handle to publish with.
    pub(super) fn outlet(&self) -> Outlet {
        Outlet { client: self.client.clone(), link: Arc::clone(&self.link) }
    }

    /// Waits until the server has read all that was asked of it on this connection so far. The client's own flush only
    /// says that it was written.
    pub(super) async fn round_trip(&self, server: &Server) -> Result<(), OpenError> {
        let answer = timeout(PATIENCE, there_and_back(&self.client)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")));
        answer.map_err(|error| server.failed("subscribe", &error))
    }
}

/// A message of our own, to the server and back.
pub(super) async fn there_and_back(client: &Client) -> Result<(), String> {
    let inbox = client.new_inbox();
    let mut inbound = client.subscribe(inbox.clone()).await.map_err(|error| error.to_string())?;
    client.publish(inbox, bytes::Bytes::new()).await.map_err(|error| error.to_string())?;
    inbound.next().await.map(|_| ()).ok_or_else(|| "the connection closed".to_owned())
}

/// What the ports of one instance know about their connection. All are polled by the instance's one task, so there is
/// one waker.
#[derive(Debug)]
pub(super) struct Link {
    shown: String,
    connected: AtomicBool,
    failure: OnceLock<String>,
    /// The client dropped messages because their subscription was full.
    dropping: AtomicBool,
    waker: AtomicWaker,
}

impl Link {
    fn new(shown: String) -> Self {
        Self {
            shown,
            connected: AtomicBool::new(false),
            failure: OnceLock::new(),
            dropping: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// The address of the server, without secrets.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The client calls this, synchronously, before each attempt to connect: from the second on the link was lost.
    fn before_connecting(&self) -> Duration {
        if !self.connected.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        self.fail(format!(
            "the connection to nats-server at {} was lost: the server stopped, closed it, or answered no ping for {:?}",
            self.shown,
            PING_EVERY * 3
        ));
        NEVER
    }

    fn note(&self, event: &Event) {
        match event {
            Event::SlowConsumer(_) => {
                self.dropping.store(true, Ordering::Release);
                self.waker.wake();
            }
            Event::ServerError(error) => self.fail(format!("nats-server at {} said: {error}", self.shown)),
            _ => {}
        }
    }

    fn fail(&self, what: String) {
        let _ = self.failure.set(what);
        self.waker.wake();
    }

    /// The failure, if there was one.
    #[inline]
    pub(super) fn check(&self) -> Result<(), PortError> {
        match self.failure.get() {
            None => Ok(()),
            Some(what) => Err(PortError::Failed(what.clone())),
        }
    }

    /// Has the task woken when the link fails or drops messages; `Ready` if it has failed.
    pub(super) fn listen<T>(&self, context: &Context<'_>) -> Poll<Result<T, PortError>> {
        self.waker.register(context.waker());
        self.check().map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending)
    }

    /// Whether the client dropped messages since last asked.
    #[inline]
    pub(super) fn take_dropping(&self) -> bool {
        self.dropping.load(Ordering::Relaxed) && self.dropping.swap(false, Ordering::Acquire)
    }

    /// Has it asked about again.
    pub(super) fn keep_dropping(&self) {
        self.dropping.store(true, Ordering::Relaxed);
    }

    /// The error for a client that closed by itself.
    pub(super) fn closed(&self) -> PortError {
        let lost =
            || PortError::Failed(format!("the connection to nats-server at {} was closed", self.shown));
        self.check().err().unwrap_or_else(lost)
    }
}

/// Publishes over a connection without waiting: first ask for room, then put.
#[derive(Debug)]
pub(super) struct Outlet {
    client: Client,
    pub(super) link: Arc<Link>,
}

impl Outlet {
    /// Whether the client's queue takes one more. The room is kept for the next `put`.
    #[inline]
    pub(super) fn has_room(&mut self) -> Result<bool, PortError> {
        // Not limited by the task's budget: a lane yields by itself, and a queue with room is not full.
        let room = pin!(unconstrained(poll_fn(|context| self.client.poll_ready_unpin(context))));
        match room.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Ok(true),
            Poll::Ready(Err(_)) => Err(self.link.closed()),
            Poll::Pending => Ok(false),
        }
    }

    /// Waits for the same.
    #[inline]
    pub(super) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        match self.client.poll_ready_unpin(context) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(_)) => Poll::Ready(Err(self.link.closed())),
            Poll::Pending => self.link.listen(context),
        }
    }

    /// Puts `message` into the room that was asked for.
    #[inline]
    pub(super) fn put(&mut self, message: OutboundMessage) -> Result<(), PortError> {
        self.client.start_send_unpin(message).map_err(|error| {
            PortError::Failed(format!("failed to publish to nats-server at {}: {error}", self.link.shown))
        })
    }

    /// Called when a run is over: waits, at most `at_most`, until what was put is written to the connection, and makes sure
    /// that the server is still there. Without this a line that went silent could not be told from lost messages. What is
    /// wrong is the link's failure afterwards.
    pub(super) async fn settle(&self, at_most: Duration) {
        if self.link.check().is_err() {
            return;
        }
        let shown = &self.link.shown;
        match timeout(at_most, self.client.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                self.link.fail(format!(
                    "nats-server at {shown} did not accept all published messages within {at_most:?}"
                ));
                return;
            }
        }
        match timeout(SILENCE, there_and_back(&self.client)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.link.fail(format!("nats-server at {shown} did not answer at the end of the run: {error}")),
            Err(_) => self.link.fail(format!(
                "nats-server at {shown} was silent: it did not answer for {SILENCE:?} after the run, although the \
                 connection is open, so missing messages are not known to be lost"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::login::OPTIONS, *};
    use drumpost_core::options::{OptionEntry, Options};

    fn server(url: &str) -> Result<Server, String> {
        static DECLARED: [OptionEntry; OPTIONS.len()] = OPTIONS;
        let mut options = Options::default();
        options.set("nats.url", url);
        Server::from_options(&options.of(&DECLARED).map_err(|error| error.to_string())?)
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(server("nats://me:secret@broker:4333").unwrap().shown, "nats://broker:4333");
        assert_eq!(server("[::1]").unwrap().shown, "nats://[::1]:4222");
        let all = format!("{:?}", server("nats://me:secret@broker:4333"));
        assert!(!all.contains("secret"), "{all}");
    }

    #[test]
    fn a_query_is_refused_without_what_it_says() {
        for url in ["nats://broker?password=s3cret", "broker:4222/?x=s3cret", "tls://me:s3cret#x@broker"] {
            let error = server(url).unwrap_err();
            assert!(error.starts_with("option nats.url: a URL of NATS ends before the `"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        assert!(server("nats://me:s%3Fcret@broker").is_ok());
    }

    #[test]
    fn other_protocols_are_refused_by_name() {
        assert_eq!(server("tls://me:secret@broker").unwrap().shown, "tls://broker:4222");
        let error = server("ws://broker").unwrap_err();
        assert_eq!(error, "option nats.url, set by --set: `ws://` is not supported; use nats:// or tls://");
        assert!(server("http://broker").unwrap_err().starts_with("option nats.url, "));
    }
}
