//! Makes the holds that the planner asks for, one dispatch after the other, each hold with a dispatcher of its own, and
//! prints a line for each.

use crate::{
    args::SearchArgs,
    exit::usage,
    interrupt::Interrupt,
    live::Events,
    output,
    run::{
        execute::{light, run_trial, trial_seed},
        floor,
        job::Job,
        trial::Place,
    },
    saver::Saver,
    spec::{Count, Length, LoadSpec},
};
use drumpost_core::registry::{Registry, transport_in};
use drumpost_results::{
    model::{
        Hygiene, Record, Run, Status, samples_needed,
        search::{End, Held, Phase, Searched},
    },
    report,
    search::{Ask, Host, Next, Plan, Planner, flows_for, flows_with_room, judge, knee_of},
    units,
    verdict::{self, Machine, Thresholds},
};
use drumpost_tui::{Event, Plan as Shown};
use std::time::Duration;

/// The first rate where no probe says better.
pub(super) const WITHOUT_A_PROBE_PER_S: f64 = 1_000.0;
/// Highest rate tried, as a multiple of the first.
const REACH: f64 = 4_096.0;
/// No load is asked for more.
const HIGHEST_PER_S: f64 = 1e9;
/// Lowest rate tried without `--from`, as a share of the first, if holds can be long enough for it.
const LEAST: f64 = 1.0 / 4_096.0;
/// The first rate is half of what the target can do. At this share of it the target is busy for less than a hundredth of
/// the time, so flows hardly meet and a lower rate would not be easier.
const IDLE: f64 = 1.0 / 64.0;
/// Stamps hold 78 hours.
const LONGEST: Duration = Duration::from_hours(70);
/// As long as a hold on a real clock becomes by itself.
const LONG: Duration = Duration::from_secs(20);
/// Time between two checks of a target that keeps state and collapsed.
const BETWEEN_CHECKS: Duration = Duration::from_secs(1);

/// A search under way.
pub(super) struct Holds<'a> {
    registry: &'a Registry,
    job: &'a Job,
    args: SearchArgs,
    interrupted: &'a Interrupt,
    saver: &'a mut Saver,
    events: Events,
    record: Record,
    floor_ns: Option<u64>,
    /// `--duration`.
    given: Duration,
    /// Holds so far, of all dispatches: their places in the order, from which their seeds come.
    made: u32,
}

impl<'a> Holds<'a> {
    pub(super) fn new(
        registry: &'a Registry,
        job: &'a Job,
        args: SearchArgs,
        record: Record,
        interrupted: &'a Interrupt,
        saver: &'a mut Saver,
        events: Events,
    ) -> Self {
        events.tell(Event::Started(Shown {
            scenario: job.scenario.name.to_owned(),
            load: format!("search for {}", args.slo),
            dispatches: job.targets.iter().map(|target| target.label.clone()).collect(),
            // How many holds it takes is not known.
            trials: 0,
            settings: job.settings_text.clone(),
        }));
        let floor_ns = if job.is_virtual { None } else { floor::measure_ns(registry) };
        let given =
            args.measured.run.spec.measure.duration.as_ref().map_or(Duration::from_secs(1), |asked| asked.0);
        Self { registry, job, args, interrupted, saver, events, record, floor_ns, given, made: 0 }
    }

    /// Searches all dispatches. What was held is in the record however it ends, an error included.
    pub(super) fn make(mut self) -> (Record, anyhow::Result<()>) {
        let mut left = Vec::new();
        let mut done = Ok(());
        for target in 0..self.job.targets.len() {
            if self.is_interrupted() {
                left.push(self.job.targets[target].label.as_str());
                continue;
            }
            done = self.search(target);
            if done.is_err() {
                break;
            }
        }
        self.record.partial = done.as_ref().err().map(|error| format!("{error:#}"));
        if self.is_interrupted() {
            let not =
                if left.is_empty() { String::new() } else { format!("; not searched: {}", left.join(", ")) };
            self.record.partial = Some(format!("interrupted after {} holds{not}", self.record.runs.len()));
        }
        self.events.tell(Event::Finished { note: String::new() });
        (self.record, done)
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.is_set()
    }

