//! Measures two sides in pairs, looks at them now and then, and stops when they are decided.
//!
//! Each trial is a fresh process of a fresh copy of its program: an identical copy can be slower in every trial because of its place
//! in memory, and so no side has one copy for all trials. Within a pair the order is random, and both sides have the same seed.
//! Does not live here: when to look and to stop, what disturbs a pair, and the verdict (`drumpost_results::compare`).

use super::{
    build,
    copies::{self, Copied},
    print,
    rows::{self, Row},
    sequence::{ROLES, Sequence, label},
    side::{self, Side},
};
use crate::{
    Exit,
    args::{CompareArgs, SideArg},
    environment,
    exit::usage,
    interrupt::Interrupt,
    output,
    run::{
        child::{self, Answer, Order},
        execute::trial_seed,
        trial::{Place, not_opened},
    },
    saver::Saver,
    show::load,
    spec::RunSpec,
};
use drumpost_core::{
    clock::{Clock, Now, as_ns},
    registry::Registry,
    transport::OpenError,
};
use drumpost_results::{
    compare::{
        Cause, Comparison, GATES_AT_MOST, Next, Options, Plan, Repeats, Stop, compare_sides, disturbed,
    },
    model::{Compared, ComparedRow, Pairing, Record, Role, Run, Side as SideOfRun, Status, Trial},
    rows::of_heads,
    units,
    verdict::Thresholds,
};
use serde_json::Value;
use std::{fs, path::Path, sync::mpsc::channel};

/// Trials that may fail before it ends: what fails three times does so for a reason that more pairs do not mend.
const FAILURES: u32 = 3;

