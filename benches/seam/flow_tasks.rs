//! Written by hand: `order-authorization` with a task for each service, on a runtime with one thread.

use crate::{
    flow::{Order, Payment, Warehouse, ran},
    parts::{lead, on_a_thread, stamp},
    trial::{CAPACITY, Ran, Trial},
};
use drumpost_core::{
    clock::{Clock, Now},
    message::Message,
    payload::Pool,
};
use std::{
    future::poll_fn,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Poll, Waker},
};
use tokio::{
    runtime::Builder,
    sync::mpsc::{Receiver, Sender, channel},
};

/// Tells the order service of flows that ended elsewhere. Its waker is left once.
#[derive(Default)]
struct Ended {
    count: AtomicU64,
    waits: AtomicBool,
    waker: OnceLock<Waker>,
}

impl Ended {
    /// All on one thread, so nothing has to be ordered.
    #[inline]
    fn tell(&self, count: u64) {
        self.count.store(count, Ordering::Relaxed);
        if self.waits.load(Ordering::Relaxed)
            && let Some(waker) = self.waker.get()
        {
            self.waits.store(false, Ordering::Relaxed);
            waker.wake_by_ref();
        }
    }
}

/// What each task needs.
#[derive(Clone)]
struct Shared {
    batch: usize,
    flows: u64,
    pool: Arc<Pool>,
    clock: Clock,
    ended: Arc<Ended>,
}

pub(crate) fn on_one_worker(trial: &Trial) -> Ran {
    on_a_thread(trial, |trial, pool, clock| {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let shared = Shared {
            batch: trial.batch,
            flows: trial.flows,
            pool: Arc::clone(pool),
            clock: clock.clone(),
            ended: Arc::default(),
        };
        let (to_payment, placed) = channel(CAPACITY);
        let (to_order, replies) = channel(CAPACITY);
        let (to_warehouse, ships) = channel(CAPACITY);
        let begins_ns = lead(clock);
        runtime.block_on(async {
            let ordering = order(Order::new(trial), shared.clone(), to_payment, replies, to_warehouse);
            let ordering = tokio::spawn(ordering);
            let paying = tokio::spawn(payment(Payment::new(trial), shared.clone(), placed, to_order));
            let shipping = tokio::spawn(warehouse(shared.clone(), ships));
            let order = ordering.await.expect("does not panic");
            let payment = paying.await.expect("does not panic");
            ran(&order, &payment, &shipping.await.expect("does not panic"), begins_ns)
        })
    })
}

/// Sends a stamped batch; the window fits the queues, so there is always room.
#[inline]
fn send(queue: &Sender<Message>, batch: &[Message]) {
    if let [message] = batch {
        queue.try_send(*message).expect("the window fits");
    } else {
        let permits = queue.try_reserve_many(batch.len()).expect("the window fits");
        permits.zip(batch).for_each(|(permit, message)| permit.send(*message));
    }
}

async fn order(
    mut order: Order,
    shared: Shared,
    to_payment: Sender<Message>,
    mut replies: Receiver<Message>,
    to_warehouse: Sender<Message>,
) -> Order {
    let Shared { batch, flows, pool, clock, ended: elsewhere } = shared;
    poll_fn(|context| {
        Poll::Ready(elsewhere.waker.get_or_init(|| context.waker().clone()).will_wake(context.waker()))
    })
    .await;
    let mut buffer = Vec::with_capacity(batch);
    loop {
        let ended = order.ends.ended + elsewhere.count.load(Ordering::Relaxed);
        if ended == flows {
            return order;
        }
        let room = order.source.room(ended, batch);
        if room > 0 {
            order.place(room, clock.now_ns(), &pool);
            send(&to_payment, &order.placed);
        }
        buffer.clear();
        let seen = ended - order.ends.ended;
        let received = poll_fn(|context| match replies.poll_recv_many(context, &mut buffer, batch) {
            Poll::Ready(received) => Poll::Ready(received),
            Poll::Pending if room > 0 || elsewhere.count.load(Ordering::Relaxed) != seen => Poll::Ready(0),
            Poll::Pending => {
                elsewhere.waits.store(true, Ordering::Relaxed);
                Poll::Pending
            }
        });
        if received.await > 0 {
            order.react(&buffer, clock.now_ns(), &pool);
            if !order.ships.is_empty() {
                stamp(&mut order.ships, clock.now_ns(), &pool);
                send(&to_warehouse, &order.ships);
            }
        }
    }
}

async fn payment(
    mut payment: Payment,
    shared: Shared,
    mut placed: Receiver<Message>,
    to_order: Sender<Message>,
) -> Payment {
    let Shared { batch, pool, clock, .. } = shared;
    let mut buffer = Vec::with_capacity(batch);
    while placed.recv_many(&mut buffer, batch).await > 0 {
        payment.react(&buffer, clock.now_ns(), &pool);
        buffer.clear();
        stamp(&mut payment.replies, clock.now_ns(), &pool);
        send(&to_order, &payment.replies);
    }
    payment
}

async fn warehouse(shared: Shared, mut ships: Receiver<Message>) -> Warehouse {
    let Shared { batch, pool, clock, ended, .. } = shared;
    let mut warehouse = Warehouse::default();
    let mut buffer = Vec::with_capacity(batch);
    while ships.recv_many(&mut buffer, batch).await > 0 {
        warehouse.react(&buffer, clock.now_ns(), &pool);
        buffer.clear();
        ended.tell(warehouse.ends.ended);
    }
    warehouse
}
