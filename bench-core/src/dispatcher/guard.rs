//! Runs a dispatcher on a thread of its own, so that a fault of a transport cannot stop the program. A panic, or a call
//! that never returns, becomes an error of the trial. A thread that hangs is left behind; it owns everything that it
//! uses. So is one that the user does not wait for, which is no fault of the transport.

use super::Dispatcher;
use crate::{
    blame::{accusation, panic_text, transport_name},
    monitor::{Counts, Edge, Watch},
    outcome::{Outcome, Snapshot},
    overhead::HarnessThread,
    plan::TrialPlan,
    server::ServerFacts,
    transport::OpenError,
};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long the steps of a trial may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Making and opening a transport.
    pub open: Duration,
    /// How long a dispatcher that runs may not ask whether it is interrupted. Dispatchers ask some hundred times a second.
    pub silence: Duration,
    /// Closing a transport, from the moment when everything is measured.
    pub close: Duration,
    /// The limit for each of these after the user asked to end the run.
    pub interrupted: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open: Duration::from_secs(30),
            silence: Duration::from_secs(10),
            close: Duration::from_secs(15),
            interrupted: Duration::from_secs(5),
        }
    }
}

/// How often the guard looks whether the trial goes on.
const LOOK: Duration = Duration::from_millis(10);
/// How long a trial has to hand over what it has when the user asked twice.
const URGENT: Duration = Duration::from_millis(700);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Step {
    Making,
    Opening,
    Running,
    Closing,
}

impl Step {
    const fn method(self) -> &'static str {
        match self {
            Self::Making => "make",
            Self::Opening => "open",
            Self::Running => "run",
            Self::Closing => "close",
        }
    }
}

/// Shared by both threads.
#[derive(Debug, Default)]
struct Shared {
    step: AtomicU8,
    /// How often the dispatcher asked whether it is interrupted.
    looks: AtomicU64,
    interrupted: AtomicBool,
    urgent: AtomicBool,
}

impl Shared {
    fn enter(&self, step: Step) {
        self.step.store(step as u8, Ordering::Relaxed);
    }

    fn step(&self) -> Step {
        let step = [Step::Making, Step::Opening, Step::Running, Step::Closing];
        let step = step[usize::from(self.step.load(Ordering::Relaxed)).min(3)];
        // A dispatcher that asks whether it is interrupted runs, whether or not it said that it opened something.
        if step == Step::Opening && self.looks.load(Ordering::Relaxed) > 0 { Step::Running } else { step }
    }
}

enum Told {
    Sample(Box<Snapshot>),
    Opened(Option<ServerFacts>, SyncSender<()>),
    Begun(Duration),
    Edge(Edge, Counts, SyncSender<()>),
    Measured(Box<Outcome>),
    Ended(Result<Result<Box<Outcome>, OpenError>, Box<dyn Any + Send>>),
}

/// Stands in for the watcher on the dispatcher's thread.
struct Relay {
    to: Sender<Told>,
    shared: Arc<Shared>,
}

impl Relay {
    /// Has the watcher take note, and waits until it has, so that what it reads is of this moment.
    fn and_wait(&self, tell: impl FnOnce(SyncSender<()>) -> Told) {
        let (done, noted) = sync_channel(1);
        if self.to.send(tell(done)).is_ok() {
            let _ = noted.recv_timeout(Duration::from_secs(1));
        }
    }
}

impl Watch for Relay {
    fn sample(&mut self, snapshot: &Snapshot) {
        let _ = self.to.send(Told::Sample(Box::new(snapshot.clone())));
    }

    fn opened(&mut self, server: Option<&ServerFacts>) {
        self.shared.enter(Step::Running);
        self.and_wait(|done| Told::Opened(server.cloned(), done));
    }

    fn begun(&mut self, ago: Duration) {
        let _ = self.to.send(Told::Begun(ago));
    }

    fn edge(&mut self, edge: Edge, counts: Counts) {
        self.and_wait(|done| Told::Edge(edge, counts, done));
    }

