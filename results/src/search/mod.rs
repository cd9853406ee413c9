//! The search for the highest rate that keeps a goal, as pure logic: no clock, no target, no printing.
//!
//! Lives here: the judgement of a hold (`judge`), the choice of the next rate and the end of the
//! search (`planner`), the number of flows of a hold (`size`), the knee of the curve (`knee`) and the result
//! (`record`). Does not live here: the goal (`goal`), making a hold (the command line), tables and charts (`report`), fields of the
//! document (`format`).
//!
//! A *hold* is one rate that is held for a while: a run of one trial with an open load.

mod judge;
mod knee;
mod planner;
mod size;

#[cfg(test)]
mod tests;

pub use judge::{Host, HostLimits, Judged, judge};
pub use knee::{Load, knee, knee_of};
pub use planner::{Ask, Hold, Next, Outcome, Plan, Planner};
pub use size::{flows_for, flows_with_room};
