//! Goals: `p99<2ms,lost=0`. All terms of a goal have to hold.
//!
//! A search looks for the highest rate that keeps a goal, and an assertion holds a goal against rows of a result. Lives here: reading,
//! writing and checking goals. Figures and their values are in `figure`, `counts` and `lists`, answers in `answer`. A figure alone, without a limit, is in `named`. Does not live
//! here: other checks of a hold (`search`), and assertions (`assertion`).

mod answer;
mod counts;
mod figure;
mod lists;
mod named;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub use answer::{Answer, Reply};
pub use named::Named;

use crate::model::Run;
use crate::units;
use figure::{Figure, Statistic, Times, Value};

/// The end of every error about a goal.
const EXAMPLE: &str = "a goal is for example p99<2ms,lost=0";
/// The highest rate that a term may name, in events per second. Higher ones cannot be written so that they read back as the same.
const HIGHEST_PER_S: f64 = 1e15;

/// A text that is no goal: names the term and gives an example.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("term `{term}`: {reason}; {EXAMPLE}")]
pub struct GoalError {
    /// The term as it was given.
    pub term: String,
    /// The reason.
    pub reason: String,
}

/// Terms that all have to hold. Its text form reads back as the same goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// In the order given; at least one.
    pub terms: Vec<Term>,
}

/// A figure, an operator and a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    figure: Figure,
    op: Op,
    /// In ns for a time, per second for a rate, a share of one for `achieved`, else a count.
    limit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

/// The longer before the shorter that they begin with.
const OPS: [(&str, Op); 5] =
    [("<=", Op::AtMost), (">=", Op::AtLeast), ("<", Op::Less), (">", Op::More), ("=", Op::Equal)];

impl FromStr for Goal {
    type Err = GoalError;

    /// Reads the goal of a search. The answer of a search is no figure that its goal may name.
    fn from_str(text: &str) -> Result<Self, GoalError> {
        let goal = Self::of_result(text)?;
        match goal.terms.iter().find(|term| term.figure == Figure::Kept) {
            None => Ok(goal),
            Some(term) => {
                let reason =
                    "the search has to find this rate first, so only an assertion may name it".to_owned();
                Err(GoalError { term: term.to_string(), reason })
            }
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<String> = self.terms.iter().map(Term::to_string).collect();
        f.write_str(&terms.join(", "))
    }
}

impl Goal {
    /// Reads a goal for the result of a run or a search.
    pub(crate) fn of_result(text: &str) -> Result<Self, GoalError> {
        let terms = text.split(',').map(|term| term.trim().parse()).collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    /// Refuses lower limits of times without an upper one: times grow with the rate, so such a goal is kept best by a load that is too high,
    /// and a search for the highest rate has no answer.
    ///
    /// # Errors
    /// The term, and what is probably meant.
    pub fn check_for_search(&self) -> Result<(), GoalError> {
        let times = || self.terms.iter().filter(|term| matches!(term.figure, Figure::Time(..)));
        let is_lower = |term: &&Term| matches!(term.op, Op::AtLeast | Op::More);
        let Some(term) = times().find(is_lower).filter(|_| times().all(|term| is_lower(&term))) else {
            return Ok(());
        };
        let meant = Term { op: Op::Less, ..*term };
        let reason =
            format!("times grow with the rate, so a search needs an upper limit (did you mean {meant}?)");
        Err(GoalError { term: term.to_string(), reason })
    }

    /// Whether a term is about confirms, so that the goal makes sense only for a transport that confirms.
    #[must_use]
    pub fn needs_confirms(&self) -> bool {
        self.terms.iter().any(|term| term.figure.needs_confirms())
    }

    /// The highest percentile of response times, service times, lag or confirm times that the goal speaks of, as a quantile.
    #[must_use]
    pub fn highest_quantile(&self) -> Option<f64> {
        let quantile = |term: &Term| match term.figure {
            Figure::Time(_, Statistic::Quantile(quantile, _)) => Some(quantile),
            _ => None,
        };
        self.terms.iter().filter_map(quantile).max_by(f64::total_cmp)
    }

    /// The upper limit in ns that the goal sets for a quantile of the response time.
    #[must_use]
    pub fn response_limit_ns(&self, quantile: f64) -> Option<f64> {
        let limit = |term: &Term| match (term.figure, term.op) {
            (Figure::Time(Times::Response, Statistic::Quantile(of, _)), Op::Less | Op::AtMost) => {
                (of == quantile).then_some(term.limit)
            }
            _ => None,
        };
        self.terms.iter().filter_map(limit).min_by(f64::total_cmp)
    }
}

impl FromStr for Term {
    type Err = GoalError;

