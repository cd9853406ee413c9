//! A goal: `p99<2ms,lost=0`. All of its terms have to hold.
//!
//! Lives here: reading and writing a goal, and comparing it with the figures of a run. Does not live here: other checks
//! of a hold (`judge`).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::model::{Distribution, Run, samples_needed};
use crate::stats::Derived;
use crate::units;

/// The end of every error about a goal.
const EXAMPLE: &str = "a goal is for example p99<2ms,lost=0";

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
    /// In ns for a time, a share of one for `achieved`, else a count.
    value: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Figure {
    Time(Times, Statistic),
    Count(Count),
    /// Flows started ÷ flows due.
    Achieved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    Response,
    Service,
    Lag,
    Confirm,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Statistic {
    Quantile(f64, &'static str),
    Mean,
    Max,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    Lost,
    Duplicated,
    Reordered,
    Unfinished,
    Shed,
    Refused,
    Unconfirmed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

const STATISTICS: [(&str, Statistic); 6] = [
    ("p50", Statistic::Quantile(0.5, "p50")),
    ("p90", Statistic::Quantile(0.9, "p90")),
    ("p99", Statistic::Quantile(0.99, "p99")),
    ("p99.9", Statistic::Quantile(0.999, "p99.9")),
    ("mean", Statistic::Mean),
    ("max", Statistic::Max),
];
const TIMES: [(&str, Times); 4] = [
    ("response", Times::Response),
    ("service", Times::Service),
    ("lag", Times::Lag),
    ("confirm", Times::Confirm),
];
const COUNTS: [(&str, Count); 7] = [
    ("lost", Count::Lost),
    ("duplicated", Count::Duplicated),
    ("reordered", Count::Reordered),
    ("unfinished", Count::Unfinished),
    ("shed", Count::Shed),
    ("refused", Count::Refused),
    ("unconfirmed", Count::Unconfirmed),
];
/// The longer before the shorter that they begin with.
const OPS: [(&str, Op); 5] =
    [("<=", Op::AtMost), (">=", Op::AtLeast), ("<", Op::Less), (">", Op::More), ("=", Op::Equal)];
const FIGURES: &str = "p50, p90, p99, p99.9, mean, max (also service.p99, lag.p99, confirm.p99), lost, duplicated, \
                       reordered, unfinished, shed, refused, unconfirmed, achieved";

/// Whether a figure of a run fulfils a term.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Held {
    /// The term holds.
    Yes,
    /// The figure misses the term: the figure in words.
    No(String),
    /// There are too few samples: so many are there, so many are needed.
    TooFew(u64, u64),
    /// The transport confirms nothing, so it has no such figure.
    Unknown,
}

impl FromStr for Goal {
    type Err = GoalError;

    fn from_str(text: &str) -> Result<Self, GoalError> {
        let terms = text.split(',').map(|term| term.trim().parse()).collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<String> = self.terms.iter().map(Term::to_string).collect();
        f.write_str(&terms.join(", "))
    }
}

impl Goal {
    /// Whether a term is about confirms, so that the goal makes sense only for a transport that confirms.
    #[must_use]
    pub fn needs_confirms(&self) -> bool {
        self.terms.iter().any(Term::needs_confirms)
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
                (of == quantile).then_some(term.value)
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
        let figure = figure(name.trim())
            .ok_or_else(|| wrong(format!("unknown figure `{}`; figures are {FIGURES}", name.trim())))?;
        let value = value(figure, rest[sign.len()..].trim()).map_err(wrong)?;
        Ok(Self { figure, op: *op, value })
    }
}

fn figure(name: &str) -> Option<Figure> {
    if name == "achieved" {
        return Some(Figure::Achieved);
    }
    if let Some((_, count)) = COUNTS.iter().find(|(known, _)| *known == name) {
        return Some(Figure::Count(*count));
    }
    // `confirm_p99` is what the figure is called elsewhere.
    let (of, statistic) = name
        .split_once(['.', '_'])
        .filter(|(of, _)| TIMES.iter().any(|(known, _)| known == of))
        .unwrap_or(("response", name));
    let (_, times) = TIMES.iter().find(|(known, _)| *known == of)?;
    let (_, statistic) = STATISTICS.iter().find(|(known, _)| *known == statistic)?;
    Some(Figure::Time(*times, *statistic))
}

fn value(figure: Figure, text: &str) -> Result<f64, String> {
    match figure {
        Figure::Time(..) => {
            units::parse_duration(text).map(|ns| ns as f64).map_err(|error| error.to_string())
        }
        Figure::Count(_) => units::parse_count(text).map(|n| n as f64).map_err(|error| error.to_string()),
        Figure::Achieved => {
            let share = units::parse_share(text).ok().filter(|share| (0.0..=1.0).contains(share));
            share.ok_or_else(|| format!("`{text}` is no percentage such as 99%"))
        }
    }
}

impl Term {
    fn needs_confirms(&self) -> bool {
        matches!(
            self.figure,
            Figure::Time(Times::Confirm, _) | Figure::Count(Count::Refused | Count::Unconfirmed)
        )
    }

    /// Holds the figures of a run against the term.
    pub(super) fn held_by(&self, run: &Run) -> Held {
        if self.needs_confirms() && run.audit().confirmed.is_none() {
            return Held::Unknown;
        }
        let value = match self.figure {
            Figure::Time(times, statistic) => {
                let times = match times {
                    Times::Response => run.response(),
                    Times::Service => run.service(),
                    Times::Lag => run.lag(),
                    Times::Confirm => run.confirm(),
                };
                match statistic.of(&times) {
                    Ok(ns) => ns,
                    Err(needed) => return Held::TooFew(times.count(), needed),
                }
            }
            Figure::Count(count) => count.of(run) as f64,
            Figure::Achieved => {
                let flows = Derived::of(run).flows;
                flows.started as f64 / flows.due.max(1) as f64
            }
        };
        let holds = match self.op {
            Op::Less => value < self.value,
            Op::AtMost => value <= self.value,
            // Only counts are asked to be equal in earnest; they are whole.
            Op::Equal => (value - self.value).abs() < f64::EPSILON,
            Op::AtLeast => value >= self.value,
            Op::More => value > self.value,
        };
        if holds {
            Held::Yes
        } else {
            Held::No(format!("{} {}", self.figure.name(), self.figure.text(value)))
        }
    }
}

impl Statistic {
    /// The figure in ns, or how many samples it needs.
    fn of(self, times: &Distribution) -> Result<f64, u64> {
        let whole = |ns: Option<u64>| ns.map(|ns| ns as f64);
        match self {
            Self::Quantile(quantile, _) => {
                whole(times.quantile_ns(quantile)).ok_or_else(|| samples_needed(quantile))
            }
            Self::Mean => times.mean_ns().ok_or(1),
            Self::Max => whole(times.max_ns()).ok_or(1),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Quantile(_, name) => name,
            Self::Mean => "mean",
            Self::Max => "max",
        }
    }
}

impl Count {
    fn of(self, run: &Run) -> u64 {
        let (audit, flows) = (run.audit(), Derived::of(run).flows);
        match self {
            Self::Lost => audit.lost,
            Self::Duplicated => audit.duplicated,
            Self::Reordered => audit.reordered,
            Self::Unfinished => flows.unfinished,
            Self::Shed => flows.shed,
            Self::Refused => audit.refused.unwrap_or(0),
            Self::Unconfirmed => audit.unconfirmed.unwrap_or(0),
        }
    }
}

impl Figure {
    fn name(self) -> String {
        match self {
            Self::Time(Times::Response, statistic) => statistic.name().to_owned(),
            Self::Time(Times::Service, statistic) => format!("service.{}", statistic.name()),
            Self::Time(Times::Lag, statistic) => format!("lag.{}", statistic.name()),
            Self::Time(Times::Confirm, statistic) => format!("confirm.{}", statistic.name()),
            Self::Count(count) => {
                let name = COUNTS.iter().find(|(_, known)| *known == count).map(|(name, _)| *name);
                name.unwrap_or_default().to_owned()
            }
            Self::Achieved => "achieved".to_owned(),
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::Time(..) => units::duration(value as u64),
            Self::Count(_) => units::count_exact(value as u64),
            Self::Achieved => units::percent(value),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = OPS.iter().find(|(_, op)| *op == self.op).map_or("", |(sign, _)| sign);
        let value = match self.figure {
            // Every digit, so that it reads back as the same goal.
            Figure::Time(..) => exact(self.value as u64),
            Figure::Achieved => format!("{} %", self.value * 100.0),
            // Without separators, which are commas.
            Figure::Count(_) => format!("{}", self.value as u64),
        };
        write!(f, "{} {sign} {value}", self.figure.name())
    }
}

/// A duration in the largest unit that it is a whole number of.
fn exact(ns: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns")];
    let fits = UNITS.iter().find(|(factor, _)| ns > 0 && ns.is_multiple_of(*factor));
    fits.map_or_else(|| "0 ns".to_owned(), |(factor, unit)| format!("{} {unit}", ns / factor))
}