/// Builds both sides, measures, saves, prints.
pub(super) fn compare(
    registry: &Registry,
    args: &CompareArgs,
    base: &SideArg,
    head: &SideArg,
) -> anyhow::Result<Exit> {
    let how = build::How::of(args);
    copies::remove_left();
    let (base, head) = (side::prepare(base, registry, &how)?, side::prepare(head, registry, &how)?);
    let replayed = args.sides.replay.as_deref().map(|path| load(path).map(|record| (record, path)));
    let replayed = replayed.transpose()?;
    let rows = match &replayed {
        Some((record, path)) => rows::of_record(record, path, [&base, &head])?,
        None => rows::rows(registry, args, &base, &head)?,
    };
    let plan = match &replayed {
        Some((record, path)) => recorded_plan(record, path)?,
        None => plan(args, rows.len())?,
    };
    let limits = args.thresholds.resolve()?;
    let record = empty(args, &rows, [&base, &head], &plan, &limits)?;
    args.asserts.check_rows(&of_heads(&record))?;
    let sequence = match &replayed {
        Some((record, path)) => Sequence::of(record, path)?,
        None => Sequence::random(record.seed, rows.len(), plan.looks()[0]),
    };
    let mut saver = Saver::new(args.sides.out.as_deref(), &record)?;
    let is_document = saver.takes_stdout();
    if is_document && args.form.has_document() {
        return Err(usage(
            "--out -: the record is printed, so nothing else can be: leave --json, --markdown and --html - out",
        ));
    }
    let interrupted = Interrupt::listen();
    let job = Job::new(&rows, [&base, &head], &plan, &limits, args, &interrupted);
    let mut measuring = Measuring::new(job, record, sequence);
    let ended = measuring.run(&mut |record| {
        if saver.is_due() {
            saver.keep(record);
        }
    });
    let Measuring { mut record, failures, .. } = measuring;
    record.judge(&limits);
    let saved = saver.finish(&record);
    if let (Some(path), false) = (&saved.path, is_document) {
        let path = path.display();
        output::remark(&format!("saved in {path}; `drumpost compare {path}` shows this again"));
    }
    // A failure to save comes first: what was to be printed can be printed again from the record.
    let done = saved.outcome.and(ended).and_then(|comparison| print(&comparison, &record, args, is_document));
    match done {
        Err(error) if interrupted.is_set() => {
            output::complain(&format!("{error:#}"));
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(error),
        Ok(_) if interrupted.is_set() => Ok(Exit::Interrupted),
        Ok(_) if failures > 0 => Ok(Exit::Failed),
        Ok(end) => Ok(end),
    }
}

/// The plan of looks for the pairs that are asked for.
pub(super) fn plan(args: &CompareArgs, rows: usize) -> anyhow::Result<Plan> {
    Plan::new(args.sides.pairs as usize, rows * GATES_AT_MOST, &Options::default())
        .map_err(|error| usage(format!("--pairs {}: {error}", args.sides.pairs)))
}

fn recorded_plan(record: &Record, path: &Path) -> anyhow::Result<Plan> {
    let looks = record.comparison.as_ref().map_or(&[][..], |compared| &compared.looks);
    let is_upwards = looks.windows(2).all(|pair| pair[0] < pair[1]);
    let plan =
        Plan::recorded(looks).filter(|_| is_upwards && looks.iter().all(|look| (1..=10_000).contains(look)));
    plan.ok_or_else(|| usage(format!("--replay {}: its looks cannot be meant", path.display())))
}

/// The record to be, without trials.
pub(super) fn empty(
    args: &CompareArgs,
    rows: &[Row],
    [base, head]: [&Side; 2],
    plan: &Plan,
    limits: &Thresholds,
) -> anyhow::Result<Record> {
    let started = environment::date();
    let first = rows.first().ok_or_else(|| usage("there is nothing to measure"))?;
    let seed = RunSpec::from_document(first.base.clone()).map(|spec| *spec.load.seed).map_err(usage)?;
    let run = |row: &Row, role: Role| {
        let (side, fields) = match role {
            Role::Head => (head, &row.head),
            Role::Base | Role::Control => (base, &row.base),
        };
        let dispatch = fields.get("dispatch").and_then(|list| list.get(0)).and_then(Value::as_str);
        Run {
            scenario: row.scenario.clone(),
            dispatch: dispatch.unwrap_or_default().to_owned(),
            side: Some(SideOfRun {
                role,
                row: row.name.clone(),
                name: side.name.clone(),
                revision: side.revision.clone(),
                tool_version: String::new(),
            }),
            ..Run::default()
        }
    };
    let compared = |row: &Row| ComparedRow {
        name: row.name.clone(),
        spec: Value::Object(crate::secrets::hide_in(row.base.clone())),
        head_spec: (row.base != row.head).then(|| Value::Object(crate::secrets::hide_in(row.head.clone()))),
    };
    let id = format!("compare-{}-{:04x}", environment::compact(&started), environment::nonce());
    Ok(Record {
        tool_version: env!("CARGO_PKG_VERSION").into(),
        started_at: Some(started),
        command: environment::command_line(&args.command),
        seed,
        environment: environment::facts(false),
        thresholds: limits.to_settings(),
        pairing: Some(Pairing { id: id.clone(), order: Vec::new() }),
        runs: rows.iter().flat_map(|row| ROLES.map(|role| run(row, role))).collect(),
        comparison: Some(Compared {
            base: base.name.clone(),
            head: head.name.clone(),
            rows: rows.iter().map(compared).collect(),
            looks: plan.looks().iter().map(|pairs| *pairs as u32).collect(),
            ..Compared::default()
        }),
        id,
        ..Record::default()
    })
}

/// What is to be compared.
#[derive(Clone)]
pub(super) struct Job<'a> {
    pub rows: &'a [Row],
    /// Base and head.
    pub sides: [&'a Side; 2],
    pub plan: &'a Plan,
    /// Those of the plan.
    pub options: Options,
    pub limits: &'a Thresholds,
    /// Stop when this time is over.
    pub within_ns: Option<u64>,
    pub interrupted: &'a Interrupt,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        rows: &'a [Row],
        sides: [&'a Side; 2],
        plan: &'a Plan,
        limits: &'a Thresholds,
        args: &CompareArgs,
        interrupted: &'a Interrupt,
    ) -> Self {
        let within_ns = args.sides.within.as_ref().map(|time| as_ns(time.0));
        let options = plan.options(&Options::default());
        Self { rows, sides, plan, options, limits, within_ns, interrupted }
    }
}

/// A comparison that is being measured.
pub(super) struct Measuring<'a> {
    job: Job<'a>,
    sequence: Sequence,
    repeats: Repeats,
    /// Trials that failed.
    pub failures: u32,
    position: u32,
    /// What was measured so far.
    pub record: Record,
}

impl<'a> Measuring<'a> {
    pub(super) fn new(job: Job<'a>, record: Record, sequence: Sequence) -> Self {
        Self { job, sequence, repeats: Repeats::default(), failures: 0, position: 0, record }
    }

