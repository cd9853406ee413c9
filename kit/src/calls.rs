//! Writes of several calls: for servers whose calls take some messages for one place and say of each what became of it, such as
//! `SendMessageBatch` of SQS. [`Calls`] fits messages into calls, and brings what the calls said into the order of the messages, as
//! [`crate::write::Write::write`] has it.

use crate::write::Outcomes;
use drumpost_core::port::PortError;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::{collections::BTreeMap, future::Future, mem::take};

/// What a call said of its messages, by number: stored, or refused for a reason in words.
pub type Said = Vec<(usize, Result<(), String>)>;

/// Why a message counts as refused that an answer does not name.
const UNTOLD: &str = "an answer that says of other messages of its call what became of them";

/// The bytes of a call, and its entries with the numbers that their messages have in the write.
type Call<E> = (usize, Vec<(usize, E)>);

/// The calls of the next write. An entry is what a message is in a call.
#[derive(Debug)]
pub struct Calls<P, E> {
    most: usize,
    most_bytes: usize,
    /// By place.
    next: BTreeMap<P, Vec<Call<E>>>,
    count: usize,
}

impl<P: Clone + Ord + Send + 'static, E: Send + 'static> Calls<P, E> {
    /// Calls of at most so many messages, which have at most so many bytes together.
    #[must_use]
    pub const fn of(most: usize, most_bytes: usize) -> Self {
        Self { most, most_bytes, next: BTreeMap::new(), count: 0 }
    }

    /// Adds a message, which counts as so many bytes. It joins the last call for its place, if it fits.
    pub fn put(&mut self, place: &P, entry: E, bytes: usize) {
        let (number, calls) = (self.count, self.next.entry(place.clone()).or_default());
        self.count += 1;
        let (most, most_bytes) = (self.most, self.most_bytes);
        match calls.last_mut().filter(|(len, call)| call.len() < most && len + bytes <= most_bytes) {
            Some((len, call)) => {
                *len += bytes;
                call.push((number, entry));
            }
            None => calls.push((bytes, vec![(number, entry)])),
        }
    }

    /// Makes the calls, `at_once` of them at the same time. `call` is given a place and entries, each with the number by which the
    /// answer is to name it.
    pub fn write<F: Future<Output = Result<Said, PortError>> + Send + 'static>(
        &mut self,
        at_once: usize,
        call: impl Fn(P, Vec<(usize, E)>) -> F + Send + 'static,
    ) -> Outcomes {
        let (mut calls, count) = (Vec::new(), take(&mut self.count));
        for (place, of_place) in take(&mut self.next) {
            calls.extend(of_place.into_iter().map(|(_, entries)| (place.clone(), entries)));
        }
        Box::pin(async move {
            let calls = stream::iter(calls).map(move |(place, entries)| call(place, entries));
            let said: Vec<Said> = calls.buffered(at_once).try_collect().await?;
            let mut outcomes = vec![None; count];
            for (number, outcome) in said.into_iter().flatten() {
                // A server may name an entry that is not in the call.
                if let Some(of) = outcomes.get_mut(number) {
                    *of = Some(outcome);
                }
            }
            Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(UNTOLD.into()))).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::{
        future::ready,
        sync::{Arc, Mutex},
    };

    #[test]
    fn messages_are_fitted_into_calls_and_what_became_of_them_is_told_in_their_order() {
        let mut calls = Calls::of(2, 10);
        for (place, name, bytes) in
            [("b", "0", 4), ("a", "1", 9), ("b", "2", 6), ("b", "3", 1), ("a", "4", 2)]
        {
            calls.put(&place, name, bytes);
        }
        let made = Arc::<Mutex<Vec<String>>>::default();
        let notes = Arc::clone(&made);
        let outcomes = calls.write(1, move |place: &str, entries: Vec<(usize, &str)>| {
            let names: Vec<&str> = entries.iter().map(|(_, name)| *name).collect();
            notes.lock().unwrap().push(format!("{place}: {}", names.join(" ")));
            // The server answers in an order of its own, says nothing of one message, and names one that it was not given.
            let told = entries.into_iter().rev().filter(|(_, name)| *name != "3");
            let outcome = |name: &str| if name == "2" { Err("full".to_owned()) } else { Ok(()) };
            let said: Said =
                told.map(|(number, name)| (number, outcome(name))).chain([(99, Ok(()))]).collect();
            ready(Ok(said))
        });
        let outcomes = outcomes.now_or_never().unwrap().unwrap();
        assert_eq!(*made.lock().unwrap(), ["a: 1", "a: 4", "b: 0 2", "b: 3"]);
        assert_eq!(outcomes, [Ok(()), Ok(()), Err("full".into()), Err(UNTOLD.into()), Ok(())]);
        let next = calls.write(1, |_, _| ready(Ok(Said::new())));
        assert_eq!(next.now_or_never(), Some(Ok(vec![])), "the next write has messages of its own");
    }
}
