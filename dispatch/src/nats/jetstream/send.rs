//! Publishing into a stream with publisher confirms.
//!
//! All messages of a port name the same reply subject. The server confirms them on it one by one, in the order in which
//! it stores them. So the number of confirms identifies the message, and nothing has to be kept per message. The
//! client's own publish futures would keep a table entry, a timer and a channel for each.

use super::super::{
    address::Address,
    connection::{Connection, Link, Outlet},
    encode::Encoder,
};
use async_nats::{Message as Envelope, StatusCode, Subject, Subscriber, message::OutboundMessage};
use drumpost_core::{
    message::Message,
    port::{AsyncSendPort, Confirms, PortError},
    wiring::{Destination, Wiring},
};
use futures_util::StreamExt;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    task::unconstrained,
    time::{Interval, MissedTickBehavior, interval, timeout},
};

/// Most messages of one port that are not yet confirmed, unless a batch is more.
const WINDOW: u64 = 1024;
/// A full window without a single answer for this long (at most twice this) is no longer waited for.
const SILENCE: Duration = Duration::from_secs(5);

/// How much longer than the wait for confirms the last of what was published may take to be written.
const WRITTEN: Duration = Duration::from_millis(500);

/// Publishes to one destination.
#[derive(Debug)]
pub(super) struct JetStreamSend {
    outlet: Outlet,
    encoder: Encoder,
    address: Address,
    confirms: Confirming,
}

impl JetStreamSend {
    pub(super) async fn open(
        wiring: &Wiring,
        connection: &Connection,
        sent: &Destination,
        refusals: Arc<Refusals>,
    ) -> Result<Self, async_nats::SubscribeError> {
        let reply = Subject::from(connection.client.new_inbox());
        let answers = connection.client.subscribe(reply.clone()).await?;
        Ok(Self {
            outlet: connection.outlet(),
            encoder: Encoder::new(Arc::clone(&wiring.pool)),
            address: Address::new(wiring, sent),
            confirms: Confirming::new(wiring, reply, answers, refusals, Arc::clone(&connection.link)),
        })
    }
}

impl AsyncSendPort for JetStreamSend {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        self.outlet.link.check()?;
        self.confirms.look()?;
        for (taken, message) in batch.iter().enumerate() {
            if !self.confirms.has_room() || !self.outlet.has_room()? {
                return Ok(taken);
            }
            self.outlet.put(OutboundMessage {
                subject: self.address.of(message)?.clone(),
                payload: self.encoder.bytes(message),
                reply: Some(self.confirms.reply.clone()),
                headers: self.encoder.headers(message),
            })?;
            self.confirms.sent += 1;
        }
        Ok(batch.len())
    }

    async fn ready(&mut self) -> Result<(), PortError> {
        poll_fn(|context| match self.confirms.poll_room(context) {
            Poll::Ready(Ok(())) => self.outlet.poll_room(context),
            other => other,
        })
        .await
    }

    async fn settle(&mut self, at_most: Duration) -> Option<Confirms> {
        // A failure of the link ends the wait; what has no answer by then counts as unconfirmed.
        if timeout(at_most, poll_fn(|context| self.confirms.poll_all(context))).await.is_err() {
            // What was published has had all of that time to be written.
            self.outlet.settle(WRITTEN).await;
        }
        Some(self.confirms.totals())
    }

    fn check(&self) -> Result<(), PortError> {
        self.outlet.link.check()
    }
}

/// The confirms of one port: how many were sent, answered, refused.
#[derive(Debug)]
struct Confirming {
    reply: Subject,
    answers: Subscriber,
    link: Arc<Link>,
    refusals: Arc<Refusals>,
    window: u64,
    sent: u64,
    answered: u64,
    refused: u64,
    /// So many of those sent are answered or no longer waited for.
    given_up: u64,
    /// Ticks while the window is full.
    silence: Interval,
    /// `answered` at its last tick.
    answered_then: Option<u64>,
}

