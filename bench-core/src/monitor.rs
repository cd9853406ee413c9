//! Watches a trial: collects what lanes recorded, makes snapshots, sees when everything expected has arrived, and
//! merges the outcome. Runs beside the lanes (real time) or between their steps (virtual time).

use crate::{
    counters::{Local, Published},
    credit::Credit,
    hist::Distribution,
    lane::Lane,
    load::Extent,
    outcome::{AuditTotals, Ending, Hop, Outcome, Snapshot},
    plan::TrialPlan,
    port::Confirms,
    recorder::{Exchange, Latencies},
    session::Control,
    wiring::Wiring,
};
use std::sync::Arc;

/// Follows a run from outside.
pub trait Watch: Send {
    /// Called with each snapshot.
    fn sample(&mut self, snapshot: &Snapshot);

    /// Whether the run is to be interrupted.
    fn is_interrupted(&self) -> bool;
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn sample(&mut self, _snapshot: &Snapshot) {}

    fn is_interrupted(&self) -> bool {
        false
    }
}

/// One lane as the monitor sees it.
#[derive(Debug)]
pub(crate) struct Watched {
    counters: Arc<Published>,
    exchange: Arc<Exchange>,
    spare: Option<Box<Latencies>>,
    service: usize,
    ports: Vec<u16>,
    heard: Vec<u16>,
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
        Self { counters, exchange, spare: Some(spare), service, ports, heard }
    }

    fn read(&self) -> Local {
        self.counters.read(self.ports.len(), self.heard.len())
    }
}

/// Merged latencies of all lanes.
#[derive(Debug, Default)]
struct Totals {
    response: Distribution,
    service: Distribution,
    lag: Distribution,
    /// By destination and receiving service.
    hops: Vec<(u16, usize, Distribution)>,
}

/// See the module.
#[derive(Debug)]
pub struct Monitor {
    control: Arc<Control>,
    wiring: Wiring,
    credit: Arc<Credit>,
    origins: usize,
    lanes: Vec<Watched>,
    totals: Totals,
    response_now: Distribution,
    lag_now: Distribution,
    ends_per_flow: u64,
    begins_ns: u64,
    measure_from_ns: u64,
    ends_ns: u64,
    sample_every_ns: u64,
    drain_deadline_ns: u64,
    next_sample_ns: u64,
    last_sample_ns: u64,
    last_ended: u64,
    last_blocked_ns: u64,
    draining_since_ns: Option<u64>,
    in_flight_sum: f64,
    in_flight_samples: u64,
    next_in_flight_ns: u64,
    interrupted: bool,
    drain_timed_out: bool,
    stopped_ns: u64,
}

impl Monitor {
    pub(crate) fn new(
        plan: &TrialPlan,
        control: Arc<Control>,
        credit: Arc<Credit>,
        lanes: Vec<Watched>,
        begins_ns: u64,
    ) -> Self {
        let measure_from_ns = begins_ns + plan.load.warmup_ns;
        let ends_ns = match plan.load.extent {
            Extent::Duration(ns) => measure_from_ns.saturating_add(ns),
            Extent::Count(_) => u64::MAX,
        };
        let sample_every_ns = crate::clock::as_ns(plan.sample_every).max(1);
        Self {
            control,
            wiring: plan.wiring.clone(),
            credit,
            origins: plan.wiring.driven().count(),
            lanes,
            totals: Totals::default(),
            response_now: Distribution::default(),
            lag_now: Distribution::default(),
            ends_per_flow: u64::from(plan.scenario.ends_per_flow.max(1)),
            begins_ns,
            measure_from_ns,
            ends_ns,
            sample_every_ns,
            drain_deadline_ns: crate::clock::as_ns(plan.drain_deadline),
            next_sample_ns: begins_ns + sample_every_ns,
            last_sample_ns: begins_ns,
            last_ended: 0,
            last_blocked_ns: 0,
            draining_since_ns: None,
            in_flight_sum: 0.0,
            in_flight_samples: 0,
            next_in_flight_ns: measure_from_ns,
            interrupted: false,
            drain_timed_out: false,
            stopped_ns: 0,
        }
    }

    /// Looks after the run at `now_ns`: samples, and stops it when it is complete, interrupted, or out of time to drain.
    /// Says when it wants to look again at the latest.
    pub fn poll(&mut self, now_ns: u64, watch: &mut dyn Watch) -> u64 {
        if now_ns >= self.next_in_flight_ns && now_ns < self.ends_ns && self.draining_since_ns.is_none() {
            self.sample_in_flight(now_ns);
        }
        if now_ns >= self.next_sample_ns {
            self.sample(now_ns, watch);
            self.control.ring();
        }
        if self.control.stop.is_stopped() {
            return self.next_sample_ns;
        }
        if watch.is_interrupted() {
            self.interrupted = true;
            self.stop(now_ns);
        } else if self.draining_since_ns.is_some() || self.loads_are_done() {
            let since_ns = *self.draining_since_ns.get_or_insert(now_ns);
            let deadline_ns = since_ns.saturating_add(self.drain_deadline_ns);
            let complete = self.is_complete();
            if complete || now_ns >= deadline_ns {
                self.drain_timed_out = !complete;
                self.stop(now_ns);
            }
            return self.next_sample_ns.min(deadline_ns);
        }
        self.next_sample_ns.min(self.next_in_flight_ns)
    }

