//! Queues and exchanges: their names, and how they are made.

use super::plain;
use drumpost_kit::prelude::*;
use lapin::{Channel, ExchangeKind, options::*, types::*};
use std::collections::BTreeMap;

/// The server removes a queue that has had no consumer for so long after the longest time for which an instance of the trial may be away
/// ([`Wiring::away`]).
pub(super) const UNUSED: Duration = Duration::from_hours(1);

/// What queues and exchanges are to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// `quorum`, `classic`, or `transient`: a classic queue with messages that are not persistent.
    pub(super) kind: &'static str,
    /// How often a message is handed out again before it becomes a dead letter.
    pub(super) limit: Option<u64>,
    /// Events go to topic exchanges.
    pub(super) topics: bool,
    /// Replies go to whoever asked over no queue.
    pub(super) direct: bool,
}

/// A queue of a group, and the exchange of an event with the keys that the queue wants.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) event: Option<(String, Vec<String>)>,
}

impl Queue {
    /// The queue of a group at a place.
    pub(super) fn new(sent: &Destination, place: String, group: &str) -> Self {
        if sent.intent != Intent::Event {
            return Self { name: place, event: None };
        }
        let keys = sent.kinds.iter().map(|kind| format!("{}.*", kind.0)).collect();
        Self { name: format!("{place}.{group}"), event: Some((place, keys)) }
    }

    /// The queue for its dead letters.
    pub(super) fn dead(&self) -> String {
        format!("{}.dead", self.name)
    }
}

impl Shape {
    pub(super) fn from_options(options: &Values) -> Result<Self, String> {
        let (kind, limit) = (options.word("rabbitmq.queue"), options.count_if_set("rabbitmq.delivery-limit"));
        if limit.is_some() && kind != "quorum" {
            let why =
                "option rabbitmq.delivery-limit needs quorum queues: classic queues do not count deliveries";
            return Err(why.into());
        }
        let topics = options.word("rabbitmq.exchange") == "topic";
        Ok(Self { kind, limit, topics, direct: options.word("rabbitmq.replies") == "direct" })
    }

    /// The queues of a destination.
    pub(super) fn queues(self, layout: Layout<'_>, sent: &Destination) -> impl Iterator<Item = Queue> {
        let all = layout.subscriptions(sent).into_iter().filter(move |_| !self.is_direct(sent));
        all.map(|(place, group, _)| Queue::new(sent, place, &group))
    }

    /// Whether a destination has no queue.
    pub(super) fn is_direct(self, sent: &Destination) -> bool {
        self.direct && sent.intent == Intent::Reply
    }

    /// Everything that is made for a queue: it, the exchange of its event, and the queue of its dead letters.
    pub(super) fn objects(self, queue: &Queue) -> impl Iterator<Item = String> {
        let exchange = queue.event.as_ref().map(|(exchange, _)| exchange.clone());
        let dead = self.limit.map(|_| queue.dead());
        [queue.name.clone()].into_iter().chain(exchange).chain(dead)
    }

    /// Makes a queue with the one for its dead letters, and the exchange of an event, which it is bound to. Instances may be `away` for so
    /// long.
    pub(super) async fn declare(self, channel: &Channel, queue: &Queue, away: Duration) -> lapin::Result<()> {
        let (durable, mut arguments) = (QueueDeclareOptions::durable(), self.arguments(away));
        if let Some(limit) = self.limit {
            channel.queue_declare(queue.dead().into(), durable, arguments.clone().into()).await?;
            arguments.extend(dies(queue, limit));
        }
        let name = ShortString::from(&*queue.name);
        channel.queue_declare(name.clone(), durable, arguments.into()).await?;
        let Some((exchange, keys)) = &queue.event else { return Ok(()) };
        let exchange = ShortString::from(&**exchange);
        let kind = if self.topics { ExchangeKind::Topic } else { ExchangeKind::Fanout };
        let options = ExchangeDeclareOptions { durable: true, auto_delete: true, ..plain() };
        channel.exchange_declare(exchange.clone(), kind, options, plain()).await?;
        // A fanout exchange asks for no key.
        for key in keys.iter().take(if self.topics { keys.len() } else { 1 }) {
            channel.queue_bind(name.clone(), exchange.clone(), (&**key).into(), plain(), plain()).await?;
        }
        Ok(())
    }

    pub(super) fn arguments(self, away: Duration) -> BTreeMap<ShortString, AMQPValue> {
        // The server takes no more milliseconds than 32 bits hold, which are 49 days.
        let unused_ms = u32::try_from(UNUSED.saturating_add(away).as_millis()).unwrap_or(u32::MAX);
        let unused = AMQPValue::LongLongInt(unused_ms.into());
        let kind = AMQPValue::LongString(if self.kind == "quorum" { "quorum" } else { "classic" }.into());
        BTreeMap::from([("x-queue-type".into(), kind), ("x-expires".into(), unused)])
    }
}

/// What has a queue move what was handed out more often to the queue for its dead letters. At least once, which needs a queue that
/// refuses what it has no room for.
fn dies(queue: &Queue, limit: u64) -> [(ShortString, AMQPValue); 5] {
    let text = |text: &str| AMQPValue::LongString(text.into());
    [
        ("x-delivery-limit".into(), AMQPValue::LongLongInt(limit as i64)),
        ("x-dead-letter-exchange".into(), text("")),
        ("x-dead-letter-routing-key".into(), text(&queue.dead())),
        ("x-dead-letter-strategy".into(), text("at-least-once")),
        ("x-overflow".into(), text("reject-publish")),
    ]
}
