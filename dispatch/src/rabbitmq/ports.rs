//! Publishing with confirms, and receiving.
//!
//! Each sending port and each queue that is received from has a channel of its own, because confirms and deliveries are numbered
//! by channel. So one acknowledgement stands for all messages of a queue up to a number. The lane settles the oldest first, so
//! no message before that number is still being handled.

use super::*;
use lapin::{BasicProperties, Channel, Confirmation, Consumer, message, types::*};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

/// Delivery modes of AMQP.
const TRANSIENT: u8 = 1;
const PERSISTENT: u8 = 2;

/// How messages get from a publisher into queues.
#[derive(Debug)]
pub(super) enum Route {
    /// Over the default exchange. So does an event without subscribers, to a queue that does not exist: the server confirms that, too.
    Queue,
    Fanout,
    Topic,
    /// To the address that a request came with.
    Direct(Arc<Addresses>),
}

/// By instance: where its requests want their replies. One for the inbox and the ports of an instance that replies.
#[derive(Debug, Default)]
pub(super) struct Addresses(Mutex<HashMap<u16, ShortString>>);

impl Addresses {
    fn note(&self, asker: u16, address: &ShortString) {
        let mut known = lock(&self.0);
        if known.get(&asker) != Some(address) {
            known.insert(asker, address.clone());
        }
    }

    fn of(&self, asker: u16) -> Option<ShortString> {
        lock(&self.0).get(&asker).cloned()
    }
}

/// Publishes to one destination: to an exchange, or to a queue over the default exchange.
pub(super) struct Exchange {
    pub(super) channel: Arc<Channel>,
    pub(super) line: Line,
    pub(super) route: Route,
    /// Asks for a direct reply.
    pub(super) reply_to: Option<ShortString>,
    pub(super) is_persistent: bool,
    pub(super) options: BasicPublishOptions,
    pub(super) confirms: Futures<BoxFuture<'static, Result<(), String>>>,
}

impl Publish for Exchange {
    type Place = ShortString;
    const CONFIRMS: bool = true;

    fn put(&mut self, to: &ShortString, payload: Bytes, message: &Message, pool: &Pool) -> PortResult {
        let (channel, options) = (Arc::clone(&self.channel), self.options);
        let (exchange, key) = match &self.route {
            Route::Queue => (plain(), to.clone()),
            Route::Fanout => (to.clone(), plain()),
            Route::Topic => (to.clone(), format!("{}.{}", message.kind.0, message.key).into()),
            Route::Direct(addresses) => {
                let Some(address) = addresses.of(message.reply_to()) else {
                    let unknown = "the connection is gone over which the request came";
                    self.confirms.push(async { Err(unknown.into()) }.boxed());
                    return Ok(());
                };
                (plain(), address)
            }
        };
        let mode = if self.is_persistent { PERSISTENT } else { TRANSIENT };
        let mut properties = BasicProperties::default().with_delivery_mode(mode);
        if let Some(address) = &self.reply_to {
            properties = properties.with_reply_to(address.clone());
        }
        let headers = wire::headers(message, pool);
        if headers.len() > 0 {
            let text = |(name, value): (&str, &str)| (name.into(), AMQPValue::LongString(value.into()));
            properties = properties.with_headers(headers.map(text).collect::<BTreeMap<_, _>>().into());
        }
        self.confirms.push_over(&self.line, Error::is_amqp_soft_error, async move {
            let publish = channel.basic_publish(exchange, key, options, &payload, properties);
            Ok(match publish.await?.await? {
                Confirmation::Ack(None) | Confirmation::NotRequested => Ok(()),
                other => Err(other.take_message().map_or("basic.nack".into(), |back| back.reply_text.into())),
            })
        });
        Ok(())
    }

    fn poll_confirmed(&mut self, context: &mut Context<'_>, confirms: &mut Confirms<'_>) -> PortResult {
        self.confirms.poll(context, confirms);
        Ok(())
    }

    fn last(&self) -> RoundTrip {
        flows(&self.channel)
    }
}

/// A question to the server, after everything else that the connection carries. It changes nothing: messages flow already.
fn flows(channel: &Arc<Channel>) -> RoundTrip {
    let (channel, options) = (Arc::clone(channel), ChannelFlowOptions { active: true });
    round_trip(async move { channel.channel_flow(options).await })
}

/// A queue, as the number of a source, and the number of a delivery on its channel.
type Tag = (usize, u64);

