//! The trials of the suite: their plans, their runs, and how their outcomes are judged. What flows in them is in `scenario`.

use super::{Course, Steady, Stop, Suite, fails, scenario::scenario};
use drumpost_core::{
    dispatcher::Dispatcher,
    load::{Extent, LoadPlan, Pace},
    monitor::Watch,
    options::Options,
    outcome::{Audit, Ending, Outcome, Snapshot},
    payload::Pool,
    plan::{Conditions, Placement, TrialPlan, Wait},
    promise::Order,
    registry::Promise,
    scenario::Style,
    transport::OpenError,
    wiring::{Wiring, WiringSettings},
};
use std::{
    collections::BTreeMap,
    panic::resume_unwind,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// How long a run may take to end after a fault, or to say that no server is there: what the engine and a transport may wait
/// together, and three times as much again for a busy machine.
pub(super) const IN_TIME: Duration = Duration::from_secs(120);

/// Drain deadline of a run that may lose messages: what has not come by then is not waited for.
pub(super) const LOSSY: Duration = Duration::from_secs(2);

/// Drain deadline after a sender lost its connection. Messages that were not confirmed then never come, so the run waits for as
/// long. What was confirmed comes again within the broker's time for that.
pub(super) const LATE: Duration = Duration::from_secs(12);

/// Flows that have ended when the fault is made.
const FLOWING: u64 = 200;

/// What a run is to be. By default 1,000 flows, 32 of them under way.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub name: String,
    /// An open load of so long, in place of the count.
    pub open: Option<Duration>,
    /// Flows of a load that is not open.
    pub flows: u64,
    /// Between two flows of an open load.
    pub every_ns: u64,
    pub batch: usize,
    pub payload_len: u32,
    /// Instances of the receiver.
    pub receivers: u16,
    /// The sender asks and gets replies, in place of commands. Events have no replies.
    pub asks: bool,
    pub drain: Duration,
    /// The order is that of the promise, and receivers acknowledge as the suite is told, unless before handling.
    pub conditions: Conditions,
}

impl Trial {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self {
            name: format!("suite-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)),
            open: None,
            flows: 1_000,
            every_ns: 500_000,
            batch: 16,
            payload_len: 128,
            receivers: 1,
            asks: false,
            drain: Duration::from_secs(20),
            conditions: Conditions::default(),
        }
    }

    /// An open load of so many seconds.
    pub(super) fn open(seconds: u64) -> Self {
        Self { open: Some(Duration::from_secs(seconds)), ..Self::new() }
    }

    pub(super) fn plan(&self, style: Style, promise: Promise, course: &Course) -> Result<TrialPlan, Stop> {
        let (pace, extent) = match self.open {
            None => (Pace::Closed { in_flight: 32 }, Extent::Count(self.flows)),
            Some(long) => {
                let ns = u64::try_from(long.as_nanos()).unwrap_or(u64::MAX);
                (Pace::Open { window: 100_000 }, Extent::Duration(ns))
            }
        };
        let settings = WiringSettings {
            run_name: self.name.clone(),
            with: vec![],
            without: vec![],
            instances: BTreeMap::from([("receiver".to_owned(), self.receivers)]),
            capacity: 4096,
            batch: self.batch,
            window: Some(pace.window()),
            pool: Arc::new(Pool::new(7, self.payload_len)),
        };
        let scenario = scenario(style, self.asks);
        let feed = Steady::new(self.every_ns, self.payload_len, course);
        let wiring = Wiring::new(&scenario, style, &settings);
        Ok(TrialPlan {
            wiring: wiring.map_err(|error| Stop::Fails(format!("the suite's own scenario: {error}")))?,
            scenario: Arc::new(scenario),
            load: LoadPlan { pace, ..LoadPlan::closed(32, extent) },
            feeds: Arc::new(move |_, _| Box::new(feed.clone())),
            await_replies: false,
            placement: Placement::Each,
            wait: Wait::Native,
            drain_deadline: self.drain,
            sample_every: Duration::from_millis(20),
            conditions: Conditions { order: promise.order, ..self.conditions.clone() },
        })
    }
}

/// Tells when messages flow, and interrupts when asked to.
struct Follow {
    course: Course,
    flows: Option<mpsc::Sender<()>>,
    stop: Arc<AtomicBool>,
}

impl Watch for Follow {
    fn sample(&mut self, snapshot: &Snapshot) {
        self.course.sample(snapshot);
        if snapshot.ended >= FLOWING
            && let Some(flows) = self.flows.take()
        {
            let _ = flows.send(());
        }
    }