    fn from_str(text: &str) -> Result<Self, GoalError> {
        let wrong = |reason: String| GoalError { term: text.to_owned(), reason };
        let Some(at) = text.find(['<', '>', '=']) else {
            return Err(wrong("it needs one of <, <=, =, >=, >".to_owned()));
        };
        let (name, rest) = text.split_at(at);
        let Some((sign, op)) = OPS.iter().find(|(sign, _)| rest.starts_with(sign)) else {
            return Err(wrong("it needs one of <, <=, =, >=, >".to_owned()));
        };
        let figure = Figure::named(name.trim()).map_err(wrong)?;
        let limit = limit(figure, rest[sign.len()..].trim()).map_err(wrong)?;
        Ok(Self { figure, op: *op, limit })
    }
}

fn limit(figure: Figure, text: &str) -> Result<f64, String> {
    match figure {
        Figure::Time(..) | Figure::Cost(_) => {
            units::parse_duration(text).map(|ns| ns as f64).map_err(|error| error.to_string())
        }
        Figure::Count(_) => units::parse_count(text).map(|n| n as f64).map_err(|error| error.to_string()),
        Figure::Throughput | Figure::Kept => rate(text),
        Figure::Achieved => {
            let share = units::parse_share(text).ok().filter(|share| (0.0..=1.0).contains(share));
            share.ok_or_else(|| format!("`{text}` is no percentage such as 99%"))
        }
    }
}

/// A rate per second from `50k`, `50k/s` or `6/min`. The figure's name says that it is per second, so `/s` may be left out.
fn rate(text: &str) -> Result<f64, String> {
    if units::parse_number(text.strip_suffix("/s").unwrap_or(text)) == Ok(0.0) {
        return Ok(0.0);
    }
    let whole = if text.contains('/') { text.to_owned() } else { format!("{text}/s") };
    let per_s = units::parse_rate(&whole).map_err(|error| error.to_string())?;
    if per_s > HIGHEST_PER_S { Err(format!("`{text}` is above 1e15 per second")) } else { Ok(per_s) }
}

impl Term {
    /// Compares the figure of a run with the limit; `kept_per_s` is the answer of the search whose holds are the trials of the run.
    pub(crate) fn answer(&self, run: &Run, kept_per_s: Option<f64>) -> Answer {
        match self.figure.of(run, kept_per_s) {
            Value::TooFew { count, needed } => Answer::TooFew { count, needed },
            Value::Unknown(why) => Answer::Unknown { why },
            Value::Between(low, high) => self.of_range(low, high),
        }
    }

    /// The answer for a figure that lies between two values.
    fn of_range(&self, low: f64, high: f64) -> Answer {
        let is_inside = self.op == Op::Equal && low < high && low <= self.limit && self.limit <= high;
        match (self.holds(low), self.holds(high)) {
            (true, true) => Answer::Kept { value: low },
            (false, false) if !is_inside => Answer::Missed { value: low },
            _ => {
                let [low, high] = [low, high].map(|value| self.figure.text(value));
                let name = self.figure.name();
                Answer::Unknown { why: format!("{name} is at least {low} and may be {high}") }
            }
        }
    }

    fn holds(&self, value: f64) -> bool {
        match self.op {
            Op::Less => value < self.limit,
            Op::AtMost => value <= self.limit,
            // Only counts are asked to be equal in earnest; they are whole.
            Op::Equal => (value - self.limit).abs() < f64::EPSILON,
            Op::AtLeast => value >= self.limit,
            Op::More => value > self.limit,
        }
    }

    /// The name of the figure, as in `p99` and `confirm.p99`.
    #[must_use]
    pub fn figure(&self) -> String {
        self.figure.name()
    }

    /// The unit of the figure and of the limit: `ns`, `per_s`, `share` or `count`.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        self.figure.unit()
    }

    /// The limit, in [`Term::unit`].
    #[must_use]
    pub fn limit(&self) -> f64 {
        self.limit
    }

    /// The operator and the limit: `< 2 ms`.
    #[must_use]
    pub fn condition(&self) -> String {
        let sign = OPS.iter().find(|(_, op)| *op == self.op).map_or("", |(sign, _)| sign);
        format!("{sign} {}", self.limit_text())
    }

    /// How far a figure is beyond the limit, as a share of the limit. Negative below the limit; `None` for a limit of zero.
    #[must_use]
    pub fn beyond(&self, value: f64) -> Option<f64> {
        (self.limit > 0.0).then(|| value / self.limit - 1.0)
    }

    /// A value of the figure for people: `2.31 ms`.
    #[must_use]
    pub fn text(&self, value: f64) -> String {
        self.figure.text(value)
    }

    /// How a figure misses the term: `16 % over 2 ms`, `56.2 times 2 ms`, `20 % under 50k/s`, `not = 0`.
    #[must_use]
    pub fn miss(&self, value: f64) -> String {
        let side = match self.op {
            Op::Less | Op::AtMost => "over",
            Op::AtLeast | Op::More => "under",
            Op::Equal => "",
        };
        match self.beyond(value) {
            // A thousand percent and more are no figure that can be pictured.
            Some(beyond) if beyond >= 10.0 && side == "over" => {
                format!("{} times {}", units::number(beyond + 1.0), self.limit_text())
            }
            Some(beyond) if beyond != 0.0 && !side.is_empty() => {
                format!("{} {side} {}", units::percent(beyond.abs()), self.limit_text())
            }
            _ => format!("not {}", self.condition()),
        }
    }

    /// Every digit of the limit, so that it reads back as the same.
    fn limit_text(&self) -> String {
        match self.figure {
            Figure::Time(..) | Figure::Cost(_) => exact(self.limit as u64),
            Figure::Achieved => share(self.limit),
            // Without separators, which are commas.
            Figure::Count(_) => format!("{}", self.limit as u64),
            Figure::Throughput | Figure::Kept if self.limit == 0.0 => "0/s".to_owned(),
            Figure::Throughput | Figure::Kept => drumpost_units::rate_text(self.limit),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.figure.name(), self.condition())
    }
}

/// A share in percent, unless a hundredth of that is another number: then as it is.
fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent / 100.0 == share { format!("{percent} %") } else { format!("{share}") }
}

/// A duration in the largest unit that it is a whole number of.
fn exact(ns: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns")];
    let fits = UNITS.iter().find(|(factor, _)| ns > 0 && ns.is_multiple_of(*factor));
    fits.map_or_else(|| "0 ns".to_owned(), |(factor, unit)| format!("{} {unit}", ns / factor))
}
