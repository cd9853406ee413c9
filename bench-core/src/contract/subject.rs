//! The transport under check: runs trials through its dispatcher, each on a thread that is given up on when it does not
//! come back.

use super::{
    Stop,
    trial::{Trial, Way, serial},
};
use crate::{
    clock::{Clock, Now, as_ns},
    dispatcher::Dispatcher,
    monitor::Watch,
    outcome::{Outcome, Snapshot},
    plan::TrialPlan,
    registry::{Options, Promise, RunsOn, TransportEntry},
    scenario::{Intent, Scenario, Style},
    transport::OpenError,
};
use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

/// What came of a run that was opened.
#[derive(Debug)]
pub(super) struct Ran {
    pub outcome: Outcome,
    /// How long `run` took.
    pub wall: Duration,
    /// How long it took from the interruption, if there was one.
    pub after_interruption: Option<Duration>,
    /// Threads that were still there a second after the run, of those that can be told.
    pub threads_left: usize,
    /// For sentences.
    pub circumstances: String,
}

/// What came of trying to open a run.
#[derive(Debug)]
pub(super) enum Tried {
    Ran(Box<Ran>),
    Refused(String),
}

impl Tried {
    /// The run, which was not to be refused.
    pub(super) fn ran(self) -> Result<Ran, Stop> {
        match self {
            Self::Ran(ran) => Ok(*ran),
            Self::Refused(why) => {
                Err(Stop::Fails(format!("what the transport claims is refused when opened: {why}")))
            }
        }
    }
}

/// The transport under check.
pub(super) struct Subject<'a> {
    entry: &'a TransportEntry,
    options: &'a Options,
    hangs: Cell<bool>,
}

/// A load that is not over by then is interrupted.
pub(super) const PATIENCE: Duration = Duration::from_secs(6);
/// A run that does not come back by then, after its drain deadline, is given up.
const LIMIT: Duration = Duration::from_secs(10);

type Sent = Result<Result<Box<Ran>, OpenError>, String>;

impl<'a> Subject<'a> {
    pub(super) fn new(entry: &'a TransportEntry, options: &'a Options) -> Self {
        Self { entry, options, hangs: Cell::new(false) }
    }

    /// Whether a run was given up.
    pub(super) fn hangs(&self) -> bool {
        self.hangs.get()
    }

    pub(super) fn promise(&self) -> Promise {
        self.entry.promise
    }

    pub(super) fn ways(&self) -> &'static [Way] {
        Way::of(self.entry.runs_on)
    }

    /// How often a run is looked at. In virtual time milliseconds are thousands of messages.
    pub(super) fn sample_every(&self) -> Duration {
        match self.entry.runs_on {
            RunsOn::Simulation => Duration::from_micros(20),
            _ => Duration::from_millis(20),
        }
    }

    pub(super) fn claims(&self, style: Style, intent: Intent) -> bool {
        self.entry.intents(style).is_some_and(|claimed| claimed.contains(&intent))
    }

    /// The intents under which a flow of one hop can be sent; a request needs its reply.
    pub(super) fn carriers(&self, style: Style) -> Vec<Intent> {
        let claims = |intent| self.claims(style, intent);
        let carries = |intent: &Intent| match intent {
            Intent::Request => claims(Intent::Request) && claims(Intent::Reply),
            Intent::Reply => false,
            other => claims(*other),
        };
        Intent::ALL.into_iter().filter(carries).collect()
    }

    /// Runs `scenario`, which may be refused.
    pub(super) fn try_run(&self, style: Style, scenario: Scenario, trial: &Trial) -> Result<Tried, Stop> {
        let tried = self.try_in_turn(style, vec![(scenario, trial.clone())])?;
        let none = || Stop::Fails("the run was lost".into());
        tried.into_iter().next().ok_or_else(none)
    }

    /// Runs `scenario`.
    pub(super) fn run(&self, style: Style, scenario: Scenario, trial: &Trial) -> Result<Ran, Stop> {
        self.try_run(style, scenario, trial)?.ran()
    }

    /// Runs one after the other through the same dispatcher.
    pub(super) fn try_in_turn(
        &self,
        style: Style,
        trials: Vec<(Scenario, Trial)>,
    ) -> Result<Vec<Tried>, Stop> {
        let made = (self.entry.make)(self.options);
        let dispatcher = made.map_err(|error| Stop::Fails(format!("the transport is not made: {error}")))?;
        let limits: Vec<_> = trials.iter().map(|(_, trial)| (trial.drain, trial.circumstances())).collect();
        let plan = |(scenario, trial): (Scenario, Trial)| Ok((trial.plan(style, scenario)?, trial));
        let plans = trials.into_iter().map(plan).collect::<Result<Vec<_>, Stop>>()?;
        let results = on_own_thread(dispatcher, plans)?;
        limits.into_iter().map(|(drain, trial)| self.take(&results, drain, &trial)).collect()
    }

    fn take(&self, results: &Receiver<Sent>, drain: Duration, trial: &str) -> Result<Tried, Stop> {
        match results.recv_timeout(LIMIT + drain) {
            Ok(Ok(Ok(ran))) => Ok(Tried::Ran(ran)),
            Ok(Ok(Err(OpenError::Refused(why)))) => Ok(Tried::Refused(why)),
            Ok(Ok(Err(OpenError::Failed(why)))) => Err(Stop::Fails(format!("{trial}: not opened: {why}"))),
            Ok(Err(panic)) => Err(Stop::Fails(format!(
                "{trial}: the dispatcher itself panicked instead of telling it: {panic}"
            ))),
            Err(_) => {
                self.hangs.set(true);
                Err(Stop::Fails(format!("{trial}: the run does not end within {:?}", LIMIT + drain)))
            }
        }
    }
}

