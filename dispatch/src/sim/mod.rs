//! `sim`: a simulated target. The lanes and handlers of the program run against stations whose answer is known, in
//! virtual time or on a real clock. In virtual time a run is the same to the byte. On a real clock it tests the pacing.

mod absent;
mod confirms;
pub mod spec;
mod station;

use absent::Absence;
use confirms::{Confirms, Telling};
use drumpost_core::{
    clock::{Clock, Now, VirtualClock},
    dispatcher::{Dispatcher, Threaded},
    drive::{ConnectedLane, Rings, ledger::Terms, virtual_time},
    lane::Lane,
    message::Message,
    monitor::Watch,
    options::{Grammar, OptionEntry, Values},
    outcome::Outcome,
    plan::{Conditions, Placement, TrialPlan, Wait},
    port::{Confirmed, Inbox, PortError, RecvPort, SendPort, Told},
    registry::{Asked, Order, Promise, RunsOn, TransportEntry},
    scenario::Intent,
    session::Session,
    transport::{Endpoint, OpenError, Transport},
    wiring::{Destination, Wiring},
};
use spec::{SimClock, SimSpec};
use station::Station;
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The option that `--sim` sets.
static OPTIONS: [OptionEntry; 1] = [OptionEntry::optional(
    "sim",
    Grammar::Form { form: "KEY=VALUE,...", check },
    "behaviour of the simulated target, as for --sim",
)
.or_else("service=fixed:1us")
.unfair()];

fn check(text: &str) -> Result<(), String> {
    text.parse::<SimSpec>().map(drop).map_err(|error| error.to_string())
}

/// The entry for the registry.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "sim",
        summary: "a simulated target: service times, servers, stalls and faults by rule, in virtual or real time",
        runs_on: RunsOn::Simulation,
        // The simulated queue of a service takes what is sent to it while its instances are absent.
        promise: Promise { stores: true, ..Promise::IN_MEMORY },
        options: &OPTIONS,
        make: |options| Ok(Box::new(make(options)?)),
        ..TransportEntry::IN_MEMORY
    }
}

fn make(options: &Values) -> Result<Sim, String> {
    let spec = options.text("sim").unwrap_or_default();
    let spec = spec.parse().map_err(|error: spec::SpecError| error.to_string())?;
    Ok(Sim { spec, seed: options.seed() })
}

/// The dispatcher.
#[derive(Clone, Copy, Debug)]
pub struct Sim {
    /// The behaviour of the target.
    pub spec: SimSpec,
    /// Seed of its service times.
    pub seed: u64,
}

impl Dispatcher for Sim {
    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        let realised = || asked.guarantee.unwrap_or(listed.delivery);
        let delivery = self.spec.delivery.unwrap_or_else(realised);
        Promise { delivery, order: self.spec.order, ..listed }.when(asked)
    }

    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        // Only the target knows when a message is served, so its receivers sleep in their ports.
        let real = || TrialPlan { placement: Placement::Each, wait: Wait::Native, ..plan.clone() };
        match (self.spec.clock, self.spec.confirm.is_some()) {
            (SimClock::Virtual, false) => self.run_virtual::<false>(plan, watch),
            (SimClock::Virtual, true) => self.run_virtual::<true>(plan, watch),
            (SimClock::Real, false) => {
                Threaded(Target::<_, false>::new(*self, Clock::start())).run(&real(), watch)
            }
            (SimClock::Real, true) => {
                Threaded(Target::<_, true>::new(*self, Clock::start())).run(&real(), watch)
            }
        }
    }
}

