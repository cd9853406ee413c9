//! The broker in this process: an MQTT 5 broker in Rust that listens on a free loopback port. Clients reach it over a real socket and the
//! real protocol. It keeps its messages in memory.

use drumpost_kit::embedded::Embedded;
use mqtt5::broker::{BrokerConfig, MqttBroker, config::StorageBackend, config::StorageConfig};
use std::net::SocketAddr;

/// The version of the broker, which it does not tell by itself.
pub(super) const VERSION: &str = "0.49.0";

/// More messages than a run has waiting for one client, and more bytes. By default the broker drops the oldest of more than 10,000.
const QUEUED: usize = 10_000_000;
const QUEUED_BYTES: usize = 64 << 30;

/// Starts a broker, and returns once it accepts connections.
pub(super) async fn start() -> Result<Embedded<SocketAddr>, String> {
    let storage = StorageConfig::new()
        .with_backend(StorageBackend::Memory)
        .with_max_queued_messages_per_client(QUEUED)
        .with_max_queued_bytes_per_client(QUEUED_BYTES);
    let config = BrokerConfig::default()
        .with_bind_address(([127, 0, 0, 1], 0))
        .with_storage(storage)
        .with_client_channel_capacity(QUEUED)
        .with_max_outbound_inflight(u16::MAX)
        .with_sys_topics_enabled(false);
    Embedded::start("mqtt-broker", async move |tell| {
        let mut broker = MqttBroker::with_config(config).await.map_err(|error| error.to_string())?;
        // The system takes connections as soon as it listens.
        let _ = tell.send(broker.local_addr().ok_or("it has no address")?);
        broker.run().await.map_err(|error| error.to_string())
    })
    .await
}
