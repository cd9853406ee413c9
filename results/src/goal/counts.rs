//! Counts of messages and flows as figures of a goal.
//!
//! A count may be uncertain: a message that is counted as unknown may be lost. Such a count is a range, and a term holds only if it
//! holds for both of its ends. Does not live here: how messages are counted (`drumpost-counts`), and the list (`lists`).

use super::figure::Value;
use crate::model::{Audit, Flows, Run};
use crate::stats::Derived;

/// A count that a goal may name.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) name: &'static str,
    source: Source,
    /// Only transports that confirm messages have it.
    pub(super) needs_confirms: bool,
}

#[derive(Debug)]
enum Source {
    /// Of messages, always known.
    Messages(fn(&Audit) -> u64),
    /// Of messages. The second function counts messages that may or may not belong to the first.
    AtLeast(fn(&Audit) -> u64, fn(&Audit) -> u64),
    /// Of messages, where the transport tells. The text says why it is not known.
    Told(fn(&Audit) -> Option<u64>, &'static str),
    Flows(fn(&Flows) -> u64),
}

impl PartialEq for Count {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Count {
    pub(super) const fn messages(name: &'static str, of: fn(&Audit) -> u64) -> Self {
        Self { name, source: Source::Messages(of), needs_confirms: false }
    }

    pub(super) const fn at_least(
        name: &'static str,
        of: fn(&Audit) -> u64,
        uncertain: fn(&Audit) -> u64,
    ) -> Self {
        Self { name, source: Source::AtLeast(of, uncertain), needs_confirms: false }
    }

    pub(super) const fn told(
        name: &'static str,
        of: fn(&Audit) -> Option<u64>,
        why_not: &'static str,
    ) -> Self {
        Self { name, source: Source::Told(of, why_not), needs_confirms: false }
    }

    pub(super) const fn of_confirms(name: &'static str, of: fn(&Audit) -> Option<u64>) -> Self {
        Self { name, source: Source::Told(of, "the record does not say"), needs_confirms: true }
    }

    pub(super) const fn flows(name: &'static str, of: fn(&Flows) -> u64) -> Self {
        Self { name, source: Source::Flows(of), needs_confirms: false }
    }

    /// The count over a run. Messages are those of all trials, also of trials that failed. Flows are those of trials that count.
    pub(super) fn of(&self, run: &Run) -> Value {
        let exactly = |n: u64| Value::Between(n as f64, n as f64);
        if self.needs_confirms && run.audit().confirmed.is_none() {
            return Value::Unknown("the transport confirms nothing".to_owned());
        }
        match self.source {
            Source::Messages(of) => exactly(of(&run.audit())),
            Source::AtLeast(of, uncertain) => {
                let audit = run.audit();
                let least = of(&audit);
                Value::Between(least as f64, least.saturating_add(uncertain(&audit)) as f64)
            }
            Source::Told(of, why_not) => {
                of(&run.audit()).map_or_else(|| Value::Unknown(why_not.to_owned()), exactly)
            }
            Source::Flows(of) => exactly(of(&Derived::of(run).flows)),
        }
    }
}
