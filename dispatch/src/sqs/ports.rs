//! Both ports. Bodies are texts, so header and payload of a message are in Base64. Application headers are message attributes.

use super::{
    MOST_BYTES,
    connect::{Failure, Session},
    queues::Shape,
};
use aws_sdk_sns::types as sns;
use aws_sdk_sqs::types::{self as sqs, MessageSystemAttributeName as Name};
use base64::{Engine, prelude::BASE64_STANDARD};
use drumpost_core::wire;
use drumpost_kit::{encode::decode, last::RoundTrip, prelude::*};
use futures_util::{future::try_join_all, stream};
use std::{
    collections::BTreeMap,
    mem::take,
    sync::{Mutex, PoisonError},
};
use tokio::sync::Semaphore;

/// Most messages of one call.
pub(super) const CALL: usize = 10;

/// Most writes of a port under way, and most calls of acknowledgements of an instance. Few, so that later calls carry more messages: each
/// call is paid for.
const WRITES: usize = 2;
/// Most calls of one write under way.
const AT_ONCE: usize = 4;

/// Where a port sends to.
#[derive(Clone, Debug)]
pub(super) enum To {
    /// Queues, whose addresses begin like this.
    Queues(String),
    /// A topic.
    Topic(String),
}

/// A message that waits for its call.
#[derive(Debug)]
struct Entry {
    /// Its place among all messages of the write.
    number: usize,
    body: String,
    headers: Vec<(String, String)>,
    /// Message group and deduplication identifier.
    group: Option<(String, String)>,
}

/// Sends what a lane sends in one step, by calls with up to ten messages.
#[derive(Debug)]
pub(super) struct Sender {
    session: Session,
    to: To,
    shape: Shape,
    /// Calls of the next write, by address, each with its bytes.
    next: BTreeMap<String, Vec<(usize, Vec<Entry>)>>,
    count: usize,
}

impl Sender {
    pub(super) fn new(session: &Session, to: To, shape: Shape) -> Written<Self> {
        Written::by(Self { session: session.clone(), to, shape, next: BTreeMap::new(), count: 0 })
    }
}

impl Write for Sender {
    type Place = String;

    fn at_once(&self) -> usize {
        if self.shape.fifo { 1 } else { WRITES }
    }

    fn put(&mut self, place: &String, payload: Bytes, message: &Message, pool: &Pool) {
        let address = match &self.to {
            To::Queues(base) => base.clone() + &self.shape.name(place, ""),
            To::Topic(address) => address.clone(),
        };
        let headers = wire::headers(message, pool).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (headers, body): (Vec<_>, _) = (headers.collect(), BASE64_STANDARD.encode(payload));
        // The sender's number for a message is its own in a run, and so is the queue.
        let group = || (message.key.to_string(), format!("{}-{}", message.producer(), message.seq));
        let len =
            body.len() + headers.iter().map(|(name, value)| name.len() + value.len() + 6).sum::<usize>();
        let entry = Entry { number: self.count, body, headers, group: self.shape.fifo.then(group) };
        self.count += 1;
        let calls = self.next.entry(address).or_default();
        match calls.last_mut().filter(|(bytes, call)| call.len() < CALL && bytes + len <= MOST_BYTES) {
            Some((bytes, entries)) => {
                *bytes += len;
                entries.push(entry);
            }
            None => calls.push((len, vec![entry])),
        }
    }

    fn write(&mut self) -> Outcomes {
        let (next, count, session) = (take(&mut self.next), take(&mut self.count), self.session.clone());
        let is_topic = matches!(self.to, To::Topic(_));
        let calls = next
            .into_iter()
            .flat_map(|(address, calls)| calls.into_iter().map(move |(_, call)| (address.clone(), call)));
        let at_once = if self.shape.fifo { 1 } else { AT_ONCE };
        async move {
            let call = |(address, entries)| call(session.clone(), is_topic, address, entries);
            let said: Vec<_> = stream::iter(calls).map(call).buffered(at_once).try_collect().await?;
            let mut outcomes = vec![Ok(()); count];
            for (number, why) in said.into_iter().flatten() {
                // A server may name an entry that is not in the call.
                if let Some(outcome) = outcomes.get_mut(number) {
                    *outcome = Err(why);
                }
            }
            Ok(outcomes)
        }
        .boxed()
    }

