//! Watches a backlog pile up, lets the absent instances join, and finds out when they have caught up (`--backlog`).
//!
//! The load is divided into phases: piling up, until all absent instances have joined; catching up, until the backlog is gone; and
//! afterwards, until the load ends. In virtual time it is looked at each step of the clock, and so exactly; on a clock every two ms.
//!
//! A limit of the service (`--catch-up`) holds in the second phase alone. Lanes keep to it by themselves (`lane::catch_up`).

use super::{Collector, Monitor};
use crate::{
    clock::as_ns,
    collector::Waiting,
    control::Control,
    hist::Distribution,
    outcome::backlog::{Limited, Phase, Piled, Told},
    plan::{Amount, Backlog, TrialPlan},
    server::Depth,
};

/// What the instances do that were absent at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Absent,
    /// They were told to join, and have not all done so.
    Joining,
    CatchingUp,
    /// The backlog is gone, or it is too late to see that.
    Done,
}

/// The counts when a phase began.
#[derive(Clone, Copy, Debug, Default)]
struct Edge {
    at_ns: u64,
    waiting: Waiting,
    started: u64,
    late_ns: u64,
    blocked_ns: u64,
}

/// The times that were recorded in a phase.
type Times = (Distribution, Distribution);

/// A backlog under way.
#[derive(Debug)]
pub(super) struct Watching {
    plan: Backlog,
    service: usize,
    instances: u64,
    begins_ns: u64,
    step: Step,
    /// The load has ended.
    is_over: bool,
    begun: Edge,
    piled: Piled,
    /// By phase.
    times: [Times; 3],
    /// The phase to which what lanes hand over belongs.
    recording: usize,
}

impl Watching {
    pub(super) fn of(plan: &TrialPlan, begins_ns: u64) -> Option<Box<Self>> {
        let backlog = plan.conditions.backlog.clone()?;
        let service = plan.wiring.services.iter().position(|service| service.name == backlog.service)?;
        Some(Box::new(Self {
            service,
            instances: plan.wiring.services[service].instances.len() as u64,
            begins_ns,
            step: Step::Absent,
            is_over: false,
            begun: Edge { at_ns: begins_ns, ..Edge::default() },
            piled: Piled { service: backlog.service.clone(), absent: backlog.absent, ..Piled::default() },
            times: Default::default(),
            recording: 0,
            plan: backlog,
        }))
    }

    /// When it wants to be looked at, at the latest.
    fn next_ns(&self) -> u64 {
        match (self.step, self.plan.amount) {
            (Step::Absent, Amount::Time(time)) => self.begins_ns.saturating_add(as_ns(time)),
            _ => u64::MAX,
        }
    }

    /// Looks at the service at `now_ns`. Says whether a phase has ended.
    fn look(&mut self, now_ns: u64, is_over: bool, collector: &Collector, control: &Control) -> bool {
        let (waiting, phases) = (collector.waiting(self.service), self.piled.phases.len());
        if matches!(self.step, Step::Absent | Step::Joining) {
            self.hear(control.depth(), waiting);
        }
        if self.step == Step::Absent {
            let is_reached = match self.plan.amount {
                Amount::Messages(count) => waiting.count() >= count,
                Amount::Time(_) => now_ns >= self.next_ns(),
            };
            if is_reached || is_over {
                self.piled.is_reached = is_reached;
                self.step = Step::Joining;
                control.backlog.open();
                control.ring();
            }
        }
        if is_over && matches!(self.step, Step::Absent | Step::Joining) {
            self.end(now_ns, collector);
        }
        if self.step == Step::Joining && control.backlog.joined() >= u64::from(self.plan.absent) {
            self.joined(now_ns, waiting, collector);
            control.backlog.begin(now_ns);
            control.ring();
        }
        if self.step == Step::CatchingUp && waiting.count() <= self.piled.level {
            self.piled.level_ns = Some(now_ns - self.begins_ns);
            self.close(now_ns, waiting, collector);
            self.step = Step::Done;
        }
        if is_over && !self.is_over {
            self.end(now_ns, collector);
        }
        if self.plan.limit.is_some() && self.step == Step::Done && control.backlog.ended_ns().is_none() {
            control.backlog.end(now_ns);
            control.ring();
        }
        self.piled.phases.len() > phases
    }

    /// Notes what the server says, if it has said something new.
    fn hear(&mut self, depth: Option<Depth>, waiting: Waiting) {
        let known = self.piled.server.map(|told| told.depth);
        if let Some(depth) = depth.filter(|depth| known != Some(*depth)) {
            self.piled.server = Some(Told { depth, counted: waiting.count() });
        }
    }

    /// All absent instances have joined.
    fn joined(&mut self, now_ns: u64, waiting: Waiting, collector: &Collector) {
        let piled_ns = now_ns.saturating_sub(self.begins_ns);
        self.piled.joined_ns = Some(piled_ns);
        self.piled.waiting = waiting.count();
        self.piled.level = self.instances.max(sent_in(as_ns(self.plan.level), waiting.sent, piled_ns));
        self.step = if self.is_over { Step::Done } else { Step::CatchingUp };
        if !self.is_over {
            self.close(now_ns, waiting, collector);
        }
    }

