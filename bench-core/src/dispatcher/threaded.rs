//! Runs a transport on threads.

use super::{
    Dispatcher,
    checked::{Kind, on_threads},
    depth::Asking,
    gate::Gate,
    gather::{Gathering, Leaving, News, join, watch_lanes},
    guard::no_thread,
    lead_ns, opened,
    pauses::pause,
    refusal_of,
    tasked::kill,
};
use crate::{
    bell::Bell,
    clock::Clock,
    control::Control,
    drive::{
        ConnectedLane, Rings, TimeAway,
        crowd::{Board, Crowd},
        ledger::Terms,
        threads::{
            self,
            life::{Life, Lives},
        },
        wake_latency::{WakeLatency, ask_for_precise_sleeps},
    },
    lane::Lane,
    monitor::{Monitor, Watch},
    outcome::{Outage, Outcome},
    plan::{Conditions, Placement, TrialPlan, Wait, is_crowded},
    port::{PortError, RecvPort, SendPort},
    promise::{Asked, Promise},
    session::{Session, rings},
    transport::{AskDepth, Cleaned, Endpoint, Endpoints, OpenError, Queues, Reopen, Transport},
    wiring::Wiring,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

/// Runs a [`Transport`], opening it anew for each trial.
#[derive(Debug)]
pub struct Threaded<T>(pub T);

impl<T: Transport> Dispatcher for Threaded<T> {
    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        self.0.promise(listed, asked)
    }

    fn reopens(&self) -> bool {
        self.0.reopens().is_some()
    }

    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        let reopens = self.0.reopens();
        plan.conditions.check(reopens.is_some(), T::Recv::REJECTS && T::Recv::TELLS_ATTEMPTS)?;
        check(plan)?;
        let opened = self.0.open(&plan.wiring_to_open()).and_then(|endpoints| {
            opened::check_all(&plan.wiring, &endpoints)?;
            Ok(endpoints)
        });
        let ran = opened.map(|endpoints| {
            watch.opened(self.0.server().as_ref());
            let depth = self.0.asks_depth(&plan.wiring);
            if plan.conditions.checks_ports {
                let kind = Kind { confirms: T::Send::CONFIRMS, acknowledges: T::Recv::ACKNOWLEDGES };
                return run_checked(plan, on_threads::any(endpoints), kind, depth, watch);
            }
            run(plan, endpoints, T::QUEUES, Beside { reopens, depth }, watch)
        });
        if let Ok(outcome) = &ran {
            watch.measured(outcome);
        }
        let closed = self.0.close();
        let mut outcome = ran?;
        outcome.notes.extend(closed.err());
        Ok(outcome)
    }

    fn refusal(&mut self, wiring: &Wiring) -> Option<String> {
        let refusal = refusal_of(self.0.open(wiring));
        let _ = self.0.close();
        refusal
    }

    fn clean(&mut self) -> Result<Option<Cleaned>, OpenError> {
        self.0.clean()
    }
}

const LOOKS_AROUND: &str = "each thread looks into the inboxes of all its instances in turn, which takes most of its time, because the transport does not \
     say (Transport::QUEUES) that a message is in its inbox when `offer` returns";

/// What a transport does while its lanes run, apart from its ports.
struct Beside<S, R> {
    reopens: Option<Reopen<S, R>>,
    depth: Option<AskDepth>,
}