    fn search(&mut self, target: usize) -> anyhow::Result<()> {
        let label = self.job.targets[target].label.clone();
        output::remark_lines(&format!("\n{label}"));
        let probe_per_s = if self.args.from.is_some() { None } else { self.probe(target) };
        let start_per_s = self.args.from.or(probe_per_s.map(start)).unwrap_or(WITHOUT_A_PROBE_PER_S);
        let to_per_s = self.args.to.unwrap_or(start_per_s * REACH).min(HIGHEST_PER_S);
        let from_per_s = start_per_s.min(to_per_s);
        let (least_per_s, lower_might_keep) = self.least(from_per_s);
        let name = transport_in(&label);
        let mut planner = Planner::new(Plan {
            from_per_s,
            to_per_s,
            least_per_s,
            lower_might_keep,
            precision: self.args.precision,
            repeats: self.args.repeats,
            max_holds: self.args.max_holds,
            // In process every hold has a target of its own; a server outlives them.
            keeps_state: self.registry.transport(name).is_some_and(|entry| entry.needs_server),
        });
        let mut holds = Vec::new();
        loop {
            match planner.next() {
                Next::Done(_) => {
                    self.note(&label, probe_per_s, &holds, &planner);
                    return Ok(());
                }
                Next::Hold(_) if self.is_interrupted() => planner.stop(End::Interrupted),
                Next::Hold(ask) => {
                    let (held, line) = self.hold(target, ask, holds.len() + 1, &mut planner)?;
                    holds.push(held);
                    self.note(&label, probe_per_s, &holds, &planner);
                    self.keep();
                    // Told once it is saved: whoever reads that a hold is done will find it in the record.
                    output::remark(&line);
                }
            }
        }
    }

    /// Puts what is known of a dispatch into the record. The answer of a search under way is that of one that ends now.
    fn note(&mut self, label: &str, probe_per_s: Option<f64>, holds: &[Held], planner: &Planner) {
        let mut ended = planner.clone();
        if matches!(ended.next(), Next::Hold(_)) {
            ended.stop(End::Interrupted);
        }
        let Next::Done(answer) = ended.next() else { return };
        let knee_per_s = knee_of(holds, &self.record.runs);
        let (dispatch, holds) = (label.to_owned(), holds.to_vec());
        let searched = Searched { dispatch, probe_per_s, knee_per_s, holds, answer };
        let Some(search) = &mut self.record.search else { return };
        match search.dispatches.last_mut().filter(|last| last.dispatch == label) {
            Some(under_way) => *under_way = searched,
            None => search.dispatches.push(searched),
        }
    }

    /// Saves the holds made so far.
    fn keep(&mut self) {
        if self.saver.is_due() {
            let held = units::counted(self.record.runs.len() as u64, "hold is", "holds are");
            self.record.partial =
                Some(format!("{held} in this record, which was saved before the search ended"));
            self.saver.keep(&self.record);
        }
    }

