//! One connection to nats-server: connecting, noticing that it is lost, and publishing without waiting. Both transports
//! publish and subscribe over it.

use super::{
    headers,
    login::{Login, Rejected, Scheme},
};
use async_nats::{Client, ConnectOptions, Event, HeaderName, ServerAddr, Subject, message::OutboundMessage};
use drumpost_core::{
    message::{MESSAGE_LEN, Message},
    options::Values,
    payload::Pool,
    port::PortError,
    server::ServerFacts,
    transport::OpenError,
    wiring::{Destination, Wiring},
};
use drumpost_kit::{
    encode::Encoder,
    last::Last,
    layout::{Address, Layout},
    link::Link,
    server::{At, PATIENCE},
    url::decoded,
};
use futures_util::{SinkExt, StreamExt};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{task::unconstrained, time::timeout};

/// A server that says nothing is asked this often; the third silence ends the connection. An exchange at the end of a run
/// finds out sooner about a silence ([`drumpost_kit::last`]).
const PING_EVERY: Duration = Duration::from_secs(3);
/// A lost connection stays lost: the client's next attempt lies beyond any run.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// Messages the client holds for a subscription before it drops them; its own default.
const SUBSCRIPTION_CAPACITY: usize = 64 * 1024;

/// The address of the server and the login.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Without user and password.
    address: ServerAddr,
    pub(super) at: Arc<At>,
    login: Login,
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
        Ok(Self { address, at: Arc::new(At::new("nats-server", &shown)), login })
    }

    /// Reaches the server.
    pub(super) async fn probe(&self) -> Result<ServerFacts, OpenError> {
        let client = self.connect_to_tidy().await?.client;
        let addresses = self.address.socket_addrs().await.map(Iterator::collect).unwrap_or_default();
        let version = Some(client.server_info().version.clone()).filter(|version| !version.is_empty());
        Ok(ServerFacts { product: "nats-server".into(), version, addresses })
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
        self.attach("drumpost, set-up and removal".into(), 64, SUBSCRIPTION_CAPACITY).await
    }

    /// A connection whose queues to the server and for each subscription hold so many messages.
    async fn attach(&self, name: String, queue: usize, subscription: usize) -> Result<Connection, OpenError> {
        let (link, is_connected) = (Arc::<Link>::default(), Arc::new(AtomicBool::new(false)));
        let dropping = Arc::<AtomicBool>::default();
        let [at, lost_at] = [0; 2].map(|_| Arc::clone(&self.at));
        let (on_event, drops, on_loss) = (Arc::clone(&link), Arc::clone(&dropping), Arc::clone(&link));
        let was_connected = Arc::clone(&is_connected);
        let options = ConnectOptions::new()
            .name(name)
            .connection_timeout(PATIENCE)
            .ping_interval(PING_EVERY)
            .client_capacity(queue)
            .subscription_capacity(subscription)
            .ignore_discovered_servers()
            .event_callback(move |event| {
                match event {
                    Event::SlowConsumer(_) => {
                        drops.store(true, Ordering::Release);
                        on_event.wake();
                    }
                    Event::ServerError(error) => on_event.fail(format!("{at} said: {error}")),
                    _ => {}
                }
                std::future::ready(())
            })
            // The client calls this before each attempt to connect: from the second on the connection was lost.
            .reconnect_delay_callback(move |_| {
                if !was_connected.load(Ordering::Acquire) {
                    return Duration::ZERO;
                }
                on_loss.lose(format!(
                    "the connection to {lost_at} was lost: the server stopped, closed it, or answered no ping for {:?}",
                    PING_EVERY * 3
                ));
                NEVER
            });
        let options = self.login.applied(options).map_err(OpenError::Refused)?;
        let client = match timeout(PATIENCE, options.connect(self.address.clone())).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(self.unreachable(&error, &Rejected::of(&error))),
            Err(_) => {
                return Err(self.unreachable(&format!("no answer within {PATIENCE:?}"), &Rejected::Other));
            }
        };
        is_connected.store(true, Ordering::Release);
        Ok(Connection { client, link, at: Arc::clone(&self.at), dropping })
    }

    /// Refuses what the server would.
    fn takes(&self, client: &Client, pool: &Pool) -> Result<(), OpenError> {
        let headers_len = headers::len(pool);
        if headers_len > 0 && !client.server_info().headers {
            return Err(OpenError::Refused(format!("{} does not support headers", self.at)));
        }
        let (longest, limit) = (pool.max_len() as usize + MESSAGE_LEN + headers_len, client.max_payload());
        if longest > limit {
            return Err(OpenError::Refused(format!(
                "{} takes at most {limit} bytes in a message, and this run's are up to {longest}; raise max_payload in its \
                 configuration, or send shorter payloads and headers",
                self.at
            )));
        }
        Ok(())
    }

    fn unreachable(&self, error: &dyn std::fmt::Display, why: &Rejected) -> OpenError {
        let (at, advice) = (&self.at, why.advice());
        OpenError::Failed(match why {
            Rejected::Other => format!("failed to reach {at}: {error}; {advice}"),
            Rejected::Who | Rejected::Tls => {
                format!("nats-server refused the login at {}: {error}; {advice}", at.address())
            }
        })
    }
}

