//! Dead letters (`jetstream.max-deliver`). A server stops handing a message out after so many deliveries. The message stays in its
//! stream, and the server says so once in an advisory. A stream of the run keeps these advisories, as NATS recommends, so that none
//! goes with a connection. The instances of a service compete for them: one takes the advisory, gets the message from its stream by the
//! number in the advisory, hands it over as a dead letter, and acknowledges the advisory after that.

use super::{durable::Durable, stream_name};
use async_nats::{
    Message as Envelope,
    jetstream::{
        self,
        consumer::{AckPolicy, pull},
        stream::{Config, RetentionPolicy},
    },
};
use drumpost_kit::prelude::*;
use futures_util::stream::FuturesOrdered;

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

/// Makes the stream and its consumers, one for each of `durables`. `config` has what the streams of a run have in common.
pub(super) async fn lay_out(
    wiring: &Wiring,
    context: &jetstream::Context,
    at: &At,
    config: Config,
    consumers: &pull::Config,
    durables: Vec<Vec<Durable>>,
) -> Result<(), OpenError> {
    let streams = wiring.destinations.iter().map(|destination| stream_name(wiring, destination));
    let subjects = streams.map(|stream| subject(&stream, "*")).collect();
    let config = Config { name: stream(wiring), subjects, retention: RetentionPolicy::WorkQueue, ..config };
    let dead = at.step("create a stream", context.create_stream(config)).await?;
    for Durable { stream, name, .. } in durables.into_iter().flatten() {
        let config = pull::Config {
            durable_name: Some(consumer(&stream, &name)),
            filter_subject: subject(&stream, &name),
            ack_policy: AckPolicy::Explicit,
            ..consumers.clone()
        };
        at.step("create a consumer", dead.create_consumer(config)).await?;
    }
    Ok(())
}

/// Messages that are being got because an advisory told of them.
#[derive(Default)]
pub(super) struct Letters(FuturesOrdered<BoxFuture<'static, Result<Envelope, String>>>);

impl Letters {
    /// Gets the message that `advisory` tells of, from `stream`.
    pub(super) fn get(&mut self, context: jetstream::Context, stream: String, advisory: Envelope) {
        self.0.push_back(Box::pin(async move {
            let number = number(&advisory.payload).ok_or("an advisory names no message")?;
            let stream = context.get_stream_no_info(&stream).await.map_err(|error| error.to_string())?;
            let stored = stream.get_raw_message(number).await;
            let stored = stored.map_err(|error| format!("dead letter {number}: {error}"))?;
            let headers = Some(stored.headers).filter(|headers| !headers.is_empty());
            Ok(Envelope { payload: stored.payload, headers, ..advisory })
        }));
    }

    /// The next of them, in the order of the advisories. It has the advisory's address for the acknowledgement.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Envelope, String>> {
        match self.0.poll_next_unpin(context) {
            Poll::Ready(Some(letter)) => Poll::Ready(letter),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl std::fmt::Debug for Letters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Letters").field(&self.0.len()).finish()
    }
}

/// The number of a message in its stream, as an advisory has it.
fn number(advisory: &[u8]) -> Option<u64> {
    let (_, rest) = std::str::from_utf8(advisory).ok()?.split_once("\"stream_seq\":")?;
    let rest = rest.trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_read_from_the_advisory() {
        let advisory = br#"{"type":"io.nats.jetstream.advisory.v1.max_deliver","stream":"s","consumer":"c","stream_seq":417,"deliveries":3}"#;
        assert_eq!(number(advisory), Some(417));
        assert_eq!(number(br#"{"stream_seq": 7}"#), Some(7));
        assert_eq!(number(br#"{"consumer_seq":7}"#), None);
        assert_eq!(subject("run-0-work", "*"), "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.run-0-work.*");
    }
}