    fn is_interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The outcome, and the dispatcher for another run.
type Ended = (Outcome, Box<dyn Dispatcher>);

/// A run on a thread of its own.
pub(super) struct Running {
    course: Course,
    flows: mpsc::Receiver<()>,
    stop: Arc<AtomicBool>,
    ended: mpsc::Receiver<Result<Ended, OpenError>>,
}

impl Running {
    /// Waits until messages flow.
    pub(super) fn flows(&self) -> Result<(), Stop> {
        match self.flows.recv_timeout(IN_TIME) {
            Ok(()) => Ok(()),
            Err(_) => match self.ended.try_recv() {
                Ok(Err(OpenError::Refused(why))) => Err(Stop::NotApplicable(why)),
                Ok(Err(error)) => fails(format!("not opened: {error}")),
                Ok(Ok((outcome, _))) => fails(format!("it ended before messages flowed, {}", outcome.ending)),
                Err(_) => fails(format!("no messages flow after {IN_TIME:?}")),
            },
        }
    }

    /// Waits until messages flow again after a fault, more than may have been under way before, and ends the load.
    pub(super) fn flows_again(&self) -> Result<(), Stop> {
        let flows = self.course.moves_on(FLOWING, IN_TIME);
        self.end_load();
        if flows { Ok(()) } else { fails(format!("no messages flow {IN_TIME:?} after the fault")) }
    }

    /// Waits until messages flow and no more than so many flows are under way, and ends the load.
    pub(super) fn catches_up(&self, under_way: u64) -> Result<(), Stop> {
        self.flows()?;
        self.settles(under_way)
    }

    /// The same when an instance that was absent has joined and messages have flowed on since.
    pub(super) fn joins_and_catches_up(&self, under_way: u64) -> Result<(), Stop> {
        self.flows()?;
        if self.course.comes_back(IN_TIME) && self.course.moves_on(FLOWING, IN_TIME) {
            return self.settles(under_way);
        }
        self.end_load();
        fails(format!("the absent instance has not joined after {IN_TIME:?}, or no messages flow since"))
    }

    fn settles(&self, under_way: u64) -> Result<(), Stop> {
        let is_level = self.course.settles(under_way, IN_TIME);
        self.end_load();
        if is_level {
            Ok(())
        } else {
            fails(format!("more than {under_way} flows are under way after {IN_TIME:?}"))
        }
    }

    /// Ends the load. What is under way is waited for.
    pub(super) fn end_load(&self) {
        self.course.end_load();
    }

    pub(super) fn interrupt(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// What it comes to, in time after `long`.
    pub(super) fn result(self, long: Duration) -> Result<Result<Outcome, OpenError>, Stop> {
        let ended = self.ended.recv_timeout(long + IN_TIME);
        match ended {
            Ok(ended) => Ok(ended.map(|(outcome, _)| outcome)),
            Err(_) => fails(format!("the run has not ended {:?} after it should have", IN_TIME)),
        }
    }

    /// The outcome, of a run that was opened.
    pub(super) fn outcome(self, long: Duration) -> Result<Outcome, Stop> {
        self.result(long)?.map_err(|error| Stop::Fails(format!("not opened: {error}")))
    }

    /// The outcome. A check is not applicable to a transport that refuses what the trial asks for.
    pub(super) fn unless_refused(self, long: Duration) -> Result<Outcome, Stop> {
        self.result(long)?.map_err(|error| match error {
            OpenError::Refused(why) => Stop::NotApplicable(why),
            OpenError::Failed(why) => Stop::Fails(format!("not opened: {why}")),
        })
    }

    /// The outcome of a run that was opened, with the dispatcher for another run.
    pub(super) fn again(self, long: Duration) -> Result<Ended, Stop> {
        match self.ended.recv_timeout(long + IN_TIME) {
            Ok(ended) => ended.map_err(|error| Stop::Fails(format!("not opened: {error}"))),
            Err(_) => fails("the run does not end"),
        }
    }
}

impl Suite<'_> {
    /// Begins a run with these options.
    pub(super) fn begin(&self, options: &Options, trial: &Trial) -> Result<Running, Stop> {
        self.begin_on(self.entry.made(options).map_err(Stop::Fails)?, trial)
    }

    pub(super) fn begin_on(
        &self,
        mut dispatcher: Box<dyn Dispatcher>,
        trial: &Trial,
    ) -> Result<Running, Stop> {
        let asked = self.asks(trial.conditions.acks);
        let promise = dispatcher.promise(self.entry.promise, &asked).map_err(Stop::Fails)?;
        let (course, stop) = (Course::default(), Arc::new(AtomicBool::new(false)));
        let mut plan = trial.plan(self.trial_style(), promise, &course)?;
        plan.conditions.acks = asked.acks(&self.entry.promise);
        let ((flow, flows), (done, ended)) = (mpsc::channel(), mpsc::channel());
        let mut watch = Follow { course: course.clone(), flows: Some(flow), stop: Arc::clone(&stop) };
        thread::spawn(move || {
            let ran = dispatcher.run(&plan, &mut watch);
            let _ = done.send(ran.map(|outcome| (outcome, dispatcher)));
        });
        Ok(Running { course, flows, stop, ended })
    }

