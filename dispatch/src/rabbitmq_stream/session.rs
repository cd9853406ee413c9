//! A connection that speaks the stream protocol: greeting, login, requests with their answers, and two loops that read and write. The
//! crate `rabbitmq-stream-protocol` encodes and decodes the frames. RabbitMQ's client library is not used: it handles every frame in a
//! task of its own, so deliveries could overtake each other and the end of the connection.

use drumpost_kit::{confirm::Caller, prelude::*};
use futures_util::future::select;
use rabbitmq_stream_protocol::{
    FromResponse, Request, Response, ResponseCode, ResponseKind,
    codec::{Decoder, Encoder},
    commands::{
        deliver::DeliverCommand, generic::GenericResponse, heart_beat::HeartBeatCommand, open::*,
        peer_properties::*, sasl_authenticate::SaslAuthenticateCommand, sasl_handshake::*,
        tune::TunesCommand,
    },
};
use std::{
    collections::HashMap,
    fmt::{self, Display},
    io,
    pin::pin,
    sync::Mutex,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, tcp::OwnedWriteHalf},
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

/// What both sides say at least once in this time, in seconds.
const HEARTBEAT_S: u32 = 5;
/// A server that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(2 * HEARTBEAT_S as u64);
/// A connection that has written nothing for so long writes a heartbeat.
const IDLE: Duration = Duration::from_secs(2);
/// How long a server that takes connections may need to load its streams. One stream was there after 0.2 s on a busy machine.
const LOADS_WITHIN: Duration = Duration::from_secs(2);
/// The longest frame. Chunks with several thousand long messages are the longest that a server sends.
const FRAME_LEN: u32 = 1 << 28;
/// Requests that are written at once.
const AT_ONCE: usize = 64;
/// The number of a request that the server answers, in a manner of speaking, after a login.
const TUNES: u32 = 0;
const NOT_STREAMS: &str = "what answers there does not speak the stream protocol";
/// The beginning of what a server says at its other port.
const AMQP: &[u8] = b"AMQP";

/// Why the server did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server answered with this code.
    Said(ResponseCode),
    /// The connection is of no more use.
    Lost(String),
}

impl Display for Failure {
    /// `StreamDoesNotExist` is `stream does not exist`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(why) => f.write_str(why),
            Self::Said(code) => {
                let spaced = format!("{code:?}").chars().fold(String::new(), |text, c| {
                    let space = if c.is_uppercase() && !text.is_empty() { " " } else { "" };
                    text + space + &c.to_lowercase().to_string()
                });
                f.write_str(&spaced)
            }
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Lost("the server closed it".into()),
            _ => Self::Lost(error.to_string()),
        }
    }
}

/// Where frames go that are no answers.
#[derive(Default)]
pub(super) struct Hearers {
    /// By the number of a publisher: where its confirms go.
    pub(super) confirms: Vec<Caller>,
    pub(super) deliveries: Option<mpsc::UnboundedSender<DeliverCommand>>,
}

/// Answers that are waited for, by the number of the request.
#[derive(Debug, Default)]
struct Asked {
    last: u32,
    answers: HashMap<u32, oneshot::Sender<Response>>,
    /// Why nothing is answered any more.
    end: Option<String>,
}

/// A connection. It ends when all clones are dropped.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) line: Line,
    /// The longest frame that the server takes.
    pub(super) frame_len: usize,
    pub(super) version: String,
    /// A server that was just started says of its streams, until it has loaded them, that they do not exist. From then on it is believed.
    pub(super) knows_all: Instant,
    asked: Arc<Mutex<Asked>>,
    requests: mpsc::UnboundedSender<Request>,
}

