//! `drumpost compare --prove`: comparisons whose answers are known, on this machine. Sides that are equal, and a head whose handlers
//! spend a share of what a message costs. Both have handlers that can spend time, the base's spend none, so that nothing but the cost is different. So whoever relies on the verdicts sees how often they are wrong here.

use super::{
    begun::empty,
    build,
    copies::{self, Copied},
    job::Job,
    learned::Learned,
    pairs::{Measuring, keeping},
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
    compare::{Case, Comparison, Metric, Proof, ProofRow, Said},
    model::Record,
    report,
    store::{self, Reader},
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

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
    let Some(mut learned) = Learned::of_rows(&job, empty()?, empty()?)? else { return Ok(Exit::Interrupted) };
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
    let all = comparisons as usize * proof.cases.len();
    let mut made = 0;
    let mut random = StdRng::seed_from_u64(environment::random_seed());
    for number in 0..comparisons {
        let mut order: Vec<usize> = (0..proof.cases.len()).collect();
        order.shuffle(&mut random);
        for case in order {
            let injected = proof.cases[case].injected;
            output::remark(&format!("comparison {} of {comparisons}: {}", number + 1, injected.words()));
            let costly: Vec<Row> =
                rows.iter().zip(&learned).map(|(row, learned)| learned.with_cost(row, injected)).collect();
            let (comparison, took_s) = match timed(Job { rows: &costly, ..job.clone() }, empty()?) {
                Ok(measured) => measured,
                Err(error) => {
                    proof.partial = Some(format!("comparison {} of {comparisons} failed", number + 1));
                    // Why it failed says more than why it could not be saved.
                    if let Err(unsaved) = print(&proof, args) {
                        output::complain(&format!("{unsaved:#}"));
                    }
                    return Err(error);
                }
            };
            if interrupted.is_set() {
                proof.partial = Some(format!("interrupted in comparison {} of {comparisons}", number + 1));
                print(&proof, args)?;
                return Ok(Exit::Interrupted);
            }
            for (learned, row) in learned.iter_mut().zip(&comparison.rows) {
                let cpu = row.gates.iter().find(|gate| gate.metric == Metric::CpuPerMessage);
                cpu.into_iter().for_each(|gate| learned.hear(injected, gate.ratio));
            }
            proof.cases[case].said.push(Said::of(&comparison, took_s));
            made += 1;
            keep(&mut proof, args, made, all);
        }
    }
    proof.partial = None;
    print(&proof, args)?;
    Ok(Exit::Ok)
}

/// Measures a comparison in the order and with the seeds of any other, and saves its record as often, so that it takes as long. Its record is
/// removed, because nobody is to take it for one of a change. Has the time that it took, in s.
fn timed(job: Job<'_>, record: Record) -> anyhow::Result<(Comparison, f64)> {
    let place = Copied::place().map_err(anyhow::Error::msg)?;
    let mut saver = Saver::sparing(Some(place.path()), &record)?;
    let sequence = Sequence::drawn(job.rows.len(), job.plan.looks()[0]);
    let limits = job.limits;
    let mut measuring = Measuring::new(job, record, sequence);
    let clock = Clock::start();
    let comparison = measuring.run(&mut keeping(&mut saver, limits))?;
    saver.keep(&measuring.record);
    Ok((comparison, clock.now_ns() as f64 / 1e9))
}

/// Saves what there is after a comparison, because a proof takes long and its process may be killed. A failure is told with the last
/// save, when its reason may have gone away. A pipe gets the last one alone.
fn keep(proof: &mut Proof, args: &CompareArgs, made: usize, all: usize) {
    proof.partial = Some(format!("saved after {made} of {all} comparisons, before the others were made"));
    if !args.sides.out.as_deref().is_some_and(store::is_stream) {
        let _ = save(proof, args);
    }
}

fn save(proof: &Proof, args: &CompareArgs) -> anyhow::Result<()> {
    match &args.sides.out {
        Some(path) => output::document(path, &report::proof_json(proof)?, Reader::Soon),
        None => Ok(()),
    }
}

/// Saves and prints it. What could not be saved is printed all the same.
fn print(proof: &Proof, args: &CompareArgs) -> anyhow::Result<()> {
    let saved = save(proof, args);
    output::report(|| report::proof(proof), || report::proof_json(proof), &args.form)?;
    saved
}

/// A row whose handlers can spend time and spend none, on either side.
fn without_cost(row: &Row) -> Row {
    let mut row = row.clone();
    for fields in [&mut row.base, &mut row.head] {
        fields.insert("work".into(), "0ns".into());
    }
    row
}
