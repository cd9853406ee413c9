//! The recorder of one lane: latencies, counters, audit. The lane swaps its histograms with the collector between steps and never
//! shares it.

mod among;
mod dead;
mod ends;
mod heard;
mod told;
mod unusual;

use crate::{
    audit::{Auditor, Found},
    counters::{Local, PortConfirms, Published},
    credit::Credit,
    hist::Hist,
    latencies::{HistogramSwap, Latencies},
    message::{Kind, Message},
    payload::Pool,
    port::Told,
};
pub(crate) use among::Among;
use drumpost_defects::{Defect, is_in};
use ends::EndRun;
pub(crate) use heard::Heard;
use std::sync::Arc;
pub(crate) use told::{Handled, Run, Untold};
use unusual::Unusual;

/// The recording side of a lane.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub local: Local,
    latencies: Box<Latencies>,
    swap: Arc<HistogramSwap>,
    heard: Heard,
    audit: Auditor,
    lane: u16,
    credit: Arc<Credit>,
    /// By origin: how many flows this lane has ended.
    ended: Vec<u64>,
    /// Origins and flows that were ended in this step, where the lane's thread publishes them.
    ended_now: Vec<(u16, u32)>,
    ends_unpublished: bool,
    /// By lane: its number among the origins.
    origins: Arc<[u16]>,
    measure_from_ns: u64,
    place: Place,
    ends: EndRun,
    /// Counters other than the usual ones have changed since they were published.
    rarely: bool,
    /// What was found in the batch that was received last. Nearly always nothing.
    unusual: Unusual,
    /// Kinds that were emitted and that nobody is wired to, and how often.
    unrouted: Vec<(Kind, u64)>,
    /// Messages that the transport told nothing of, set when the lane is done.
    pub untold: Vec<Untold>,
}

/// The recorders of one stream. They are looked up again only when a message comes from another stream.
#[derive(Clone, Copy, Debug)]
struct Place {
    stream: u64,
    /// Of the destination, among those this lane hears.
    slot: usize,
    /// Of the stream, among those the audit follows.
    number: usize,
}

impl Place {
    /// Of no stream.
    const NONE: Self = Self { stream: u64::MAX, slot: 0, number: 0 };
}

/// The parts from which a recorder is made.
pub(crate) struct RecorderSpec {
    pub lane: u16,
    pub ports: usize,
    pub heard: Heard,
    pub audit: Auditor,
    pub credit: Arc<Credit>,
    pub origins: Arc<[u16]>,
    pub measure_from_ns: u64,
    /// How many lanes start flows.
    pub starting: usize,
    /// How it records among very many lanes.
    pub among: Among,
}

impl Recorder {
    pub(crate) fn new(spec: RecorderSpec) -> (Self, Arc<HistogramSwap>) {
        let RecorderSpec { lane, ports, heard, audit, credit, origins, measure_from_ns, .. } = spec;
        let swap = Arc::new(HistogramSwap::default());
        let slots = heard.streams.len();
        let recorder = Self {
            local: Local {
                emitted: vec![0; ports],
                confirms: vec![PortConfirms::default(); ports],
                received: vec![0; slots],
                again: vec![0; slots],
                dead: vec![0; slots],
                ..Local::default()
            },
            latencies: Box::new(match spec.among {
                Among::Few => Latencies::new(slots),
                Among::ManyOnThreads => Latencies::none(),
                Among::Many | Among::ManyOnTasks => Latencies::small(slots),
            }),
            swap: Arc::clone(&swap),
            heard,
            audit,
            lane,
            credit,
            ended: match spec.among {
                Among::Few | Among::Many => vec![0; spec.starting],
                Among::ManyOnThreads | Among::ManyOnTasks => Vec::new(),
            },
            ended_now: Vec::new(),
            ends_unpublished: false,
            origins,
            measure_from_ns,
            place: Place::NONE,
            ends: EndRun::default(),
            rarely: false,
            unusual: Unusual::default(),
            unrouted: Vec::new(),
            untold: Vec::new(),
        };
        (recorder, swap)
    }

    /// Notes what a lane was handed at `now_ns`: seal, sequence, hop time. Says whether every message is as most are. A message
    /// that does not belong here or is damaged must not reach the handler. One of the warm-up and one that was delivered before
    /// are handled apart from the others.
    #[inline(always)]
    pub(crate) fn receive(&mut self, batch: &[Message], told: &[Told], now_ns: u64, pool: &Pool) -> bool {
        if self.audit.has_judge() {
            return self.receive_judged(batch, told, now_ns, pool);
        }
        match batch {
            [only] => self.receive_one(only, now_ns, pool),
            batch => self.receive_runs(batch, now_ns, pool),
        }
    }

