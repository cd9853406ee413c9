//! `sqs`: Amazon SQS, and SNS for events. Every destination is a queue, and the instances of the receiving service compete for its
//! messages. Replies have a queue for each instance that asks. Every event is a topic of SNS with a queue for each service that hears
//! it, which gets messages as they were published (`RawMessageDelivery`). Emulators without SNS refuse events.
//!
//! - *Bodies* are texts, so header and payload are in Base64, which is a third longer than they are: of a limit of 256 KiB 192 KiB are
//!   left. A binary message attribute would not count as longer, but is Base64 in each request, too. Application headers are message
//!   attributes, of which a message has ten at most.
//! - *Confirms* are the answers to `SendMessageBatch` and `PublishBatch`. What a lane sends in one step are calls with up to ten messages each. Of a
//!   call that is refused in part the other messages are stored.
//! - *Acknowledgements* are `DeleteMessageBatch` after handling. What an instance gives back is visible again at once
//!   (`ChangeMessageVisibilityBatch`); what a killed instance had is after `sqs.visibility`. With `--acks before` messages are deleted
//!   before they are handed over.
//! - *Order*: `sqs.fifo=true` makes FIFO queues and topics. The key of a message is its message group, so messages of a key keep
//!   their order, as long as none is received again. A port has one call under way then, as calls could overtake each other.
//! - *Dead letters*: with `sqs.max-receives` a queue gives up on a message that was received so often, and moves it to a queue of its
//!   own (`RedrivePolicy`). The instances of the service receive from there, too, and hand over what they receive as dead letters.
//! - *Connections* are those of the SDK: each instance has a client with as many as it has requests under way. The client tries nothing
//!   again, because that would be hidden in the figures.
//! - *Removal*: names begin with `drumpost`, and tags say which process made a queue or a topic, so `drumpost clean` finds them.
//! - *Credentials* are those that the SDK finds: the environment, profiles, web identities, containers, instances. Single
//!   sign-on and external programs are left out, because they need more packages of the SDK. TLS is rustls with ring, which NATS and
//!   MQTT have, too; it trusts the system's certificates.

mod connect;
mod ports;
mod queues;
#[cfg(test)]
mod tests;

use connect::{Server, Session};
use drumpost_core::registry::Requests;
use drumpost_kit::prelude::*;
use ports::{Handled, Receiver, Sender, To};
use queues::Shape;
use std::sync::OnceLock;

/// The most bytes of a call, and of a message where the server does not tell. SNS takes no more in any case.
const MOST_BYTES: usize = 256 << 10;
/// The most application headers of a message.
const HEADERS_MOST: u32 = 10;

/// A message is sent, received and deleted, by calls of one to ten messages. An idle queue is asked for messages once in `sqs.wait`, and
/// five times a second for how many there are.
const REQUESTS: Requests = Requests { per_message: [0.3, 3.0], idle_per_s: 6.0 };

const SECONDS: Grammar = Grammar::Time { min_ns: 1_000_000_000, max_ns: 43_200_000_000_000 };
const WAITS: Grammar = Grammar::Time { min_ns: 0, max_ns: 20_000_000_000 };
const RECEIVES: Grammar = Grammar::Count { min: 1, max: 1_000 };
const VISIBILITY: &str =
    "a message that is not acknowledged within this time is received again; whole seconds";
const WAIT: &str = "how long a receive waits for messages (long polling); whole seconds";
const FIFO: &str = "whether queues and topics are FIFO, with the key as the message group";
const LIMIT: &str = "a message that is received so often and not acknowledged becomes a dead letter";
const OPTIONS: [OptionEntry; connect::OPTIONS.len() + 4] = joined(
    connect::OPTIONS,
    [
        tuning("sqs.visibility", SECONDS, "30s", VISIBILITY).redelivers(),
        tuning("sqs.wait", WAITS, "1s", WAIT),
        tuning("sqs.fifo", Grammar::Word(&["false", "true"]), "false", FIFO),
        OptionEntry::optional("sqs.max-receives", RECEIVES, LIMIT)
            .of("deliveries")
            .unfair()
            .brokers_own()
            .gives_up(),
    ],
);

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "sqs",
        summary: "Amazon SQS, and SNS for events: standard or FIFO queues, batches of ten, long polling, deleted after handling; at least once",
        promise: Promise {
            delivery: promise::Delivery::AtLeastOnce,
            order: Order::None,
            confirms: promise::Confirms::Replicated,
            acknowledges: &Acks::WITHOUT_TRANSACTIONS,
            acks: "answers to SendMessageBatch as confirms, DeleteMessageBatch after handling",
            persistence: "AWS: several data centres; emulators: memory",
            stores: true,
            ..BROKER.promise
        },
        requests: Some(REQUESTS),
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(Sqs::from_options(options)?))),
        ..BROKER
    }
}

#[derive(Debug)]
struct Sqs {
    server: Server,
    shape: Shape,
    wait_s: i32,
    /// What the addresses of all queues begin with: that of the server, and the account.
    queues_at: OnceLock<String>,
    /// What the resource names of all topics begin with.
    topics_at: OnceLock<String>,
}

