//! Receiving through durable pull consumers, with explicit acknowledgement after handling.
//!
//! One subscription receives the messages of all consumers of an instance, and a second one its replies, if they are apart.
//! Each consumer is asked for a number of messages in advance, and for more when half of them have arrived. The requests
//! do not expire; they end with the subscription. (The client's own pull stream copies the client and its timers for every
//! message.)

use super::{
    super::{connection::Connection, headers},
    dead::{self, Letters},
    durable::{Durable, part},
};
use async_nats::{Message as Envelope, StatusCode, Subject, Subscriber};
use drumpost_kit::prelude::*;

/// A durable consumer, and how many messages it still has to hand out of those it was asked for.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) durable: Durable,
    /// The subject of advisories about its messages.
    pub(super) advised: String,
    pub(super) next: Subject,
    /// What the subject begins with on which its messages are acknowledged, up to the count of deliveries.
    pub(super) acknowledges: String,
    pub(super) due: usize,
}

impl Consumer {
    /// How often the server has handed out a message, from the subject on which it is acknowledged:
    /// `$JS.ACK.STREAM.CONSUMER.COUNT...`, or with a domain and an account before the stream. 0 if that does not say.
    #[inline]
    pub(super) fn attempt(&self, acknowledged_on: &str) -> u16 {
        let most = u64::from(u16::MAX);
        let count = |text: Option<&str>| text?.parse::<u64>().ok().map(|count| count.min(most) as u16);
        if let Some(rest) = acknowledged_on.strip_prefix(&*self.acknowledges) {
            return if rest.starts_with("1.") { 1 } else { count(rest.split('.').next()).unwrap_or(0) };
        }
        let tokens: Vec<&str> = acknowledged_on.split('.').collect();
        count(tokens.get(if tokens.len() > 9 { 6 } else { 4 }).copied()).unwrap_or(0)
    }
}

/// Several durable consumers, merged by one subscription.
struct Pull {
    consumers: Vec<Consumer>,
    inbox: Subject,
    inbound: Subscriber,
    /// The consumers are those of advisories, and these the messages that they tell of.
    letters: Option<Letters>,
}

impl Pull {
    /// What one of the consumers hands out next.
    #[inline]
    fn poll_envelope(&mut self, line: &Line, context: &mut Context<'_>) -> Poll<PortResult<Envelope>> {
        loop {
            let envelope = ready!(self.inbound.poll_next_unpin(context)).ok_or_else(|| line.closed())?;
            match envelope.status {
                None => return Poll::Ready(Ok(envelope)),
                Some(StatusCode::IDLE_HEARTBEAT) => {}
                // Requests do not expire, so a consumer was deleted, or the server is about to stop.
                Some(status) => {
                    let said = envelope.description.as_deref().unwrap_or("no reason given");
                    let what = format!("{} ended a consumer: {status} {said}", line.at);
                    return Poll::Ready(Err(PortError::Lost(what)));
                }
            }
        }
    }

    /// The next dead letter, as the message that an advisory tells of.
    fn poll_letter(
        &mut self,
        connection: &Connection,
        pool: &Pool,
        context: &mut Context<'_>,
    ) -> Poll<PortResult<Delivery<Subject>>> {
        while let Poll::Ready(advisory) = self.poll_envelope(&connection.line, context) {
            let advisory = advisory?;
            let mut consumers = self.consumers.iter_mut();
            let known = consumers.find(|consumer| consumer.advised == *advisory.subject);
            if let Some((consumer, letters)) = known.zip(self.letters.as_mut()) {
                consumer.due = consumer.due.saturating_sub(1);
                let client = connection.client.clone();
                letters.push(dead::letter(client, consumer.durable.stream.clone(), advisory).boxed());
            }
        }
        let Some(letters) = &mut self.letters else { return Poll::Pending };
        loop {
            let Some(letter) = ready!(letters.poll_next(context)) else { return Poll::Pending };
            if let Some(letter) = letter.map_err(|error| connection.line.broken(false, &error))? {
                let message = headers::decode(&letter, pool)?;
                return Poll::Ready(Ok(Delivery { message, told: Told::DEAD, token: address(letter.reply) }));
            }
        }
    }
}

/// Where a message is acknowledged. One without an address for that counts all the same.
fn address(reply: Option<Subject>) -> Subject {
    reply.unwrap_or_else(|| Subject::from_static("_"))
}

/// What one instance hears: its consumers, and apart from them those of its replies, where these are apart.
pub(super) struct Pulls {
    connection: Connection,
    pool: Arc<Pool>,
    pulls: Vec<Pull>,
    /// How many messages a consumer is asked for in advance.
    fetch: usize,
    /// The server waits for no acknowledgement.
    no_acks: bool,
}

