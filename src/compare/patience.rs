//! How long a trial of a comparison may be silent, and how long it may take.

use super::rows::Row;
use crate::run::child::{self, Patience};
use std::time::Duration;

/// A program that hangs is ended this long after the end of the time of `--within`, and after the time of its drain.
const GRACE: Duration = Duration::from_secs(30);

/// A trial whose length is not known before, as in virtual time or where a number of flows ends it, may take this long and as much longer
/// as it may be silent.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// How long a trial may be silent, and how long it may take. Towards the end of the time of `--within`, a program that hangs gets less.
/// A program that tells of events for ever is ended when it takes as much longer than its load as it may be silent.
pub(super) fn patience(left: Option<Duration>, row: &Row) -> Patience {
    let usual = child::silence(row.drain);
    let left = left.map(|left| left.saturating_add(GRACE).saturating_add(row.drain));
    // In whole seconds, because an error says how long it was.
    let silence = Duration::from_secs(left.map_or(usual, |left| left.min(usual)).as_secs());
    let in_all = Duration::from_secs(row.lasts.unwrap_or(LONGEST).as_secs()).saturating_add(silence);
    Patience { silence, in_all: Some(in_all) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Document;

    #[test]
    fn a_trial_that_hangs_outlasts_the_time_by_a_grace_and_its_drain() {
        let s = Duration::from_secs;
        let patience = |left, lasts: Option<u64>| {
            let (name, scenario, fields) = (String::new(), String::new(), Document::new());
            let lasts = lasts.map(s);
            let row = Row { name, scenario, base: fields.clone(), head: fields, drain: s(10), lasts };
            let Patience { silence, in_all } = patience(left, &row);
            (silence.as_secs(), in_all.map(|in_all| in_all.as_secs()))
        };
        assert_eq!(patience(None, None), (130, Some(3_730)));
        assert_eq!(patience(None, Some(2)), (130, Some(132)));
        assert_eq!(patience(Some(s(300)), Some(2)), (130, Some(132)));
        assert_eq!(patience(Some(Duration::from_millis(5_900)), Some(60)), (45, Some(105)));
        assert_eq!(patience(Some(Duration::ZERO), None), (40, Some(3_640)));
    }
}
