//! The fields of a search in a document, and their conversion to the memory types.
//!
//! FORMAT.md describes the fields. Does not live here: the figures of the holds, which are the runs of the document
//! (`v1`).

use serde::{Deserialize, Serialize};

use super::convert::{settings, settings_back};
use super::{FormatError, v1};
use crate::goal::Goal;
use crate::model::search as own;

#[derive(Debug, Serialize, Deserialize)]
pub struct Search {
    pub goal: String,
    pub settings: v1::Settings,
    pub dispatches: Vec<Searched>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Searched {
    pub dispatch: String,
    pub end: End,
    pub kept_per_s: Option<f64>,
    pub failed_per_s: Option<f64>,
    pub repeats_kept: u32,
    pub knee_per_s: Option<f64>,
    pub probe_per_s: Option<f64>,
    pub holds: Vec<Held>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Held {
    pub run: usize,
    pub rate_per_s: f64,
    pub phase: Phase,
    pub judgement: Option<Judgement>,
    pub reasons: Vec<String>,
    pub disturbance: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Bracket,
    Bisect,
    Repeat,
    Recover,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    Kept,
    Missed,
    /// Missed, and flows were left that did not end.
    Collapsed,
    TooFew,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    Found,
    NeverKept,
    AlwaysKept,
    TooFew,
    OutOfHolds,
    NotRecovered,
    Interrupted,
    Broke,
}

macro_rules! same_words {
    ($($name:ident { $($word:ident),* })*) => { $(
        impl From<own::$name> for $name {
            fn from(own: own::$name) -> Self {
                match own { $(own::$name::$word => Self::$word),* }
            }
        }
        impl From<$name> for own::$name {
            fn from(wire: $name) -> Self {
                match wire { $($name::$word => Self::$word),* }
            }
        }
    )* };
}

same_words! {
    Phase { Bracket, Bisect, Repeat, Recover }
    End { Found, NeverKept, AlwaysKept, TooFew, OutOfHolds, NotRecovered, Interrupted, Broke }
}

impl From<own::Judgement> for Judgement {
    fn from(own: own::Judgement) -> Self {
        match own {
            own::Judgement::Kept => Self::Kept,
            own::Judgement::Missed { collapsed: false } => Self::Missed,
            own::Judgement::Missed { collapsed: true } => Self::Collapsed,
            own::Judgement::TooFew => Self::TooFew,
        }
    }
}

impl From<Judgement> for own::Judgement {
    fn from(wire: Judgement) -> Self {
        match wire {
            Judgement::Kept => Self::Kept,
            Judgement::Missed => Self::Missed { collapsed: false },
            Judgement::Collapsed => Self::Missed { collapsed: true },
            Judgement::TooFew => Self::TooFew,
        }
    }
}

impl From<&own::Search> for Search {
    fn from(search: &own::Search) -> Self {
        Self {
            goal: search.goal.clone(),
            settings: settings(&search.settings),
            dispatches: search.dispatches.iter().map(searched).collect(),
        }
    }
}

fn searched(from: &own::Searched) -> Searched {
    let own::Answer { end, kept_per_s, repeats_kept, failed_per_s } = from.answer;
    let held = |held: &own::Held| Held {
        run: held.run,
        rate_per_s: held.rate_per_s,
        phase: held.phase.into(),
        judgement: held.judgement.map(Into::into),
        reasons: held.reasons.clone(),
        disturbance: held.disturbance.clone(),
    };
    Searched {
        dispatch: from.dispatch.clone(),
        end: end.into(),
        kept_per_s,
        failed_per_s,
        repeats_kept,
        knee_per_s: from.knee_per_s,
        probe_per_s: from.probe_per_s,
        holds: from.holds.iter().map(held).collect(),
    }
}

impl Search {
    /// The memory type, for a document of that many runs.
    pub(super) fn into_memory(self, runs: usize) -> Result<own::Search, FormatError> {
        let bad = |at: String, reason: String| FormatError::Content { at, reason };
        self.goal.parse::<Goal>().map_err(|error| bad("search.goal".into(), error.to_string()))?;
        let held = |held: Held| own::Held {
            run: held.run,
            rate_per_s: held.rate_per_s,
            phase: held.phase.into(),
            judgement: held.judgement.map(Into::into),
            reasons: held.reasons,
            disturbance: held.disturbance,
        };
        let searched = |(i, from): (usize, Searched)| {
            if let Some(missing) = from.holds.iter().find(|held| held.run >= runs) {
                let reason = format!("there is no run {}", missing.run);
                return Err(bad(format!("search.dispatches[{i}].holds"), reason));
            }
            Ok(own::Searched {
                dispatch: from.dispatch,
                answer: own::Answer {
                    end: from.end.into(),
                    kept_per_s: from.kept_per_s,
                    repeats_kept: from.repeats_kept,
                    failed_per_s: from.failed_per_s,
                },
                knee_per_s: from.knee_per_s,
                probe_per_s: from.probe_per_s,
                holds: from.holds.into_iter().map(held).collect(),
            })
        };
        Ok(own::Search {
            goal: self.goal,
            settings: settings_back(self.settings),
            dispatches: self.dispatches.into_iter().enumerate().map(searched).collect::<Result<_, _>>()?,
        })
    }
}