    /// Whether the lanes were told to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.control.stop.is_stopped()
    }

    fn stop(&mut self, now_ns: u64) {
        self.stopped_ns = now_ns;
        self.control.stop.stop();
        self.control.ring();
    }

    fn loads_are_done(&self) -> bool {
        let driven = self.wiring.driven();
        driven.into_iter().all(|lane| self.lanes[usize::from(lane)].counters.load_is_done())
    }

    /// Whether every delivery that was to follow has arrived. All `received` are read before any `emitted`; see
    /// [`Published::publish`].
    fn is_complete(&self) -> bool {
        let arrived: u64 = self
            .lanes
            .iter()
            .map(|lane| {
                let local = lane.read();
                (local.received.iter().sum::<u64>() + local.corrupted + local.lagged)
                    .saturating_sub(local.duplicated)
            })
            .sum();
        arrived >= self.expected()
    }

    fn expected(&self) -> u64 {
        let ports = self.lanes.iter().flat_map(|lane| {
            lane.ports
                .iter()
                .enumerate()
                .map(|(port, destination)| (lane.counters.emitted(port), *destination))
        });
        ports.map(|(emitted, destination)| emitted * self.subscribers(destination)).sum()
    }

    fn subscribers(&self, destination: u16) -> u64 {
        self.wiring.destinations[usize::from(destination)].receivers.len() as u64
    }

    fn sample_in_flight(&mut self, now_ns: u64) {
        let started: u64 = self.lanes.iter().map(|lane| lane.counters.started()).sum();
        let ended: u64 = (0..self.origins).map(|origin| self.credit.ended(origin)).sum();
        self.in_flight_sum += started as f64 - ended as f64 / self.ends_per_flow as f64;
        self.in_flight_samples += 1;
        self.next_in_flight_ns = now_ns + (self.sample_every_ns / 50).max(1);
    }

    fn sample(&mut self, now_ns: u64, watch: &mut dyn Watch) {
        self.collect();
        let local = self.lanes.iter().map(Watched::read).fold(Local::default(), add);
        let ended = local.ended / self.ends_per_flow;
        let interval_ns = (now_ns - self.last_sample_ns).max(1);
        let held_up_ns = local.blocked_ns.saturating_sub(self.last_blocked_ns) as f64;
        let senders = self.lanes.iter().filter(|lane| !lane.ports.is_empty()).count().max(1);
        watch.sample(&Snapshot {
            at_ns: now_ns.saturating_sub(self.begins_ns),
            interval_ns,
            warmup: now_ns < self.measure_from_ns,
            started: local.started,
            measured_started: local.measured_started,
            ended,
            ended_now: ended.saturating_sub(self.last_ended),
            response_now: self.response_now.clone(),
            response: self.totals.response.clone(),
            lag_now: self.lag_now.clone(),
            blocked_share: (held_up_ns / interval_ns as f64 / senders as f64).min(1.0),
            audit: self.audit(&local, 0, Confirms::default(), false),
        });
        self.response_now.clear();
        self.lag_now.clear();
        (self.last_sample_ns, self.last_ended, self.last_blocked_ns) = (now_ns, ended, local.blocked_ns);
        self.next_sample_ns = now_ns + self.sample_every_ns;
        for lane in &mut self.lanes {
            if let Some(spare) = lane.spare.take() {
                lane.exchange.ask(spare);
            }
        }
    }

    /// Takes what the lanes left since they were asked.
    fn collect(&mut self) {
        for at in 0..self.lanes.len() {
            if let Some(mut latencies) = self.lanes[at].exchange.take() {
                self.merge(at, &latencies);
                latencies.clear();
                self.lanes[at].spare = Some(latencies);
            }
        }
    }

    fn merge(&mut self, lane: usize, latencies: &Latencies) {
        let Latencies { response, service, lag, hops } = latencies;
        let Totals { response: all_response, service: all_service, lag: all_lag, hops: all_hops } =
            &mut self.totals;
        all_response.add(response);
        all_service.add(service);
        all_lag.add(lag);
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

    fn audit(&self, local: &Local, unsent: u64, confirms: Confirms, confirming: bool) -> AuditTotals {
        let expected = self.expected();
        let delivered: u64 = local.received.iter().sum();
        let unique = delivered.saturating_sub(local.duplicated + local.beyond_window);
        AuditTotals {
            sent: local.emitted.iter().sum::<u64>().saturating_sub(unsent),
            expected,
            delivered,
            unique,
            lost: 0,
            duplicated: local.duplicated,
            reordered: local.reordered,
            corrupted: local.corrupted,
            unrouted: local.unrouted,
            lagged: local.lagged,
            unsent,
            beyond_window: local.beyond_window,
            negative: local.negative,
            confirmed: confirming.then_some(confirms.confirmed),
            unconfirmed: confirming.then_some(confirms.unconfirmed),
        }
    }

    /// Merges what the lanes left behind. `confirms` is what the transport confirmed, `None` if it confirms nothing;
    /// `cpu_ns` is the processor time used.
    #[must_use]
    pub fn finish(
        mut self,
        lanes: Vec<Lane>,
        confirms: Option<Confirms>,
        cpu_ns: Option<u64>,
        notes: Vec<String>,
    ) -> Outcome {
        self.collect();
        let (mut local, mut unsent, mut unsent_deliveries) = (Local::default(), 0, 0);
        for lane in lanes {
            let at = usize::from(lane.id());
            let rest = lane.finish();
            self.merge(at, &rest.latencies);
            unsent += rest.unsent.iter().map(|(_, count)| count).sum::<u64>();
            unsent_deliveries +=
                rest.unsent.iter().map(|(to, count)| count * self.subscribers(*to)).sum::<u64>();
            // Counters of a lane that stopped with a full outbox were not published; the lane's own are the truth.
            self.lanes[at].counters.publish(&rest.local);
            local = add(local, rest.local);
        }
        let mut audit = self.audit(&local, unsent, confirms.unwrap_or_default(), confirms.is_some());
        audit.expected = audit.expected.saturating_sub(unsent_deliveries);
        audit.lost = audit.expected.saturating_sub(audit.unique + audit.corrupted + audit.beyond_window);
        let ended = local.ended / self.ends_per_flow;
        let until_ns = if self.stopped_ns > 0 { self.ends_ns.min(self.stopped_ns) } else { 0 };
        let ending = match self.control.failure() {
            Some(what) => Ending::Failed(what),
            None if self.interrupted => Ending::Interrupted,
            None => Ending::Completed,
        };
        let hops = self.totals.hops.into_iter().map(|(destination, service, times)| Hop {
            destination: self.wiring.destinations[usize::from(destination)].name.clone(),
            receiver: self.wiring.services[service].name.clone(),
            times,
        });
        let sampled = self.in_flight_samples > 0;
        Outcome {
            ending,
            started: local.started,
            measured_started: local.measured_started,
            missed: local.missed,
            measured_ended: local.measured_ended / self.ends_per_flow,
            unfinished: local.started.saturating_sub(ended),
            elapsed_ns: elapsed_ns(self.measure_from_ns, until_ns, self.ends_ns, local.last_end_ns),
            response: self.totals.response,
            service: self.totals.service,
            lag: self.totals.lag,
            hops: hops.collect(),
            audit,
            blocked_ns: local.blocked_ns,
            cpu_ns,
            mean_in_flight: sampled.then(|| self.in_flight_sum / self.in_flight_samples as f64),
            drain_timed_out: self.drain_timed_out,
            notes,
        }
    }
}

