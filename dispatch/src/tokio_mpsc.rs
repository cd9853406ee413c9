//! `tokio-mpsc`: tokio's bounded channels with many senders and one receiver.
//!
//! Command, Request and Reply: each service instance has one channel for everything that it receives, and a second one
//! for replies if it both handles messages and sends requests. The message's `reply_to` selects the channel of a reply.
//! Several instances that would compete for commands or requests are refused, because a channel has one receiver.
//! Event: refused, because a channel has no subscribers. A full channel blocks the sender.

use crate::shared::{
    Addressees, Refusals, exactly_one,
    merged::{Haul, Merged, PolledSource},
    queues::{endpoints, put_all},
};
use drumpost_core::{
    dispatcher::Tasked,
    message::Message,
    port::{AsyncSendPort, PortError},
    registry::{RunsOn, TransportEntry},
    scenario::{Intent, Style},
    transport::{Endpoints, InMemory, OpenError},
    wiring::Wiring,
};
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};
use tokio_util::sync::PollSender;

/// The transport, as the command line lists it.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "tokio-mpsc",
        summary: "tokio's bounded channels, one per receiving instance (tokio::sync::mpsc)",
        intents: &[(Style::Message, &[Intent::Command, Intent::Request, Intent::Reply])],
        runs_on: RunsOn::Tasks,
        make: |_| Ok(Box::new(Tasked::new(transport()))),
        ..TransportEntry::IN_MEMORY
    }
}

const REFUSALS: Refusals = Refusals {
    intents: "a channel has one receiver; use tokio-broadcast, crossbeam or listeners",
    competing: |instances, service| exactly_one(instances, service, "a channel has one receiver"),
};

/// See the module.
pub type TokioMpsc = InMemory<ChannelSender, Merged<Receiver<Message>>>;

/// The transport.
#[must_use]
pub fn transport() -> TokioMpsc {
    InMemory::new(open)
}

/// Sends to one destination. On cache lines of its own: a task holds several.
#[derive(Debug)]
#[repr(align(128))]
pub struct ChannelSender {
    addressees: Addressees,
    /// One by receiving instance.
    channels: Vec<Sender<Message>>,
    /// The channel that had no room last.
    full: usize,
    /// Waits for room in that channel. Made when a channel is full for the first time.
    waiting: Option<(usize, PollSender<Message>)>,
}

fn open(wiring: &Wiring) -> Result<Endpoints<ChannelSender, Merged<Receiver<Message>>>, OpenError> {
    REFUSALS.check(&entry(), wiring)?;
    Ok(endpoints(wiring, channel, Option::take, |who_asked, channels| ChannelSender {
        addressees: who_asked.unwrap_or_default(),
        channels,
        full: 0,
        waiting: None,
    }))
}

impl AsyncSendPort for ChannelSender {
    #[inline]
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        if let ([channel], [message]) = (&self.channels[..], batch) {
            return fill_one(channel, message);
        }
        self.offer_runs(batch)
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        let (channels, full) = (&self.channels, self.full);
        let (_, sender) = match &mut self.waiting {
            Some(waiting) if waiting.0 == full => waiting,
            other => other.insert((full, PollSender::new(channels[full].clone()))),
        };
        let room = ready!(sender.poll_reserve(context));
        // The room is given back, to be taken by the next offer.
        sender.abort_send();
        Poll::Ready(room.map_err(|_| PortError::Closed))
    }
}

impl ChannelSender {
    /// Out of line, so that a single message is sent without the loops that several need.
    #[inline(never)]
    fn offer_runs(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        let Self { addressees, channels, full, .. } = self;
        addressees.offer(batch, |to, run| {
            let taken = fill(&channels[to], run)?;
            if taken < run.len() {
                *full = to;
            }
            Ok(taken)
        })
    }
}

/// Sends what there is room for.
#[inline]
fn fill(channel: &Sender<Message>, batch: &[Message]) -> Result<usize, PortError> {
    // Room for all of a batch is taken at once; only a channel that is nearly full is filled one by one.
    if batch.len() > 1
        && let Ok(permits) = channel.try_reserve_many(batch.len())
    {
        permits.zip(batch).for_each(|(permit, message)| permit.send(*message));
        return Ok(batch.len());
    }
    put_all(batch, |message| Ok(fill_one(channel, message)? == 1))
}

#[inline]
fn fill_one(channel: &Sender<Message>, message: &Message) -> Result<usize, PortError> {
    match channel.try_reserve() {
        Ok(permit) => permit.send(*message),
        Err(TrySendError::Full(())) => return Ok(0),
        Err(TrySendError::Closed(())) => return Err(PortError::Closed),
    }
    Ok(1)
}

