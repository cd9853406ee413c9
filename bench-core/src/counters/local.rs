//! What a lane counts in plain integers, and the order of these counters among the published cells.

/// How many counters have a cell of their own.
pub(super) const FIELDS: usize = 32;

/// Counts of one send port: messages that the transport took, and what it then said of them, if it confirms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortConfirms {
    pub taken: u64,
    pub confirmed: u64,
    pub refused: u64,
}

/// The counts of a lane, in plain integers. Vectors have an entry per send port (`emitted`) or per received destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Local {
    pub emitted: Vec<u64>,
    /// By send port; zero where the transport confirms nothing.
    pub confirms: Vec<PortConfirms>,
    pub received: Vec<u64>,
    /// Of the received: not the first of their number, or that cannot be told.
    pub again: Vec<u64>,
    /// Dead letters of messages that had not been handled.
    pub dead: Vec<u64>,
    pub started: u64,
    pub ended: u64,
    pub measured_started: u64,
    pub measured_ended: u64,
    /// Due in the load's time and never started: the sender could not keep up.
    pub missed: u64,
    /// Due while the window was full, and not started for that.
    pub shed: u64,
    /// Too late when their turn came, and not started for that.
    pub dropped: u64,
    pub unrouted: u64,
    pub corrupted: u64,
    pub duplicated: u64,
    pub reordered: u64,
    pub displacement_max: u64,
    pub displacement_sum: u64,
    pub lagged: u64,
    pub negative: u64,
    pub beyond_window: u64,
    pub blocked_ns: u64,
    pub written_off: u64,
    pub last_end_ns: u64,
    /// Of `blocked_ns`: what lies in the measured window.
    pub measured_blocked_ns: u64,
    /// Of `emitted`: messages of flows that were due in the warm-up.
    pub warmup_emitted: u64,
    /// From when a flow was due, or measuring began, to when the load started it; summed over flows.
    pub late_ns: u64,
    /// Of flows due in the warm-up: how long they were under way in the measured window; summed over flows.
    pub carried_ns: u64,
    /// How long the load waited awake for due times.
    pub awake_ns: u64,
    /// Ends that were not counted, as the message that caused them was delivered before.
    pub ended_again: u64,
    /// Deliveries that the transport marked as repeated.
    pub redelivered: u64,
    /// Deliveries that were given back instead of being handled.
    pub rejected: u64,
    /// After a later message of the same key or shard, where order is promised within them.
    pub out_of_order: u64,
    /// Whose key or shard is not known, where order is promised within them.
    pub unjudged: u64,
    /// Ends that will not come, as a message died that would have led to them.
    pub dead_ends: u64,
    /// Of them: of measured flows.
    pub measured_dead_ends: u64,
    /// Dead letters of messages that had been handled, or had died before.
    pub dead_again: u64,
}

// In the order of the published cells: first those that most batches change.
macro_rules! fields {
    ($on:ident) => {
        [
            $on.started,
            $on.measured_started,
            $on.ended,
            $on.measured_ended,
            $on.last_end_ns,
            $on.missed,
            $on.shed,
            $on.dropped,
            $on.unrouted,
            $on.corrupted,
            $on.duplicated,
            $on.reordered,
            $on.displacement_max,
            $on.displacement_sum,
            $on.lagged,
            $on.negative,
            $on.beyond_window,
            $on.blocked_ns,
            $on.written_off,
            $on.measured_blocked_ns,
            $on.warmup_emitted,
            $on.late_ns,
            $on.carried_ns,
            $on.awake_ns,
            $on.ended_again,
            $on.redelivered,
            $on.rejected,
            $on.out_of_order,
            $on.unjudged,
            $on.dead_ends,
            $on.measured_dead_ends,
            $on.dead_again,
        ]
    };
}
pub(super) use fields;

/// The fields in the order of the published cells.
pub(super) fn fields_mut(local: &mut Local) -> [&mut u64; FIELDS] {
    [
        &mut local.started,
        &mut local.measured_started,
        &mut local.ended,
        &mut local.measured_ended,
        &mut local.last_end_ns,
        &mut local.missed,
        &mut local.shed,
        &mut local.dropped,
        &mut local.unrouted,
        &mut local.corrupted,
        &mut local.duplicated,
        &mut local.reordered,
        &mut local.displacement_max,
        &mut local.displacement_sum,
        &mut local.lagged,
        &mut local.negative,
        &mut local.beyond_window,
        &mut local.blocked_ns,
        &mut local.written_off,
        &mut local.measured_blocked_ns,
        &mut local.warmup_emitted,
        &mut local.late_ns,
        &mut local.carried_ns,
        &mut local.awake_ns,
        &mut local.ended_again,
        &mut local.redelivered,
        &mut local.rejected,
        &mut local.out_of_order,
        &mut local.unjudged,
        &mut local.dead_ends,
        &mut local.measured_dead_ends,
        &mut local.dead_again,
    ]
}