impl Confirming {
    fn new(
        wiring: &Wiring,
        reply: Subject,
        answers: Subscriber,
        refusals: Arc<Refusals>,
        link: Arc<Link>,
    ) -> Self {
        let mut silence = interval(SILENCE);
        silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            reply,
            answers,
            link,
            refusals,
            window: WINDOW.max(wiring.batch as u64),
            sent: 0,
            answered: 0,
            refused: 0,
            given_up: 0,
            silence,
            answered_then: None,
        }
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.sent.saturating_sub(self.answered.max(self.given_up)) < self.window
    }

    /// Takes the answers that are there, without waiting.
    #[inline]
    fn look(&mut self) -> Result<(), PortError> {
        let looked = pin!(unconstrained(poll_fn(|context| self.poll_answers(context))));
        match looked.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// Takes all answers that are there; never `Ready(Ok)`.
    fn poll_answers(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        while let Poll::Ready(answer) = self.answers.poll_next_unpin(context) {
            let Some(answer) = answer else { return Poll::Ready(Err(self.link.closed())) };
            self.answered += 1;
            if let Some(reason) = refusal(&answer) {
                self.refused += 1;
                self.refusals.note(reason);
            }
        }
        Poll::Pending
    }

    /// Waits until the window has room.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        if let Poll::Ready(Err(error)) = self.poll_answers(context) {
            return Poll::Ready(Err(error));
        }
        while !self.has_room() && self.silence.poll_tick(context).is_ready() {
            if self.answered_then.replace(self.answered) == Some(self.answered) {
                self.given_up = self.sent;
            }
        }
        if self.has_room() { Poll::Ready(Ok(())) } else { self.link.listen(context) }
    }

    /// Waits until everything is answered.
    fn poll_all(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        if let Poll::Ready(Err(error)) = self.poll_answers(context) {
            return Poll::Ready(Err(error));
        }
        if self.answered >= self.sent { Poll::Ready(Ok(())) } else { self.link.listen(context) }
    }

    fn totals(&self) -> Confirms {
        let (confirmed, unconfirmed) =
            (self.answered - self.refused, self.sent.saturating_sub(self.answered));
        Confirms { confirmed, refused: self.refused, unconfirmed }
    }
}

/// Why a message was refused; `None` if it is stored. An acknowledgement begins with the stream's name, a refusal with
/// the error (see the server's `JSPubAckResponse`), and a subject without a stream has no responder at all.
fn refusal(answer: &Envelope) -> Option<String> {
    const STORED: &[u8] = br#"{"stream""#;
    if answer.payload.starts_with(STORED) {
        return None;
    }
    if answer.status == Some(StatusCode::NO_RESPONDERS) {
        return Some("no stream takes it".to_owned());
    }
    Some(String::from_utf8_lossy(&answer.payload).into_owned())
}

/// Messages that the server refused to store, over all ports of a run.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<(u64, String)>);

impl Refusals {
    fn note(&self, reason: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.0 == 0 {
            all.1 = reason;
        }
        all.0 += 1;
    }

    /// The sentence about refused messages, if there were any.
    pub(super) fn sentence(&self) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (all.0 > 0)
            .then(|| format!("nats-server refused to store {} messages, the first with {}", all.0, all.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(payload: &'static str, status: Option<StatusCode>) -> Envelope {
        let payload = bytes::Bytes::from_static(payload.as_bytes());
        let subject = Subject::from_static("_INBOX.1");
        Envelope { subject, reply: None, payload, headers: None, status, description: None, length: 0 }
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(refusal(&answer(r#"{"stream":"a", "seq":7}"#, None)), None);
        let error = r#"{"error":{"code":503,"description":"insufficient resources"},"stream":"a","seq":0}"#;
        assert!(refusal(&answer(error, None)).unwrap().contains("insufficient resources"));
        assert!(refusal(&answer("", Some(StatusCode::NO_RESPONDERS))).unwrap().contains("no stream"));
    }

    #[test]
    fn the_first_refusal_is_quoted() {
        let refusals = Refusals::default();
        assert_eq!(refusals.sentence(), None);
        refusals.note("disk full".to_owned());
        refusals.note("worse".to_owned());
        assert_eq!(
            refusals.sentence().unwrap(),
            "nats-server refused to store 2 messages, the first with disk full"
        );
    }
}
