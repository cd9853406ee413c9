//! One connection to nats-server: connecting, noticing that it is lost, and publishing without waiting. Both transports
//! publish and subscribe over it.

use super::{headers, login};
use async_nats::{Client, ConnectOptions, Event, HeaderName, ServerAddr, Subject, message::OutboundMessage};
use drumpost_kit::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// A server that says nothing is asked this often; the third silence ends the connection. A round trip at the end of a run
/// finds out sooner about a silence ([`drumpost_kit::last`]).
pub(super) const PING_EVERY: Duration = Duration::from_secs(3);
/// A lost connection stays lost: the client's next attempt lies beyond any run.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// Messages the client holds for a subscription before it drops them; its own default.
const SUBSCRIPTION_CAPACITY: usize = 64 * 1024;
/// The same for a transport that cannot do without one: more than `--unconfirmed` allows, and as many as the largest batch has an instance ask
/// of 16 consumers for. The client takes no memory for what does not come.
const ROOM_FOR_ALL: usize = 4 << 20;

/// The address of the server and the login.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Without user and password.
    address: ServerAddr,
    pub(super) at: Arc<At>,
    login: Login<login::Way>,
    /// TLS begins before the server says anything.
    tls_first: bool,
    /// A message that the client drops ends its connection.
    keeps_all: bool,
    /// Connections of the trial that instances share.
    pub(super) shared: Arc<SharedConnections<Attached>>,
}

impl Server {
    /// Reads `nats.url` and who connects.
    pub(super) fn from_options(options: &Values) -> Result<Self, String> {
        let url = Url::of(options, "nats.url", &[("nats", 4222), ("tls", 4222)])?;
        let address = url.shown().parse().map_err(|error| format!("option nats.url: {error}"))?;
        let login = login::read(options, &url)?;
        let at = Arc::new(At::new("nats-server", &url.shown()));
        let tls_first = options.word("nats.tls-first") == "on";
        Ok(Self { address, at, login, tls_first, keeps_all: false, shared: Arc::default() })
    }

    /// The same for a transport that cannot do without any message that comes.
    pub(super) fn keeping_all(self) -> Self {
        Self { keeps_all: true, ..self }
    }

    /// Reaches the server.
    pub(super) async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        let client = self.connect_to_tidy().await?.client;
        Ok(Some(self.at.facts_now(&client.server_info().version).await))
    }

    /// Connects for one instance. Refuses what the server would.
    pub(super) async fn connect(&self, wiring: &Wiring, instance: u16) -> Result<Connection, OpenError> {
        let queue = wiring.capacity.max(wiring.batch).max(64);
        let each = wiring.capacity.max(if self.keeps_all { ROOM_FOR_ALL } else { SUBSCRIPTION_CAPACITY });
        let open = |name| self.attach(name, queue, each);
        let (client, lines) = self.shared.of(wiring, instance, open).await?;
        let headers_len = headers::len(&wiring.pool);
        if headers_len > 0 && !client.server_info().headers {
            return Err(OpenError::Refused(format!("{} does not support headers", self.at)));
        }
        self.at.takes(&wiring.pool, headers_len, client.max_payload(), "max_payload")?;
        Ok(Connection { client, line: lines.join() })
    }

    /// Connects to see to what the server keeps, apart from any load.
    pub(super) async fn connect_to_tidy(&self) -> Result<Connection, OpenError> {
        let name = "drumpost, set-up and removal".into();
        let (client, lines) = self.attach(name, 64, SUBSCRIPTION_CAPACITY).await?;
        Ok(Connection { client, line: lines.join() })
    }

    /// A connection whose queues to the server and for each subscription hold so many messages.
    async fn attach(&self, name: String, queue: usize, each: usize) -> Result<Attached, OpenError> {
        let (lines, is_connected) = (Lines::to(&self.at), Arc::new(AtomicBool::new(false)));
        let [on_event, on_loss] = [0; 2].map(|_| Arc::clone(&lines));
        let (at, was_connected) = (Arc::clone(&self.at), Arc::clone(&is_connected));
        let keeps_all = self.keeps_all;
        let options = ConnectOptions::new()
            .name(name)
            // Longer than the step that waits for it, so that a silent server is told in one way.
            .connection_timeout(PATIENCE * 2)
            .ping_interval(PING_EVERY)
            .client_capacity(queue)
            .subscription_capacity(each)
            .ignore_discovered_servers()
            .event_callback(move |event| {
                match event {
                    Event::SlowConsumer(_) if keeps_all => on_event.fail(format!(
                        "the client dropped what {at} sent, because more than {each} confirms or deliveries waited for an instance that took \
                         none; give --unconfirmed or --batch a smaller number"
                    )),
                    Event::SlowConsumer(_) => on_event.drop_some(),
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
                let silence = PING_EVERY * 3;
                on_loss.lose(&format!("the server stopped, closed it, or answered no ping for {silence:?}"));
                NEVER
            });
        let options = if self.tls_first { options.tls_first() } else { options };
        let connecting = login::applied(&self.login, options)?.connect(self.address.clone());
        let client = self.at.reach(connecting, login::ABSENT, login::why).await?;
        is_connected.store(true, Ordering::Release);
        Ok((client, lines))
    }
}

