//! Lanes that show no sign of life, and lanes that a full transport blocks.

use super::{Collector, Still};

impl Collector {
    /// Notes which lanes showed no sign of life in an interval of that length. `is_held_up` says whether a lane waits for
    /// a full transport.
    pub(crate) fn note_still(&mut self, interval_ns: u64, is_held_up: impl Fn(u16) -> bool) {
        self.longest = (0, 0);
        for (lane, watched) in self.lanes.iter_mut().enumerate() {
            let counted = watched.counters.progress(watched.ports.len(), watched.heard.len());
            let stood = std::mem::replace(&mut watched.still.counted, counted) == counted;
            let add = |ns: &mut u64, still: bool| *ns = if still { *ns + interval_ns } else { 0 };
            let is_silent = self.histograms[watched.histograms].spare.is_none();
            add(&mut watched.still.silent_ns, stood && is_silent);
            // Of a lane that has not answered yet it is not known whether it waits or hangs.
            if !(stood && is_silent) {
                add(&mut watched.still.held_up_ns, stood && is_held_up(lane as u16));
            }
            let (silent_ns, held_up_ns) = &mut self.longest;
            *silent_ns = watched.still.silent_ns.max(*silent_ns);
            *held_up_ns = watched.still.held_up_ns.max(*held_up_ns);
        }
    }

    /// The lanes that have been silent for so long.
    pub(crate) fn silent_for(&self, ns: u64) -> Vec<u16> {
        if self.longest.0 < ns { Vec::new() } else { self.still_for(ns, |still| still.silent_ns) }
    }

    /// The lanes that a full transport has blocked for so long without anything moving.
    pub(crate) fn held_up_for(&self, ns: u64) -> Vec<u16> {
        if self.longest.1 < ns { Vec::new() } else { self.still_for(ns, |still| still.held_up_ns) }
    }

    fn still_for(&self, ns: u64, of: fn(&Still) -> u64) -> Vec<u16> {
        let all = self.lanes.iter().enumerate().filter(|(_, watched)| of(&watched.still) >= ns);
        all.map(|(lane, _)| lane as u16).collect()
    }
}
