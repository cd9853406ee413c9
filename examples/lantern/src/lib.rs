//! # lantern
//!
//! A transport for drumpost in one file, in a crate outside of drumpost's repository. It carries commands over the
//! standard library's bounded channels (`std::sync::mpsc`), one per receiving service. To write a transport of your
//! own, follow these steps:
//!
//! 1. Describe the intents it carries and its promises: [`entry`]. drumpost lists them, judges runs by them, and checks them.
//! 2. Open it for a wiring: one endpoint per service instance, and one send port for each destination that the instance sends to.
//!    Refuse intents that it does not support, with a sentence that names the intent.
//! 3. Move messages: [`SendPort::offer`] accepts as many as there is room for, and [`RecvPort::drain`] hands over those that have
//!    arrived. Neither waits. drumpost reads the clock, counts and audits.
//! 4. Register it (`src/main.rs`, a few lines) and check it (`tests/contract.rs`, one line).
//!
//! ```text
//! cargo run --release -- run stream --dispatch message/lantern
//! cargo test
//! ```

use drumpost_core::{
    dispatcher::Threaded,
    message::Message,
    port::{Inbox, PortError, RecvPort, SendPort, Told},
    registry::{Promise, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    transport::{Endpoint, Endpoints, OpenError, Transport},
    wiring::Wiring,
};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

/// The transport, as `drumpost list` shows it.
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "lantern",
        summary: "the standard library's bounded channels, one per receiving service (std::sync::mpsc)",
        intents: &[(Style::Message, &[Intent::Command])],
        runs_on: RunsOn::Threads,
        promise: Promise::IN_MEMORY,
        needs_server: false,
        options: &[],
        make: |_options| Ok(Box::new(Threaded(Lantern))),
    }
}

/// Opened anew for each trial.
pub struct Lantern;

/// Sends to one destination.
pub struct Sender(SyncSender<Message>);

/// Receives what a service is told.
pub struct Inbox {
    channel: Receiver<Message>,
    batch: Vec<Message>,
}

impl Transport for Lantern {
    type Send = Sender;
    type Recv = Inbox;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Sender, Inbox>, OpenError> {
        for sent in &wiring.destinations {
            let several = sent.receivers.iter().any(|to| wiring.services[*to].instances.len() > 1);
            if sent.intent != Intent::Command || several {
                let why = "a channel has one receiver, and it knows no way back";
                return Err(OpenError::Refused(format!(
                    "lantern cannot carry {} `{}`: {why}",
                    sent.intent, sent.name
                )));
            }
        }
        let (senders, inboxes): (Vec<_>, Vec<_>) =
            wiring.services.iter().map(|_| sync_channel(wiring.capacity.max(1))).unzip();
        let mut inboxes: Vec<_> = inboxes.into_iter().map(Some).collect();
        let endpoint = |instance| {
            let service = wiring.service_of(instance);
            let hears = wiring.heard_by(service).next().is_some();
            let inbox = |channel| Inbox { channel, batch: Vec::with_capacity(wiring.batch) };
            let send = |to: &usize| Sender(senders[*to].clone());
            Endpoint {
                inbox: inboxes[service].take().filter(|_| hears).map(inbox),
                sends: wiring.sends_of(service).flat_map(|sent| sent.receivers.iter().map(send)).collect(),
            }
        };
        Ok((0..wiring.instance_count()).map(endpoint).collect())
    }
}

impl SendPort for Sender {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        for (taken, message) in batch.iter().enumerate() {
            match self.0.try_send(*message) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => return Ok(taken),
                Err(TrySendError::Disconnected(_)) => return Err(PortError::Closed),
            }
        }
        Ok(batch.len())
    }
}

impl RecvPort for Inbox {
    fn drain(
        &mut self,
        _from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        self.batch.clear();
        while self.batch.len() < max {
            match self.channel.try_recv() {
                Ok(message) => self.batch.push(message),
                Err(TryRecvError::Disconnected) if self.batch.is_empty() => return Err(PortError::Closed),
                Err(_) => break,
            }
        }
        if !self.batch.is_empty() {
            on_batch(&self.batch, &[]);
        }
        Ok(self.batch.len())
    }
}
