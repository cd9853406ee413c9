//! Written by hand: the services of `order-authorization`, and the flow on one thread.

use crate::{
    parts::{Ends, Inbound, Source, lead, on_a_thread, stamp},
    trial::{CAPACITY, Ran, Trial},
};
use crossbeam::channel::{Receiver, Sender, bounded};
use drumpost_core::{
    clock::Now,
    message::{Kind, Message},
    payload::Pool,
};

const PLACED: Kind = Kind(1);
const ACCEPTED: Kind = Kind(2);
const DECLINED: Kind = Kind(3);
const SHIP: Kind = Kind(4);
const AUTHORIZE: u16 = 0;
const AUTHORIZE_REPLY: u16 = 1;
const WAREHOUSE_SHIP: u16 = 2;
const ORDER: u16 = 0;
const PAYMENT: u16 = 1;

/// Numbers what one service sends to one destination.
#[derive(Default)]
struct Outbound {
    seq: u32,
}

impl Outbound {
    #[inline]
    fn caused(&mut self, cause: &Message, kind: Kind, destination: u16, producer: u16) -> Message {
        let seq = self.seq;
        self.seq = seq.wrapping_add(1);
        cause.caused(kind, destination, producer, seq)
    }
}

/// Places orders; sends accepted ones off and closes declined ones.
pub(crate) struct Order {
    pub(crate) source: Source,
    pub(crate) ends: Ends,
    pub(crate) placed: Vec<Message>,
    pub(crate) ships: Vec<Message>,
    replies: Inbound,
    authorize: Outbound,
    ship: Outbound,
}

impl Order {
    pub(crate) fn new(trial: &Trial) -> Self {
        Self {
            source: Source::new(trial),
            ends: Ends::default(),
            placed: Vec::with_capacity(trial.batch),
            ships: Vec::with_capacity(trial.batch),
            replies: Inbound::default(),
            authorize: Outbound::default(),
            ship: Outbound::default(),
        }
    }

    /// Fills `placed`, stamped.
    #[inline]
    pub(crate) fn place(&mut self, count: usize, now_ns: u64, pool: &Pool) {
        self.placed.clear();
        for _ in 0..count {
            let start = self.source.start(ORDER, now_ns);
            let mut placed = self.authorize.caused(&start, PLACED, AUTHORIZE, ORDER);
            placed.set_reply_to(ORDER);
            self.placed.push(placed);
        }
        stamp(&mut self.placed, now_ns, pool);
    }

    /// Fills `ships`, to be stamped when they are handed over.
    #[inline]
    pub(crate) fn react(&mut self, replies: &[Message], now_ns: u64, pool: &Pool) {
        self.ships.clear();
        for message in replies {
            if !self.replies.note(message, now_ns, pool) {
                continue;
            }
            if message.kind == ACCEPTED {
                self.ships.push(self.ship.caused(message, SHIP, WAREHOUSE_SHIP, ORDER));
            } else {
                self.ends.note(message, now_ns);
            }
        }
        self.replies.record(now_ns);
        self.ends.record(now_ns);
    }
}

/// Accepts or declines.
pub(crate) struct Payment {
    pub(crate) replies: Vec<Message>,
    asked: Inbound,
    reply: Outbound,
}

impl Payment {
    pub(crate) fn new(trial: &Trial) -> Self {
        Self {
            replies: Vec::with_capacity(trial.batch),
            asked: Inbound::default(),
            reply: Outbound::default(),
        }
    }

    /// Fills `replies`, to be stamped when they are handed over.
    #[inline]
    pub(crate) fn react(&mut self, placed: &[Message], now_ns: u64, pool: &Pool) {
        self.replies.clear();
        for message in placed {
            if self.asked.note(message, now_ns, pool) {
                let kind = if is_declined(message.key) { DECLINED } else { ACCEPTED };
                self.replies.push(self.reply.caused(message, kind, AUTHORIZE_REPLY, PAYMENT));
            }
        }
        self.asked.record(now_ns);
    }
}

/// As the scenario decides; that both sides count as many hops shows it.
fn is_declined(key: u32) -> bool {
    key.wrapping_add(1).wrapping_mul(0x9e37_79b1) < u32::MAX / 10
}

/// Ends flows.
#[derive(Default)]
pub(crate) struct Warehouse {
    pub(crate) ends: Ends,
    shipped: Inbound,
}

impl Warehouse {
    #[inline]
    pub(crate) fn react(&mut self, ships: &[Message], now_ns: u64, pool: &Pool) {
        for message in ships {
            if self.shipped.note(message, now_ns, pool) {
                self.ends.note(message, now_ns);
            }
        }
        self.shipped.record(now_ns);
        self.ends.record(now_ns);
    }
}

/// What the services came to.
pub(crate) fn ran(order: &Order, payment: &Payment, warehouse: &Warehouse, begins_ns: u64) -> Ran {
    let inbound = [&order.replies, &payment.asked, &warehouse.shipped];
    let ends = [&order.ends, &warehouse.ends];
    Ran {
        elapsed_ns: order.ends.last_ns.max(warehouse.ends.last_ns) - begins_ns,
        flows: ends.iter().map(|ends| ends.flows()).sum(),
        hops: inbound.iter().map(|inbound| inbound.hops()).sum(),
        faults: inbound.iter().map(|inbound| inbound.faults).sum(),
        negative: inbound.iter().map(|inbound| inbound.negative).sum::<u64>()
            + ends.iter().map(|ends| ends.negative).sum::<u64>(),
    }
}

/// Sends a stamped batch; the window fits the queues, so there is always room.
#[inline]
pub(crate) fn send(queue: &Sender<Message>, batch: &[Message]) {
    batch.iter().for_each(|message| queue.try_send(*message).expect("the window fits"));
}

/// Receives up to `max` messages into `buffer`.
#[inline]
pub(crate) fn receive(queue: &Receiver<Message>, max: usize, buffer: &mut Vec<Message>) -> bool {
    buffer.clear();
    buffer.extend(queue.try_iter().take(max));
    !buffer.is_empty()
}

/// All services in turn on one thread.
pub(crate) fn on_one_thread(trial: &Trial) -> Ran {
    on_a_thread(trial, |trial, pool, clock| {
        let (to_payment, placed) = bounded(CAPACITY);
        let (to_order, replies) = bounded(CAPACITY);
        let (to_warehouse, ships) = bounded(CAPACITY);
        let mut order = Order::new(trial);
        let (mut payment, mut warehouse) = (Payment::new(trial), Warehouse::default());
        let mut buffer = Vec::with_capacity(trial.batch);
        let begins_ns = lead(clock);
        loop {
            let ended = order.ends.ended + warehouse.ends.ended;
            if ended == trial.flows {
                break;
            }
            let room = order.source.room(ended, trial.batch);
            if room > 0 {
                order.place(room, clock.now_ns(), pool);
                send(&to_payment, &order.placed);
            }
            if receive(&placed, trial.batch, &mut buffer) {
                payment.react(&buffer, clock.now_ns(), pool);
                stamp(&mut payment.replies, clock.now_ns(), pool);
                send(&to_order, &payment.replies);
            }
            if receive(&replies, trial.batch, &mut buffer) {
                order.react(&buffer, clock.now_ns(), pool);
                if !order.ships.is_empty() {
                    stamp(&mut order.ships, clock.now_ns(), pool);
                    send(&to_warehouse, &order.ships);
                }
            }
            if receive(&ships, trial.batch, &mut buffer) {
                warehouse.react(&buffer, clock.now_ns(), pool);
            }
        }
        ran(&order, &payment, &warehouse, begins_ns)
    })
}
