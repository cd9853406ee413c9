//! Watches a trial: makes snapshots of the collected figures, finds out when every expected message has arrived, and
//! reports the outcome. It runs beside the lanes in real time, and between their steps in virtual time.

mod backlog;
mod close;
mod cost;
mod end;
mod in_flight;
mod recovery;
mod snapshot;
pub(crate) mod watch;
mod window;

pub use watch::{Counts, Edge, Unwatched, Watch};

use crate::{
    collector::{Collector, Rest, Tells, Totals, Watched, WatchedHistograms},
    control::Control,
    cost::Meter,
    credit::Credit,
    gaps::Gaps,
    lane::Lane,
    load::{Extent, Pace},
    message::TRIAL_MAX_NS,
    outcome::{Ending, Outcome},
    plan::{Conditions, TrialPlan},
    promise::Acks,
};
use std::{sync::Arc, time::Duration};

/// A lane that has not taken a step for so long hangs, whatever `--drain` says.
const SILENCE_NS: u64 = 5_000_000_000;
/// A transport that was full for so long, while nothing at all moved, stays so.
const STALL_NS: u64 = 60_000_000_000;
/// How often lanes are looked at for signs of life: each of them costs a look a fraction of a microsecond, so ten thousand
/// are looked at twice a second.
const STILL_PER_LANE_NS: u64 = 50_000;
/// A sample reads all lanes, which takes some 0.4 µs each: so it has sixty times as long until the next one. It matters with more than
/// 4,000 lanes.
const SAMPLE_PER_LANE_NS: u64 = 25_000;
/// The time that a load may take to end beyond the drain deadline, and beyond the time that its lane may be away. It is long enough that a lane which hangs is reported first.
const LATE_NS: u64 = 1_000_000_000;

/// See the module.
#[derive(Debug)]
pub struct Monitor {
    control: Arc<Control>,
    collector: Collector,
    ends_per_flow: u64,
    /// Names of the scenario's kinds.
    kinds: &'static [&'static str],
    begins_ns: u64,
    measure_from_ns: u64,
    ends_ns: u64,
    sample_every_ns: u64,
    drain_deadline_ns: u64,
    /// A lane may show no sign of life for so long; longer if a consumer is killed and away.
    silence_ns: u64,
    /// A full transport may block a lane for so long without anything moving.
    stall_ns: u64,
    /// How long after its planned end a load is waited for.
    late_ns: u64,
    next_sample_ns: u64,
    /// The lanes were asked for what they have since the last sample.
    has_asked: bool,
    last_sample_ns: u64,
    last_ended: u64,
    last_blocked_ns: u64,
    /// For how long lanes were not looked at for signs of life.
    unlooked_ns: u64,
    draining_since_ns: Option<u64>,
    /// Reads what the trial costs; `None` in virtual time.
    meter: Option<Meter>,
    in_flight: in_flight::InFlight,
    close: close::Close,
    /// A backlog, if the plan has one.
    backlog: Option<Box<backlog::Watching>>,
    recoveries: recovery::Recoveries,
    next_in_flight_ns: u64,
    uneven: u64,
    tells: Tells,
    interrupted: bool,
    drain_timed_out: bool,
    stopped_ns: u64,
    /// The last time it looked after the run. What fails between two looks failed then, to within 2 ms.
    looked_ns: u64,
    has_begun: bool,
    /// The watcher was told that the measured window is open.
    has_opened: bool,
}

