//! Measures two sides in pairs, looks at them now and then, and stops when they are decided.
//!
//! Each trial is a fresh process of a fresh copy of its program: an identical copy can be slower in every trial because of its place
//! in memory, and so no side has one copy for all trials. Within a pair the order is drawn anew, and both sides have the same seed.
//! Does not live here: what is to be measured (`job`), when to look and to stop, what disturbs a pair, and the verdict (`drumpost_results::compare`).

use super::{
    begun::empty,
    budget::Spent,
    copies::Copied,
    job::Job,
    patience::patience,
    plans::{limits, plan, recorded_margins, recorded_plan},
    print, rows,
    sequence::{ROLES, Sequence, label},
    side::Side,
    told,
};
use crate::{
    Exit,
    args::CompareArgs,
    exit::usage,
    interrupt::Interrupt,
    live::{Events, Live},
    output,
    run::{
        child::{self, Answer, Order},
        execute::trial_seed,
        trial::{Place, not_opened},
    },
    saver::Saver,
    show::load,
};
use drumpost_core::{
    clock::{Clock, Now},
    drive::wake_latency::WakeLatency,
    registry::Registry,
    transport::OpenError,
};
use drumpost_results::{
    compare::{Comparison, Cut, Options, Repeating, Stop, compare_sides, disturbed},
    model::{Record, Role, Run, Status, Trial},
    rows::of_heads,
    units,
    verdict::Thresholds,
};
use std::{sync::mpsc::channel, time::Duration};

/// Pairs that may fail before it ends: what fails three times does so for a reason that more pairs do not mend.
const FAILURES: u32 = 3;

/// Measures both sides, saves, prints.
pub(super) fn compare(
    registry: &Registry,
    args: &CompareArgs,
    [base, head]: [&Side; 2],
    interrupted: &Interrupt,
) -> anyhow::Result<Exit> {
    let replayed = args.sides.replay.as_deref().map(|path| load(path).map(|record| (record, path)));
    let replayed = replayed.transpose()?;
    let (rows, asserts) = match &replayed {
        Some((record, path)) => {
            let asserts = args.asserts.over_record(record, args.tolerate_machine)?;
            (rows::of_record(registry, record, path, [base, head])?, asserts)
        }
        None => rows::rows(registry, args, base, head)?,
    };
    let plan = match &replayed {
        Some((record, path)) => recorded_plan(record, path)?,
        None => plan(args, rows.len())?,
    };
    let limits = limits(args, &rows, replayed.as_ref().map(|(record, _)| record))?;
    let mut record = empty(args, &rows, [base, head], &plan, &limits)?;
    if let Some(compared) = &mut record.comparison {
        asserts.record(compared);
        if let Some((replayed, _)) = &replayed {
            compared.margins = recorded_margins(replayed, &args.margin);
        }
    }
    asserts.check_rows(&of_heads(&record))?;
    let sequence = match &replayed {
        Some((record, path)) => Sequence::of(record, path)?,
        None => Sequence::drawn(rows.len(), plan.looks()[0]),
    };
    let mut live = Live::open(&args.live, &told::about(&record))?;
    let mut saver = Saver::sparing(args.sides.out.as_deref(), &record)?;
    let is_document = saver.takes_stdout();
    if is_document && args.form.has_document() {
        return Err(usage(
            "--out -: the record is printed, so nothing else can be: leave --json, --markdown and --html - out",
        ));
    }
    let events = live.begin();
    told::begins(&events, &record, &plan);
    let job =
        Job { events: Some(&events), ..Job::new(&rows, [base, head], &plan, &limits, args, interrupted) };
    let mut measuring = Measuring::new(job, record, sequence);
    let ended = measuring.run(&mut keeping(&mut saver, &limits));
    let Measuring { mut record, .. } = measuring;
    told::ends(events);
    record.judge(&limits);
    let saved = saver.finish(&record);
    live.end();
    if let Some(path) = &saved.path {
        output::note_saved(path, &format!(" (`drumpost compare {}` shows this again)", path.display()));
    }
    let comparison = match ended {
        Ok(comparison) => comparison,
        // What there is tells why a build is red, so it goes where the answer would have gone.
        Err(error) => {
            output::complain(&format!("{error:#}"));
            compare_sides(&record, &plan.options(&Options::default()))?
        }
    };
    // A failure to save ends it here: what was to be printed can be printed again from the record.
    saved.outcome?;
    print(&comparison, [&record, &record], args, &asserts, is_document)
}

/// Saves what there is after a round, as often as that is cheap. A record that a killed process leaves is judged by its limits, too.
pub(super) fn keeping<'a>(saver: &'a mut Saver, limits: &'a Thresholds) -> impl FnMut(&mut Record) + 'a {
    move |record| {
        if saver.is_due() {
            record.judge(limits);
            saver.keep(record);
        }
    }
}