    fn measured(&mut self, outcome: &Outcome) {
        let _ = self.to.send(Told::Measured(Box::new(outcome.clone())));
        self.shared.enter(Step::Closing);
    }

    fn is_interrupted(&self) -> bool {
        self.shared.looks.fetch_add(1, Ordering::Relaxed);
        self.shared.interrupted.load(Ordering::Relaxed)
    }

    fn is_urgent(&self) -> bool {
        self.shared.urgent.load(Ordering::Relaxed)
    }
}

/// Makes a dispatcher and runs a trial over it, as [`Dispatcher::run`] does, with limits.
///
/// # Errors
/// As [`Dispatcher::run`]. `Failed` too if something panicked or did not return before anything was measured, or if no
/// thread was to be had. If something was measured, the outcome is given and says why it failed.
pub fn run_guarded(
    make: impl FnOnce() -> Result<Box<dyn Dispatcher>, String> + Send + 'static,
    plan: TrialPlan,
    limits: Limits,
    watch: &mut dyn Watch,
) -> Result<Outcome, OpenError> {
    let whose = transport_name(&plan.wiring.transport);
    let (to, told) = channel();
    let shared = Arc::new(Shared::default());
    let mut relay = Relay { to: to.clone(), shared: Arc::clone(&shared) };
    let trial = move || {
        // From here the monitor looks after the lanes, which have threads of their own.
        let _counted = HarnessThread::current();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let mut dispatcher = make().map_err(OpenError::Refused)?;
            relay.shared.enter(Step::Opening);
            let outcome = dispatcher.run(&plan, &mut relay).map(Box::new);
            if let Ok(outcome) = &outcome {
                // What is dropped now may hang, too.
                relay.measured(outcome);
            }
            drop(dispatcher);
            outcome
        }));
        let _ = to.send(Told::Ended(ended));
    };
    let thread = thread::Builder::new().name("trial".into()).spawn(trial);
    let thread = thread.map_err(|error| no_thread("the trial", &error)).map_err(OpenError::Failed)?;
    let _counted = HarnessThread::current();
    let mut guard = Guard { told, shared, limits, whose, measured: None, watch };
    match guard.wait() {
        Ok(ended) => {
            let _ = thread.join();
            ended
        }
        Err(left) => {
            leave_behind(thread);
            guard.leave(left)
        }
    }
}

/// Why a trial is not waited for any longer.
enum Left {
    /// The trial had its time: which transport hangs, and in which call.
    Hangs(String),
    /// The user asked twice: which call of the transport was under way.
    Hurried(String),
}

/// The sentence for a thread that the system refused.
#[must_use]
pub fn no_thread(what: &str, error: &std::io::Error) -> String {
    format!(
        "failed to start a thread for {what}: {error}; raise the limit on processes (ulimit -u) or use fewer instances \
         or a smaller --placement"
    )
}

struct Guard<'a> {
    told: Receiver<Told>,
    shared: Arc<Shared>,
    limits: Limits,
    whose: String,
    measured: Option<Box<Outcome>>,
    watch: &'a mut dyn Watch,
}