impl Monitor {
    pub(crate) fn new(
        plan: &TrialPlan,
        control: Arc<Control>,
        credit: Arc<Credit>,
        lanes: Vec<Watched>,
        histograms: Vec<WatchedHistograms>,
        begins_ns: u64,
    ) -> Self {
        let measure_from_ns = begins_ns + plan.load.warmup_ns;
        let ends_ns = match plan.load.extent {
            Extent::Duration(ns) => measure_from_ns.saturating_add(ns),
            Extent::Count(_) => u64::MAX,
        };
        let lanes_ns = SAMPLE_PER_LANE_NS * u64::from(plan.wiring.instance_count());
        let sample_every_ns = crate::clock::as_ns(plan.sample_every).max(lanes_ns).max(1);
        let drain_deadline_ns = crate::clock::as_ns(plan.drain_deadline);
        // A lane that is away says nothing.
        let Conditions { kill, pause, broken_for, reconnect, .. } = &plan.conditions;
        let killed = kill.as_ref().map_or(Duration::ZERO, |kill| kill.down);
        let paused = pause.as_ref().map_or(Duration::ZERO, |pause| pause.lasts);
        let away = [paused, *broken_for, reconnect.unwrap_or_default()];
        let away = away.into_iter().fold(killed, Duration::saturating_add);
        let away_ns = crate::clock::as_ns(away);
        let silence_ns = drain_deadline_ns.max(SILENCE_NS).saturating_add(away_ns);
        let stall_ns = silence_ns.max(plan.load.flow_timeout_ns).max(STALL_NS).saturating_add(away_ns);
        Self {
            control,
            collector: Collector::new(plan.wiring.clone(), credit, lanes, histograms)
                .following_service(matches!(plan.load.pace, Pace::Open { .. })),
            ends_per_flow: u64::from(plan.scenario.ends_per_flow.max(1)),
            kinds: plan.scenario.kinds,
            begins_ns,
            measure_from_ns,
            ends_ns,
            sample_every_ns,
            drain_deadline_ns,
            silence_ns,
            stall_ns,
            late_ns: drain_deadline_ns.saturating_add(LATE_NS).saturating_add(away_ns),
            next_sample_ns: begins_ns + sample_every_ns,
            has_asked: false,
            last_sample_ns: begins_ns,
            last_ended: 0,
            last_blocked_ns: 0,
            unlooked_ns: 0,
            draining_since_ns: None,
            meter: None,
            in_flight: in_flight::InFlight::default(),
            close: close::Close::of(plan, begins_ns),
            backlog: backlog::Watching::of(plan, begins_ns),
            recoveries: recovery::Recoveries::of(plan, begins_ns),
            next_in_flight_ns: measure_from_ns,
            uneven: 0,
            tells: Tells {
                rejects: plan.conditions.poison.is_some(),
                transacts: plan.conditions.acks == Acks::Transaction,
                ..Tells::default()
            },
            interrupted: false,
            drain_timed_out: false,
            stopped_ns: 0,
            looked_ns: begins_ns,
            has_begun: false,
            has_opened: false,
        }
    }

    /// The ends of flows that lanes publish.
    pub(crate) fn credit(&self) -> Arc<Credit> {
        self.collector.credit()
    }

    /// Has it count what ports of these types tell of confirms and of repeated deliveries.
    #[must_use]
    pub const fn with_told(mut self, confirms: bool, attempts: bool) -> Self {
        self.tells = Tells { confirms, attempts, ..self.tells };
        self
    }

    /// Has it read what the trial costs, by the process's own time: in real time only.
    #[must_use]
    pub fn with_cost(mut self) -> Self {
        self.meter = Some(Meter::new(self.measure_from_ns));
        self
    }

    /// How long may pass until the next look, at most `at_most`: so that what has to be read when measuring begins is
    /// read then.
    #[must_use]
    pub fn nap(&self, now_ns: u64, at_most: Duration) -> Duration {
        let until_ns = self.meter.as_ref().map_or(u64::MAX, Meter::next_ns);
        match until_ns.checked_sub(now_ns) {
            Some(left_ns) if left_ns > 0 => at_most.min(Duration::from_nanos(left_ns)),
            _ => at_most,
        }
    }

