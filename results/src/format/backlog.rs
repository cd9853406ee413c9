//! The fields of a backlog in a document, and their conversion to the memory types and back. FORMAT.md describes them.

#![expect(missing_docs, reason = "FORMAT.md describes every field once, for readers of files and of code")]

use serde::{Deserialize, Serialize};

use super::{FormatError, convert, v1::Times};
use crate::model;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    PilingUp,
    CatchingUp,
    Afterwards,
}

const NAMES: [Name; 3] = [Name::PilingUp, Name::CatchingUp, Name::Afterwards];

#[derive(Debug, Serialize, Deserialize)]
pub struct Phase {
    pub phase: Name,
    pub from_ns: u64,
    pub until_ns: u64,
    pub sent: u64,
    pub received: u64,
    pub waiting: u64,
    pub started: u64,
    pub late_ns: u64,
    pub blocked_ns: u64,
    pub lag_ns: Times,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_ns: Option<Times>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ServerSaid {
    pub ready: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unacknowledged: Option<u64>,
    pub counted: u64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Limit {
    pub per_s: f64,
    pub held_back_ns: u64,
    pub held_back_share: Option<f64>,
    pub reached: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Backlog {
    pub service: String,
    pub absent: u64,
    pub reached: bool,
    pub joined_ns: Option<u64>,
    pub waiting: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerSaid>,
    pub level: u64,
    pub level_ns: Option<u64>,
    pub left: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    pub catch_up_ns: Option<u64>,
    pub drained_per_s: Option<f64>,
    pub received_per_s: Option<f64>,
    pub phases: Vec<Phase>,
}

impl Backlog {
    /// Every number of it, by name, for a check of how large they are.
    pub(super) fn numbers(&self) -> Vec<(&'static str, u64)> {
        let of_phase = |phase: &Phase| {
            let Phase {
                phase: _,
                from_ns,
                until_ns,
                sent,
                received,
                waiting,
                started,
                late_ns,
                blocked_ns,
                ..
            } = *phase;
            [
                ("phases.from_ns", from_ns),
                ("phases.until_ns", until_ns),
                ("phases.sent", sent),
                ("phases.received", received),
                ("phases.waiting", waiting),
                ("phases.started", started),
                ("phases.late_ns", late_ns),
                ("phases.blocked_ns", blocked_ns),
            ]
        };
        let server =
            self.server.map_or([0; 3], |said| [said.ready, said.unacknowledged.unwrap_or(0), said.counted]);
        let own = [
            ("absent", self.absent),
            ("joined_ns", self.joined_ns.unwrap_or(0)),
            ("waiting", self.waiting),
            ("server.ready", server[0]),
            ("server.unacknowledged", server[1]),
            ("server.counted", server[2]),
            ("level", self.level),
            ("level_ns", self.level_ns.unwrap_or(0)),
            ("left", self.left),
            ("limit.held_back_ns", self.limit.map_or(0, |limit| limit.held_back_ns)),
        ];
        own.into_iter().chain(self.phases.iter().flat_map(of_phase)).collect()
    }

    /// All times of it, by name.
    pub(super) fn times(&self) -> impl Iterator<Item = (&'static str, Option<&Times>)> {
        self.phases.iter().flat_map(|phase| {
            [
                ("backlog.phases.lag_ns", Some(&phase.lag_ns)),
                ("backlog.phases.confirm_ns", phase.confirm_ns.as_ref()),
            ]
        })
    }
}

pub(super) fn backlog(own: &model::Backlog) -> Result<Backlog, FormatError> {
    let phase = |(phase, own): (Name, &model::Phase)| {
        let model::Phase {
            from_ns,
            until_ns,
            sent,
            received,
            waiting,
            started,
            late_ns,
            blocked_ns,
            lag,
            confirm,
        } = own;
        Ok(Phase {
            phase,
            from_ns: *from_ns,
            until_ns: *until_ns,
            sent: *sent,
            received: *received,
            waiting: *waiting,
            started: *started,
            late_ns: *late_ns,
            blocked_ns: *blocked_ns,
            lag_ns: convert::times(lag)?,
            confirm_ns: convert::some_times(confirm)?,
        })
    };
    let phases = NAMES.into_iter().zip(&own.phases).map(phase).collect::<Result<_, FormatError>>()?;
    let model::Backlog {
        service,
        absent,
        is_reached,
        joined_ns,
        waiting,
        server,
        level,
        level_ns,
        left,
        limit,
        ..
    } = own;
    Ok(Backlog {
        service: service.clone(),
        absent: *absent,
        reached: *is_reached,
        joined_ns: *joined_ns,
        waiting: *waiting,
        server: server.map(|said| ServerSaid {
            ready: said.ready,
            unacknowledged: said.unacknowledged,
            counted: said.counted,
        }),
        level: *level,
        level_ns: *level_ns,
        left: *left,
        limit: limit.map(|limit| Limit {
            per_s: limit.per_s,
            held_back_ns: limit.held_back_ns,
            held_back_share: own.held_back_share(),
            reached: own.is_limit_reached(),
        }),
        catch_up_ns: own.catch_up_ns(),
        drained_per_s: own.drained_per_s(),
        received_per_s: own.received_per_s(),
        phases,
    })
}

pub(super) fn backlog_back(at: &str, wire: Backlog) -> Result<model::Backlog, FormatError> {
    let phase = |(i, wire): (usize, Phase)| {
        let Phase {
            phase,
            from_ns,
            until_ns,
            sent,
            received,
            waiting,
            started,
            late_ns,
            blocked_ns,
            lag_ns,
            confirm_ns,
        } = wire;
        let at = format!("{at}.backlog.phases[{i}]");
        if NAMES.get(i) != Some(&phase) {
            let reason = "the phases are piling-up, catching-up and afterwards, in this order".to_owned();
            return Err(FormatError::Content { at, reason });
        }
        Ok(model::Phase {
            from_ns,
            until_ns,
            sent,
            received,
            waiting,
            started,
            late_ns,
            blocked_ns,
            lag: convert::times_back(&format!("{at}.lag_ns"), &lag_ns)?,
            confirm: match &confirm_ns {
                Some(wire) => convert::times_back(&format!("{at}.confirm_ns"), wire)?,
                None => model::Distribution::default(),
            },
        })
    };
    let phases = wire.phases.into_iter().enumerate().map(phase).collect::<Result<_, FormatError>>()?;
    Ok(model::Backlog {
        service: wire.service,
        absent: wire.absent,
        is_reached: wire.reached,
        joined_ns: wire.joined_ns,
        waiting: wire.waiting,
        server: wire.server.map(|said| model::ServerSaid {
            ready: said.ready,
            unacknowledged: said.unacknowledged,
            counted: said.counted,
        }),
        level: wire.level,
        level_ns: wire.level_ns,
        left: wire.left,
        limit: wire.limit.map(|limit| model::Limit { per_s: limit.per_s, held_back_ns: limit.held_back_ns }),
        phases,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{from_json, tests::judged, to_json};
    use crate::model::{Limit, ServerSaid};

    #[test]
    fn a_server_that_does_not_tell_what_it_handed_out_leaves_no_number() {
        let mut record = judged();
        // A number that was told, as older records had it, and none.
        for (unacknowledged, field, is_there) in
            [(Some(0), "\"unacknowledged\": 0", true), (None, "unacknowledged", false)]
        {
            let backlog = record.runs[0].trials[0].backlog.as_mut().unwrap();
            backlog.server = Some(ServerSaid { ready: 4, unacknowledged, counted: 6 });
            let text = to_json(&record).unwrap();
            assert_eq!(text.contains(field), is_there, "{text}");
            assert_eq!(from_json(&text).unwrap(), record);
        }
    }

    #[test]
    fn a_backlog_without_a_limit_has_no_field_for_one() {
        let mut record = judged();
        for (limit, is_there) in [(Some(Limit { per_s: 5e8, held_back_ns: 21 }), true), (None, false)] {
            record.runs[0].trials[0].backlog.as_mut().unwrap().limit = limit;
            let text = to_json(&record).unwrap();
            assert_eq!(text.contains("\"limit\": {"), is_there, "{text}");
            assert_eq!(from_json(&text).unwrap(), record);
        }
    }
}
