//! Collects the histograms and counters of all lanes, off the measured path. It merges and adds them, and compares the
//! messages sent with those received, for each destination. The monitor decides when to collect.

mod confirms;
mod still;
mod tally;
mod under_way;
mod unrouted;
mod untold;
mod waiting;

use crate::{
    counters::{Local, PortConfirms, Published},
    credit::{Credit, Done},
    gaps::Gaps,
    hist::Distribution,
    lane::Lane,
    latencies::{HistogramSwap, Latencies},
    message::Kind,
    outcome::{Audit, ConfirmTimes, Hop},
    wiring::{Destination, Wiring},
};
use std::{sync::Arc, time::Duration};
pub(crate) use waiting::Waiting;

/// Lanes that are read before the calling thread rests: their counters lie on some ten cache lines each, so that takes about
/// 0.1 ms.
const LANES_AT_ONCE: usize = 128;
const REST: Duration = Duration::from_micros(100);

/// One lane as the monitor sees it.
#[derive(Debug)]
pub(crate) struct Watched {
    pub counters: Arc<Published>,
    pub service: usize,
    /// The destinations it sends to, and those it hears. Shared by the instances of a service.
    pub ports: Arc<[u16]>,
    pub heard: Arc<[u16]>,
    /// Whose histograms it records into.
    pub histograms: usize,
    pub still: Still,
}

/// Histograms of one lane, or of those lanes of a thread that hear the same.
#[derive(Debug)]
pub(crate) struct WatchedHistograms {
    swap: Arc<HistogramSwap>,
    spare: Option<Box<Latencies>>,
    /// Whose hop times they are, of which destinations.
    heard: Arc<[u16]>,
    receiver: usize,
}

impl WatchedHistograms {
    /// Of lanes that hear these destinations. Hop times are those of the service `receiver`.
    pub(crate) fn new(swap: Arc<HistogramSwap>, heard: Arc<[u16]>, receiver: usize, are_small: bool) -> Self {
        let spare = if are_small { Latencies::small(heard.len()) } else { Latencies::new(heard.len()) };
        let spare = Some(Box::new(spare));
        Self { swap, spare, heard, receiver }
    }
}

/// How long a lane has shown no sign of life, in ns, as far as the monitor itself was running.
#[derive(Debug, Default)]
pub(crate) struct Still {
    /// The lane's counts when the monitor last read them.
    counted: u64,
    /// For how long the lane has neither handed over its histograms, which the monitor asked for, nor counted anything.
    silent_ns: u64,
    /// A full transport blocks the lane, and the lane counted nothing.
    held_up_ns: u64,
}

impl Watched {
    fn read(&self) -> Local {
        self.counters.read(self.ports.len(), self.heard.len())
    }
}

/// Which figures a transport tells by itself. A figure that it does not tell is unknown, and not zero.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tells {
    /// Which messages it stored or refused.
    pub confirms: bool,
    /// How often it has handed out a message.
    pub attempts: bool,
    /// Lanes were to give messages back.
    pub rejects: bool,
    /// Lanes acknowledge in transactions.
    pub transacts: bool,
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
    /// By destination.
    confirms: Vec<(u16, Distribution)>,
}

/// Everything recorded so far.
#[derive(Debug)]
pub(crate) struct Collector {
    wiring: Wiring,
    credit: Arc<Credit>,
    lanes: Vec<Watched>,
    histograms: Vec<WatchedHistograms>,
    places: tally::Places,
    /// The longest of [`Still::silent_ns`] and of [`Still::held_up_ns`].
    longest: (u64, u64),
    pub totals: Totals,
    /// Since the last interval was closed.
    pub response_now: Distribution,
    /// Since the last interval was closed; `None` where the course of the service time is not followed.
    pub service_now: Option<Distribution>,
    /// Since the last interval was closed.
    pub lag_now: Distribution,
    /// `None` until something was confirmed.
    pub confirms_now: Option<Box<ConfirmTimes>>,
    /// The monitor's thread sleeps between groups of lanes while it reads the counters of very many.
    rests: bool,
}

/// The figures of lanes that were left behind at the end.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub local: Local,
    /// Messages no transport took, by destination.
    pub unsent: Vec<(u16, u64)>,
    /// Messages of kinds that no route carries, by service.
    pub unrouted: Vec<(usize, Kind, u64)>,
    /// Of each lane with a schedule.
    pub gaps: Vec<Gaps>,
    /// Deliveries of messages that the transport never told its sender of, which did not come or may not have come.
    pub untold: u64,
}

