//! Publishing with confirms. Each port has a channel of its own, on which the server numbers and confirms its messages, several
//! at once where it likes.

use super::server::{Session, is_lost};
use drumpost_core::{message::MESSAGE_LEN, wire};
use drumpost_kit::prelude::*;
use lapin::{
    BasicProperties, Channel, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use std::future::pending;

/// Kept on disk.
const PERSISTENT: u8 = 2;

/// Whether messages of a destination go through an exchange of its own. An event without subscribers has none, as it has no
/// queues; the server confirms a message that goes nowhere.
pub(super) fn is_fanout(sent: &Destination) -> bool {
    sent.intent == Intent::Event && !sent.receivers.is_empty()
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
        let mandatory = !sent.receivers.is_empty();
        let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
        Self { channel, line, is_fanout: is_fanout(sent), options, confirms: Futures::default() }
    }
}

impl Publish for Exchange {
    type Place = ShortString;
    const CONFIRMS: bool = true;

    /// The client's queue has no limit; the engine limits what is not confirmed.
    fn poll_room(&mut self, _: &mut Context<'_>) -> Poll<PortResult> {
        Poll::Ready(self.line.link.check())
    }

    fn put(&mut self, to: &ShortString, payload: Bytes, message: &Message, pool: &Pool) -> PortResult {
        let (channel, line, options) = (Arc::clone(&self.channel), self.line.clone(), self.options);
        let (exchange, key) = if self.is_fanout { (to.clone(), "".into()) } else { ("".into(), to.clone()) };
        let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        if pool.headers().count() > 0 {
            let mut headers = FieldTable::default();
            for (name, value) in wire::headers(message, pool) {
                headers.insert(name.into(), AMQPValue::LongString(value.into()));
            }
            properties = properties.with_headers(headers);
        }
        let publish = async move {
            let published = channel.basic_publish(exchange, key, options, &payload, properties).await;
            let confirmed = match published {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            match confirmed {
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
        self.confirms.push(publish.boxed());
        Ok(())
    }

    fn poll_confirmed(&mut self, context: &mut Context<'_>, confirms: &mut Confirms<'_>) -> PortResult {
        self.confirms.poll(context, confirms);
        Ok(())
    }

    /// The server answers after everything that was published on the channel.
    fn last(&self) -> super::receive::Last {
        super::receive::round_trip(vec![(Arc::clone(&self.channel), 0)])
    }
}

/// Refuses messages that the server would. AMQP does not tell its limit, so one message of that size is published to nowhere.
pub(super) async fn takes_the_longest(
    session: &Session,
    pool: &Pool,
    refusals: &Refusals,
) -> Result<(), OpenError> {
    let (channel, at) = (session.channel().await?, &session.line.at);
    let longest = vec![0; pool.max_len() as usize + MESSAGE_LEN];
    let publish = async {
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let (nowhere, options) = ("drumpost.nowhere".into(), BasicPublishOptions::default());
        let published =
            channel.basic_publish("".into(), nowhere, options, &longest, BasicProperties::default()).await?;
        published.await
    };
    let error = match tokio::time::timeout(PATIENCE, publish).await {
        Ok(Err(error)) if error.is_amqp_soft_error() => error,
        Ok(done) => return done.map(drop).map_err(|error| at.failed("publish a message", &error)),
        Err(_) => {
            let held_up =
                refusals.sentence(at.product()).unwrap_or_else(|| format!("no answer within {PATIENCE:?}"));
            return Err(at.failed("publish a message", &held_up));
        }
    };
    Err(OpenError::Refused(format!(
        "{at} does not take this run's longest message, of {} bytes: {error}; raise max_message_size in its configuration, or \
         send shorter payloads",
        longest.len()
    )))
}
