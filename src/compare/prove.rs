//! `drumpost compare --prove`: comparisons whose answers are known, on this machine. Sides that are equal, and a head whose handlers
//! spend a share of what a message costs. Both have handlers that can spend time, the base's spend none, so that nothing but the cost is different. So whoever relies on the verdicts sees how often they are wrong here.

use super::{
    begun::empty,
    build, copies,
    pairs::{Job, Measuring},
    plans::plan,
    rows::{self, Row},
    sequence::Sequence,
    side,
};
use crate::{
    Exit,
    args::{CompareArgs, SideArg},
    exit::usage,
    interrupt::Interrupt,
    output,
};
use drumpost_core::{
    clock::{Clock, Now},
    registry::Registry,
};
use drumpost_results::{
    compare::{Case, Injected, Proof, ProofRow, Said},
    model::{Record, Run, Status},
    report,
    stats::{self, Derived},
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

/// Pairs that are measured to learn what a message costs.
const LEARNED_FROM: usize = 12;

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
    let rows: Vec<Row> = rows::rows(registry, args, &base, &base)?.iter().map(without_cost).collect();
    let plan = plan(args, rows.len())?;
    let limits = args.thresholds.resolve()?;
    let job = Job::new(&rows, [&base, &base], &plan, &limits, args, interrupted);
    let empty = || empty(args, &rows, [&base, &base], &plan, &limits);
    let first = empty()?;
    let seed = first.seed;
    let Some(rows_ns) = learn(&job, first)? else { return Ok(Exit::Interrupted) };
    let mut proof = Proof {
        rows: rows_ns
            .iter()
            .zip(&rows)
            .map(|(ns, row)| ProofRow { name: row.name.clone(), message_ns: *ns })
            .collect(),
        pairs: args.sides.pairs as usize,
        cases: args.sides.inject.iter().map(|cost| Case { injected: *cost, said: Vec::new() }).collect(),
        partial: None,
    };
    let mut random = StdRng::seed_from_u64(seed ^ 0x7072_6f76_6521);
    for number in 0..comparisons {
        let mut order: Vec<usize> = (0..proof.cases.len()).collect();
        order.shuffle(&mut random);
        for case in order {
            let injected = proof.cases[case].injected;
            output::remark(&format!("comparison {} of {comparisons}: {}", number + 1, injected.words()));
            let costly: Vec<Row> =
                rows.iter().zip(&rows_ns).map(|(row, ns)| with_cost(row, injected, *ns)).collect();
            let mut record = empty()?;
            record.seed = seed.wrapping_add(u64::from(number) * 1_000 + case as u64);
            let sequence = Sequence::random(record.seed, rows.len(), plan.looks()[0]);
            let mut measuring = Measuring::new(Job { rows: &costly, ..job.clone() }, record, sequence);
            let clock = Clock::start();
            let comparison = match measuring.run(&mut |_| ()) {
                Ok(comparison) => comparison,
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
            proof.cases[case].said.push(Said::of(&comparison, clock.now_ns() as f64 / 1e9));
        }
    }
    print(&proof, args)?;
    Ok(Exit::Ok)
}

fn print(proof: &Proof, args: &CompareArgs) -> anyhow::Result<()> {
    output::report(|| report::proof(proof), || report::proof_json(proof), &args.form)
}

/// What a message costs in each row, in ns of CPU time, over some trials that count for nothing else. `None`: it was interrupted.
fn learn(job: &Job<'_>, record: Record) -> anyhow::Result<Option<Vec<f64>>> {
    output::remark("measuring what a message costs");
    let sequence = Sequence::random(record.seed, job.rows.len(), 0);
    let mut measuring = Measuring::new(job.clone(), record, sequence);
    for number in 0..LEARNED_FROM {
        measuring.round(number as u32)?;
        if job.interrupted.is_set() {
            return Ok(None);
        }
    }
    job.rows.iter().map(|row| message_ns(&measuring.record, row).map(Some)).collect()
}

/// What a message costs in a row: CPU time in the median of its sides, which are equal.
fn message_ns(record: &Record, row: &Row) -> anyhow::Result<f64> {
    let is_ok = |run: &&Run| run.trials.iter().any(|trial| trial.status == Status::Ok);
    let of_row = record.runs.iter().filter(|run| run.side.as_ref().is_some_and(|side| side.row == row.name));
    let costs = of_row.filter(is_ok).filter_map(|run| Derived::of(run).cpu_ns_per_message);
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

/// A row whose head has a cost. The cost is that of each message that is received: where several services hear a message, it comes to
/// more than was asked for. The report has what it came to.
fn with_cost(row: &Row, injected: Injected, message_ns: f64) -> Row {
    let work = match injected {
        Injected::Nothing => return row.clone(),
        Injected::Share(share) => format!("{:.3}ns", message_ns * share),
        Injected::Some { one_in, times } => format!("{:.3}ns@1/{one_in}", message_ns * (times - 1.0)),
    };
    let mut costly = row.clone();
    costly.head.insert("work".into(), work.into());
    costly
}
