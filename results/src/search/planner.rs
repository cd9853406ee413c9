//! Chooses the next rate to hold, and ends the search.
//!
//! Lives here: bracketing, bisection, repeats and recovery. They depend on the outcomes of the holds only. Does not
//! live here: judging a hold (`judge`), making one (the command line) and the stored result (`model::search`).

use crate::model::search::{Answer, End, Judgement, Phase};

/// How often a hold that the host disturbed is repeated.
const AGAIN_AT_MOST: u32 = 2;
/// Factor between rates while none failed, and of the first step down. Not quite two: 32 steps of 2 % are a factor of 1.88,
/// so five halvings of its logarithm reach the usual precision, where two would take six.
const STRIDE: f64 = 1.8;
/// How many checks in a row a target has to recover from a collapse.
const RECOVERY_CHECKS: u32 = 5;

/// The settings of a search. Rates are flows per second, above zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// The first rate. Between the bounds below, or at the nearer one.
    pub from_per_s: f64,
    /// No rate above this is tried, in any phase.
    pub to_per_s: f64,
    /// No rate below this is tried, in any phase. At most `to_per_s`.
    pub least_per_s: f64,
    /// Rates below `least_per_s` might keep the goal; holds of the length asked for just cannot judge them. A goal that is
    /// missed at `least_per_s` is then not one that no rate keeps.
    pub lower_might_keep: bool,
    /// Bisection ends when the lowest rate that failed is at most this share above the highest that kept the goal.
    pub precision: f64,
    /// How often the rate that was found has to keep the goal.
    pub repeats: u32,
    /// Holds at most, of any phase.
    pub max_holds: u32,
    /// The target keeps state between holds (a broker), so that a collapse needs a recovery.
    pub keeps_state: bool,
}

impl Plan {
    /// The rate, or the bound that it is beyond.
    fn within(&self, rate_per_s: f64) -> f64 {
        rate_per_s.max(self.least_per_s).min(self.to_per_s)
    }
}

/// The judgement of a hold, and whether the machine disturbed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The goal kept or not.
    pub judgement: Judgement,
    /// The host was busy with something else.
    pub disturbed: bool,
}

/// A rate that was held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hold {
    /// As asked for.
    pub rate_per_s: f64,
    /// The judgement.
    pub outcome: Outcome,
}

/// A rate to hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask {
    /// Flows per second.
    pub rate_per_s: f64,
    /// The phase. Repeats last longer.
    pub phase: Phase,
}

/// The next action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// Hold this rate and report.
    Hold(Ask),
    /// Nothing more.
    Done(Answer),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Bracket,
    Bisect,
    Repeat { kept: u32 },
}

/// The state of a search. Ask [`Planner::next`], hold, [`Planner::report`], and so on until it is done.
#[derive(Debug, Clone)]
pub struct Planner {
    plan: Plan,
    stage: Stage,
    /// Rates that kept the goal, but for checks of a recovery.
    kept: Vec<f64>,
    failed_per_s: Option<f64>,
    /// Factor of the next step down while nothing kept the goal.
    down: f64,
    /// Repeats that failed.
    stepped_down: u32,
    /// Repeats began before the precision was reached, as no more holds were left.
    cut_short: bool,
    used: u32,
    again: u32,
    /// The last hold was disturbed whenever it was made.
    is_busy_for_good: bool,
    checks: u32,
    /// The hold that was due when the target collapsed.
    waiting: Option<Ask>,
    next: Next,
}

