//! `drumpost compare --prove`: comparisons whose answers are known, on this machine. Sides that are equal, and a head whose handlers
//! spend a share of what a message costs. Both have handlers that can spend time, the base's spend none, so that nothing but the cost is different. So whoever relies on the verdicts sees how often they are wrong here.

use super::{
    begun::empty,
    build,
    copies::{self, Copied},
    pairs::{Job, Measuring, keeping},
    plans::{limits, plan},
    rows::{self, Row},
    sequence::Sequence,
    side,
};
use crate::{
    Exit,
    args::{CompareArgs, SideArg},
    environment,
    exit::usage,
    interrupt::Interrupt,
    output,
    saver::Saver,
};
use drumpost_core::{
    clock::{Clock, Now},
    registry::Registry,
};
use drumpost_results::{
    compare::{Case, Injected, Proof, ProofRow, Said},
    model::{Record, Role, Run, Status},
    report,
    stats::{self, Derived},
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

/// Pairs that are measured to learn what a message costs, and again to learn what a cost comes to.
const LEARNED_FROM: usize = 12;

/// The cost that is put in to learn what a cost comes to: clearly more than such pairs scatter.
const LEARNED_BY: f64 = 0.2;

/// What is learned of a row before costs are put in.
#[derive(Debug, Clone, Copy)]
struct Learned {
    /// What a message costs, in ns of CPU time.
    message_ns: f64,
    /// What a cost comes to, as a multiple of what was put in: less than 1 where the processor overlaps it with other work.
    comes_to: f64,
}

/// Runs as many comparisons of each kind as are asked for, in random order, and prints what they found.
pub(super) fn prove(
    registry: &Registry,
    args: &CompareArgs,
    comparisons: u32,
    interrupted: &Interrupt,
) -> anyhow::Result<Exit> {
    let how = build::How::of(args, interrupted);
    copies::remove_left();
    // The base may be any side; the head is the base with a cost.
    let own: SideArg = "flags:".parse().map_err(usage)?;
    let base = side::prepare(args.sides.base.as_ref().unwrap_or(&own), registry, &how)?;
    let (rows, asserts) = rows::rows(registry, args, &base, &base)?;
    let rows: Vec<Row> = rows.iter().map(without_cost).collect();
    if !asserts.assertions.is_empty() || asserts.fail_on.is_some() {
        output::remark("note: --prove counts verdicts, so the goals of the suite's file are left out");
    }
    let plan = plan(args, rows.len())?;
    let limits = limits(args, &rows, None)?;
    let job = Job::new(&rows, [&base, &base], &plan, &limits, args, interrupted);
    let empty = || empty(args, &rows, [&base, &base], &plan, &limits);
    let Some(learned) = learn(&job, empty()?, empty()?)? else { return Ok(Exit::Interrupted) };
    let mut proof = Proof {
        rows: learned
            .iter()
            .zip(&rows)
            .map(|(learned, row)| ProofRow { name: row.name.clone(), message_ns: learned.message_ns })
            .collect(),
        pairs: args.sides.pairs(),
        cases: args.sides.inject.iter().map(|cost| Case { injected: *cost, said: Vec::new() }).collect(),
        partial: None,
    };
    let mut random = StdRng::seed_from_u64(environment::random_seed());
    for number in 0..comparisons {
        let mut order: Vec<usize> = (0..proof.cases.len()).collect();
        order.shuffle(&mut random);
        for case in order {
            let injected = proof.cases[case].injected;
            output::remark(&format!("comparison {} of {comparisons}: {}", number + 1, injected.words()));
            let costly: Vec<Row> =
                rows.iter().zip(&learned).map(|(row, learned)| with_cost(row, injected, *learned)).collect();
            let said = match timed(Job { rows: &costly, ..job.clone() }, empty()?) {
                Ok(said) => said,
                Err(error) => {
                    proof.partial = Some(format!("comparison {} of {comparisons} failed", number + 1));
                    print(&proof, args)?;
                    return Err(error);
                }
            };
            if interrupted.is_set() {
                proof.partial = Some(format!("interrupted in comparison {} of {comparisons}", number + 1));
                print(&proof, args)?;
                return Ok(Exit::Interrupted);
            }
            proof.cases[case].said.push(said);
        }
    }
    print(&proof, args)?;
    Ok(Exit::Ok)
}

/// Measures a comparison in the order and with the seeds of any other, and saves its record as often, so that it takes as long. Its record is
/// removed, because nobody is to take it for one of a change.
fn timed(job: Job<'_>, record: Record) -> anyhow::Result<Said> {
    let place = Copied::place().map_err(anyhow::Error::msg)?;
    let mut saver = Saver::new(Some(place.path()), &record)?;
    let sequence = Sequence::drawn(job.rows.len(), job.plan.looks()[0]);
    let limits = job.limits;
    let mut measuring = Measuring::new(job, record, sequence);
    let clock = Clock::start();
    let comparison = measuring.run(&mut keeping(&mut saver, limits))?;
    saver.keep(&measuring.record);
    Ok(Said::of(&comparison, clock.now_ns() as f64 / 1e9))
}

fn print(proof: &Proof, args: &CompareArgs) -> anyhow::Result<()> {
    output::report(|| report::proof(proof), || report::proof_json(proof), &args.form)
}

/// What a message costs in each row, and what a cost comes to there, over some trials that count for nothing else. `None`: it was
/// interrupted.
fn learn(job: &Job<'_>, equal: Record, costly: Record) -> anyhow::Result<Option<Vec<Learned>>> {
    output::remark("measuring what a message costs, and what a cost comes to");
    let Some(equal) = some_rounds(job.clone(), equal)? else { return Ok(None) };
    let of_row = |row: &Row| {
        Ok(Learned { message_ns: message_ns(&equal, row, &[Role::Base, Role::Head])?, comes_to: 1.0 })
    };
    let learned = job.rows.iter().map(of_row).collect::<anyhow::Result<Vec<_>>>()?;
    let by = Injected::Share(LEARNED_BY);
    let rows: Vec<Row> =
        job.rows.iter().zip(&learned).map(|(row, learned)| with_cost(row, by, *learned)).collect();
    let Some(costly) = some_rounds(Job { rows: &rows, ..job.clone() }, costly)? else { return Ok(None) };
    let of_row = |(row, learned): (&Row, &Learned)| {
        let ratio = message_ns(&costly, row, &[Role::Head])? / message_ns(&costly, row, &[Role::Base])?;
        // A machine that is too busy to tell must not make a cost of nothing or a huge one.
        Ok(Learned { comes_to: ((ratio - 1.0) / LEARNED_BY).clamp(0.25, 4.0), ..*learned })
    };
    rows.iter().zip(&learned).map(of_row).collect::<anyhow::Result<Vec<_>>>().map(Some)
}

/// The record of some pairs of each row. `None`: it was interrupted.
fn some_rounds(job: Job<'_>, record: Record) -> anyhow::Result<Option<Record>> {
    let sequence = Sequence::drawn(job.rows.len(), 0);
    let interrupted = job.interrupted;
    let mut measuring = Measuring::new(job, record, sequence);
    for number in 0..LEARNED_FROM {
        measuring.round(number as u32)?;
        if interrupted.is_set() {
            return Ok(None);
        }
    }
    Ok(Some(measuring.record))
}

/// What a message costs in a row: CPU time in the median of some of its sides.
fn message_ns(record: &Record, row: &Row, roles: &[Role]) -> anyhow::Result<f64> {
    let is_ok = |run: &&Run| run.trials.iter().any(|trial| trial.status == Status::Ok);
    let is_asked =
        |run: &&Run| run.side.as_ref().is_some_and(|side| side.row == row.name && roles.contains(&side.role));
    let costs = record
        .runs
        .iter()
        .filter(is_asked)
        .filter(is_ok)
        .filter_map(|run| Derived::of(run).cpu_ns_per_message);
    stats::median(&costs.collect::<Vec<_>>()).ok_or_else(|| {
        usage(format!(
            "--prove: what a message costs is not known in the row `{}`, as in virtual time, or because no trial \
             was measured",
            row.name
        ))
    })
}

/// A row whose handlers can spend time and spend none, on either side.
fn without_cost(row: &Row) -> Row {
    let mut row = row.clone();
    for fields in [&mut row.base, &mut row.head] {
        fields.insert("work".into(), "0ns".into());
    }
    row
}

/// A row whose head has a cost, so much that it comes to what was asked for. The report has what it came to.
fn with_cost(row: &Row, injected: Injected, learned: Learned) -> Row {
    let Learned { message_ns, comes_to } = learned;
    let work = match injected {
        Injected::Nothing => return row.clone(),
        Injected::Share(share) => format!("{:.3}ns", message_ns * share / comes_to),
        // A processor overlaps a small cost of each message with other work, and not a large one of a few. Several services that hear a
        // message all spend it.
        Injected::Some { one_in, times } => {
            format!("{:.3}ns@1/{one_in}", message_ns * (times - 1.0) / comes_to.max(1.0))
        }
    };
    let mut costly = row.clone();
    costly.head.insert("work".into(), work.into());
    costly
}
