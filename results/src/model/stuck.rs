//! What did not go on: a closed load that stood still, messages that went nowhere, and dead letters.

/// A closed load stood still, because flows that never ended used up its window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standstill {
    /// Flows under way at most.
    pub window: u64,
    /// Flows that never ended, those of the warm-up included.
    pub unfinished: u64,
    /// Of them: given up in the middle of the load, which then went on.
    pub written_off: u64,
    /// Since when, after the load began, no flow was started or ended; where that was so several times, the longest.
    pub from_ns: u64,
    /// For how long that was so.
    pub longest_ns: u64,
}

/// Messages that one service emitted and that went nowhere, because no route carries their kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unrouted {
    /// The service that emitted them.
    pub service: String,
    /// Their kind.
    pub kind: String,
    /// How many, warm-up included.
    pub messages: u64,
}

/// Messages to one destination that the broker gave up on, and that one receiving service had not handled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetters {
    /// The queue or topic.
    pub destination: String,
    /// The service that they were meant for.
    pub receiver: String,
    /// How many, warm-up included.
    pub messages: u64,
}

impl DeadLetters {
    /// Those of several trials, by destination and receiver, in order of appearance.
    pub(crate) fn merged<'a>(all: impl IntoIterator<Item = &'a Self>) -> Vec<Self> {
        let mut merged: Vec<Self> = Vec::new();
        for one in all {
            let is_same = |known: &&mut Self| {
                (&known.destination, &known.receiver) == (&one.destination, &one.receiver)
            };
            match merged.iter_mut().find(is_same) {
                Some(known) => known.messages += one.messages,
                None => merged.push(one.clone()),
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letters_merge_by_destination_and_receiver() {
        let of = |destination: &str, receiver: &str, messages| DeadLetters {
            destination: destination.into(),
            receiver: receiver.into(),
            messages,
        };
        let all =
            [of("paid", "mail", 1), of("paid", "stock", 2), of("work", "stock", 3), of("paid", "mail", 4)];
        let merged = [of("paid", "mail", 5), of("paid", "stock", 2), of("work", "stock", 3)];
        assert_eq!(DeadLetters::merged(&all), merged);
    }
}