    /// Flows a second of a short closed load, or of an open one at the highest rate allowed, as a closed load might exceed
    /// it; `None` if it came to nothing.
    fn probe(&mut self, target: usize) -> Option<f64> {
        /// In virtual time, by count: whatever a service takes, it costs the same.
        const FLOWS: u64 = 5_000;
        let count = self.job.is_virtual.then_some(FLOWS);
        let mut spec = self.args.measured.run.spec.clone();
        spec.measure.count = count.map(|count| Count(count).into());
        spec.measure.duration = count.is_none().then(|| Length(Duration::from_millis(500)).into());
        let asked = &self.args.measured.run.spec.load;
        // Everything that is for an open load alone is as it is by default.
        spec.load = LoadSpec {
            rate: self.args.to.map(Into::into),
            think: asked.think.clone(),
            payload: asked.payload.clone(),
            content: asked.content.clone(),
            headers: asked.headers.clone(),
            touch: asked.touch.clone(),
            keys: asked.keys.clone(),
            seed: asked.seed.clone(),
            ..LoadSpec::default()
        };
        let job = Job::new(self.registry, &spec);
        let run = self.run(&job.ok()?, target, "probe".into());
        let reached = run.trials.first()?.throughput_per_s().filter(|rate| *rate > 0.0)?;
        let load = self.args.to.map_or_else(
            || "a closed load".to_owned(),
            |to| format!("a load of {}, the highest rate allowed,", units::rate(to)),
        );
        let (reached_text, start) = (units::rate(reached), units::rate(start(reached)));
        output::remark(&format!(
            "probe    {load} reaches {reached_text}; the search starts at about half of that, {start}"
        ));
        Some(reached)
    }

    /// Holds a rate, judges it and tells the planner. Gives the line for the user, too.
    fn hold(
        &mut self,
        target: usize,
        ask: Ask,
        number: usize,
        planner: &mut Planner,
    ) -> anyhow::Result<(Held, String)> {
        let length = self.length(ask);
        if ask.phase == Phase::Recover {
            std::thread::sleep(BETWEEN_CHECKS);
        }
        if output::remarks_to_terminal() {
            let (rate, length) = (units::rate(ask.rate_per_s), units::duration(length.as_nanos() as u64));
            output::progress(&format!("{number:>2}  {:<7}  {rate} for {length} ...", ask.phase.word()));
        }
        let spec = &mut self.args.measured.run.spec;
        spec.load.rate = Some(ask.rate_per_s.into());
        spec.measure.duration = Some(Length(length).into());
        let job = Job::new(self.registry, spec)?;
        let (most, rate) = (self.args.max_holds, units::rate(ask.rate_per_s));
        let step = format!("hold {number} of at most {most}, {rate} ({})", ask.phase.word());
        let run = self.run(&job, target, step);
        self.check_confirms(&run)?;
        let host = run.trials.first().map_or_else(Host::default, |trial| host(trial.hygiene));
        let status = run.trials.first().map_or(Status::Failed, |trial| trial.status);
        let mut held = Held {
            run: self.record.runs.len(),
            rate_per_s: ask.rate_per_s,
            phase: ask.phase,
            judgement: None,
            reasons: Vec::new(),
            disturbance: None,
        };
        match status {
            Status::Ok => {
                let judged = judge(&run, &self.args.slo, ask.rate_per_s, host);
                planner.report(judged.outcome);
                held.judgement = Some(judged.outcome.judgement);
                (held.reasons, held.disturbance) = (judged.reasons, judged.disturbance);
            }
            Status::Interrupted => planner.stop(End::Interrupted),
            Status::Refused | Status::Failed => planner.stop(End::Broke),
        }
        if held.judgement.is_none() {
            held.reasons.extend(run.error().map(str::to_owned));
        }
        if output::remarks_to_terminal() {
            output::progress("");
        }
        let line = report::search_line(number, &held, &run, output::layout());
        self.record.runs.push(kept(run, &Machine::of(&job.record.environment), &job.thresholds));
        Ok((held, line))
    }

    /// Refuses a goal about confirms over a transport that confirms nothing: no rate would keep it, and none would miss it.
    fn check_confirms(&self, run: &Run) -> anyhow::Result<()> {
        let says_nothing = run.status() == Status::Ok && run.audit().confirmed.is_none();
        if self.args.slo.needs_confirms() && says_nothing {
            return Err(usage(format!(
                "--slo {}: {} confirms nothing to its senders, so it has no confirm time and refuses nothing; search over a \
                 transport that confirms, or leave confirm, refused and unconfirmed out of the goal",
                self.args.slo, run.dispatch
            )));
        }
        Ok(())
    }

