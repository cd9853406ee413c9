//! The fields of confirm times and outages in a document, and their conversion to the memory types and back. FORMAT.md
//! describes them.

#![expect(missing_docs, reason = "FORMAT.md describes every field once, for readers of files and of code")]

use serde::{Deserialize, Serialize};

use super::{FormatError, convert, v1::Times};
use crate::model::{self, ConfirmTimes};

#[derive(Debug, Serialize, Deserialize)]
pub struct Confirms {
    pub destination: String,
    pub confirmed: u64,
    pub refused: u64,
    pub unconfirmed: u64,
    pub confirm_ns: Times,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageCause {
    Absent,
    ConsumerKilled,
    ConnectionKilled,
    ConnectionLost,
    Paused,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Outage {
    pub instance: String,
    pub cause: OutageCause,
    pub at_ns: u64,
    pub away_ns: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_end: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_hand: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

pub(super) fn confirms(own: &[ConfirmTimes]) -> Result<Vec<Confirms>, FormatError> {
    let one = |own: &ConfirmTimes| {
        let ConfirmTimes { destination, confirmed, refused, unconfirmed, time } = own;
        Ok(Confirms {
            destination: destination.clone(),
            confirmed: *confirmed,
            refused: *refused,
            unconfirmed: *unconfirmed,
            confirm_ns: convert::times(time)?,
        })
    };
    own.iter().map(one).collect()
}

pub(super) fn confirms_back(at: &str, wire: Vec<Confirms>) -> Result<Vec<ConfirmTimes>, FormatError> {
    let one = |(i, wire): (usize, Confirms)| {
        let Confirms { destination, confirmed, refused, unconfirmed, confirm_ns } = wire;
        let time = convert::times_back(&format!("{at}.confirms[{i}].confirm_ns"), &confirm_ns)?;
        Ok(ConfirmTimes { destination, confirmed, refused, unconfirmed, time })
    };
    wire.into_iter().enumerate().map(one).collect()
}

impl From<&model::Outage> for Outage {
    fn from(own: &model::Outage) -> Self {
        let model::Outage { instance, cause, at_ns, away_ns, until_end, in_hand, unconfirmed, why } =
            own.clone();
        let cause = match cause {
            model::OutageCause::Absent => OutageCause::Absent,
            model::OutageCause::ConsumerKilled => OutageCause::ConsumerKilled,
            model::OutageCause::ConnectionKilled => OutageCause::ConnectionKilled,
            model::OutageCause::ConnectionLost => OutageCause::ConnectionLost,
            model::OutageCause::Paused => OutageCause::Paused,
        };
        Self { instance, cause, at_ns, away_ns, until_end, in_hand, unconfirmed, why }
    }
}

impl From<Outage> for model::Outage {
    fn from(wire: Outage) -> Self {
        let Outage { instance, cause, at_ns, away_ns, until_end, in_hand, unconfirmed, why } = wire;
        let cause = match cause {
            OutageCause::Absent => model::OutageCause::Absent,
            OutageCause::ConsumerKilled => model::OutageCause::ConsumerKilled,
            OutageCause::ConnectionKilled => model::OutageCause::ConnectionKilled,
            OutageCause::ConnectionLost => model::OutageCause::ConnectionLost,
            OutageCause::Paused => model::OutageCause::Paused,
        };
        Self { instance, cause, at_ns, away_ns, until_end, in_hand, unconfirmed, why }
    }
}
