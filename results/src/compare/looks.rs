//! When to look at a comparison while pairs are added, and when to stop.
//!
//! Lives here: the plan of looks, and the answer after each look. Does not live here: the rule that judges (`rule`), and
//! the measuring of pairs and the clock of a time budget (the command line).
//!
//! Why looks cost something: a comparison that is judged after every pair and ends at the first verdict finds a verdict in
//! the noise sooner or later. So the looks are few, they are fixed before the first pair, and each has its share of alpha. By
//! Bonferroni's inequality the chance of a false verdict at any of k looks at `alpha/k` each is at most alpha.

use thiserror::Error;

use super::{Comparison, Options, Verdict};
use crate::stats;

/// The most looks of a plan.
const LOOKS_AT_MOST: usize = 3;

/// The numbers of pairs at which a comparison is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    looks: Vec<usize>,
}

/// A plan that could not decide anything.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// Even if all pairs pointed in one direction, the sign test would not reach its level.
    #[error(
        "failed to plan a comparison of {pairs} pairs: {gates} figures need at least {needed} pairs; allow {needed} or more"
    )]
    TooFewPairs {
        /// The largest number of pairs that was asked for.
        pairs: usize,
        /// Gates that are judged together.
        gates: usize,
        /// The fewest pairs that can decide.
        needed: usize,
    },
}

/// What to do after a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Measure until there are this many pairs, then look.
    Continue {
        /// Pairs at the next look.
        until: usize,
    },
    /// Measure no more: the comparison as it stands is the answer.
    Stop(Stop),
}

/// Why a comparison ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A gate is a regression, or no gate is inconclusive.
    Decided,
    /// It was the last look.
    LastLook,
    /// The time budget was over.
    TimeOver,
    /// A copy of A differs from A, so that no number of pairs makes it valid.
    ControlDiffers,
    /// The record that was run again has no more pairs.
    NoMorePairs,
}

impl Stop {
    /// All reasons.
    pub const ALL: [Self; 5] =
        [Self::Decided, Self::LastLook, Self::TimeOver, Self::ControlDiffers, Self::NoMorePairs];

    /// The words in documents.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::LastLook => "last look",
            Self::TimeOver => "time over",
            Self::ControlDiffers => "control differs",
            Self::NoMorePairs => "no more pairs",
        }
    }

    /// The reason in a sentence that begins "The comparison ended ... because".
    #[must_use]
    pub(crate) fn because(self) -> &'static str {
        match self {
            Self::Decided => "its verdict was clear",
            Self::LastLook => "that was the last time to judge",
            Self::TimeOver => "its time was over",
            Self::ControlDiffers => "a copy of A differed from A",
            Self::NoMorePairs => "the record that was run again had no more pairs",
        }
    }
}

/// The looks of a comparison that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    /// Numbers of pairs at which it was planned to look, upwards.
    pub planned: Vec<usize>,
    /// Pairs when it ended.
    pub pairs: usize,
    /// Why it ended.
    pub stop: Stop,
}

impl Plan {
    /// The default for the largest number of pairs: looks at 20, 40 and 60.
    pub const PAIRS: usize = 60;

    /// A plan of up to `pairs` pairs for `gates` gates that are judged together at `options.alpha`. The looks are at thirds
    /// of `pairs`, rounded up: at 20, 40 and 60, or at 34, 67 and 100. A look at which even equal signs of all pairs would
    /// not reach its level is wasted alpha. So if the first third is below [`stats::pairs_needed`], there are two looks, at
    /// the half and the end, and if the half is below, there is one. With seven gates, 30 pairs have looks at 15 and 30.
    ///
    /// `gates` may be an upper bound, such as [`super::GATES_AT_MOST`] for each row.
    ///
    /// # Errors
    /// `pairs` is below [`stats::pairs_needed`] for a single look.
    pub fn new(pairs: usize, gates: usize, options: &Options) -> Result<Self, PlanError> {
        let needed = |looks: usize| stats::pairs_needed(options.alpha / looks as f64, gates);
        let fits = |looks: &usize| pairs.div_ceil(*looks) >= needed(*looks);
        let looks = (1..=LOOKS_AT_MOST).rev().find(fits);
        let looks = looks.ok_or(PlanError::TooFewPairs { pairs, gates, needed: needed(1) })?;
        Ok(Self { looks: (1..=looks).map(|look| (pairs * look).div_ceil(looks)).collect() })
    }

