//! The course of a backlog: how much had piled up for absent instances, and how they caught up.

use crate::{hist::Distribution, server::Depth};

/// A part of the load in which the service was absent, caught up, or was level.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// Since when, in ns after the load began.
    pub from_ns: u64,
    /// Until when.
    pub until_ns: u64,
    /// Messages sent to the service.
    pub sent: u64,
    /// Messages that its instances received for the first time.
    pub received: u64,
    /// Messages that waited at its end.
    pub waiting: u64,
    /// Flows that were started.
    pub started: u64,
    /// By how much they were started after they were due, summed over flows, in ns.
    pub late_ns: u64,
    /// How long a full transport blocked senders, summed over lanes, in ns.
    pub blocked_ns: u64,
    /// first sent − due, of measured flows that ended in it.
    pub lag: Distribution,
    /// confirmed − sent, of messages of measured flows.
    pub confirm: Distribution,
}

/// The server's last count of waiting messages before the absent instances had joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// All destinations together.
    pub depth: Depth,
    /// Messages that waited by the harness's own count when it heard of that.
    pub counted: u64,
}

/// The limit of a service that catches up, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limited {
    /// Messages a second, all instances of the service together.
    pub per_s: f64,
    /// For how long it held an instance back while the service caught up, on average over the instances, in ns.
    pub held_back_ns: u64,
}

/// The course of a backlog. Times are in ns after the load began.
#[derive(Clone, Debug, Default)]
pub struct Piled {
    /// The service.
    pub service: String,
    /// How many of its instances were absent.
    pub absent: u16,
    /// Whether as much had piled up as was asked for when the load ended.
    pub is_reached: bool,
    /// When all absent instances had joined; `None`: the trial ended before.
    pub joined_ns: Option<u64>,
    /// Messages that waited then.
    pub waiting: u64,
    /// The server's own count of the waiting messages; `None` if it does not tell.
    pub server: Option<Told>,
    /// The backlog is gone when no more messages than these wait.
    pub level: u64,
    /// When it was level first, after they had joined; `None`: not before the load ended.
    pub level_ns: Option<u64>,
    /// Messages that waited when the load ended.
    pub left: u64,
    /// The limit of the service while it caught up, if it had one.
    pub limit: Option<Limited>,
    /// Piling up, catching up, and afterwards, as far as it came to that before the load ended.
    pub phases: Vec<Phase>,
}
