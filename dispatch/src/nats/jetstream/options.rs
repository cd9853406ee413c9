//! The options of streams and consumers, what they make of the promise, and which of them do not fit a scenario.

use super::{super::login, JetStream};
use async_nats::jetstream::stream::{RetentionPolicy, StorageType};
use drumpost_kit::prelude::*;

const STORAGE: &str = "where the server stores messages";
const RETENTION: &str = "when the server deletes a message; by-intent: limits for events, else work-queue";
const ACK_WAIT: &str = "a message that is not acknowledged within this time is delivered again";
const MAX_DELIVER: &str = "a message that is delivered so often and not acknowledged becomes a dead letter";
const PARTITIONS: &str =
    "subjects of a stream, by the key; an instance has its share, and each key keeps its order";
const FROM: &str = "where an instance that comes back begins to read";
const COUNTS: Grammar = Grammar::Count { min: 1, max: u16::MAX as u64 };
const PARTS: Grammar = Grammar::Count { min: 1, max: 256 };
const RETENTIONS: Grammar = Grammar::Word(&["by-intent", "work-queue", "interest", "limits"]);
const PLACES: Places = Places {
    words: &[("acknowledged", Begin::Handled), ("beginning", Begin::First), ("end", Begin::End)],
    number: "sequence",
    called: "a sequence number",
};
const BEGINS: Grammar = Grammar::Form {
    form: "acknowledged|beginning|end|sequence:N|ago:TIME",
    check: |text| PLACES.read(text).map(drop),
};

/// The parts that all transports of the family share, and the settings of streams.
pub(super) const OPTIONS: [OptionEntry; login::OPTIONS.len() + 6] = joined(
    login::OPTIONS,
    [
        OptionEntry::new("jetstream.storage", Grammar::Word(&["file", "memory"]), "file", STORAGE).unfair(),
        tuning("jetstream.retention", RETENTIONS, "by-intent", RETENTION),
        tuning("jetstream.ack-wait", Grammar::SOME_TIME, "30s", ACK_WAIT).redelivers(),
        OptionEntry::optional("jetstream.max-deliver", COUNTS, MAX_DELIVER)
            .or_else("no limit")
            .of("deliveries")
            .unfair()
            .brokers_own()
            .gives_up(),
        OptionEntry::new("jetstream.partitions", PARTS, "1", PARTITIONS).of("subjects").unfair(),
        OptionEntry::new("jetstream.from", BEGINS, "acknowledged", FROM).unfair(),
    ],
);

/// The entry for the registry.
pub(in super::super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "jetstream",
        summary: "NATS JetStream: streams, durable pull consumers, publisher confirms; at least once",
        promise: Promise {
            delivery: promise::Delivery::AtLeastOnce,
            order: Order::None,
            confirms: promise::Confirms::Leader,
            acknowledges: &Acks::WITHOUT_TRANSACTIONS,
            acks: "publisher confirms, explicit acks after handling",
            persistence: "file, or memory with jetstream.storage=memory",
            stores: true,
            ..BROKER.promise
        },
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(JetStream::from_options(options)?))),
        ..BROKER
    }
}

/// What the options say.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) storage: StorageType,
    /// `None`: by the intent of a destination.
    pub(super) retention: Option<RetentionPolicy>,
    pub(super) ack_wait: Duration,
    /// How often a message is delivered at most.
    pub(super) max_deliver: Option<u64>,
    pub(super) partitions: u16,
    pub(super) from: Begin,
}

impl Settings {
    pub(super) fn read(options: &Values) -> Result<Self, String> {
        let is_file = options.word("jetstream.storage") == "file";
        Ok(Self {
            storage: if is_file { StorageType::File } else { StorageType::Memory },
            retention: match options.word("jetstream.retention") {
                "work-queue" => Some(RetentionPolicy::WorkQueue),
                "interest" => Some(RetentionPolicy::Interest),
                "limits" => Some(RetentionPolicy::Limits),
                _ => None,
            },
            ack_wait: options.time("jetstream.ack-wait"),
            max_deliver: options.count_if_set("jetstream.max-deliver"),
            partitions: options.count("jetstream.partitions") as u16,
            from: PLACES.of(options, "jetstream.from")?,
        })
    }

