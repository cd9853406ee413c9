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
use drumpost_kit::{encode::decode, prelude::*};
use futures_util::{TryFutureExt, future::try_join_all};
use std::collections::BTreeSet;

/// Most messages of one call.
pub(super) const CALL: usize = 10;

/// Most writes of a port under way, and most calls of acknowledgements of an instance. Few, so that later calls carry more messages: each
/// call is paid for.
const WRITES: usize = 2;
/// Most calls of one write under way.
const AT_ONCE: usize = 4;

/// Where a port sends to.
#[derive(Clone, Debug)]
pub(super) struct To {
    /// What the addresses of all queues begin with, or those of all topics.
    pub(super) base: String,
    pub(super) is_topic: bool,
}

/// A message that waits for its call.
#[derive(Debug)]
struct Entry {
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
    calls: Calls<Arc<str>, Entry>,
}

impl Sender {
    pub(super) fn new(session: &Session, to: To, shape: Shape) -> Written<Self> {
        Written::by(Self { session: session.clone(), to, shape, calls: Calls::of(CALL, MOST_BYTES) })
    }
}

impl Write for Sender {
    type Place = Arc<str>;

    fn at_once(&self) -> usize {
        if self.shape.fifo { 1 } else { WRITES }
    }

    fn put(&mut self, place: &Arc<str>, payload: Bytes, message: &Message, pool: &Pool) {
        let headers = wire::headers(message, pool).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (headers, body): (Vec<_>, _) = (headers.collect(), BASE64_STANDARD.encode(payload));
        // The sender's number for a message is its own in a run, and so is the queue.
        let group = || (message.key.to_string(), format!("{}-{}", message.producer(), message.seq));
        let len =
            body.len() + headers.iter().map(|(name, value)| name.len() + value.len() + 6).sum::<usize>();
        self.calls.put(place, Entry { body, headers, group: self.shape.fifo.then(group) }, len);
    }

    fn write(&mut self) -> Outcomes {
        let (session, to, shape) = (self.session.clone(), self.to.clone(), self.shape);
        self.calls.write(if shape.fifo { 1 } else { AT_ONCE }, move |place, entries| {
            let address = to.base.clone() + &shape.name(&place, "");
            call(session.clone(), to.is_topic, address, entries)
        })
    }

    fn last(&self) -> RoundTrip {
        self.session.last()
    }
}

/// Makes a call.
async fn call(
    session: Session,
    is_topic: bool,
    address: String,
    entries: Vec<(usize, Entry)>,
) -> PortResult<Said> {
    let numbers: Vec<usize> = entries.iter().map(|(number, _)| *number).collect();
    let said = match is_topic {
        true => publish(&session, address, entries).await,
        false => send(&session, address, entries).await,
    };
    match said {
        Err(failure) if failure.is_silence() || failure.is_missing() => Err(session.broken(failure)),
        Err(failure) => Ok(numbers.into_iter().map(|number| (number, Err(failure.to_string()))).collect()),
        Ok(said) => Ok(said),
    }
}

/// A message that is stored, by the number that was its name in the call.
fn stored(id: &str) -> (usize, Result<(), String>) {
    (id.parse().unwrap_or(usize::MAX), Ok(()))
}

/// A message that is refused.
fn refused(id: &str, code: &str, why: Option<String>) -> (usize, Result<(), String>) {
    (stored(id).0, Err(format!("{code}: {}", why.unwrap_or_default())))
}

/// An entry of a call, of SQS or of SNS. Their types differ in their module alone, and have no trait in common.
macro_rules! entry {
    ($types:ident, $entry:expr, $headers:expr, $group:expr) => {{
        let (group, id) = $group.unzip();
        let mut entry = $entry.set_message_group_id(group).set_message_deduplication_id(id);
        for (name, value) in $headers {
            let value = $types::MessageAttributeValue::builder().data_type("String").string_value(value);
            entry = entry.message_attributes(name, value.build()?);
        }
        entry.build()?
    }};
}

async fn send(session: &Session, queue: String, entries: Vec<(usize, Entry)>) -> Result<Said, Failure> {
    let mut call = session.sqs.send_message_batch().queue_url(queue);
    for (number, Entry { body, headers, group }) in entries {
        let entry = sqs::SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body);
        call = call.entries(entry!(sqs, entry, headers, group));
    }
    let said = call.send().await?;
    let refused = said.failed.into_iter().map(|failed| refused(&failed.id, &failed.code, failed.message));
    Ok(said.successful.iter().map(|entry| stored(&entry.id)).chain(refused).collect())
}

