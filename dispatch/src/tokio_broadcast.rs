//! `tokio-broadcast`: tokio's broadcast channels.
//!
//! Event: one channel per topic, and every subscribing service has a receiver. A sender is never blocked. A receiver
//! that falls behind by more than the capacity, which the channel rounds up to a power of two, loses the oldest
//! messages and is told how many. Several instances of a subscribing service are refused, because each would get a
//! copy. Command, Request and Reply are refused, because every receiver of the channel would get them. A service with
//! several topics takes from them in turn.

use crate::shared::{
    Refusals, exactly_one,
    merged::{Haul, Merged, PolledSource},
};
use drumpost_core::{
    dispatcher::Tasked,
    message::Message,
    port::{AsyncSendPort, PortError},
    registry::{Delivery, Promise, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    transport::{Endpoint, Endpoints, InMemory, OpenError},
    wiring::Wiring,
};
use std::task::{Context, Poll};
use tokio::sync::broadcast::{
    Receiver, Sender, channel,
    error::{RecvError, TryRecvError},
};
use tokio_util::sync::ReusableBoxFuture;

/// The transport, as the command line lists it.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "tokio-broadcast",
        summary: "tokio's broadcast channels, one per topic; a slow subscriber loses the oldest messages (tokio::sync::broadcast)",
        intents: &[(Style::Event, &[Intent::Event])],
        runs_on: RunsOn::Tasks,
        promise: Promise { holds_up_senders: false, delivery: Delivery::AtMostOnce, ..Promise::IN_MEMORY },
        make: |_| Ok(Box::new(Tasked::new(transport()))),
        ..TransportEntry::IN_MEMORY
    }
}

const REFUSALS: Refusals = Refusals {
    intents: "every receiver of the channel would get it; use tokio-mpsc or crossbeam",
    competing: |instances, service| exactly_one(instances, service, "each would get a copy"),
};

/// See the module.
pub type TokioBroadcast = InMemory<TopicSender, Merged<Topic>>;

/// The transport.
#[must_use]
pub fn transport() -> TokioBroadcast {
    InMemory::new(opened)
}

/// Publishes to one topic. On cache lines of its own: a task holds several.
#[derive(Debug)]
#[repr(align(128))]
pub struct TopicSender {
    topic: Sender<Message>,
    /// Whether any service subscribes; if not, the topic takes everything.
    is_heard: bool,
}

/// Receives what one service subscribes to of one topic. A receiver that waits is lent to the future that waits, which is
/// kept from one drain to the next: a drain that is dropped loses neither its wake-up nor a message.
#[derive(Debug)]
pub struct Topic {
    /// `None` while it is lent.
    receiver: Option<Receiver<Message>>,
    waiting: Option<ReusableBoxFuture<'static, Waited>>,
}

type Waited = (Result<Message, RecvError>, Receiver<Message>);

async fn next_of(mut receiver: Receiver<Message>) -> Waited {
    (receiver.recv().await, receiver)
}

fn opened(wiring: &Wiring) -> Result<Endpoints<TopicSender, Merged<Topic>>, OpenError> {
    REFUSALS.check(&entry(), wiring)?;
    let topics: Vec<Sender<Message>> =
        wiring.destinations.iter().map(|_| channel(wiring.capacity.max(1)).0).collect();
    let topic = |id: u16| &topics[usize::from(id)];
    let endpoint = |instance| {
        let service = wiring.service_of(instance);
        let subscribed = wiring
            .heard_by(service)
            .map(|heard| Topic { receiver: Some(topic(heard.id).subscribe()), waiting: None });
        let sends = wiring
            .sends_of(service)
            .map(|sent| TopicSender { topic: topic(sent.id).clone(), is_heard: !sent.receivers.is_empty() });
        Endpoint { inbox: Merged::new(wiring, vec![], subscribed.collect()), sends: sends.collect() }
    };
    Ok((0..wiring.instance_count()).map(endpoint).collect())
}

impl AsyncSendPort for TopicSender {
    #[inline]
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        if self.is_heard {
            for message in batch {
                self.topic.send(*message).map_err(|_| PortError::Closed)?;
            }
        }
        Ok(batch.len())
    }

    fn poll_room(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        Poll::Ready(Ok(()))
    }
}

impl PolledSource for Topic {
    const LOSES: bool = true;

