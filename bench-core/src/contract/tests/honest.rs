//! A minimal correct transport: a locked queue for each receiving service, and one for the replies of each instance.

use crate::{
    dispatcher::Threaded,
    message::Message,
    port::{Inbox, PortError, RecvPort, SendPort, Told},
    registry::{Promise, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    transport::{Endpoint, OpenError, Transport},
    wiring::Wiring,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

pub(super) const INTENTS: &[(Style, &[Intent])] =
    &[(Style::Message, &[Intent::Command, Intent::Request, Intent::Reply]), (Style::Event, &[Intent::Event])];

pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "honest",
        summary: "locked queues, for tests",
        intents: INTENTS,
        runs_on: RunsOn::Threads,
        promise: Promise::IN_MEMORY,
        needs_server: false,
        requests: None,
        options: &[],
        make: |_| Ok(Box::new(Threaded(Honest))),
    }
}

pub(super) type Queue = Arc<Mutex<VecDeque<Message>>>;

fn lock(queue: &Queue) -> MutexGuard<'_, VecDeque<Message>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Honest;

/// One of the queues a port sends to: whose it is, and how many messages of the next offer it already has.
struct Way {
    queue: Queue,
    /// Only replies to this instance.
    only: Option<u16>,
    ahead: usize,
}

pub(super) struct Sender {
    ways: Vec<Way>,
    capacity: usize,
}

pub(super) struct Receiver {
    pub(super) queues: Vec<Queue>,
    /// The queue of replies alone.
    pub(super) replies: Queue,
}

impl Transport for Honest {
    type Send = Sender;
    type Recv = Receiver;

    fn open(&mut self, wiring: &Wiring) -> Result<Vec<Endpoint<Sender, Receiver>>, OpenError> {
        let shared: Vec<Queue> = wiring.services.iter().map(|_| Queue::default()).collect();
        let own: Vec<Queue> = (0..wiring.instance_count()).map(|_| Queue::default()).collect();
        let endpoint = |instance: u16| {
            let service = wiring.service_of(instance);
            let replies = &own[usize::from(instance)];
            let queues = vec![Arc::clone(replies), Arc::clone(&shared[service])];
            let inbox = Receiver { queues, replies: Arc::clone(replies) };
            let sends = wiring.sends_of(service).map(|sent| {
                let ways = sent.receivers.iter().flat_map(|receiver| match sent.intent {
                    Intent::Reply => wiring.services[*receiver]
                        .instances
                        .clone()
                        .map(|to| Way { queue: Arc::clone(&own[usize::from(to)]), only: Some(to), ahead: 0 })
                        .collect(),
                    _ => vec![Way { queue: Arc::clone(&shared[*receiver]), only: None, ahead: 0 }],
                });
                Sender { ways: ways.collect(), capacity: wiring.capacity }
            });
            Endpoint {
                sends: sends.collect(),
                inbox: wiring.heard_by(service).next().is_some().then_some(inbox),
            }
        };
        Ok((0..wiring.instance_count()).map(endpoint).collect())
    }
}

impl SendPort for Sender {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        let mut taken = batch.len();
        for Way { queue, only, ahead } in &mut self.ways {
            let mut queue = lock(queue);
            for message in &batch[*ahead..] {
                if only.is_none_or(|only| only == message.reply_to()) {
                    if queue.len() >= self.capacity {
                        break;
                    }
                    queue.push_back(*message);
                }
                *ahead += 1;
            }
            taken = taken.min(*ahead);
        }
        self.ways.iter_mut().for_each(|way| way.ahead -= taken);
        Ok(taken)
    }
}

impl RecvPort for Receiver {
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        let mut batch = Vec::new();
        let queues = match from {
            Inbox::All => &self.queues[..],
            Inbox::Replies => std::slice::from_ref(&self.replies),
        };
        for queue in queues {
            let mut queue = lock(queue);
            let len = queue.len().min(max - batch.len());
            batch.extend(queue.drain(..len));
        }
        if !batch.is_empty() {
            on_batch(&batch, &[]);
        }
        Ok(batch.len())
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), PortError> {
        thread::sleep(at_most.min(Duration::from_micros(200)));
        Ok(())
    }
}
