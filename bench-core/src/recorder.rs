//! What one lane records: latencies, counters, audit. Exchanged with the collector at batch ends, never shared.

use crate::{
    audit::Audit,
    counters::{Local, Published},
    credit::Credit,
    hist::Hist,
    message::Message,
    payload::Pool,
};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// Histograms of one lane over one interval.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    pub response: Hist,
    pub service: Hist,
    pub lag: Hist,
    /// By heard destination.
    pub hops: Vec<Hist>,
}

impl Latencies {
    fn new(heard: usize) -> Self {
        Self { hops: vec![Hist::default(); heard], ..Self::default() }
    }

    pub(crate) fn clear(&mut self) {
        let Self { response, service, lag, hops } = self;
        for hist in [response, service, lag].into_iter().chain(hops) {
            hist.clear();
        }
    }
}

type Slot = Mutex<Option<Box<Latencies>>>;

/// Where a lane and the collector swap full histograms for empty ones, some ten times a second: the locks are off the
/// measured path.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    wanted: AtomicBool,
    empty: Slot,
    full: Slot,
}

fn put(slot: &Slot, latencies: Option<Box<Latencies>>) -> Option<Box<Latencies>> {
    std::mem::replace(&mut *slot.lock().unwrap_or_else(PoisonError::into_inner), latencies)
}

impl Exchange {
    /// Collector: asks the lane for what it has, leaving `empty` to go on with.
    pub(crate) fn ask(&self, empty: Box<Latencies>) {
        put(&self.empty, Some(empty));
        self.wanted.store(true, Ordering::Release);
    }

    /// Collector: what the lane left, once it has.
    pub(crate) fn take(&self) -> Option<Box<Latencies>> {
        put(&self.full, None)
    }

    /// Lane: swaps if asked to. One relaxed load when not.
    #[inline]
    fn serve(&self, latencies: &mut Box<Latencies>) {
        if self.wanted.load(Ordering::Relaxed) {
            self.swap(latencies);
        }
    }

    #[cold]
    fn swap(&self, latencies: &mut Box<Latencies>) {
        if self.wanted.swap(false, Ordering::AcqRel)
            && let Some(empty) = put(&self.empty, None)
        {
            put(&self.full, Some(std::mem::replace(latencies, empty)));
        }
    }
}

/// What a lane hears: where each heard destination's counters and streams stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// By destination: its slot among those this lane hears; `u8::MAX` if it does not.
    pub slots: Vec<u8>,
    /// By slot: number of its first stream, and the lane of that stream's producer.
    pub streams: Vec<(u32, u16)>,
    /// By slot: how many producers.
    pub producers: Vec<u16>,
}

impl Heard {
    /// Slot and stream of a message, if this lane should have been handed it at all.
    #[inline]
    fn place(&self, message: &Message) -> Option<(usize, usize)> {
        let slot = usize::from(*self.slots.get(usize::from(message.destination))?);
        let (first, lane) = *self.streams.get(slot)?;
        let member = message.producer().checked_sub(lane).filter(|member| *member < self.producers[slot])?;
        Some((slot, first as usize + usize::from(member)))
    }
}

/// The recording side of a lane.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub local: Local,
    latencies: Box<Latencies>,
    exchange: Arc<Exchange>,
    heard: Heard,
    audit: Audit,
    lane: u16,
    credit: Arc<Credit>,
    /// By origin: how many flows this lane has ended.
    ended: Vec<u64>,
    ends_unpublished: bool,
    /// By lane: its number among the origins.
    origins: Arc<[u16]>,
    measure_from_ns: u64,
    end: Run,
    hop: Run,
}

/// Equal values in a row, recorded together.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    due_ns: u64,
    sent_ns: u64,
    slot: usize,
    times: u32,
}

/// What a recorder is made of.
pub(crate) struct RecorderSpec {
    pub lane: u16,
    pub ports: usize,
    pub heard: Heard,
    pub audit: Audit,
    pub credit: Arc<Credit>,
    pub origins: Arc<[u16]>,
    pub measure_from_ns: u64,
}

impl Recorder {
    pub(crate) fn new(spec: RecorderSpec) -> (Self, Arc<Exchange>) {
        let RecorderSpec { lane, ports, heard, audit, credit, origins, measure_from_ns } = spec;
        let exchange = Arc::new(Exchange::default());
        let slots = heard.streams.len();
        let count = origins.iter().filter(|origin| **origin != u16::MAX).count();
        let recorder = Self {
            local: Local { emitted: vec![0; ports], received: vec![0; slots], ..Local::default() },
            latencies: Box::new(Latencies::new(slots)),
            exchange: Arc::clone(&exchange),
            heard,
            audit,
            lane,
            credit,
            ended: vec![0; count],
            ends_unpublished: false,
            origins,
            measure_from_ns,
            end: Run::default(),
            hop: Run::default(),
        };
        (recorder, exchange)
    }