    /// Looks after the run at `now_ns`: samples, and stops it when it is complete, interrupted, or out of time to drain.
    /// Says when it wants to look again at the latest.
    pub fn poll(&mut self, now_ns: u64, watch: &mut dyn Watch) -> u64 {
        self.looked_ns = now_ns;
        self.look_at_cost(now_ns);
        self.look_at_moves(now_ns);
        self.look_at_backlog(now_ns);
        self.look_at_recovery(now_ns);
        if now_ns >= self.measure_from_ns && !self.control.stop.is_stopped() {
            self.look_at_in_flight(now_ns);
        }
        if !self.has_opened && now_ns >= self.measure_from_ns && !self.control.stop.is_stopped() {
            self.has_opened = true;
            watch.edge(Edge::Opens, self.counts());
        }
        if !self.has_begun && now_ns >= self.begins_ns {
            // A lane on tasks has no timer: without this a closed load would begin with the first sample.
            self.has_begun = true;
            self.control.ring();
            watch.begun(Duration::from_nanos(now_ns - self.begins_ns));
        }
        if !self.has_asked && now_ns >= self.next_ask_ns() {
            // Shortly before the sample, so that what is counted and what is recorded are of about the same interval.
            self.has_asked = true;
            self.collector.ask();
            self.control.ring_some();
        }
        if now_ns >= self.next_sample_ns {
            self.sample(now_ns, watch);
            self.control.ring_some();
        }
        let next_ns = if self.has_asked { self.next_sample_ns } else { self.next_ask_ns() };
        if self.control.stop.is_stopped() {
            return next_ns;
        }
        if watch.is_interrupted() {
            self.interrupted = true;
            self.stop(now_ns, watch);
        } else if now_ns >= TRIAL_MAX_NS {
            self.stop(now_ns, watch);
            self.control.fail(
                "the trial was ended because time stamps in messages cannot hold more than 78 hours".into(),
            );
        } else if self.draining_since_ns.is_some() || self.collector.loads_are_done() {
            let since_ns = self.load_ended(now_ns);
            let deadline_ns = since_ns.saturating_add(self.drain_deadline_ns);
            if self.collector.has_competitors() {
                // So that they find themselves idle and count what they received.
                self.control.ring_some();
            }
            let complete = self.collector.is_complete();
            if complete || now_ns >= deadline_ns {
                self.end(complete, now_ns, watch);
            } else {
                self.close_after_load(since_ns, now_ns, watch);
            }
            return next_ns.min(deadline_ns).min(TRIAL_MAX_NS);
        }
        // Virtual time goes no further without a look.
        next_ns.min(self.next_in_flight_ns).min(self.next_backlog_ns()).min(TRIAL_MAX_NS)
    }

    /// Ends a trial in real time that would not end by itself, as a failure that says what hangs: a lane that takes no
    /// step, a load that does not end in its time, a transport that stays full.
    pub(crate) fn look_for_hanging(&mut self, now_ns: u64) {
        if self.control.stop.is_stopped() {
            return;
        }
        let text = |ns: u64| format!("{:?}", std::time::Duration::from_millis(ns / 1_000_000));
        let blame = &self.control.blame;
        let is_late = self.draining_since_ns.is_none() && now_ns > self.ends_ns.saturating_add(self.late_ns);
        // Lanes that share a thread with one that hangs are silent, too: all of them are looked at to find out which it is.
        let (silence_ns, stall_ns) =
            if is_late { (LATE_NS / 2, LATE_NS / 2) } else { (self.silence_ns, self.stall_ns) };
        let silent = self.collector.silent_for(silence_ns);
        let held_up = self.collector.held_up_for(stall_ns);
        let why = match (&silent[..], &held_up[..]) {
            ([_, ..], _) => Some(blame.hangs(&silent, &text(silence_ns))),
            ([], [lane, ..]) => Some(blame.held_up(*lane, &text(stall_ns))),
            ([], []) if is_late => self.collector.loads_under_way().first().map(|lane| {
                let time = text(self.late_ns);
                format!("the load at {} has not ended {time} after its planned end", blame.instance(*lane))
            }),
            ([], []) => None,
        };
        if let Some(why) = why {
            self.stopped_ns = now_ns;
            self.control.fail(why);
        }
    }

    /// When the lanes are asked for what they have: a twentieth of an interval before it is looked at.
    fn next_ask_ns(&self) -> u64 {
        self.next_sample_ns.saturating_sub(self.sample_every_ns / 20)
    }

