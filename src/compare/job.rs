//! What a comparison is to measure, by which plan and limits, and who is to know of it.

use super::{rows::Row, side::Side};
use crate::{args::CompareArgs, interrupt::Interrupt, live::Events};
use drumpost_core::clock::as_ns;
use drumpost_results::{
    compare::{Options, Plan},
    verdict::Thresholds,
};

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
    /// For viewers, if there are any.
    pub events: Option<&'a Events>,
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
        Self { rows, sides, plan, options, limits, within_ns, interrupted, events: None }
    }
}