impl Planner {
    /// A search that has held nothing yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let rate_per_s = plan.within(plan.from_per_s);
        Self {
            plan,
            stage: Stage::Bracket,
            kept: Vec::new(),
            failed_per_s: None,
            down: STRIDE,
            stepped_down: 0,
            cut_short: false,
            used: 0,
            again: 0,
            is_busy_for_good: false,
            checks: 0,
            waiting: None,
            next: Next::Hold(Ask { rate_per_s, phase: Phase::Bracket }),
        }
    }

    /// The next action.
    #[must_use]
    pub fn next(&self) -> Next {
        self.next
    }

    /// Takes in what the hold asked for came to. After the end it does nothing.
    pub fn report(&mut self, outcome: Outcome) {
        let Next::Hold(ask) = self.next else { return };
        self.used += 1;
        // Whatever it came to: repeating only what failed would be asking until the answer pleases.
        if outcome.disturbed && self.again < AGAIN_AT_MOST && !self.is_busy_for_good {
            self.again += 1;
        } else {
            // What is busy through all of them is not waited for again until it was quiet once.
            self.is_busy_for_good = outcome.disturbed;
            self.again = 0;
            let hold = Hold { rate_per_s: ask.rate_per_s, outcome };
            match outcome.judgement {
                // Whatever it was made for: other rates would be held for no longer.
                Judgement::TooFew => self.stop(End::TooFew),
                _ if ask.phase == Phase::Recover => self.recover(hold),
                _ => self.advance(hold),
            }
        }
        if self.used >= self.plan.max_holds && matches!(self.next, Next::Hold(_)) {
            self.stop(End::OutOfHolds);
        }
    }

    /// Ends the search with what is known.
    pub fn stop(&mut self, end: End) {
        let kept_per_s = self.best();
        let repeats_kept = match self.stage {
            Stage::Repeat { kept } => kept,
            Stage::Bracket | Stage::Bisect => 0,
        };
        self.next = Next::Done(Answer { end, kept_per_s, repeats_kept, failed_per_s: self.failed_per_s });
    }

    /// The highest rate that kept the goal and lies below all that failed.
    fn best(&self) -> Option<f64> {
        let below =
            self.kept.iter().copied().filter(|rate| self.failed_per_s.is_none_or(|failed| *rate < failed));
        below.max_by(f64::total_cmp)
    }

    fn recover(&mut self, hold: Hold) {
        self.checks += 1;
        if hold.outcome.judgement == Judgement::Kept {
            self.checks = 0;
            if let Some(ask) = self.waiting.take() {
                self.next = Next::Hold(ask);
            }
        } else if self.checks >= RECOVERY_CHECKS {
            self.stop(End::NotRecovered);
        }
    }

    fn advance(&mut self, hold: Hold) {
        let rate_per_s = hold.rate_per_s;
        if hold.outcome.judgement == Judgement::Kept {
            self.kept.push(rate_per_s);
        } else {
            self.failed_per_s = Some(self.failed_per_s.map_or(rate_per_s, |failed| failed.min(rate_per_s)));
        }
        match self.stage {
            Stage::Bracket | Stage::Bisect => self.narrow(hold),
            Stage::Repeat { kept } => self.repeat(hold, kept),
        }
        let collapsed = hold.outcome.judgement == Judgement::Missed { collapsed: true };
        if let (true, true, Next::Hold(ask)) = (self.plan.keeps_state, collapsed, self.next) {
            // Half of what it has kept before, or far below what it broke under.
            let rate_per_s = self.best().map_or(rate_per_s / 8.0, |kept| kept / 2.0);
            self.waiting = Some(ask);
            self.ask(rate_per_s, Phase::Recover);
        }
    }

    fn narrow(&mut self, hold: Hold) {
        match (self.best(), self.failed_per_s) {
            (Some(kept), Some(failed)) if failed / kept <= 1.0 + self.plan.precision => {
                self.begin_repeats(kept);
            }
            (Some(kept), None) if kept >= self.plan.to_per_s => self.begin_repeats(kept),
            // Just enough holds are left for the repeats.
            (Some(kept), _) if self.plan.max_holds.saturating_sub(self.used) <= self.plan.repeats => {
                self.cut_short = true;
                self.begin_repeats(kept);
            }
            (Some(kept), Some(failed)) => {
                self.stage = Stage::Bisect;
                self.ask((kept * failed).sqrt(), Phase::Bisect);
            }
            (Some(kept), None) => self.ask(kept * STRIDE, Phase::Bracket),
            (None, _) => {
                if hold.rate_per_s <= self.plan.least_per_s {
                    self.missed_at_the_lowest();
                } else {
                    let rate_per_s = hold.rate_per_s / self.down;
                    // Squared each time: far down in few holds, without passing a limit that is near by much.
                    self.down *= self.down;
                    self.ask(rate_per_s, Phase::Bracket);
                }
            }
        }
    }

    fn begin_repeats(&mut self, rate_per_s: f64) {
        self.stage = Stage::Repeat { kept: 0 };
        if self.plan.repeats == 0 { self.finish() } else { self.ask(rate_per_s, Phase::Repeat) }
    }

    fn repeat(&mut self, hold: Hold, kept: u32) {
        if hold.outcome.judgement == Judgement::Kept {
            self.stage = Stage::Repeat { kept: kept + 1 };
            if kept + 1 >= self.plan.repeats {
                self.finish();
            }
            return;
        }
        self.stage = Stage::Repeat { kept: 0 };
        if hold.rate_per_s <= self.plan.least_per_s {
            return self.missed_at_the_lowest();
        }
        self.stepped_down += 1;
        // By half the precision twice, then by ever more: noise is left behind, and so is a limit that was far off.
        let halves = f64::from(1u32 << self.stepped_down.saturating_sub(2).min(16));
        let step = self.plan.precision / 2.0 * halves;
        let rate_per_s = self.plan.within(hold.rate_per_s / (1.0 + step));
        // What was kept once in between is not the answer: it is not held again.
        self.kept.retain(|kept| *kept <= rate_per_s);
        self.ask(rate_per_s, Phase::Repeat);
    }

    /// The lowest rate that may be tried missed the goal: nothing is left to try.
    fn missed_at_the_lowest(&mut self) {
        self.stop(if self.plan.lower_might_keep { End::TooFew } else { End::NeverKept });
    }

    fn finish(&mut self) {
        self.stop(match self.failed_per_s {
            _ if self.cut_short => End::OutOfHolds,
            Some(_) => End::Found,
            None => End::AlwaysKept,
        });
    }

    /// The only place where a rate is asked for, so that none lies outside the bounds.
    fn ask(&mut self, rate_per_s: f64, phase: Phase) {
        let rate_per_s = self.plan.within(rate_per_s);
        self.next = Next::Hold(Ask { rate_per_s, phase });
    }
}
