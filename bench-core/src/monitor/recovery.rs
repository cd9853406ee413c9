//! How a trial goes on after something was done to it: for how long no flow ended, when flows ended as fast as before, and when the
//! flows that had waited were gone. The monitor looks some hundred times a second while such a trial runs, and remembers a second.

use super::Monitor;
use crate::{
    clock::as_ns,
    outcome::Recovery,
    plan::{Disturbance, TrialPlan},
};
use std::collections::VecDeque;

/// Looks that are remembered lie so far apart.
const APART_NS: u64 = 5_000_000;
/// How long before a disturbance counts as before.
const BEFORE_NS: u64 = 1_000_000_000;
/// Flows end as fast as before if they do for so long,
const AS_BEFORE_NS: u64 = 100_000_000;
/// at this share of the rate before.
const AS_BEFORE: f64 = 0.9;
/// What comes late has not come at all before a gap of this length: such a gap begins the count anew.
const GAP_NS: u64 = 50_000_000;

/// The flows at one moment.
#[derive(Clone, Copy, Debug)]
struct Look {
    at_ns: u64,
    ended: u64,
    under_way: u64,
}

/// One disturbance. Times are on the run's clock.
#[derive(Clone, Copy, Debug)]
struct One {
    begins_ns: u64,
    ends_ns: u64,
    /// When the next one begins, which then is what is watched.
    until_ns: u64,
    /// Flows ended per second before it, and the most that were under way.
    before: Option<(f64, u64)>,
    gap_ns: u64,
    recovered_ns: Option<u64>,
    drained_ns: Option<u64>,
}

/// The disturbances of a trial.
#[derive(Debug, Default)]
pub(super) struct Recoveries {
    all: Vec<One>,
    recent: VecDeque<Look>,
    /// Flows that had ended when that was last looked at, and since when it is so many.
    ended: (u64, u64),
}

