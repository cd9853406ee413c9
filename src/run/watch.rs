//! Follows one trial: turns the engine's snapshots into points of the record and events of the dashboard.

use super::job::{Job, Target};
use drumpost_core::{hist::Distribution, load::Extent, monitor::Watch, outcome::Snapshot};
use drumpost_results::model::{Point, Series};
use drumpost_tui::{Event, Quantiles, Sample};
use std::sync::{
    atomic::{AtomicBool, Ordering},
    mpsc::Sender,
};

/// See the module.
pub(crate) struct Follower<'a> {
    events: &'a Sender<Event>,
    interrupted: &'a AtomicBool,
    dispatch: usize,
    trial: u32,
    warmup_ns: u64,
    extent: Extent,
    target_per_s: Option<f64>,
    measured_ended: u64,
    pub series: Series,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(
        job: &Job,
        (dispatch, target): (usize, &Target),
        trial: u32,
        events: &'a Sender<Event>,
        interrupted: &'a AtomicBool,
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
            series: Series::default(),
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

impl Watch for Follower<'_> {
    fn sample(&mut self, snapshot: &Snapshot) {
        let throughput_per_s = snapshot.ended_now as f64 * 1e9 / snapshot.interval_ns as f64;
        let (progress, remaining_ns) = self.progress(snapshot);
        let (now, lag) = (quantiles(&snapshot.response_now), quantiles(&snapshot.lag_now));
        let audit = &snapshot.audit;
        // The dashboard may have been left; the run goes on.
        let _ = self.events.send(Event::Sample(Sample {
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
            queue_depth: snapshot.in_flight(),
            sent: audit.sent,
            delivered: audit.delivered,
            lost: audit.lagged,
            duplicated: audit.duplicated,
            reordered: audit.reordered,
            corrupted: audit.corrupted,
            warmup: snapshot.warmup,
        }));
        if !snapshot.warmup {
            let some = |value: u64| (now.count > 0).then_some(value);
            self.series.push(Point {
                at_ns: snapshot.at_ns.saturating_sub(self.warmup_ns),
                intervals: 1,
                // The first interval began in the warm-up: only what is measured counts.
                ended: snapshot.measured_ended.saturating_sub(self.measured_ended),
                in_flight: snapshot.in_flight(),
                response_p50_ns: some(now.p50_ns),
                response_p99_ns: some(now.p99_ns),
                response_max_ns: some(now.max_ns),
                lag_p99_ns: (lag.count > 0).then_some(lag.p99_ns),
            });
            self.measured_ended = snapshot.measured_ended;
        }
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

fn quantiles(of: &Distribution) -> Quantiles {
    if of.count() == 0 {
        return Quantiles::default();
    }
    let at = |quantile| of.histogram.value_at_quantile(quantile).min(of.max_ns);
    Quantiles {
        count: of.count(),
        p50_ns: at(0.5),
        p90_ns: at(0.9),
        p99_ns: at(0.99),
        p99_9_ns: at(0.999),
        max_ns: of.max_ns,
    }
}