impl Sqs {
    fn from_options(options: &Values) -> Result<Self, String> {
        let whole = |name: &str| match options.time(name) {
            time if time.subsec_nanos() == 0 => Ok(time),
            _ => Err(format!("option {name}: SQS counts in whole seconds, such as 2s")),
        };
        let (wait, visibility) = (whole("sqs.wait")?, whole("sqs.visibility")?);
        let shape = Shape {
            fifo: options.word("sqs.fifo") == "true",
            visibility_s: visibility.as_secs(),
            limit: options.count_if_set("sqs.max-receives"),
        };
        let (server, wait_s) = (Server::from_options(options, wait)?, wait.as_secs() as i32);
        Ok(Self { server, shape, wait_s, queues_at: OnceLock::new(), topics_at: OnceLock::new() })
    }

    /// Makes everything again if the server has lost it.
    async fn make_again(&self, wiring: &Wiring, session: &Session) -> Result<(), OpenError> {
        let layout = Layout::new(wiring, '_');
        let mut queues = wiring.destinations.iter().flat_map(|sent| self.shape.queues(layout, sent));
        // If it is there, so are those that were made before it.
        let Some(last) = queues.next_back() else { return Ok(()) };
        let is_there = async {
            self.server.step("find a queue", session.url_of(&last.name)).await.map(|url| url.is_some())
        };
        self.server.objects.make_again(is_there, self.make(wiring, session)).await
    }

    /// The address of a queue.
    fn address(&self, queue: &str) -> String {
        format!("{}{queue}", self.queues_at.get().map_or("", |base| base))
    }
}

impl AsyncTransport for Sqs {
    type Send = Outbox<Written<Sender>>;
    type Recv = Inbox<Pulled<Receiver, Handled>>;

    const REOPENS: bool = true;

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        if self.shape.limit.is_some() && asked.acks(&listed) == Acks::Before {
            return Err("gives up on no message that nobody acknowledges: leave sqs.max-receives or --acks before out".into());
        }
        Promise { order: if self.shape.fifo { Order::PerKey } else { Order::None }, ..listed }.when(asked)
    }

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.server.connect().await?;
        Ok(Some(self.server.at.facts("", self.server.at.addresses().await)))
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let shape = wiring.pool.headers();
        if shape.count() > HEADERS_MOST || (shape.count() > 0 && shape.value_len() == 0) {
            return Err(OpenError::Refused(format!(
                "SQS takes at most {HEADERS_MOST} message attributes, and none that are empty, so a message has at most \
                 {HEADERS_MOST} headers with values of a byte or more"
            )));
        }
        let session = self.server.connect().await?;
        self.server.objects.begin(&self.server, &session).await;
        let most = self.make(wiring, &session).await?;
        // Of what stands in Base64.
        let headers_len = headers_len(&wiring.pool, 24);
        self.server.at.takes(&wiring.pool, 0, most.saturating_sub(headers_len) / 4 * 3, "MaximumMessageSize")
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let (session, layout, mut receivers) =
            (self.server.session().await, Layout::new(wiring, '_'), Vec::new());
        self.make_again(wiring, &session).await?;
        let before = wiring.acks == Acks::Before;
        for heard in layout.heard(me) {
            let queue = self.shape.queue(heard.destination, &heard.place, &heard.group);
            let dead = queue.dead.map(|dead| (dead, true));
            for (name, is_dead) in [(queue.name, false)].into_iter().chain(dead) {
                let (session, pool, queue) =
                    (session.clone(), Arc::clone(&wiring.pool), self.address(&name).into());
                let receiver = Receiver { session, pool, queue, is_dead, wait_s: self.wait_s, before };
                receivers.push((receiver, heard.is_apart));
            }
        }
        let sends = layout.outboxes(me, &session.line, self.server.objects.refusals(), |sent| {
            let is_topic = sent.intent == Intent::Event;
            let base = if is_topic { &self.topics_at } else { &self.queues_at };
            let to = To { base: base.get().cloned().unwrap_or_default(), is_topic };
            Sender::new(&session, to, self.shape)
        });
        let handled = Handled { session: session.clone(), before };
        Ok(Endpoint { inbox: Pulled::inbox(wiring, session.line, receivers, ports::CALL, handled), sends })
    }

    async fn depth(&self, wiring: &Wiring) -> Result<Option<Vec<Depth>>, OpenError> {
        use aws_sdk_sqs::types::QueueAttributeName::{
            ApproximateNumberOfMessages as Ready, ApproximateNumberOfMessagesNotVisible as Received,
        };
        let session = self.server.objects.session(&self.server).await?;
        let mut depths = Vec::new();
        for sent in &wiring.destinations {
            let mut depth = Depth { destination: sent.id, ..Depth::default() };
            for queue in self.shape.queues(Layout::new(wiring, '_'), sent) {
                let ask = session.sqs.get_queue_attributes().queue_url(self.address(&queue.name));
                let ask = ask.attribute_names(Ready).attribute_names(Received);
                let said =
                    self.server.step("tell what waits", ask.send()).await?.attributes.unwrap_or_default();
                let count = |name| said.get(&name).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
                depth.ready += count(Ready);
                depth.add_unacknowledged(count(Received));
            }
            depths.push(depth);
        }
        self.server.objects.keep(session);
        Ok(Some(depths))
    }

    async fn close(&self) -> Result<(), String> {
        self.server.objects.close(&self.server).await
    }

    async fn clean(&self) -> Result<Option<Cleaned>, OpenError> {
        self.server.objects.clean(&self.server).await.map(Some)
    }
}
