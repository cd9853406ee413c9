//! Publishing with delivery reports, and receiving with offsets.

use super::{
    transactions::{Member, Shard, Transacting},
    *,
};
use drumpost_core::port::Transacted;
use drumpost_kit::last::SILENCE;
use rdkafka::{
    Message as _,
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
    producer::BaseRecord,
};
use std::vec;
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
    pub(super) transacting: Option<Arc<Transacting>>,
}

impl Publish for Topic {
    type Place = String;
    const CONFIRMS: bool = true;

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<PortResult> {
        match &self.transacting {
            Some(transacting) if !transacting.takes(context) => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }

    fn put(&mut self, topic: &String, payload: Bytes, message: &Message, pool: &Pool) -> PortResult {
        let (number, key) = (self.confirms.take() as usize, message.key.to_be_bytes());
        let mut record = BaseRecord::with_opaque_to(topic, number).key(&key).payload(&payload[..]);
        let headers = wire::headers(message, pool);
        if headers.len() > 0 {
            let none = OwnedHeaders::new_with_capacity(headers.len());
            record.headers =
                Some(headers.fold(none, |all, (key, value)| all.insert(Header { key, value: Some(value) })));
        }
        self.producer.send(record).map_err(|(error, _)| self.line.broken(false, &error))?;
        self.transacting.iter().for_each(|transacting| transacting.sent(self.port));
        Ok(())
    }

    fn poll_confirmed(&mut self, context: &mut Context<'_>, confirms: &mut Confirms<'_>) -> PortResult {
        match &self.transacting {
            Some(transacting) => {
                transacting.takes(context);
                transacting.tell_sent(self.port, confirms);
            }
            None => self.confirms.poll(context, confirms),
        }
        Ok(())
    }

    fn last(&self) -> RoundTrip {
        let producer = Arc::clone(&self.producer);
        round_trip(ask(move || {
            producer.flush(SILENCE)?;
            producer.client().fetch_metadata(Some(OWNERS), SILENCE).map(drop)
        }))
    }
}

/// A message, and how often partitions were taken from its consumer before it was read.
type Read = (u32, PortResult<Delivery<(Shard, i64)>>);
/// What a consumer's thread hands over.
type Batch = Vec<Read>;

/// A consumer of an instance, which a thread of its own polls.
pub(super) struct Consumer {
    client: Arc<BaseConsumer<Events>>,
    topics: Arc<Vec<String>>,
    came: mpsc::Receiver<Batch>,
    batch: vec::IntoIter<Read>,
    epoch: Arc<AtomicU32>,
}

impl Consumer {
    /// The consumer with this number in its instance, subscribed to topics.
    pub(super) fn subscribed(
        client: BaseConsumer<Events>,
        number: usize,
        topics: Vec<String>,
        pool: Arc<Pool>,
    ) -> Result<Self, Failure> {
        client.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
        let ((tell, came), topics) = (mpsc::channel(2), Arc::new(topics));
        let of = Arc::clone(&topics);
        let epoch = Arc::clone(&client.context().epoch);
        let now = Arc::clone(&epoch);
        let client = tend(client, move |client: &BaseConsumer<Events>, wait| {
            let mut batch = Batch::new();
            let mut next = client.poll(wait);
            // Errors are told to the line.
            while let Some(Ok(message)) = next {
                // Partitions are taken away within a poll.
                batch.push((now.load(Relaxed), delivery(&message, number, &of, &pool)));
                next = if batch.len() < BATCH { client.poll(Duration::ZERO) } else { None };
            }
            // Fails if the lane is gone.
            let _ = batch.is_empty() || tell.blocking_send(batch).is_ok();
        })
        .map_err(Failure::NoThread)?;
        Ok(Self { client, topics, came, batch: Vec::new().into_iter(), epoch })
    }

    pub(super) fn member(&self) -> Member {
        let (client, topics) = (Arc::downgrade(&self.client), Arc::clone(&self.topics));
        Member { client, topics, epoch: Arc::clone(&self.epoch) }
    }

    /// The next of a batch. In transactions none that comes again, and pending while one has to end.
    fn next(&mut self, number: usize, transacting: Option<&Transacting>) -> Option<Read> {
        while let (Some(transacting), Some((epoch, _))) = (transacting, self.batch.as_slice().first()) {
            match transacting.hands(number, *epoch) {
                None => drop(self.batch.next()),
                Some(true) => break,
                Some(false) => return None,
            }
        }
        self.batch.next()
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
pub(super) struct Consumers {
    pub(super) all: Vec<Consumer>,
    pub(super) transacting: Option<Arc<Transacting>>,
}

impl Deliveries for Consumers {
    type Token = (Shard, i64);
    const ACKNOWLEDGES: bool = true;
    const TELLS_SHARDS: bool = true;
    const SETTLES_AT_ONCE: bool = true;

    #[inline]
    fn poll_next(&mut self, at: usize, context: &mut Context<'_>) -> Poll<PortResult<Delivery<Self::Token>>> {
        let consumer = &mut self.all[at];
        if consumer.batch.len() == 0 {
            let Some(batch) = ready!(consumer.came.poll_recv(context)) else { return Poll::Pending };
            consumer.batch = batch.into_iter();
        }
        match consumer.next(at, self.transacting.as_deref()) {
            Some((_, delivery)) => Poll::Ready(delivery),
            None => {
                // The messages that came were passed over, or wait for the end of a transaction.
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn poll_ask(&mut self, context: &mut Context<'_>) -> Poll<PortResult> {
        match &self.transacting {
            Some(transacting) if !transacting.takes(context) => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Stores offsets, which the client commits, or adds them to the transaction.
    fn poll_settle(
        &mut self,
        due: &mut Due<'_, Self::Token>,
        _: Settled,
        _: &mut Context<'_>,
    ) -> Poll<PortResult> {
        if let Some(transacting) = &self.transacting {
            transacting.handled(due);
            return Poll::Ready(Ok(()));
        }
        // Of each partition the youngest.
        for ((consumer, topic, partition), offset) in due.collect::<BTreeMap<_, _>>() {
            let Consumer { client, topics, .. } = &self.all[consumer];
            // Fails if the partition was given to another member, which gets the message again.
            let _stored = client.store_offset(&topics[topic], partition, offset);
        }
        Poll::Ready(Ok(()))
    }

    fn transacted(&mut self, _: &mut Context<'_>, tell: &mut dyn FnMut(Transacted)) {
        self.transacting.iter().for_each(|transacting| transacting.tell_handed(tell));
    }

    fn last(&self) -> RoundTrip {
        if let Some(transacting) = &self.transacting {
            return Arc::clone(transacting).finish().boxed();
        }
        let clients: Vec<_> = self.all.iter().map(|consumer| Arc::clone(&consumer.client)).collect();
        round_trip(ask(move || {
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
        }))
    }
}