/// The load's time, never the observer's: to its end or the last measured flow's, whichever is later; a load that ends
/// by count has only the latter.
fn elapsed_ns(from_ns: u64, until_ns: u64, ends_ns: u64, last_end_ns: u64) -> u64 {
    let by_plan_ns = if ends_ns == u64::MAX { 0 } else { until_ns };
    last_end_ns.max(by_plan_ns).saturating_sub(from_ns)
}

fn add(mut all: Local, local: Local) -> Local {
    let Local {
        emitted,
        received,
        started,
        measured_started,
        ended,
        measured_ended,
        missed,
        unrouted,
        corrupted,
        duplicated,
        reordered,
        lagged,
        negative,
        beyond_window,
        blocked_ns,
        written_off,
        last_end_ns,
    } = local;
    all.emitted.extend(emitted);
    all.received.extend(received);
    all.started += started;
    all.measured_started += measured_started;
    all.ended += ended;
    all.measured_ended += measured_ended;
    all.missed += missed;
    all.unrouted += unrouted;
    all.corrupted += corrupted;
    all.duplicated += duplicated;
    all.reordered += reordered;
    all.lagged += lagged;
    all.negative += negative;
    all.beyond_window += beyond_window;
    all.blocked_ns += blocked_ns;
    all.written_off += written_off;
    all.last_end_ns = all.last_end_ns.max(last_end_ns);
    all
}
