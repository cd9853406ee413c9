//! A lane counts in plain integers. Each counter is declared here once: its published cell, how it adds up over lanes, and whether the
//! audit has it under the same name.

use drumpost_counts::Audit;

/// Counts of one send port: messages that the transport took, and how many it confirmed, refused or rolled back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortConfirms {
    pub taken: u64,
    pub confirmed: u64,
    pub refused: u64,
    /// Of a transaction that was rolled back, whether already sent or still in the outbox.
    pub rolled_back: u64,
}

impl PortConfirms {
    pub(crate) const fn add(&mut self, other: Self) {
        let Self { taken, confirmed, refused, rolled_back } = other;
        self.taken += taken;
        self.confirmed += confirmed;
        self.refused += refused;
        self.rolled_back += rolled_back;
    }

    /// Refused or rolled back: no delivery is expected.
    pub(crate) const fn withdrawn(self) -> u64 {
        self.refused + self.rolled_back
    }
}

/// How a counter adds up over several lanes.
macro_rules! add_up {
    (sum, $all:expr, $one:expr) => {
        $all += $one
    };
    (largest, $all:expr, $one:expr) => {
        $all = $all.max($one)
    };
}

/// Declares the counters that have a cell of their own, in the order of the cells. Those of the second list have the same names in
/// [`Audit`], which explains them.
macro_rules! counters {
    (
        of_lanes { $($(#[$doc:meta])* $name:ident: $adds:tt,)* }
        in_the_audit { $($audited:ident: $audit_adds:tt,)* }
    ) => {
        /// The counts of a lane, in plain integers. Vectors have an entry per send port (`emitted`) or per received destination.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Local {
            pub emitted: Vec<u64>,
            /// By send port; zero where the transport confirms nothing.
            pub confirms: Vec<PortConfirms>,
            pub received: Vec<u64>,
            /// Deliveries whose sequence number was delivered before, or is too old to tell.
            pub again: Vec<u64>,
            /// Dead letters of messages that had not been handled.
            pub dead: Vec<u64>,
            $($(#[$doc])* pub $name: u64,)*
            $(pub $audited: u64,)*
        }

        /// The counters by their cells.
        #[expect(non_camel_case_types, reason = "they are named like the counters")]
        #[derive(Clone, Copy)]
        #[repr(usize)]
        enum Name { $($name,)* $($audited,)* }

        /// The position of each counter among the published cells.
        #[expect(non_upper_case_globals, reason = "they are named like the counters")]
        #[allow(dead_code, reason = "not every counter is read by itself")]
        pub(super) mod cell {
            use super::Name;
            $(pub(in crate::counters) const $name: usize = Name::$name as usize;)*
            $(pub(in crate::counters) const $audited: usize = Name::$audited as usize;)*
        }

        /// How many counters have a cell of their own.
        pub(super) const CELLS: usize = [$(Name::$name,)* $(Name::$audited,)*].len();

        impl Local {
            /// The counters in the order of the published cells.
            #[inline]
            pub(super) const fn cells(&self) -> [u64; CELLS] {
                [$(self.$name,)* $(self.$audited,)*]
            }

            /// Adds the counters of another lane, in the order of the published cells.
            pub(super) fn add_cells(&mut self, cells: [u64; CELLS]) {
                let [$($name,)* $($audited,)*] = cells;
                $(add_up!($adds, self.$name, $name);)*
                $(add_up!($audit_adds, self.$audited, $audited);)*
            }

            /// An audit with the counters of the second list filled in, and the rest zero.
            pub(crate) fn audited(&self) -> Audit {
                Audit { $($audited: self.$audited.into(),)* ..Audit::default() }
            }
        }
    };
}

counters! {
    of_lanes {
        // First those that most batches change. `started` and `measured_started`, and `ended`, `measured_ended` and `last_end_ns`, stay next to each
        // other: they are stored together.
        /// Flows started.
        started: sum,
        /// Of them: flows that were due in the measured window.
        measured_started: sum,
        /// Ends of flows.
        ended: sum,
        /// Of them: ends in the measured window.
        measured_ended: sum,
        /// When the last flow ended.
        last_end_ns: largest,
        /// Due before the load ended and never started, because the sender was too slow.
        missed: sum,
        /// Due while the window was full, and not started for that.
        shed: sum,
        /// Too late when the load got to them, and not started for that.
        dropped: sum,
        /// How long a full transport held the lane up.
        blocked_ns: sum,
        /// Flows that were written off.
        written_off: sum,
        /// Of `blocked_ns`: what lies in the measured window.
        measured_blocked_ns: sum,
        /// Of `emitted`: messages of flows that were due in the warm-up.
        warmup_emitted: sum,
        /// From the later of a flow's due time and the begin of measuring to its start; summed over flows.
        late_ns: sum,
        /// Of flows due in the warm-up: how long they were under way in the measured window; summed over flows.
        carried_ns: sum,
        /// How long the load polled the clock for due times instead of sleeping.
        awake_ns: sum,
        /// How long the limit of a backlog held the lane back. It is known when the limit has ended.
        held_back_ns: sum,
        /// Ends that were not counted, as the message that caused them was delivered before.
        ended_again: sum,
        /// Ends that will not come, because a message became a dead letter.
        dead_ends: sum,
        /// Of them: of measured flows.
        measured_dead_ends: sum,
        /// Deliveries first counted as duplicates whose original was then rolled back. They are subtracted from `duplicated`.
        again_of_none: sum,
    }
    in_the_audit {
        unrouted: sum,
        corrupted: sum,
        duplicated: sum,
        reordered: sum,
        displacement_max: largest,
        displacement_sum: sum,
        lagged: sum,
        negative_deltas: sum,
        beyond_window: sum,
        redelivered: sum,
        rejected: sum,
        out_of_order: sum,
        unjudged: sum,
        dead_again: sum,
    }
}

impl Local {
    /// The counters of two lanes, or of two groups of lanes, together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.add_cells(other.cells());
        let Self { emitted, confirms, received, again, dead, .. } = other;
        self.emitted.extend(emitted);
        self.confirms.extend(confirms);
        self.received.extend(received);
        self.again.extend(again);
        self.dead.extend(dead);
        self
    }
}
