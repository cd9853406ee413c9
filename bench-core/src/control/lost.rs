//! The instances that have no connection: they lost it, or were to return and could not connect. An instance is none of them while it is
//! away as the plan says.

use crate::sync::Mutex;
use std::{sync::PoisonError, time::Duration};

/// An instance that tries to connect.
#[derive(Debug)]
struct Away {
    lane: u16,
    since_ns: u64,
    /// The cause why the instance lost its connection, such as a kill.
    what: String,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Lost(Mutex<Vec<Away>>);

impl Lost {
    /// Notes that the instance of a lane has had no connection since then, on the run's clock, because of `what`. Of what is noted
    /// until it connects, the first counts.
    pub fn note(&self, lane: u16, since_ns: u64, what: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.iter().all(|away| away.lane != lane) {
            all.push(Away { lane, since_ns, what: what.to_owned() });
        }
    }

    /// Notes that the instance of a lane has connected.
    pub fn is_back(&self, lane: u16) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|away| away.lane != lane);
    }

    /// Says at the drain deadline which instance has had no connection for the longest time; `None`: all have one. The load began at
    /// `begins_ns`, and `instance` names the instance of a lane.
    pub(super) fn sentence<'a>(
        &self,
        instance: impl Fn(u16) -> &'a str,
        begins_ns: u64,
        now_ns: u64,
    ) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Away { lane, since_ns, what } = all.iter().min_by_key(|away| away.since_ns)?;
        let [since, lasts] = [since_ns.saturating_sub(begins_ns), now_ns.saturating_sub(*since_ns)]
            .map(|ns| Duration::from_micros(ns / 1000));
        let others = match all.len() - 1 {
            0 => String::new(),
            1 => "; another instance had no connection, either".to_owned(),
            count => format!("; {count} other instances had no connection, either"),
        };
        Some(format!(
            "{}: it did not come back after {what}; at the drain deadline it had tried to connect for {lasts:?}, since {since:?} after \
             the start of the load{others}",
            instance(*lane)
        ))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn said(lost: &Lost) -> Option<String> {
        lost.sentence(|lane| ["gateway", "worker#0", "worker#1"][usize::from(lane)], 100 * MS, 900 * MS)
    }

    #[test]
    fn the_instance_is_named_that_has_been_away_for_the_longest_time() {
        let lost = Lost::default();
        assert_eq!(said(&lost), None);
        lost.note(2, 400 * MS, "the line was cut");
        lost.note(2, 700 * MS, "a kill");
        let alone = "worker#1: it did not come back after the line was cut; at the drain deadline it had tried to connect for 500ms, \
                     since 300ms after the start of the load";
        assert_eq!(said(&lost).as_deref(), Some(alone));
        lost.note(1, 401 * MS, "the line was cut");
        assert_eq!(said(&lost), Some(format!("{alone}; another instance had no connection, either")));
        lost.note(0, 402 * MS, "the line was cut");
        assert_eq!(said(&lost), Some(format!("{alone}; 2 other instances had no connection, either")));
        lost.is_back(2);
        assert!(said(&lost).is_some_and(|said| said.starts_with("worker#0: ") && said.contains("for 499ms")));
        lost.is_back(0);
        lost.is_back(1);
        assert_eq!(said(&lost), None);
    }
}
