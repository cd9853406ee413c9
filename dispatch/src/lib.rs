//! The transports of drumpost, one file each, and the list of them.
//!
//! Each transport carries the intents for which it has native support. It refuses the others when it is opened.

pub mod crossbeam;
#[cfg(feature = "iceoryx2")]
pub mod iceoryx2;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod listeners;
#[cfg(feature = "mqtt")]
pub mod mqtt;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
#[cfg(feature = "rabbitmq-stream")]
pub mod rabbitmq_stream;
#[cfg(feature = "redis")]
pub mod redis;
pub mod rtrb;
pub mod scripts;
mod shared;
pub mod sim;
#[cfg(feature = "sqs")]
pub mod sqs;
pub mod tokio_broadcast;
pub mod tokio_mpsc;
#[cfg(feature = "unix")]
pub mod unix;
#[cfg(feature = "zeromq")]
pub mod zeromq;

use drumpost_core::registry::{Absent, TransportEntry};

/// A transport of this crate, whether or not a build has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Name.
    pub name: &'static str,
    /// The cargo feature that a build needs to have it. `None`: every build has it.
    pub feature: Option<&'static str>,
}

impl Known {
    const fn always(name: &'static str) -> Self {
        Self { name, feature: None }
    }

    const fn with(feature: &'static str, name: &'static str) -> Self {
        Self { name, feature: Some(feature) }
    }
}

/// All transports of this crate, in the order they are listed. `scripts/tidy` reads this table, too.
pub const KNOWN: &[Known] = &[
    Known::always("rtrb"),
    Known::always("crossbeam"),
    Known::always("tokio-mpsc"),
    Known::always("tokio-broadcast"),
    Known::always("listeners"),
    Known::always("sim"),
    Known::with("nats", "nats"),
    Known::with("nats", "jetstream"),
    Known::with("nats", "nats-wire"),
    Known::with("redis", "redis-stream"),
    Known::with("redis", "redis"),
    Known::with("redis", "redis-pubsub"),
    Known::with("rabbitmq", "rabbitmq"),
    Known::with("rabbitmq-stream", "rabbitmq-stream"),
    Known::with("kafka", "kafka"),
    Known::with("mqtt", "mqtt"),
    Known::with("sqs", "sqs"),
    Known::with("unix", "unix"),
    Known::with("zeromq", "zeromq"),
    Known::with("iceoryx2", "iceoryx2"),
];

/// The transports that this build lacks, and the features with which a build has them.
#[must_use]
pub fn absent() -> Vec<Absent> {
    let built = transports();
    let is_built = |known: &Known| built.iter().any(|entry| entry.name == known.name);
    let lacking = KNOWN.iter().filter(|known| !is_built(known));
    lacking.filter_map(|known| Some(Absent { name: known.name, feature: known.feature? })).collect()
}

/// All transports, in the order they are listed.
#[must_use]
pub fn transports() -> Vec<TransportEntry> {
    let all = vec![
        rtrb::entry(),
        crossbeam::entry(),
        tokio_mpsc::entry(),
        tokio_broadcast::entry(),
        listeners::entry(),
        sim::entry(),
    ];
    #[cfg(feature = "nats")]
    let all = [all, nats::entries()].concat();
    #[cfg(feature = "redis")]
    let all = [all, redis::entries()].concat();
    #[cfg(feature = "rabbitmq")]
    let all = [all, vec![rabbitmq::entry()]].concat();
    #[cfg(feature = "rabbitmq-stream")]
    let all = [all, vec![rabbitmq_stream::entry()]].concat();
    #[cfg(feature = "kafka")]
    let all = [all, vec![kafka::entry()]].concat();
    #[cfg(feature = "mqtt")]
    let all = [all, vec![mqtt::entry()]].concat();
    #[cfg(feature = "sqs")]
    let all = [all, vec![sqs::entry()]].concat();
    #[cfg(feature = "unix")]
    let all = [all, vec![unix::entry()]].concat();
    #[cfg(feature = "zeromq")]
    let all = [all, vec![zeromq::entry()]].concat();
    #[cfg(feature = "iceoryx2")]
    let all = [all, vec![iceoryx2::entry()]].concat();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A transport that says so and has none would promise exactly once and keep less.
    #[test]
    fn transactions_are_those_of_kafka() {
        use drumpost_core::promise::Acks;
        let all = transports();
        let has = |entry: &&TransportEntry| entry.promise.acknowledges.contains(&Acks::Transaction);
        assert!(all.iter().filter(has).all(|entry| entry.name == "kafka"), "{all:?}");
    }

    /// With their usual options. What a queue in memory holds goes with its receiver.
    #[test]
    fn those_store_messages_whose_server_or_simulation_keeps_them() {
        let storing = [
            "sim",
            "jetstream",
            "redis-stream",
            "redis",
            "rabbitmq",
            "rabbitmq-stream",
            "kafka",
            "mqtt",
            "sqs",
        ];
        for entry in transports() {
            assert_eq!(entry.promise.stores, storing.contains(&entry.name), "{}", entry.name);
        }
    }

    #[test]
    fn every_transport_is_known_and_what_every_build_has_is_built() {
        let built: Vec<&str> = transports().iter().map(|entry| entry.name).collect();
        let absent: Vec<&str> = absent().iter().map(|absent| absent.name).collect();
        let (lacking, present): (Vec<_>, Vec<_>) =
            KNOWN.iter().partition(|known: &&Known| absent.contains(&known.name));
        assert_eq!(present.iter().map(|known: &&Known| known.name).collect::<Vec<_>>(), built);
        assert!(lacking.iter().all(|known: &&Known| known.feature.is_some()));
    }
}