    /// Runs pairs until the plan says that it is enough. `keep` has the record after each round but the last.
    ///
    /// # Errors
    /// A trial of one side failed several times.
    pub(super) fn run(&mut self, keep: &mut dyn FnMut(&Record)) -> anyhow::Result<Comparison> {
        let clock = Clock::start();
        let mut pairs = 0;
        let stop = loop {
            if let Err(error) = self.round(pairs as u32) {
                output::progress("");
                self.record.partial = Some(format!("a trial failed {FAILURES} times, after {pairs} pairs"));
                self.note_end("failed");
                return Err(error);
            }
            if self.job.interrupted.is_set() {
                self.record.partial = Some(format!("interrupted after {pairs} pairs"));
                break None;
            }
            pairs += 1;
            if self.sequence.is_over(pairs as u32) {
                break Some(Stop::LastLook);
            }
            let elapsed_ns = clock.now_ns();
            // The mean of all rounds so far: both sides are in it alike.
            let is_time_over =
                self.job.within_ns.is_some_and(|most| elapsed_ns + elapsed_ns / pairs as u64 > most);
            self.say(pairs, elapsed_ns);
            if is_time_over || self.job.plan.is_look(pairs) {
                let comparison = self.judged()?;
                if let Next::Stop(stop) = self.job.plan.after(pairs, &comparison, is_time_over) {
                    break Some(stop);
                }
            }
            self.record.partial = Some(format!("saved after {pairs} pairs, before the others were run"));
            keep(&self.record);
        };
        output::progress("");
        self.ended(stop)
    }

    fn ended(&mut self, stop: Option<Stop>) -> anyhow::Result<Comparison> {
        if stop.is_some() {
            self.record.partial = None;
        }
        self.note_end(stop.map_or("interrupted", Stop::words));
        let mut comparison = self.judged()?;
        comparison.notes.extend(self.repeats.sentence());
        Ok(comparison)
    }

    fn note_end(&mut self, why: &str) {
        let repeated = Cause::ALL.map(|cause| (cause.words().to_owned(), self.repeats.of(cause) as u32));
        if let Some(compared) = &mut self.record.comparison {
            compared.stopped = why.to_owned();
            compared.repeated = repeated.into_iter().filter(|(_, count)| *count > 0).collect();
        }
    }

    fn judged(&self) -> anyhow::Result<Comparison> {
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

    /// A pair of every row, in random order.
    pub(super) fn round(&mut self, number: u32) -> anyhow::Result<()> {
        for row in self.sequence.rows(number) {
            loop {
                let trials = self.pair(row, number);
                if self.job.interrupted.is_set() {
                    return Ok(());
                }
                let until = self.job.plan.look_after(number as usize).unwrap_or(number as usize);
                let seen: Vec<&Trial> = trials.iter().map(|(_, trial)| trial).collect();
                // A trial that failed says something of its side, and is not repeated away.
                let is_sound = seen.iter().all(|trial| trial.status == Status::Ok);
                let cause = disturbed(&seen, self.job.limits).filter(|_| is_sound);
                if cause.is_some_and(|it| self.repeats.may_repeat(it.cause, until * self.job.rows.len())) {
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
        let Some((role, why)) = why else { return Ok(()) };
        self.failures += 1;
        if self.failures < FAILURES {
            return Ok(());
        }
        anyhow::bail!("{} of {} failed {FAILURES} times: {why}", role.word(), self.job.rows[row].name)
    }

    /// The trials of one pair of a row: both sides, and the control until it has as many pairs as the first look.
    fn pair(&mut self, row: usize, number: u32) -> Vec<(Role, Trial)> {
        let mut trials = Vec::new();
        for role in self.sequence.roles(row, number) {
            let trial = self.trial(row, role, number);
            trials.push((role, trial));
            if self.job.interrupted.is_set() {
                break;
            }
        }
        trials
    }

    fn trial(&mut self, row: usize, role: Role, number: u32) -> Trial {
        let [base, head] = self.job.sides;
        let of = &self.job.rows[row];
        let (side, fields) = if role == Role::Head { (head, &of.head) } else { (base, &of.base) };
        let (seed, position) = (trial_seed(self.record.seed, number), self.position);
        self.position += 1;
        let order = Order { spec: fields.clone(), dispatch: 0, number, position, seed, floor_ns: None };
        let place_of = Place { number, position, seed };
        let (events, _seen) = channel();
        let asked = Copied::of(side.program.path()).and_then(|copy| {
            // Once it runs, its file is not needed any more.
            let begun = |path: &Path| drop(fs::remove_file(path));
            child::ask(copy.path(), begun, &order, of.drain, &events, self.job.interrupted)
        });
        match asked {
            Ok(Answer { mut run, tool_version, give_up: _ }) => {
                let trial = run.trials.swap_remove(0);
                let own = &mut self.record.runs[place(row, role)];
                if own.side.as_ref().is_some_and(|side| side.tool_version.is_empty()) {
                    // What was set and promised only the program of the side knows.
                    let side = own.side.take().map(|side| SideOfRun { tool_version, ..side });
                    let trials = std::mem::take(&mut own.trials);
                    *own = Run { trials, verdict: None, side, ..run };
                }
                trial
            }
            Err(why) => not_opened(place_of, &OpenError::Failed(why)),
        }
    }
}

/// The place of a run in the record, row by row in the order of [`ROLES`].
fn place(row: usize, role: Role) -> usize {
    row * ROLES.len() + role as usize
}