impl Pulls {
    /// Receives from the consumers of what an instance hears, and from those of its dead letters if there are any.
    pub(super) async fn open(
        wiring: &Wiring,
        connection: &Connection,
        heard: Vec<(Vec<Durable>, bool)>,
        gives_up: bool,
        fetch: usize,
    ) -> Result<Option<Inbox<Self>>, OpenError> {
        // An instance with several parts of a stream has no more in hand than one with a whole stream.
        let shares = heard.iter().map(|(durables, _)| durables.len()).max().unwrap_or(1);
        let fetch = (fetch / shares.max(1)).max(wiring.batch);
        let (mut pulls, mut apart) = (Vec::new(), Vec::new());
        let kinds = [(true, false), (true, true), (false, false), (false, true)];
        for (is_apart, is_dead) in kinds.into_iter().filter(|(_, is_dead)| gives_up || !is_dead) {
            let consumer = |durable: &Durable| {
                let Durable { stream, name, .. } = durable;
                let place = match is_dead {
                    true => format!("{}.{}", dead::stream(wiring), dead::consumer(stream, name)),
                    false => format!("{stream}.{name}"),
                };
                let next = format!("$JS.API.CONSUMER.MSG.NEXT.{place}").into();
                let (acknowledges, advised) = (format!("$JS.ACK.{place}."), dead::subject(stream, name));
                Consumer { durable: durable.clone(), advised, next, acknowledges, due: 0 }
            };
            let heard =
                heard.iter().filter(|(_, apart)| *apart == is_apart).flat_map(|(durables, _)| durables);
            let (consumers, inbox) = (heard.map(consumer).collect::<Vec<_>>(), connection.client.new_inbox());
            if !consumers.is_empty() {
                let (inbox, client) = (Subject::from(inbox), &connection.client);
                let inbound = connection.line.at.step("subscribe", client.subscribe(inbox.clone())).await?;
                pulls.push(Pull { consumers, inbox, inbound, letters: is_dead.then(Letters::default) });
                apart.push(is_apart);
            }
        }
        let (pool, no_acks) = (Arc::clone(&wiring.pool), wiring.acks == Acks::Before);
        let pulls = Self { connection: connection.clone(), pool, pulls, fetch, no_acks };
        Ok(Inbox::new(wiring, connection.line.clone(), &apart, pulls))
    }
}

impl Deliveries for Pulls {
    type Token = Subject;
    const ACKNOWLEDGES: bool = true;
    const TELLS_ATTEMPTS: bool = true;
    const TELLS_SHARDS: bool = true;
    const REJECTS: bool = true;

    #[inline]
    fn poll_next(&mut self, source: usize, context: &mut Context<'_>) -> Poll<PortResult<Delivery<Subject>>> {
        let Self { connection, pool, pulls, .. } = self;
        let pull = &mut pulls[source];
        if pull.letters.is_some() {
            return pull.poll_letter(connection, pool, context);
        }
        let envelope = ready!(pull.poll_envelope(&connection.line, context))?;
        let message = headers::decode(&envelope, pool)?;
        let mut told = Told::default();
        let mut consumers = pull.consumers.iter_mut();
        let of = |Consumer { durable, .. }: &&mut Consumer| {
            durable.destination == message.destination
                && (durable.parts == 1 || usize::from(durable.part) == part(&message, durable.parts))
        };
        if let Some(consumer) = consumers.find(of) {
            consumer.due = consumer.due.saturating_sub(1);
            told.shard = consumer.durable.part + 1;
            told.attempt = envelope.reply.as_deref().map_or(0, |reply| consumer.attempt(reply));
        }
        Poll::Ready(Ok(Delivery { message, told, token: address(envelope.reply) }))
    }

    /// Asks the consumers for more, those that have handed out half of what they were asked for.
    fn poll_ask(&mut self, context: &mut Context<'_>) -> Poll<PortResult> {
        let Self { connection, pulls, fetch, .. } = self;
        for Pull { consumers, inbox, .. } in pulls {
            for consumer in consumers.iter_mut().filter(|consumer| consumer.due <= *fetch / 2) {
                ready!(connection.poll_room(context))?;
                let payload = format!("{{\"batch\":{}}}", *fetch - consumer.due).into();
                connection.say(consumer.next.clone(), payload, Some(inbox.clone()))?;
                consumer.due = *fetch;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_settle(
        &mut self,
        due: &mut Due<'_, Subject>,
        how: Settled,
        context: &mut Context<'_>,
    ) -> Poll<PortResult> {
        if self.no_acks {
            due.for_each(drop);
        }
        let word = if how == Settled::Acknowledged { "+ACK" } else { "-NAK" };
        while !due.is_empty() {
            ready!(self.connection.poll_room(context))?;
            if let Some(subject) = due.next() {
                self.connection.say(subject, Bytes::from_static(word.as_bytes()), None)?;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn last(&self) -> RoundTrip {
        self.connection.last()
    }
}
