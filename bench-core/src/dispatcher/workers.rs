//! The threads that run the tasks of a trial: the workers of its runtime, and threads for lanes that wait for due times.

use super::{gate::Gate, guard::no_thread};
use crate::{
    blame::panic_text,
    drive::{
        tasks::{
            self, Pace, Pacing,
            pacer::{self, Paced},
        },
        wake_latency::ask_for_precise_sleeps,
    },
    lane::Lane,
    plan::{CROWD, Placement, TrialPlan},
    transport::OpenError,
};
use std::{
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    thread::{self, JoinHandle},
};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task,
};

/// How the names of the threads begin that the contract kit runs a transport on. What the transport makes is to have the same name, so
/// that it can be told whose it is when it stays.
pub(crate) const CONTRACT_THREADS: &str = "contract-";

/// Workers as the placement says; one worker is a runtime on a single thread.
pub(crate) fn runtime(placement: Placement) -> Result<Runtime, OpenError> {
    let workers = placement.workers();
    let mut builder = if workers == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    // A thread that is left behind can be told by its name if the caller's has one of its own, as the contract kit's does.
    let caller = thread::current();
    let name = caller.name().filter(|name| name.starts_with(CONTRACT_THREADS)).unwrap_or("tasks");
    builder.worker_threads(workers).enable_all().thread_name(name);
    if workers > 1 {
        can_have(workers + 1).map_err(|error| {
            OpenError::Failed(no_thread(&format!("{workers} workers of a runtime"), &error))
        })?;
    }
    // A runtime that gets no thread for a worker panics, and waits without an end for those that it got.
    let built = catch_unwind(AssertUnwindSafe(|| builder.build().map_err(|error| error.to_string())));
    let built = built.unwrap_or_else(|panic| Err(panic_text(&*panic)));
    built.map_err(|error| {
        OpenError::Failed(format!("failed to start a runtime of {workers} threads: {error}"))
    })
}

/// Whether so many threads can be had at once: starts them and lets them end.
fn can_have(count: usize) -> io::Result<()> {
    let (end, ends) = channel::<()>();
    let ends = Arc::new(Mutex::new(ends));
    let wait = || {
        let ends = Arc::clone(&ends);
        thread::Builder::new().spawn(move || drop(ends.lock().map(|ends| ends.recv())))
    };
    let started: Vec<io::Result<JoinHandle<()>>> = (0..count).map(|_| wait()).collect();
    drop(end);
    let mut all = Ok(());
    for thread in started {
        match thread {
            Ok(thread) => drop(thread.join()),
            Err(error) => all = Err(error),
        }
    }
    all
}

type Tasks = Vec<task::JoinHandle<()>>;

/// What runs the lanes of a trial.
pub(super) struct Crew {
    handle: Handle,
    give: Sender<Tasks>,
    tasks: Tasks,
    threads: Vec<JoinHandle<()>>,
    /// Flows are due at times.
    is_timed: bool,
    /// All lanes are on one thread.
    is_stepped: bool,
    /// By thread: the tasks of lanes that wait for due times, if they share threads.
    shared: Vec<Vec<Paced>>,
    /// The thread that the next of them is on.
    next: usize,
}

impl Crew {
    /// For the lanes of `plan`. Says which thread cannot be had.
    pub(super) fn new(runtime: &Arc<Runtime>, plan: &TrialPlan) -> Result<Self, String> {
        let (runner, give) = runner(runtime)?;
        let workers = plan.placement.workers();
        let driven = if plan.load.is_timed() { plan.wiring.driven().count() } else { 0 };
        let is_stepped = plan.placement == Placement::Threads(1);
        let are_many = usize::from(plan.wiring.instance_count()) > CROWD;
        // More lanes that wait for due times than workers share as many threads as there are workers. Few of them on a
        // single worker wait in turn with the others.
        let share = driven > workers && (!is_stepped || are_many);
        Ok(Self {
            handle: runtime.handle().clone(),
            give,
            tasks: Vec::new(),
            threads: vec![runner],
            is_timed: plan.load.is_timed(),
            is_stepped,
            shared: (0..if share { workers } else { 0 }).map(|_| Vec::new()).collect(),
            next: 0,
        })
    }

    /// How a lane waits for due times.
    pub(super) fn pacing(&self, lane: &Lane) -> Pacing {
        match self.is_timed && lane.is_driven() {
            true if !self.shared.is_empty() => Pacing::Wheel(Arc::<Pace>::default()),
            true if self.is_stepped => Pacing::Yield,
            true => Pacing::Thread(Arc::<Pace>::default()),
            false => Pacing::Rung,
        }
    }

    /// Starts the task of a lane, or keeps it until [`Crew::start_shared`].
    pub(super) fn start(
        &mut self,
        task: impl Future<Output = ()> + Send + 'static,
        pacing: &Pacing,
    ) -> io::Result<()> {
        match pacing {
            Pacing::Rung | Pacing::Yield => self.tasks.push(self.handle.spawn(task)),
            Pacing::Wheel(pace) => {
                self.shared[self.next].push(Paced { task: Box::pin(task), pace: Arc::clone(pace) });
                self.next = (self.next + 1) % self.shared.len();
            }
            Pacing::Thread(pace) => {
                let (handle, pace) = (self.handle.clone(), Arc::clone(pace));
                let run = move || own_thread_main(&handle, task, &pace);
                self.threads.push(thread::Builder::new().spawn(run)?);
            }
        }
        Ok(())
    }

    /// Starts the threads that lanes share. `gate` has the run's clock.
    pub(super) fn start_shared(&mut self, gate: &Arc<Gate>) -> io::Result<()> {
        for tasks in std::mem::take(&mut self.shared) {
            let (handle, gate) = (self.handle.clone(), Arc::clone(gate));
            let run = move || shared_thread_main(&handle, tasks, &gate);
            self.threads.push(thread::Builder::new().spawn(run)?);
        }
        Ok(())
    }

    /// The threads, and what ends the tasks.
    pub(super) fn under_way(self) -> (Vec<JoinHandle<()>>, Vec<task::AbortHandle>) {
        let aborts = self.tasks.iter().map(task::JoinHandle::abort_handle).collect();
        let _ = self.give.send(self.tasks);
        (self.threads, aborts)
    }
}

/// A thread that blocks on the tasks it is given, as a runtime on a single thread runs only while someone does.
fn runner(runtime: &Arc<Runtime>) -> Result<(JoinHandle<()>, Sender<Tasks>), String> {
    let (give, given) = channel::<Tasks>();
    let runtime = Arc::clone(runtime);
    let run = move || {
        if let Ok(tasks) = given.recv() {
            runtime.block_on(async {
                for task in tasks {
                    // Its panic was told already.
                    let _ = task.await;
                }
            });
        }
    };
    let thread = thread::Builder::new().spawn(run).map_err(|error| no_thread("the runtime", &error))?;
    Ok((thread, give))
}

fn own_thread_main<F: Future>(handle: &Handle, task: F, pace: &Pace) -> F::Output {
    ask_for_precise_sleeps();
    let _entered = handle.enter();
    tasks::block_on(task, pace)
}

fn shared_thread_main(handle: &Handle, tasks: Vec<Paced>, gate: &Gate) {
    ask_for_precise_sleeps();
    let _entered = handle.enter();
    pacer::run(tasks, || gate.clock());
}