    fn last(&self) -> RoundTrip {
        self.session.last()
    }
}

/// Makes a call. Gives back which messages were refused, and why.
async fn call(
    session: Session,
    is_topic: bool,
    address: String,
    entries: Vec<Entry>,
) -> PortResult<Vec<(usize, String)>> {
    let numbers: Vec<usize> = entries.iter().map(|entry| entry.number).collect();
    let said = if is_topic {
        publish(&session, address, entries).await
    } else {
        send(&session, address, entries).await
    };
    match said {
        Ok(refused) => Ok(refused),
        Err(failure) if failure.is_silence() || failure.is_missing() => Err(session.broken(failure)),
        Err(failure) => Ok(numbers.into_iter().map(|number| (number, failure.to_string())).collect()),
    }
}

/// A message that was refused, by the number that was its name in the call.
fn refused(id: &str, code: String, why: Option<String>) -> (usize, String) {
    (id.parse().unwrap_or(usize::MAX), format!("{code}: {}", why.unwrap_or_default()))
}

async fn send(
    session: &Session,
    queue: String,
    entries: Vec<Entry>,
) -> Result<Vec<(usize, String)>, Failure> {
    let mut call = session.sqs.send_message_batch().queue_url(queue);
    for Entry { number, body, headers, group } in entries {
        let (group, id) = group.unzip();
        let mut entry =
            sqs::SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body);
        entry = entry.set_message_group_id(group).set_message_deduplication_id(id);
        for (name, value) in headers {
            let value =
                sqs::MessageAttributeValue::builder().data_type("String").string_value(value).build()?;
            entry = entry.message_attributes(name, value);
        }
        call = call.entries(entry.build()?);
    }
    let failed = call.send().await?.failed;
    Ok(failed.into_iter().map(|failed| refused(&failed.id, failed.code, failed.message)).collect())
}

async fn publish(
    session: &Session,
    topic: String,
    entries: Vec<Entry>,
) -> Result<Vec<(usize, String)>, Failure> {
    let mut call = session.sns.publish_batch().topic_arn(topic);
    for Entry { number, body, headers, group } in entries {
        let (group, id) = group.unzip();
        let mut entry = sns::PublishBatchRequestEntry::builder().id(number.to_string()).message(body);
        entry = entry.set_message_group_id(group).set_message_deduplication_id(id);
        for (name, value) in headers {
            let value =
                sns::MessageAttributeValue::builder().data_type("String").string_value(value).build()?;
            entry = entry.message_attributes(name, value);
        }
        call = call.publish_batch_request_entries(entry.build()?);
    }
    let failed = call.send().await?.failed.unwrap_or_default();
    Ok(failed.into_iter().map(|failed| refused(&failed.id, failed.code, failed.message)).collect())
}

/// The queue of a delivery, and the handle that settles it.
pub(super) type Token = (Arc<str>, String);

/// Receives from a queue.
pub(super) struct Receiver {
    pub(super) session: Session,
    pub(super) pool: Arc<Pool>,
    pub(super) queue: Arc<str>,
    /// It has dead letters.
    pub(super) is_dead: bool,
    pub(super) wait_s: i32,
    /// Messages are acknowledged before they are handed over.
    pub(super) before: bool,
}

impl Receiver {
    fn delivery(&self, message: sqs::Message) -> PortResult<Delivery<Token>> {
        let body = BASE64_STANDARD.decode(message.body.unwrap_or_default()).unwrap_or_default();
        let headers = message.message_attributes.unwrap_or_default();
        let headers = headers.iter().filter_map(|(name, value)| Some((name, value.string_value.as_ref()?)));
        let told = message.attributes.unwrap_or_default();
        let received = told.get(&Name::ApproximateReceiveCount).and_then(|count| count.parse().ok());
        let alive = Told { attempt: received.unwrap_or(0), shard: 0 };
        Ok(Delivery {
            message: decode(&body, headers, &self.pool, || self.queue.to_string())?,
            told: if self.is_dead { Told::DEAD } else { alive },
            token: (Arc::clone(&self.queue), message.receipt_handle.unwrap_or_default()),
        })
    }
}