impl Sim {
    fn run_virtual<const CONFIRMS: bool>(
        self,
        plan: &TrialPlan,
        watch: &mut dyn Watch,
    ) -> Result<Outcome, OpenError> {
        if plan.conditions.kill.is_some() {
            return Err(OpenError::Refused(
                "sim does not support --kill: a simulated consumer cannot be killed".into(),
            ));
        }
        // A simulated service can be absent, which is checked below.
        Conditions { backlog: None, ..plan.conditions.clone() }.check(false, false)?;
        let clock = VirtualClock::default();
        let mut target = Target::<_, CONFIRMS>::new(self, clock.clone());
        let stations = target.stations(&plan.wiring);
        let absence = Absence::of(plan, &stations)?;
        let endpoints = target.endpoints(&plan.wiring, &stations);
        let Session { lanes, monitor, control } = Session::new(plan, 0);
        let mut monitor = monitor.with_told(CONFIRMS, false);
        let connected = |(lane, endpoint): (Lane, Endpoint<_, _>)| {
            let terms = Terms::of(plan, lane.id());
            ConnectedLane::new(lane, endpoint, Rings::default(), terms)
        };
        let mut lanes: Vec<_> = lanes.into_iter().zip(endpoints).map(connected).collect();
        let tellings = target.tellings;
        let next_event_ns = || {
            let now_ns = clock.now_ns();
            let served = stations.iter().filter_map(|shared| shared.next_event_ns(now_ns));
            let told = tellings.iter().filter_map(|telling| Some(lock(telling).front()?.0));
            served.chain(told.filter(|at_ns| *at_ns > now_ns)).min()
        };
        let driven = catch_unwind(AssertUnwindSafe(|| {
            let look = |now_ns| {
                let next_ns = monitor.poll(now_ns, &mut *watch);
                let has_joined = absence.as_ref().is_some_and(|absence| absence.ends(plan, &control, now_ns));
                // What is served from now on was not known when the next event was asked for.
                if has_joined { now_ns } else { next_ns }
            };
            virtual_time::drive(&mut lanes, &clock, plan.drain_deadline, next_event_ns, look)
        }));
        match driven {
            Ok(Ok(())) => {}
            Ok(Err((lane, error))) => {
                control.fail(format!("{}: {error}", plan.wiring.instance_name(lane)));
            }
            Err(panic) => {
                let lanes: Vec<u16> = (0..plan.wiring.instance_count()).collect();
                control.fail(control.blame.panicked(&lanes, &*panic));
            }
        }
        Ok(monitor.finish(lanes.into_iter().map(|connected| connected.into_parts().0).collect()))
    }
}

/// What stands in front of one receiving service: a station for what it is told or hears, and for each of its instances
/// the replies, which take no time.
#[derive(Debug)]
struct Shared {
    station: Mutex<Station>,
    replies: Vec<Mutex<VecDeque<Message>>>,
    first: u16,
}

impl Shared {
    fn next_event_ns(&self, now_ns: u64) -> Option<u64> {
        lock(&self.station).next_event_ns(now_ns)
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The target as a transport, on either clock. Whether it confirms is part of its type, as it is of any transport's.
#[derive(Debug)]
struct Target<C, const CONFIRMS: bool> {
    sim: Sim,
    clock: C,
    /// What the send ports will be told.
    tellings: Vec<Telling>,
}

impl<C: Now + Clone + Send, const CONFIRMS: bool> Target<C, CONFIRMS> {
    const fn new(sim: Sim, clock: C) -> Self {
        Self { sim, clock, tellings: Vec::new() }
    }

    fn stations(&self, wiring: &Wiring) -> Vec<Arc<Shared>> {
        let station = |(index, service): (usize, &drumpost_core::wiring::WiredService)| {
            let seed = self.sim.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index as u64 + 1);
            Arc::new(Shared {
                station: Mutex::new(Station::new(self.sim.spec, seed, wiring.capacity)),
                replies: service.instances.clone().map(|_| Mutex::default()).collect(),
                first: service.instances.start,
            })
        };
        wiring.services.iter().enumerate().map(station).collect()
    }

    fn endpoints(
        &mut self,
        wiring: &Wiring,
        stations: &[Arc<Shared>],
    ) -> Vec<Endpoint<Sender<C, CONFIRMS>, Receiver<C>>> {
        let Self { sim, clock, tellings } = self;
        let mut send = |destination: &Destination| {
            let seed = sim.seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(tellings.len() as u64 + 1);
            let confirms = Confirms::new(sim.spec, seed);
            tellings.push(confirms.telling());
            Sender {
                to: destination.receivers.iter().map(|service| Arc::clone(&stations[*service])).collect(),
                is_reply: destination.intent == Intent::Reply,
                partly: 0,
                confirms,
                clock: clock.clone(),
            }
        };
        let endpoint = |instance: u16| {
            let service = wiring.service_of(instance);
            let receive = || Receiver {
                from: Arc::clone(&stations[service]),
                member: usize::from(instance - wiring.services[service].instances.start),
                buffer: Vec::with_capacity(wiring.batch),
                told: Vec::with_capacity(wiring.batch),
                tells_shards: sim.spec.order == Order::PerShard,
                looked_ns: 0,
                clock: clock.clone(),
            };
            let hears = wiring.heard_by(service).next().is_some();
            Endpoint { inbox: hears.then(receive), sends: wiring.sends_of(service).map(&mut send).collect() }
        };
        (0..wiring.instance_count()).map(endpoint).collect()
    }
}

impl<C: Now + Clone + Send + 'static, const CONFIRMS: bool> Transport for Target<C, CONFIRMS> {
    type Send = Sender<C, CONFIRMS>;
    type Recv = Receiver<C>;