    /// Runs a trial to its end.
    pub(super) fn run(&self, options: &Options, trial: &Trial) -> Result<Outcome, Stop> {
        self.begin(options, trial)?.outcome(trial.open.unwrap_or_default() + trial.drain)
    }
}

/// Runs a check for each of these at the same time. The first that fails is told.
pub(super) fn each<T: Sync>(all: &[T], check: impl Fn(&T) -> Result<(), Stop> + Sync) -> Result<(), Stop> {
    let check = &check;
    thread::scope(|scope| {
        let begun: Vec<_> = all.iter().map(|one| scope.spawn(move || check(one))).collect();
        let ended =
            begun.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        // All of them are waited for.
        ended.collect::<Vec<_>>().into_iter().collect()
    })
}

/// A run without a fault keeps its promise: it completes, nothing is damaged, and nothing is lost, repeated or out of order
/// that may not be.
pub(super) fn keeps(outcome: &Outcome, promise: Promise) -> Result<(), Stop> {
    kept(&outcome.ending, &outcome.audit, promise)
}

fn kept(ending: &Ending, audit: &Audit, promise: Promise) -> Result<(), Stop> {
    // Messages of different keys or shards may overtake each other where the order of each is promised.
    let late = match promise.order {
        Order::None => 0,
        Order::PerKey | Order::PerShard => audit.out_of_order,
        Order::PerProducer => audit.reordered,
    };
    let broken = [
        (*ending != Ending::Completed, "it did not complete"),
        (audit.sent == 0, "nothing was sent"),
        (audit.corrupted > 0, "messages were damaged"),
        (promise.is_lossless() && audit.lost > 0, "messages were lost"),
        (!promise.may_duplicate() && audit.duplicated > 0, "messages came twice"),
        (late > 0, "messages came out of order"),
        (audit.refused.unwrap_or(0) > 0, "messages were refused"),
        (promise.is_lossless() && audit.unconfirmed.unwrap_or(0) > 0, "messages were not confirmed"),
    ];
    match broken.into_iter().find(|(is_broken, _)| *is_broken) {
        None => Ok(()),
        Some((_, what)) => fails(format!("{what}: ended {ending}, {audit}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::promise::Delivery;

    #[test]
    fn one_that_fails_is_told_when_all_have_ended() {
        let ended = AtomicU32::new(0);
        let check = |fails_with: &Option<&str>| {
            ended.fetch_add(1, Ordering::Relaxed);
            fails_with.map_or(Ok(()), fails)
        };
        each(&[None, None], check).unwrap();
        let Err(Stop::Fails(why)) = each(&[None, Some("second"), Some("third")], check) else { panic!() };
        assert_eq!((why.as_str(), ended.into_inner()), ("second", 5));
    }

    #[test]
    fn what_breaks_a_promise_is_told() {
        let sound = Audit { sent: 10, expected: 10, unique: 10, delivered: 10, ..Audit::default() };
        let strict = Promise::IN_MEMORY;
        let loose = Promise { delivery: Delivery::AtMostOnce, order: Order::None, ..strict };
        kept(&Ending::Completed, &sound, strict).unwrap();
        assert!(kept(&Ending::Interrupted, &sound, loose).is_err());
        for (audit, is_allowed) in [
            (Audit { lost: 1, ..sound }, true),
            (Audit { duplicated: 1, ..sound }, false),
            (Audit { reordered: 1, ..sound }, true),
            (Audit { unconfirmed: Some(1), ..sound }, true),
            (Audit { corrupted: 1, ..sound }, false),
            (Audit { refused: Some(1), ..sound }, false),
            (Audit::default(), false),
        ] {
            assert!(kept(&Ending::Completed, &audit, strict).is_err(), "{audit:?}");
            assert_eq!(kept(&Ending::Completed, &audit, loose).is_ok(), is_allowed, "{audit:?}");
        }
        let by_key = Promise { order: Order::PerKey, ..strict };
        let overtaken = Audit { reordered: 1, ..sound };
        kept(&Ending::Completed, &overtaken, by_key).unwrap();
        assert!(kept(&Ending::Completed, &Audit { out_of_order: 1, ..overtaken }, by_key).is_err());
    }
}