    /// The load, or the trial, has ended.
    fn end(&mut self, now_ns: u64, collector: &Collector) {
        if !std::mem::replace(&mut self.is_over, true) {
            let waiting = collector.waiting(self.service);
            self.piled.left = waiting.count();
            self.close(now_ns, waiting, collector);
            if self.step == Step::CatchingUp {
                self.step = Step::Done;
            }
        }
    }

    /// Closes a phase, which was the last one if the load is over.
    fn close(&mut self, now_ns: u64, waiting: Waiting, collector: &Collector) {
        let local = collector.read();
        let now = Edge {
            at_ns: now_ns,
            waiting,
            started: local.started,
            late_ns: local.late_ns,
            blocked_ns: local.blocked_ns,
        };
        let begun = std::mem::replace(&mut self.begun, now);
        self.piled.phases.push(Phase {
            from_ns: begun.at_ns.saturating_sub(self.begins_ns),
            until_ns: now_ns.saturating_sub(self.begins_ns),
            sent: waiting.sent.saturating_sub(begun.waiting.sent),
            received: waiting.received.saturating_sub(begun.waiting.received),
            waiting: waiting.count(),
            started: now.started.saturating_sub(begun.started),
            late_ns: now.late_ns.saturating_sub(begun.late_ns),
            blocked_ns: now.blocked_ns.saturating_sub(begun.blocked_ns),
            ..Phase::default()
        });
    }

    /// Adds what lanes recorded since the last time. What they record from now on belongs to the phase that is under way.
    fn record(&mut self, collector: &Collector) {
        let (lag, confirm) = &mut self.times[self.recording];
        lag.merge(&collector.lag_now);
        if let Some(times) = &collector.confirms_now {
            confirm.merge(&times.now);
        }
        let phases = self.piled.phases.len();
        self.recording = if self.is_over { phases.saturating_sub(1) } else { phases }.min(2);
    }

    /// The course, with how long lanes were `held_back_ns` by a limit in all.
    fn into_piled(mut self, held_back_ns: u64) -> Piled {
        self.piled.limit = self.plan.limit.map(|limit| Limited {
            per_s: limit.messages_per_s(),
            held_back_ns: held_back_ns / self.instances,
        });
        for (phase, (lag, confirm)) in self.piled.phases.iter_mut().zip(self.times) {
            (phase.lag, phase.confirm) = (lag, confirm);
        }
        self.piled
    }
}

/// How much is sent in a time, if `sent` was in `in_ns`.
fn sent_in(time_ns: u64, sent: u64, in_ns: u64) -> u64 {
    (u128::from(sent) * u128::from(time_ns) / u128::from(in_ns.max(1))) as u64
}

impl Monitor {
    /// Looks at the backlog, if there is one. When a phase has ended, lanes are asked for what they have, so that what they recorded
    /// in it and what they record afterwards is told apart to within a few ms.
    pub(super) fn look_at_backlog(&mut self, now_ns: u64) {
        let Some(backlog) = &mut self.backlog else { return };
        if now_ns < self.begins_ns || self.control.stop.is_stopped() {
            return;
        }
        let is_over = self.draining_since_ns.is_some() || self.collector.loads_are_done();
        if backlog.look(now_ns, is_over, &self.collector, &self.control) {
            let soon_ns = now_ns + self.sample_every_ns / 20;
            self.next_sample_ns = self.next_sample_ns.min(soon_ns);
        }
    }

    /// When the backlog wants the next look, at the latest.
    pub(super) fn next_backlog_ns(&self) -> u64 {
        self.backlog.as_ref().map_or(u64::MAX, |backlog| backlog.next_ns())
    }

    /// Adds what lanes recorded since the last sample to the phase of it.
    pub(super) fn record_backlog(&mut self) {
        if let Some(backlog) = &mut self.backlog {
            backlog.record(&self.collector);
        }
    }

    /// The course of the backlog, at the end of a trial that was stopped at `stopped_ns`. A limit has held lanes back for so long in all.
    pub(super) fn finish_backlog(&mut self, stopped_ns: u64, held_back_ns: u64) -> Option<Box<Piled>> {
        let mut backlog = self.backlog.take()?;
        backlog.end(stopped_ns, &self.collector);
        backlog.record(&self.collector);
        Some(Box::new(backlog.into_piled(held_back_ns)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_what_is_sent_in_a_time() {
        assert_eq!(sent_in(10, 1_000, 100), 100);
        assert_eq!((sent_in(10, 1_000, 0), sent_in(0, 7, 7)), (10_000, 0), "no time is as good as a ns");
        assert_eq!(sent_in(u64::MAX, u64::MAX / 2, u64::MAX), u64::MAX / 2);
    }
}
