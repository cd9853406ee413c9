//! Replay of a trace: a file says when flows are due, and optionally their payload sizes and keys.
//!
//! The first flow is due when the load begins, whatever its time stamp, and the load ends after the last flow. If k
//! members share the trace, each takes every k-th flow. Only numbers are kept in memory, at most 16 bytes per flow.

mod columns;
mod read;

pub use columns::TraceColumns;

use crate::{column::Column, seed::Member, text::Form, units};
use drumpost_core::load::Start;
use std::{fmt, fs::File, io::BufReader, sync::Arc};

/// How it is written and what it does.
pub const FORM: Form = Form {
    grammar: "trace:FILE[,scale=FACTOR]",
    summary: "CSV lines of seconds[,size[,key]]; or CSV or JSON lines with columns at_s, size and key (other names: --trace-columns)",
};

/// The most flows of a trace: 50 million, which take up to 800 MB.
pub const MAX_FLOWS: usize = 50_000_000;

/// A trace that was read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    path: String,
    scale: f64,
    flows: read::Flows,
}

impl Trace {
    /// From what follows `trace:`. The error is the reason alone.
    pub(super) fn read(text: &str, columns: &TraceColumns) -> Result<Self, String> {
        // Only at the end, as the name of a file may hold anything.
        let (path, scale) = match text.rsplit_once(",scale=") {
            Some((path, scale)) => (path, units::number(scale).ok().filter(|scale| *scale > 0.0)),
            None => (text, Some(1.0)),
        };
        let scale = scale.ok_or("the scale is no number above zero, such as scale=0.5 for twice as fast")?;
        let path = path.trim();
        let file = File::open(path).map_err(|error| format!("cannot open {path}: {error}"))?;
        let mut flows = read::flows(BufReader::with_capacity(1 << 16, file), columns, MAX_FLOWS)
            .map_err(|reason| format!("{path}:{reason}"))?;
        if scale != 1.0 {
            flows
                .after_ns
                .iter_mut()
                .for_each(|after_ns| *after_ns = super::whole_ns(*after_ns as f64 * scale));
        }
        Ok(Self { path: path.to_owned(), scale, flows })
    }

    /// How many flows it has; at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flows.after_ns.len()
    }

    /// Never: a file without flows is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flows.after_ns.is_empty()
    }

    /// When its last flow is due, in ns after its first.
    #[must_use]
    pub fn last_ns(&self) -> u64 {
        self.flows.after_ns.last().copied().unwrap_or(0)
    }

    /// Its longest payload in bytes, if it says how long they are.
    #[must_use]
    pub fn max_payload_len(&self) -> Option<u32> {
        self.flows.sizes.iter().max().copied()
    }

    /// Whether it says which keys flows have.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.flows.keys.is_empty()
    }

    /// Flows due before `at_ns`.
    pub(super) fn flows_by(&self, at_ns: u64) -> usize {
        self.flows.after_ns.partition_point(|after_ns| *after_ns < at_ns)
    }

    /// When the `n`-th flow from 0 is due; the last one if there are fewer.
    pub(super) fn when(&self, n: usize) -> u64 {
        self.flows.after_ns.get(n).copied().unwrap_or_else(|| self.last_ns())
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trace:{}", self.path)?;
        if self.scale == 1.0 { Ok(()) } else { write!(f, ",scale={}", self.scale) }
    }
}

/// One member's flows of a trace.
pub(super) struct Replay {
    trace: Arc<Trace>,
    next: usize,
    step: usize,
}

impl Replay {
    pub(super) fn new(trace: &Arc<Trace>, member: Member) -> Self {
        Self { trace: Arc::clone(trace), next: member.number, step: member.of }
    }
}

impl Column for Replay {
    fn left(&self, wanted: usize) -> usize {
        self.trace.len().saturating_sub(self.next).div_ceil(self.step).min(wanted)
    }

    fn fill(&mut self, starts: &mut [Start]) {
        let read::Flows { after_ns, sizes, keys } = &self.trace.flows;
        for (start, at) in starts.iter_mut().zip((self.next..).step_by(self.step)) {
            start.after_ns = after_ns.get(at).copied().unwrap_or(u64::MAX / 2);
            start.payload_len = sizes.get(at).copied().unwrap_or(start.payload_len);
            start.key = keys.get(at).copied().unwrap_or(start.key);
        }
        self.next += starts.len() * self.step;
    }
}
