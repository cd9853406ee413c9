//! The options, and what they make of the promise.

use super::RabbitMqStream;
use drumpost_kit::prelude::*;
use rabbitmq_stream_protocol::commands::subscribe::OffsetSpecification as Offset;
use std::time::SystemTime;

pub(super) const ABSENT: &str = "start a server with its plug-in rabbitmq_stream: \"$(scripts/rabbitmq-server)\" 5672 FOLDER \
                                 stream.listeners.tcp.1=127.0.0.1:5552, or set rabbitmq-stream.url to one that runs";
pub(super) const CREDENTIALS: &str = "set rabbitmq-stream.url=rabbitmq-stream://USER:PASSWORD@HOST:PORT/VHOST, or rabbitmq-stream.password; VHOST has to be there, and USER needs permissions in it";

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
const PLACES: Places = Places {
    words: &[
        ("stored", Begin::Handled),
        ("first", Begin::First),
        ("last", Begin::Last),
        ("next", Begin::End),
    ],
    number: "offset",
    called: "an offset",
};
const BEGINS: Grammar = Grammar::Form {
    form: "stored|first|last|next|offset:N|ago:TIME",
    check: |text| PLACES.read(text).map(drop),
};
const LOGIN: [OptionEntry; 3] = first(drumpost_kit::login_options! {
    family: "rabbitmq-stream",
    environment: "RABBITMQ_STREAM",
    url: Grammar::Url(&["rabbitmq-stream"]), "rabbitmq-stream://127.0.0.1:5552", URL,
    ways: [],
});
pub(super) const OPTIONS: [OptionEntry; 7] = joined(
    LOGIN,
    [
        tuning("rabbitmq-stream.credit", CREDITS, "10", CREDIT).of("chunks"),
        tuning("rabbitmq-stream.store-every", MESSAGES, "100", EVERY).of("messages"),
        tuning("rabbitmq-stream.from", BEGINS, "stored", FROM),
        tuning("rabbitmq-stream.deduplicate", ON, "off", DEDUPLICATE),
    ],
);

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
            stores: true,
            ..BROKER.promise
        },
        intents: &[(Style::Event, &[Intent::Event])],
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(RabbitMqStream::from_options(options)?))),
        ..BROKER
    }
}

/// A place in the protocol, where `next` comes after what is stored. The offset of a message is never beyond that.
pub(super) fn offset(from: Begin, next: u64) -> Offset {
    match from {
        Begin::Handled => Offset::Offset(next),
        Begin::First => Offset::First,
        Begin::Last => Offset::Last,
        Begin::End => Offset::Next,
        Begin::Number(offset) => Offset::Offset(offset.min(next)),
        Begin::Ago(ago) => Offset::Timestamp(date_ms(ago)),
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
    pub(super) from: Begin,
    pub(super) deduplicates: bool,
}

impl Settings {
    pub(super) fn read(options: &Values, url: &Url) -> Result<Self, String> {
        let login = Login::<()>::read("rabbitmq-stream", options, url, vec![])?;
        // `guest`, whom a server lets in from its own machine.
        let (user, password) = login.user().unwrap_or(("guest", "guest"));
        Ok(Self {
            user: user.to_owned(),
            password: password.to_owned(),
            vhost: url.decoded_path().unwrap_or_else(|| "/".to_owned()),
            credit: options.count("rabbitmq-stream.credit") as u16,
            store_every: options.count("rabbitmq-stream.store-every"),
            from: PLACES.of(options, "rabbitmq-stream.from")?,
            deduplicates: options.word("rabbitmq-stream.deduplicate") == "on",
        })
    }
}