/// A comparison that is being measured.
pub(super) struct Measuring<'a> {
    job: Job<'a>,
    sequence: Sequence,
    repeating: Repeating,
    clock: Clock,
    /// Pairs of single rows that are in the record.
    kept: usize,
    /// Pairs that failed.
    failures: u32,
    position: u32,
    /// How late threads wake up on this host, for the trials of a round. It is measured anew for each round, so that a disturbance in the
    /// milliseconds that this takes does not decide how all loads wait.
    wakes_late_ns: Option<[u64; 2]>,
    /// What was measured so far.
    pub record: Record,
}

impl<'a> Measuring<'a> {
    pub(super) fn new(job: Job<'a>, record: Record, sequence: Sequence) -> Self {
        let repeating = Repeating::default();
        let (clock, wakes_late_ns) = (Clock::start(), None);
        Self { job, sequence, repeating, clock, kept: 0, failures: 0, position: 0, wakes_late_ns, record }
    }

    fn spent(&self) -> Spent {
        let (within_ns, elapsed_ns) = (self.job.within_ns, self.clock.now_ns());
        Spent { within_ns, elapsed_ns, pairs: self.kept + self.repeating.so_far().total() }
    }

    /// Whether there is time to repeat the pair that was measured last.
    fn has_time_to_repeat(&self) -> bool {
        let spent = self.spent();
        let first_look = self.job.plan.looks()[0] * self.job.rows.len();
        Spent { pairs: spent.pairs + 1, ..spent }.may_repeat(first_look.saturating_sub(self.kept))
    }

    /// Runs pairs until the plan says that it is enough. `keep` has the record after each round but the last.
    ///
    /// # Errors
    /// A trial of one side failed several times, or when the time was over.
    pub(super) fn run(&mut self, keep: &mut dyn FnMut(&mut Record)) -> anyhow::Result<Comparison> {
        let mut pairs = 0;
        let stop = loop {
            if let Err(error) = self.round(pairs as u32) {
                output::progress("");
                self.record.partial =
                    Some(format!("a trial failed {}, after {}", self.failed_times(), in_words(pairs)));
                self.note_end(Cut::FAILED);
                return Err(error);
            }
            if self.job.interrupted.is_set() {
                self.record.partial = Some(self.interrupted(pairs));
                break None;
            }
            pairs += 1;
            let has_more = !self.sequence.is_over(pairs as u32);
            let spent = self.spent();
            let is_time_over = !spent.has_time_for(self.job.rows.len());
            self.say(pairs, spent.elapsed_ns);
            if is_time_over || !has_more || self.job.plan.is_look(pairs) {
                let comparison = self.judged()?;
                let stop = self.job.plan.end(pairs, &comparison, is_time_over, has_more);
                if stop.is_some() {
                    break stop;
                }
            }
            self.record.partial =
                Some(format!("saved after {}, before the others were run", in_words(pairs)));
            self.note_repeats();
            keep(&mut self.record);
        };
        output::progress("");
        self.ended(stop)
    }

    /// Why it is not complete. Where no pair is in the record, a reader is told what the time went into.
    fn interrupted(&self, pairs: usize) -> String {
        let after = format!("interrupted after {}", in_words(pairs));
        match self.repeating.so_far().total() as u64 {
            set_aside @ 1.. if self.kept == 0 => {
                let pairs = units::counted(set_aside, "measured pair was", "measured pairs were");
                let them = if set_aside == 1 { "it" } else { "them" };
                format!("{after}; {pairs} not used, because the machine disturbed {them}")
            }
            _ => after,
        }
    }

    fn ended(&mut self, stop: Option<Stop>) -> anyhow::Result<Comparison> {
        if stop.is_some() {
            self.record.partial = None;
        }
        self.note_end(stop.map_or(Cut::INTERRUPTED, Stop::words));
        self.judged()
    }

    fn note_end(&mut self, why: &str) {
        self.note_repeats();
        if let Some(compared) = &mut self.record.comparison {
            compared.stopped = why.to_owned();
        }
    }

    fn note_repeats(&mut self) {
        if let Some(compared) = &mut self.record.comparison {
            self.repeating.so_far().record(compared);
        }
    }

    /// Judges the runs by the limits of this comparison, at each look anew, and then compares the sides. What is printed now and what
    /// `compare RECORD` says later therefore agree.
    fn judged(&mut self) -> anyhow::Result<Comparison> {
        self.record.judge(self.job.limits);
        compare_sides(&self.record, &self.job.options).map_err(|error| anyhow::anyhow!("{error}"))
    }

    fn say(&self, pairs: usize, elapsed_ns: u64) {
        let next = self.job.plan.look_after(pairs).unwrap_or(pairs);
        let text = format!("{pairs} of {next} pairs until the next look, {}", units::duration(elapsed_ns));
        if output::remarks_to_terminal() {
            output::progress(&text);
        } else if pairs.is_multiple_of(10) {
            output::remark(&text);
        }
    }

