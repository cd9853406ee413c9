//! Makes the lanes of a trial and what watches them. Instances of a service share what is the same for all of them, and
//! the time of a set-up grows with the number of lanes and not with its square.

use super::Session;
use crate::{
    aftermath::Aftermath,
    audit::{Auditor, Group},
    blame::{Blame, accused},
    collector::{Watched, WatchedHistograms, receiver_of},
    control::Control,
    counters::Published,
    credit::Credit,
    handler::{Deaf, Out, OutboxSpec, Reactor},
    lane::{Lane, LaneSpec},
    latencies::{SharedHistograms, ThreadHistograms},
    load::{Load, Share},
    monitor::Monitor,
    plan::TrialPlan,
    promise::Acks,
    recorder::{Among, Heard, Recorder, RecorderSpec},
    scenario::Intent,
    wiring::{Destination, Wiring},
    work::Working,
};
use drumpost_defects::{Defect, is_in};
use std::{collections::HashMap, sync::Arc};

/// The parts of a service that all its instances have in common.
struct Role {
    heard: Heard,
    heard_ids: Arc<[u16]>,
    /// By stream that an instance hears: the slot of its destination.
    slots: Arc<[u8]>,
    /// Of instances that compete.
    group: Option<Arc<Group>>,
    outboxes: Vec<OutboxSpec>,
    ports: Arc<[u16]>,
    replies_apart: bool,
    /// The service of which its hop times are told.
    receiver: usize,
}

impl Role {
    fn new(wiring: &Wiring, service: usize) -> Self {
        let heard = heard(wiring, service);
        let slot = |(slot, producers): (usize, &u16)| vec![slot as u8; usize::from(*producers)];
        let slots: Arc<[u8]> = heard.producers.iter().enumerate().flat_map(slot).collect();
        let members = wiring.services[service].instances.len();
        let outboxes: Vec<OutboxSpec> = wiring.sends_of(service).map(Destination::outbox).collect();
        Self {
            heard,
            heard_ids: wiring.heard_by(service).map(|heard| heard.id).collect(),
            group: (members > 1).then(|| Arc::new(Group::new(slots.len(), members))),
            slots,
            ports: outboxes.iter().map(|outbox| outbox.destination).collect(),
            outboxes,
            replies_apart: wiring.has_replies_apart(service),
            receiver: receiver_of(wiring, service),
        }
    }

    fn audit(&self) -> Auditor {
        match &self.group {
            Some(group) => Auditor::member(Arc::clone(group), Arc::clone(&self.slots)),
            None => Auditor::alone(Arc::clone(&self.slots)),
        }
    }
}

/// The parts that all lanes have in common, and what was made so far.
struct Setup<'a> {
    plan: &'a TrialPlan,
    begins_ns: u64,
    among: Among,
    /// How many threads publish for their lanes; 0 unless many lanes are on threads.
    threads: usize,
    control: Arc<Control>,
    /// By lane.
    counters: Arc<[Arc<Published>]>,
    aftermath: Arc<Aftermath>,
    credit: Arc<Credit>,
    /// By lane: its number among those that start flows.
    origins: Arc<[u16]>,
    starting: usize,
    replies: Arc<[bool]>,
    /// By name of a service.
    reactors: HashMap<&'static str, fn() -> Box<dyn Reactor>>,
    watched_histograms: Vec<WatchedHistograms>,
    /// By thread.
    thread_histograms: Vec<ThreadHistograms>,
    /// By thread and service of which hop times are told: which histograms of the thread, and which of all.
    histograms_at: HashMap<(usize, usize), (u32, usize)>,
}

/// Sets up a trial. See [`Session::new`] and [`Session::crowded`].
pub(super) fn set_up(
    plan: &TrialPlan,
    begins_ns: u64,
    among: Among,
    threads: usize,
) -> (Session, Vec<ThreadHistograms>) {
    let wiring = &plan.wiring;
    let count = usize::from(wiring.instance_count());
    let mut origins = vec![u16::MAX; count];
    let mut starting = 0;
    for (number, lane) in wiring.driven().enumerate() {
        origins[usize::from(lane)] = number as u16;
        starting = number + 1;
    }
    let credit = match among {
        Among::Few | Among::Many => Credit::new(count, starting),
        Among::ManyOnThreads => Credit::shared(threads, starting),
        Among::ManyOnTasks => Credit::shared(1, starting),
    };
    let counters: Arc<[Arc<Published>]> = counters(wiring).collect();
    let mut setup = Setup {
        plan,
        begins_ns,
        among,
        threads,
        control: Arc::new(Control::new(Blame::new(wiring, &counters))),
        counters,
        aftermath: Arc::new(Aftermath::new(plan)),
        credit: Arc::new(credit),
        origins: origins.into(),
        starting,
        replies: wiring.destinations.iter().map(|d| d.intent == Intent::Reply).collect(),
        reactors: plan.scenario.services.iter().map(|service| (service.name, service.reactor)).collect(),
        watched_histograms: Vec::new(),
        thread_histograms: (0..threads).map(|_| ThreadHistograms::default()).collect(),
        histograms_at: HashMap::new(),
    };
    let (mut lanes, mut watched) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (service, wired) in wiring.services.iter().enumerate() {
        let role = Role::new(wiring, service);
        for id in wired.instances.clone() {
            let (lane, watch) = setup.lane(id, service, &role);
            lanes.push(lane);
            watched.push(watch);
        }
    }
    let Setup { control, credit, watched_histograms, thread_histograms, .. } = setup;
    let monitor = Monitor::new(plan, Arc::clone(&control), credit, watched, watched_histograms, begins_ns);
    (Session { lanes, monitor, control }, thread_histograms)
}

