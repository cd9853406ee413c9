//! Publishing into a stream with publisher confirms.
//!
//! All messages of a port name the same reply subject. The server confirms them on it one by one, in the order in which
//! it stores them. So the number of confirms identifies the message, and nothing has to be kept per message. The
//! client's own publish futures would keep a table entry, a timer and a channel for each.

use super::super::connection::{Connection, Outlet};
use async_nats::{Message as Envelope, StatusCode, Subject, Subscriber};
use drumpost_core::{
    message::Message,
    port::{AsyncSendPort, Confirmed, PortError},
    transport::OpenError,
    wiring::{Destination, Wiring},
};
use futures_util::StreamExt;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::task::unconstrained;

/// Publishes to one destination.
#[derive(Debug)]
pub(super) struct JetStreamSend {
    outlet: Outlet,
    reply: Subject,
    answers: Subscriber,
    refusals: Arc<Refusals>,
}

impl JetStreamSend {
    pub(super) async fn open(
        wiring: &Wiring,
        connection: &Connection,
        sent: &Destination,
        refusals: Arc<Refusals>,
    ) -> Result<Self, OpenError> {
        let reply = Subject::from(connection.client.new_inbox());
        let answers = connection.at.step("subscribe", connection.client.subscribe(reply.clone())).await?;
        Ok(Self { outlet: Outlet::new(wiring, connection, sent), reply, answers, refusals })
    }
}

impl AsyncSendPort for JetStreamSend {
    const CONFIRMS: bool = true;

    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        self.outlet.offer(batch, Some(&self.reply))
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.outlet.connection.poll_room(context)
    }

    fn poll_confirmed(
        &mut self,
        context: &mut Context<'_>,
        tell: &mut dyn FnMut(Confirmed),
    ) -> Result<(), PortError> {
        let Self { outlet, answers, refusals, .. } = self;
        outlet.connection.link.check()?;
        let mut stored = 0;
        let mut take = |context: &mut Context<'_>| {
            while let Poll::Ready(answer) = answers.poll_next_unpin(context) {
                let Some(answer) = answer else { return Err(outlet.connection.closed()) };
                match refusal(&answer) {
                    None => stored += 1,
                    Some(reason) => {
                        refusals.note(reason);
                        tell_some(tell, std::mem::take(&mut stored));
                        tell(Confirmed::Refused(1));
                    }
                }
            }
            Ok(())
        };
        // A task that has used up its budget finds nothing even where there is something.
        let taken = pin!(unconstrained(poll_fn(|context| Poll::Ready(take(context)))));
        let taken = taken.poll(context);
        tell_some(tell, stored);
        match taken {
            Poll::Ready(taken) => taken,
            Poll::Pending => Ok(()),
        }
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.outlet.poll_finish(context)
    }
}

fn tell_some(tell: &mut dyn FnMut(Confirmed), stored: u32) {
    if stored > 0 {
        tell(Confirmed::Stored(stored));
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
