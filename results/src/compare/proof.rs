//! What comparisons with known answers come to on a machine: sides that are equal, and sides with a cost that was put in.
//!
//! Lives here: the counts. Does not live here: the measuring (the command line), and the table (`report`).

use super::{Comparison, Metric, Verdict};
use crate::stats;
use std::str::FromStr;

/// What was put in, and what should be found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Injected {
    /// Nothing: a verdict that something changed is a false alarm.
    Nothing,
    /// A cost for every message, as a share of what a message costs.
    Share(f64),
    /// The cost of one message in so many is so many times what it was.
    Some {
        /// One message in so many.
        one_in: u32,
        /// So many times the cost.
        times: f64,
    },
}

impl Injected {
    /// What is put in by default: changes that a comparison has to leave alone, may find, and must find.
    pub const USUAL: [Self; 5] = [
        Self::Nothing,
        Self::Share(0.01),
        Self::Share(0.03),
        Self::Share(0.05),
        Self::Some { one_in: 100, times: 10.0 },
    ];

    /// The words in tables.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Nothing => "nothing changed".into(),
            Self::Share(share) => format!("+{} % for each message", (share * 1e3).round() / 10.0),
            Self::Some { one_in, times } => format!("1 of {one_in} messages {times} times as slow"),
        }
    }
}

impl FromStr for Injected {
    type Err = String;

    /// `3%` is a share, `0%` is nothing, and `10x@1/100` is one message of a hundred ten times as slow.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no cost: write a share of up to 1000%, such as 3%, or 10x@1/100 for one message of a hundred"
            )
        };
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
            return match percent {
                0.0 => Ok(Self::Nothing),
                _ if percent > 0.0 && percent <= 1_000.0 => Ok(Self::Share(percent / 100.0)),
                _ => Err(wrong()),
            };
        }
        let (times, one_in) = text.split_once("x@1/").ok_or_else(wrong)?;
        let (times, one_in): (f64, u32) =
            (times.trim().parse().map_err(|_| wrong())?, one_in.trim().parse().map_err(|_| wrong())?);
        let is_cost = times > 1.0 && times <= 1e6 && one_in > 0;
        is_cost.then_some(Self::Some { one_in, times }).ok_or_else(wrong)
    }
}

/// What a comparison counts as: the first of these that holds for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// A gate is a regression. The comparison blocks a change, valid or not.
    Regression,
    /// A gate is an improvement, whatever the others are.
    Improvement,
    /// A run was invalid, or a copy of the base differed from it.
    Invalid,
    /// A gate is inconclusive or not judged.
    Inconclusive,
    /// All gates are *no change*.
    NoChange,
}

impl Counted {
    /// All, in the order in which they are asked.
    pub const ALL: [Self; 5] =
        [Self::Regression, Self::Improvement, Self::Invalid, Self::Inconclusive, Self::NoChange];

    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Improvement => "improvement",
            Self::Invalid => "invalid",
            Self::Inconclusive => "inconclusive",
            Self::NoChange => "no_change",
        }
    }
}

/// What one comparison said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What it counts as.
    pub counted: Counted,
    /// Judged figures of all rows.
    pub gates: usize,
    /// Figures that were regressions, once for each row.
    pub regressions: Vec<Metric>,
    /// Figures that were improvements, once for each row.
    pub improvements: Vec<Metric>,
    /// Pairs of its shortest row.
    pub pairs: usize,
    /// CPU time per message of the head as a multiple of the base's; of several rows the median.
    pub cpu_ratio: Option<f64>,
    /// How long it took, in s.
    pub took_s: f64,
}

impl Said {
    /// What a comparison says that took so long.
    #[must_use]
    pub fn of(comparison: &Comparison, took_s: f64) -> Self {
        let gates = || comparison.rows.iter().flat_map(|row| &row.gates);
        let cpu = [Metric::CpuPerMessage, Metric::CpuPerFlow];
        let ratios: Vec<f64> =
            gates().filter(|gate| cpu.contains(&gate.metric)).map(|gate| gate.ratio).collect();
        let that = |verdict| gates().filter(move |gate| gate.verdict == verdict).map(|gate| gate.metric);
        let (regressions, improvements): (Vec<Metric>, Vec<Metric>) =
            (that(Verdict::Regression).collect(), that(Verdict::Improvement).collect());
        // The comparison's own verdict is not enough: an improvement of one gate hides behind an inconclusive one.
        let counted = match comparison.verdict {
            _ if !regressions.is_empty() => Counted::Regression,
            _ if !improvements.is_empty() => Counted::Improvement,
            _ if comparison.is_invalid() => Counted::Invalid,
            Verdict::NoChange => Counted::NoChange,
            _ => Counted::Inconclusive,
        };
        Self {
            counted,
            gates: gates().filter(|gate| gate.verdict != Verdict::NotJudged).count(),
            regressions,
            improvements,
            pairs: comparison.rows.iter().map(|row| row.pairs).min().unwrap_or(0),
            cpu_ratio: stats::median(&ratios),
            took_s,
        }
    }
}