/// The counters that the lanes publish, in the lanes' order.
fn counters(wiring: &Wiring) -> impl Iterator<Item = Arc<Published>> {
    wiring.services.iter().enumerate().flat_map(|(service, wired)| {
        let (ports, heard) = (wiring.sends_of(service).count(), wiring.heard_by(service).count());
        wired.instances.clone().map(move |_| Arc::new(Published::new(ports, heard)))
    })
}

impl Setup<'_> {
    fn lane(&mut self, id: u16, service: usize, role: &Role) -> (Lane, Watched) {
        let Self { plan, begins_ns, .. } = *self;
        let wiring = &plan.wiring;
        let (recorder, swap) = Recorder::new(RecorderSpec {
            lane: id,
            ports: role.ports.len(),
            heard: role.heard.clone(),
            audit: role
                .audit()
                .judging(plan.conditions.order)
                .transacting(plan.conditions.acks == Acks::Transaction),
            credit: Arc::clone(&self.credit),
            origins: Arc::clone(&self.origins),
            measure_from_ns: match is_in(Defect::WarmupMeasured) {
                true => begins_ns,
                false => begins_ns + plan.load.warmup_ns,
            },
            starting: self.starting,
            among: self.among,
        });
        let counters = Arc::clone(&self.counters[usize::from(id)]);
        let histograms = if self.among == Among::ManyOnThreads {
            self.shared_histograms(usize::from(id) % self.threads, role)
        } else {
            let (heard, are_small) = (Arc::clone(&role.heard_ids), self.among != Among::Few);
            self.watched_histograms.push(WatchedHistograms::new(swap, heard, role.receiver, are_small));
            self.watched_histograms.len() - 1
        };
        let watched = Watched {
            counters: Arc::clone(&counters),
            service,
            ports: Arc::clone(&role.ports),
            heard: Arc::clone(&role.heard_ids),
            histograms,
            still: Default::default(),
        };
        let member = usize::from(self.origins[usize::from(id)]);
        let load = (member < self.starting).then(|| {
            let share = Share { member, of: self.starting };
            let feed = (plan.feeds)(member, self.starting);
            let ends_per_flow = plan.scenario.ends_per_flow;
            Load::new(feed, plan.load, share, Arc::clone(&self.credit), ends_per_flow, begins_ns)
        });
        let asks = role.outboxes.iter().any(|outbox| outbox.asks);
        let lane = Lane::new(LaneSpec {
            id,
            reactor: self.reactor(service),
            out: Out::new(id, plan.scenario.kinds.len(), &role.outboxes, recorder),
            load,
            hears: !role.heard_ids.is_empty(),
            replies_apart: role.replies_apart,
            awaits: plan.await_replies && asks,
            replies: Arc::clone(&self.replies),
            batch: wiring.batch.max(1),
            limit: plan.limit_of(&wiring.services[service].name),
            pool: Arc::clone(&wiring.pool),
            counters,
            others: Arc::clone(&self.counters),
            aftermath: Arc::clone(&self.aftermath),
            control: Arc::clone(&self.control),
        });
        (lane, watched)
    }

    fn reactor(&self, service: usize) -> Box<dyn Reactor> {
        let name = &*self.plan.wiring.services[service].name;
        let whose = || format!("making the handler of `{name}`");
        match self.reactors.get(name) {
            Some(make) => match self.plan.conditions.work {
                Some(work) => Box::new(Working::new(accused(whose, make), work)),
                None => accused(whose, make),
            },
            None => Box::new(Deaf),
        }
    }

    /// Gives the next lane of a thread the histograms of those that hear the same. Says which of all it is.
    fn shared_histograms(&mut self, thread: usize, role: &Role) -> usize {
        let ThreadHistograms { all, of_place } = &mut self.thread_histograms[thread];
        let (own, of_all) = *self.histograms_at.entry((thread, role.receiver)).or_insert_with(|| {
            let shared = SharedHistograms::new(role.heard_ids.len());
            let (swap, heard) = (Arc::clone(&shared.swap), Arc::clone(&role.heard_ids));
            all.push(shared);
            self.watched_histograms.push(WatchedHistograms::new(swap, heard, role.receiver, false));
            (all.len() as u32 - 1, self.watched_histograms.len() - 1)
        });
        of_place.push(own);
        of_all
    }
}

fn heard(wiring: &Wiring, service: usize) -> Heard {
    let mut heard = Heard { slots: vec![u8::MAX; wiring.destinations.len()], ..Heard::default() };
    let mut streams = 0;
    for (slot, destination) in wiring.heard_by(service).enumerate() {
        let senders = &wiring.services[destination.sender].instances;
        heard.slots[usize::from(destination.id)] = slot as u8;
        heard.streams.push((streams, senders.start));
        heard.producers.push(senders.len() as u16);
        streams += senders.len() as u32;
    }
    heard
}
