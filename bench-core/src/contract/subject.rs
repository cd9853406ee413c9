//! The transport under test. Trials run through its dispatcher, each on a thread of its own. A trial that does not
//! return is given up.

use super::{
    Stop, ensure,
    follow::{DEAF, Deaf, Follow, Pulse},
    trial::{Trial, Way, serial},
};
use crate::{
    blame::tells_of_a_hang,
    clock::{Clock, Now},
    dispatcher::{CONTRACT_THREADS, Dispatcher},
    outcome::{Ending, Outcome},
    plan::TrialPlan,
    promise::{Acks, Asked, Promise},
    registry::{Options, RunsOn, TransportEntry},
    scenario::{Intent, Scenario, Style},
    transport::OpenError,
};
use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

/// The result of a run that was opened.
#[derive(Debug)]
pub(super) struct Ran {
    pub outcome: Outcome,
    /// How long `run` took.
    pub wall: Duration,
    /// How long it may take.
    pub patience: Duration,
    /// How long it took from the interruption, if there was one.
    pub after_interruption: Option<Duration>,
    /// The run was interrupted because nothing moved any more.
    pub stood_still: bool,
    /// Threads that were still there a second after the run, of those that can be told.
    pub threads_left: usize,
    /// For sentences.
    pub circumstances: String,
}

/// The result of opening a run.
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
    promise: Promise,
    acks: Acks,
    clock: Clock,
    /// The check that runs, and since when.
    check: Cell<Option<(Style, &'static str, Duration)>>,
    /// How long a check may take, apart from its last run.
    limit: Duration,
    /// The check in which a run hung, if one did.
    hung: Cell<Option<(Style, &'static str)>>,
    /// Whether messages were lost that are promised to arrive.
    has_lost: Cell<bool>,
}

/// How long a check may take, apart from its last run, which has limits of its own. All checks together take a second or two with a
/// transport that delivers at once.
const LIMIT: Duration = Duration::from_secs(40);

/// The same over a server. All checks together take a minute on a quiet machine, and a busy one may be five times slower.
const LIMIT_WITH_SERVER: Duration = Duration::from_secs(150);

/// How often it is seen whether a run hangs.
const LOOK: Duration = Duration::from_millis(100);

/// What the thread of a run sends: first the pulse of each run, then what it came to.
enum Sent {
    Begins(Arc<Pulse>),
    Ended(Result<Result<Box<Ran>, OpenError>, String>),
}

impl<'a> Subject<'a> {
    /// The transport that `made` is one of.
    ///
    /// # Errors
    /// The transport refuses what is asked of it.
    pub(super) fn new(
        entry: &'a TransportEntry,
        options: &'a Options,
        asked: &Asked,
        made: &dyn Dispatcher,
    ) -> Result<Self, String> {
        let promise = made.promise(entry.promise, asked).map_err(|refused| format!("it {refused}"))?;
        Ok(Self {
            entry,
            options,
            promise,
            acks: asked.acks(&entry.promise),
            clock: Clock::start(),
            check: Cell::new(None),
            limit: if entry.needs_server { LIMIT_WITH_SERVER } else { LIMIT },
            hung: Cell::new(None),
            has_lost: Cell::new(false),
        })
    }

    /// The same with another limit for each check.
    #[cfg(test)]
    pub(super) fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.clock.now_ns())
    }

    /// Begins a check, unless a run before it hung.
    pub(super) fn begin(&self, style: Style, check: &'static str) -> Result<(), Stop> {
        if let Some((style, check)) = self.hung.get() {
            let why = format!(
                "not run, because a run of {style}/{check} did not end in its time and this one may not either"
            );
            return Err(Stop::NotApplicable(why));
        }
        self.check.set(Some((style, check, self.now())));
        Ok(())
    }

    /// Ends a check that takes too long, before its next run.
    fn is_in_time(&self) -> Result<(), Stop> {
        let Some((.., since)) = self.check.get() else { return Ok(()) };
        let took = self.now().saturating_sub(since);
        ensure(took < self.limit, || {
            format!(
                "its runs have taken {:.0?} and are not all done: a check may take {:?}, and takes a second or two with a \
                 transport that delivers at once",
                took, self.limit
            )
        })
    }

    fn hangs(&self) {
        self.hung.set(self.check.get().map(|(style, check, _)| (style, check)));
    }

    /// Whether a server is part of every hop.
    pub(super) fn has_server(&self) -> bool {
        self.entry.needs_server
    }

    pub(super) fn runs_on(&self) -> RunsOn {
        self.entry.runs_on
    }

    /// The transport's promise, with its options and with the guarantee that the contract kit was told to ask for. A run is judged by that. The entry
    /// lists only what it promises without options.
    pub(super) fn promise(&self) -> Promise {
        self.promise
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
        self.is_in_time()?;
        let made = self.entry.made(self.options);
        let dispatcher = made.map_err(|error| Stop::Fails(format!("the transport is not made: {error}")))?;
        let circumstances: Vec<_> = trials.iter().map(|(_, trial)| trial.circumstances()).collect();
        let (order, acks) = (self.promise.order, self.acks);
        let plan = |(scenario, trial): (Scenario, Trial)| {
            let mut plan = trial.plan(style, scenario)?;
            (plan.conditions.order, plan.conditions.acks) = (order, acks);
            plan.wiring.transport = self.entry.name.to_owned();
            Ok((plan, trial))
        };
        let plans = trials.into_iter().map(plan).collect::<Result<Vec<_>, Stop>>()?;
        let (in_real_time, has_server) = (self.entry.runs_on != RunsOn::Simulation, self.entry.needs_server);
        let has_lost = self.has_lost.get();
        let follow = move |pulse: &Arc<Pulse>, interrupts| {
            let watch = Follow::new(pulse, interrupts, in_real_time, has_server);
            if has_lost { watch.after_a_loss() } else { watch }
        };
        let results = on_own_thread(dispatcher, plans, follow)?;
        circumstances.iter().map(|trial| self.take(&results, trial)).collect()
    }

    /// Notes what makes further runs useless, or not worth the time.
    fn learn_from(&self, ran: &Ran) {
        let Ran { outcome, wall, patience, .. } = ran;
        let hung = matches!(&outcome.ending, Ending::Failed(why) if tells_of_a_hang(why));
        if hung || wall >= patience {
            self.hangs();
        }
        // A server may hand out again what it lost, after some time.
        if self.promise.is_lossless() && !self.entry.needs_server && ran.stood_still {
            self.has_lost.set(true);
        }
    }

    fn take(&self, results: &Receiver<Sent>, trial: &str) -> Result<Tried, Stop> {
        let (mut pulse, mut deaf) = (Pulse::new(), Deaf::default());
        loop {
            match results.recv_timeout(LOOK) {
                Ok(Sent::Begins(begun)) => (pulse, deaf) = (begun, Deaf::default()),
                Ok(Sent::Ended(ended)) => {
                    if let Ok(Ok(ran)) = &ended {
                        self.learn_from(ran);
                    }
                    return tried(ended, trial);
                }
                Err(RecvTimeoutError::Timeout) if !deaf.hangs(&pulse, LOOK) => {}
                Err(_) => {
                    self.hangs();
                    return Err(Stop::Fails(format!(
                        "{trial}: the run does not end: nobody has looked after it for {DEAF:?}"
                    )));
                }
            }
        }
    }
}

