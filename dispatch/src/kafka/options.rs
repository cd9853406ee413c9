//! The options, and what they make of the promise and of the settings of the client.

use super::*;

pub(super) const ABSENT: &str =
    "start one with \"$(scripts/kafka-server)\", or set kafka.url to one that runs";
pub(super) const CREDENTIALS: &str =
    "set kafka.url=kafka://USER:PASSWORD@HOST:PORT, or kafka.password (SASL/PLAIN)";
pub(super) const DATES: &str =
    ", or set this machine's clock if the certificate is not valid at the time that the clock says";

pub(super) const HAS_TLS: bool = cfg!(feature = "kafka-tls");
const URL: &str = match HAS_TLS {
    true => {
        "address of a server: kafka://HOST:PORT, or kafkas:// for TLS (the record then lacks the server's version); may contain USER:PASSWORD@"
    }
    false => "address of a server: kafka://HOST:PORT, without TLS; may contain USER:PASSWORD@",
};
const SCHEMES: &[&str] = if HAS_TLS { &["kafka", "kafkas"] } else { &["kafka"] };
const REPLICAS: &str = "replicas that have a message when it is confirmed; 0: none is asked";
const ACKS: Grammar = Grammar::Word(&["all", "1", "0"]);
const CODECS: Grammar = Grammar::Word(&["none", "gzip", "snappy", "lz4"]);
const COUNTS: Grammar = Grammar::Count { min: 1, max: 10_000 };
const EVERY: Grammar = Grammar::Time { min_ns: 1_000_000, max_ns: 60_000_000_000 };
const FROM: Grammar = Grammar::Word(&["committed", "beginning", "end"]);
/// The client counts in milliseconds and takes five minutes at most.
const FETCH_WAIT: Grammar = Grammar::Time { min_ns: 0, max_ns: 300_000_000_000 };
const LINGER: Grammar = Grammar::Time { min_ns: 0, max_ns: 60_000_000_000 };
// librdkafka waits for the end of a linger in `poll`, whose time is in milliseconds. So a lone message takes 1 ms longer with 100us than with 0s.
const LINGERS: &str =
    "how long a batch waits for more messages; rounded up to whole milliseconds, and 0s sends at once";
const ON: Grammar = Grammar::Word(&["on", "off"]);
const SIZES: Grammar = Grammar::Bytes { min: 1, max: i32::MAX as u64 };

/// Address, user and password, and the files for TLS.
const LOGIN: [OptionEntry; if HAS_TLS { 6 } else { 3 }] = first(drumpost_kit::login_options! {
    family: "kafka",
    environment: "KAFKA",
    url: Grammar::Url(SCHEMES), "kafka://127.0.0.1:9092", URL,
    ways: [],
});
const OPTIONS: [OptionEntry; LOGIN.len() + 9] = joined(
    LOGIN,
    [
        tuning("kafka.partitions", COUNTS, "1", "partitions of each topic").of("partitions"),
        tuning("kafka.acks", ACKS, "all", REPLICAS),
        tuning("kafka.idempotent", ON, "on", "repeated requests store nothing twice; with kafka.acks=all"),
        tuning("kafka.compression", CODECS, "none", "compression of batches"),
        tuning("kafka.linger", LINGER, "100us", LINGERS),
        tuning("kafka.batch-size", SIZES, "1MB", "largest batch"),
        tuning(
            "kafka.fetch-wait",
            FETCH_WAIT,
            "500ms",
            "how long the server holds a fetch request while it has no message; whole milliseconds",
        ),
        tuning("kafka.commit-every", EVERY, "100ms", "time between commits of offsets, or of transactions"),
        tuning("kafka.from", FROM, "committed", "where an instance that comes back begins to read"),
    ],
);

/// The entry for the registry.
pub(crate) fn entry() -> TransportEntry {
    TransportEntry {
        name: "kafka",
        summary: "Kafka: topics and consumer groups, delivery reports as confirms, offsets after handling or in transactions; at least once, or exactly once",
        promise: Promise {
            delivery: promise::Delivery::AtLeastOnce,
            confirms: promise::Confirms::Replicated,
            acknowledges: &[Acks::After, Acks::Confirmed, Acks::Transaction],
            acks: "delivery reports, offsets committed after handling or in transactions",
            persistence: "memory of the replicas in sync, later their disks",
            stores: true,
            ..BROKER.promise
        },
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(Kafka::from_options(options)?))),
        ..BROKER
    }
}

/// What the options say.
pub(super) struct Settings {
    acks: &'static str,
    pub(super) partitions: usize,
    pub(super) from: Option<Offset>,
    pub(super) commit_every: Duration,
    is_idempotent: bool,
    pub(super) is_encrypted: bool,
    /// For clients that ask, produce and consume.
    pub(super) asking: ClientConfig,
    pub(super) producing: ClientConfig,
    pub(super) consuming: ClientConfig,
}

impl Kafka {
    pub(super) fn from_options(options: &Values) -> Result<Self, String> {
        let url = Url::of(options, "kafka.url", &[("kafka", 9092), ("kafkas", 9093)])?;
        let at = Arc::new(At::new("Kafka", &url.shown()));
        let (settings, topics) = (Settings::read(options, &url)?, Objects::at(&at));
        let (trial, transactions) = (AtomicU64::default(), Mutex::default());
        Ok(Self { at, family: OnceLock::new(), settings, topics, trial, transactions })
    }
}