fn run<S: SendPort + 'static, R: RecvPort + 'static>(
    plan: &TrialPlan,
    endpoints: Endpoints<S, R>,
    queues: Queues,
    Beside { reopens, depth }: Beside<S, R>,
    watch: &mut dyn Watch,
) -> Outcome {
    // Measured here the first time, not when the first lane waits.
    WakeLatency::of_host();
    let threads = plan.placement.threads(usize::from(plan.wiring.instance_count()));
    // The driver of very many lanes neither kills lanes nor brings them back.
    let Conditions { kill, pause, reconnect, backlog, .. } = &plan.conditions;
    let all_stay = kill.is_none() && pause.is_none() && reconnect.is_none() && backlog.is_none();
    if all_stay && is_crowded(plan) && queues != Queues::Elsewhere {
        return run_crowds(plan, endpoints, threads, queues, watch);
    }
    let looks_around = all_stay && is_crowded(plan);
    let Session { lanes, monitor, control } = Session::new(plan, lead_ns(plan));
    let wiring = Arc::new(plan.wiring_to_open());
    let bells: Vec<Arc<Bell>> = (0..threads).map(|_| Arc::new(Bell::default())).collect();
    bells.iter().for_each(|bell| control.add_bell(Arc::clone(bell)));
    let by_lane: Vec<Arc<Bell>> = (0..lanes.len()).map(|lane| Arc::clone(&bells[lane % threads])).collect();
    // A message that goes over a socket is not in an inbox yet when it is sent.
    let has_socket =
        |endpoint: &Endpoint<S, R>| endpoint.inbox.as_ref().is_some_and(|inbox| inbox.socket().is_some());
    let are_rung = plan.wait == Wait::Park && !endpoints.iter().any(has_socket);
    let rings = rings(&plan.wiring, &by_lane, are_rung);
    let group = |bell| {
        let (lanes, lives) = (Vec::new(), Lives::default());
        Group { lanes, lives, wait: plan.wait, settle: plan.drain_deadline, bell }
    };
    let mut groups: Vec<Group<S, R>> = bells.into_iter().map(group).collect();
    for (at, ((lane, endpoint), rings)) in lanes.into_iter().zip(endpoints).zip(rings).enumerate() {
        let life = life(plan, &wiring, lane.id(), reopens.as_ref(), &control);
        life.into_iter().for_each(|life| groups[at % threads].lives.add(life));
        let never_sleeps = matches!(plan.wait, Wait::Spin | Wait::Yield);
        let rings = if never_sleeps { Rings::default() } else { rings };
        let terms = Terms::of(plan, lane.id());
        groups[at % threads].lanes.push(ConnectedLane::new(lane, endpoint, rings, terms));
    }
    let monitor = monitor.with_told(S::CONFIRMS, R::TELLS_ATTEMPTS);
    let asking = Asking::start(depth, &control, plan.sample_every);
    let mut outcome = run_on_threads(groups, plan.drain_deadline, &control, monitor, watch);
    asking.end();
    if looks_around {
        outcome.notes.push(LOOKS_AROUND.into());
    }
    outcome
}

/// As [`run`], over ports that check what the transport's ports return.
fn run_checked(
    plan: &TrialPlan,
    endpoints: on_threads::AnyEndpoints,
    kind: Kind,
    depth: Option<AskDepth>,
    watch: &mut dyn Watch,
) -> Outcome {
    fn with<const C: bool, const A: bool>(
        plan: &TrialPlan,
        endpoints: on_threads::AnyEndpoints,
        depth: Option<AskDepth>,
        watch: &mut dyn Watch,
    ) -> Outcome {
        let endpoints = on_threads::checked::<C, A>(endpoints);
        run(plan, endpoints, Queues::Elsewhere, Beside { reopens: None, depth }, watch)
    }
    match (kind.confirms, kind.acknowledges) {
        (false, false) => with::<false, false>(plan, endpoints, depth, watch),
        (false, true) => with::<false, true>(plan, endpoints, depth, watch),
        (true, false) => with::<true, false>(plan, endpoints, depth, watch),
        (true, true) => with::<true, true>(plan, endpoints, depth, watch),
    }
}

/// What is to happen to a lane in the middle of the trial; `None`: nothing.
fn life<S: 'static, R: 'static>(
    plan: &TrialPlan,
    wiring: &Arc<Wiring>,
    lane: u16,
    reopens: Option<&Reopen<S, R>>,
    control: &Arc<Control>,
) -> Option<Life<S, R>> {
    let (kill, pause, is_absent) = (kill(plan, lane), pause(plan, lane), plan.is_absent(lane));
    if kill.is_none() && pause.is_none() && plan.conditions.reconnect.is_none() && !is_absent {
        return None;
    }
    let (reopens, wiring) = (reopens.cloned(), Arc::clone(wiring));
    let (absent, lost) = (is_absent.then(|| Arc::clone(control)), Arc::clone(&control.lost));
    let (control, begins_ns) = (Arc::clone(control), lead_ns(plan));
    let note = Arc::new(move |TimeAway { cause, since_ns, away_ns, until_end }: TimeAway| {
        let (instance, at_ns) = (control.blame.instance(lane).to_owned(), since_ns.saturating_sub(begins_ns));
        control.note_outage(Outage { instance, cause, at_ns, away_ns, until_end });
    });
    let open = Arc::new(move || match &reopens {
        Some(reopens) => opened::checked(&wiring, lane, reopens(&wiring, lane)?),
        // A lane that is only paused keeps its ports.
        None => Err(OpenError::Refused("this transport does not open the ports of an instance again".into())),
    });
    Some(Life { lane, absent, kill, pause, reconnect: plan.conditions.reconnect, open, note, lost })
}

