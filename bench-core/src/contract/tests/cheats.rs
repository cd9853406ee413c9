//! Transports with one fault each, wrapped around the honest one.

use super::honest::{self, Honest};
use crate::{
    clock::{Clock, Now},
    dispatcher::{Dispatcher, Threaded},
    message::Message,
    monitor::Watch,
    options::{Grammar, OptionEntry, Values},
    outcome::{Ending, Outcome},
    payload::Pool,
    plan::TrialPlan,
    port::{Inbox, PortError, RecvPort, SendPort, Told},
    promise::{Delivery, Order},
    registry::TransportEntry,
    scenario::{Intent, Style},
    transport::{Endpoint, Endpoints, OpenError, Transport},
    wire,
    wiring::Wiring,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::Duration,
};

/// A cheat, the check that catches it, and a part of the sentence in which it does.
pub(super) struct Cheat {
    pub name: &'static str,
    pub caught_by: &'static str,
    pub sentence: &'static str,
}

const fn caught(name: &'static str, caught_by: &'static str, sentence: &'static str) -> Cheat {
    Cheat { name, caught_by, sentence }
}

pub(super) const CHEATS: &[Cheat] = &[
    caught("drains-one", "ports", "`drain` returned 1 after it had handed over"),
    caught("drains-nothing", "ports", "`drain` returned 1 after it had handed over 0 messages"),
    caught("tells-two-of-one", "ports", "`drain` called `on_batch` with 1 messages and 2 `Told`"),
    caught("tells-one-of-several", "ports", "messages and 1 `Told`"),
    caught(
        "takes-more",
        "ports",
        "`offer` returned 2 when 1 messages were offered (`offer` of transport `cheat`)",
    ),
    caught("blocks", "ports", "transport `cheat` hangs at sender: `offer` has not returned"),
    caught("closes", "ports", "receiver: the other side closed (`drain` of transport `cheat`)"),
    caught("opens-less", "ports", "transport `cheat` opened 1 endpoint for 2 instances"),
    caught("opens-more", "ports", "transport `cheat` opened 3 endpoints for 2 instances"),
    caught(
        "few-ways",
        "ports",
        "transport `cheat` opened 0 send ports for sender, which sends to 1 destination",
    ),
    caught("no-inbox", "ports", "transport `cheat` opened no inbox for receiver, which receives messages"),
    caught("drops", "count", "messages are lost"),
    caught("admits-half", "back-pressure", "what is lost is not what the transport says it dropped"),
    caught("duplicates", "count", "messages came again"),
    caught("reorders", "order", "messages came after later ones"),
    caught("breaks-keys", "order", "messages came after later ones of their key"),
    caught("no-shards", "order", "because their shard is not told"),
    caught("stamps-late", "stamps", "`sent` is not when they were handed to the transport"),
    caught("damages", "payload", "did not arrive as they were sealed"),
    caught("cuts", "payload", "another key or length"),
    caught("forgets-headers", "headers", "did not arrive as they were sealed"),
    caught("serves-one", "fan-out", "got 0 of 500 events"),
    caught("never-full", "back-pressure", "does not block senders as it claims"),
    caught("holds-more", "back-pressure", "it holds more than its capacity"),
    caught("answers-another", "request-reply", "a requester got another's reply"),
    caught("ignores-waiting", "replies-apart", "while a reply was awaited"),
    caught("keeps-last", "shutdown", "messages are lost"),
    caught("takes-unclaimed", "refusal", "Event is not claimed in the event style, and is not refused"),
    caught("refuses-vaguely", "refusal", "does not name Event"),
    caught("leaves-thread", "shutdown", "threads are still there"),
    caught("sleeps-on", "wake-ups", "sleepers are not woken"),
    caught("swallows-panic", "panic", "a handler panicked and the run ended as completed"),
    caught("not-made", "make", "option cheat: no such cheat"),
    caught("never-ends", "panic", "the run does not end"),
];

static OPTIONS: [OptionEntry; 1] = [OptionEntry::optional("cheat", Grammar::Text, "which cheat")];

pub(super) fn entry() -> TransportEntry {
    TransportEntry { name: "cheat", options: &OPTIONS, make, ..honest::entry() }
}