impl Guard<'_> {
    /// Waits for the trial's end, or until it is not waited for any longer.
    fn wait(&mut self) -> Result<Result<Outcome, OpenError>, Left> {
        let mut quiet = Quiet::default();
        loop {
            self.shared.interrupted.store(self.watch.is_interrupted(), Ordering::Relaxed);
            self.shared.urgent.store(self.watch.is_urgent(), Ordering::Relaxed);
            match self.told.recv_timeout(LOOK) {
                Ok(Told::Sample(snapshot)) => self.watch.sample(&snapshot),
                Ok(Told::Opened(server, done)) => {
                    self.watch.opened(server.as_ref());
                    let _ = done.send(());
                }
                Ok(Told::Edge(edge, counts, done)) => {
                    self.watch.edge(edge, counts);
                    let _ = done.send(());
                }
                Ok(Told::Begun(ago)) => self.watch.begun(ago),
                Ok(Told::Measured(outcome)) => {
                    self.watch.measured(&outcome);
                    self.measured = Some(outcome);
                }
                Ok(Told::Ended(Ok(ended))) => return Ok(ended.map(|outcome| *outcome)),
                Ok(Told::Ended(Err(panic))) => return Ok(self.panicked(&*panic)),
                Err(RecvTimeoutError::Timeout) => quiet.look(&self.shared),
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(self.measured_until(format!("{} ended its thread", self.whose)));
                }
            }
            if let Some(left) = self.is_left(&quiet) {
                return Err(left);
            }
        }
    }

    fn is_left(&self, quiet: &Quiet) -> Option<Left> {
        let (step, whose, time) = (quiet.step?, &self.whose, quiet.time);
        let method = step.method();
        if self.watch.is_urgent() {
            let said =
                || Left::Hurried(format!("told to end at once: `{method}` of {whose} was not waited for"));
            return (quiet.urgent >= URGENT).then(said);
        }
        let limit = match step {
            Step::Closing => self.limits.close,
            Step::Running => self.limits.silence,
            Step::Making | Step::Opening => self.limits.open,
        };
        let limit = if self.watch.is_interrupted() { limit.min(self.limits.interrupted) } else { limit };
        let said = || Left::Hangs(format!("{whose} hangs: `{method}` has not returned for {time:?}"));
        (time >= limit).then(said)
    }

    /// A trial that is not waited for any longer. If the user asked for that after everything was measured, only a note says so.
    fn leave(&mut self, left: Left) -> Result<Outcome, OpenError> {
        let why = match left {
            Left::Hangs(why) => why,
            Left::Hurried(why) => match self.measured.take() {
                Some(mut outcome) => {
                    outcome.notes.push(why);
                    return Ok(*outcome);
                }
                None => why,
            },
        };
        self.measured_until(why)
    }

    fn panicked(&mut self, panic: &(dyn Any + Send)) -> Result<Outcome, OpenError> {
        let text = accusation(panic).unwrap_or_else(|| {
            let method = self.shared.step().method();
            format!("{} panicked in `{method}`: {}", self.whose, panic_text(panic))
        });
        self.measured_until(text)
    }

    /// A trial that ended badly after something was measured, or before.
    fn measured_until(&mut self, why: String) -> Result<Outcome, OpenError> {
        let Some(mut outcome) = self.measured.take() else { return Err(OpenError::Failed(why)) };
        outcome.fail(why);
        Ok(*outcome)
    }
}

/// For how long a trial has been quiet. Counted in looks: a process that was suspended did not wait.
#[derive(Default)]
struct Quiet {
    step: Option<Step>,
    looks: u64,
    time: Duration,
    urgent: Duration,
}

impl Quiet {
    fn look(&mut self, shared: &Shared) {
        let (step, looks) = (shared.step(), shared.looks.load(Ordering::Relaxed));
        if self.step != Some(step) || (self.looks != looks && step == Step::Running) {
            (self.step, self.time) = (Some(step), Duration::ZERO);
        }
        self.looks = looks;
        self.time += LOOK;
        if shared.urgent.load(Ordering::Relaxed) {
            self.urgent += LOOK;
        }
    }
}

static LEFT: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Gives up on a thread that does not return.
pub(crate) fn leave_behind(thread: JoinHandle<()>) {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
}

