//! Collects the histograms and counters of all lanes, off the measured path. It merges and adds them, and compares the
//! messages sent with those received, for each destination. The monitor decides when to collect.

mod tally;

use crate::{
    counters::{Local, Published},
    credit::Credit,
    exchange::{Exchange, Latencies},
    hist::Distribution,
    lane::Lane,
    load::gaps::Gaps,
    outcome::{AuditTotals, Hop},
    port::Confirms,
    wiring::Wiring,
};
use std::sync::Arc;

/// One lane as the monitor sees it.
#[derive(Debug)]
pub(crate) struct Watched {
    counters: Arc<Published>,
    exchange: Arc<Exchange>,
    spare: Option<Box<Latencies>>,
    service: usize,
    ports: Vec<u16>,
    heard: Vec<u16>,
    still: Still,
}

/// How long a lane has shown no sign of life, in ns, as far as the monitor itself was running.
#[derive(Debug, Default)]
struct Still {
    /// The lane's counts when the monitor last read them.
    counted: u64,
    /// For how long the lane has neither handed over its histograms, which the monitor asked for, nor counted anything.
    silent_ns: u64,
    /// A full transport blocks the lane, and the lane counted nothing.
    held_up_ns: u64,
}

impl Watched {
    pub(crate) fn new(
        counters: Arc<Published>,
        exchange: Arc<Exchange>,
        spare: Box<Latencies>,
        service: usize,
        ports: Vec<u16>,
        heard: Vec<u16>,
    ) -> Self {
        Self { counters, exchange, spare: Some(spare), service, ports, heard, still: Still::default() }
    }

    fn read(&self) -> Local {
        self.counters.read(self.ports.len(), self.heard.len())
    }
}

/// Merged latencies of all lanes.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub response: Distribution,
    pub service: Distribution,
    pub lag: Distribution,
    pub inter_send: Distribution,
    /// By destination and receiving service.
    hops: Vec<(u16, usize, Distribution)>,
}

/// Everything recorded so far.
#[derive(Debug)]
pub(crate) struct Collector {
    wiring: Wiring,
    credit: Arc<Credit>,
    lanes: Vec<Watched>,
    pub totals: Totals,
    /// Since the last interval was closed.
    pub response_now: Distribution,
    /// Since the last interval was closed.
    pub lag_now: Distribution,
}

/// The figures of lanes that were left behind at the end.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub local: Local,
    /// Messages no transport took, by destination.
    pub unsent: Vec<(u16, u64)>,
    /// Of each lane with a schedule.
    pub gaps: Vec<Gaps>,
}

impl Collector {
    pub(crate) fn new(wiring: Wiring, credit: Arc<Credit>, lanes: Vec<Watched>) -> Self {
        Self {
            wiring,
            credit,
            lanes,
            totals: Totals::default(),
            response_now: Distribution::default(),
            lag_now: Distribution::default(),
        }
    }

    /// Counters of all lanes, added up.
    pub(crate) fn read(&self) -> Local {
        self.lanes.iter().map(Watched::read).fold(Local::default(), add)
    }

    /// Lanes that send.
    pub(crate) fn senders(&self) -> usize {
        self.lanes.iter().filter(|lane| !lane.ports.is_empty()).count().max(1)
    }

    /// Flows under way, from counters that are published at once. Ends are read before and after starts, and their mean is
    /// taken: a million flows a second go by while one is read after the other.
    pub(crate) fn in_flight(&self, ends_per_flow: u64) -> f64 {
        let ended =
            || -> u64 { self.wiring.driven().enumerate().map(|(origin, _)| self.credit.ended(origin)).sum() };
        let before = ended();
        let started: u64 = self.lanes.iter().map(|lane| lane.counters.started()).sum();
        let ended = (before + ended()) as f64 / 2.0;
        started as f64 - ended / ends_per_flow as f64
    }

    /// Whether every load has started its last flow.
    pub(crate) fn loads_are_done(&self) -> bool {
        let driven = self.wiring.driven();
        driven.into_iter().all(|lane| self.lanes[usize::from(lane)].counters.load_is_done())
    }

