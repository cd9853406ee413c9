//! Publishing with confirms, and receiving.
//!
//! Each sending port and each queue that is received from has a channel of its own, because confirms and deliveries are numbered
//! by channel. So one acknowledgement stands for all messages of a queue up to a number. The lane settles the oldest first, so
//! no message before that number is still being handled.

use drumpost_core::wire;
use drumpost_kit::{encode::decode, prelude::*};
use lapin::{BasicProperties, Channel, Confirmation, Consumer, Error, message, options::*, types::*};
use std::future::pending;

/// Kept on disk.
const PERSISTENT: u8 = 2;

/// Whether messages of a destination go through an exchange of its own. An event without subscribers has none, as it has no
/// queues; the server confirms a message that goes nowhere.
pub(super) fn is_fanout(sent: &Destination) -> bool {
    sent.intent == Intent::Event && !sent.receivers.is_empty()
}

/// Whether the connection is gone. Otherwise the server closed a channel, because it refuses what was asked of it.
fn is_lost(error: &Error) -> bool {
    !error.is_amqp_soft_error()
}

/// Publishes to one destination: to a fanout exchange, or to a queue over the default exchange.
pub(super) struct Exchange {
    channel: Arc<Channel>,
    line: Line,
    is_fanout: bool,
    options: BasicPublishOptions,
    confirms: Futures<BoxFuture<'static, Result<(), String>>>,
}

impl Exchange {
    pub(super) fn new(sent: &Destination, channel: Arc<Channel>, line: Line) -> Self {
        // A message for a queue that is gone comes back, and counts as refused.
        let options = BasicPublishOptions { mandatory: !sent.receivers.is_empty(), ..Default::default() };
        Self { channel, line, is_fanout: is_fanout(sent), options, confirms: Futures::default() }
    }
}

impl Publish for Exchange {
    type Place = ShortString;
    const CONFIRMS: bool = true;

    /// The client's queue has no limit; the engine limits what is not confirmed.
    fn poll_room(&mut self, _: &mut Context<'_>) -> Poll<PortResult> {
        Poll::Ready(Ok(()))
    }

    fn put(&mut self, to: &ShortString, payload: Bytes, message: &Message, pool: &Pool) -> PortResult {
        let (channel, line, options) = (Arc::clone(&self.channel), self.line.clone(), self.options);
        let (exchange, key) = if self.is_fanout { (to.clone(), "".into()) } else { ("".into(), to.clone()) };
        let (mut properties, all) =
            (BasicProperties::default().with_delivery_mode(PERSISTENT), wire::headers(message, pool));
        if all.len() > 0 {
            let mut headers = FieldTable::default();
            all.for_each(|(name, value)| {
                _ = headers.insert(name.into(), AMQPValue::LongString(value.into()))
            });
            properties = properties.with_headers(headers);
        }
        let confirmed = async move {
            let publish = channel.basic_publish(exchange, key, options, &payload, properties);
            match async { publish.await?.await }.await {
                Ok(Confirmation::Ack(None)) => Ok(()),
                Ok(Confirmation::Ack(Some(returned))) => Err(returned.reply_text.to_string()),
                Ok(_) => Err("basic.nack".to_owned()),
                // Not refused: every port hears that the connection or the channel is gone.
                Err(error) => {
                    line.break_off(is_lost(&error), &error);
                    pending().await
                }
            }
        };
        self.confirms.push(confirmed.boxed());
        Ok(())
    }

    fn poll_confirmed(&mut self, context: &mut Context<'_>, confirms: &mut Confirms<'_>) -> PortResult {
        self.confirms.poll(context, confirms);
        Ok(())
    }

    fn last(&self) -> Exchanged {
        round_trip(vec![Arc::clone(&self.channel)])
    }
}

type Exchanged = drumpost_kit::last::Exchange;

/// An exchange with the server on each channel, after everything else there. It changes nothing: messages flow already.
fn round_trip(channels: Vec<Arc<Channel>>) -> Exchanged {
    let trip = async move {
        for channel in channels {
            let flow = channel.channel_flow(ChannelFlowOptions { active: true });
            flow.await.map_err(|error| error.to_string())?;
        }
        Ok(())
    };
    trip.boxed()
}

/// A queue that one instance consumes from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) consumer: Consumer,
    pub(super) channel: Arc<Channel>,
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

impl Queues {
    fn broken(&self, error: &Error) -> PortError {
        self.line.broken(is_lost(error), error)
    }
}

impl Deliveries for Queues {
    /// A source, and the number of a delivery on its channel.
    type Token = (usize, u64);
    const ACKNOWLEDGES: bool = true;
    const TELLS_ATTEMPTS: bool = true;
    const REJECTS: bool = true;

    fn poll_next(
        &mut self,
        source: usize,
        context: &mut Context<'_>,
    ) -> Poll<PortResult<Delivery<Self::Token>>> {
        let delivery = ready!(self.sources[source].consumer.poll_next_unpin(context));
        let queue = || self.sources[source].consumer.queue().to_string();
        let ended =
            || self.line.broken(true, &format_args!("the server ended the consumer of queue {}", queue()));
        let delivery = delivery.ok_or_else(ended)?.map_err(|error| self.broken(&error))?;
        let headers = delivery.properties.headers().iter().flat_map(FieldTable::inner);
        let texts =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.as_long_string()?.as_bytes())));
        let message = decode(&delivery.data, texts, &self.pool, queue)?;
        let told = Told { attempt: attempt(&delivery), shard: 0 };
        Poll::Ready(Ok(Delivery { message, told, token: (source, delivery.delivery_tag) }))
    }

    fn poll_settle(
        &mut self,
        due: &mut Due<'_, Self::Token>,
        how: Settled,
        _: &mut Context<'_>,
    ) -> Poll<PortResult> {
        due.for_each(|(source, tag)| self.sources[source].due = Some(tag));
        for at in 0..self.sources.len() {
            let Source { channel, due, .. } = &mut self.sources[at];
            let Some(tag) = due.take() else { continue };
            let (multiple, requeue) = (true, true);
            // The client has queued the frame when it is polled once, unless the connection is gone.
            let queued = match how {
                Settled::Acknowledged => channel.basic_ack(tag, BasicAckOptions { multiple }).now_or_never(),
                Settled::Rejected => {
                    channel.basic_nack(tag, BasicNackOptions { multiple, requeue }).now_or_never()
                }
            };
            queued.unwrap_or(Ok(())).map_err(|error| self.broken(&error))?;
        }
        Poll::Ready(Ok(()))
    }

    fn last(&self) -> Exchanged {
        round_trip(self.sources.iter().map(|source| Arc::clone(&source.channel)).collect())
    }
}

/// How often the server has handed out a message. A quorum queue counts the earlier deliveries; a classic queue only marks
/// that there was one.
fn attempt(delivery: &message::Delivery) -> u16 {
    let headers = delivery.properties.headers().as_ref();
    let count = headers.and_then(|headers| headers.inner().get("x-delivery-count")?.as_long_long_int());
    let before = count.unwrap_or(0).max(delivery.redelivered.into());
    u16::try_from(before).unwrap_or(u16::MAX).saturating_add(1)
}
