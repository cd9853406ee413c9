//! Follows one trial: turns the engine's snapshots into points of the record's series and into events of the dashboard.

use super::{
    commands::Commands,
    job::{Job, Target},
    link::Up,
    trial::distribution,
};
use crate::{
    host::{HostWatch, ServerNow},
    interrupt::Interrupt,
    live::Events,
};
use drumpost_core::{
    clock::as_ns,
    hist::Distribution,
    load::Extent,
    monitor::{Counts, Edge, Watch},
    outcome::{Audit, Cause, Outage, Outcome, Snapshot},
    promise::Order,
    server::ServerFacts,
};
use drumpost_results::{
    metrics::{Times, Totals},
    model::{Disturbing, Flows, Point, Series},
    units,
    verdict::Thresholds,
};
use drumpost_tui::{Allows, Confirms, Event, Quantiles, Sample, Server};
use std::time::Duration;

/// See the module.
pub(crate) struct Follower<'a> {
    events: &'a Events,
    interrupted: &'a Interrupt,
    dispatch: usize,
    trial: u32,
    warmup_ns: u64,
    extent: Extent,
    target_per_s: Option<f64>,
    measured_ended: u64,
    /// Outages that the dashboard was told of.
    told_outages: usize,
    /// Warnings that were given already, so that each is given once.
    warned: Vec<&'static str>,
    label: String,
    limits: Thresholds,
    allows: Allows,
    order: Order,
    pub series: Series,
    /// A first interval that is too short for a point of its own: the warm-up ended shortly before a sample.
    stub: Option<Point>,
    /// The relay between the transport and its server.
    pub up: Option<&'a Up>,
    target: &'a Target,
    commands: Option<Commands>,
    /// Disturbances that the dashboard was told of.
    told_disturbances: usize,
    /// What viewers were told of the server; `None` without one.
    server: Option<Server>,
    /// `None` in virtual time, where the machine does not matter.
    pub host: Option<HostWatch>,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(
        job: &Job,
        (dispatch, target): (usize, &'a Target),
        trial: u32,
        events: &'a Events,
        interrupted: &'a Interrupt,
    ) -> Self {
        let load = target.plan.load;
        Self {
            events,
            interrupted,
            dispatch,
            trial,
            warmup_ns: load.warmup_ns,
            extent: load.extent,
            target_per_s: job.workload.asked_per_s(load.warmup_ns, load.extent),
            measured_ended: 0,
            told_outages: 0,
            warned: Vec::new(),
            stub: None,
            up: None,
            target,
            commands: None,
            told_disturbances: 0,
            server: None,
            label: format!("{} trial {}", target.label, trial + 1),
            limits: job.thresholds.clone(),
            allows: Allows {
                loss: !target.promise.is_lossless(),
                duplicates: target.promise.may_duplicate(),
                disorder: target.promise.order == Order::None,
            },
            order: target.promise.order,
            series: Series::default(),
            host: (!job.is_virtual).then(|| HostWatch::new(target.observe.clone(), target.needs_server)),
        }
    }

    /// The messages out of the order that is promised, or out of any if none is.
    const fn disordered(&self, audit: &Audit) -> u64 {
        match self.order {
            Order::PerKey | Order::PerShard => audit.out_of_order,
            Order::PerProducer | Order::None => audit.reordered,
        }
    }

    /// How far the trial is, of one, and how much is left, in ns.
    fn progress(&self, snapshot: &Snapshot) -> (f64, Option<u64>) {
        match self.extent {
            Extent::Duration(ns) => {
                let whole_ns = ns + self.warmup_ns;
                let done = snapshot.at_ns as f64 / whole_ns.max(1) as f64;
                (done.min(1.0), Some(whole_ns.saturating_sub(snapshot.at_ns)))
            }
            Extent::Count(count) => {
                let done = (snapshot.measured_started as f64 / count.max(1) as f64).min(1.0);
                let left = |done: f64| snapshot.at_ns as f64 * (1.0 - done) / done;
                (done, (done > 0.01).then(|| left(done) as u64))
            }
        }
    }
}

