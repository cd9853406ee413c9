//! Written by hand: `order-authorization` with a thread for each service, which yields when there is no message.

use crate::{
    flow::{Order, Payment, Warehouse, ran, receive, send},
    parts::{lead, stamp},
    trial::{CAPACITY, Ran, Trial},
};
use crossbeam::{
    channel::{Receiver, Sender, bounded},
    utils::CachePadded,
};
use drumpost_core::{
    clock::{Clock, Now},
    message::Message,
};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

/// What the threads share besides their queues.
struct Shared<'a> {
    trial: &'a Trial,
    clock: Clock,
    /// Flows the warehouse ended.
    ended: CachePadded<AtomicU64>,
    done: CachePadded<AtomicBool>,
}

type Queue = (Sender<Message>, Receiver<Message>);

pub(crate) fn on_threads(trial: &Trial) -> Ran {
    let queue = || -> Queue { bounded(CAPACITY) };
    let ((to_payment, placed), (to_order, replies), (to_warehouse, ships)) = (queue(), queue(), queue());
    let shared = Shared {
        trial,
        clock: Clock::start(),
        ended: CachePadded::new(AtomicU64::new(0)),
        done: CachePadded::new(AtomicBool::new(false)),
    };
    thread::scope(|scope| {
        let order = scope.spawn(|| order(&shared, &to_payment, &replies, &to_warehouse));
        let payment = scope.spawn(|| payment(&shared, &placed, &to_order));
        let warehouse = scope.spawn(|| warehouse(&shared, &ships));
        let (order, begins_ns) = order.join().expect("does not panic");
        let payment = payment.join().expect("does not panic");
        ran(&order, &payment, &warehouse.join().expect("does not panic"), begins_ns)
    })
}

fn order(
    shared: &Shared<'_>,
    to_payment: &Sender<Message>,
    replies: &Receiver<Message>,
    to_warehouse: &Sender<Message>,
) -> (Order, u64) {
    let Shared { trial, clock, ended, done } = shared;
    let mut order = Order::new(trial);
    let mut buffer = Vec::with_capacity(trial.batch.max(64));
    let begins_ns = lead(clock);
    loop {
        let mut moved = false;
        let ended = order.ends.ended + ended.load(Ordering::Acquire);
        if ended == trial.flows {
            break;
        }
        let room = order.source.room(ended, trial.batch);
        if room > 0 {
            order.place(room, clock.now_ns(), &trial.pool);
            send(to_payment, &order.placed);
            moved = true;
        }
        if receive(replies, trial.batch, &mut buffer) {
            order.react(&buffer, clock.now_ns(), &trial.pool);
            if !order.ships.is_empty() {
                stamp(&mut order.ships, clock.now_ns(), &trial.pool);
                send(to_warehouse, &order.ships);
            }
            moved = true;
        }
        if !moved {
            thread::yield_now();
        }
    }
    done.store(true, Ordering::Release);
    (order, begins_ns)
}

fn payment(shared: &Shared<'_>, placed: &Receiver<Message>, to_order: &Sender<Message>) -> Payment {
    let Shared { trial, clock, done, .. } = shared;
    let mut payment = Payment::new(trial);
    let mut buffer = Vec::with_capacity(trial.batch.max(64));
    while !done.load(Ordering::Acquire) {
        if receive(placed, trial.batch, &mut buffer) {
            payment.react(&buffer, clock.now_ns(), &trial.pool);
            stamp(&mut payment.replies, clock.now_ns(), &trial.pool);
            send(to_order, &payment.replies);
        } else {
            thread::yield_now();
        }
    }
    payment
}

fn warehouse(shared: &Shared<'_>, ships: &Receiver<Message>) -> Warehouse {
    let Shared { trial, clock, ended, done } = shared;
    let mut warehouse = Warehouse::default();
    let mut buffer = Vec::with_capacity(trial.batch.max(64));
    while !done.load(Ordering::Acquire) {
        if receive(ships, trial.batch, &mut buffer) {
            warehouse.react(&buffer, clock.now_ns(), &trial.pool);
            ended.store(warehouse.ends.ended, Ordering::Release);
        } else {
            thread::yield_now();
        }
    }
    warehouse
}