impl PolledSource for Receiver<Message> {
    #[inline(always)]
    fn take(&mut self, context: &mut Context<'_>, max: usize, haul: &mut Haul) -> Option<usize> {
        match self.poll_recv_many(context, &mut haul.messages, max) {
            Poll::Pending => Some(0),
            Poll::Ready(received) => Some(received).filter(|received| *received > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::{
        Trial, ask, block_on, drain, half_a_pipe, numbered, pipe, react_and_ask, room,
    };
    use drumpost_core::plan::Placement;
    use std::time::Duration;

    const PLACEMENTS: [Placement; 3] = [Placement::Each, Placement::Threads(1), Placement::Threads(2)];

    #[test]
    fn a_flow_that_ends_where_it_starts_makes_room_for_the_next() {
        for (batch, in_flight) in [(1, 1), (1, 4), (64, 64)] {
            Trial { batch, in_flight, ..Trial::default() }.run(Tasked::new(transport()), half_a_pipe());
        }
    }

    #[test]
    fn everything_arrives_once_and_in_order() {
        for placement in PLACEMENTS {
            for (batch, in_flight) in [(64, 64), (1, 64), (7, 16), (64, 1)] {
                Trial { placement, batch, in_flight, ..Trial::default() }
                    .run(Tasked::new(transport()), pipe(false));
            }
        }
        let trial = Trial { instances: &[("source", 3)], capacity: 16, ..Trial::default() };
        trial.run(Tasked::new(transport()), pipe(false));
    }

    #[test]
    fn a_single_flow_under_way_never_misses_its_wake_up() {
        // With each sample the monitor rings every lane, which would hide a wake-up that was missed.
        let sample_every = Duration::from_secs(8);
        let trial = Trial { in_flight: 1, batch: 1, count: 100_000, sample_every, ..Trial::default() };
        let outcome = trial.run(Tasked::new(transport()), pipe(false));
        assert!(outcome.elapsed_ns < 6_000_000_000, "{} ns", outcome.elapsed_ns);
    }

    #[test]
    fn a_load_begins_when_it_is_to_and_not_with_the_first_sample() {
        let trial = Trial { count: 100, ..Trial::default() };
        let elapsed_ns = (0..3).map(|_| trial.run(Tasked::new(transport()), pipe(false)).elapsed_ns);
        assert!(elapsed_ns.min() < Some(90_000_000));
    }

    #[test]
    fn a_full_channel_holds_the_sender_up() {
        for placement in PLACEMENTS {
            let trial = Trial { placement, capacity: 4, count: 500, ..Trial::default() };
            assert!(trial.run(Tasked::new(transport()), pipe(true)).blocked_ns > 0);
        }
    }

    #[test]
    fn a_window_that_stands_is_written_off() {
        for placement in PLACEMENTS {
            Trial { placement, ..Trial::default() }.stuck(Tasked::new(transport()));
        }
    }

    #[test]
    fn replies_go_to_who_asked() {
        for placement in PLACEMENTS {
            for await_replies in [false, true] {
                let instances = &[("source", 2)];
                let trial = Trial { placement, instances, await_replies, count: 5_000, ..Trial::default() };
                trial.run(Tasked::new(transport()), ask());
            }
        }
    }

    #[test]
    fn a_service_that_reacts_and_asks_gets_both() {
        for placement in PLACEMENTS {
            for await_replies in [false, true] {
                let trial = Trial { placement, await_replies, count: 5_000, ..Trial::default() };
                trial.run(Tasked::new(transport()), react_and_ask());
            }
        }
    }

    #[test]
    fn a_panicking_handler_ends_the_run() {
        for placement in PLACEMENTS {
            let failure = Trial { placement, ..Trial::default() }.failure(Tasked::new(transport()));
            assert!(failure.contains("number 1000 is too much"), "{failure}");
        }
    }

    #[test]
    fn what_is_refused_names_the_intent() {
        let trial = Trial { instances: &[("server", 3)], ..Trial::default() };
        assert_eq!(
            trial.refusal(Tasked::new(transport()), ask()),
            "tokio-mpsc cannot carry Request `server.ask` to the 3 instances of service `server`, of which exactly one \
             is to handle it: a channel has one receiver; use crossbeam, or one instance"
        );
        let trial = Trial { style: Style::Event, ..Trial::default() };
        assert_eq!(
            trial.refusal(Tasked::new(transport()), pipe(false)),
            "tokio-mpsc cannot carry Event `source.done`: a channel has one receiver; use tokio-broadcast, crossbeam or \
             listeners"
        );
    }

    #[test]
    fn a_side_that_is_gone_closes_the_other() {
        block_on(async {
            let wiring = Trial::default().wiring(&pipe(false));
            let [mut source, mut sink]: [_; 2] = open(&wiring).unwrap().try_into().unwrap();
            let inbox = sink.inbox.as_mut().unwrap();
            assert_eq!(source.sends[0].offer(&numbered(0, 3)), Ok(3));
            drop(source);
            let mut seen = Vec::new();
            assert_eq!(drain(inbox, 2, &mut seen).await, Ok(2));
            assert_eq!(drain(inbox, 2, &mut seen).await, Ok(1), "the rest is not lost");
            assert_eq!((drain(inbox, 2, &mut seen).await, seen), (Err(PortError::Closed), vec![0, 1, 2]));
            let [mut source, sink]: [_; 2] = open(&wiring).unwrap().try_into().unwrap();
            drop(sink);
            assert_eq!(source.sends[0].offer(&numbered(0, 3)), Err(PortError::Closed));
            assert_eq!(room(&mut source.sends[0]).await, Err(PortError::Closed));
        });
    }

    #[test]
    fn room_ends_the_wait_for_it() {
        block_on(async {
            let wiring = Trial { capacity: 4, ..Trial::default() }.wiring(&pipe(false));
            let [mut source, mut sink]: [_; 2] = open(&wiring).unwrap().try_into().unwrap();
            assert_eq!(source.sends[0].offer(&numbered(0, 9)), Ok(4));
            assert_eq!(source.sends[0].offer(&numbered(4, 5)), Ok(0));
            let reader = tokio::spawn(async move {
                let drained = drain(sink.inbox.as_mut().unwrap(), 1, &mut Vec::new()).await;
                (drained, sink)
            });
            assert_eq!(room(&mut source.sends[0]).await, Ok(()));
            assert_eq!(reader.await.unwrap().0, Ok(1));
        });
    }
}
