//! Adds up the counters of lanes.

use crate::counters::Local;

/// The counters of two lanes, or of two groups of lanes, together.
#[expect(clippy::too_many_lines, reason = "two lines for each counter")]
pub(super) fn add(mut all: Local, local: Local) -> Local {
    let Local {
        emitted,
        confirms,
        received,
        again,
        started,
        measured_started,
        ended,
        measured_ended,
        missed,
        shed,
        dropped,
        unrouted,
        corrupted,
        duplicated,
        reordered,
        displacement_max,
        displacement_sum,
        lagged,
        negative,
        beyond_window,
        blocked_ns,
        written_off,
        last_end_ns,
        measured_blocked_ns,
        warmup_emitted,
        late_ns,
        carried_ns,
        awake_ns,
        ended_again,
        redelivered,
        rejected,
        out_of_order,
        unjudged,
        dead,
        dead_ends,
        measured_dead_ends,
        dead_again,
    } = local;
    all.emitted.extend(emitted);
    all.confirms.extend(confirms);
    all.received.extend(received);
    all.again.extend(again);
    all.started += started;
    all.measured_started += measured_started;
    all.ended += ended;
    all.measured_ended += measured_ended;
    all.missed += missed;
    all.shed += shed;
    all.dropped += dropped;
    all.unrouted += unrouted;
    all.corrupted += corrupted;
    all.duplicated += duplicated;
    all.reordered += reordered;
    all.displacement_max = all.displacement_max.max(displacement_max);
    all.displacement_sum += displacement_sum;
    all.lagged += lagged;
    all.negative += negative;
    all.beyond_window += beyond_window;
    all.blocked_ns += blocked_ns;
    all.written_off += written_off;
    all.last_end_ns = all.last_end_ns.max(last_end_ns);
    all.measured_blocked_ns += measured_blocked_ns;
    all.warmup_emitted += warmup_emitted;
    all.late_ns += late_ns;
    all.carried_ns += carried_ns;
    all.awake_ns += awake_ns;
    all.ended_again += ended_again;
    all.redelivered += redelivered;
    all.rejected += rejected;
    all.out_of_order += out_of_order;
    all.unjudged += unjudged;
    all.dead.extend(dead);
    all.dead_ends += dead_ends;
    all.measured_dead_ends += measured_dead_ends;
    all.dead_again += dead_again;
    all
}
