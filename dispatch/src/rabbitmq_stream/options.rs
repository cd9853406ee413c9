//! The options, and what they make of the promise.

use super::RabbitMqStream;
use drumpost_kit::{prelude::*, url::decoded};
use drumpost_units::{parse_count, parse_duration};
use rabbitmq_stream_protocol::commands::subscribe::OffsetSpecification as Offset;
use std::time::SystemTime;

pub(super) const ABSENT: &str = "start a server with its plug-in rabbitmq_stream: \"$(scripts/rabbitmq-server)\" 5672 FOLDER \
                                 stream.listeners.tcp.1=127.0.0.1:5552, or set rabbitmq-stream.url to one that runs";
pub(super) const CREDENTIALS: &str =
    "set rabbitmq-stream.url=rabbitmq-stream://USER:PASSWORD@HOST:PORT/VHOST, or rabbitmq-stream.password";

const URL: &str = "address of the server's plug-in rabbitmq_stream: rabbitmq-stream://HOST:PORT/VHOST, without TLS; may contain \
                   USER:PASSWORD@";
const CREDIT: &str = "chunks of messages of a stream that the server sends ahead";
const EVERY: &str =
    "messages that are handled between two times that the server stores how far a stream was read";
const FROM: &str = "where an instance that comes back begins to read";
const DEDUPLICATE: &str = "publishers have names, and the server stores no message of a name twice";
const CREDITS: Grammar = Grammar::Count { min: 1, max: 1_000 };
const MESSAGES: Grammar = Grammar::Count { min: 1, max: 1_000_000 };
const ON: Grammar = Grammar::Word(&["off", "on"]);
const PLACES: Grammar = Grammar::Form {
    form: "stored|first|last|next|offset:N|ago:TIME",
    check: |text| From::read(text).map(drop),
};

pub(super) const OPTIONS: [OptionEntry; 7] = {
    let [url, user, password, ..] = drumpost_kit::login_options! {
        family: "rabbitmq-stream",
        environment: "RABBITMQ_STREAM",
        url: Grammar::Url(&["rabbitmq-stream"]), "rabbitmq-stream://127.0.0.1:5552", URL,
        ways: [],
    };
    [
        url,
        user,
        password,
        OptionEntry::new("rabbitmq-stream.credit", CREDITS, "10", CREDIT).of("chunks").unfair().brokers_own(),
        OptionEntry::new("rabbitmq-stream.store-every", MESSAGES, "100", EVERY)
            .of("messages")
            .unfair()
            .brokers_own(),
        OptionEntry::new("rabbitmq-stream.from", PLACES, "stored", FROM).unfair().brokers_own(),
        OptionEntry::new("rabbitmq-stream.deduplicate", ON, "off", DEDUPLICATE).unfair().brokers_own(),
    ]
};

/// The entry for the registry.
pub(crate) fn entry() -> TransportEntry {
    TransportEntry {
        name: "rabbitmq-stream",
        summary: "RabbitMQ streams: a log for each event, read from stored offsets, publisher confirms; at least once",
        promise: Promise {
            delivery: promise::Delivery::AtLeastOnce,
            confirms: promise::Confirms::Replicated,
            acknowledges: &[Acks::After, Acks::Confirmed],
            acks: "publisher confirms, offsets stored after handling",
            persistence: "files of a majority of replicas, which the server does not wait for the disks to keep",
            ..BROKER.promise
        },
        intents: &[(Style::Event, &[Intent::Event])],
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(RabbitMqStream::from_options(options)?))),
        ..BROKER
    }
}

/// Where an instance begins to read that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// Behind what the server has stored.
    Stored,
    First,
    /// At the last chunk.
    Last,
    Next,
    Offset(u64),
    /// At the chunks of this last stretch of time.
    Ago(Duration),
}

impl From {
    fn read(text: &str) -> Result<Self, String> {
        match (text, text.split_once(':')) {
            ("stored", _) => Ok(Self::Stored),
            ("first", _) => Ok(Self::First),
            ("last", _) => Ok(Self::Last),
            ("next", _) => Ok(Self::Next),
            (_, Some(("offset", count))) => {
                parse_count(count).map(Self::Offset).map_err(|error| error.short())
            }
            (_, Some(("ago", time))) => {
                let ago = parse_duration(time).map(|ns| Self::Ago(Duration::from_nanos(ns)));
                ago.map_err(|error| error.short())
            }
            _ => Err(format!(
                "\"{text}\" is not `stored`, `first`, `last`, `next`, an offset such as offset:1000, or a time such as ago:2s"
            )),
        }
    }

    /// The place in the protocol, where `next` comes after what is stored. An offset is never beyond that.
    pub(super) fn offset(self, next: u64) -> Offset {
        match self {
            Self::Stored => Offset::Offset(next),
            Self::First => Offset::First,
            Self::Last => Offset::Last,
            Self::Next => Offset::Next,
            Self::Offset(offset) => Offset::Offset(offset.min(next)),
            Self::Ago(ago) => Offset::Timestamp(date_ms(ago)),
        }
    }

    /// Whether messages may be passed over.
    const fn skips(self) -> bool {
        matches!(self, Self::Last | Self::Next | Self::Ago(_))
    }
}

/// The date of a time ago, in milliseconds after the year 1970.
#[expect(clippy::disallowed_methods, reason = "the protocol names a place by its date")]
fn date_ms(ago: Duration) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(ago).as_millis() as i64
}

/// What the options say. Not to be printed, as it may hold a password.
pub(super) struct Settings {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) vhost: String,
    pub(super) credit: u16,
    pub(super) store_every: u64,
    pub(super) from: From,
    pub(super) deduplicates: bool,
}

impl Settings {
    pub(super) fn read(options: &Values, url: &Url) -> Result<Self, String> {
        let login = Login::<()>::read("rabbitmq-stream", options, url, vec![])?;
        // `guest`, whom a server lets in from its own machine.
        let (user, password) = match login.who {
            Who::User { name, password } => (name, password.unwrap_or_default()),
            _ => ("guest".into(), "guest".into()),
        };
        Ok(Self {
            user,
            password,
            vhost: if url.path.is_empty() { "/".to_owned() } else { decoded(&url.path) },
            credit: options.count("rabbitmq-stream.credit") as u16,
            store_every: options.count("rabbitmq-stream.store-every"),
            from: From::read(options.text("rabbitmq-stream.from").unwrap_or("stored"))?,
            deduplicates: options.word("rabbitmq-stream.deduplicate") == "on",
        })
    }

    pub(super) fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        let delivery = if self.from.skips() { promise::Delivery::AtMostOnce } else { listed.delivery };
        Promise { delivery, ..listed }.when(asked)
    }
}
