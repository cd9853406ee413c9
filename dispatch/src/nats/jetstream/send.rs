//! Publishing into a stream with publisher confirms.
//!
//! All messages of a port name the same reply subject. The server confirms them on it one by one, in the order in which
//! it stores them. So the number of confirms identifies the message, and nothing has to be kept per message. If the client
//! ever dropped a confirm, each later one would be taken for an older message. So it has room for all, and the run fails if it drops one
//! (`Server::keeping_all`). The client's own publish futures would keep a table entry, a timer and a channel for each.

use super::{
    super::connection::{Connection, Outlet},
    durable::{part, parts, subject},
};
use async_nats::{Message as Envelope, StatusCode, Subject, Subscriber};
use drumpost_kit::prelude::*;

/// Publishes to one destination.
#[derive(Debug)]
pub(super) struct Confirmed {
    outlet: Outlet,
    answers: Subscriber,
    /// The subjects among which the key chooses; none if there is one.
    parts: Vec<Subject>,
}

impl Confirmed {
    pub(super) async fn open(
        wiring: &Wiring,
        connection: &Connection,
        sent: &Destination,
        partitions: u16,
    ) -> Result<Self, OpenError> {
        let reply = Subject::from(connection.client.new_inbox());
        let subscribe = connection.client.subscribe(reply.clone());
        let answers = connection.line.at.step("subscribe", subscribe).await?;
        let (place, count) = (Layout::new(wiring, '.').place(sent), parts(partitions, sent));
        let parts = (0..count).filter(|_| count > 1).map(|part| subject(&place, part, count).into());
        Ok(Self { outlet: Outlet::new(wiring, connection, Some(reply)), answers, parts: parts.collect() })
    }
}

impl Publish for Confirmed {
    type Place = Subject;
    const CONFIRMS: bool = true;

    #[inline]
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<PortResult> {
        self.outlet.poll_room(context)
    }

    #[inline]
    fn put(&mut self, to: &Subject, payload: Bytes, message: &Message, pool: &Pool) -> PortResult {
        let to = if self.parts.is_empty() { to } else { &self.parts[part(message, self.parts.len())] };
        self.outlet.put(to, payload, message, pool)
    }

    fn poll_confirmed(&mut self, context: &mut Context<'_>, confirms: &mut Confirms<'_>) -> PortResult {
        while let Poll::Ready(answer) = self.answers.poll_next_unpin(context) {
            let answer = answer.ok_or_else(|| self.outlet.connection.line.closed())?;
            confirms.came(refusal(&answer).map_or(Ok(()), Err));
        }
        Ok(())
    }

    fn last(&self) -> RoundTrip {
        self.outlet.last()
    }
}

/// Why a message was refused; `None` if it is stored. An acknowledgement begins with the stream's name, a refusal with
/// the error (see the server's `JSPubAckResponse`), and a subject without a stream has no responder at all.
pub(super) fn refusal(answer: &Envelope) -> Option<String> {
    const STORED: &[u8] = br#"{"stream""#;
    if answer.payload.starts_with(STORED) {
        return None;
    }
    if answer.status == Some(StatusCode::NO_RESPONDERS) {
        return Some("no stream takes it".to_owned());
    }
    Some(String::from_utf8_lossy(&answer.payload).into_owned())
}
