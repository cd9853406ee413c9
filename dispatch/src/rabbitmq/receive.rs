//! Receiving from queues. Each queue has a channel of its own, because delivery tags count the deliveries of a channel: so one
//! acknowledgement stands for all messages of the queue up to a tag. The lane settles the oldest first, so no message
//! before the tag is still being handled.

use super::server::is_lost;
use drumpost_kit::{encode::decode, last, prelude::*};
use lapin::{
    Channel, Consumer,
    message::Delivery as Envelope,
    options::{BasicAckOptions, BasicNackOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};

/// A queue, as one instance consumes from it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) queue: String,
    pub(super) consumer: Consumer,
    pub(super) channel: Arc<Channel>,
    pub(super) prefetch: u16,
    /// The youngest delivery that is to be settled.
    pub(super) due: Option<u64>,
}

/// Receives from the queues of one instance.
#[derive(Debug)]
pub(super) struct Queues {
    pub(super) pool: Arc<Pool>,
    pub(super) line: Line,
    pub(super) sources: Vec<Source>,
}

impl Deliveries for Queues {
    /// A source and a delivery tag of its channel.
    type Token = (usize, u64);
    const ACKNOWLEDGES: bool = true;
    const TELLS_ATTEMPTS: bool = true;
    const REJECTS: bool = true;

    fn poll_next(
        &mut self,
        source: usize,
        context: &mut Context<'_>,
    ) -> Poll<PortResult<Delivery<Self::Token>>> {
        let Source { queue, consumer, .. } = &mut self.sources[source];
        let cancelled =
            || self.line.broken(true, &format_args!("the server ended the consumer of queue {queue}"));
        let envelope = ready!(consumer.poll_next_unpin(context)).ok_or_else(cancelled)?;
        let envelope = envelope.map_err(|error| self.line.broken(is_lost(&error), &error))?;
        let headers = envelope.properties.headers().iter().flat_map(FieldTable::inner);
        let texts =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.as_long_string()?.as_bytes())));
        let message = decode(&envelope.data, texts, &self.pool, || queue.clone())?;
        let told = Told { attempt: attempt(&envelope), shard: 0 };
        Poll::Ready(Ok(Delivery { message, told, token: (source, envelope.delivery_tag) }))
    }

    fn poll_settle(
        &mut self,
        due: &mut Due<'_, Self::Token>,
        how: Settled,
        _: &mut Context<'_>,
    ) -> Poll<PortResult> {
        due.for_each(|(source, tag)| self.sources[source].due = Some(tag));
        for Source { channel, due, .. } in &mut self.sources {
            let Some(tag) = due.take() else { continue };
            let (ack, nack) =
                (BasicAckOptions { multiple: true }, BasicNackOptions { multiple: true, requeue: true });
            // The client has queued the frame when it is first polled. It fails by then if the connection is gone.
            let queued = match how {
                Settled::Acknowledged => channel.basic_ack(tag, ack).now_or_never(),
                Settled::Rejected => channel.basic_nack(tag, nack).now_or_never(),
            };
            if let Some(Err(error)) = queued {
                return Poll::Ready(Err(self.line.broken(is_lost(&error), &error)));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn last(&self) -> Last {
        round_trip(self.sources.iter().map(|source| (Arc::clone(&source.channel), source.prefetch)).collect())
    }
}

pub(super) type Last = last::Exchange;

/// An exchange with the server on each channel, which changes nothing: the prefetch is what it was.
pub(super) fn round_trip(channels: Vec<(Arc<Channel>, u16)>) -> Last {
    let trip = async move {
        for (channel, prefetch) in channels {
            let done = channel.basic_qos(prefetch, BasicQosOptions::default()).await;
            done.map_err(|error| error.to_string())?;
        }
        Ok(())
    };
    trip.boxed()
}

/// How often the server has handed out a message. A quorum queue counts the earlier deliveries; a classic queue only marks
/// that there was one.
fn attempt(envelope: &Envelope) -> u16 {
    let headers = envelope.properties.headers().as_ref();
    let before = headers
        .and_then(|headers| headers.inner().get("x-delivery-count"))
        .and_then(AMQPValue::as_long_long_int);
    let before = before.unwrap_or(0).max(envelope.redelivered.into());
    u16::try_from(before).unwrap_or(u16::MAX).saturating_add(1)
}