impl Follower<'_> {
    /// Adds a point to the series. Samples come at fixed times, and the warm-up may end a few milliseconds before one. The
    /// rate of such a short first interval would be meaningless, so it becomes part of the interval that follows.
    fn add(&mut self, point: Point, interval_ns: u64) {
        if self.series.points().is_empty() && self.stub.is_none() && point.at_ns < interval_ns / 2 {
            self.stub = Some(point);
            return;
        }
        let point = match self.stub.take() {
            Some(mut first) => {
                first.merge(&point);
                Point { intervals: point.intervals, ..first }
            }
            None => point,
        };
        self.series.push(point);
    }

    /// Warns of anything that the verdict will hold against the trial, as far as it can be seen while the trial runs.
    fn warn(&mut self, snapshot: &Snapshot, lag_p99_ns: Option<u64>) {
        let audit = &snapshot.audit;
        let faults = [
            ("dropped by the transport", audit.lagged, self.allows.loss),
            ("duplicated", audit.duplicated, self.allows.duplicates),
            ("reordered", self.disordered(audit), self.allows.disorder),
            ("corrupted", audit.corrupted, false),
            ("refused by the transport", audit.refused.unwrap_or(0), false),
        ];
        for (word, n, _) in faults.into_iter().filter(|(_, n, allowed)| *n > 0 && !allowed) {
            self.say(word, || format!("{} {word} so far", units::counted(n, "message", "messages")));
        }
        let (Some(target_per_s), false) = (self.target_per_s, snapshot.warmup) else { return };
        let (longest_ns, most) = match self.extent {
            Extent::Duration(ns) => (ns, u64::MAX),
            Extent::Count(count) => (u64::MAX, count),
        };
        let since_ns = snapshot.at_ns.saturating_sub(self.warmup_ns).min(longest_ns);
        let due = (target_per_s * since_ns as f64 / 1e9).min(most as f64);
        let behind = 1.0 - snapshot.measured_started as f64 / due;
        // The count of a random schedule has a standard deviation of about its square root. The first intervals are
        // skipped, because the end of the warm-up cuts them.
        if since_ns > 4 * snapshot.interval_ns && behind > self.limits.rate_off + 4.0 / due.sqrt() {
            self.say("rate", || format!("the load is {} behind its rate so far", units::percent(behind)));
        }
        let p50_ns = quantiles(&snapshot.response).p50_ns as f64;
        let limit_ns = (p50_ns * self.limits.lag_share).max(self.limits.lag_floor_ns);
        if let Some(lag_ns) = lag_p99_ns.filter(|lag_ns| *lag_ns as f64 > limit_ns) {
            self.say("lag", || format!("the load was late: schedule lag p99 {}", units::duration(lag_ns)));
        }
    }

    /// Tells counts and times so far, if a viewer adds them up.
    fn tell_totals(&self, snapshot: &Snapshot) {
        if !self.events.adds_up() {
            return;
        }
        let times = |of: &Distribution| Times::of_histogram(&of.histogram, of.sum_ns, of.over_range);
        let totals = Totals {
            flows: Flows {
                started: snapshot.measured_started,
                ended: snapshot.measured_ended,
                ..Flows::default()
            },
            // A message that is not confirmed yet is under way. Only at the end is it a count that stays.
            audit: Audit { unconfirmed: None, ..snapshot.audit },
            response: times(&snapshot.response),
            confirm: snapshot.confirms.as_ref().map_or_else(Times::default, |all| times(&all.run)),
        };
        let (dispatch, trial, totals) = (self.dispatch, self.trial, Box::new(totals));
        self.events.tell(Event::Totals { dispatch, trial, is_over: false, totals });
    }

    /// Tells the dashboard of outages that it does not know of yet.
    fn tell_outages(&mut self, outages: &[Outage]) {
        for Outage { instance, cause, at_ns, away_ns, .. } in outages.iter().skip(self.told_outages) {
            let (dispatch, trial, from_ns) = (self.dispatch, self.trial, *at_ns);
            let until_ns = from_ns.saturating_add(*away_ns);
            self.events.tell(Event::Away { dispatch, trial, from_ns, until_ns });
            // A kill was asked for.
            if let Cause::ConnectionLost { .. } = cause {
                self.say("lost", || {
                    format!("{instance} lost its connection and was away for {}", units::duration(*away_ns))
                });
            }
        }
        self.told_outages = outages.len();
    }

    /// Tells the dashboard of what has been done to the trial by now. Instances that are away are told of as outages.
    fn tell_disturbances(&mut self, now_ns: u64) {
        let all = self.target.faults.disturbances.iter().zip(&self.target.plan.conditions.disturbances);
        for ((kind, _), when) in all.skip(self.told_disturbances) {
            let from_ns = as_ns(when.at);
            if from_ns > now_ns {
                break;
            }
            self.told_disturbances += 1;
            if !matches!(kind, Disturbing::Kill | Disturbing::Pause) {
                let (dispatch, trial) = (self.dispatch, self.trial);
                let until_ns = from_ns.saturating_add(as_ns(when.lasts));
                self.events.tell(Event::Away { dispatch, trial, from_ns, until_ns });
            }
        }
    }

    /// Tells what is known of the server by now.
    fn tell_server(&self) {
        if let Some(server) = self.server.clone() {
            self.events.tell(Event::Server { dispatch: self.dispatch, server });
        }
    }

    /// The line is whole again and no command goes on. Gives back what is to be said about commands.
    pub(super) fn end(&mut self) -> Vec<String> {
        if let Some(up) = self.up {
            up.end();
        }
        self.commands.take().map(Commands::end).unwrap_or_default()
    }

    fn say(&mut self, what: &'static str, sentence: impl FnOnce() -> String) {
        if !self.warned.contains(&what) {
            self.warned.push(what);
            self.events.tell(Event::Warning(format!("{}: {}", self.label, sentence())));
        }
    }
}

