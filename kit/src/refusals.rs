//! What the server of a run refused, over all ports of the run. Confirms note it, and sentences about the run tell it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the server refused and whom it held up, over all ports of a run.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Refused>);

#[derive(Debug, Default)]
struct Refused {
    messages: u64,
    /// Why the first message was refused.
    first: String,
    /// Why the server stopped reading from a connection, the first time.
    held_up: Option<String>,
}

impl Refusals {
    pub(crate) fn note(&self, reason: String) {
        let mut all = self.all();
        if all.messages == 0 {
            all.first = reason;
        }
        all.messages += 1;
    }

    /// The server told a connection that it reads no more messages from it for now, for a reason in words.
    pub fn hold_up(&self, reason: String) {
        self.all().held_up.get_or_insert(reason);
    }

    /// The sentence about messages that `product` refused, and about connections that it held up, since it was last asked for, if
    /// there were any.
    #[must_use]
    pub fn sentence(&self, product: &str) -> Option<String> {
        let Refused { messages, first, held_up } = std::mem::take(&mut *self.all());
        let word = if messages == 1 { "message" } else { "messages" };
        let refused = (messages > 0)
            .then(|| format!("{product} refused to store {messages} {word}, the first with {first}"));
        let held_up = held_up.map(|reason| format!("{product} held up senders: {reason}"));
        let said: Vec<String> = refused.into_iter().chain(held_up).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    fn all(&self) -> MutexGuard<'_, Refused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