/// Runs a trial of which each thread has many lanes.
fn run_crowds<S: SendPort + 'static, R: RecvPort + 'static>(
    plan: &TrialPlan,
    endpoints: Endpoints<S, R>,
    threads: usize,
    queues: Queues,
    watch: &mut dyn Watch,
) -> Outcome {
    let (Session { lanes, monitor, control }, histograms) = Session::crowded(plan, lead_ns(plan), threads);
    let sleeps = !matches!(plan.wait, Wait::Spin | Wait::Yield);
    let credit = monitor.credit();
    let board = Arc::new(Board::new(&plan.wiring, threads, credit, sleeps, queues));
    board.bells().for_each(|bell| control.add_bell(Arc::clone(bell)));
    let crowd = |(thread, histograms)| Crowd::new(plan, &board, thread, histograms);
    let mut crowds: Vec<Crowd<S, R>> = histograms.into_iter().enumerate().map(crowd).collect();
    for (lane, endpoint) in lanes.into_iter().zip(endpoints) {
        let (at, service) = (usize::from(lane.id()) % threads, plan.wiring.service_of(lane.id()));
        let terms = Terms::of(plan, lane.id());
        crowds[at].add(ConnectedLane::new(lane, endpoint, Rings::default(), terms), service);
    }
    let monitor = monitor.with_told(S::CONFIRMS, R::TELLS_ATTEMPTS);
    run_on_threads(crowds, plan.drain_deadline, &control, monitor, watch)
}

fn parts<S, R>(connected: ConnectedLane<S, R>) -> (Lane, Endpoint<S, R>) {
    let (lane, endpoint, _) = connected.into_parts();
    (lane, endpoint)
}

impl<S: SendPort + 'static, R: RecvPort + 'static> OnThread for Crowd<S, R> {
    type Ports = Vec<Endpoint<S, R>>;

    fn drive(&mut self, clock: &Clock) -> Result<(), (u16, PortError)> {
        Self::drive(self, clock)
    }

    fn finish(&mut self, clock: &Clock) -> Result<(), (u16, PortError)> {
        Self::finish(self, clock)
    }

    fn lanes(&self) -> Vec<u16> {
        Self::lanes(self)
    }

    fn into_parts(self) -> (Vec<Lane>, Self::Ports) {
        self.into_lanes().into_iter().map(parts).unzip()
    }
}

/// Lanes that share a thread.
pub trait OnThread: Send + 'static {
    /// The ports of the lanes.
    type Ports: Send;

    /// Runs them on the calling thread until they are done, by the run's `clock`.
    ///
    /// # Errors
    /// The first failure of a port, with the lane it belongs to.
    fn drive(&mut self, clock: &Clock) -> Result<(), (u16, PortError)>;

    /// Waits, at most as long as the drain deadline, until the transport has confirmed what the lanes sent, and has what they sent and
    /// acknowledged. Called once, when a run ended well.
    ///
    /// # Errors
    /// As `drive`.
    fn finish(&mut self, _clock: &Clock) -> Result<(), (u16, PortError)> {
        Ok(())
    }

    /// Their numbers.
    fn lanes(&self) -> Vec<u16>;

    /// The lanes, and apart from them their ports, which may take time to drop.
    fn into_parts(self) -> (Vec<Lane>, Self::Ports);
}

struct Group<S, R> {
    lanes: Vec<ConnectedLane<S, R>>,
    lives: Lives<S, R>,
    wait: Wait,
    settle: Duration,
    bell: Arc<Bell>,
}