fn tried(ended: Result<Result<Box<Ran>, OpenError>, String>, trial: &str) -> Result<Tried, Stop> {
    match ended {
        Ok(Ok(ran)) => Ok(Tried::Ran(ran)),
        Ok(Err(OpenError::Refused(why))) => Ok(Tried::Refused(why)),
        Ok(Err(OpenError::Failed(why))) => Err(Stop::Fails(format!("{trial}: not opened: {why}"))),
        Err(panic) => Err(Stop::Fails(format!(
            "{trial}: the dispatcher itself panicked instead of telling it: {panic}"
        ))),
    }
}

fn on_own_thread(
    mut dispatcher: Box<dyn Dispatcher>,
    plans: Vec<(TrialPlan, Trial)>,
    follow: impl Fn(&Arc<Pulse>, bool) -> Follow + Send + 'static,
) -> Result<Receiver<Sent>, Stop> {
    let (done, results) = channel();
    let run = move || {
        for (plan, trial) in plans {
            let pulse = Pulse::new();
            let mut watch = follow(&pulse, trial.interrupts);
            // A check that stopped early does not listen any more.
            if done.send(Sent::Begins(Arc::clone(&pulse))).is_err() {
                return;
            }
            let ran = catch_unwind(AssertUnwindSafe(|| dispatcher.run(&plan, &mut watch)));
            let wall = pulse.now();
            let measured = |outcome| {
                let after_interruption = pulse.interrupted().map(|at| wall.saturating_sub(at));
                let (threads_left, circumstances) = (threads_left(), trial.circumstances());
                let (stood_still, patience) = (watch.stood_still(), watch.patience());
                Box::new(Ran {
                    outcome,
                    wall,
                    patience,
                    after_interruption,
                    stood_still,
                    threads_left,
                    circumstances,
                })
            };
            let ended = ran.map(|ran| ran.map(measured)).map_err(|panic| text(&*panic));
            if done.send(Sent::Ended(ended)).is_err() {
                return;
            }
        }
    };
    // Threads that are given no name of their own inherit this one, so that those left behind can be told.
    let spawned = thread::Builder::new().name(format!("{CONTRACT_THREADS}{}", serial())).spawn(run);
    spawned.map_err(|error| Stop::Fails(format!("failed to start a thread: {error}")))?;
    Ok(results)
}

/// The text of a panic.
fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// How many threads, a second from now at the latest, still have the name of the calling one. 0 where that cannot be
/// told.
pub(super) fn threads_left() -> usize {
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