/// A connected client, and whom to tell of its loss.
type Attached = (Client, Arc<Lines>);

/// A connected client and the state of its link.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) line: Line,
}

impl Connection {
    /// Waits until the server has read all that was asked of it on this connection so far. The client's own flush only
    /// says that it was written.
    pub(super) async fn round_trip(&self) -> Result<(), OpenError> {
        let answer = self.line.unless_lost(there_and_back(self.client.clone()));
        self.line.at.step("subscribe", answer).await
    }

    /// The last round trip of a port of this connection.
    pub(super) fn last(&self) -> RoundTrip {
        Box::pin(there_and_back(self.client.clone()))
    }

    /// Whether the client's queue takes one more. The room is kept for the next `put`.
    #[inline]
    pub(super) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<PortResult> {
        self.client.poll_ready_unpin(context).map_err(|_| self.line.closed())
    }

    /// Puts a message into the room that was asked for.
    #[inline]
    pub(super) fn put(&mut self, message: OutboundMessage) -> PortResult {
        let put = self.client.start_send_unpin(message);
        put.map_err(|error| PortError::Failed(format!("failed to publish to {}: {error}", self.line.at)))
    }

    /// The same with a message of our own, without headers.
    #[inline]
    pub(super) fn say(&mut self, subject: Subject, payload: Bytes, reply: Option<Subject>) -> PortResult {
        self.put(OutboundMessage { subject, payload, reply, headers: None })
    }
}

/// A message of our own, to the server and back.
async fn there_and_back(client: Client) -> Result<(), String> {
    let inbox = client.new_inbox();
    let mut inbound = client.subscribe(inbox.clone()).await.map_err(|error| error.to_string())?;
    client.publish(inbox, Bytes::new()).await.map_err(|error| error.to_string())?;
    inbound.next().await.map(|_| ()).ok_or_else(|| "the connection closed".to_owned())
}

/// Publishes to one destination, with a native reply subject.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) connection: Connection,
    names: Vec<HeaderName>,
    reply: Option<Subject>,
}

impl Outlet {
    pub(super) fn new(wiring: &Wiring, connection: &Connection, reply: Option<Subject>) -> Self {
        Self { connection: connection.clone(), names: headers::names(&wiring.pool), reply }
    }
}

impl Publish for Outlet {
    type Place = Subject;

    #[inline]
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<PortResult> {
        self.connection.poll_room(context)
    }

    #[inline]
    fn put(&mut self, to: &Subject, payload: Bytes, message: &Message, pool: &Pool) -> PortResult {
        let headers = headers::of(message, &self.names, pool);
        let (subject, reply) = (to.clone(), self.reply.clone());
        self.connection.put(OutboundMessage { subject, payload, reply, headers })
    }

    fn last(&self) -> RoundTrip {
        self.connection.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::options::Options;
    use std::{
        future::poll_fn,
        io::{BufRead, BufReader, Write},
        net::TcpListener,
        thread,
    };

    fn server(url: &str) -> Result<Server, String> {
        static DECLARED: [OptionEntry; login::OPTIONS.len()] = login::OPTIONS;
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
        let error = server("nats://broker?password=s3cret").unwrap_err();
        assert!(error.starts_with("option nats.url: the URL ends before the `?`"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
        assert!(server("nats://me:s%3Fcret@broker").is_ok());
    }

    #[test]
    fn other_protocols_are_refused_by_name() {
        assert_eq!(server("tls://me:secret@broker").unwrap().at.address(), "tls://broker:4222");
        let error = server("ws://broker").unwrap_err();
        assert_eq!(error, "option nats.url, set by --set: `ws://` is not supported; use nats:// or tls://");
        assert!(server("http://broker").unwrap_err().starts_with("option nats.url, "));
    }

    /// The port of a server that sends a subscriber so many messages at once.
    fn that_sends(count: usize) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"INFO {\"version\":\"2.14.0\",\"max_payload\":1024}\r\n").unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                let words: Vec<&str> = line.split_whitespace().collect();
                let said = match words[..] {
                    ["PING"] => "PONG\r\n".to_owned(),
                    ["SUB", subject, id] => format!("MSG {subject} {id} 0\r\n\r\n").repeat(count),
                    _ => continue,
                };
                if stream.write_all(said.as_bytes()).is_err() {
                    break;
                }
            }
        });
        port
    }

    /// Regression: confirms are told apart by their number, so each one after a dropped one was taken for an older message.
    #[test]
    fn what_a_client_drops_ends_a_line_that_has_to_keep_all() {
        const ROOM: usize = 4;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let at = format!("nats://127.0.0.1:{}", that_sends(ROOM + 1));
            let (client, lines) =
                server(&at).unwrap().keeping_all().attach("test".into(), 64, ROOM).await.unwrap();
            let line = lines.join();
            let _unread = client.subscribe("confirms").await.unwrap();
            let end = poll_fn(|context| line.link.listen::<()>(context));
            let end = tokio::time::timeout(Duration::from_secs(20), end).await.expect("it ends");
            let Err(PortError::Failed(what)) = end else { panic!("{end:?}") };
            assert!(what.contains("more than 4") && what.contains("--unconfirmed"), "{what}");
            assert!(what.contains(&at), "{what}");
        });
    }
}