/// The honest entry's intents without events.
pub(super) fn entry_of(cheat: &str) -> TransportEntry {
    let mut entry = entry();
    match cheat {
        "takes-unclaimed" | "refuses-vaguely" => {
            entry.intents = &[(Style::Message, &[Intent::Command, Intent::Request, Intent::Reply])];
        }
        "admits-half" => {
            entry.promise.delivery = Delivery::AtMostOnce;
            entry.promise.holds_up_senders = false;
        }
        "breaks-keys" | "keeps-keys" => entry.promise.order = Order::PerKey,
        "no-shards" => entry.promise.order = Order::PerShard,
        _ => {}
    }
    entry
}

/// The cheat that the options ask for.
pub(super) fn known(options: &Values) -> Option<&'static str> {
    // One is honest: it changes the order across keys alone, where order per key is promised. One is caught by several checks.
    let known = CHEATS.iter().map(|cheat| cheat.name).chain(["keeps-keys", "loses-few"]);
    known.into_iter().find(|name| options.text("cheat") == Some(name))
}

fn make(options: &Values) -> Result<Box<dyn Dispatcher>, String> {
    match known(options) {
        None | Some("not-made") => Err("option cheat: no such cheat".into()),
        Some(cheat) => Ok(Box::new(Crooked(cheat))),
    }
}

/// Cheats where the dispatcher could; the rest is left to the ports.
struct Crooked(&'static str);

impl Dispatcher for Crooked {
    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        let is_event = plan.wiring.style == Style::Event;
        match self.0 {
            "refuses-vaguely" if is_event => return Err(OpenError::Refused("it cannot do that".into())),
            "leaves-thread" => drop(thread::spawn(|| thread::sleep(Duration::from_secs(20)))),
            _ => {}
        }
        let mut outcome = Threaded(Tricks(self.0)).run(plan, watch)?;
        match (self.0, &outcome.ending) {
            ("swallows-panic", Ending::Failed(_)) => outcome.ending = Ending::Completed,
            ("never-ends", Ending::Failed(_) | Ending::Interrupted) => loop {
                thread::park();
            },
            _ => {}
        }
        Ok(outcome)
    }
}

/// Cheats in the ports.
pub(super) struct Tricks(pub(super) &'static str);

/// The run's clock, as close as a port can know it: its own, less how much that is ahead of `sent`.
#[derive(Clone)]
struct Watchmaker {
    clock: Clock,
    ahead_ns: Arc<AtomicI64>,
}

pub(super) struct Sender {
    trick: &'static str,
    inner: honest::Sender,
    watchmaker: Watchmaker,
}

pub(super) struct Receiver {
    trick: &'static str,
    inner: honest::Receiver,
    watchmaker: Watchmaker,
    pool: Arc<Pool>,
    /// The n-th of the subscribers.
    subscriber: usize,
    count: u64,
    dropped: u64,
    kept: Option<Message>,
}

impl Transport for Tricks {
    type Send = Sender;
    type Recv = Receiver;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Sender, Receiver>, OpenError> {
        let trick = self.0;
        let capacity = match trick {
            "never-full" | "admits-half" => usize::MAX,
            "holds-more" => wiring.capacity * 10,
            _ => wiring.capacity,
        };
        let mut opened = Honest.open(&Wiring { capacity, ..wiring.clone() })?;
        let sender = wiring.services.iter().find(|service| service.name == "sender");
        if let Some(sender) =
            sender.filter(|sender| trick == "answers-another" && sender.instances.len() == 2)
        {
            let [one, other] = [sender.instances.start, sender.instances.start + 1].map(usize::from);
            let inbox = opened[one].inbox.take();
            opened[one].inbox = std::mem::replace(&mut opened[other].inbox, inbox);
        }
        let watchmaker = Watchmaker { clock: Clock::start(), ahead_ns: Arc::new(AtomicI64::new(i64::MAX)) };
        let crooked = |(instance, endpoint): (usize, Endpoint<honest::Sender, honest::Receiver>)| {
            let receiver = |inner| Receiver {
                trick,
                inner,
                watchmaker: watchmaker.clone(),
                pool: Arc::clone(&wiring.pool),
                subscriber: instance,
                count: 0,
                dropped: 0,
                kept: None,
            };
            let sender = |inner| Sender { trick, inner, watchmaker: watchmaker.clone() };
            let Endpoint { inbox, sends } = endpoint;
            Endpoint { inbox: inbox.map(receiver), sends: sends.into_iter().map(sender).collect() }
        };
        let mut opened: Vec<_> = opened.into_iter().enumerate().map(crooked).collect();
        match trick {
            "opens-less" => drop(opened.pop()),
            "opens-more" => opened.push(Endpoint { inbox: None, sends: Vec::new() }),
            "few-ways" => drop(opened[0].sends.pop()),
            "no-inbox" => opened.iter_mut().for_each(|endpoint| endpoint.inbox = None),
            _ => {}
        }
        Ok(opened)
    }
}

impl SendPort for Sender {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        if self.trick == "stamps-late" {
            let now_ns = self.watchmaker.clock.now_ns().cast_signed();
            let ahead_ns = now_ns - batch[0].sent_ns().cast_signed();
            self.watchmaker.ahead_ns.fetch_min(ahead_ns, Ordering::Relaxed);
        }
        if self.trick == "blocks" {
            loop {
                thread::park();
            }
        }
        let taken = self.inner.offer(batch)?;
        Ok(taken + usize::from(self.trick == "takes-more" && taken == batch.len()))
    }
}

