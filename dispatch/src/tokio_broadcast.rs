//! `tokio-broadcast`: tokio's broadcast channels.
//!
//! Event: one channel per topic, and every subscribing service has a receiver. A sender is never blocked. A receiver
//! that falls behind by more than the capacity, which the channel rounds up to a power of two, loses the oldest
//! messages and is told how many. Several instances of a subscribing service are refused, because each would get a
//! copy. Command, Request and Reply are refused, because every receiver of the channel would get them. A service with
//! several topics takes from them in turn.

use crate::shared::{buffer, refuse_competing, refuse_other_intents};
use drumpost_core::{
    dispatcher::Tasked,
    message::Message,
    port::{AsyncRecvPort, AsyncSendPort, Inbox, PortError, Told},
    registry::{Delivery, Promise, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    transport::{AsyncTransport, Endpoint, Endpoints, OpenError, Prepared},
    wiring::Wiring,
};
use std::task::{Context, Poll};
use tokio::sync::broadcast::{
    Receiver, Sender, channel,
    error::{RecvError, TryRecvError},
};
use tokio_util::sync::ReusableBoxFuture;

const NAME: &str = "tokio-broadcast";
const INTENTS: &[Intent] = &[Intent::Event];

/// The transport, as the command line lists it.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: NAME,
        summary: "tokio's broadcast channels, one per topic; a slow subscriber loses the oldest messages (tokio::sync::broadcast)",
        intents: &[(Style::Event, INTENTS)],
        runs_on: RunsOn::Tasks,
        promise: Promise { holds_up_senders: false, delivery: Delivery::AtMostOnce, ..Promise::IN_MEMORY },
        needs_server: false,
        options: &[],
        make: |_| Ok(Box::new(Tasked::new(TokioBroadcast::default()))),
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct TokioBroadcast {
    prepared: Prepared<TopicSender, TopicReceiver>,
}

/// Publishes to one topic. On cache lines of its own: a task holds several.
#[derive(Debug)]
#[repr(align(128))]
pub struct TopicSender {
    topic: Sender<Message>,
    /// Whether any service subscribes; if not, the topic takes everything.
    is_heard: bool,
}

/// Receives what one service subscribes to.
#[derive(Debug)]
pub struct TopicReceiver {
    topics: Vec<Topic>,
    /// The topic to begin with, so that a busy one does not silence those after it.
    next: usize,
    /// Loss that was found after something had been taken; reported by the next drain.
    lagged: u64,
    buffer: Vec<Message>,
}

/// A receiver that waits is lent to the future that waits, which is kept from one drain to the next: a drain
/// that is dropped loses neither its wake-up nor a message.
#[derive(Debug)]
struct Topic {
    /// `None` while it is lent.
    receiver: Option<Receiver<Message>>,
    waiting: Option<ReusableBoxFuture<'static, Waited>>,
    closed: bool,
}

type Waited = (Result<Message, RecvError>, Receiver<Message>);

async fn next_of(mut receiver: Receiver<Message>) -> Waited {
    (receiver.recv().await, receiver)
}

impl AsyncTransport for TokioBroadcast {
    type Send = TopicSender;
    type Recv = TopicReceiver;

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        self.prepared.put(opened(wiring)?);
        Ok(())
    }

    async fn open(
        &self,
        _wiring: &Wiring,
        instance: u16,
    ) -> Result<Endpoint<TopicSender, TopicReceiver>, OpenError> {
        self.prepared.take(instance)
    }
}