impl Pull for Receiver {
    type Token = Token;
    const TELLS_ATTEMPTS: bool = true;

    async fn pull(&mut self) -> PortResult<Vec<Delivery<Token>>> {
        let ask =
            self.session.sqs.receive_message().queue_url(&*self.queue).max_number_of_messages(CALL as i32);
        let ask = ask.wait_time_seconds(self.wait_s).message_attribute_names("All");
        let ask = ask.message_system_attribute_names(Name::ApproximateReceiveCount);
        let came = ask.send().await.map_err(|error| self.session.broken(error))?.messages.unwrap_or_default();
        let came = came.into_iter().map(|message| self.delivery(message)).collect::<PortResult<Vec<_>>>()?;
        if self.before {
            let tokens = came.iter().map(|delivery| delivery.token.clone()).collect();
            settle(self.session.clone(), tokens, Settled::Acknowledged).await?;
        }
        Ok(came)
    }
}

/// Acknowledges what an instance handled.
pub(super) struct Handled {
    session: Session,
    before: bool,
    /// What is handled and in no call yet.
    due: Arc<Mutex<Vec<Token>>>,
    calls: Arc<Semaphore>,
}

impl Handled {
    pub(super) fn new(session: &Session, before: bool) -> Self {
        Self {
            session: session.clone(),
            before,
            due: Arc::default(),
            calls: Arc::new(Semaphore::new(WRITES)),
        }
    }
}

impl Settle for Handled {
    type Token = Token;
    const REJECTS: bool = true;

    fn acknowledge(&mut self, tokens: Vec<Token>) -> BoxFuture<'static, PortResult> {
        if self.before {
            return async { Ok(()) }.boxed();
        }
        let (session, due, calls) = (self.session.clone(), Arc::clone(&self.due), Arc::clone(&self.calls));
        due.lock().unwrap_or_else(PoisonError::into_inner).extend(tokens);
        async move {
            let _call = calls.acquire().await;
            // Those of later steps, too, which then find nothing left to do.
            let tokens = take(&mut *due.lock().unwrap_or_else(PoisonError::into_inner));
            settle(session, tokens, Settled::Acknowledged).await
        }
        .boxed()
    }

    fn give_back(&mut self, tokens: Vec<Token>) -> BoxFuture<'static, PortResult> {
        settle(self.session.clone(), tokens, Settled::Rejected).boxed()
    }

    fn last(&self) -> RoundTrip {
        self.session.last()
    }
}

/// Deletes messages, or lets them be received again at once. One that the server does not settle is received again later, which is
/// counted then.
async fn settle(session: Session, tokens: Vec<Token>, how: Settled) -> PortResult {
    let mut queues = BTreeMap::<Arc<str>, Vec<String>>::new();
    for (queue, handle) in tokens {
        queues.entry(queue).or_default().push(handle);
    }
    let calls = queues.iter().flat_map(|(queue, handles)| {
        handles.chunks(CALL).map(|handles| settle_some(&session, queue, handles, how)).collect::<Vec<_>>()
    });
    try_join_all(calls).await.map(drop).map_err(|failure| session.broken(failure))
}

async fn settle_some(
    session: &Session,
    queue: &str,
    handles: &[String],
    how: Settled,
) -> Result<(), Failure> {
    let named = handles.iter().enumerate();
    if how == Settled::Acknowledged {
        let mut call = session.sqs.delete_message_batch().queue_url(queue);
        for (number, handle) in named {
            let entry =
                sqs::DeleteMessageBatchRequestEntry::builder().id(number.to_string()).receipt_handle(handle);
            call = call.entries(entry.build()?);
        }
        call.send().await?;
    } else {
        let mut call = session.sqs.change_message_visibility_batch().queue_url(queue);
        for (number, handle) in named {
            let entry = sqs::ChangeMessageVisibilityBatchRequestEntry::builder().id(number.to_string());
            call = call.entries(entry.receipt_handle(handle).visibility_timeout(0).build()?);
        }
        call.send().await?;
    }
    Ok(())
}