impl Receiver {
    /// What it makes of one message.
    fn twist(&mut self, mut message: Message, into: &mut Vec<Message>) {
        self.count += 1;
        let seventh = self.count.is_multiple_of(7);
        match self.trick {
            "drops" if seventh => return,
            // One in a thousand, of replies too.
            "loses-few" if self.count.is_multiple_of(500) => return,
            "admits-half" if seventh => {
                self.dropped += 1;
                return;
            }
            "duplicates" if seventh => into.push(message),
            "serves-one" if self.subscriber > 1 => return,
            "damages" if message.payload_len > 0 => message.payload_len -= 1,
            "cuts" if message.payload_len > 0 => {
                message.payload_len -= 1;
                message.stamp(message.sent_ns(), &self.pool);
            }
            "forgets-headers" => {
                let mut bytes = Vec::new();
                wire::encode(&message, &self.pool, &mut bytes);
                message = wire::decode(&bytes, &self.pool).unwrap();
            }
            "stamps-late" => {
                let Watchmaker { clock, ahead_ns } = &self.watchmaker;
                let now_ns = clock.now_ns().cast_signed() - ahead_ns.load(Ordering::Relaxed);
                message.stamp(now_ns.cast_unsigned(), &self.pool);
            }
            // A message is kept until the next one of its producer and key has passed. Only the first hundred of a producer are: a
            // later one might be the last of its key, as instances that compete for requests do not answer equally many.
            "breaks-keys" => {
                let of_one_key =
                    |kept: &Message| (kept.stream(), kept.key) == (message.stream(), message.key);
                if self.kept.is_none() && seventh && message.seq < 100 {
                    self.kept = Some(message);
                    return;
                }
                if let Some(kept) = self.kept.take_if(|kept| of_one_key(kept)) {
                    return into.extend([message, kept]);
                }
            }
            "keeps-last" => return into.extend(self.kept.replace(message)),
            _ => {}
        }
        into.push(message);
        // Neighbours change places, and some that have another key, too.
        let Some([.., before, last]) = into.get_mut(..).filter(|there| there.len() > 1) else { return };
        let of_one_key = (before.producer(), before.key) == (last.producer(), last.key);
        let swaps = match self.trick {
            "reorders" => seventh,
            "keeps-keys" => !of_one_key,
            _ => false,
        };
        if swaps {
            std::mem::swap(before, last);
        }
    }
}

impl RecvPort for Receiver {
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        if self.dropped >= 2 {
            self.dropped -= 2;
            return Err(PortError::Lagged(1));
        }
        if self.trick == "sleeps-on" {
            thread::sleep(Duration::from_millis(40));
        }
        let (mut there, mut twisted) = (Vec::new(), Vec::new());
        // Enough to have neighbours.
        let neighbours = match self.trick {
            "reorders" => 2,
            "keeps-keys" => 64,
            _ => 1,
        };
        let max = max.max(neighbours);
        let from = if self.trick == "ignores-waiting" { Inbox::All } else { from };
        self.inner.drain(from, max, |batch, _| there.extend_from_slice(batch))?;
        there.into_iter().for_each(|message| self.twist(message, &mut twisted));
        if self.trick == "closes" && self.count > 100 {
            return Err(PortError::Closed);
        }
        let len = twisted.len();
        let told = match self.trick {
            "tells-two-of-one" if len == 1 => 2,
            "tells-one-of-several" if len > 1 => 1,
            _ => 0,
        };
        if len > 0 {
            on_batch(&twisted, &vec![Told::default(); told]);
        }
        Ok(match self.trick {
            "drains-one" => len.min(1),
            "drains-nothing" => len.max(1),
            _ => len,
        })
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), PortError> {
        self.inner.wait(at_most)
    }
}