impl<S: SendPort + 'static, R: RecvPort + 'static> OnThread for Group<S, R> {
    type Ports = Vec<Endpoint<S, R>>;

    fn drive(&mut self, clock: &Clock) -> Result<(), (u16, PortError)> {
        if self.lives.is_empty() {
            return threads::drive(&mut self.lanes, clock, self.wait, &self.bell);
        }
        threads::live(&mut self.lanes, &mut self.lives, clock, self.wait, &self.bell)
    }

    fn finish(&mut self, clock: &Clock) -> Result<(), (u16, PortError)> {
        threads::finish(&mut self.lanes, clock, self.settle)
    }

    fn lanes(&self) -> Vec<u16> {
        self.lanes.iter().map(|connected| connected.lane.id()).collect()
    }

    fn into_parts(self) -> (Vec<Lane>, Self::Ports) {
        self.lanes.into_iter().map(parts).unzip()
    }
}

/// Runs each of `groups` on a thread once all threads are there, looks after them from the calling one, and merges the outcome. A port that fails, a
/// panic, a thread that cannot be had and one that does not return end the run and are told in the outcome. Lanes may take
/// `settle` to finish.
pub fn run_on_threads<G: OnThread>(
    groups: Vec<G>,
    settle: Duration,
    control: &Arc<Control>,
    monitor: Monitor,
    watch: &mut dyn Watch,
) -> Outcome {
    let (mut monitor, gate) = (monitor.with_cost(), Arc::new(Gate::default()));
    let (tell, news) = channel();
    let (mut threads, mut members, mut releases) = (Vec::new(), Vec::new(), Vec::new());
    for group in groups {
        let (release, released) = channel::<()>();
        let lanes = group.lanes();
        let leaving = Leaving { at: members.len(), news: tell.clone() };
        let (own, gate) = (Arc::clone(control), Arc::clone(&gate));
        let run = move || run_group(group, &gate, &own, leaving, &released);
        match thread::Builder::new().spawn(run) {
            Ok(thread) => {
                threads.push(thread);
                members.push(lanes);
                releases.push(release);
            }
            Err(error) => {
                control.fail(no_thread(&control.blame.instances(&lanes), &error));
                // The group was dropped with the thread's closure, so its place among the members tells that it is gone.
                members.push(lanes);
                break;
            }
        }
    }
    drop(tell);
    let clock = gate.open(threads.len(), || control.failure().is_some() || watch.is_interrupted());
    watch_lanes(&mut monitor, &clock, control, watch);
    let settle = if control.failure().is_some() { Duration::ZERO } else { settle };
    // Ports are dropped when all lanes are back, so that none sees another's closed.
    let gathered = Gathering { control, news, members }.gather(settle, watch, || drop(releases));
    join(threads, watch);
    gathered.finish(monitor)
}

/// The body of a thread that runs lanes.
fn run_group(
    mut group: impl OnThread,
    gate: &Gate,
    control: &Control,
    leaving: Leaving,
    released: &Receiver<()>,
) {
    ask_for_precise_sleeps();
    let clock = gate.pass();
    let ids = group.lanes();
    let drive = AssertUnwindSafe(|| {
        group.drive(&clock)?;
        if control.failure().is_some() { Ok(()) } else { group.finish(&clock) }
    });
    match catch_unwind(drive) {
        Ok(Ok(())) => {}
        Ok(Err((lane, error))) => control.fail(control.blame.port_failed(lane, &error)),
        Err(panic) => control.fail(control.blame.panicked(&ids, &*panic)),
    }
    let (lanes, ports) = group.into_parts();
    let _ = leaving.news.send(News::Back(leaving.at, lanes));
    // Ends when the other side is dropped.
    let _ = released.recv();
    control.blame.dropping(&ids);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(ports))) {
        control.fail(control.blame.panicked(&ids, &*panic));
    }
}

/// Refuses plans that threads cannot run.
fn check(plan: &TrialPlan) -> Result<(), OpenError> {
    if plan.wait == Wait::Native && plan.placement != Placement::Each {
        return Err(OpenError::Refused(
            "--wait native sleeps in the port of one lane, so each lane needs a thread of its own: add --placement each"
                .into(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
