//! `rabbitmq-stream`: the stream protocol of RabbitMQ's plug-in `rabbitmq_stream`. Every event is a stream, a log that all services
//! that hear it read at their own pace. An instance has a connection for what it publishes and one for what it reads.
//!
//! - *Commands, requests and replies* are refused, and so are several instances of a service: readers of a stream do not compete, each
//!   gets all messages. A *single active consumer* would have the others wait.
//! - *Confirms* name the publishing id of each message. A stream confirms when a majority of its replicas has the message; it does not
//!   wait for disks. The messages of a lane's step are one frame.
//! - *Deduplication*: with `rabbitmq-stream.deduplicate=on` publishers have names, and the server passes over a message whose publishing id is not above the
//!   last of that name. drumpost publishes no message twice, so this shows only what deduplication costs. Ids
//!   begin anew above all earlier ones when an instance is opened again.
//! - *Acknowledgements* are offsets, which the server stores under the name of the service (`StoreOffset`) after every `rabbitmq-stream.store-every`
//!   messages that were handled. A reader that comes back begins after the stored offset: what it had handled after that comes again. The server does not say that it is again.
//! - *Replay*: `rabbitmq-stream.from` says where an instance begins that comes back. The server gives whole chunks; what comes before an
//!   offset is passed over.
//! - *Flow control*: the server sends so many chunks ahead as it has credit for. A chunk that was handed over gives credit for the next.
//! - *Order*: a stream keeps the order of its publishers, also where it is read again.
//! - *Disks*: a stream keeps all messages until the run is over.
//! - *Removal*: the protocol cannot list streams, and the server forgets none. So their names are written down (`Objects::written_down`).
//! - *Addresses*: the client stays with the address that it was given, and does not go on to the one that the server tells (`advertised_host`).

mod options;
mod ports;
mod session;
#[cfg(test)]
mod tests;

use crate::shared;
use drumpost_kit::prelude::*;
pub(super) use options::entry;
use options::{ABSENT, CREDENTIALS, Settings, offset};
use ports::{Publisher, Reader, Source, framing};
use rabbitmq_stream_protocol::{
    ResponseCode,
    commands::{
        create_stream::CreateStreamCommand,
        declare_publisher::DeclarePublisherCommand,
        delete::Delete,
        query_offset::{QueryOffsetRequest, QueryOffsetResponse},
        subscribe::{OffsetSpecification as Offset, SubscribeCommand},
    },
};
use session::{Failure, Hearers, Session};
use std::collections::{HashMap, VecDeque};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, interval},
};

/// Between two questions about something that comes soon.
const SOON: Duration = Duration::from_millis(100);
/// A publishing id has the number of the opening of its instance from this bit on.
const OPENING: u32 = 40;

const REFUSALS: shared::Refusals = shared::Refusals {
    intents: "a stream is a log that every service reads as a whole; rabbitmq carries commands, requests and replies",
    competing: |instances, service| {
        format!(
            "{instances} instances of {service}: every reader of a stream gets each message; with rabbitmq they compete"
        )
    },
};

struct RabbitMqStream {
    at: Arc<At>,
    settings: Settings,
    streams: Objects,
}

impl RabbitMqStream {
    fn from_options(options: &Values) -> Result<Self, String> {
        let url = Url::of(options, "rabbitmq-stream.url", &[("rabbitmq-stream", 5552)])?;
        let (at, settings) = (Arc::new(At::of("RabbitMQ", &url)), Settings::read(options, &url)?);
        Ok(Self { streams: Objects::written_down::<Self>(&at, &settings.vhost), at, settings })
    }

    async fn attach(&self, name: String, line: &Line, hearers: Hearers) -> Result<Session, OpenError> {
        use ResponseCode::{
            AuthenticationFailure, AuthenticationFailureLoopback, SaslError, VirtualHostAccessFailure,
        };
        let why = |failure: &Failure| {
            let refusals =
                [AuthenticationFailure, AuthenticationFailureLoopback, SaslError, VirtualHostAccessFailure];
            let is_refused = matches!(failure, Failure::Said(code) if refusals.contains(code));
            Unreachable::of(is_refused, CREDENTIALS, ABSENT)
        };
        let Settings { user, password, vhost, .. } = &self.settings;
        let open = async {
            let stream = TcpStream::connect(&*self.at.addresses().await).await?;
            Session::open(stream, (user, password, vhost.clone()), name, line, hearers).await
        };
        self.at.reach(open, ABSENT, why).await
    }

    /// Subscribes to a stream, and says from which offset on. `from`: the instance comes back to this place.
    async fn subscribe(
        &self,
        session: &Session,
        number: u8,
        heard: &Heard<'_>,
        from: Option<Begin>,
    ) -> Result<Source, Failure> {
        let (stream, reader) = (heard.place.clone(), heard.group.clone());
        let ask = |number| QueryOffsetRequest::new(number, reader.clone(), stream.clone());
        let answer: QueryOffsetResponse = session.ask(ask).await?;
        // A server that has stored nothing answers with a code.
        let next = if answer.is_ok() { answer.from_response() + 1 } else { 0 };
        let from = from.map_or(Offset::First, |from| offset(from, next));
        let begin = if let Offset::Offset(offset) = from { offset } else { 0 };
        let credit = self.settings.credit;
        let ask = |id| SubscribeCommand::new(id, number, stream.clone(), from, credit, HashMap::new());
        session.order(ask).await?;
        Ok(Source { stream, reader, begin, handled: next, stored: next, chunks: VecDeque::new() })
    }

