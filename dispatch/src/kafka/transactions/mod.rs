//! Transactions (`--acks transaction`): what an instance has handled and what it sent because of that becomes visible together, or
//! neither does.
//!
//! - Each instance has one transactional producer. Offsets of handled messages are sent with its transaction, and consumers read what is
//!   committed. A transaction is committed `kafka.commit-every` after its first message, or when it has [`MOST`] messages.
//! - A transaction may be committed only when everything that its handled messages caused is in it. That is so when nothing is
//!   *open*: handed over, and not acknowledged. The lane begins the commit then, and takes and hands over nothing until it has ended.
//! - The calls that end a transaction wait for the server, so a thread makes them (`thread.rs`).
//! - An instance that was killed or lost its connection leaves its transaction open, as a process that dies does. The producer that
//!   takes its place has the same `transactional.id`, and the server rolls the transaction back for it. So what is known of the
//!   transactions of an instance outlives its ports: the ports that come next tell what became of the last one.
//! - In a rebalance the new owner of a partition begins after what was committed. So a transaction with messages of a partition that was
//!   given to another is rolled back.

mod thread;

use super::{clients::Events, ports::Consumer, *};
use drumpost_core::{dispatcher::guard::no_thread, port::Transacted};
use futures_util::task::AtomicWaker;
use std::{
    collections::VecDeque,
    sync::{
        MutexGuard,
        mpsc::{Sender, channel},
    },
};
pub(super) use thread::Member;
use thread::Thread;
use tokio::sync::oneshot;

/// Messages handed over and sent with which a transaction is committed early: half of the usual confirm window.
const MOST: u32 = 512;

/// Of a partition: the number of its consumer, of its topic, and of itself.
pub(super) type Shard = (usize, usize, i32);

/// The messages and offsets in a transaction.
#[derive(Default)]
struct Content {
    /// By send port.
    sent: Vec<u32>,
    handed: u32,
    /// Of these: not acknowledged.
    open: u32,
    /// The offsets after what was acknowledged.
    offsets: BTreeMap<Shard, i64>,
    /// By consumer from which messages were handed over: how often its partitions had been given out then.
    epochs: BTreeMap<usize, u32>,
}

impl Content {
    fn len(&self) -> u32 {
        self.handed + self.sent.iter().sum::<u32>()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Takes messages.
    #[default]
    Open,
    /// The thread commits it or rolls it back.
    Ending,
    /// Nobody knows whether it was committed: the server did not answer.
    Unknown,
}

#[derive(Default)]
struct State {
    now: Content,
    phase: Phase,
    /// The transaction has been open for `kafka.commit-every`.
    is_due: bool,
    /// By send port: what the lane has not heard of.
    sent: Vec<VecDeque<(Ended, u32)>>,
    handed: VecDeque<(Ended, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Committed,
    RolledBack,
}

impl State {
    /// Notes how a transaction ended. Another one begins.
    fn end(&mut self, how: Ended) {
        let Content { sent, handed, .. } = std::mem::take(&mut self.now);
        let ports = self.sent.len().max(sent.len());
        self.sent.resize_with(ports, VecDeque::new);
        for (all, count) in self.sent.iter_mut().zip(sent).filter(|(_, count)| *count > 0) {
            all.push_back((how, count));
        }
        if handed > 0 {
            self.handed.push_back((how, handed));
        }
        (self.phase, self.is_due) = (Phase::Open, false);
    }
}

/// The transactions of one instance, over all producers that it has in a run.
#[derive(Default)]
pub(super) struct Transactions {
    state: Mutex<State>,
    waker: AtomicWaker,
    /// Locked by the thread that uses a producer, as long as it does. A successor must not begin before: the server fences the producer that
    /// it hears of first. A lock of tokio's, because the successor waits for it in a future.
    in_use: Arc<tokio::sync::Mutex<()>>,
}

/// What a lane asks the thread of its producer to do.
enum Order {
    /// A transaction has its first message.
    Begun,
    Commit,
    RollBack,
}

/// The state of transactions that the ports of one endpoint share.
pub(super) struct Transacting {
    all: Arc<Transactions>,
    orders: Sender<Order>,
    /// By consumer: how often its partitions were taken away.
    epochs: Vec<Arc<AtomicU32>>,
}

impl Transacting {
    /// Whether the transaction takes messages. Ends it if it is time for that.
    pub(super) fn takes(&self, context: &Context<'_>) -> bool {
        self.all.waker.register(context.waker());
        let mut state = self.all.state();
        if state.phase == Phase::Open && state.now.open == 0 && state.now.len() > 0 {
            let is_stale =
                state.now.epochs.iter().any(|(at, epoch)| self.epochs[*at].load(Relaxed) != *epoch);
            if is_stale {
                self.order(&mut state, Order::RollBack);
            } else if state.is_due || state.now.len() >= MOST {
                self.order(&mut state, Order::Commit);
            }
        }
        state.phase == Phase::Open
    }

