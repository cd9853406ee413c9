//! The search for the highest rate that keeps a goal, as pure logic: no clock, no target, no printing.
//!
//! Lives here: what a goal says (`goal`), what a hold came to under it (`judge`), which rate is held next and when the
//! search is over (`planner`), how many flows a hold takes (`size`), where the curve bends (`knee`) and what is kept of
//! a search (`record`). Does not live here: running a hold (the command line), tables and charts (`report`), fields
//! of the document (`format`).
//!
//! A *hold* is one rate held for a while: a run of one trial with an open load.

mod goal;
mod judge;
mod knee;
mod planner;
mod record;
mod size;

#[cfg(test)]
mod tests;

pub use goal::{Goal, GoalError, Term};
pub use judge::{Host, HostLimits, Judged, judge};
pub use knee::{Load, knee};
pub use planner::{Answer, Ask, End, Hold, Judgement, Next, Outcome, Phase, Plan, Planner};
pub use record::{Held, Search, Searched, knee_of};
pub use size::{flows_for, flows_with_room};