    /// A spare set of histograms for the collector to leave in exchange.
    pub(crate) fn spare(&self) -> Box<Latencies> {
        Box::new(Latencies::new(self.heard.streams.len()))
    }

    /// Notes what a lane was handed at `now_ns`: seal, sequence, hop time. Says whether every message belongs here
    /// and is whole; the others must not reach the handler.
    #[inline]
    pub(crate) fn receive(&mut self, batch: &[Message], now_ns: u64, pool: &Pool) -> bool {
        let mut sound = true;
        for message in batch {
            let Some((slot, stream)) = self.heard.place(message).filter(|_| message.intact(pool)) else {
                self.local.corrupted += 1;
                sound = false;
                continue;
            };
            self.audit.note(stream, message.seq);
            self.local.received[slot] += 1;
            let sent_ns = message.sent_ns();
            if message.due_ns() >= self.measure_from_ns {
                if sent_ns != self.hop.sent_ns || slot != self.hop.slot {
                    self.record_hops(now_ns);
                    self.hop = Run { sent_ns, slot, ..self.hop };
                }
                self.hop.times += 1;
            }
        }
        self.record_hops(now_ns);
        sound
    }

    /// Whether a message reached the lane it was meant for, unharmed.
    pub(crate) fn is_sound(&self, message: &Message, pool: &Pool) -> bool {
        self.heard.place(message).is_some() && message.intact(pool)
    }

    #[inline]
    fn record_hops(&mut self, now_ns: u64) {
        let Run { sent_ns, slot, times, .. } = self.hop;
        if times > 0 {
            self.hop.times = 0;
            self.local.negative += u64::from(times) * u64::from(now_ns < sent_ns);
            self.latencies.hops[slot].record_n(now_ns.saturating_sub(sent_ns), times);
        }
    }

    /// Notes that the flow of `cause` ended.
    #[inline]
    pub(crate) fn end(&mut self, cause: &Message, now_ns: u64) {
        self.local.ended += 1;
        self.ends_unpublished = true;
        let origin = self.origins.get(usize::from(cause.origin())).copied().unwrap_or(u16::MAX);
        if let Some(ended) = self.ended.get_mut(usize::from(origin)) {
            *ended += 1;
        }
        let (due_ns, sent_ns) = (cause.due_ns(), cause.first_sent_ns());
        if due_ns >= self.measure_from_ns {
            if due_ns != self.end.due_ns || sent_ns != self.end.sent_ns {
                self.record_ends(now_ns);
                self.end = Run { due_ns, sent_ns, ..self.end };
            }
            self.end.times += 1;
        }
    }

    /// Records the ends of a batch, all at `now_ns`, and publishes them as credit. Says whether there were any.
    #[inline]
    pub(crate) fn close_batch(&mut self, now_ns: u64) -> bool {
        self.record_ends(now_ns);
        if std::mem::take(&mut self.ends_unpublished) {
            self.credit.publish(self.lane, &self.ended);
            return true;
        }
        false
    }

    #[inline]
    fn record_ends(&mut self, now_ns: u64) {
        let Run { due_ns, sent_ns, times, .. } = self.end;
        if times > 0 {
            self.end.times = 0;
            self.local.negative += u64::from(times) * u64::from(now_ns < sent_ns);
            self.local.measured_ended += u64::from(times);
            self.local.last_end_ns = self.local.last_end_ns.max(now_ns);
            self.latencies.response.record_n(now_ns.saturating_sub(due_ns), times);
            self.latencies.service.record_n(now_ns.saturating_sub(sent_ns), times);
            self.latencies.lag.record_n(sent_ns.saturating_sub(due_ns), times);
        }
    }

    /// Publishes counters and swaps histograms if asked to. Called with an empty outbox only.
    #[inline]
    pub(crate) fn publish(&mut self, counters: &Published) {
        let found = self.audit.found;
        self.local.duplicated = found.duplicated;
        self.local.reordered = found.reordered;
        self.local.beyond_window = found.beyond_window;
        counters.publish(&self.local);
        self.exchange.serve(&mut self.latencies);
    }

    /// Settles with the group's audit. Called when idle.
    pub(crate) fn settle(&mut self) {
        self.audit.settle();
    }

    /// The last, unexchanged histograms.
    pub(crate) fn into_rest(self) -> Box<Latencies> {
        self.latencies
    }
}
