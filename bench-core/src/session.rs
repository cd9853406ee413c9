//! Set-up of a trial: makes lanes, bells and a monitor from a plan. It is the same for every driver.

use crate::{
    audit::{Audit, Group},
    bell::Bell,
    blame::{Blame, accused},
    collector::Watched,
    counters::Published,
    credit::Credit,
    drive::Rings,
    handler::{Leg, Out},
    lane::{Lane, LaneSpec, Stop},
    load::{Load, Share},
    monitor::Monitor,
    plan::TrialPlan,
    recorder::{Heard, Recorder, RecorderSpec},
    scenario::Intent,
    sync::Mutex,
    wiring::{Destination, Wiring},
};
use drumpost_defects::{Defect, is_in};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

/// Shared by the lanes of a trial and its monitor.
#[derive(Debug, Default)]
pub struct Control {
    /// Stops the lanes.
    pub stop: Stop,
    /// Finds out whose fault a panic or a hang is.
    pub blame: Blame,
    failure: Mutex<Option<String>>,
    bells: Mutex<Vec<Arc<Bell>>>,
}

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

    /// Has `bell` rung with the others, some ten times a second and at the stop.
    pub fn add_bell(&self, bell: Arc<Bell>) {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).push(bell);
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
        let wiring = &plan.wiring;
        let control = Arc::new(Control { blame: Blame::new(wiring), ..Control::default() });
        let count = wiring.instance_count();
        let driven: Vec<u16> = wiring.driven().collect();
        let origins: Arc<[u16]> = (0..count)
            .map(|lane| driven.iter().position(|driven| *driven == lane).map_or(u16::MAX, |at| at as u16))
            .collect();
        let credit = Arc::new(Credit::new(usize::from(count), driven.len()));
        let groups = groups(wiring);
        let (mut lanes, mut watched) = (Vec::new(), Vec::new());
        for id in 0..count {
            let service = wiring.service_of(id);
            let heard = heard(wiring, service);
            let heard_ids: Vec<u16> = wiring.heard_by(service).map(|heard| heard.id).collect();
            let slot = |(slot, producers): (usize, &u16)| vec![slot as u8; usize::from(*producers)];
            let slots: Vec<u8> = heard.producers.iter().enumerate().flat_map(slot).collect();
            let audit = match groups.get(&service) {
                Some(group) => Audit::member(Arc::clone(group), slots),
                None => Audit::alone(slots),
            };
            let leg = |sent: &Destination| Leg {
                destination: sent.id,
                intent: sent.intent,
                kinds: sent.kinds.clone(),
            };
            let legs: Vec<Leg> = wiring.sends_of(service).map(leg).collect();
            let ports: Vec<u16> = legs.iter().map(|leg| leg.destination).collect();
            let (recorder, exchange) = Recorder::new(RecorderSpec {
                lane: id,
                ports: ports.len(),
                heard,
                audit,
                credit: Arc::clone(&credit),
                origins: Arc::clone(&origins),
                measure_from_ns: match is_in(Defect::WarmupMeasured) {
                    true => begins_ns,
                    false => begins_ns + plan.load.warmup_ns,
                },
            });
            let counters = Arc::new(Published::new(ports.len(), heard_ids.len()));
            let spare = recorder.spare();
            let out = Out::new(id, plan.scenario.kinds.len(), &legs, recorder);
            watched.push(Watched::new(Arc::clone(&counters), exchange, spare, service, ports, heard_ids));
            let load = driven.iter().position(|driven| *driven == id).map(|member| {
                let share = Share { member, of: driven.len() };
                let feed = (plan.feeds)(member, driven.len());
                let ends_per_flow = plan.scenario.ends_per_flow;
                Load::new(feed, plan.load, share, Arc::clone(&credit), ends_per_flow, begins_ns)
            });
            let asks = legs.iter().any(|leg| leg.intent == Intent::Request);
            lanes.push(Lane::new(LaneSpec {
                id,
                reactor: reactor(plan, service),
                out,
                load,
                hears: wiring.heard_by(service).next().is_some(),
                replies_apart: wiring.has_replies_apart(service),
                awaits: plan.await_replies && asks,
                replies: wiring.destinations.iter().map(|d| d.intent == Intent::Reply).collect(),
                batch: wiring.batch.max(1),
                pool: Arc::clone(&wiring.pool),
                counters,
                doing: control.blame.doing(id),
                control: Arc::clone(&control),
            }));
        }
        let monitor = Monitor::new(plan, Arc::clone(&control), credit, watched, begins_ns);
        Self { lanes, monitor, control }
    }
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
            Rings { on_send: on_send.collect(), on_end: others(own, &mut wiring.driven()) }
        })
        .collect()
}

/// Audit memory for the services whose instances compete for messages.
fn groups(wiring: &Wiring) -> HashMap<usize, Arc<Group>> {
    let competing = wiring.services.iter().enumerate().filter(|(_, service)| service.instances.len() > 1);
    competing
        .map(|(index, service)| {
            let producers = wiring.heard_by(index).map(|heard| wiring.services[heard.sender].instances.len());
            (index, Arc::new(Group::new(producers.sum(), service.instances.len())))
        })
        .collect()
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

fn reactor(plan: &TrialPlan, service: usize) -> Box<dyn crate::handler::Reactor> {
    let name = &plan.wiring.services[service].name;
    let found = plan.scenario.services.iter().find(|service| service.name == name);
    let whose = || format!("making the handler of `{name}`");
    found.map_or_else(
        || Box::new(Deaf) as Box<dyn crate::handler::Reactor>,
        |service| accused(whose, || (service.reactor)()),
    )
}

/// Stands in for a handler that a wiring names and a scenario does not have, which wiring rules out.
struct Deaf;

impl crate::handler::Handler for Deaf {
    fn handle(&mut self, _message: &crate::message::Message, _out: &mut Out) {}
}