impl Recoveries {
    pub(super) fn of(plan: &TrialPlan, begins_ns: u64) -> Self {
        let disturbances = &plan.conditions.disturbances;
        let begins = |of: &Disturbance| begins_ns.saturating_add(as_ns(of.at));
        let one = |of: &Disturbance| {
            let later = disturbances.iter().map(begins).filter(|other| *other > begins(of));
            One {
                begins_ns: begins(of),
                ends_ns: begins(of).saturating_add(as_ns(of.lasts)),
                until_ns: later.min().unwrap_or(u64::MAX),
                before: None,
                gap_ns: 0,
                recovered_ns: None,
                drained_ns: None,
            }
        };
        Self { all: disturbances.iter().map(one).collect(), recent: VecDeque::new(), ended: (0, begins_ns) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// `loads`: flows are still started.
    fn look(&mut self, now: Look, loads: bool) {
        let Look { at_ns, ended, .. } = now;
        if ended != self.ended.0 {
            self.close_gap(at_ns);
            self.ended = (ended, at_ns);
        }
        if self.recent.back().is_some_and(|last| at_ns - last.at_ns < APART_NS) {
            return;
        }
        let Self { all, recent, .. } = self;
        for one in all.iter_mut().filter(|one| (one.begins_ns..one.until_ns).contains(&at_ns)) {
            let (rate, most) = *one.before.get_or_insert_with(|| before(recent));
            if at_ns < one.ends_ns {
                continue;
            }
            if one.drained_ns.is_none() && now.under_way <= most {
                one.drained_ns = Some(at_ns);
            }
            // The latest look that lies far enough back.
            let from = recent.iter().rev().find(|look| at_ns - look.at_ns >= AS_BEFORE_NS);
            if let Some(from) = from.filter(|from| from.at_ns >= one.ends_ns && loads && rate > 0.0)
                && one.recovered_ns.is_none()
            {
                let now_per_s = (ended - from.ended) as f64 * 1e9 / (at_ns - from.at_ns) as f64;
                one.recovered_ns = (now_per_s >= AS_BEFORE * rate).then_some(from.at_ns);
            }
        }
        while recent.front().is_some_and(|first| at_ns - first.at_ns > BEFORE_NS) {
            recent.pop_front();
        }
        recent.push_back(now);
    }

    /// A flow has ended at `now_ns`, or nothing more is waited for.
    fn close_gap(&mut self, now_ns: u64) {
        let gap_ns = now_ns.saturating_sub(self.ended.1);
        for one in self.all.iter_mut().filter(|one| (one.begins_ns..one.until_ns).contains(&now_ns)) {
            if gap_ns > one.gap_ns {
                one.gap_ns = gap_ns;
                if gap_ns >= GAP_NS {
                    (one.recovered_ns, one.drained_ns) = (None, None);
                }
            }
        }
    }

    /// What came of it. Where flows were left over, the last gap goes to the end of the load: what is waited for in vain afterwards is
    /// none.
    pub(super) fn finish(mut self, begins_ns: u64, load_ended_ns: u64, all_ended: bool) -> Vec<Recovery> {
        if !all_ended {
            self.close_gap(load_ended_ns);
        }
        let told = |one: &One| {
            let after = |at_ns: u64| at_ns.saturating_sub(one.ends_ns);
            Recovery {
                at_ns: one.begins_ns.saturating_sub(begins_ns),
                lasts_ns: one.ends_ns - one.begins_ns,
                before_per_s: one.before.map_or(0.0, |(rate, _)| rate),
                gap_ns: one.gap_ns,
                recover_ns: one.recovered_ns.map(after),
                drain_ns: one.drained_ns.map(after),
            }
        };
        self.all.iter().map(told).collect()
    }
}

/// The rate of the looks, and the most that were under way.
fn before(looks: &VecDeque<Look>) -> (f64, u64) {
    let most = looks.iter().map(|look| look.under_way).max().unwrap_or(0);
    match (looks.front(), looks.back()) {
        (Some(first), Some(last)) if last.at_ns > first.at_ns => {
            ((last.ended - first.ended) as f64 * 1e9 / (last.at_ns - first.at_ns) as f64, most)
        }
        _ => (0.0, most),
    }
}

impl Monitor {
    /// What came of each disturbance of a trial that was stopped at `stopped_ns`.
    pub(super) fn recovered(&mut self, stopped_ns: u64, all_ended: bool) -> Vec<Recovery> {
        let load_ended_ns = self.draining_since_ns.unwrap_or(stopped_ns).min(stopped_ns);
        std::mem::take(&mut self.recoveries).finish(self.begins_ns, load_ended_ns, all_ended)
    }

    /// Looks how the trial goes on, if something is done to it.
    pub(super) fn look_at_recovery(&mut self, now_ns: u64) {
        if self.recoveries.is_empty() || now_ns < self.begins_ns || self.control.stop.is_stopped() {
            return;
        }
        let done = self.collector.done();
        let ended = done.ended / self.ends_per_flow;
        let under_way = done.started.saturating_sub(ended);
        self.recoveries.look(Look { at_ns: now_ns, ended, under_way }, self.draining_since_ns.is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// An open load of 10 flows a ms, of which nothing ends from 1.5 s to 2 s; then twice as many end until none is left over.
    #[test]
    fn a_gap_a_recovery_and_a_drain_are_told_apart() {
        let one = |begins_ms: u64, ends_ms: u64, until_ms: u64| One {
            begins_ns: begins_ms * MS,
            ends_ns: ends_ms * MS,
            until_ns: until_ms.saturating_mul(MS),
            before: None,
            gap_ns: 0,
            recovered_ns: None,
            drained_ns: None,
        };
        let mut recoveries = Recoveries {
            all: vec![one(1_500, 2_000, 3_500), one(3_500, 3_500, u64::MAX)],
            ..Recoveries::default()
        };
        let mut ended = 0;
        for ms in 0..4_000_u64 {
            let started = 10 * ms;
            ended = match ms {
                1_500..2_000 => ended,
                _ => (ended + 20).min(started),
            };
            recoveries.look(Look { at_ns: ms * MS, ended, under_way: started - ended }, true);
        }
        let told = recoveries.finish(0, 4_000 * MS, true);
        let [first, second] = &told[..] else { panic!("{told:?}") };
        assert!((first.before_per_s - 10_000.0).abs() < 20.0, "{first:?}");
        assert_eq!((first.at_ns, first.lasts_ns), (1_500 * MS, 500 * MS));
        assert!((500 * MS..=502 * MS).contains(&first.gap_ns), "{first:?}");
        assert!(first.recover_ns.is_some_and(|ns| ns <= 10 * MS), "{first:?}");
        // 5,000 flows waited, and 10 more ended than started in each ms.
        assert!(first.drain_ns.is_some_and(|ns| (495 * MS..=510 * MS).contains(&ns)), "{first:?}");
        // The second did nothing.
        assert!(second.gap_ns <= 2 * MS && second.recover_ns == Some(0), "{second:?}");
        assert_eq!(second.drain_ns, Some(0));
    }

    #[test]
    fn what_does_not_come_back_is_said() {
        let all = vec![One {
            begins_ns: 1_000 * MS,
            ends_ns: 1_100 * MS,
            until_ns: u64::MAX,
            before: None,
            gap_ns: 0,
            recovered_ns: None,
            drained_ns: None,
        }];
        let mut recoveries = Recoveries { all, ..Recoveries::default() };
        for ms in 0..3_000_u64 {
            let ended = ms.min(1_000);
            recoveries.look(Look { at_ns: ms * MS, ended, under_way: ms - ended }, true);
        }
        let told = recoveries.finish(0, 3_000 * MS, false);
        assert_eq!((told[0].recover_ns, told[0].drain_ns), (None, None));
        assert!(told[0].gap_ns >= 1_999 * MS, "{told:?}");
    }
}