    /// Whether the lanes were told to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.control.stop.is_stopped()
    }

    /// The trial was cut short after its lanes were told to stop.
    pub(crate) fn interrupt(&mut self) {
        self.interrupted = true;
    }

    fn stop(&mut self, now_ns: u64, watch: &mut dyn Watch) {
        self.stopped_ns = now_ns;
        self.close_window(now_ns, watch);
        self.control.stop.stop();
        self.control.ring();
    }

    /// Flows that ended, and flows that did not because of dead letters, by the ends that came and those that will not.
    const fn flows(&self, ends: u64, dead_ends: u64) -> (u64, u64) {
        let ended = ends / self.ends_per_flow;
        (ended, (ends + dead_ends) / self.ends_per_flow - ended)
    }

    fn counts(&self) -> Counts {
        let done = self.collector.done();
        Counts { sent: done.emitted, ended: done.ended / self.ends_per_flow }
    }

    /// How the trial ended.
    fn ending(&self) -> Ending {
        match self.control.failure() {
            Some(what) => Ending::Failed(what),
            None if self.interrupted => Ending::Interrupted,
            None => Ending::Completed,
        }
    }

    /// Merges what the lanes left behind.
    #[must_use]
    pub fn finish(mut self, lanes: Vec<Lane>) -> Outcome {
        // A failure's own time is its end; nobody else stopped it.
        let stopped_ns = if self.stopped_ns > 0 { self.stopped_ns } else { self.looked_ns };
        let Rest { local, unsent, unrouted, gaps, untold } = self.collector.finish(lanes, stopped_ns);
        let backlog = self.finish_backlog(stopped_ns, local.held_back_ns);
        let mut audit = self.collector.audit(&local, &unsent, self.tells);
        let (ended, dead) = self.flows(local.ended, local.dead_ends);
        let (measured_ended, measured_dead) = self.flows(local.measured_ended, local.measured_dead_ends);
        let ending = self.ending();
        audit.close(ending == Ending::Completed);
        audit.confirmed_lost = audit.confirmed.map(|_| audit.lost.saturating_sub(untold));
        let unfinished = local.started.saturating_sub(ended + dead);
        let all_ended = unfinished == 0 && ending == Ending::Completed;
        let window = window::Window {
            from_ns: self.measure_from_ns,
            ends_ns: self.ends_ns,
            load_ends_ns: self.draining_since_ns.unwrap_or(stopped_ns).min(stopped_ns).min(self.ends_ns),
            stopped_ns,
        };
        let in_warmup = local.started.saturating_sub(local.measured_started);
        let warmup_unfinished =
            in_warmup.saturating_sub((ended + dead).saturating_sub(measured_ended + measured_dead));
        let senders = self.collector.senders() as u64;
        let elapsed_ns = window.elapsed_ns(local.last_end_ns, all_ended);
        let mean_in_flight = self.mean_in_flight(&local, elapsed_ns);
        let last_due_ns = gaps.iter().filter_map(Gaps::last_due_ns).max();
        let schedule_ns = last_due_ns.map(|last_ns| window.schedule_ns(last_ns, ending != Ending::Completed));
        let is_whole = ending == Ending::Completed;
        let standstill = self.close.standstill(self.begins_ns, unfinished).filter(|_| is_whole);
        let unrouted = self.collector.unrouted(unrouted, self.kinds);
        let (hops, confirms, dead_letters) =
            (self.collector.hops(), self.collector.confirms(), self.collector.dead_letters());
        let recoveries = self.recovered(stopped_ns, all_ended);
        let Totals { response, service, lag, inter_send, .. } = self.collector.totals;
        Outcome {
            ending,
            started: local.started,
            measured_started: local.measured_started,
            missed: local.missed,
            shed: local.shed,
            dropped: local.dropped,
            measured_ended,
            unfinished,
            warmup_unfinished,
            dead,
            measured_dead,
            ended_again: local.ended_again,
            elapsed_ns,
            schedule_ns,
            response,
            service,
            lag,
            inter_send,
            gaps,
            hops,
            confirms,
            dead_letters,
            audit,
            messages: audit.sent.saturating_sub(local.warmup_emitted),
            blocked_ns: local.measured_blocked_ns,
            senders,
            cost: self.meter.and_then(|meter| meter.cost()),
            mean_in_flight,
            counted_in_flight: self.in_flight.mean(self.measure_from_ns, elapsed_ns),
            standstill,
            unrouted,
            drain_timed_out: self.drain_timed_out,
            outages: self.control.take_outages(),
            backlog,
            recoveries,
            notes: Vec::new(),
        }
    }
}
