//! Publishing with delivery reports, and receiving with offsets.

use super::{
    clients::{Events, PORT},
    *,
};
use drumpost_core::wire;
use drumpost_kit::{blocking::tend, encode::decode, last::SILENCE};
use rdkafka::{
    Message as _,
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::{collections::BTreeMap, vec};
use tokio::sync::mpsc;

/// Most messages that go to a lane at once.
const BATCH: usize = 256;

/// Publishes to one destination. All destinations of an instance share the producer.
pub(super) struct Topic {
    pub(super) producer: Arc<BaseProducer<Events>>,
    pub(super) line: Line,
    /// Which of the instance's ports this is.
    pub(super) port: usize,
    pub(super) confirms: Callbacks,
}

impl Publish for Topic {
    type Place = String;
    const CONFIRMS: bool = true;

    fn put(&mut self, topic: &String, payload: Bytes, message: &Message, pool: &Pool) -> PortResult {
        let number = self.port << PORT | self.confirms.take() as usize;
        let key = message.key.to_be_bytes();
        let mut record = BaseRecord::with_opaque_to(topic, number).key(&key).payload(&payload[..]);
        let headers = wire::headers(message, pool);
        if headers.len() > 0 {
            let none = OwnedHeaders::new_with_capacity(headers.len());
            record.headers =
                Some(headers.fold(none, |all, (key, value)| all.insert(Header { key, value: Some(value) })));
        }
        self.producer.send(record).map_err(|(error, _)| self.line.broken(false, &error))
    }

    fn poll_confirmed(&mut self, context: &mut Context<'_>, confirms: &mut Confirms<'_>) -> PortResult {
        self.confirms.poll(context, confirms);
        Ok(())
    }

    fn last(&self) -> Exchange {
        let producer = Arc::clone(&self.producer);
        let exchange = ask(move || {
            producer.flush(SILENCE)?;
            producer.client().fetch_metadata(Some(OWNERS), SILENCE).map(drop)
        });
        exchange.map(|done| done.map_err(|error| error.to_string())).boxed()
    }
}

/// A partition: the numbers of the consumer, of its topic, and of the partition.
type Shard = (usize, usize, i32);
/// What a consumer's thread hands over.
type Batch = Vec<PortResult<Delivery<(Shard, i64)>>>;

/// A consumer of an instance, which a thread of its own polls.
pub(super) struct Consumer {
    client: Arc<BaseConsumer<Events>>,
    topics: Arc<Vec<String>>,
    came: mpsc::Receiver<Batch>,
    batch: vec::IntoIter<PortResult<Delivery<(Shard, i64)>>>,
}

impl Consumer {
    /// The consumer with this number in its instance, subscribed to topics.
    pub(super) fn subscribed(
        client: BaseConsumer<Events>,
        number: usize,
        topics: Vec<String>,
        pool: Arc<Pool>,
    ) -> KafkaResult<Self> {
        client.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
        let ((tell, came), topics) = (mpsc::channel(2), Arc::new(topics));
        let of = Arc::clone(&topics);
        let client = tend(client, move |client: &BaseConsumer<Events>, wait| {
            let mut batch = Batch::new();
            let mut next = client.poll(wait);
            // Errors are told to the line.
            while let Some(Ok(message)) = next {
                batch.push(delivery(&message, number, &of, &pool));
                next = if batch.len() < BATCH { client.poll(Duration::ZERO) } else { None };
            }
            // Fails if the lane is gone.
            let _ = batch.is_empty() || tell.blocking_send(batch).is_ok();
        });
        Ok(Self { client, topics, came, batch: Vec::new().into_iter() })
    }
}

fn delivery(
    message: &BorrowedMessage<'_>,
    number: usize,
    topics: &[String],
    pool: &Pool,
) -> PortResult<Delivery<(Shard, i64)>> {
    let topic = topics.iter().position(|topic| topic == message.topic()).unwrap_or(0);
    let token = ((number, topic, message.partition()), message.offset());
    let told = Told { attempt: 0, shard: message.partition() as u16 + 1 };
    let headers = message.headers().into_iter().flat_map(|all| all.iter());
    let headers = headers.map(|header| (header.key, header.value.unwrap_or_default()));
    let message = decode(message.payload().unwrap_or_default(), headers, pool, || topics[topic].clone())?;
    Ok(Delivery { message, told, token })
}

/// Receives what the consumers of one instance read.
pub(super) struct Consumers(pub(super) Vec<Consumer>);

impl Deliveries for Consumers {
    type Token = (Shard, i64);
    const ACKNOWLEDGES: bool = true;
    const TELLS_SHARDS: bool = true;

    #[inline]
    fn poll_next(&mut self, at: usize, context: &mut Context<'_>) -> Poll<PortResult<Delivery<Self::Token>>> {
        let consumer = &mut self.0[at];
        if consumer.batch.len() == 0
            && let Some(batch) = ready!(consumer.came.poll_recv(context))
        {
            consumer.batch = batch.into_iter();
        }
        consumer.batch.next().map_or(Poll::Pending, Poll::Ready)
    }

    /// Stores offsets, which the client commits.
    fn poll_settle(
        &mut self,
        due: &mut Due<'_, Self::Token>,
        _: Settled,
        _: &mut Context<'_>,
    ) -> Poll<PortResult> {
        // Of each partition the youngest.
        for ((consumer, topic, partition), offset) in due.collect::<BTreeMap<_, _>>() {
            let Consumer { client, topics, .. } = &self.0[consumer];
            // Fails if the partition was given to another member, which gets the message again.
            let _stored = client.store_offset(&topics[topic], partition, offset);
        }
        Poll::Ready(Ok(()))
    }

    fn last(&self) -> Exchange {
        let clients: Vec<_> = self.0.iter().map(|consumer| Arc::clone(&consumer.client)).collect();
        let exchange = ask(move || {
            for client in clients {
                use Code::{IllegalGeneration, NoOffset, RebalanceInProgress, UnknownMemberId};
                let done = client.commit_consumer_state(CommitMode::Sync);
                match done.as_ref().err().and_then(KafkaError::rdkafka_error_code) {
                    // The other members of the group ended earlier.
                    Some(IllegalGeneration | NoOffset | RebalanceInProgress | UnknownMemberId) => {}
                    _ => done?,
                }
                client.fetch_metadata(Some(OWNERS), SILENCE)?;
            }
            Ok(())
        });
        exchange.map(|done| done.map_err(|error| error.to_string())).boxed()
    }
}
