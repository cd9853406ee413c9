//! Publishing with confirms, and receiving.

use super::connection::Attached;
use drumpost_kit::prelude::*;
use rumqttc::{
    AsyncClient, ManualAck, PubAckReason, PubCompReason, PubRecReason, PublishOptions, PublishProperties,
    PublishResult, QoS,
};

/// Publishes to one destination.
pub(super) struct Topic {
    /// The connection of the instance for sending, which its destinations share.
    pub(super) sender: Arc<Attached>,
    pub(super) line: Line,
    pub(super) qos: QoS,
    /// Where the answers go.
    pub(super) reply: Option<String>,
    /// An answer has the correlation data of its request, so both have some.
    pub(super) is_correlated: bool,
    /// Somebody is to subscribe to it, so a message that no subscription matches is refused.
    pub(super) is_heard: bool,
    pub(super) confirms: Futures<BoxFuture<'static, Result<(), String>>>,
}

impl Topic {
    /// Most messages have no properties.
    fn options(&self, message: &Message, pool: &Pool) -> PublishOptions {
        let flow = || format!("{}/{}", message.origin(), message.number);
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let user_properties: Vec<_> = wire::headers(message, pool).map(own).collect();
        let options = PublishOptions::new(self.qos);
        if !self.is_correlated && user_properties.is_empty() {
            return options;
        }
        options.properties(PublishProperties {
            response_topic: self.reply.clone(),
            correlation_data: self.is_correlated.then(|| flow().into()),
            user_properties,
            ..PublishProperties::default()
        })
    }
}

impl Publish for Topic {
    type Place = String;
    const CONFIRMS: bool = true;

    fn put(&mut self, to: &String, payload: Bytes, message: &Message, pool: &Pool) -> PortResult {
        let options = self.options(message, pool);
        let at_qos2 = self.qos == QoS::ExactlyOnce;
        let unmatched = at_qos2.then(|| (self.sender.unmatched.number(), Arc::clone(&self.sender.unmatched)));
        let notice = self.sender.client.try_publish_tracked(to.clone(), payload, options);
        let (notice, is_heard) = (notice.map_err(|error| self.line.broken(true, &error))?, self.is_heard);
        // The notice fails only if the connection does.
        let answer = async move {
            notice.wait_async().await.map(|result| {
                let is_unmatched = unmatched.is_some_and(|(number, all)| all.take(number));
                confirmed(&result, is_unmatched, is_heard)
            })
        };
        self.confirms.push_over(&self.line, |_| false, answer);
        Ok(())
    }

    fn poll_confirmed(&mut self, context: &mut Context<'_>, confirms: &mut Confirms<'_>) -> PortResult {
        self.confirms.poll(context, confirms);
        Ok(())
    }

    fn last(&self) -> RoundTrip {
        forgotten(vec![self.sender.client.clone()])
    }
}

/// Whether the broker has a message, or else its reason. Of one that `is_unmatched` it said in its PUBREC that no subscription matches it.
fn confirmed(result: &PublishResult, is_unmatched: bool, is_heard: bool) -> Result<(), String> {
    use {PubAckReason as Ack, PublishResult as Got};
    match result {
        Got::Qos1(ack) if ack.reason == Ack::NoMatchingSubscribers && !is_heard => Ok(()),
        Got::Qos1(ack) if ack.reason != Ack::Success => Err(format!("{:?}", ack.reason)),
        Got::Qos2Completed(done) if done.reason != PubCompReason::Success => {
            Err(format!("{:?}", done.reason))
        }
        Got::Qos2Completed(_) if is_unmatched && is_heard => {
            Err(format!("{:?}", PubRecReason::NoMatchingSubscribers))
        }
        Got::Qos2PubRecRejected(rejected) => Err(format!("{:?}", rejected.reason)),
        Got::Qos0Flushed | Got::Qos1(_) | Got::Qos2Completed(_) => Ok(()),
    }
}

/// A round trip to the broker, after everything else that each connection carries: it is asked to forget what it was never told.
fn forgotten(clients: Vec<AsyncClient>) -> RoundTrip {
    round_trip(async move {
        for client in clients {
            let asked = client.unsubscribe_tracked("drumpost").await.map_err(|error| error.to_string())?;
            asked.wait_async().await.map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(())
    })
}

/// The connection, and what acknowledges a message there; nothing at QoS 0.
type Tag = (usize, Option<ManualAck>);

/// What one instance subscribes to: a source is a connection.
pub(super) struct Subscriptions {
    pub(super) pool: Arc<Pool>,
    pub(super) line: Line,
    pub(super) sources: Vec<Attached>,
    /// A connection that notices a silent line, where the sources do not.
    pub(super) _pings: Option<Arc<Attached>>,
}

impl Deliveries for Subscriptions {
    type Token = Tag;
    const ACKNOWLEDGES: bool = true;
    const TELLS_ATTEMPTS: bool = true;

    fn poll_next(&mut self, source: usize, context: &mut Context<'_>) -> Poll<PortResult<Delivery<Tag>>> {
        let Self { pool, line, sources, .. } = self;
        let Attached { client, inbound, .. } = &mut sources[source];
        let publish = ready!(inbound.poll_recv(context)).ok_or_else(|| line.closed())?;
        let headers = publish.properties.iter().flat_map(|properties| &properties.user_properties);
        let headers = headers.map(|(name, value)| (name, value));
        let place = || String::from_utf8_lossy(&publish.topic).into_owned();
        let message = decode(&publish.payload, headers, pool, place)?;
        // Only a flag is known of repeated deliveries.
        let told = Told { attempt: 1 + u16::from(publish.dup), shard: 0 };
        Poll::Ready(Ok(Delivery { message, told, token: (source, client.prepare_ack(&publish)) }))
    }

    fn poll_settle(&mut self, due: &mut Due<'_, Tag>, _: Settled, _: &mut Context<'_>) -> Poll<PortResult> {
        for (source, ack) in due.filter_map(|(source, ack)| Some((source, ack?))) {
            // The client's queue has no limit. If the connection is gone, the line says why.
            let _queued = self.sources[source].client.try_manual_ack(ack);
        }
        Poll::Ready(Ok(()))
    }

    fn last(&self) -> RoundTrip {
        forgotten(self.sources.iter().map(|source| source.client.clone()).collect())
    }
}