    #[inline]
    fn take(&mut self, context: &mut Context<'_>, max: usize, haul: &mut Haul) -> Option<usize> {
        match &mut self.receiver {
            Some(receiver) => take(receiver, max, haul),
            None => self.poll(context, max, haul),
        }
    }

    fn take_or_wait(&mut self, context: &mut Context<'_>, max: usize, haul: &mut Haul) -> Option<usize> {
        let Some(receiver) = self.receiver.take() else { return Some(0) };
        match &mut self.waiting {
            Some(waiting) => waiting.set(next_of(receiver)),
            none => *none = Some(ReusableBoxFuture::new(next_of(receiver))),
        }
        self.poll(context, max, haul)
    }
}

impl Topic {
    /// Polls the future that waits; when it is done, gets the receiver back and takes what else is there.
    fn poll(&mut self, context: &mut Context<'_>, max: usize, haul: &mut Haul) -> Option<usize> {
        let polled = self.waiting.as_mut().map(|waiting| waiting.poll(context));
        let Some(Poll::Ready((received, receiver))) = polled else { return Some(0) };
        let receiver = self.receiver.insert(receiver);
        match received {
            Ok(message) => {
                haul.messages.push(message);
                Some(1 + take(receiver, max - 1, haul).unwrap_or(0))
            }
            Err(RecvError::Lagged(count)) => {
                haul.lost += count;
                Some(0)
            }
            Err(RecvError::Closed) => None,
        }
    }
}