    /// As [`Recorder::receive_runs`], for a single message: no loops, which would cost it more than what they do.
    #[inline(always)]
    fn receive_one(&mut self, message: &Message, now_ns: u64, pool: &Pool) -> bool {
        if message.stream() != self.place.stream {
            self.find_place(message);
        }
        let Place { stream, slot, number } = self.place;
        if message.stream() != stream || !message.intact(pool) {
            self.note_corrupted();
            return false;
        }
        let measured = message.due_ns() >= self.measure_from_ns;
        let mut is_usual = measured;
        if !self.audit.note_if_expected(number, message.seq)
            && let Some(seen) = self.audit.note(number, message.seq)
        {
            is_usual &= !self.note_rare(seen, 0);
        }
        self.record_hops(slot, measured, message.sent_ns(), now_ns, 1);
        is_usual
    }

    #[inline(never)]
    fn receive_runs(&mut self, batch: &[Message], now_ns: u64, pool: &Pool) -> bool {
        let (mut is_usual, mut rest) = (true, batch);
        while let Some(first) = rest.first() {
            let noted = self.receive_run(first, rest, batch.len() - rest.len(), now_ns, pool, &mut is_usual);
            rest = &rest[noted.max(1)..];
        }
        is_usual
    }

    /// Notes the whole messages at the head of `rest` that are of one stream and were handed over together with `first`,
    /// and records them together. `at` is the place of `first` in its batch. Says how many; 0 if `first` does not belong here
    /// or is damaged. Clears `is_usual` if one of them is not as most are.
    #[inline]
    fn receive_run(
        &mut self,
        first: &Message,
        rest: &[Message],
        at: usize,
        now_ns: u64,
        pool: &Pool,
        is_usual: &mut bool,
    ) -> usize {
        if first.stream() != self.place.stream {
            self.find_place(first);
        }
        let Place { stream, slot, number } = self.place;
        let sent_ns = first.sent_ns();
        let measured = first.due_ns() >= self.measure_from_ns;
        let measure_from_ns = self.measure_from_ns;
        let belongs = |message: &Message| {
            let is_measured = message.due_ns() >= measure_from_ns;
            (message.stream(), message.sent_ns(), is_measured) == (stream, sent_ns, measured)
                && message.intact(pool)
        };
        let mut noted = 0_u32;
        if self.audit.expects(number, first.seq) {
            for message in rest {
                if message.seq != first.seq.wrapping_add(noted) || !belongs(message) {
                    break;
                }
                noted += 1;
            }
            self.audit.note_expected(number, noted);
        } else {
            for message in rest.iter().take_while(|message| belongs(message)) {
                if let Some(seen) = self.audit.note(number, message.seq) {
                    *is_usual &= !self.note_rare(seen, at + noted as usize);
                }
                noted += 1;
            }
        }
        *is_usual &= measured;
        if noted == 0 {
            self.note_corrupted();
            *is_usual = false;
            return 0;
        }
        self.record_hops(slot, measured, sent_ns, now_ns, noted);
        noted as usize
    }

    /// Records messages of one destination that were handed over together.
    #[inline]
    fn record_hops(&mut self, slot: usize, measured: bool, sent_ns: u64, now_ns: u64, times: u32) {
        self.local.received[slot] += u64::from(times);
        if measured {
            self.note_negative(now_ns, sent_ns, times);
            self.latencies.hops[slot].record_n(now_ns.saturating_sub(sent_ns), times);
        }
    }

    /// As [`Recorder::receive`], where order holds within keys or shards.
    #[inline(never)]
    fn receive_judged(&mut self, batch: &[Message], told: &[Told], now_ns: u64, pool: &Pool) -> bool {
        let mut is_usual = true;
        for (at, message) in batch.iter().enumerate() {
            if message.stream() != self.place.stream {
                self.find_place(message);
            }
            let Place { stream, slot, number } = self.place;
            if message.stream() != stream || !message.intact(pool) {
                self.note_corrupted();
                is_usual = false;
                continue;
            }
            let shard = told.get(at).map(|told| told.shard).filter(|shard| *shard > 0);
            let (seen, is_unjudged) = self.audit.note_judged(number, message.key, shard, message.seq);
            self.rarely |= is_unjudged;
            let is_measured = message.due_ns() >= self.measure_from_ns;
            is_usual &= is_measured;
            if let Some(seen) = seen {
                is_usual &= !self.note_rare(seen, at);
            }
            self.record_hops(slot, is_measured, message.sent_ns(), now_ns, 1);
        }
        is_usual
    }

    #[inline(never)]
    fn find_place(&mut self, message: &Message) {
        self.place = self.heard.place(message).map_or(Place::NONE, |(slot, number)| Place {
            stream: message.stream(),
            slot,
            number,
        });
    }