/// Refuses what the client would leave out of a URL without a word. It may hold a secret, so it is not repeated.
fn check_parts(url: &str) -> Result<(), String> {
    let Some(mark) = url.chars().find(|c| "?#".contains(*c)) else { return Ok(()) };
    Err(format!(
        "option nats.url: a URL of NATS ends before the `{mark}`; say who connects with USER:PASSWORD@ or TOKEN@ before the \
         host or with options such as nats.token, and write a `?` or `#` in a password as %3F or %23"
    ))
}

/// A connected client and the state of its link.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) link: Arc<Link>,
    pub(super) at: Arc<At>,
    /// The client dropped messages because their subscription was full.
    pub(super) dropping: Arc<AtomicBool>,
}

impl Connection {
    /// Waits until the server has read all that was asked of it on this connection so far. The client's own flush only
    /// says that it was written.
    pub(super) async fn round_trip(&self) -> Result<(), OpenError> {
        self.at.step("subscribe", there_and_back(self.client.clone())).await
    }

    /// The error of a client that closed by itself.
    pub(super) fn closed(&self) -> PortError {
        self.link.closed(&self.at.to_string())
    }

    /// Whether the client's queue takes one more. The room is kept for the next `put`.
    #[inline]
    pub(super) fn has_room(&mut self) -> Result<bool, PortError> {
        // Not limited by the task's budget: a lane yields by itself, and a queue with room is not full.
        let room = pin!(unconstrained(poll_fn(|context| self.client.poll_ready_unpin(context))));
        match room.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Ok(true),
            Poll::Ready(Err(_)) => Err(self.closed()),
            Poll::Pending => Ok(false),
        }
    }

    /// Waits for the same.
    #[inline]
    pub(super) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        match self.client.poll_ready_unpin(context) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(_)) => Poll::Ready(Err(self.closed())),
            Poll::Pending => self.link.listen(context),
        }
    }

    /// Puts `message` into the room that was asked for.
    #[inline]
    pub(super) fn put(&mut self, message: OutboundMessage) -> Result<(), PortError> {
        let put = self.client.start_send_unpin(message);
        put.map_err(|error| PortError::Failed(format!("failed to publish to {}: {error}", self.at)))
    }
}

/// A message of our own, to the server and back.
async fn there_and_back(client: Client) -> Result<(), String> {
    let inbox = client.new_inbox();
    let mut inbound = client.subscribe(inbox.clone()).await.map_err(|error| error.to_string())?;
    client.publish(inbox, bytes::Bytes::new()).await.map_err(|error| error.to_string())?;
    inbound.next().await.map(|_| ()).ok_or_else(|| "the connection closed".to_owned())
}

/// Publishes to one destination.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) connection: Connection,
    encoder: Encoder,
    names: Vec<HeaderName>,
    address: Address<Subject>,
    last: Last,
}

impl Outlet {
    pub(super) fn new(wiring: &Wiring, connection: &Connection, sent: &Destination) -> Self {
        Self {
            connection: connection.clone(),
            encoder: Encoder::new(Arc::clone(&wiring.pool)),
            names: headers::names(&wiring.pool),
            address: Layout::new(wiring, '.').address(sent),
            last: Last::default(),
        }
    }

    /// Publishes as many messages as there is room for, each with this native reply subject.
    pub(super) fn offer(&mut self, batch: &[Message], reply: Option<&Subject>) -> Result<usize, PortError> {
        self.connection.link.check()?;
        for (taken, message) in batch.iter().enumerate() {
            if !self.connection.has_room()? {
                return Ok(taken);
            }
            let subject = self.address.of(message)?.clone();
            let (payload, pool) = (self.encoder.bytes(message), self.encoder.pool());
            let headers = headers::of(message, &self.names, pool);
            self.connection.put(OutboundMessage { subject, payload, reply: reply.cloned(), headers })?;
        }
        Ok(batch.len())
    }

    /// Ready when the server has all that was published on this connection.
    pub(super) fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.connection.link.check()?;
        let client = &self.connection.client;
        self.last.poll(context, &self.connection.at.to_string(), || there_and_back(client.clone()))
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
        assert_eq!(server("nats://me:secret@broker:4333").unwrap().at.address(), "nats://broker:4333");
        assert_eq!(server("[::1]").unwrap().at.address(), "nats://[::1]:4222");
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
        assert_eq!(server("tls://me:secret@broker").unwrap().at.address(), "tls://broker:4222");
        let error = server("ws://broker").unwrap_err();
        assert_eq!(error, "option nats.url, set by --set: `ws://` is not supported; use nats:// or tls://");
        assert!(server("http://broker").unwrap_err().starts_with("option nats.url, "));
    }
}
