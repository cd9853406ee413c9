//! Written by hand: one hop from a producer to a worker on one thread, through a ring and through a channel.

use crate::{
    flow::{receive, send},
    parts::{Ends, Inbound, Source, lead, on_a_thread, stamp},
    trial::{CAPACITY, Ran, Trial},
};
use crossbeam::channel::bounded;
use drumpost_core::{
    clock::Now,
    message::{Kind, Message},
    payload::Pool,
};
use rtrb::RingBuffer;

const PRODUCED: Kind = Kind(1);
const PRODUCER: u16 = 0;

/// The producer: makes and stamps the next batch.
struct Producer {
    source: Source,
    seq: u32,
    out: Vec<Message>,
}

impl Producer {
    fn new(trial: &Trial) -> Self {
        Self { source: Source::new(trial), seq: 0, out: Vec::with_capacity(trial.batch) }
    }

    #[inline]
    fn produce(&mut self, count: usize, now_ns: u64, pool: &Pool) {
        self.out.clear();
        for _ in 0..count {
            self.out.push(self.source.start(PRODUCER, now_ns).caused(PRODUCED, 0, PRODUCER, self.seq));
            self.seq = self.seq.wrapping_add(1);
        }
        stamp(&mut self.out, now_ns, pool);
    }
}

/// The worker: ends every flow.
#[derive(Default)]
struct Worker {
    inbound: Inbound,
    ends: Ends,
}

impl Worker {
    #[inline]
    fn work(&mut self, batch: &[Message], now_ns: u64, pool: &Pool) {
        for message in batch {
            if self.inbound.note(message, now_ns, pool) {
                self.ends.note(message, now_ns);
            }
        }
        self.inbound.record(now_ns);
        self.ends.record(now_ns);
    }

    fn ran(&self, begins_ns: u64) -> Ran {
        Ran {
            elapsed_ns: self.ends.last_ns - begins_ns,
            flows: self.ends.flows(),
            hops: self.inbound.hops(),
            faults: self.inbound.faults,
            negative: self.inbound.negative + self.ends.negative,
        }
    }
}

pub(crate) fn over_ring(trial: &Trial) -> Ran {
    on_a_thread(trial, |trial, pool, clock| {
        let (mut ring_in, mut ring_out) = RingBuffer::new(CAPACITY);
        let (mut producer, mut worker) = (Producer::new(trial), Worker::default());
        let begins_ns = lead(clock);
        while worker.ends.ended < trial.flows {
            let room = producer.source.room(worker.ends.ended, trial.batch);
            if room > 0 {
                producer.produce(room, clock.now_ns(), pool);
                let (_, left) = ring_in.push_partial_slice(&producer.out);
                assert!(left.is_empty(), "the window fits");
            }
            let there = ring_out.slots().min(trial.batch);
            if let Ok(chunk) = ring_out.read_chunk(there) {
                let (first, second) = chunk.as_slices();
                worker.work(first, clock.now_ns(), pool);
                if !second.is_empty() {
                    worker.work(second, clock.now_ns(), pool);
                }
                chunk.commit_all();
            }
        }
        worker.ran(begins_ns)
    })
}

pub(crate) fn over_channel(trial: &Trial) -> Ran {
    on_a_thread(trial, |trial, pool, clock| {
        let (sender, receiver) = bounded(CAPACITY);
        let (mut producer, mut worker) = (Producer::new(trial), Worker::default());
        let mut buffer = Vec::with_capacity(trial.batch);
        let begins_ns = lead(clock);
        while worker.ends.ended < trial.flows {
            let room = producer.source.room(worker.ends.ended, trial.batch);
            if room > 0 {
                producer.produce(room, clock.now_ns(), pool);
                send(&sender, &producer.out);
            }
            if receive(&receiver, trial.batch, &mut buffer) {
                worker.work(&buffer, clock.now_ns(), pool);
            }
        }
        worker.ran(begins_ns)
    })
}
