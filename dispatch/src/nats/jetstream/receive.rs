//! Receiving through durable pull consumers, with explicit acknowledgement after handling.
//!
//! One subscription receives the messages of all consumers of an instance, and a second one its replies, if they are apart.
//! Each consumer is asked for a number of messages in advance, and for more when half of them have arrived. The requests
//! do not expire; they end with the subscription. (The client's own pull stream copies the client and its timers for every
//! message.)

use super::super::{connection::Connection, headers};
use async_nats::{StatusCode, Subject, Subscriber};
use drumpost_kit::prelude::*;

/// A durable consumer, and how many messages it still has to hand out of those it was asked for.
#[derive(Debug)]
struct Consumer {
    destination: u16,
    next: Subject,
    /// What the subject begins with on which its messages are acknowledged, up to the count of deliveries.
    acknowledges: String,
    due: usize,
}

impl Consumer {
    /// How often the server has handed out a message, from the subject on which it is acknowledged:
    /// `$JS.ACK.STREAM.CONSUMER.COUNT...`, or with a domain and an account before the stream. 0 if that does not say.
    #[inline]
    fn attempt(&self, acknowledged_on: &str) -> u16 {
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
#[derive(Debug)]
struct Pull {
    consumers: Vec<Consumer>,
    inbox: Subject,
    inbound: Subscriber,
}

/// What one instance hears: its consumers, and apart from them those of its replies, where these are apart.
#[derive(Debug)]
pub(super) struct Pulls {
    connection: Connection,
    pool: Arc<Pool>,
    pulls: Vec<Pull>,
    /// How many messages a consumer is asked for in advance.
    fetch: usize,
}

impl Pulls {
    /// Receives from the consumers of what an instance hears, each in the stream that `stream` names.
    pub(super) async fn open(
        wiring: &Wiring,
        connection: &Connection,
        heard: Vec<Heard<'_>>,
        stream: impl Fn(&Destination) -> String,
        fetch: usize,
    ) -> Result<Option<Inbox<Self>>, OpenError> {
        let (mut pulls, mut apart) = (Vec::new(), Vec::new());
        for is_apart in [true, false] {
            let consumer = |heard: &Heard<'_>| {
                let place = format!("{}.{}", stream(heard.destination), heard.group);
                let next = format!("$JS.API.CONSUMER.MSG.NEXT.{place}").into();
                let acknowledges = format!("$JS.ACK.{place}.");
                Consumer { destination: heard.destination.id, next, acknowledges, due: 0 }
            };
            let heard = heard.iter().filter(|heard| heard.is_apart == is_apart);
            let (consumers, inbox) = (heard.map(consumer).collect::<Vec<_>>(), connection.client.new_inbox());
            if !consumers.is_empty() {
                let (inbox, client) = (Subject::from(inbox), &connection.client);
                let inbound = connection.line.at.step("subscribe", client.subscribe(inbox.clone())).await?;
                pulls.push(Pull { consumers, inbox, inbound });
                apart.push(is_apart);
            }
        }
        let pool = Arc::clone(&wiring.pool);
        let pulls = Self { connection: connection.clone(), pool, pulls, fetch };
        Ok(Inbox::new(wiring, connection.line.clone(), &apart, pulls))
    }
}

impl Deliveries for Pulls {
    type Token = Subject;
    const ACKNOWLEDGES: bool = true;
    const TELLS_ATTEMPTS: bool = true;
    const REJECTS: bool = true;

    #[inline]
    fn poll_next(&mut self, source: usize, context: &mut Context<'_>) -> Poll<PortResult<Delivery<Subject>>> {
        let Pull { consumers, inbound, .. } = &mut self.pulls[source];
        loop {
            let envelope = ready!(inbound.poll_next_unpin(context));
            let envelope = envelope.ok_or_else(|| self.connection.line.closed())?;
            match envelope.status {
                None => {}
                Some(StatusCode::IDLE_HEARTBEAT) => continue,
                // Requests do not expire, so a consumer was deleted, or the server is about to stop.
                Some(status) => {
                    let said = envelope.description.as_deref().unwrap_or("no reason given");
                    let at = &self.connection.line.at;
                    return Poll::Ready(Err(PortError::Lost(format!(
                        "{at} ended a consumer: {status} {said}"
                    ))));
                }
            }
            let message = headers::decode(&envelope, &self.pool)?;
            let mut told = Told::default();
            let mut consumers = consumers.iter_mut();
            if let Some(consumer) = consumers.find(|consumer| consumer.destination == message.destination) {
                consumer.due = consumer.due.saturating_sub(1);
                told.attempt = envelope.reply.as_deref().map_or(0, |reply| consumer.attempt(reply));
            }
            // A message without an address for its acknowledgement counts all the same.
            let token = envelope.reply.unwrap_or_else(|| Subject::from_static("_"));
            return Poll::Ready(Ok(Delivery { message, told, token }));
        }
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
        let word = if how == Settled::Acknowledged { "+ACK" } else { "-NAK" };
        while !due.is_empty() {
            ready!(self.connection.poll_room(context))?;
            if let Some(subject) = due.next() {
                self.connection.say(subject, Bytes::from_static(word.as_bytes()), None)?;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn last(&self) -> Exchange {
        let client = self.connection.client.clone();
        Box::pin(async move { client.flush().await.map_err(|error| error.to_string()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_deliveries_is_read_from_the_subject() {
        let next = "$JS.API.CONSUMER.MSG.NEXT.s.c".into();
        let consumer = Consumer { destination: 0, next, acknowledges: "$JS.ACK.s.c.".into(), due: 0 };
        for (subject, attempt) in [
            ("$JS.ACK.s.c.1.7.9.1700000000.5", 1),
            ("$JS.ACK.s.c.2.7.9.1700000000.5", 2),
            ("$JS.ACK.s.c.12.7.9.1700000000.5", 12),
            ("$JS.ACK.s.c.99999.7.9.1700000000.5", u16::MAX),
            ("$JS.ACK.hub.ACCOUNT.s.c.1.7.9.1700000000.5.x", 1),
            ("$JS.ACK.hub.ACCOUNT.s.c.3.7.9.1700000000.5.x", 3),
            ("_INBOX.1", 0),
        ] {
            assert_eq!(consumer.attempt(subject), attempt, "{subject}");
        }
    }
}
