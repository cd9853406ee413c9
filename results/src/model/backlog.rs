//! The course of a backlog: messages piled up while instances of a service were absent, and were caught up with when they had joined.
//!
//! Lives here: what a trial tells of it, and the figures that follow. Does not live here: sentences about it (`report`, `verdict`).
//! Times count from the start of the load, warm-up included.

use super::Distribution;

/// A part of the load.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Phase {
    /// Since when.
    pub from_ns: u64,
    /// Until when.
    pub until_ns: u64,
    /// Messages sent to the service.
    pub sent: u64,
    /// Messages that it received for the first time.
    pub received: u64,
    /// Messages that waited at the end.
    pub waiting: u64,
    /// Flows that were started.
    pub started: u64,
    /// By how much they were started after they were due, summed over flows.
    pub late_ns: u64,
    /// How long a full transport blocked the senders, summed over them.
    pub blocked_ns: u64,
    /// First sent − due, of measured flows that ended in it.
    pub lag: Distribution,
    /// Confirmed − sent, of messages of measured flows; empty if the transport confirms nothing.
    pub confirm: Distribution,
}

impl Phase {
    /// How long it took.
    #[must_use]
    pub fn length_ns(&self) -> u64 {
        self.until_ns.saturating_sub(self.from_ns)
    }

    /// Adds the same phase of another trial. Its times become those of a phase that is as long as both together.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            from_ns: _,
            until_ns: _,
            sent,
            received,
            waiting,
            started,
            late_ns,
            blocked_ns,
            lag,
            confirm,
        } = other;
        self.until_ns = self.until_ns.saturating_add(other.length_ns());
        self.sent += sent;
        self.received += received;
        self.waiting += waiting;
        self.started += started;
        self.late_ns += late_ns;
        self.blocked_ns += blocked_ns;
        self.lag.merge(lag);
        self.confirm.merge(confirm);
    }
}

/// The names of the phases, in their order.
pub const PHASES: [&str; 3] = ["piling up", "catching up", "afterwards"];

/// The server's last count of waiting messages before the absent instances had joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerSaid {
    /// Stored and not handed out, all destinations together.
    pub ready: u64,
    /// Handed out and not acknowledged; `None` if the server does not tell.
    pub unacknowledged: Option<u64>,
    /// What waited by the harness's own count when it heard of that.
    pub counted: u64,
}

/// The limit of a service while it caught up (`--catch-up`), and what came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limit {
    /// Messages a second, all instances of the service together.
    pub per_s: f64,
    /// For how long it held an instance back while the service caught up, on average over the instances.
    pub held_back_ns: u64,
}

impl Limit {
    /// Whether so many messages a second are as many as a limit allows. It may be 5 % fewer, because messages are whole and because the
    /// backlog is looked at every 2 ms only.
    #[must_use]
    pub fn is_reached(per_s: f64, received_per_s: f64) -> bool {
        received_per_s >= 0.95 * per_s
    }
}

/// The course of a backlog.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Backlog {
    /// The service.
    pub service: String,
    /// How many of its instances were absent.
    pub absent: u64,
    /// Whether as much had piled up as was asked for when the load ended.
    pub is_reached: bool,
    /// When all absent instances had joined; `None`: never.
    pub joined_ns: Option<u64>,
    /// Messages that waited then.
    pub waiting: u64,
    /// The server's own count of the waiting messages; `None` if it does not tell.
    pub server: Option<ServerSaid>,
    /// The backlog is gone when no more messages than these wait.
    pub level: u64,
    /// When it was level first; `None`: not before the load ended.
    pub level_ns: Option<u64>,
    /// Messages that waited when the load ended.
    pub left: u64,
    /// The limit of the service while it caught up; `None`: it received as fast as it could.
    pub limit: Option<Limit>,
    /// Those of [`PHASES`] that there were before the load ended.
    pub phases: Vec<Phase>,
}

impl Backlog {
    /// From when all had joined until it was level.
    #[must_use]
    pub fn catch_up_ns(&self) -> Option<u64> {
        Some(self.level_ns?.saturating_sub(self.joined_ns?))
    }

    /// The phase of catching up: until it was level, or until the load ended.
    #[must_use]
    pub fn catching_up(&self) -> Option<&Phase> {
        self.phases.get(1)
    }