    fn order(&self, state: &mut State, order: Order) {
        state.phase = Phase::Ending;
        // Fails if the thread has ended; then the line is lost, too.
        let _ = self.orders.send(order);
    }

    /// Adds to the transaction what `add` says.
    fn add(&self, add: impl FnOnce(&mut Content)) {
        let mut state = self.all.state();
        let is_first = state.now.len() == 0;
        add(&mut state.now);
        if is_first {
            let _ = self.orders.send(Order::Begun);
        }
    }

    /// A message was sent through this port.
    pub(super) fn sent(&self, port: usize) {
        self.add(|now| {
            now.sent.resize(now.sent.len().max(port + 1), 0);
            now.sent[port] += 1;
        });
    }

    /// Hands a message of a consumer over that was read in this epoch. `None`: it was read before the partitions were given out again,
    /// and comes again. `Some(false)`: not before the transaction has ended that has earlier messages.
    pub(super) fn hands(&self, consumer: usize, epoch: u32) -> Option<bool> {
        if self.epochs[consumer].load(Relaxed) != epoch {
            return None;
        }
        let known = self.all.state().now.epochs.get(&consumer).copied();
        if known.is_some_and(|known| known != epoch) {
            return Some(false);
        }
        self.add(|now| {
            (now.handed, now.open) = (now.handed + 1, now.open + 1);
            now.epochs.insert(consumer, epoch);
        });
        Some(true)
    }

    /// Messages were handled, and what they caused is in the transaction.
    pub(super) fn handled(&self, tokens: impl Iterator<Item = (Shard, i64)>) {
        let mut state = self.all.state();
        for (shard, offset) in tokens {
            state.now.open = state.now.open.saturating_sub(1);
            state.now.offsets.insert(shard, offset + 1);
        }
    }

    /// Tells what became of messages that were sent through a port.
    pub(super) fn tell_sent(&self, port: usize, confirms: &mut Confirms<'_>) {
        let mut state = self.all.state();
        let told = state.sent.get_mut(port).map(std::mem::take).unwrap_or_default();
        drop(state);
        for (how, count) in told {
            match how {
                Ended::Committed => confirms.all_stored(count),
                Ended::RolledBack => confirms.rolled_back(count),
            }
        }
    }

    /// Tells what became of messages that were handed over.
    pub(super) fn tell_handed(&self, tell: &mut dyn FnMut(Transacted)) {
        let told = std::mem::take(&mut self.all.state().handed);
        for (how, count) in told {
            tell(match how {
                Ended::Committed => Transacted::Committed(count),
                Ended::RolledBack => Transacted::RolledBack(count),
            });
        }
    }

    /// Ends the last transaction: done when nothing is in it any more.
    pub(super) async fn finish(self: Arc<Self>) -> Result<(), String> {
        self.all.state().is_due = true;
        std::future::poll_fn(|context| {
            let takes = self.takes(context);
            let state = self.all.state();
            match state.phase {
                Phase::Open if takes && (state.now.len() == 0 || state.now.open > 0) => Poll::Ready(()),
                Phase::Unknown => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
        match self.all.state().phase {
            Phase::Unknown => Err("nobody knows whether the last transaction was committed".into()),
            _ => Ok(()),
        }
    }
}

impl Transactions {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Has a thread begin and end transactions of a producer, until nobody has what this returns any more. First it waits until an
    /// earlier producer of the instance is no longer in use, and until the server has rolled back what that one left.
    pub(super) async fn begin(
        self: &Arc<Self>,
        producer: Arc<BaseProducer<Events>>,
        consumers: &[Consumer],
        every: Duration,
        line: &Line,
    ) -> Result<Arc<Transacting>, Failure> {
        let in_use = Arc::clone(&self.in_use).lock_owned().await;
        let ((orders, asked), (tell, told)) = (channel(), oneshot::channel());
        let members = consumers.iter().map(Consumer::member).collect::<Vec<_>>();
        let epochs = members.iter().map(|member| Arc::clone(&member.epoch)).collect();
        let thread = Thread { all: Arc::clone(self), producer, members, every, line: line.clone() };
        let serves = move || thread.serve(in_use, &asked, tell);
        let started = std::thread::Builder::new().spawn(serves);
        started.map_err(|error| Failure::NoThread(no_thread("the transactions of an instance", &error)))?;
        told.await.unwrap_or(Err(KafkaError::Canceled))?;
        Ok(Arc::new(Transacting { all: Arc::clone(self), orders, epochs }))
    }
}
