//! How a lane records the ends of flows.

use super::Recorder;
use crate::message::{Message, NOT_SENT, stamp_of};
use drumpost_defects::{Defect, is_in};

/// Ends in a row that are recorded together: of flows of one origin, due and handed over together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EndRun {
    due_ns: u64,
    first_sent_and_origin: u64,
    origin: u16,
    /// Read by what discards them, too.
    pub(super) times: u32,
}

impl Recorder {
    /// Notes that the flow of `cause` ended.
    #[inline]
    pub(crate) fn end(&mut self, cause: &Message, now_ns: u64) {
        let (due_ns, first_sent_and_origin) = (cause.due_ns(), cause.first_sent_and_origin());
        if due_ns != self.ends.due_ns || first_sent_and_origin != self.ends.first_sent_and_origin {
            self.close_ends(now_ns);
            self.ends = EndRun { due_ns, first_sent_and_origin, origin: cause.origin(), times: 0 };
        }
        self.ends.times += 1;
    }

    /// Records the ends of a batch, all at `now_ns`.
    #[inline]
    pub(crate) fn close_ends(&mut self, now_ns: u64) {
        if self.ends.times > 0 {
            self.record_ends_apart(now_ns);
        }
    }

    /// As [`Recorder::close_ends`], for the place where nearly all ends are recorded if batches are small: without a call.
    #[inline(always)]
    pub(crate) fn close_ends_received(&mut self, now_ns: u64) {
        if self.ends.times > 0 {
            self.record_ends(now_ns);
        }
    }

    #[inline(never)]
    fn record_ends_apart(&mut self, now_ns: u64) {
        self.record_ends(now_ns);
    }

    #[inline(always)]
    fn record_ends(&mut self, now_ns: u64) {
        let EndRun { due_ns, first_sent_and_origin, origin, times } = self.ends;
        self.ends.times = 0;
        self.ends_unpublished = true;
        self.local.ended += u64::from(times);
        let number = self.origins.get(usize::from(origin)).copied().unwrap_or(u16::MAX);
        if let Some(ended) = self.ended.get_mut(usize::from(number)) {
            *ended += u64::from(times);
        } else if number != u16::MAX {
            self.note_ended_now(number, times);
        }
        if due_ns >= self.measure_from_ns {
            // Where it starts a flow may end, too, and was then never handed over: it took no time in service.
            let sent_ns =
                Some(stamp_of(first_sent_and_origin)).filter(|ns| *ns != NOT_SENT).unwrap_or(now_ns);
            self.note_negative(now_ns, sent_ns, times);
            self.local.measured_ended += u64::from(times);
            self.local.last_end_ns = self.local.last_end_ns.max(now_ns);
            let (response_from_ns, service_from_ns) = match is_in(Defect::Inverted) {
                true => (sent_ns, due_ns),
                false => (due_ns, sent_ns),
            };
            self.latencies.response.record_n(now_ns.saturating_sub(response_from_ns), times);
            self.latencies.service.record_n(now_ns.saturating_sub(service_from_ns), times);
            self.latencies.lag.record_n(sent_ns.saturating_sub(due_ns), times);
        } else {
            self.local.carried_ns += now_ns.saturating_sub(self.measure_from_ns) * u64::from(times);
        }
    }

    /// For lanes of which many are on tasks. Out of line, so that the others do not carry the code that makes room.
    #[inline(never)]
    pub(super) fn note_ended_now(&mut self, number: u16, times: u32) {
        self.ended_now.push((number, times));
    }
}
