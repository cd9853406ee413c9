//! Tests of the search: against scripted targets, and of how it judges a hold.

mod judging;
mod planner;