    /// The plan that a record was measured by. `None` without a look.
    #[must_use]
    pub fn recorded(looks: &[u32]) -> Option<Self> {
        let looks: Vec<usize> = looks.iter().map(|pairs| *pairs as usize).collect();
        (!looks.is_empty()).then_some(Self { looks })
    }

    /// Numbers of pairs at which to look, upwards; never empty.
    #[must_use]
    pub fn looks(&self) -> &[usize] {
        &self.looks
    }

    /// The options to judge with at every look: alpha is divided over the looks, and verdicts are firm.
    ///
    /// A verdict of a plan may block a change, so it is firm: beside the sign test and the margin, the 99 % interval has to
    /// lie beyond half the margin. Without that, noise of 2 % per trial lets a true change of half the margin block in 2 to
    /// 5 of 100 comparisons, because the median of 40 such pairs is uncertain by half the margin itself. With it, in
    /// about one of 100. Changes of one and a half margins are still found in at least 95 of 100.
    #[must_use]
    pub fn options(&self, options: &Options) -> Options {
        Options { looks: self.looks.len() as u32, firm: true, ..options.clone() }
    }

    /// The first look after `pairs` pairs; `None` from the last look on.
    #[must_use]
    pub fn look_after(&self, pairs: usize) -> Option<usize> {
        self.looks.iter().copied().find(|look| *look > pairs)
    }

    /// Whether it is planned to look after `pairs` pairs. From the last look on it is.
    #[must_use]
    pub fn is_look(&self, pairs: usize) -> bool {
        self.look_after(pairs).is_none() || self.looks.contains(&pairs)
    }

    /// What to do after `pairs` pairs were measured, and what `comparison` says of all of them. Pairs that were repeated
    /// count once. `comparison` is judged with [`Plan::options`], and always with all pairs so far. A verdict that a gate had
    /// at an earlier look is therefore gone if these pairs do not give it again.
    ///
    /// Between two looks the comparison is not looked at: the answer is to continue, unless the time is over.
    ///
    /// # A time budget that ends between looks
    /// Its end is the next look, made early, and the last one. The number of judgements is still at most that of the plan, so
    /// alpha is kept if each is at its level at a number of pairs that does not depend on which trial of a pair was A. That
    /// holds for a time budget: the time that pairs take is the sum of both trials, which is the same if A and B change places.
    /// If A and B are the same, the random order makes each sign an independent coin, whatever the times are. The caller must
    /// keep it so: `is_time_over` may depend on the clock and on the number of pairs, never on what A and B measured or on
    /// an earlier comparison.
    #[must_use]
    pub fn after(&self, pairs: usize, comparison: &Comparison, is_time_over: bool) -> Next {
        self.step(pairs, comparison.verdict, comparison.is_control_different(), is_time_over)
    }

    /// Why to end after `pairs` pairs; `None`: go on. As [`Plan::after`], for pairs that may run out: a record that is run again has
    /// as many as were measured, which may be fewer than its last look wants.
    #[must_use]
    pub fn end(
        &self,
        pairs: usize,
        comparison: &Comparison,
        is_time_over: bool,
        has_more: bool,
    ) -> Option<Stop> {
        match self.after(pairs, comparison, is_time_over) {
            Next::Stop(stop) => Some(stop),
            Next::Continue { .. } => (!has_more).then_some(Stop::NoMorePairs),
        }
    }

    /// [`Plan::after`] on the verdict over all gates.
    pub(super) fn step(
        &self,
        pairs: usize,
        verdict: Verdict,
        is_control_different: bool,
        is_time_over: bool,
    ) -> Next {
        let following = self.look_after(pairs);
        let is_look = self.is_look(pairs);
        // The verdict of a comparison is its worst, where a regression is worse than an inconclusive gate.
        let is_decided = matches!(verdict, Verdict::Regression | Verdict::Improvement | Verdict::NoChange);
        match following {
            _ if is_look && is_control_different => Next::Stop(Stop::ControlDiffers),
            _ if is_look && is_decided => Next::Stop(Stop::Decided),
            None => Next::Stop(Stop::LastLook),
            Some(_) if is_time_over => Next::Stop(Stop::TimeOver),
            Some(until) => Next::Continue { until },
        }
    }

    /// The looks, for [`Comparison::looks`], once [`Plan::after`] has said to stop.
    #[must_use]
    pub fn ended(&self, pairs: usize, stop: Stop) -> Looks {
        Looks { planned: self.looks.clone(), pairs, stop }
    }
}
