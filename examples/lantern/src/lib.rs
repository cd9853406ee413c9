//! # lantern
//!
//! A transport and a scenario for drumpost in a crate outside of drumpost's repository. The transport carries all intents
//! over the standard library's bounded channels (`std::sync::mpsc`). The scenario is in [`parcel`].
//!
//! To write a transport of your own, follow these steps:
//!
//! 1. Describe the intents it carries and its promises: [`entry`]. drumpost lists them, judges runs by them, and checks them.
//! 2. Open it for a wiring: one endpoint per service instance, and one send port for each destination that the instance sends to.
//!    Refuse what it does not support, with a sentence that names the intent. Say with [`Transport::QUEUES`] whether a message is in
//!    the inbox of its receiver when `offer` returns. Then thousands of instances on a few threads are as fast as a few.
//! 3. Move messages: [`SendPort::offer`] accepts as many as there is room for, and [`RecvPort::drain`] hands over those that have
//!    arrived. Neither waits. drumpost reads the clock, counts and audits.
//! 4. Register it (`src/main.rs`, a few lines) and check it (`tests/contract.rs`, one line).
//!
//! A transport over a broker has a server to reach, confirms and acknowledgements: see the page `docs/brokers.md`.
//!
//! To begin from a copy of this folder, change the paths in `Cargo.toml` to where drumpost is. The empty `[workspace]` there is
//! needed only inside of drumpost's repository.
//!
//! ```text
//! cargo run --release -- run parcel --dispatch message/lantern,event/lantern,event/crossbeam
//! cargo run --release -- contract lantern
//! cargo test
//! ```

pub mod parcel;

use drumpost_core::{
    dispatcher::Threaded,
    message::Message,
    port::{Inbox, PortError, RecvPort, SendPort, Told},
    registry::TransportEntry,
    scenario::Intent,
    transport::{Endpoint, Endpoints, OpenError, Queues, Transport},
    wiring::{Destination, Wiring},
};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

/// The transport, as `drumpost list` shows it.
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "lantern",
        summary: "the standard library's bounded channels, one per receiving instance (std::sync::mpsc)",
        // By default a transport in memory carries all intents on threads and has no server and no options.
        make: |_options| Ok(Box::new(Threaded(Lantern))),
        ..TransportEntry::IN_MEMORY
    }
}

/// Opened anew for each trial.
pub struct Lantern;

/// The two ends of each instance's channels.
struct Channels {
    /// For everything but replies.
    told: (SyncSender<Message>, Option<Receiver<Message>>),
    /// For replies. They have a channel of their own, as a lane that awaits a reply takes nothing else.
    replies: (SyncSender<Message>, Option<Receiver<Message>>),
}

impl Transport for Lantern {
    type Send = Sender;
    type Recv = Ear;
    // A message that `try_send` has taken is in the channel of its receiver.
    const QUEUES: Queues = Queues::Each;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Sender, Ear>, OpenError> {
        refuse_competing(wiring)?;
        let channel = || {
            let (sender, receiver) = sync_channel(wiring.capacity.max(1));
            (sender, Some(receiver))
        };
        // In the order of the instances' numbers, so that a number is an index.
        let mut channels: Vec<Channels> =
            (0..wiring.instance_count()).map(|_| Channels { told: channel(), replies: channel() }).collect();
        let send = |destination: &Destination, channels: &[Channels]| {
            let to =
                destination.receivers.iter().flat_map(|service| wiring.services[*service].instances.clone());
            let ways = to.map(|instance| Way {
                channel: match destination.intent {
                    Intent::Reply => channels[usize::from(instance)].replies.0.clone(),
                    _ => channels[usize::from(instance)].told.0.clone(),
                },
                // A reply goes to the instance that asked, and to no other.
                only: (destination.intent == Intent::Reply).then_some(instance),
                ahead: 0,
            });
            Sender(ways.collect())
        };
        let mut endpoints = Vec::new();
        for instance in 0..wiring.instance_count() {
            let service = wiring.service_of(instance);
            let sends = wiring.sends_of(service).map(|sent| send(sent, &channels)).collect();
            let hears = wiring.heard_by(service).next().is_some();
            let Channels { told, replies } = &mut channels[usize::from(instance)];
            let ear = told.1.take().zip(replies.1.take()).map(|(told, replies)| Ear {
                told,
                replies,
                batch: Vec::with_capacity(wiring.batch),
            });
            endpoints.push(Endpoint { inbox: ear.filter(|_| hears), sends });
        }
        Ok(endpoints)
    }
}

/// A channel has one receiver, so instances of a service cannot compete for what only one of them is to handle.
fn refuse_competing(wiring: &Wiring) -> Result<(), OpenError> {
    for sent in wiring.destinations.iter().filter(|sent| sent.intent != Intent::Reply) {
        if sent.receivers.iter().any(|service| wiring.services[*service].instances.len() > 1) {
            return Err(OpenError::Refused(format!(
                "lantern cannot carry {} `{}` to several instances of a service: a channel has one receiver",
                sent.intent, sent.name
            )));
        }
    }
    Ok(())
}

/// One of the channels that a destination leads to.
struct Way {
    channel: SyncSender<Message>,
    only: Option<u16>,
    /// Messages at the head of the next offer that went this way already. An event goes to all ways. If one of them is full, `offer`
    /// says that the message was not taken, and drumpost offers it again; those ways that have it must not get it twice.
    ahead: usize,
}

/// Sends to one destination: to its one receiver, to all its subscribers, or to the instance that asked.
pub struct Sender(Vec<Way>);

impl SendPort for Sender {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        // A message is taken when all ways have it. A topic without subscribers has no ways and takes every message.
        let mut taken = batch.len();
        for Way { channel, only, ahead } in &mut self.0 {
            for message in &batch[*ahead..] {
                if only.is_none_or(|only| only == message.reply_to()) {
                    match channel.try_send(*message) {
                        Ok(()) => {}
                        Err(TrySendError::Full(_)) => break,
                        Err(TrySendError::Disconnected(_)) => return Err(PortError::Closed),
                    }
                }
                *ahead += 1;
            }
            taken = taken.min(*ahead);
        }
        self.0.iter_mut().for_each(|way| way.ahead -= taken);
        Ok(taken)
    }
}

/// Receives what one instance is told, hears and is answered.
pub struct Ear {
    told: Receiver<Message>,
    replies: Receiver<Message>,
    batch: Vec<Message>,
}

impl RecvPort for Ear {
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        self.batch.clear();
        // Replies first: they end what was asked.
        let mut may_come = take(&self.replies, max, &mut self.batch);
        if from == Inbox::All {
            may_come |= take(&self.told, max, &mut self.batch);
        }
        if self.batch.is_empty() {
            return if may_come { Ok(0) } else { Err(PortError::Closed) };
        }
        // A broker would say here how often it has handed each message out. A channel says nothing.
        on_batch(&self.batch, &[]);
        Ok(self.batch.len())
    }
}

/// Fills `batch` up to `max` messages. Says whether more may come.
fn take(channel: &Receiver<Message>, max: usize, batch: &mut Vec<Message>) -> bool {
    while batch.len() < max {
        match channel.try_recv() {
            Ok(message) => batch.push(message),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
    true
}