impl Collector {
    pub(crate) fn new(
        wiring: Wiring,
        credit: Arc<Credit>,
        lanes: Vec<Watched>,
        histograms: Vec<WatchedHistograms>,
    ) -> Self {
        Self {
            places: tally::Places::new(&wiring),
            wiring,
            credit,
            lanes,
            histograms,
            longest: (0, 0),
            totals: Totals::default(),
            response_now: Distribution::default(),
            service_now: None,
            lag_now: Distribution::default(),
            confirms_now: None,
            rests: false,
        }
    }

    /// Has it follow the course of the service time, or not.
    pub(crate) fn following_service(self, is_followed: bool) -> Self {
        Self { service_now: is_followed.then(Distribution::default), ..self }
    }

    /// All lanes. While a sample is made of very many, the calling thread rests between them, as it may have taken its core from a
    /// thread that starts flows on time.
    fn each_lane(&self) -> impl Iterator<Item = &Watched> {
        self.lanes.iter().enumerate().map(|(at, lane)| {
            if self.rests && at % LANES_AT_ONCE == LANES_AT_ONCE - 1 {
                std::thread::sleep(REST);
            }
            lane
        })
    }

    /// Has the next calls rest between lanes, or no longer.
    pub(crate) const fn rest(&mut self, rests: bool) {
        self.rests = rests;
    }

    /// Counters of all lanes, added up.
    pub(crate) fn read(&self) -> Local {
        let mut all = Local::default();
        for lane in self.each_lane() {
            lane.counters.add_to(&mut all, lane.ports.len(), lane.heard.len());
        }
        all
    }

    /// The counts of started flows, emitted messages and ended flows of all lanes so far. Reading them takes the same time for ten
    /// lanes and for ten thousand.
    pub(crate) fn done(&self) -> Done {
        self.credit.done().unwrap_or_else(|| {
            let Local { started, ended, awake_ns, emitted, .. } = self.read();
            Done { started, ended, awake_ns, emitted: emitted.iter().sum() }
        })
    }

    /// Lanes that send.
    pub(crate) fn senders(&self) -> usize {
        self.lanes.iter().filter(|lane| !lane.ports.is_empty()).count().max(1)
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
        for watched in &mut self.histograms {
            if let Some(spare) = watched.spare.take() {
                watched.swap.ask(spare);
            }
        }
    }

    /// The ends of flows that lanes publish.
    pub(crate) fn credit(&self) -> Arc<Credit> {
        Arc::clone(&self.credit)
    }

    /// How many lanes there are.
    pub(crate) const fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// The lanes whose loads have not started their last flow.
    pub(crate) fn loads_under_way(&self) -> Vec<u16> {
        self.wiring.driven().filter(|lane| !self.lanes[usize::from(*lane)].counters.load_is_done()).collect()
    }

    /// Closes the interval.
    pub(crate) fn close_interval(&mut self) {
        self.response_now.clear();
        self.lag_now.clear();
        if let Some(service) = &mut self.service_now {
            service.clear();
        }
        if let Some(confirms) = &mut self.confirms_now {
            confirms.now.clear();
        }
    }

    /// Takes what the lanes left since they were asked.
    pub(crate) fn collect(&mut self) {
        for at in 0..self.histograms.len() {
            self.collect_at(at);
        }
    }

    fn collect_at(&mut self, histograms: usize) {
        if let Some(mut latencies) = self.histograms[histograms].swap.take() {
            self.merge(histograms, &latencies);
            latencies.clear();
            self.histograms[histograms].spare = Some(latencies);
        }
    }

    fn merge(&mut self, histograms: usize, latencies: &Latencies) {
        let Latencies { response, service, lag, inter_send, hops, confirms, are_small: _ } = latencies;
        let totals = &mut self.totals;
        totals.response.add(response);
        totals.service.add(service);
        totals.lag.add(lag);
        totals.inter_send.add(inter_send);
        self.response_now.add(response);
        self.lag_now.add(lag);
        if let Some(now) = &mut self.service_now {
            now.add(service);
        }
        let WatchedHistograms { heard, receiver, .. } = &self.histograms[histograms];
        for (destination, hist) in heard.iter().zip(hops) {
            let known = totals.hops.iter().position(|(at, by, _)| at == destination && by == receiver);
            let slot = known.unwrap_or_else(|| {
                totals.hops.push((*destination, *receiver, Distribution::default()));
                totals.hops.len() - 1
            });
            totals.hops[slot].2.add(hist);
        }
        self.merge_confirms(confirms);
    }