async fn publish(session: &Session, topic: String, entries: Vec<(usize, Entry)>) -> Result<Said, Failure> {
    let mut call = session.sns.publish_batch().topic_arn(topic);
    for (number, Entry { body, headers, group }) in entries {
        let entry = sns::PublishBatchRequestEntry::builder().id(number.to_string()).message(body);
        call = call.publish_batch_request_entries(entry!(sns, entry, headers, group));
    }
    let said = call.send().await?;
    let failed = said.failed.unwrap_or_default().into_iter();
    let refused = failed.map(|failed| refused(&failed.id, &failed.code, failed.message));
    let all = said.successful.unwrap_or_default().into_iter();
    Ok(all.map(|entry| stored(&entry.id.unwrap_or_default())).chain(refused).collect())
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
        let mut came =
            came.into_iter().map(|message| self.delivery(message)).collect::<PortResult<Vec<_>>>()?;
        if self.before {
            let tokens = came.iter().map(|delivery| delivery.token.clone()).collect();
            let deleted = settle(self.session.clone(), tokens, Settled::Acknowledged).await?;
            // What is not deleted comes again, and nothing is to be handled twice.
            came.retain(|delivery| deleted.contains(&delivery.token.1));
        }
        Ok(came)
    }
}

/// Acknowledges what an instance handled.
pub(super) struct Handled {
    pub(super) session: Session,
    /// Messages are acknowledged before they are handed over.
    pub(super) before: bool,
}

impl Settle for Handled {
    type Token = Token;
    const REJECTS: bool = true;
    const AT_ONCE: usize = WRITES;

    fn acknowledge(&mut self, tokens: Vec<Token>) -> BoxFuture<'static, PortResult> {
        match self.before {
            true => async { Ok(()) }.boxed(),
            false => settle(self.session.clone(), tokens, Settled::Acknowledged).map_ok(drop).boxed(),
        }
    }

    fn give_back(&mut self, tokens: Vec<Token>) -> BoxFuture<'static, PortResult> {
        settle(self.session.clone(), tokens, Settled::Rejected).map_ok(drop).boxed()
    }

    fn last(&self) -> RoundTrip {
        self.session.last()
    }
}

/// Deletes messages, or lets them be received again at once, and says of which handles the server has done it. A call may succeed in part. One
/// that the server does not settle is received again later, which is counted then.
async fn settle(session: Session, mut tokens: Vec<Token>, how: Settled) -> PortResult<BTreeSet<String>> {
    tokens.sort_by(|one, other| one.0.cmp(&other.0));
    let of_queues = tokens.chunk_by(|one, next| one.0 == next.0);
    let calls = of_queues.flat_map(|of| of.chunks(CALL)).map(|of| settle_some(&session, of, how));
    let settled = try_join_all(calls).await.map_err(|failure| session.broken(failure))?;
    Ok(settled.into_iter().flatten().collect())
}

/// The same for a call's messages of one queue.
async fn settle_some(session: &Session, tokens: &[Token], how: Settled) -> Result<Vec<String>, Failure> {
    let queue = tokens.first().map(|(queue, _)| queue.to_string());
    let named = tokens.iter().enumerate().map(|(number, (_, handle))| (number.to_string(), handle));
    if how == Settled::Acknowledged {
        let mut call = session.sqs.delete_message_batch().set_queue_url(queue);
        for (name, handle) in named {
            let entry = sqs::DeleteMessageBatchRequestEntry::builder().id(name).receipt_handle(handle);
            call = call.entries(entry.build()?);
        }
        let said = call.send().await?.successful;
        Ok(handles(tokens, said.iter().map(|entry| &*entry.id)))
    } else {
        let mut call = session.sqs.change_message_visibility_batch().set_queue_url(queue);
        for (name, handle) in named {
            let entry = sqs::ChangeMessageVisibilityBatchRequestEntry::builder().id(name);
            call = call.entries(entry.receipt_handle(handle).visibility_timeout(0).build()?);
        }
        let said = call.send().await?.successful;
        Ok(handles(tokens, said.iter().map(|entry| &*entry.id)))
    }
}

/// The handles of the entries that an answer names as settled. An entry's name in a call is the number of its token.
fn handles<'a>(tokens: &[Token], ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    ids.filter_map(|id| Some(tokens.get(id.parse::<usize>().ok()?)?.1.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: with `--acks before` messages were handed over that the server had not deleted, and so came again.
    #[test]
    fn of_a_call_that_succeeds_in_part_only_the_named_entries_are_settled() {
        let tokens: Vec<Token> = ["a", "b", "c"].map(|handle| (Arc::from("queue"), handle.to_owned())).into();
        let settled = |ids: &[&str]| handles(&tokens, ids.iter().copied());
        assert_eq!(settled(&["0", "1", "2"]), ["a", "b", "c"]);
        assert_eq!(settled(&["2", "0"]), ["c", "a"]);
        assert_eq!(
            settled(&["1", "3", "x", ""]),
            ["b"],
            "a server may name an entry that is not in the call"
        );
        assert_eq!(settled(&[]), [""; 0]);
    }
}