impl Session {
    /// Greets the server at the other end of a stream and logs in. `name` is what the server shows of the connection.
    pub(super) async fn open(
        stream: TcpStream,
        (user, password, vhost): (&str, &str, String),
        name: String,
        line: &Line,
        hearers: Hearers,
    ) -> Result<Self, Failure> {
        stream.set_nodelay(true)?;
        let (requests, asks) = mpsc::unbounded_channel();
        let (line, asked, version) = (line.clone(), Arc::<Mutex<Asked>>::default(), String::new());
        tokio::spawn(carry(stream, asks, Arc::clone(&asked), hearers, line.clone()));
        let knows_all = Instant::now() + LOADS_WITHIN;
        let mut session = Self { line, frame_len: 0, version, knows_all, asked, requests };
        let texts = [("product", "drumpost"), ("connection_name", &name)];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let server: PeerPropertiesResponse =
            session.ask(|number| PeerPropertiesCommand::new(number, texts.into())).await?;
        session.version = server.server_properties.get("version").cloned().unwrap_or_default();
        session.ask::<SaslHandshakeResponse, _>(SaslHandshakeCommand::new).await?;
        let (login, tunes) = (format!("\0{user}\0{password}").into_bytes(), session.expect(TUNES));
        session.order(|number| SaslAuthenticateCommand::new(number, "PLAIN".into(), login)).await?;
        let frame_len = session.answer::<TunesCommand>(tunes).await?.max_frame_size;
        // No limit is 0.
        session.frame_len = frame_len.wrapping_sub(1) as usize + 1;
        session.tell(TunesCommand::new(frame_len, HEARTBEAT_S));
        let opened: OpenResponse = session.ask(|number| OpenCommand::new(number, vhost)).await?;
        is_ok(opened.code()).map(|()| session)
    }

    /// Sends a request that is not answered.
    pub(super) fn tell(&self, request: impl Into<Request>) {
        // If the connection is gone, the line says why.
        let _sent = self.requests.send(request.into());
    }

    fn expect(&self, number: u32) -> oneshot::Receiver<Response> {
        let ((tell, told), mut asked) = (oneshot::channel(), lock(&self.asked));
        if asked.end.is_none() {
            asked.answers.insert(number, tell);
        }
        told
    }

    async fn answer<T: FromResponse>(&self, told: oneshot::Receiver<Response>) -> Result<T, Failure> {
        match told.await {
            Ok(answer) => answer.get().ok_or_else(|| Failure::Lost(NOT_STREAMS.into())),
            Err(_) => Err(Failure::Lost(lock(&self.asked).end.clone().unwrap_or_default())),
        }
    }

    /// Sends a request, whose number is given to `make`, and waits for the answer.
    pub(super) async fn ask<T: FromResponse, R: Into<Request>>(
        &self,
        make: impl FnOnce(u32) -> R,
    ) -> Result<T, Failure> {
        let number = {
            let mut asked = lock(&self.asked);
            asked.last = asked.last.wrapping_add(1);
            asked.last
        };
        let told = self.expect(number);
        self.tell(make(number));
        self.answer(told).await
    }

    /// As [`Session::ask`], for a request whose answer is a code alone.
    pub(super) async fn order<R: Into<Request>>(&self, make: impl FnOnce(u32) -> R) -> Result<(), Failure> {
        is_ok(self.ask::<GenericResponse, R>(make).await?.code())
    }
}

fn is_ok(code: &ResponseCode) -> Result<(), Failure> {
    if *code == ResponseCode::Ok { Ok(()) } else { Err(Failure::Said(code.clone())) }
}

/// Reads and writes until the connection ends.
async fn carry(
    stream: TcpStream,
    asks: mpsc::UnboundedReceiver<Request>,
    asked: Arc<Mutex<Asked>>,
    hearers: Hearers,
    line: Line,
) {
    let (from, to) = stream.into_split();
    let reads = pin!(read(BufReader::with_capacity(1 << 16, from), &asked, &hearers));
    let writes = pin!(write(to, asks));
    let ended = select(reads, writes).await.factor_first().0;
    let mut asked = lock(&asked);
    if let Err(why) = ended {
        line.lose(&why.to_string());
        asked.end = Some(why.to_string());
    }
    // Whoever waits for an answer is woken.
    asked.answers.clear();
}

