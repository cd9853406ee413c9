//! Ports that hold the ports of a transport to what their methods return: how many messages `offer` took, how many `drain`
//! handed over, and one `Told` for each message or none. The contract kit runs some of its trials over them. They are
//! boxed, so the drivers are compiled for them once and not for each transport; all other trials run over the
//! transport's own ports, which nothing checks.

pub(super) mod on_tasks;
pub(super) mod on_threads;

use crate::{
    message::Message,
    port::{Inbox, PortError, Told},
    transport::{Endpoint, Endpoints},
};

/// The constants of a transport's ports that the driver of boxed ports needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub confirms: bool,
    pub acknowledges: bool,
}

/// Makes other ports of each port.
fn map<S, R, T, U>(
    endpoints: Endpoints<S, R>,
    send: impl Fn(S) -> T,
    recv: impl Fn(R) -> U,
) -> Endpoints<T, U> {
    let each = |endpoint: Endpoint<S, R>| Endpoint {
        inbox: endpoint.inbox.map(&recv),
        sends: endpoint.sends.into_iter().map(&send).collect(),
    };
    endpoints.into_iter().map(each).collect()
}

/// Checks the number that `offer` returned against the number of messages that it was offered.
fn taken(taken: usize, offered: usize) -> Result<usize, PortError> {
    if taken <= offered {
        return Ok(taken);
    }
    Err(PortError::Failed(format!("`offer` returned {taken} when {offered} messages were offered")))
}

/// The messages that one call of `drain` handed over.
#[derive(Default)]
struct Handed {
    count: usize,
    /// The first batch with another number of `Told`: how many messages it had, and how many `Told`.
    uneven: Option<(usize, usize)>,
}

impl Handed {
    /// Notes a batch. Returns what may be passed on of `told`: the harness looks it up by message.
    fn note<'a>(&mut self, batch: &[Message], told: &'a [Told]) -> &'a [Told] {
        self.count += batch.len();
        if told.is_empty() || told.len() == batch.len() {
            return told;
        }
        self.uneven.get_or_insert((batch.len(), told.len()));
        &[]
    }

    /// Checks the number that the call returned against the number of messages that it handed over.
    fn judge(&self, method: &str, returned: usize, from: Inbox) -> Result<usize, PortError> {
        if let Some((messages, told)) = self.uneven {
            return Err(PortError::Failed(format!(
                "`{method}` called `on_batch` with {messages} messages and {told} `Told`; it takes one `Told` for each \
                 message, or none"
            )));
        }
        if returned == self.count {
            return Ok(returned);
        }
        let of = if from == Inbox::Replies { "replies" } else { "messages" };
        Err(PortError::Failed(format!(
            "`{method}` returned {returned} after it had handed over {} {of}; it has to return how many it handed over",
            self.count
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_not_what_was_handed_over_is_told() {
        let judge = |batches: &[(usize, usize)], returned| {
            let mut handed = Handed::default();
            for (messages, told) in batches {
                let batch = vec![Message::default(); *messages];
                let passed = handed.note(&batch, &vec![Told::default(); *told]).len();
                assert!(passed == 0 || passed == *messages);
            }
            handed.judge("drain", returned, Inbox::All).map_err(|error| error.to_string())
        };
        assert_eq!(judge(&[], 0), Ok(0));
        assert_eq!(judge(&[(3, 0), (2, 2)], 5), Ok(5));
        let said = judge(&[(4, 0)], 1).unwrap_err();
        assert!(said.starts_with("`drain` returned 1 after it had handed over 4 messages"), "{said}");
        let said = judge(&[], 1).unwrap_err();
        assert!(said.starts_with("`drain` returned 1 after it had handed over 0 messages"), "{said}");
        for (messages, told) in [(1, 2), (3, 1)] {
            let said = judge(&[(messages, told)], messages).unwrap_err();
            let sentence = format!("`drain` called `on_batch` with {messages} messages and {told} `Told`");
            assert!(said.starts_with(&sentence), "{said}");
        }
    }

    #[test]
    fn no_more_is_taken_than_was_offered() {
        assert_eq!((taken(0, 3), taken(3, 3)), (Ok(0), Ok(3)));
        let said = taken(4, 3).unwrap_err().to_string();
        assert_eq!(said, "`offer` returned 4 when 3 messages were offered");
    }
}
