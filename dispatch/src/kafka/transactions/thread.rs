//! The thread that begins and ends the transactions of one producer.

use super::{super::clients::Events, *};
use rdkafka::TopicPartitionList as Offsets;
use std::sync::{
    Weak,
    mpsc::{Receiver, RecvTimeoutError},
};
use tokio::sync::OwnedMutexGuard;

/// How long a call waits for the server before it is repeated.
const STEP: Duration = Duration::from_secs(5);
/// How often at most: a server that was killed may take so long to come back.
const STEPS: usize = 12;

/// A consumer of the instance. The thread does not keep it alive: one that is dropped leaves its group.
pub(in super::super) struct Member {
    pub(in super::super) client: Weak<BaseConsumer<Events>>,
    pub(in super::super) topics: Arc<Vec<String>>,
    /// How often partitions were taken from it.
    pub(in super::super) epoch: Arc<AtomicU32>,
}

/// The state of the thread that runs the transactions of one producer.
pub(super) struct Thread {
    pub(super) all: Arc<Transactions>,
    pub(super) producer: Arc<BaseProducer<Events>>,
    pub(super) members: Vec<Member>,
    pub(super) every: Duration,
    pub(super) line: Line,
}

impl Thread {
    /// Tells when the server has taken the producer, and then ends its transactions until nobody asks for that any more.
    pub(super) fn serve(
        self,
        in_use: OwnedMutexGuard<()>,
        asked: &Receiver<Order>,
        tell: oneshot::Sender<KafkaResult<()>>,
    ) {
        let begun = repeated(|| self.producer.init_transactions(STEP)).and_then(|()| {
            // The server has rolled back what was open.
            let mut state = self.all.state();
            match state.phase {
                // What was handled then counts as such, and as a duplicate if it comes again. Nothing is said of what was sent.
                Phase::Unknown => {
                    state.now.sent.clear();
                    state.end(Ended::Committed);
                }
                Phase::Open | Phase::Ending => state.end(Ended::RolledBack),
            }
            (state.phase, state.is_due) = (Phase::Open, false);
            drop(state);
            self.producer.begin_transaction()
        });
        let has_begun = begun.is_ok();
        if tell.send(begun).is_ok() && has_begun {
            self.take_orders(asked);
        }
        drop(in_use);
    }

    fn take_orders(&self, asked: &Receiver<Order>) {
        let mut next = asked.recv().ok();
        while let Some(order) = next.take() {
            next = match order {
                Order::Begun => match asked.recv_timeout(self.every) {
                    Err(RecvTimeoutError::Timeout) => {
                        self.all.state().is_due = true;
                        self.all.waker.wake();
                        asked.recv().ok()
                    }
                    next => next.ok(),
                },
                order => {
                    if let Err(error) = self.end(matches!(order, Order::Commit)) {
                        self.line.break_off(true, &error);
                        return;
                    }
                    asked.recv().ok()
                }
            };
        }
    }

    /// Ends the transaction and begins another one. An error leaves the producer without use; what became of the transaction is known
    /// all the same, unless its phase says that it is not.
    fn end(&self, is_wanted: bool) -> KafkaResult<()> {
        let committed = if is_wanted { self.commit() } else { Ok(false) };
        let rolled_back = match &committed {
            Ok(true) => None,
            Ok(false) => Some(repeated(|| self.producer.abort_transaction(STEP))),
            Err(KafkaError::Transaction(error)) if error.txn_requires_abort() => {
                Some(repeated(|| self.producer.abort_transaction(STEP)))
            }
            // The server has rolled it back by itself, as it took too long, or nobody knows.
            Err(KafkaError::Transaction(error)) if error.is_fatal() => Some(Ok(())),
            Err(_) => {
                self.all.state().phase = Phase::Unknown;
                self.all.waker.wake();
                return committed.map(drop);
            }
        };
        let begun = match &rolled_back {
            None | Some(Ok(())) if committed.is_ok() => self.producer.begin_transaction(),
            _ => Ok(()),
        };
        // An abort that failed is made by the server, at the latest for the next producer.
        self.all.state().end(if rolled_back.is_none() { Ended::Committed } else { Ended::RolledBack });
        self.all.waker.wake();
        committed.map(drop).and(rolled_back.unwrap_or(Ok(()))).and(begun)
    }

    /// Commits the transaction. False: partitions were given out again, so it has to be rolled back.
    fn commit(&self) -> KafkaResult<bool> {
        let (offsets, epochs) = {
            let state = self.all.state();
            (state.now.offsets.clone(), state.now.epochs.clone())
        };
        for (number, member) in self.members.iter().enumerate() {
            let mut handled = Offsets::new();
            for ((_, topic, partition), offset) in offsets.iter().filter(|((of, ..), _)| *of == number) {
                handled.add_partition_offset(&member.topics[*topic], *partition, Offset::Offset(*offset))?;
            }
            if handled.count() == 0 {
                continue;
            }
            // What belongs to a generation of the group may be sent with it alone, and the server refuses it afterwards.
            let group = member.client.upgrade().and_then(|client| client.group_metadata());
            let Some(group) = group.filter(|_| epochs.get(&number) == Some(&member.epoch.load(Relaxed)))
            else {
                return Ok(false);
            };
            match repeated(|| self.producer.send_offsets_to_transaction(&handled, &group, STEP)) {
                Err(error) if is_given_away(&error) => return Ok(false),
                sent => sent?,
            }
        }
        repeated(|| self.producer.commit_transaction(STEP)).map(|()| true)
    }
}

/// Whether an error says that a consumer's partitions are another's now.
fn is_given_away(error: &KafkaError) -> bool {
    use Code::{IllegalGeneration, RebalanceInProgress, UnknownMemberId};
    matches!(error.rdkafka_error_code(), Some(IllegalGeneration | RebalanceInProgress | UnknownMemberId))
}

/// Repeats a call as long as its error says that this may help.
fn repeated(mut call: impl FnMut() -> KafkaResult<()>) -> KafkaResult<()> {
    let mut done = call();
    for _ in 1..STEPS {
        match &done {
            Err(KafkaError::Transaction(error)) if error.is_retriable() => {}
            Err(KafkaError::Flush(Code::OperationTimedOut)) => {}
            _ => return done,
        }
        done = call();
    }
    done
}