    async fn publishers(
        &self,
        wiring: &Wiring,
        me: u16,
        line: &Line,
    ) -> Result<Vec<Outbox<Publisher>>, OpenError> {
        let (layout, name) = (Layout::new(wiring, '.'), wiring.instance_name(me));
        let sent: Vec<&Destination> = wiring.sends_of(wiring.service_of(me)).collect();
        if sent.is_empty() {
            return Ok(Vec::new());
        }
        let begin = fresh() << OPENING;
        let confirms: Vec<_> = sent.iter().map(|_| Callbacks::numbered_from(begin)).collect();
        let hearers =
            Hearers { confirms: confirms.iter().map(Callbacks::caller).collect(), deliveries: None };
        let session = self.attach(format!("drumpost {name}, publishing"), line, hearers).await?;
        let mut all = Vec::new();
        for ((number, sent), confirms) in (0..).zip(sent).zip(confirms) {
            let stream = layout.place(sent);
            let known = self.settings.deduplicates.then(|| name.clone());
            let ask = |id| DeclarePublisherCommand::new(id, number, known, stream.clone());
            self.at.step("declare a publisher", session.order(ask)).await?;
            let (session, batch) = (session.clone(), Vec::new());
            let publisher = Publisher { session, stream, number, confirms, batch, len: 0 };
            let outbox = Outbox::new(wiring, layout, sent, line.clone(), publisher);
            all.push(outbox.noting(self.streams.refusals()));
        }
        Ok(all)
    }

    async fn reader(
        &self,
        wiring: &Wiring,
        me: u16,
        line: &Line,
    ) -> Result<Option<Inbox<Reader>>, OpenError> {
        let heard: Vec<_> = Layout::new(wiring, '.').heard(me).collect();
        if heard.is_empty() {
            return Ok(None);
        }
        let (deliveries, came) = mpsc::unbounded_channel();
        let hearers = Hearers { deliveries: Some(deliveries), ..Hearers::default() };
        let name = format!("drumpost {}, reading", wiring.instance_name(me));
        let session = self.attach(name, line, hearers).await?;
        let (from, mut sources) = (self.streams.comes_back(me).then_some(self.settings.from), Vec::new());
        for (number, heard) in (0..).zip(&heard) {
            let subscribe = self.subscribe(&session, number, heard, from);
            sources.push(self.at.step("subscribe to a stream", subscribe).await?);
        }
        let (pool, store_every) = (Arc::clone(&wiring.pool), self.settings.store_every);
        let apart = vec![false; sources.len()];
        let reader = Reader { session, pool, came, sources, store_every };
        Ok(Inbox::new(wiring, line.clone(), &apart, reader))
    }
}

impl AsyncTransport for RabbitMqStream {
    type Send = Outbox<Publisher>;
    type Recv = Inbox<Reader>;

    const REOPENS: bool = true;

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        use promise::Delivery::{Any, AtMostOnce};
        // An instance that comes back may pass over messages. What it reads of the last ones may have come before.
        let delivery = match self.settings.from {
            Begin::End => AtMostOnce,
            Begin::Last | Begin::Ago(_) => Any,
            Begin::Handled | Begin::First | Begin::Number(_) => listed.delivery,
        };
        let passes_over = delivery != listed.delivery;
        Promise { delivery, stores: !passes_over, ..listed }.when(asked)
    }

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        let version = self.connect().await?.version;
        Ok(Some(self.at.facts_now(&version).await))
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        REFUSALS.check(&entry(), wiring)?;
        let session = self.connect().await?;
        self.at.takes(&wiring.pool, framing(&wiring.pool), session.frame_len, "stream.frame_max")?;
        self.streams.begin(self, &session).await;
        for stream in Layout::new(wiring, '.').places().into_keys() {
            self.streams.note(&*stream);
            let ask = |number| CreateStreamCommand::new(number, stream, HashMap::new());
            self.at.step("create a stream", session.order(ask)).await?;
        }
        Ok(())
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let line = Line::to(&self.at);
        let inbox = self.reader(wiring, me, &line).await?;
        Ok(Endpoint { inbox, sends: self.publishers(wiring, me, &line).await? })
    }

    async fn close(&self) -> Result<(), String> {
        self.streams.close(self).await
    }

    async fn clean(&self) -> Result<Option<Cleaned>, OpenError> {
        self.streams.clean(self).await.map(Some)
    }
}

impl Keeper for RabbitMqStream {
    type Session = Session;
    const OBJECTS: &'static str = "streams";

    async fn connect(&self) -> Result<Session, OpenError> {
        let name = "drumpost, set-up and removal".to_owned();
        self.attach(name, &Line::to(&self.at), Hearers::default()).await
    }

    async fn remove(&self, session: &Session, name: &str) -> bool {
        let mut often = interval(SOON);
        loop {
            often.tick().await;
            match session.order(|number| Delete::new(number, name.to_owned())).await {
                Err(Failure::Said(ResponseCode::StreamDoesNotExist))
                    if Instant::now() < session.knows_all => {}
                done => {
                    return matches!(done, Ok(()) | Err(Failure::Said(ResponseCode::StreamDoesNotExist)));
                }
            }
        }
    }
}