fn opened(wiring: &Wiring) -> Result<Endpoints<TopicSender, TopicReceiver>, OpenError> {
    refuse_other_intents(
        NAME,
        wiring,
        INTENTS,
        "every receiver of the channel would get it; use tokio-mpsc or crossbeam",
    )?;
    refuse_competing(NAME, wiring, "each would get a copy")?;
    let topics: Vec<Sender<Message>> =
        wiring.destinations.iter().map(|_| channel(wiring.capacity.max(1)).0).collect();
    let topic = |id: u16| &topics[usize::from(id)];
    let endpoint = |instance| {
        let service = wiring.service_of(instance);
        let subscribed = wiring.heard_by(service).map(|heard| Topic::new(topic(heard.id).subscribe()));
        let topics: Vec<Topic> = subscribed.collect();
        let sends = wiring
            .sends_of(service)
            .map(|sent| TopicSender { topic: topic(sent.id).clone(), is_heard: !sent.receivers.is_empty() });
        let inbox = TopicReceiver { topics, next: 0, lagged: 0, buffer: buffer(wiring) };
        let inbox = (!inbox.topics.is_empty()).then_some(inbox);
        Endpoint { inbox, sends: sends.collect() }
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

impl AsyncRecvPort for TopicReceiver {
    #[inline]
    fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        _from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Poll<Result<usize, PortError>> {
        self.take(max.min(self.buffer.capacity()), context);
        if !self.buffer.is_empty() {
            on_batch(&self.buffer, &[]);
            return Poll::Ready(Ok(self.buffer.len()));
        }
        match std::mem::take(&mut self.lagged) {
            0 if self.topics.iter().all(|topic| topic.closed) => Poll::Ready(Err(PortError::Closed)),
            0 => Poll::Pending,
            count => Poll::Ready(Err(PortError::Lagged(count))),
        }
    }
}

impl TopicReceiver {
    /// Fills the buffer; if nothing is there, leaves every topic waiting. Takes nothing while a loss is to be reported.
    #[inline]
    fn take(&mut self, max: usize, context: &mut Context<'_>) {
        self.buffer.clear();
        for _ in 0..self.topics.len() {
            if self.buffer.len() == max || self.lagged > 0 {
                return;
            }
            let at = self.next;
            self.next = if at + 1 == self.topics.len() { 0 } else { at + 1 };
            self.lagged += self.topics[at].take(max, &mut self.buffer, context);
        }
        for topic in &mut self.topics {
            if !self.buffer.is_empty() || self.lagged > 0 {
                return;
            }
            self.lagged += topic.wait(max, &mut self.buffer, context);
        }
    }
}

impl Topic {
    fn new(receiver: Receiver<Message>) -> Self {
        Self { receiver: Some(receiver), waiting: None, closed: false }
    }

    /// Takes what is there and says how many messages were lost.
    #[inline]
    fn take(&mut self, max: usize, buffer: &mut Vec<Message>, context: &mut Context<'_>) -> u64 {
        if self.receiver.is_none() {
            return self.poll(max, buffer, context);
        }
        let Some(receiver) = &mut self.receiver else { return 0 };
        while buffer.len() < max {
            match receiver.try_recv() {
                Ok(message) => buffer.push(message),
                Err(TryRecvError::Empty) => return 0,
                Err(TryRecvError::Lagged(count)) => return count,
                Err(TryRecvError::Closed) => {
                    self.closed = true;
                    return 0;
                }
            }
        }
        0
    }

    /// Leaves the waker with the channel. What has come meanwhile is taken.
    fn wait(&mut self, max: usize, buffer: &mut Vec<Message>, context: &mut Context<'_>) -> u64 {
        let Some(receiver) = self.receiver.take_if(|_| !self.closed) else { return 0 };
        match &mut self.waiting {
            Some(waiting) => waiting.set(next_of(receiver)),
            none => *none = Some(ReusableBoxFuture::new(next_of(receiver))),
        }
        self.poll(max, buffer, context)
    }

    /// Polls the future that waits; when it is done, gets the receiver back and takes what else is there.
    fn poll(&mut self, max: usize, buffer: &mut Vec<Message>, context: &mut Context<'_>) -> u64 {
        let Some(Poll::Ready((received, receiver))) =
            self.waiting.as_mut().map(|waiting| waiting.poll(context))
        else {
            return 0;
        };
        self.receiver = Some(receiver);
        match received {
            Ok(message) => {
                buffer.push(message);
                self.take(max, buffer, context)
            }
            Err(RecvError::Lagged(count)) => count,
            Err(RecvError::Closed) => {
                self.closed = true;
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::{Trial, ask, block_on, drain, fan_out, numbered, pipe, two_topics, woken};
    use drumpost_core::{drive::Placement, outcome::Ending};
    use std::time::Duration;

    const PLACEMENTS: [Placement; 3] = [Placement::Each, Placement::Threads(1), Placement::Threads(2)];

    fn events() -> Trial {
        Trial { style: Style::Event, ..Trial::default() }
    }

    fn opened(
        trial: &Trial,
        scenario: drumpost_core::scenario::Scenario,
    ) -> (Vec<TopicSender>, TopicReceiver) {
        let [source, sink]: [_; 2] = super::opened(&trial.wiring(&scenario)).unwrap().try_into().unwrap();
        (source.sends, sink.inbox.unwrap())
    }

    #[test]
    fn everything_arrives_once_and_in_order() {
        for placement in PLACEMENTS {
            for (batch, in_flight) in [(64, 64), (1, 64), (7, 16), (1, 1)] {
                let trial = Trial { placement, batch, in_flight, ..events() };
                trial.run(Tasked::new(TokioBroadcast::default()), pipe(false));
                trial.run(Tasked::new(TokioBroadcast::default()), two_topics());
            }
        }
        Trial { instances: &[("source", 3)], ..events() }
            .run(Tasked::new(TokioBroadcast::default()), pipe(false));
    }

    #[test]
    fn every_subscriber_gets_a_copy() {
        for placement in PLACEMENTS {
            let trial = Trial { placement, count: 1_000, ..events() };
            assert_eq!(trial.run(Tasked::new(TokioBroadcast::default()), fan_out()).audit.delivered, 3_000);
        }
    }

    #[test]
    fn who_falls_behind_loses_and_the_loss_is_counted() {
        for placement in PLACEMENTS {
            let flow_timeout = Duration::from_millis(20);
            let trial = Trial { placement, capacity: 4, count: 300, flow_timeout, ..events() };
            let outcome = trial.try_run(Tasked::new(TokioBroadcast::default()), pipe(true)).unwrap();
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
            let failure = Trial { placement, ..events() }.failure(Tasked::new(TokioBroadcast::default()));
            assert!(failure.contains("number 1000 is too much"), "{failure}");
        }
    }

    #[test]
    fn what_is_refused_names_the_intent() {
        let trial = Trial { instances: &[("sink", 2)], ..events() };
        assert_eq!(
            trial.refusal(Tasked::new(TokioBroadcast::default()), pipe(false)),
            "tokio-broadcast cannot carry Event `source.done` to the 2 instances of service `sink`, of which exactly one \
             is to handle it: each would get a copy; use crossbeam, or one instance"
        );
        assert_eq!(
            Trial::default().refusal(Tasked::new(TokioBroadcast::default()), ask()),
            "tokio-broadcast cannot carry Request `server.ask`: every receiver of the channel would get it; use tokio-mpsc or \
             crossbeam"
        );
    }
}
