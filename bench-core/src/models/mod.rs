//! Model checks of the memory ordering between lanes, bells and the collector.
//!
//! The sessions, lanes and drivers are those of the program. The models add only a small scenario, queues with the
//! weakest ordering that a transport may have, and the properties to check. `scripts/models` runs them.
//! `scripts/mutants-models` removes one ordering after the other and demands that a model fails.

mod publishing;
mod queue;
mod swapping;
mod waking;

use crate::{
    clock::Now,
    handler::{Handler, Out},
    load::{Extent, Feed, LoadPlan, Start},
    message::{Kind, Message},
    payload::Pool,
    plan::{Placement, TrialPlan, Wait},
    scenario::{Part, Route, Scenario, Service, Style},
    wiring::{Wiring, WiringSettings},
};
use std::{cell::Cell, collections::BTreeMap, sync::Arc, time::Duration};

/// Time stands still, so that nothing happens because of it.
#[derive(Clone, Copy, Debug)]
struct Still;

impl Now for Still {
    fn now_ns(&self) -> u64 {
        1
    }
}

thread_local! {
    /// Messages that handlers have dealt with. The checker steps all threads of a model on one thread of the system, so
    /// this is what has really happened, and no access that orders anything.
    static HANDLED: Cell<u64> = const { Cell::new(0) };
}

fn handled() -> u64 {
    HANDLED.get()
}

const KINDS: &[&str] = &["Told", "Left", "Right"];
const TOLD: Kind = Kind(1);
const LEFT: Kind = Kind(2);
const RIGHT: Kind = Kind(3);

/// Tells of the start of a flow.
struct Tells;

impl Handler for Tells {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.emit(message, TOLD);
    }
}

/// Tells two others.
struct Forks;

impl Handler for Forks {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.emit(message, LEFT);
        out.emit(message, RIGHT);
        HANDLED.set(handled() + 1);
    }
}

/// Ends a flow.
struct Ends;

impl Handler for Ends {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.end(message);
        HANDLED.set(handled() + 1);
    }
}

fn service(name: &'static str, reactor: fn() -> Box<dyn crate::handler::Reactor>) -> Service {
    Service { name, driven: name == "source", part: Part::Usual, reactor }
}

/// A trial of `flows` flows, one under way, batch by batch of one message, which never samples and never times out.
fn plan(services: Vec<Service>, routes: Vec<Route>, flows: u32) -> TrialPlan {
    let scenario = Scenario {
        name: "model",
        summary: "a small flow for the model checker",
        kinds: KINDS,
        services,
        ends_per_flow: 1,
        message: routes,
        event: Vec::new(),
    };
    let settings = WiringSettings {
        run_name: "model".into(),
        with: vec![],
        without: vec![],
        instances: BTreeMap::new(),
        capacity: 8,
        batch: 1,
        window: None,
        pool: Arc::new(Pool::new(1, 0)),
    };
    let never = Duration::from_hours(1);
    TrialPlan {
        wiring: Wiring::new(&scenario, Style::Message, &settings).unwrap(),
        scenario: Arc::new(scenario),
        // Longer than the model's time lasts: what is being warmed up is carried, counted and expected, not recorded.
        load: LoadPlan {
            warmup_ns: 1_000_000,
            flow_timeout_ns: 3_600_000_000_000,
            ..LoadPlan::closed(1, Extent::Duration(1_000_000))
        },
        feeds: Arc::new(move |_, _| Box::new(Few(flows))),
        await_replies: false,
        placement: Placement::Each,
        wait: Wait::Park,
        drain_deadline: never,
        sample_every: never,
        conditions: Default::default(),
    }
}

/// So many flows.
struct Few(u32);

impl Feed for Few {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        starts.extend((0..std::mem::take(&mut self.0)).map(|_| Start::default()));
    }
}

/// Tries out every order with at most `preemptions` switches away from a thread that could go on. Most bugs need two.
fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // LOOM_MAX_PREEMPTIONS asks for more, which takes longer.
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.max_branches = 20_000;
    let model = Arc::new(model);
    builder.check(move || {
        HANDLED.set(0);
        let model = Arc::clone(&model);
        spawn(move || model()).join().unwrap();
    });
}

/// A thread of a model. The checker gives its threads, the first included, stacks of 32 KiB. Lanes nearly fill them, and on some machines
/// more is put on them than on others, such as all registers of the processor when a function of the C library is called for the first time.
fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> loom::thread::JoinHandle<T> {
    let words = 512 * 1024 / size_of::<usize>();
    loom::thread::Builder::new().stack_size(words).spawn(run).unwrap()
}