    /// By how many messages a second the backlog fell: what was received less what arrived. Below zero: it grew.
    #[must_use]
    pub fn drained_per_s(&self) -> Option<f64> {
        let phase = self.catching_up().filter(|phase| phase.length_ns() > 0)?;
        Some((self.waiting as f64 - phase.waiting as f64) * 1e9 / phase.length_ns() as f64)
    }

    /// How many messages the service received per second while it caught up.
    #[must_use]
    pub fn received_per_s(&self) -> Option<f64> {
        let phase = self.catching_up().filter(|phase| phase.length_ns() > 0)?;
        Some(phase.received as f64 * 1e9 / phase.length_ns() as f64)
    }

    /// How many messages arrived per second meanwhile.
    #[must_use]
    pub fn arrived_per_s(&self) -> Option<f64> {
        let phase = self.catching_up().filter(|phase| phase.length_ns() > 0)?;
        Some(phase.sent as f64 * 1e9 / phase.length_ns() as f64)
    }

    /// For which share of the time of catching up the limit held an instance back, on average over the instances.
    #[must_use]
    pub fn held_back_share(&self) -> Option<f64> {
        let phase = self.catching_up().filter(|phase| phase.length_ns() > 0)?;
        Some(self.limit?.held_back_ns as f64 / phase.length_ns() as f64)
    }

    /// Whether the service received as much as its limit allows. If not, its consumers or the transport were slower.
    #[must_use]
    pub fn is_limit_reached(&self) -> Option<bool> {
        Some(Limit::is_reached(self.limit?.per_s, self.received_per_s()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_falls_by_what_is_received_above_what_arrives() {
        let catching = Phase {
            from_ns: 1_000_000_000,
            until_ns: 1_500_000_000,
            sent: 500,
            received: 1_480,
            waiting: 20,
            ..Phase::default()
        };
        let mut backlog = Backlog { joined_ns: Some(1_000_000_000), waiting: 1_000, ..Backlog::default() };
        assert_eq!(
            (backlog.catch_up_ns(), backlog.drained_per_s()),
            (None, None),
            "it had not joined long enough"
        );
        backlog.phases = vec![Phase::default(), catching];
        backlog.level_ns = Some(1_500_000_000);
        assert_eq!(backlog.catch_up_ns(), Some(500_000_000));
        assert_eq!((backlog.drained_per_s(), backlog.received_per_s()), (Some(1_960.0), Some(2_960.0)));
        backlog.phases[1].waiting = 1_500;
        assert_eq!(backlog.drained_per_s(), Some(-1_000.0), "it grew");
    }

    #[test]
    fn a_limit_is_reached_by_what_was_received() {
        let phase = Phase { until_ns: 500_000_000, sent: 500, received: 1_480, ..Phase::default() };
        let mut backlog = Backlog { phases: vec![Phase::default(), phase], ..Backlog::default() };
        assert_eq!((backlog.held_back_share(), backlog.is_limit_reached()), (None, None), "it had none");
        let limit = |per_s| Some(Limit { per_s, held_back_ns: 400_000_000 });
        backlog.limit = limit(3_000.0);
        assert_eq!((backlog.held_back_share(), backlog.is_limit_reached()), (Some(0.8), Some(true)));
        assert_eq!(backlog.arrived_per_s(), Some(1_000.0));
        backlog.limit = limit(3_200.0);
        assert_eq!(backlog.is_limit_reached(), Some(false), "92 % of it");
        backlog.phases.truncate(1);
        assert_eq!(
            (backlog.held_back_share(), backlog.is_limit_reached()),
            (None, None),
            "it caught up with nothing"
        );
    }

    #[test]
    fn phases_of_several_trials_add_up() {
        let phase = |from_ns, until_ns, lag_ns: u64| Phase {
            from_ns,
            until_ns,
            sent: 3,
            received: 2,
            waiting: 1,
            started: 4,
            late_ns: 6,
            blocked_ns: 5,
            lag: Distribution::of([lag_ns]),
            confirm: Distribution::of([lag_ns + 1]),
        };
        let mut all = phase(10, 20, 7);
        all.merge(&phase(100, 130, 9));
        let expected = Phase {
            from_ns: 10,
            until_ns: 50,
            sent: 6,
            received: 4,
            waiting: 2,
            started: 8,
            late_ns: 12,
            blocked_ns: 10,
            lag: Distribution::of([7, 9]),
            confirm: Distribution::of([8, 10]),
        };
        assert_eq!((all.length_ns(), all), (40, expected));
    }
}