fn on_own_thread(
    mut dispatcher: Box<dyn Dispatcher>,
    plans: Vec<(TrialPlan, Trial)>,
) -> Result<Receiver<Sent>, Stop> {
    let (done, results) = channel();
    // Threads that are given no name of their own inherit this one, so that those left behind can be told.
    let name = format!("contract-{}", serial());
    let run = move || {
        for (plan, trial) in plans {
            let clock = Clock::start();
            let since_ns = Arc::new(AtomicU64::new(u64::MAX));
            let mut watch = Follow {
                clock: clock.clone(),
                interrupts: trial.interrupts,
                sampled: false,
                since_ns: Arc::clone(&since_ns),
            };
            let ran = catch_unwind(AssertUnwindSafe(|| dispatcher.run(&plan, &mut watch)));
            let end_ns = clock.now_ns();
            let interrupted = Some(since_ns.load(Ordering::Relaxed)).filter(|since_ns| *since_ns != u64::MAX);
            let measured = |outcome| {
                Box::new(Ran {
                    outcome,
                    wall: Duration::from_nanos(end_ns),
                    after_interruption: interrupted.map(|ns| Duration::from_nanos(end_ns - ns)),
                    threads_left: threads_left(),
                    circumstances: trial.circumstances(),
                })
            };
            let result = ran.map(|ran| ran.map(measured)).map_err(|panic| text(&*panic));
            // A check that stopped early does not listen any more.
            if done.send(result).is_err() {
                return;
            }
        }
    };
    let spawned = thread::Builder::new().name(name).spawn(run);
    spawned.map_err(|error| Stop::Fails(format!("failed to start a thread: {error}")))?;
    Ok(results)
}

/// What a panic said.
fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// Interrupts after the first sample, if it is to, or when it has lost its patience, and notes when.
struct Follow {
    clock: Clock,
    interrupts: bool,
    sampled: bool,
    since_ns: Arc<AtomicU64>,
}

impl Watch for Follow {
    fn sample(&mut self, snapshot: &Snapshot) {
        self.sampled |= snapshot.started > 0;
    }

    fn is_interrupted(&self) -> bool {
        let now_ns = self.clock.now_ns();
        let interrupted = (self.interrupts && self.sampled) || now_ns > as_ns(PATIENCE);
        if interrupted {
            self.since_ns.fetch_min(now_ns, Ordering::Relaxed);
        }
        interrupted
    }
}

/// How many threads, a second from now at the latest, still have the name of the calling one. 0 where that cannot be
/// told.
fn threads_left() -> usize {
    let own = thread::current();
    let count = || {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| Some(name.trim_end()) == own.name()).count().saturating_sub(1)
    };
    for _ in 0..500 {
        if count() == 0 {
            return 0;
        }
        thread::sleep(Duration::from_millis(2));
    }
    count()
}