/// Takes messages that are there, until some were lost.
#[inline]
fn take(receiver: &mut Receiver<Message>, max: usize, haul: &mut Haul) -> Option<usize> {
    for taken in 0..max {
        match receiver.try_recv() {
            Ok(message) => haul.messages.push(message),
            Err(TryRecvError::Closed) if taken == 0 => return None,
            Err(TryRecvError::Lagged(count)) => {
                haul.lost += count;
                return Some(taken);
            }
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(taken),
        }
    }
    Some(max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::{Trial, ask, block_on, drain, fan_out, numbered, pipe, two_topics, woken};
    use drumpost_core::{
        outcome::Ending,
        plan::Placement,
        port::{AsyncRecvPort, Inbox, Told},
    };
    use std::time::Duration;

    const PLACEMENTS: [Placement; 3] = [Placement::Each, Placement::Threads(1), Placement::Threads(2)];

    fn events() -> Trial {
        Trial { style: Style::Event, ..Trial::default() }
    }

    fn opened(
        trial: &Trial,
        scenario: drumpost_core::scenario::Scenario,
    ) -> (Vec<TopicSender>, Merged<Topic>) {
        let [source, sink]: [_; 2] = super::opened(&trial.wiring(&scenario)).unwrap().try_into().unwrap();
        (source.sends, sink.inbox.unwrap())
    }

    #[test]
    fn everything_arrives_once_and_in_order() {
        for placement in PLACEMENTS {
            for (batch, in_flight) in [(64, 64), (1, 64), (7, 16), (1, 1)] {
                let trial = Trial { placement, batch, in_flight, ..events() };
                trial.run(Tasked::new(transport()), pipe(false));
                trial.run(Tasked::new(transport()), two_topics());
            }
        }
        Trial { instances: &[("source", 3)], ..events() }.run(Tasked::new(transport()), pipe(false));
    }

    #[test]
    fn every_subscriber_gets_a_copy() {
        for placement in PLACEMENTS {
            let trial = Trial { placement, count: 1_000, ..events() };
            assert_eq!(trial.run(Tasked::new(transport()), fan_out()).audit.delivered, 3_000);
        }
    }

    #[test]
    fn who_falls_behind_loses_and_the_loss_is_counted() {
        for placement in PLACEMENTS {
            let flow_timeout = Duration::from_millis(20);
            let trial = Trial { placement, capacity: 4, count: 300, flow_timeout, ..events() };
            let outcome = trial.try_run(Tasked::new(transport()), pipe(true)).unwrap();
            let audit = outcome.audit;
            assert_eq!(outcome.ending, Ending::Completed);
            assert_eq!((outcome.started, audit.sent, outcome.drain_timed_out), (300, 300, false));
            assert!(audit.lagged > 0, "{audit:?}");
            assert_eq!((audit.lost, audit.unique + audit.lost), (audit.lagged, audit.expected), "{audit:?}");
            assert_eq!(outcome.unfinished, audit.lost);
        }
    }

    #[test]
    fn a_lag_is_told_after_what_was_taken() {
        let (mut sends, mut inbox) = opened(&Trial { capacity: 3, ..events() }, two_topics());
        block_on(async {
            let mut seen = Vec::new();
            assert_eq!(sends[0].offer(&numbered(0, 2)), Ok(2));
            assert_eq!(sends[1].offer(&numbered(10, 7)), Ok(7), "never full");
            assert_eq!(drain(&mut inbox, 64, &mut seen).await, Ok(2));
            assert_eq!(drain(&mut inbox, 64, &mut seen).await, Err(PortError::Lagged(3)), "a loss first");
            assert_eq!(drain(&mut inbox, 64, &mut seen).await, Ok(4));
            assert_eq!(seen, [0, 1, 13, 14, 15, 16], "capacity 3 is rounded up to 4");
        });
    }

    #[test]
    fn a_poll_that_finds_nothing_has_taken_nothing_and_is_woken() {
        let (mut sends, mut inbox) = opened(&events(), two_topics());
        for topic in [0, 1, 0, 0, 1] {
            let (waker, is_woken) = woken();
            let mut context = Context::from_waker(&waker);
            let nothing = |_: &[Message], _: &[Told]| panic!("nothing is there");
            assert!(inbox.poll_drain(&mut context, Inbox::All, 64, nothing).is_pending());
            sends[topic].offer(&numbered(5, 2)).unwrap();
            assert!(is_woken(), "topic {topic}");
            let mut seen = Vec::new();
            block_on(async { assert_eq!(drain(&mut inbox, 64, &mut seen).await, Ok(2)) });
            assert_eq!(seen, [5, 6]);
        }
    }

    #[test]
    fn topics_take_turns() {
        let (mut sends, mut inbox) = opened(&events(), two_topics());
        sends[0].offer(&numbered(0, 9)).unwrap();
        sends[1].offer(&numbered(100, 2)).unwrap();
        let mut seen = Vec::new();
        block_on(async {
            for _ in 0..5 {
                drain(&mut inbox, 2, &mut seen).await.unwrap();
            }
        });
        assert_eq!(seen, [0, 1, 100, 101, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_side_that_is_gone_closes_the_other() {
        let (mut sends, mut inbox) = opened(&events(), two_topics());
        sends[0].offer(&numbered(0, 1)).unwrap();
        drop(sends);
        block_on(async {
            assert_eq!(drain(&mut inbox, 64, &mut Vec::new()).await, Ok(1));
            assert_eq!(drain(&mut inbox, 64, &mut Vec::new()).await, Err(PortError::Closed));
            assert_eq!(drain(&mut inbox, 64, &mut Vec::new()).await, Err(PortError::Closed));
        });
        let (mut sends, inbox) = opened(&events(), pipe(false));
        drop(inbox);
        assert_eq!(sends[0].offer(&numbered(0, 1)), Err(PortError::Closed));
        let endpoints = super::opened(&events().wiring(&fan_out())).unwrap();
        let unheard = &mut endpoints.into_iter().next().unwrap().sends[1];
        assert_eq!(unheard.offer(&numbered(0, 9)), Ok(9), "nobody subscribes, so nobody is missed");
    }

    #[test]
    fn a_panicking_handler_ends_the_run() {
        for placement in PLACEMENTS {
            let failure = Trial { placement, ..events() }.failure(Tasked::new(transport()));
            assert!(failure.contains("number 1000 is too much"), "{failure}");
        }
    }

    #[test]
    fn what_is_refused_names_the_intent() {
        let trial = Trial { instances: &[("sink", 2)], ..events() };
        assert_eq!(
            trial.refusal(Tasked::new(transport()), pipe(false)),
            "tokio-broadcast cannot carry Event `source.done` to the 2 instances of service `sink`, of which exactly one \
             is to handle it: each would get a copy; use crossbeam, or one instance"
        );
        assert_eq!(
            Trial::default().refusal(Tasked::new(transport()), ask()),
            "tokio-broadcast cannot carry Request `server.ask`: every receiver of the channel would get it; use tokio-mpsc or \
             crossbeam"
        );
    }
}