/// Comparisons with the same answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What was put in.
    pub injected: Injected,
    /// What each comparison said.
    pub said: Vec<Said>,
}

impl Case {
    /// How many count as this.
    #[must_use]
    pub fn count(&self, as_what: Counted) -> usize {
        self.said.iter().filter(|said| said.counted == as_what).count()
    }

    /// Judged figures of all comparisons, and how many of them were a regression or an improvement.
    #[must_use]
    pub fn gates(&self) -> (usize, usize) {
        let changed = |said: &Said| said.regressions.len() + said.improvements.len();
        (self.said.iter().map(|said| said.gates).sum(), self.said.iter().map(changed).sum())
    }

    /// How many found a regression in any gate, and the 95 % interval of the chance of that.
    #[must_use]
    pub fn regressions(&self) -> (usize, (f64, f64)) {
        let count = self.count(Counted::Regression);
        (count, stats::share_interval(count, self.said.len(), 0.95))
    }

    /// CPU time per message as a multiple of the base's, in the median: what the cost that was put in came to.
    #[must_use]
    pub fn cpu_ratio(&self) -> Option<f64> {
        stats::median(&self.said.iter().filter_map(|said| said.cpu_ratio).collect::<Vec<_>>())
    }

    /// How long a comparison took in the median, in s. `None`: there was none.
    #[must_use]
    pub fn took_s(&self) -> Option<f64> {
        stats::median(&self.said.iter().map(|said| said.took_s).collect::<Vec<_>>())
    }

    /// The figures that were regressions, each with the number of comparisons, the most frequent first.
    #[must_use]
    pub fn found_by(&self) -> Vec<(Metric, usize)> {
        let mut found: Vec<(Metric, usize)> = Vec::new();
        for said in &self.said {
            let mut seen = Vec::new();
            for metric in &said.regressions {
                if seen.contains(metric) {
                    continue;
                }
                seen.push(*metric);
                match found.iter_mut().find(|(known, _)| known == metric) {
                    Some((_, count)) => *count += 1,
                    None => found.push((*metric, 1)),
                }
            }
        }
        found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        found
    }
}

/// A row that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct ProofRow {
    /// Its name.
    pub name: String,
    /// CPU time of a message in it, by which costs were put in, in ns.
    pub message_ns: f64,
}

/// All comparisons.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// The rows that were measured.
    pub rows: Vec<ProofRow>,
    /// Largest number of pairs of a comparison.
    pub pairs: usize,
    /// One for each cost.
    pub cases: Vec<Case>,
    /// Why it is not complete; `None`: it is.
    pub partial: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_are_counted_by_what_they_said() {
        let said = |counted, regressions: &[Metric], cpu_ratio| Said {
            counted,
            gates: 6,
            regressions: regressions.to_vec(),
            improvements: Vec::new(),
            pairs: 20,
            cpu_ratio: Some(cpu_ratio),
            took_s: 10.0 * cpu_ratio,
        };
        let better = Said { improvements: vec![Metric::P90], ..said(Counted::Improvement, &[], 1.0) };
        let case = Case {
            injected: Injected::Share(0.03),
            said: vec![
                said(Counted::Regression, &[Metric::P50, Metric::P99, Metric::P50], 1.04),
                said(Counted::Regression, &[Metric::P50], 1.03),
                said(Counted::Invalid, &[], 1.0),
                better,
                said(Counted::NoChange, &[], 1.05),
            ],
        };
        assert_eq!(Counted::ALL.map(|counted| case.count(counted)), [2, 1, 1, 0, 1]);
        assert_eq!(case.gates(), (30, 5));
        assert_eq!(case.found_by(), [(Metric::P50, 2), (Metric::P99, 1)]);
        assert_eq!(case.cpu_ratio(), Some(1.03));
        assert_eq!(case.took_s(), Some(10.3));
        let (count, (low, high)) = case.regressions();
        assert!(count == 2 && low < 0.06 && high > 0.85, "{low} {high}");
        assert_eq!(Injected::Share(0.03).words(), "+3 % for each message");
        assert_eq!(Injected::USUAL[4].words(), "1 of 100 messages 10 times as slow");
    }

    #[test]
    fn a_cost_is_read_as_it_is_meant() {
        let read: Vec<Injected> =
            ["0%", "1%", "3 %", "5%", "10x@1/100"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(read, Injected::USUAL);
        assert_eq!("2.5x@1/7".parse(), Ok(Injected::Some { one_in: 7, times: 2.5 }));
        for wrong in
            ["", "3", "-1%", "NaN%", "1001%", "inf%", "1x@1/5", "10x@1/0", "x@1/2", "10x@2/100", "10x"]
        {
            let refused = wrong.parse::<Injected>().unwrap_err();
            assert!(refused.starts_with(&format!("`{wrong}` is no cost")), "{refused}");
        }
    }
}