    /// A pair of every row, in the order of the sequence.
    pub(super) fn round(&mut self, number: u32) -> anyhow::Result<()> {
        self.wakes_late_ns = Order::late_ns(WakeLatency::measure());
        for row in self.sequence.rows(number) {
            let mut is_again = false;
            loop {
                let trials = self.pair(row, number);
                if self.job.interrupted.is_set() {
                    return Ok(());
                }
                let until = self.job.plan.look_after(number as usize).unwrap_or(number as usize);
                let seen: Vec<&Trial> = trials.iter().map(|(_, trial)| trial).collect();
                // A trial that failed says something of its side, and is not repeated away.
                let is_sound = seen.iter().all(|trial| trial.status == Status::Ok);
                let cause = disturbed(&seen, self.job.limits).map(|it| it.cause);
                // Where there is no time for a repeat, what was measured is kept as it is, and counted.
                let wanted = if self.has_time_to_repeat() { until * self.job.rows.len() } else { 0 };
                if is_sound && self.repeating.is_repeated(cause, is_again, wanted) {
                    is_again = true;
                    continue;
                }
                self.keep(row, trials)?;
                break;
            }
        }
        Ok(())
    }

    /// Adds the trials of a pair to the record.
    fn keep(&mut self, row: usize, trials: Vec<(Role, Trial)>) -> anyhow::Result<()> {
        let failed = trials.iter().find(|(_, trial)| trial.status != Status::Ok);
        let why = failed.map(|(role, trial)| (*role, trial.error.clone().unwrap_or_default()));
        for (role, trial) in trials {
            let label = label(role, &self.job.rows[row].name);
            if let Some(pairing) = &mut self.record.pairing {
                pairing.order.push((label, trial.number));
            }
            self.record.runs[place(row, role)].trials.push(trial);
        }
        self.kept += 1;
        let Some((role, why)) = why else { return Ok(()) };
        self.failures += 1;
        let is_time_over = self.spent().left() == Some(Duration::ZERO);
        if self.failures < FAILURES && !is_time_over {
            return Ok(());
        }
        let name = &self.job.rows[row].name;
        anyhow::bail!("{} of {name} failed {}: {why}", role.told(), self.failed_times())
    }

    fn failed_times(&self) -> String {
        match self.failures {
            1 => "when the time was over".to_owned(),
            times => format!("{times} times"),
        }
    }

    /// The trials of one pair of a row: both sides, and the control until it has as many pairs as the first look. A trial that fails is
    /// the last, because the pair then tells nothing.
    fn pair(&mut self, row: usize, number: u32) -> Vec<(Role, Trial)> {
        let mut trials = Vec::new();
        for role in self.sequence.roles(row, number) {
            let trial = self.trial(row, role, number);
            let is_failed = trial.status != Status::Ok;
            trials.push((role, trial));
            if is_failed || self.job.interrupted.is_set() {
                break;
            }
        }
        trials
    }

    fn trial(&mut self, row: usize, role: Role, number: u32) -> Trial {
        let [base, head] = self.job.sides;
        let of = &self.job.rows[row];
        let (side, fields) = if role == Role::Head { (head, &of.head) } else { (base, &of.base) };
        let nobody = Events::new(channel().0, false);
        let events = self.job.events.unwrap_or(&nobody);
        let (seed, position) = (trial_seed(self.record.seed, number), self.position);
        self.position += 1;
        let order = Order {
            spec: fields.clone(),
            dispatch: place(row, role),
            number,
            position,
            seed,
            floor_ns: None,
            adds_up: events.adds_up(),
            wakes_late_ns: self.wakes_late_ns,
        };
        let place_of = Place { number, position, seed };
        let at = place(row, role);
        told::trial_begins(events, at, number);
        let asked = Copied::of(side.program.path()).and_then(|copy| {
            // The copy stays until the trial has ended: if it is a script, its interpreter opens it after it was started.
            let patience = patience(self.spent().left(), of);
            child::ask(copy.path(), &order, patience, events, self.job.interrupted)
        });
        let trial = match asked {
            Ok(Answer { mut run, tool_version, environment, give_up: _ }) => {
                // A program of another version answers, and which trial this is was not for it to say.
                let trial = Trial { number, position, seed, ..run.trials.swap_remove(0) };
                let own = &mut self.record.runs[at];
                if own.side.as_ref().is_some_and(|side| side.tool_version.is_empty()) {
                    // What was set and promised, and what built it, only the program of the side knows.
                    let side = own.side.take().map(|side| side.told(tool_version, &environment));
                    let trials = std::mem::take(&mut own.trials);
                    *own = Run { trials, verdict: None, side, ..run };
                }
                trial
            }
            Err(why) => {
                let trial = not_opened(place_of, &OpenError::Failed(why));
                // The trials of a pair that is cut off are in no record, so nothing else says that its process had to be killed.
                if let Some(why) = trial.error.as_deref().filter(|why| child::tells_of_no_answer(why)) {
                    output::progress("");
                    output::remark(&format!("{} of {}: {why}", role.word(), of.name));
                }
                trial
            }
        };
        told::trial_ends(events, &self.record, at, &trial);
        trial
    }
}

fn in_words(pairs: usize) -> String {
    units::counted(pairs as u64, "pair", "pairs")
}

/// The place of a run in the record, row by row in the order of [`ROLES`].
fn place(row: usize, role: Role) -> usize {
    row * ROLES.len() + role as usize
}
