//! Set-up of a trial: makes lanes, bells and a monitor from a plan. It is the same for every driver.

mod setup;

use crate::{
    backlog::Gate,
    bell::Bell,
    blame::Blame,
    credit::Credit,
    drive::{Ends, Rings, crowd::CROWD},
    lane::{Lane, Stop},
    monitor::Monitor,
    outcome::Outage,
    plan::TrialPlan,
    recorder::Among,
    server::Depth,
    sync::Mutex,
    wiring::{Destination, Wiring},
};
pub(crate) use setup::{Deaf, Desks};
use std::sync::{
    Arc, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Shared by the lanes of a trial and its monitor.
#[derive(Debug, Default)]
pub struct Control {
    /// Stops the lanes.
    pub stop: Stop,
    /// Finds out whose fault a panic or a hang is.
    pub blame: Blame,
    /// Where instances wait that are absent at first.
    pub backlog: Gate,
    failure: Mutex<Option<String>>,
    outages: Mutex<Vec<Outage>>,
    depth: Mutex<Option<Depth>>,
    bells: Mutex<Vec<Arc<Bell>>>,
    next_bell: AtomicUsize,
}

/// Bells that are rung at once only for lanes to look around, and the share of all bells that is rung at least.
const BELLS: usize = 256;
const BELLS_SHARE: usize = 16;

impl Control {
    /// Ends the trial because of `what`; the first failure is kept.
    pub fn fail(&self, what: String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
        self.stop.stop();
        self.ring();
    }

    /// The reason of a failure, if there was one.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that an instance was away, when it is back.
    pub fn note_outage(&self, outage: Outage) {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner).push(outage);
    }

    /// The outages so far.
    pub(crate) fn outages(&self) -> Vec<Outage> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn take_outages(&self) -> Vec<Outage> {
        std::mem::take(&mut self.outages.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes how many messages wait at the server; `None`: it did not answer.
    pub(crate) fn note_depth(&self, depths: Option<&[Depth]>) {
        *self.depth.lock().unwrap_or_else(PoisonError::into_inner) = depths.map(Depth::total);
    }

    /// How many messages waited at the server when it was last asked; `None` if it does not tell.
    pub(crate) fn depth(&self) -> Option<Depth> {
        *self.depth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `bell` rung with the others, some ten times a second and at the stop.
    pub fn add_bell(&self, bell: Arc<Bell>) {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).push(bell);
    }

    /// Has lanes look around: all of them, or of very many the next some, as each that is rung takes a turn for it. What the
    /// others have recorded is collected later then, and no less.
    pub(crate) fn ring_some(&self) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        let some = BELLS.max(bells.len() / BELLS_SHARE);
        if bells.len() <= some {
            return bells.iter().for_each(|bell| bell.ring());
        }
        let from = self.next_bell.fetch_add(some, Ordering::Relaxed) % bells.len();
        let (before, after) = bells.split_at(from);
        after.iter().chain(before).take(some).for_each(|bell| bell.ring());
    }

    /// Rings every bell.
    pub fn ring(&self) {
        for bell in &*self.bells.lock().unwrap_or_else(PoisonError::into_inner) {
            bell.ring();
        }
    }
}

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
    /// their lanes the histograms of their desks.
    pub(crate) fn crowded(plan: &TrialPlan, begins_ns: u64, threads: usize) -> (Self, Vec<Desks>) {
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