impl Settings {
    fn read(options: &Values, url: &Url) -> Result<Self, String> {
        let login = Login::<()>::read("kafka", options, url, vec![])?;
        let (acks, wants_idempotence) =
            (options.word("kafka.acks"), options.word("kafka.idempotent") == "on");
        let is_idempotent = wants_idempotence && acks == "all";
        if options.is_set("kafka.idempotent") && wants_idempotence && !is_idempotent {
            return Err(format!("option kafka.idempotent: it needs kafka.acks=all, and that is {acks}"));
        }
        let from = match options.word("kafka.from") {
            "beginning" => Some(Offset::Beginning),
            "end" => Some(Offset::End),
            _ => None,
        };
        let ms = |name| (options.time(name).as_secs_f64() * 1e3).to_string();
        let mut asking = ClientConfig::new();
        asking.set("bootstrap.servers", format!("{}:{}", url.host, url.port)).set("client.id", "drumpost");
        // Of two addresses of a host, one that refuses would count as a lost connection.
        asking.set("broker.address.family", if url.host.starts_with('[') { "v6" } else { "v4" });
        asking.set("allow.auto.create.topics", "false").set("socket.timeout.ms", "10000");
        // Half of this is also the time after which a client connects to the next server that it needs, such as its group's.
        asking.set("reconnect.backoff.ms", "20").set("reconnect.backoff.max.ms", "500");
        asking.set("topic.metadata.refresh.interval.ms", "2000");
        let is_encrypted = url.scheme == "kafkas";
        if is_encrypted {
            asking.set("security.protocol", "ssl");
            // Without an authority the client trusts those of the system.
            if let Some(authority) = &login.authority {
                asking.set("ssl.ca.pem", &authority.text);
            }
            if let Some((certificate, key)) = &login.certificate {
                asking.set("ssl.certificate.pem", &certificate.text).set("ssl.key.pem", &key.text);
            }
        }
        if let Some((name, password)) = login.user() {
            asking.set("security.protocol", if is_encrypted { "sasl_ssl" } else { "sasl_plaintext" });
            asking.set("sasl.mechanism", "PLAIN").set("sasl.username", name).set("sasl.password", password);
        }
        let (mut producing, mut consuming) = (asking.clone(), asking.clone());
        producing.set("acks", acks).set("enable.idempotence", is_idempotent.to_string());
        if !is_idempotent {
            producing.set("message.send.max.retries", "0");
        }
        producing.set("compression.type", options.word("kafka.compression"));
        producing.set("linger.ms", ms("kafka.linger"));
        producing.set("batch.size", options.bytes("kafka.batch-size").to_string());
        // Keys lie where other clients put them. The engine limits what is not confirmed, and the server what is long.
        producing.set("partitioner", "murmur2_random").set("queue.buffering.max.messages", "0");
        producing.set("queue.buffering.max.kbytes", "2147483647").set("message.max.bytes", "1000000000");
        let fetch_wait = options.time("kafka.fetch-wait");
        if !fetch_wait.subsec_nanos().is_multiple_of(1_000_000) {
            return Err("option kafka.fetch-wait: Kafka counts in whole milliseconds, such as 5ms".into());
        }
        consuming.set("fetch.wait.max.ms", fetch_wait.as_millis().to_string());
        consuming.set("enable.auto.offset.store", "false").set("auto.offset.reset", "earliest");
        consuming.set("auto.commit.interval.ms", ms("kafka.commit-every"));
        // The shortest that servers allow by default; members hear with a heartbeat that partitions are given out again.
        consuming.set("session.timeout.ms", "6000").set("heartbeat.interval.ms", "300");
        // Neither a topic that was just made nor a lane that was slow for a moment holds messages up.
        consuming.set("fetch.error.backoff.ms", "10").set("fetch.queue.backoff.ms", "10");
        Ok(Self {
            acks,
            partitions: options.count("kafka.partitions") as usize,
            from,
            commit_every: options.time("kafka.commit-every"),
            is_idempotent,
            is_encrypted,
            asking,
            producing,
            consuming,
        })
    }

    pub(super) fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        use promise::{Confirms, Delivery};
        let may_lose = self.acks == "0" && asked.guarantee == Some(Delivery::AtLeastOnce);
        if may_lose {
            return Err("does not hear with kafka.acks=0 what a server failed to store, so --guarantee at-least-once \
                        cannot be kept"
                .into());
        }
        if asked.acks(&listed) == Acks::Transaction && (!self.is_idempotent || self.from.is_some()) {
            return Err("has transactions only with kafka.acks=all, kafka.idempotent=on and kafka.from=committed, so --acks transaction \
                        cannot be kept"
                .into());
        }
        let order = if self.partitions == 1 { Order::PerProducer } else { Order::PerKey };
        let confirms = match self.acks {
            "0" => Confirms::Written,
            "1" => Confirms::Leader,
            _ => Confirms::Replicated,
        };
        // An instance that comes back passes over what was sent meanwhile.
        let passes_over = self.from == Some(Offset::End);
        let may_lose = self.acks == "0" || passes_over;
        // An instance that comes back reads again what it had not committed, so this is not at most once.
        let delivery = if may_lose { Delivery::Any } else { listed.delivery };
        Promise { order, confirms, delivery, stores: !passes_over, ..listed }.when(asked)
    }
}