/// A queue that is received from.
pub(super) struct Source {
    pub(super) consumer: Consumer,
    pub(super) channel: Arc<Channel>,
    /// It has dead letters.
    pub(super) is_dead: bool,
    /// The server waits for no acknowledgement, and takes none.
    pub(super) no_ack: bool,
}

impl Source {
    /// Acknowledges a message, or everything up to it. The client has queued the frame when it is polled once. If the channel is gone, its
    /// consumer says why.
    fn acknowledge(&self, tag: u64, multiple: bool) {
        let _queued = self.channel.basic_ack(tag, BasicAckOptions { multiple }).now_or_never();
    }
}

/// Receives from the queues of one instance.
pub(super) struct Queues {
    pub(super) pool: Arc<Pool>,
    pub(super) line: Line,
    pub(super) sources: Vec<Source>,
    /// Messages are acknowledged before the lane gets them.
    pub(super) before: bool,
    pub(super) addresses: Arc<Addresses>,
}

impl Queues {
    /// The next message of a source. Where messages are acknowledged before they are handled, one that was handed out before is passed over:
    /// a consumer may have handled it, and its acknowledgement was lost with the connection.
    fn poll_taken(
        &mut self,
        source: usize,
        context: &mut Context<'_>,
    ) -> Poll<PortResult<message::Delivery>> {
        let (line, from) = (&self.line, &mut self.sources[source]);
        let passes_over = self.before && !from.no_ack;
        loop {
            let delivery = ready!(from.consumer.poll_next_unpin(context));
            let queue = || from.consumer.queue();
            let ended = || line.broken(true, &format_args!("the server ended the consumer of {}", queue()));
            // An error on one channel is the server's refusal of what was asked there. With any other the connection is gone.
            let broken = |error: Error| line.broken(!error.is_amqp_soft_error(), &error);
            let delivery = delivery.ok_or_else(ended)?.map_err(broken)?;
            if !passes_over || attempt(&delivery) == 1 {
                return Poll::Ready(Ok(delivery));
            }
            // Not those before it: they are acknowledged later, and the server ends a channel that acknowledges a message twice.
            from.acknowledge(delivery.delivery_tag, false);
        }
    }
}

impl Deliveries for Queues {
    type Token = Tag;
    const ACKNOWLEDGES: bool = true;
    const TELLS_ATTEMPTS: bool = true;
    const REJECTS: bool = true;
    const SETTLES_AT_ONCE: bool = true;

    fn poll_next(&mut self, source: usize, context: &mut Context<'_>) -> Poll<PortResult<Delivery<Tag>>> {
        let delivery = ready!(self.poll_taken(source, context))?;
        let queue = || self.sources[source].consumer.queue().to_string();
        let headers = delivery.properties.headers().iter().flat_map(FieldTable::inner);
        let texts = headers.filter_map(|(key, text)| Some((key.as_str(), text.as_long_string()?.as_bytes())));
        let message = decode(&delivery.data, texts, &self.pool, queue)?;
        if let Some(address) = delivery.properties.reply_to() {
            self.addresses.note(message.reply_to(), address);
        }
        let alive = Told { attempt: attempt(&delivery), shard: 0 };
        let told = if self.sources[source].is_dead { Told::DEAD } else { alive };
        Poll::Ready(Ok(Delivery { message, told, token: (source, delivery.delivery_tag) }))
    }

    fn poll_settle(&mut self, due: &mut Due<'_, Tag>, how: Settled, _: &mut Context<'_>) -> Poll<PortResult> {
        let nack = BasicNackOptions { multiple: true, requeue: true };
        // Of each source the youngest.
        let youngest = due.collect::<BTreeMap<_, _>>();
        for (source, tag) in youngest {
            let source = &self.sources[source];
            match how {
                _ if source.no_ack => {}
                Settled::Acknowledged => source.acknowledge(tag, true),
                // As an acknowledgement.
                Settled::Rejected => drop(source.channel.basic_nack(tag, nack).now_or_never()),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn last(&self) -> RoundTrip {
        flows(&self.sources[0].channel)
    }
}

/// How often the server has handed out a message. A quorum queue counts the earlier deliveries; a classic queue only marks
/// that there was one.
fn attempt(delivery: &message::Delivery) -> u16 {
    let headers = delivery.properties.headers().as_ref();
    let count = headers.and_then(|headers| headers.inner().get("x-delivery-count")?.as_long_long_int());
    u16::try_from(count.unwrap_or(0).max(delivery.redelivered.into())).unwrap_or(u16::MAX).saturating_add(1)
}
