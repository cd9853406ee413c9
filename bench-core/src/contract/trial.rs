//! One trial of a scenario of the contract kit: placement of lanes, load and payload.

use super::Stop;
use crate::{
    clock::as_ns,
    headers::Shape,
    load::{Extent, Feed, LoadPlan, Pace, Start},
    payload::Pool,
    plan::{Conditions, Placement, TrialPlan, Wait},
    registry::RunsOn,
    scenario::{Scenario, Style},
    wiring::{Wiring, WiringSettings},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// Where a load must not go on: a written-off request is no longer awaited, and its flow still fills a queue.
pub(super) const PATIENT: Duration = Duration::from_secs(30);

/// Sizes of payloads, in bytes.
const SIZES: [u32; 11] = [0, 1, 7, 8, 31, 32, 33, 255, 1_000, 4_095, 4_096];
/// How many keys there are: each size belongs to three.
pub(super) const KEYS: u32 = 33;

/// The length of the payload of a message with that key.
pub(super) const fn payload_len(key: u32) -> u32 {
    SIZES[key as usize % SIZES.len()]
}

/// Flows in the order of their numbers, at even distances.
struct Steady {
    next: u32,
    due_every_ns: u64,
}

impl Feed for Steady {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        while starts.len() < starts.capacity() {
            let key = self.next % KEYS;
            let after_ns = u64::from(self.next) * self.due_every_ns;
            starts.push(Start { after_ns, key, payload_len: payload_len(key) });
            self.next = self.next.wrapping_add(1);
        }
    }
}

/// How lanes are placed, wait and are loaded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    placement: Placement,
    wait: Wait,
    pub batch: usize,
    open: bool,
}

impl Way {
    const fn new(placement: Placement, wait: Wait, batch: usize, open: bool) -> Self {
        Self { placement, wait, batch, open }
    }

    /// An open load that sends message by message.
    pub(super) const BURST: Self = Self::new(Placement::Each, Wait::Park, 1, true);

    /// The ways that make a difference to what runs the transport; the first is batch 1.
    pub(super) fn of(runs_on: RunsOn) -> &'static [Self] {
        use {Placement::*, Wait::*};
        const THREADS: &[Way] = &[
            Way::new(Each, Park, 1, false),
            Way::new(Each, Native, 7, false),
            Way::new(Each, Yield, 64, false),
            Way::new(Threads(1), Park, 64, false),
            Way::new(Each, Park, 64, true),
        ];
        const TASKS: &[Way] = &[
            Way::new(Each, Park, 1, false),
            Way::new(Threads(1), Park, 7, false),
            Way::new(Threads(2), Park, 64, false),
            Way::new(Each, Park, 1, true),
            Way::new(Threads(1), Park, 64, true),
        ];
        const OTHERS: &[Way] = &[Way::new(Each, Park, 1, false), Way::new(Each, Park, 64, true)];
        match runs_on {
            RunsOn::Threads => THREADS,
            RunsOn::Tasks => TASKS,
            RunsOn::Inline | RunsOn::Simulation => OTHERS,
        }
    }
}

/// What a run is to be.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub way: Way,
    pub instances: &'static [(&'static str, u16)],
    pub capacity: usize,
    /// Application headers of every message.
    pub headers: Shape,
    pub in_flight: u64,
    pub extent: Extent,
    /// In an open load.
    pub due_every_ns: u64,
    pub awaits: bool,
    pub drain: Duration,
    /// How long a full window may stand before the load goes on without it. Short, as what is lost ends no flow.
    pub flow_timeout: Duration,
    pub sample_every: Duration,
    /// Interrupted after the first sample.
    pub interrupts: bool,
    /// Whether what ports return is checked.
    pub checks_ports: bool,
}

impl Trial {
    /// `count` flows, 64 under way, in queues of 1,024.
    pub(super) fn new(way: Way, count: u64) -> Self {
        Self {
            way,
            instances: &[],
            capacity: 1024,
            headers: Shape::NONE,
            in_flight: 64,
            extent: Extent::Count(count),
            due_every_ns: 20_000,
            awaits: false,
            drain: Duration::from_secs(10),
            flow_timeout: Duration::from_millis(100),
            sample_every: Duration::from_millis(20),
            interrupts: false,
            checks_ports: false,
        }
    }

    pub(super) fn plan(&self, style: Style, scenario: Scenario) -> Result<TrialPlan, Stop> {
        let (window, due_every_ns) = (self.in_flight, self.due_every_ns);
        let settings = WiringSettings {
            run_name: format!("contract-{}-{}", std::process::id(), serial()),
            with: vec![],
            without: vec![],
            instances: self.instances.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            capacity: self.capacity,
            batch: self.way.batch,
            window: Some(window),
            pool: Arc::new(Pool::new(7, SIZES[SIZES.len() - 1]).with_headers(7, self.headers)),
        };
        let wired = Wiring::new(&scenario, style, &settings);
        Ok(TrialPlan {
            wiring: wired.map_err(|error| Stop::Fails(format!("the kit's own scenario: {error}")))?,
            scenario: Arc::new(scenario),
            load: LoadPlan {
                pace: if self.way.open { Pace::Open { window } } else { Pace::Closed { in_flight: window } },
                flow_timeout_ns: as_ns(self.flow_timeout),
                ..LoadPlan::closed(window, self.extent)
            },
            feeds: Arc::new(move |_, _| Box::new(Steady { next: 0, due_every_ns })),
            await_replies: self.awaits,
            placement: self.way.placement,
            wait: self.way.wait,
            drain_deadline: self.drain,
            sample_every: self.sample_every,
            conditions: Conditions { checks_ports: self.checks_ports, ..Conditions::default() },
        })
    }

    /// For a sentence: the circumstances.
    pub(super) fn circumstances(&self) -> String {
        let Way { placement, wait, batch, open } = self.way;
        let load = if open { "open" } else { "closed" };
        let awaits = if self.awaits { ", replies awaited" } else { "" };
        let capacity = self.capacity;
        format!("{load} load, capacity {capacity}, batch {batch}, placement {placement}, wait {wait}{awaits}")
    }
}

/// A number no other run of this process has.
pub(super) fn serial() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}