    /// Whether every delivery that was to follow has arrived.
    pub(crate) fn is_complete(&self) -> bool {
        self.tally(&[]).is_complete()
    }

    /// Whether instances compete for messages. What they received counts only when they are idle and have asked each other.
    pub(crate) fn has_competitors(&self) -> bool {
        self.wiring.services.iter().any(|service| service.instances.len() > 1)
    }

    /// Asks the lanes for what they have.
    pub(crate) fn ask(&mut self) {
        for lane in &mut self.lanes {
            if let Some(spare) = lane.spare.take() {
                lane.exchange.ask(spare);
            }
        }
    }

    /// Notes which lanes showed no sign of life in an interval of that length. `is_held_up` says whether a lane waits for
    /// a full transport.
    pub(crate) fn note_still(&mut self, interval_ns: u64, is_held_up: impl Fn(u16) -> bool) {
        for (lane, watched) in self.lanes.iter_mut().enumerate() {
            let local = watched.read();
            let moved = local.emitted.iter().chain(&local.received).sum::<u64>();
            let counted =
                moved + local.started + local.ended + local.shed + local.dropped + local.written_off;
            let stood = std::mem::replace(&mut watched.still.counted, counted) == counted;
            let add = |ns: &mut u64, still: bool| *ns = if still { *ns + interval_ns } else { 0 };
            let is_silent = watched.spare.is_none();
            add(&mut watched.still.silent_ns, stood && is_silent);
            // Of a lane that has not answered yet it is not known whether it waits or hangs.
            if !(stood && is_silent) {
                add(&mut watched.still.held_up_ns, stood && is_held_up(lane as u16));
            }
        }
    }

    /// The lanes that have been silent for so long.
    pub(crate) fn silent_for(&self, ns: u64) -> Vec<u16> {
        self.still_for(ns, |still| still.silent_ns)
    }

    /// The lanes that a full transport has blocked for so long without anything moving.
    pub(crate) fn held_up_for(&self, ns: u64) -> Vec<u16> {
        self.still_for(ns, |still| still.held_up_ns)
    }

    fn still_for(&self, ns: u64, of: fn(&Still) -> u64) -> Vec<u16> {
        let all = self.lanes.iter().enumerate().filter(|(_, watched)| of(&watched.still) >= ns);
        all.map(|(lane, _)| lane as u16).collect()
    }

    /// The lanes whose loads have not started their last flow.
    pub(crate) fn loads_under_way(&self) -> Vec<u16> {
        self.wiring.driven().filter(|lane| !self.lanes[usize::from(*lane)].counters.load_is_done()).collect()
    }

    /// Closes the interval.
    pub(crate) fn close_interval(&mut self) {
        self.response_now.clear();
        self.lag_now.clear();
    }

    /// Takes what the lanes left since they were asked.
    pub(crate) fn collect(&mut self) {
        for at in 0..self.lanes.len() {
            if let Some(mut latencies) = self.lanes[at].exchange.take() {
                self.merge(at, &latencies);
                latencies.clear();
                self.lanes[at].spare = Some(latencies);
            }
        }
    }

    fn merge(&mut self, lane: usize, latencies: &Latencies) {
        let Latencies { response, service, lag, inter_send, hops } = latencies;
        let totals = &mut self.totals;
        totals.response.add(response);
        totals.service.add(service);
        totals.lag.add(lag);
        totals.inter_send.add(inter_send);
        let all_hops = &mut totals.hops;
        self.response_now.add(response);
        self.lag_now.add(lag);
        let Watched { heard, service: receiver, .. } = &self.lanes[lane];
        for (destination, hist) in heard.iter().zip(hops) {
            let known = all_hops.iter().position(|(at, by, _)| at == destination && by == receiver);
            let slot = known.unwrap_or_else(|| {
                all_hops.push((*destination, *receiver, Distribution::default()));
                all_hops.len() - 1
            });
            all_hops[slot].2.add(hist);
        }
    }