/// How many threads that hung in earlier trials of this process are still there. They may use processor time.
#[must_use]
pub fn left_behind() -> usize {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.retain(|thread| !thread.is_finished());
    left.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        load::{Extent, LoadPlan},
        monitor::{Unwatched, watch::Hurry},
        payload::Pool,
        plan::{Placement, Wait},
        scenario::{Scenario, Style},
        wiring::Wiring,
    };

    const SOON: Limits = Limits {
        open: Duration::from_millis(100),
        silence: Duration::from_millis(100),
        close: Duration::from_millis(100),
        interrupted: Duration::from_millis(50),
    };

    fn plan() -> TrialPlan {
        let scenario = Scenario {
            name: "none",
            summary: "",
            kinds: &[],
            services: Vec::new(),
            ends_per_flow: 1,
            message: Vec::new(),
            event: Vec::new(),
        };
        let wiring = Wiring {
            run_name: String::new(),
            transport: "pigeon".into(),
            style: Style::Message,
            services: Vec::new(),
            destinations: Vec::new(),
            capacity: 1,
            batch: 1,
            window: None,
            connections: None,
            acks: Default::default(),
            away: Duration::ZERO,
            pool: Arc::new(Pool::new(1, 0)),
        };
        TrialPlan {
            scenario: Arc::new(scenario),
            wiring,
            load: LoadPlan::closed(1, Extent::Count(1)),
            feeds: Arc::new(|_, _| unreachable!("nothing is driven")),
            await_replies: false,
            placement: Placement::Each,
            wait: Wait::Park,
            drain_deadline: Duration::ZERO,
            sample_every: Duration::from_secs(1),
            conditions: Default::default(),
        }
    }

    /// Does what it is told instead of running a trial.
    struct Does(fn(&mut dyn Watch));

    impl Dispatcher for Does {
        fn run(&mut self, _plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
            (self.0)(watch);
            Err(OpenError::Failed("done".into()))
        }
    }

    fn error(does: fn(&mut dyn Watch), limits: Limits) -> String {
        let ran = run_guarded(move || Ok(Box::new(Does(does))), plan(), limits, &mut Unwatched);
        ran.expect_err("nothing is measured").to_string()
    }

    fn sleeps(_watch: &mut dyn Watch) {
        thread::sleep(Duration::from_mins(5));
    }

    #[test]
    fn what_does_not_return_is_left_behind_and_named_by_its_step() {
        assert_eq!(error(|_| {}, Limits::default()), "done");
        let said = error(sleeps, SOON);
        assert!(said.starts_with("transport `pigeon` hangs: `open` has not returned for"), "{said}");
        let said = error(
            |watch| {
                watch.opened(None);
                sleeps(watch);
            },
            SOON,
        );
        assert!(said.contains("`run` has not returned"), "{said}");
        let making = || -> Result<Box<dyn Dispatcher>, String> {
            thread::sleep(Duration::from_mins(5));
            Err(String::new())
        };
        let said = run_guarded(making, plan(), SOON, &mut Unwatched).unwrap_err().to_string();
        assert!(said.contains("`make` has not returned"), "{said}");
        assert!(left_behind() >= 3);
    }

    #[test]
    fn what_the_user_does_not_wait_for_does_not_hang() {
        let making = || -> Result<Box<dyn Dispatcher>, String> { Ok(Box::new(Does(sleeps))) };
        let said = run_guarded(making, plan(), Limits::default(), &mut Hurry).unwrap_err().to_string();
        assert_eq!(said, "told to end at once: `open` of transport `pigeon` was not waited for");
    }

    #[test]
    fn a_dispatcher_that_asks_whether_it_is_interrupted_does_not_hang() {
        let busy = |watch: &mut dyn Watch| {
            for _ in 0..40 {
                let _ = watch.is_interrupted();
                thread::sleep(Duration::from_millis(10));
            }
        };
        assert_eq!(error(busy, Limits { silence: Duration::from_millis(200), ..SOON }), "done");
    }

    #[test]
    fn a_panic_is_told_by_the_step_it_happened_in() {
        assert_eq!(error(|_| panic!("oh"), Limits::default()), "transport `pigeon` panicked in `open`: oh");
        let making = || -> Result<Box<dyn Dispatcher>, String> { panic!("oh") };
        let said = run_guarded(making, plan(), Limits::default(), &mut Unwatched).unwrap_err().to_string();
        assert_eq!(said, "transport `pigeon` panicked in `make`: oh");
    }
}