    /// The histogram of intervals between starts.
    pub(crate) fn inter_send(&mut self) -> &mut Hist {
        &mut self.latencies.inter_send
    }

    /// Whether a message reached the lane it was meant for, unharmed.
    pub(crate) fn is_sound(&self, message: &Message, pool: &Pool) -> bool {
        self.heard.place(message).is_some() && message.intact(pool)
    }

    #[inline]
    fn note_negative(&mut self, now_ns: u64, sent_ns: u64, times: u32) {
        if now_ns < sent_ns && !is_in(Defect::ShortIsNone) {
            self.local.negative_deltas += u64::from(times);
            self.rarely = true;
        }
    }

    /// Flows are measured that are due from here on, in ns on the run's clock.
    #[inline]
    pub(crate) const fn measure_from_ns(&self) -> u64 {
        self.measure_from_ns
    }

    /// Publishes the ends recorded since last asked, as counters and as credit. Says whether there were any.
    #[inline]
    pub(crate) fn publish_ends(&mut self, counters: &Published) -> bool {
        let ended = std::mem::take(&mut self.ends_unpublished);
        if ended {
            counters.publish_ended(&self.local);
            self.credit.publish(self.lane, &self.ended);
        }
        ended
    }

    /// Whether counters have changed that a usual batch does not change.
    #[inline]
    pub(crate) const fn has_rare_news(&self) -> bool {
        self.rarely
    }

    /// Publishes all counters.
    pub(crate) fn publish_all(&mut self, counters: &Published) {
        self.rarely = false;
        let Found {
            duplicated,
            reordered,
            displacement_max,
            displacement_sum,
            beyond_window,
            out_of_order,
            unjudged,
            again_of_none,
        } = self.audit.found;
        (self.local.out_of_order, self.local.unjudged) = (out_of_order, unjudged);
        self.local.again_of_none = again_of_none;
        (self.local.duplicated, self.local.reordered, self.local.beyond_window) =
            (duplicated, reordered, beyond_window);
        (self.local.displacement_max, self.local.displacement_sum) = (displacement_max, displacement_sum);
        self.local.again.iter_mut().zip(self.audit.again()).for_each(|(to, from)| *to = *from);
        counters.publish_with(&self.local, self.audit.entered().unwrap_or(&self.local.received));
        if self.audit.entered().is_some() {
            counters.publish_handed(&self.local.received);
        }
    }

    /// Publishes what was received. Of a lane that competes with others that has to wait until the group was asked which of it
    /// is new: until then the same message at two of them would pass for two.
    #[inline]
    pub(crate) fn publish_received(&self, counters: &Published) {
        if self.audit.entered().is_none() {
            counters.publish_received(&self.local.received);
        } else {
            counters.publish_handed(&self.local.received);
        }
    }

    /// Swaps histograms if the collector asked for them. Between batches only.
    #[inline]
    pub(crate) fn serve_collector(&mut self) {
        self.swap.serve(&mut self.latencies);
    }

    /// Settles with the group's audit, and publishes if that or anything since the last batch changed a counter, or if
    /// `changed` says so. Called when idle.
    pub(crate) fn settle(&mut self, counters: &Published, changed: bool) {
        if self.audit.settle() || self.rarely || changed {
            self.publish_all(counters);
        }
    }

    /// Of the messages `from..to` that `producer` sent to a destination: how many this receiver, or those that it competes with, have
    /// not seen or no longer know. `None` if it does not hear them.
    pub(crate) fn unseen(&self, producer: u16, destination: u16, from: u64, to: u64) -> Option<u64> {
        Some(self.audit.unseen(self.heard.stream(producer, destination)?, from, to))
    }

    /// The last histograms, which the collector has not taken, and the kinds that nobody is wired to.
    pub(crate) fn into_rest(self) -> (Box<Latencies>, Vec<(Kind, u64)>) {
        (self.latencies, self.unrouted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_that_ends_where_it_starts_took_no_time_in_service() {
        let (mut recorder, _) = Recorder::new(RecorderSpec {
            lane: 0,
            ports: 0,
            heard: Heard::default(),
            audit: Auditor::alone(Vec::new()),
            credit: Arc::new(Credit::new(1, 1)),
            origins: Arc::new([0]),
            measure_from_ns: 0,
            starting: 1,
            among: Among::Few,
        });
        recorder.end(&Message::start(0, 0, 1_000, 0, 0), 1_700);
        recorder.close_ends(1_700);
        let Latencies { response, service, lag, .. } = *recorder.into_rest().0;
        let times = [response, service, lag].map(|hist| {
            let mut all = crate::hist::Distribution::default();
            all.add(&hist);
            (all.count(), all.mean_ns())
        });
        assert_eq!(times, [(1, 700.0), (1, 0.0), (1, 700.0)]);
    }
}