    fn open(
        &mut self,
        wiring: &Wiring,
    ) -> Result<Vec<Endpoint<Sender<C, CONFIRMS>, Receiver<C>>>, OpenError> {
        let stations = self.stations(wiring);
        Ok(self.endpoints(wiring, &stations))
    }
}

/// Sends to the stations of all receiving services.
#[derive(Debug)]
struct Sender<C, const CONFIRMS: bool> {
    to: Vec<Arc<Shared>>,
    is_reply: bool,
    /// How many of `to` already have the first message that not all took.
    partly: usize,
    confirms: Confirms,
    clock: C,
}

impl<C: Now + Send, const CONFIRMS: bool> SendPort for Sender<C, CONFIRMS> {
    const CONFIRMS: bool = CONFIRMS;

    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        let now_ns = self.clock.now_ns();
        if !CONFIRMS {
            return self.pass_on(batch, now_ns);
        }
        for (taken, message) in batch.iter().enumerate() {
            let is_refused = self.confirms.refuses(message);
            if !is_refused && self.pass_on(std::slice::from_ref(message), now_ns)? == 0 {
                return Ok(taken);
            }
            self.confirms.take(is_refused, now_ns);
        }
        Ok(batch.len())
    }

    fn confirmed(&mut self, tell: &mut dyn FnMut(Confirmed)) -> Result<(), PortError> {
        self.confirms.tell(self.clock.now_ns(), tell);
        Ok(())
    }
}

impl<C, const CONFIRMS: bool> Sender<C, CONFIRMS> {
    /// Passes a prefix of `batch` on to the stations, and says how long it is.
    fn pass_on(&mut self, batch: &[Message], now_ns: u64) -> Result<usize, PortError> {
        if self.is_reply {
            for message in batch {
                let shared = &self.to[0];
                let queue = message
                    .reply_to()
                    .checked_sub(shared.first)
                    .and_then(|at| shared.replies.get(usize::from(at)));
                let queue = queue.ok_or_else(|| PortError::Failed("a reply to nobody who asked".into()))?;
                lock(queue).push_back(*message);
            }
            return Ok(batch.len());
        }
        if let [only] = &self.to[..] {
            return Ok(lock(&only.station).offer(batch, now_ns));
        }
        for (taken, message) in batch.iter().enumerate() {
            while self.partly < self.to.len() {
                if lock(&self.to[self.partly].station).offer(std::slice::from_ref(message), now_ns) == 0 {
                    return Ok(taken);
                }
                self.partly += 1;
            }
            self.partly = 0;
        }
        Ok(batch.len())
    }
}

