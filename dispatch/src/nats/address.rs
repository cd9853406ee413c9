//! Names of subjects, streams and queue groups, and the subject of each message. All names are made at set-up.

use async_nats::Subject;
use drumpost_core::{
    message::Message,
    port::PortError,
    scenario::Intent,
    wiring::{Destination, Wiring},
};

/// `name` with whatever means something in a subject or a stream's name replaced by `_`.
pub(super) fn token(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    name.chars().map(plain).collect()
}

/// The subject of a destination. Its dots separate tokens, as in NATS's own naming.
pub(super) fn subject(wiring: &Wiring, destination: &Destination) -> String {
    let tokens =
        destination.name.split('.').map(|part| if part.is_empty() { "_".into() } else { token(part) });
    std::iter::once(token(&wiring.run_name)).chain(tokens).collect::<Vec<_>>().join(".")
}

/// The subject on which one instance hears the replies that travel to `destination`.
pub(super) fn reply_subject(wiring: &Wiring, destination: &Destination, instance: u16) -> String {
    format!("{}.{instance}", subject(wiring, destination))
}

/// What one instance hears of `destination`: all of it, or only the replies meant for this instance.
pub(super) fn heard_subject(wiring: &Wiring, destination: &Destination, instance: u16) -> String {
    match destination.intent {
        Intent::Reply => reply_subject(wiring, destination, instance),
        _ => subject(wiring, destination),
    }
}

/// The subject of replies to a request of the instance `asking`, if the request is answered.
pub(super) fn replies_to(wiring: &Wiring, request: &Destination, asking: u16) -> Option<Subject> {
    let answers = |other: &&Destination| {
        other.intent == Intent::Reply
            && request.receivers.contains(&other.sender)
            && other.receivers.contains(&request.sender)
    };
    let reply = wiring.destinations.iter().find(answers)?;
    Some(reply_subject(wiring, reply, asking).into())
}

/// The subjects to which a send port publishes.
#[derive(Debug)]
pub(super) enum Address {
    /// Always there.
    Fixed(Subject),
    /// To the instance that asked, by its number less `first`.
    Asker { destination: String, first: u16, subjects: Vec<Subject> },
}

impl Address {
    pub(super) fn new(wiring: &Wiring, destination: &Destination) -> Self {
        if destination.intent != Intent::Reply {
            return Self::Fixed(subject(wiring, destination).into());
        }
        let asking = destination.receivers.iter().map(|service| wiring.services[*service].instances.clone());
        let asking = asking.reduce(|all, one| all.start.min(one.start)..all.end.max(one.end)).unwrap_or(0..0);
        Self::Asker {
            destination: destination.name.clone(),
            first: asking.start,
            subjects: asking.map(|lane| reply_subject(wiring, destination, lane).into()).collect(),
        }
    }

    /// The subject for `message`.
    #[inline]
    pub(super) fn of(&self, message: &Message) -> Result<&Subject, PortError> {
        match self {
            Self::Fixed(subject) => Ok(subject),
            Self::Asker { destination, first, subjects } => {
                let at = message.reply_to().checked_sub(*first).map(usize::from);
                at.and_then(|at| subjects.get(at)).ok_or_else(|| {
                    let lane = message.reply_to();
                    PortError::Failed(format!(
                        "Reply `{destination}` to instance {lane}, which does not hear it"
                    ))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_nothing_that_means_something_in_a_subject() {
        assert_eq!(token("order authorization/3 > *.x"), "order_authorization_3_____x");
        assert_eq!(token("plain-name_1"), "plain-name_1");
    }
}
