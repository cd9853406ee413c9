//! Set-up of a trial: makes lanes, bells and a monitor from a plan. It is the same for every driver.

mod setup;

use crate::{
    bell::Bell,
    control::Control,
    credit::Credit,
    drive::{Ends, Rings},
    lane::Lane,
    latencies::ThreadHistograms,
    monitor::Monitor,
    plan::{CROWD, TrialPlan},
    recorder::Among,
    wiring::{Destination, Wiring},
};
use std::sync::Arc;

/// A trial, set up: lanes in the order of the wiring's instances, and what watches them.
#[derive(Debug)]
pub struct Session {
    /// One lane per instance.
    pub lanes: Vec<Lane>,
    /// Collects, samples and ends the run.
    pub monitor: Monitor,
    /// Shared by both.
    pub control: Arc<Control>,
}

impl Session {
    /// Sets up `plan` to begin at `begins_ns` on the run's clock.
    #[must_use]
    pub fn new(plan: &TrialPlan, begins_ns: u64) -> Self {
        let are_few = usize::from(plan.wiring.instance_count()) <= CROWD;
        let among = if are_few { Among::Few } else { Among::Many };
        setup::set_up(plan, begins_ns, among, 0).0
    }

    /// As [`Session::new`], for lanes of which many share a thread: lane `n` is on thread `n % threads`. The threads lend
    /// their lanes the histograms that they share.
    pub(crate) fn crowded(plan: &TrialPlan, begins_ns: u64, threads: usize) -> (Self, Vec<ThreadHistograms>) {
        setup::set_up(plan, begins_ns, Among::ManyOnThreads, threads.max(1))
    }

    /// As [`Session::new`], for very many lanes on tasks. Their driver publishes the ends of flows; see
    /// [`crate::credit::Credit::add`].
    pub(crate) fn of_tasks(plan: &TrialPlan, begins_ns: u64) -> Self {
        setup::set_up(plan, begins_ns, Among::ManyOnTasks, 0).0
    }
}

/// The bells that lanes on tasks ring where they are very many: each rings that of the lane whose flow it ended. `own` is
/// the bell of each lane.
pub(crate) fn ends(wiring: &Wiring, own: &[Arc<Bell>], credit: Arc<Credit>) -> Rings {
    let bells = wiring.driven().map(|lane| Arc::clone(&own[usize::from(lane)])).collect();
    Rings { ends: Some(Arc::new(Ends { credit, bells })), ..Rings::default() }
}

/// The bells each lane rings, given the bell of each lane's thread or task. A lane never rings its own thread.
/// `for_sends` is false where the transport itself wakes its receivers.
#[must_use]
pub fn rings(wiring: &Wiring, bells: &[Arc<Bell>], for_sends: bool) -> Vec<Rings> {
    let others = |own: &Arc<Bell>, lanes: &mut dyn Iterator<Item = u16>| {
        let mut chosen: Vec<Arc<Bell>> = Vec::new();
        for lane in lanes {
            let bell = &bells[usize::from(lane)];
            if !Arc::ptr_eq(bell, own) && !chosen.iter().any(|chosen| Arc::ptr_eq(chosen, bell)) {
                chosen.push(Arc::clone(bell));
            }
        }
        chosen
    };
    let hearers = |destination: &Destination| {
        destination
            .receivers
            .iter()
            .flat_map(|service| wiring.services[*service].instances.clone())
            .collect::<Vec<_>>()
    };
    (0..wiring.instance_count())
        .map(|lane| {
            let own = &bells[usize::from(lane)];
            let sends = wiring.sends_of(wiring.service_of(lane));
            let on_send = sends.filter(|_| for_sends).map(|sent| others(own, &mut hearers(sent).into_iter()));
            let on_end = others(own, &mut wiring.driven());
            Rings { on_send: on_send.collect(), on_end, ends: None }
        })
        .collect()
}