    /// One trial over a dispatcher of its own.
    fn run(&mut self, job: &Job, target: usize, step: String) -> Run {
        let place = Place { number: self.made, position: self.made, seed: trial_seed(job.seed, self.made) };
        self.made += 1;
        let events = &self.events;
        let (dispatch, trial) = (target, place.number);
        events.tell(Event::TrialStarted { dispatch, trial });
        events.tell(Event::Step(step));
        let tried =
            run_trial(job, (target, &job.targets[target]), place, self.floor_ns, events, self.interrupted);
        events.tell_totals(target, &tried.trial);
        let (status, note) = light(&job.record, target, &tried.trial);
        events.tell(Event::TrialEnded { dispatch, trial, status, note });
        Run { trials: vec![tried.trial], ..job.record.runs[target].clone() }
    }

    /// The lowest rate tried: `--from`, or as far down as a hold has enough samples to tell. And whether lower rates would
    /// have to be tried before it could be said that none keeps the goal.
    fn least(&self, from_per_s: f64) -> (f64, bool) {
        if self.args.from.is_some() {
            return (from_per_s, false);
        }
        let longest = match (self.args.measured.is_length_given, self.job.is_virtual) {
            (true, _) => self.given,
            (false, true) => LONGEST,
            (false, false) => LONG,
        };
        let samples = self.args.slo.highest_quantile().map_or(1, samples_needed);
        let told_per_s = flows_with_room(samples) as f64 / longest.as_secs_f64();
        let least_per_s = (from_per_s * LEAST).max(told_per_s).min(from_per_s);
        (least_per_s, least_per_s > from_per_s * IDLE)
    }

    /// How long a rate is held: as long as was asked, else for as many flows as the goal's highest percentile needs.
    fn length(&self, ask: Ask) -> Duration {
        /// One standard error of the percentile, as a share of it, at the utilisation below.
        const ERROR: f64 = 0.04;
        const UTILISATION: f64 = 0.77;
        let quantile = self.args.slo.highest_quantile().unwrap_or(0.99);
        let of_flows = |flows: u64| {
            Duration::try_from_secs_f64(flows as f64 / ask.rate_per_s).unwrap_or(LONGEST).min(LONGEST)
        };
        let measured = &self.args.measured;
        let once = if measured.is_length_given {
            self.given
        } else if self.job.is_virtual {
            of_flows(flows_for(quantile, ERROR, UTILISATION))
        } else {
            of_flows(10 * samples_needed(quantile)).clamp(Duration::from_secs(1), LONG)
        };
        if ask.phase == Phase::Repeat { self.args.hold.unwrap_or(once * 2).min(LONGEST) } else { once }
    }
}

/// Disturbances by the machine during a hold, as shares.
fn host(beside: Hygiene) -> Host {
    let share = |part_ns: Option<u64>| {
        part_ns.zip(beside.cores_ns).map(|(part_ns, all_ns)| part_ns as f64 / all_ns.max(1) as f64)
    };
    Host {
        steal_share: share(beside.steal_ns),
        others_share: share(beside.others_ns),
        stopped: beside.stops.is_some_and(|stops| stops > 0),
    }
}

/// The part of a hold that the record keeps: all figures, the verdict and a coarser series, but no hop times, because no goal uses them.
fn kept(mut run: Run, machine: &Machine, limits: &Thresholds) -> Run {
    const POINTS: usize = 60;
    // From the series as it was measured.
    run.verdict = Some(verdict::judge(&run, machine, limits));
    for trial in &mut run.trials {
        trial.series = trial.series.thinned(POINTS);
        trial.hops.clear();
    }
    run
}

/// The rate to start from: half of what was reached, in two significant digits, as it is not to be read as exact.
fn start(reached_per_s: f64) -> f64 {
    let rate_per_s = reached_per_s / 2.0;
    let unit = 10f64.powf(rate_per_s.log10().floor() - 1.0);
    (rate_per_s / unit).round() * unit
}
