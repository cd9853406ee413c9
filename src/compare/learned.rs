//! What `compare --prove` learns of a row: what a message costs there, and what a cost that is put in comes to. A processor overlaps a part of a
//! cost with other work, so more has to be put in than is to be seen. It is learned beforehand from a large cost, and then from each comparison.

use super::{job::Job, pairs::Measuring, rows::Row, sequence::Sequence};
use crate::{exit::usage, output};
use drumpost_results::{
    compare::Injected,
    model::{Record, Role, Run, Status},
    stats::{self, Derived},
};

/// Pairs that are measured to learn what a message costs, and again to learn what a cost comes to.
const LEARNED_FROM: usize = 12;

/// The cost that is put in to learn what a cost comes to: clearly more than such pairs scatter.
const LEARNED_BY: f64 = 0.2;

/// The weight of what is learned beforehand, as that of two comparisons with +3 %. A processor overlaps more of a small cost than of a
/// large one, so comparisons soon outweigh it.
const WEIGHT_BEFORE: f64 = 2.0 * 0.03 * 0.03;

/// What is known of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Learned {
    /// What a message costs, in ns of CPU time.
    pub(super) message_ns: f64,
    /// Least squares through the origin, of what was measured over what was put in, both as shares of what a message costs: the sum of the
    /// products, and that of the squares.
    products: f64,
    squares: f64,
}

impl Learned {
    /// Learns from some trials that count for nothing else, a row after the other. `None`: it was interrupted.
    pub(super) fn of_rows(job: &Job<'_>, equal: Record, costly: Record) -> anyhow::Result<Option<Vec<Self>>> {
        output::remark("measuring what a message costs, and what a cost comes to");
        let Some(equal) = some_rounds(job.clone(), equal)? else { return Ok(None) };
        let of_row = |row: &Row| Ok(Self::new(message_ns(&equal, row, &[Role::Base, Role::Head])?, 1.0));
        let learned = job.rows.iter().map(of_row).collect::<anyhow::Result<Vec<_>>>()?;
        let by = Injected::Share(LEARNED_BY);
        let rows: Vec<Row> =
            job.rows.iter().zip(&learned).map(|(row, learned)| learned.with_cost(row, by)).collect();
        let Some(costly) = some_rounds(Job { rows: &rows, ..job.clone() }, costly)? else { return Ok(None) };
        let of_row = |(row, learned): (&Row, &Self)| {
            let ratio = message_ns(&costly, row, &[Role::Head])? / message_ns(&costly, row, &[Role::Base])?;
            Ok(Self::new(learned.message_ns, (ratio - 1.0) / LEARNED_BY))
        };
        rows.iter().zip(&learned).map(of_row).collect::<anyhow::Result<Vec<_>>>().map(Some)
    }

    fn new(message_ns: f64, comes_to: f64) -> Self {
        Self { message_ns, products: comes_to * WEIGHT_BEFORE, squares: WEIGHT_BEFORE }
    }

    /// What a cost comes to, as a multiple of what was put in. A machine that is too busy to tell must not make a cost of nothing or a
    /// huge one.
    fn comes_to(self) -> f64 {
        (self.products / self.squares).clamp(0.25, 4.0)
    }

    /// What has to be put in, as a share of what a message costs, so that it comes to this one.
    fn put_in(self, share: f64) -> f64 {
        share / self.comes_to()
    }

    /// A comparison of the row with this cost has ended. `ratio` is that of the sides' CPU times per message.
    pub(super) fn hear(&mut self, injected: Injected, ratio: f64) {
        if let Injected::Share(share) = injected
            && ratio.is_finite()
        {
            let put_in = self.put_in(share);
            self.products += put_in * (ratio - 1.0);
            self.squares += put_in * put_in;
        }
    }

    /// The row with a head that has a cost, so much that it comes to what was asked for. The report has what it came to.
    pub(super) fn with_cost(self, row: &Row, injected: Injected) -> Row {
        let work = match injected {
            Injected::Nothing => return row.clone(),
            Injected::Share(share) => format!("{:.3}ns", self.message_ns * self.put_in(share)),
            // A processor overlaps a small cost of each message with other work, and not a large one of a few. Several services that hear a
            // message all spend it.
            Injected::Some { one_in, times } => {
                format!("{:.3}ns@1/{one_in}", self.message_ns * (times - 1.0) / self.comes_to().max(1.0))
            }
        };
        let mut costly = row.clone();
        costly.head.insert("work".into(), work.into());
        costly
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A cost of which the processor overlaps two thirds is learned, though a large one seemed to come to all of itself.
    #[test]
    fn what_a_small_cost_comes_to_is_learned_from_comparisons() {
        let mut learned = Learned::new(100.0, 1.0);
        let mut came_to = Vec::new();
        for _ in 0..20 {
            let put_in = learned.put_in(0.03);
            came_to.push(put_in / 3.0);
            learned.hear(Injected::Share(0.03), 1.0 + put_in / 3.0);
        }
        assert!((came_to[0] - 0.01).abs() < 1e-9, "{came_to:?}");
        assert!((came_to[19] - 0.03).abs() < 0.002, "{came_to:?}");
        // What is put in for nothing, or into a few messages, says nothing of it.
        let before = learned.comes_to();
        learned.hear(Injected::Nothing, 1.5);
        learned.hear(Injected::Some { one_in: 100, times: 10.0 }, 1.5);
        assert_eq!(learned.comes_to(), before);
    }
}
