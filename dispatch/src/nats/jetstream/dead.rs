//! Dead letters (`jetstream.max-deliver`). A server stops handing a message out after so many deliveries. The message stays in its
//! stream, and the server says so once in an advisory. A stream of the run keeps these advisories, as NATS recommends, so that none
//! goes with a connection. The instances of a service compete for them: one takes the advisory, gets the message from its stream by the
//! number in the advisory, hands it over as a dead letter, and acknowledges the advisory after that.

use super::{JetStream, NET, durable::Durable, stream_name};
use async_nats::{
    Client, Message as Envelope,
    jetstream::{
        self,
        consumer::{AckPolicy, pull},
        stream::{Config, RawMessageErrorKind, RetentionPolicy},
    },
};
use drumpost_kit::prelude::*;
use std::fmt::Display;

/// What the server says of a message when it has given up on it: here and the names of the stream and of the consumer.
const ADVISORY: &str = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES";

/// The stream of all advisories of a run.
pub(super) fn stream(wiring: &Wiring) -> String {
    format!("{}-dead", token(&wiring.run_name))
}

/// The consumer of the advisories about a consumer's messages in a stream.
pub(super) fn consumer(stream: &str, name: &str) -> String {
    format!("{stream}-{name}")
}

/// The subject of these advisories.
pub(super) fn subject(stream: &str, name: &str) -> String {
    format!("{ADVISORY}.{stream}.{name}")
}

impl JetStream {
    /// Makes the stream and its consumers, one for each consumer of the run.
    pub(super) async fn lay_out_letters(
        &self,
        wiring: &Wiring,
        context: &jetstream::Context,
    ) -> Result<(), OpenError> {
        let at = &self.server.at;
        let streams = wiring.destinations.iter().map(|destination| stream_name(wiring, destination));
        let subjects = streams.map(|stream| subject(&stream, "*")).collect();
        let (name, retention) = (stream(wiring), RetentionPolicy::WorkQueue);
        let config = Config { name, subjects, retention, ..self.stream() };
        self.streams.note(&*config.name);
        let dead = at.step("create a stream", context.create_stream(config)).await?;
        for Durable { stream, name, .. } in
            wiring.destinations.iter().flat_map(|sent| self.durables(wiring, sent))
        {
            let config = pull::Config {
                durable_name: Some(consumer(&stream, &name)),
                filter_subject: subject(&stream, &name),
                ack_policy: AckPolicy::Explicit,
                // Advisories that a killed consumer of dead letters had received come again after the same time as messages do.
                ack_wait: self.settings.ack_wait,
                inactive_threshold: NET,
                ..pull::Config::default()
            };
            at.step("create a consumer", dead.create_consumer(config)).await?;
        }
        Ok(())
    }
}

/// Messages that are being got because an advisory told of them, in the order of the advisories.
pub(super) type Letters = Answers<BoxFuture<'static, Result<Option<Envelope>, String>>>;

/// Gets the message that `advisory` tells of, from `stream`. It has the advisory's address for the acknowledgement. `None`: the message is gone,
/// and the advisory is acknowledged. A consumer that was slower than the ack wait may acknowledge a message after the server gave it up,
/// which deletes it from a work queue. The audit has it as handled.
pub(super) async fn letter(
    client: Client,
    stream: String,
    advisory: Envelope,
) -> Result<Option<Envelope>, String> {
    let number = number(&advisory.payload).ok_or("an advisory names no message")?;
    let failed = |error: &dyn Display| format!("dead letter {number}: {error}");
    let context = jetstream::new(client.clone());
    let stream = context.get_stream_no_info(&stream).await.map_err(|error| failed(&error))?;
    let stored = match stream.get_raw_message(number).await {
        Ok(stored) => stored,
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
            if let Some(reply) = advisory.reply {
                let acknowledged = client.publish(reply, Bytes::from_static(b"+ACK")).await;
                acknowledged.map_err(|error| failed(&error))?;
            }
            return Ok(None);
        }
        Err(error) => return Err(failed(&error)),
    };
    let headers = Some(stored.headers).filter(|headers| !headers.is_empty());
    Ok(Some(Envelope { payload: stored.payload, headers, ..advisory }))
}

/// The number of a message in its stream, as an advisory has it.
pub(super) fn number(advisory: &[u8]) -> Option<u64> {
    let (_, rest) = std::str::from_utf8(advisory).ok()?.split_once("\"stream_seq\":")?;
    let rest = rest.trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