impl Watch for Follower<'_> {
    fn sample(&mut self, snapshot: &Snapshot) {
        let throughput_per_s = snapshot.ended_now as f64 * 1e9 / snapshot.interval_ns as f64;
        let (progress, remaining_ns) = self.progress(snapshot);
        let (now, lag) = (quantiles(&snapshot.response_now), quantiles(&snapshot.lag_now));
        let server = self.host.as_mut().and_then(HostWatch::look);
        let audit = &snapshot.audit;
        self.tell_totals(snapshot);
        self.events.tell(Event::Sample(Sample {
            dispatch: self.dispatch,
            trial: self.trial,
            elapsed_ns: snapshot.at_ns,
            progress,
            remaining_ns,
            throughput_per_s,
            target_per_s: self.target_per_s,
            now,
            run: quantiles(&snapshot.response),
            lag_p99_ns: lag.p99_ns,
            blocked_share: snapshot.blocked_share,
            in_flight: snapshot.in_flight(),
            sent: audit.sent,
            delivered: audit.delivered,
            dropped: audit.lagged,
            duplicated: audit.duplicated,
            reordered: self.disordered(audit),
            corrupted: audit.corrupted,
            redelivered: audit.redelivered,
            rejected: audit.rejected,
            dead: audit.dead,
            confirms: confirms(audit),
            confirm: snapshot
                .confirms
                .as_ref()
                .map_or_else(Quantiles::default, |times| quantiles(&times.run)),
            warmup: snapshot.warmup,
            waiting: snapshot.depth.map(|depth| (depth.ready, depth.unacknowledged)),
            server: server.map(|now| server_now(now, snapshot.interval_ns)),
            allows: self.allows,
        }));
        let lag_p99_ns = distribution(&snapshot.lag_now).quantile_ns(0.99);
        self.warn(snapshot, lag_p99_ns);
        self.tell_outages(&snapshot.outages);
        self.tell_disturbances(snapshot.at_ns);
        if !snapshot.warmup {
            let point = Point {
                at_ns: snapshot.at_ns.saturating_sub(self.warmup_ns),
                // The first interval began in the warm-up. Only measured flows count.
                ended: snapshot.measured_ended.saturating_sub(self.measured_ended),
                in_flight: snapshot.in_flight(),
                lag_p99_ns,
                unconfirmed: audit.unconfirmed,
                confirm_p99_ns: confirm_p99_ns(snapshot),
                server_ready: snapshot.depth.map(|depth| depth.ready),
                server_unacknowledged: snapshot.depth.and_then(|depth| depth.unacknowledged),
                ..Point::default()
            };
            let point = point.with_response(&distribution(&snapshot.response_now));
            let point = match &snapshot.service_now {
                Some(service) => point.with_service(&distribution(service)),
                None => point,
            };
            self.add(point, snapshot.interval_ns);
            self.measured_ended = snapshot.measured_ended;
        }
    }

    fn opened(&mut self, server: Option<&ServerFacts>) {
        let real = self.up.and_then(|up| Some(up.real(server?)));
        let server = real.as_ref().or(server);
        if let Some(host) = &mut self.host {
            host.opened(server);
        }
        if let Some(ServerFacts { product, version, .. }) = server {
            let (product, version) = (product.clone(), version.clone());
            self.server = Some(Server { product, version, connections: None });
            self.tell_server();
        }
    }

    fn begun(&mut self, ago: Duration) {
        if let Some(up) = self.up {
            up.begin(ago);
        }
        if !self.target.faults.commands.is_empty() {
            self.commands = Some(Commands::begin(&self.target.faults.commands, ago));
        }
    }

    fn measured(&mut self, _outcome: &Outcome) {
        if let Some(up) = self.up {
            up.end();
        }
    }

    fn edge(&mut self, edge: Edge, counts: Counts) {
        let Some(host) = &mut self.host else { return };
        host.edge(edge, counts);
        if let (Edge::Opens, Some(server)) = (edge, &mut self.server) {
            server.connections = host.connections();
            self.tell_server();
        }
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.is_set()
    }

    fn is_urgent(&self) -> bool {
        self.interrupted.is_urgent()
    }
}

/// What the transport told of confirms so far; `None` if it confirms nothing.
fn confirms(audit: &Audit) -> Option<Confirms> {
    let Audit { confirmed, refused, unconfirmed, .. } = *audit;
    Some(Confirms { confirmed: confirmed?, refused: refused?, unconfirmed: unconfirmed? })
}

/// Of the confirms since the last snapshot.
fn confirm_p99_ns(snapshot: &Snapshot) -> Option<u64> {
    distribution(&snapshot.confirms.as_ref()?.now).quantile_ns(0.99)
}

fn server_now(now: ServerNow, interval_ns: u64) -> drumpost_tui::ServerNow {
    let cores = now.cpu_ns as f64 / interval_ns.max(1) as f64;
    drumpost_tui::ServerNow { cores, memory_bytes: now.memory_bytes }
}

fn quantiles(of: &Distribution) -> Quantiles {
    Quantiles::of(of.count(), of.max_ns, |quantile| of.histogram.value_at_quantile(quantile))
}