    /// Messages sent against messages delivered. A missing delivery is unknown until the trial ends; only then can it be lost.
    pub(crate) fn audit(
        &self,
        local: &Local,
        unsent: &[(u16, u64)],
        confirms: Option<Confirms>,
    ) -> AuditTotals {
        let tally = self.tally(unsent);
        let not_taken: u64 = unsent.iter().map(|(_, count)| count).sum();
        AuditTotals {
            sent: local.emitted.iter().sum::<u64>().saturating_sub(not_taken),
            expected: tally.expected(),
            delivered: local.received.iter().sum(),
            unique: tally.unique(),
            lost: 0,
            unknown: tally.missing(),
            duplicated: local.duplicated,
            // Known to the transport alone.
            redelivered: None,
            reordered: local.reordered,
            displacement_max: local.displacement_max,
            displacement_sum: local.displacement_sum,
            corrupted: local.corrupted,
            unrouted: local.unrouted,
            lagged: local.lagged,
            unsent: not_taken,
            beyond_window: local.beyond_window,
            negative: local.negative,
            confirmed: confirms.map(|confirms| confirms.confirmed),
            refused: confirms.map(|confirms| confirms.refused),
            unconfirmed: confirms.map(|confirms| confirms.unconfirmed),
        }
    }

    /// Takes the last of what the lanes have, at the end of a run that was stopped at `stopped_ns`.
    pub(crate) fn finish(&mut self, lanes: Vec<Lane>, stopped_ns: u64) -> Rest {
        self.collect();
        let mut all = Rest::default();
        let mut returned = vec![false; self.lanes.len()];
        for lane in lanes {
            let at = usize::from(lane.id());
            returned[at] = true;
            let rest = lane.finish(stopped_ns);
            // A lane that was asked just before the stop leaves what it has in the exchange only now.
            self.collect();
            self.merge(at, &rest.latencies);
            all.unsent.extend(rest.unsent);
            // Counters of a lane that stopped with a full outbox were not published; the lane's own are the truth.
            self.lanes[at].counters.publish(&rest.local);
            all.gaps.extend(rest.gaps);
            all.local = add(all.local, rest.local);
        }
        // Of a lane that hangs there is what it told last.
        for (lane, _) in self.lanes.iter().zip(returned).filter(|(_, returned)| !returned) {
            all.local = add(all.local, lane.read());
        }
        all
    }

    /// Hop times with the names of where they were measured.
    pub(crate) fn hops(&mut self) -> Vec<Hop> {
        let hops =
            std::mem::take(&mut self.totals.hops).into_iter().map(|(destination, service, times)| Hop {
                destination: self.wiring.destinations[usize::from(destination)].name.clone(),
                receiver: self.wiring.services[service].name.clone(),
                times,
            });
        hops.collect()
    }
}

fn add(mut all: Local, local: Local) -> Local {
    let Local {
        emitted,
        received,
        again,
        started,
        measured_started,
        ended,
        measured_ended,
        missed,
        shed,
        dropped,
        unrouted,
        corrupted,
        duplicated,
        reordered,
        displacement_max,
        displacement_sum,
        lagged,
        negative,
        beyond_window,
        blocked_ns,
        written_off,
        last_end_ns,
        measured_blocked_ns,
        warmup_emitted,
        late_ns,
        carried_ns,
        awake_ns,
        ended_again,
    } = local;
    all.emitted.extend(emitted);
    all.received.extend(received);
    all.again.extend(again);
    all.started += started;
    all.measured_started += measured_started;
    all.ended += ended;
    all.measured_ended += measured_ended;
    all.missed += missed;
    all.shed += shed;
    all.dropped += dropped;
    all.unrouted += unrouted;
    all.corrupted += corrupted;
    all.duplicated += duplicated;
    all.reordered += reordered;
    all.displacement_max = all.displacement_max.max(displacement_max);
    all.displacement_sum += displacement_sum;
    all.lagged += lagged;
    all.negative += negative;
    all.beyond_window += beyond_window;
    all.blocked_ns += blocked_ns;
    all.written_off += written_off;
    all.last_end_ns = all.last_end_ns.max(last_end_ns);
    all.measured_blocked_ns += measured_blocked_ns;
    all.warmup_emitted += warmup_emitted;
    all.late_ns += late_ns;
    all.carried_ns += carried_ns;
    all.awake_ns += awake_ns;
    all.ended_again += ended_again;
    all
}