/// Receives from the station of its service.
#[derive(Debug)]
struct Receiver<C> {
    from: Arc<Shared>,
    member: usize,
    buffer: Vec<Message>,
    /// The shard of each message in the buffer, where order is promised within shards.
    told: Vec<Told>,
    tells_shards: bool,
    /// When the station was last asked for what is served.
    looked_ns: u64,
    clock: C,
}

impl<C: Now> Receiver<C> {
    /// How long nothing is served for sure; zero shortly before something is, which is waited for awake.
    fn idle(&self) -> Duration {
        /// Arrivals and replies come without a signal, so it looks again after this long.
        const LOOK: Duration = Duration::from_micros(40);
        /// How late so short a sleep may end.
        const AWAKE: Duration = Duration::from_micros(60);
        // As of the last look, not of now: what was served in between is still to be handed over.
        let next_ns = lock(&self.from.station).next_event_ns(self.looked_ns).unwrap_or(u64::MAX);
        Duration::from_nanos(next_ns.saturating_sub(self.clock.now_ns())).saturating_sub(AWAKE).min(LOOK)
    }
}

impl<C: Now + Send> RecvPort for Receiver<C> {
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        self.buffer.clear();
        let mut replies = lock(&self.from.replies[self.member]);
        let len = max.min(replies.len());
        self.buffer.extend(replies.drain(..len));
        drop(replies);
        if from == Inbox::All {
            self.looked_ns = self.clock.now_ns();
            lock(&self.from.station).drain(max, self.looked_ns, &mut self.buffer);
        }
        if !self.buffer.is_empty() {
            self.told.clear();
            if self.tells_shards {
                self.told.extend(
                    self.buffer.iter().map(|message| Told { attempt: 0, shard: station::shard(message) }),
                );
            }
            on_batch(&self.buffer, &self.told);
        }
        Ok(self.buffer.len())
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), PortError> {
        let idle = self.idle().min(at_most);
        if idle.is_zero() {
            std::hint::spin_loop();
        } else {
            std::thread::sleep(idle);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::{Trial, pipe};
    use drumpost_core::scenario::Style;

    /// What becomes due between two readings of the clock is handed over at the next look, not after a sleep: half of
    /// all that found the server free came 43 µs late.
    #[test]
    fn a_receiver_does_not_sleep_over_what_became_due_since_it_looked() {
        let spec: SimSpec = "service=fixed:1ms".parse().unwrap();
        let clock = VirtualClock::default();
        let station = Mutex::new(Station::new(spec, 1, 8));
        let from = Arc::new(Shared { station, replies: vec![Mutex::default()], first: 0 });
        let mut receiver = Receiver {
            from: Arc::clone(&from),
            member: 0,
            buffer: Vec::new(),
            told: Vec::new(),
            tells_shards: false,
            looked_ns: 0,
            clock: clock.clone(),
        };
        let nothing_yet = receiver.idle();
        assert!(!nothing_yet.is_zero() && nothing_yet < Duration::from_micros(60), "{nothing_yet:?}");
        lock(&from.station).offer(&[Message::default()], 0);
        let idle_after = |receiver: &mut Receiver<_>, looked_ns, now_ns| {
            clock.advance_to(looked_ns);
            assert_eq!(receiver.drain(Inbox::All, 8, |_, _| {}).unwrap(), 0);
            clock.advance_to(now_ns);
            receiver.idle()
        };
        assert_eq!(idle_after(&mut receiver, 500_000, 500_100), nothing_yet, "far from the end of service");
        assert_eq!(idle_after(&mut receiver, 920_000, 920_100).as_nanos(), 19_900, "ends 60 µs before");
        assert!(idle_after(&mut receiver, 950_000, 950_100).is_zero(), "waits awake");
        assert!(idle_after(&mut receiver, 999_990, 1_000_010).is_zero(), "due since it looked");
        assert_eq!(receiver.drain(Inbox::All, 8, |_, _| {}).unwrap(), 1);
    }

    fn confirming(spec: &str) -> Sim {
        Sim { spec: spec.parse().unwrap(), seed: 1 }
    }

    #[test]
    fn confirms_are_counted_and_timed_exactly() {
        let sim = confirming("service=fixed:10us,confirm=fixed:3ms");
        let outcome = Trial { count: 2_000, ..Trial::default() }.run(sim, pipe(false));
        let audit = &outcome.audit;
        assert_eq!([audit.confirmed, audit.refused, audit.unconfirmed], [Some(2_000), Some(0), Some(0)]);
        let [confirms] = &outcome.confirms[..] else { panic!("{:?}", outcome.confirms) };
        assert_eq!((confirms.confirmed, confirms.refused, confirms.unconfirmed), (2_000, 0, 0));
        let times = &confirms.times;
        assert_eq!((times.count(), times.min_ns, times.max_ns), (2_000, 3_000_000, 3_000_000));
        let silent = Trial { count: 100, ..Trial::default() }.run(confirming(""), pipe(false));
        assert_eq!((silent.audit.confirmed, silent.confirms.len()), (None, 0), "it says nothing of confirms");
    }

    #[test]
    fn what_is_refused_is_told_and_not_expected() {
        for style in Style::ALL {
            let sim = confirming("service=fixed:10us,confirm=exp:1ms,refuse=1/20");
            let trial = Trial { style, count: 400, in_flight: 400, ..Trial::default() };
            let outcome = trial.try_run(sim, pipe(false)).unwrap();
            let audit = &outcome.audit;
            assert_eq!([audit.confirmed, audit.refused, audit.unconfirmed], [Some(380), Some(20), Some(0)]);
            assert_eq!(
                (audit.sent, audit.expected, audit.unique, audit.lost),
                (400, 380, 380, 0),
                "{audit:?}"
            );
            assert_eq!(
                (outcome.unfinished, outcome.drain_timed_out),
                (20, false),
                "it waits for none of them"
            );
        }
    }

    #[test]
    fn no_more_is_sent_than_the_confirm_window_has_room_for() {
        let sim = confirming("service=fixed:1us,confirm=fixed:10ms");
        let trial = Trial { count: 1_000, batch: 1, in_flight: 1_000, ..Trial::default() };
        let narrow = Trial { unconfirmed: 10, ..trial.clone() }.run(sim, pipe(false));
        // Ten messages every 10 ms.
        assert!((990_000_000..1_010_000_000).contains(&narrow.elapsed_ns), "{} ns", narrow.elapsed_ns);
        assert!(narrow.blocked_ns > 900_000_000, "{} ns", narrow.blocked_ns);
        assert_eq!(narrow.confirms[0].times.max_ns, 10_000_000);
        let wide = Trial { unconfirmed: 1_000, ..trial }.run(sim, pipe(false));
        assert!((wide.elapsed_ns, wide.blocked_ns) < (5_000_000, 1), "{} ns", wide.elapsed_ns);
    }

    #[test]
    fn what_is_not_confirmed_by_the_drain_deadline_is_unconfirmed() {
        // The deadline of these trials is two seconds.
        for (time, confirmed) in [("1s", 50), ("10s", 0)] {
            let sim = confirming(&format!("service=fixed:10us,confirm=fixed:{time}"));
            let outcome = Trial { count: 50, ..Trial::default() }.run(sim, pipe(false));
            let audit = &outcome.audit;
            assert_eq!(
                (audit.confirmed, audit.unconfirmed),
                (Some(confirmed), Some(50 - confirmed)),
                "{time}"
            );
            assert_eq!(outcome.confirms[0].times.count(), confirmed);
        }
    }

    #[test]
    fn a_refusal_that_nobody_is_told_of_makes_no_sense() {
        let error = "refuse=1/20".parse::<SimSpec>().unwrap_err().to_string();
        assert!(error.contains("needs confirm"), "{error}");
    }
}