    /// Messages sent against messages delivered. A missing delivery is unknown until the trial ends; only then can it be lost.
    pub(crate) fn audit(&self, local: &Local, unsent: &[(u16, u64)], tells: Tells) -> Audit {
        let tally = self.tally(unsent);
        let not_taken = unsent.iter().map(|(_, count)| count).sum();
        Audit {
            expected: tally.expected(),
            unique: tally.unique(),
            dead: tally.dead(),
            unknown: tally.missing(),
            ..Self::counted(local, not_taken, tells)
        }
    }

    /// The counts that lanes keep. The numbers of expected and of first deliveries are zero here: they follow only from a comparison
    /// of senders and receivers by destination.
    pub(crate) fn counted(local: &Local, not_taken: u64, tells: Tells) -> Audit {
        let sum = |of: fn(&PortConfirms) -> u64| local.confirms.iter().map(of).sum::<u64>();
        let (taken, confirmed, refused) =
            (sum(|port| port.taken), sum(|port| port.confirmed), sum(|port| port.refused));
        let rolled_back = sum(|port| port.rolled_back);
        Audit {
            sent: local.emitted.iter().sum::<u64>().saturating_sub(not_taken),
            delivered: local.received.iter().sum(),
            dead: local.dead.iter().sum(),
            duplicated: local.duplicated.saturating_sub(local.again_of_none),
            redelivered: tells.attempts.then_some(local.redelivered),
            rejected: tells.rejects.then_some(local.rejected),
            displacement_max: (local.reordered > 0).then_some(local.displacement_max),
            displacement_sum: (local.reordered > 0).then_some(local.displacement_sum),
            unsent: not_taken,
            confirmed: tells.confirms.then_some(confirmed),
            refused: tells.confirms.then_some(refused),
            unconfirmed: tells.confirms.then_some(taken.saturating_sub(confirmed + refused + rolled_back)),
            rolled_back: tells.transacts.then_some(rolled_back),
            ..local.audited()
        }
    }

    /// Takes the last of what the lanes have, at the end of a run that was stopped at `stopped_ns`.
    pub(crate) fn finish(&mut self, mut lanes: Vec<Lane>, stopped_ns: u64) -> Rest {
        self.collect();
        let mut all = Rest { untold: self.untold(&mut lanes), ..Rest::default() };
        let mut returned = vec![false; self.lanes.len()];
        for lane in lanes {
            let at = usize::from(lane.id());
            returned[at] = true;
            let rest = lane.finish(stopped_ns);
            // A lane that was asked just before the stop leaves what it has only now.
            let histograms = self.lanes[at].histograms;
            self.collect_at(histograms);
            self.merge(histograms, &rest.latencies);
            all.unsent.extend(rest.unsent);
            let service = self.lanes[at].service;
            all.unrouted.extend(rest.unrouted.into_iter().map(|(kind, count)| (service, kind, count)));
            // Counters of a lane that stopped with a full outbox were not published; the lane's own are the truth.
            self.lanes[at].counters.publish(&rest.local);
            all.gaps.extend(rest.gaps);
            all.local = all.local.and(rest.local);
        }
        // Of a lane that hangs there is what it told last.
        for (lane, _) in self.lanes.iter().zip(returned).filter(|(_, returned)| !returned) {
            all.local = all.local.and(lane.read());
        }
        all
    }

    /// Hop times with the names of where they were measured.
    pub(crate) fn hops(&mut self) -> Vec<Hop> {
        let hops =
            std::mem::take(&mut self.totals.hops).into_iter().map(|(destination, service, times)| Hop {
                destination: self.wiring.destinations[usize::from(destination)].name.clone(),
                receiver: receiver_name(&self.wiring, service),
                times,
            });
        hops.collect()
    }
}

/// The service of which hop times are told: where many services hear the same destinations, it stands for all of them.
pub(crate) fn receiver_of(wiring: &Wiring, service: usize) -> usize {
    let mut heard = wiring.heard_by(service);
    match (heard.next(), heard.next()) {
        (Some(Destination { receivers, .. }), None) if receivers.len() > APART => receivers[0],
        _ => service,
    }
}

/// Subscribers of one destination up to which each has hop times of its own in the outcome. With ten thousand the record
/// would grow to many megabytes.
const APART: usize = 64;

fn receiver_name(wiring: &Wiring, service: usize) -> String {
    let name = &wiring.services[service].name;
    let same = wiring.heard_by(service).map(|heard| heard.receivers.len()).max().unwrap_or(0);
    if same > APART { format!("{name} and {} others", same - 1) } else { name.clone() }
}