    pub(super) fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        let before = asked.acks(&listed) == Acks::Before;
        if before {
            let refused =
                |option| Err(format!("cannot do {option} with --acks before: leave one of them out"));
            if self.max_deliver.is_some() {
                return refused("jetstream.max-deliver, which counts deliveries that nobody acknowledges,");
            }
            if self.retention == Some(RetentionPolicy::WorkQueue) {
                return refused("jetstream.retention=work-queue, which deletes what is acknowledged,");
            }
            if self.from != Begin::Handled {
                return refused("jetstream.from, which delivers messages again,");
            }
        }
        // The server writes the state of a consumer at most ten times a second, after it has sent the messages (`flushLoop` of its file
        // store), and `max_deliver` counts in this state as well. A store in memory is gone with its server, and so are its messages.
        let is_file = self.storage == StorageType::File;
        let repeats = is_file && before;
        if repeats && asked.guarantee == Some(promise::Delivery::AtMostOnce) {
            return Err("delivers messages again after its server was killed, because the server saves only ten times a second what it has delivered, \
                        so --guarantee at-most-once cannot be kept: set jetstream.storage=memory, or use the transport nats"
                .into());
        }
        let persistence = if is_file { "file" } else { "memory" };
        let acks =
            if before { "publisher confirms, no acknowledgements (AckPolicy::None)" } else { listed.acks };
        let order = if self.partitions > 1 { Order::PerKey } else { listed.order };
        // An instance that comes back passes over what was sent meanwhile. What is not acknowledged in time is delivered again all the same.
        let skips = self.from == Begin::End;
        let delivery = if skips { promise::Delivery::Any } else { listed.delivery };
        let promised =
            Promise { persistence, acks, order, delivery, stores: !skips, ..listed }.when(asked)?;
        Ok(if repeats { Promise { delivery: promise::Delivery::Any, ..promised } } else { promised })
    }

    pub(super) fn retention(&self, destination: &Destination, acks: Acks) -> RetentionPolicy {
        // Work queues refuse consumers that take no acknowledgements.
        let keeps = destination.intent == Intent::Event || acks == Acks::Before;
        let usual = if keeps { RetentionPolicy::Limits } else { RetentionPolicy::WorkQueue };
        self.retention.unwrap_or(usual)
    }

    /// Whether the consumers of an instance that comes back begin anew, and not with what the server happens to hand out next.
    pub(super) fn begins_anew(&self) -> bool {
        self.from != Begin::Handled || self.partitions > 1
    }

    /// Refuses what does not fit the streams of a scenario.
    pub(super) fn check(&self, wiring: &Wiring) -> Result<(), OpenError> {
        for destination in &wiring.destinations {
            let (retention, name) = (self.retention(destination, wiring.acks), &destination.name);
            let receivers = destination.receivers.len();
            if retention == RetentionPolicy::WorkQueue && receivers > 1 {
                return Err(OpenError::Refused(format!(
                    "jetstream.retention=work-queue: a work queue hands each message to one service, and {receivers} services \
                     hear `{name}`; use interest or limits"
                )));
            }
            if retention != RetentionPolicy::Limits && self.from != Begin::Handled {
                return Err(OpenError::Refused(format!(
                    "jetstream.from: the stream of `{name}` deletes what is acknowledged, so nothing of that is there to be \
                     read again; set jetstream.retention=limits, or leave jetstream.from out"
                )));
            }
            if self.partitions > 1 && destination.intent != Intent::Reply {
                for service in destination.receivers.iter().map(|service| &wiring.services[*service]) {
                    let (instances, parts) = (service.instances.len(), usize::from(self.partitions));
                    if instances > parts {
                        return Err(OpenError::Refused(format!(
                            "jetstream.partitions={parts}: {} has {instances} instances, and each needs a partition of its own; \
                             set at least {instances}",
                            service.name
                        )));
                    }
                }
            }
        }
        Ok(())
    }
}