/// Reads so many bytes and appends them. The limit is that of each silence, not of all of them: a slow line may take longer for a long frame.
async fn exactly(
    from: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
    count: usize,
    silence: Duration,
) -> Result<(), Failure> {
    let all = bytes.len() + count;
    let mut from = from.take(count as u64);
    while bytes.len() < all {
        let silent = |_| Failure::Lost(format!("the server said nothing for {silence:?}"));
        if timeout(silence, from.read_buf(bytes)).await.map_err(silent)?? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    Ok(())
}

/// Reads a frame with its length.
pub(super) async fn frame(
    from: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
    silence: Duration,
) -> Result<(), Failure> {
    bytes.clear();
    exactly(from, bytes, 4, silence).await?;
    let len = bytes.first_chunk().map_or(0, |len| u32::from_be_bytes(*len));
    if *bytes == AMQP {
        return Err(Failure::Lost(
            "a server that speaks AMQP answers there, and streams have a port of their own, 5552 by default"
                .into(),
        ));
    }
    if len > FRAME_LEN {
        return Err(Failure::Lost(NOT_STREAMS.into()));
    }
    exactly(from, bytes, len as usize, silence).await
}

/// Reads until the connection ends.
async fn read(
    mut from: impl AsyncRead + Unpin,
    asked: &Mutex<Asked>,
    hearers: &Hearers,
) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    loop {
        frame(&mut from, &mut bytes, SILENCE).await?;
        let strange = |error| Failure::Lost(format!("the server sent what cannot be read: {error:?}"));
        let (rest, response) = Response::decode(&bytes).map_err(strange)?;
        if let ResponseKind::Close(_) = response.kind_ref() {
            // A text, whose length takes two bytes.
            let reason = String::from_utf8_lossy(rest.get(2..).unwrap_or_default());
            return Err(Failure::Lost(format!("the server closed it: {reason}")));
        }
        let is_tunes = matches!(response.kind_ref(), ResponseKind::Tunes(_));
        match response.correlation_id().or_else(|| is_tunes.then_some(TUNES)) {
            Some(number) => {
                if let Some(answer) = lock(asked).answers.remove(&number) {
                    let _nobody_waits = answer.send(response);
                }
            }
            None => hearers.hear(response.kind())?,
        }
    }
}

impl Hearers {
    fn hear(&self, frame: ResponseKind) -> Result<(), Failure> {
        match frame {
            ResponseKind::PublishConfirm(stored) => {
                if let Some(caller) = self.confirms.get(usize::from(stored.publisher_id)) {
                    stored.publishing_ids.iter().for_each(|id| caller.came(*id, Ok(())));
                }
            }
            ResponseKind::PublishError(refused) => {
                if let Some(caller) = self.confirms.get(usize::from(refused.publisher_id)) {
                    for one in refused.publishing_errors {
                        caller.came(one.publishing_id, Err(Failure::Said(one.error_code).to_string()));
                    }
                }
            }
            ResponseKind::Deliver(chunk) => {
                // The instance is gone if nobody takes it.
                let _taken = self.deliveries.as_ref().map(|deliveries| deliveries.send(chunk));
            }
            ResponseKind::MetadataUpdate(_) => {
                return Err(Failure::Lost(
                    "the server removed a stream, or moved it to another server".into(),
                ));
            }
            ResponseKind::Credit(_) => {
                return Err(Failure::Lost("the server knows nothing of a subscription".into()));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Writes what is asked for, until nobody asks any more.
async fn write(mut to: OwnedWriteHalf, mut asks: mpsc::UnboundedReceiver<Request>) -> Result<(), Failure> {
    let (mut some, mut bytes) = (Vec::with_capacity(AT_ONCE), Vec::new());
    loop {
        match timeout(IDLE, asks.recv_many(&mut some, AT_ONCE)).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(_) => some.push(HeartBeatCommand::default().into()),
        }
        bytes.clear();
        for request in some.drain(..) {
            request.encode(&mut bytes).map_err(|error| Failure::Lost(format!("{error:?}")))?;
        }
        to.write_all(&bytes).await?;
    }
}
