//! The fields of disturbances and of the relay in a document, and their conversion to the memory types and back. FORMAT.md
//! describes them.

#![expect(missing_docs, reason = "FORMAT.md describes every field once, for readers of files and of code")]

use crate::model;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Link {
    pub added_round_trip_ns: u64,
    pub connections: u64,
    pub bytes_there: u64,
    pub bytes_back: u64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disturbing {
    Cut,
    Reset,
    Kill,
    Pause,
    Command,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Disturbance {
    pub kind: Disturbing,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    pub at_ns: u64,
    pub lasts_ns: u64,
    pub before_per_s: f64,
    pub gap_ns: u64,
    pub recover_ns: Option<u64>,
    pub drain_ns: Option<u64>,
}

impl From<&model::Link> for Link {
    fn from(own: &model::Link) -> Self {
        let model::Link { added_round_trip_ns, connections, bytes_there, bytes_back } = *own;
        Self { added_round_trip_ns, connections, bytes_there, bytes_back }
    }
}

impl From<Link> for model::Link {
    fn from(wire: Link) -> Self {
        let Link { added_round_trip_ns, connections, bytes_there, bytes_back } = wire;
        Self { added_round_trip_ns, connections, bytes_there, bytes_back }
    }
}

impl From<&model::Disturbance> for Disturbance {
    fn from(own: &model::Disturbance) -> Self {
        let model::Disturbance { kind, what, at_ns, lasts_ns, before_per_s, gap_ns, recover_ns, drain_ns } =
            own.clone();
        let kind = match kind {
            model::Disturbing::Cut => Disturbing::Cut,
            model::Disturbing::Reset => Disturbing::Reset,
            model::Disturbing::Kill => Disturbing::Kill,
            model::Disturbing::Pause => Disturbing::Pause,
            model::Disturbing::Command => Disturbing::Command,
        };
        Self { kind, what, at_ns, lasts_ns, before_per_s, gap_ns, recover_ns, drain_ns }
    }
}

impl From<Disturbance> for model::Disturbance {
    fn from(wire: Disturbance) -> Self {
        let Disturbance { kind, what, at_ns, lasts_ns, before_per_s, gap_ns, recover_ns, drain_ns } = wire;
        let kind = match kind {
            Disturbing::Cut => model::Disturbing::Cut,
            Disturbing::Reset => model::Disturbing::Reset,
            Disturbing::Kill => model::Disturbing::Kill,
            Disturbing::Pause => model::Disturbing::Pause,
            Disturbing::Command => model::Disturbing::Command,
        };
        Self { kind, what, at_ns, lasts_ns, before_per_s, gap_ns, recover_ns, drain_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields_are_read_back_and_kinds_have_their_words() {
        let link = model::Link { added_round_trip_ns: 1, connections: 2, bytes_there: 3, bytes_back: 4 };
        assert_eq!(model::Link::from(Link::from(&link)), link);
        let all = [
            model::Disturbing::Cut,
            model::Disturbing::Reset,
            model::Disturbing::Kill,
            model::Disturbing::Pause,
            model::Disturbing::Command,
        ];
        for kind in all {
            let own = model::Disturbance {
                kind,
                what: "worker#2".into(),
                at_ns: 1,
                lasts_ns: 2,
                before_per_s: 3.5,
                gap_ns: 4,
                recover_ns: Some(5),
                drain_ns: None,
            };
            let wire = serde_json::to_value(Disturbance::from(&own)).unwrap();
            assert_eq!((&wire["kind"], &wire["drain_ns"]), (&kind.word().into(), &serde_json::Value::Null));
            let back: Disturbance = serde_json::from_value(wire).unwrap();
            assert_eq!(model::Disturbance::from(back), own);
        }
    }
}
