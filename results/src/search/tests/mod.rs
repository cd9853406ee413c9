//! The search: against scripted targets, and what it makes of a hold.

mod judging;
mod planner;
