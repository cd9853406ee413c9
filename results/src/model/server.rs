//! CPU time and memory of a server on this machine during a trial, and the other processes that were busy.
//!
//! Lives here: the types and the figures derived from them. Does not live here: finding and reading processes (the
//! command line).

use super::{Run, per_s};

/// A process of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u64,
    /// The name of its program, as the system has it.
    pub name: String,
}

/// A process that used processor time beside the trial and is neither the harness nor the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Busy {
    /// Which one.
    pub process: Process,
    /// Processor time it used during the trial.
    pub cpu_ns: u64,
    /// Whether most of this was used by processes that it started and that have ended since, as a build does.
    pub by_children: bool,
}

/// CPU time and memory of the server over the measured window of a trial, and the messages and flows of the same time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Server {
    /// The product: `nats-server`. Empty: the transport does not tell.
    pub product: String,
    /// The version it told over the connection.
    pub version: Option<String>,
    /// How it was found: `listens on 127.0.0.1:4222`, `--observe nats-server`.
    pub found_by: String,
    /// Its processes on this machine. Figures are their sum.
    pub processes: Vec<Process>,
    /// Why there are no figures, a sentence; `None` if there are.
    pub missing: Option<String>,
    /// Whether it may run on cores that the harness may run on, too.
    pub shares_cores: bool,
    /// Length of the window, in ns.
    pub window_ns: u64,
    /// Its processor time over the window, in ns.
    pub cpu_ns: Option<u64>,
    /// Processor time of its busiest thread over the window, in ns.
    pub busiest_thread_ns: Option<u64>,
    /// Messages that the harness sent in the window.
    pub messages: u64,
    /// Flows that ended in the window.
    pub flows: u64,
    /// Resident memory at the end of the window, in bytes.
    pub memory_bytes: Option<u64>,
    /// The most resident memory in the window, in bytes.
    pub memory_peak_bytes: Option<u64>,
    /// TCP connections that this process had open to the server's address, at the end of the window or at its beginning, whichever was
    /// more: those of the load, and those over which transports set up, ask and tidy up. `None`: the address or the system's list is not
    /// known.
    pub connections: Option<u64>,
}

/// Figures of a server over all counted trials of a run: totals divided by totals.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ServerFigures {
    /// Its processor time per message that the harness sent, in ns.
    pub cpu_ns_per_message: Option<f64>,
    /// Cores it kept busy, on average.
    pub cores: Option<f64>,
    /// Flows ended per second of its processor time: throughput per core that it kept busy.
    pub flows_per_core_s: Option<f64>,
    /// Resident memory at the end of the last trial, in bytes.
    pub memory_bytes: Option<u64>,
    /// The most resident memory in any trial's window, in bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Share of a core that its busiest thread used, of the trial where that was most.
    pub busiest_thread: Option<f64>,
    /// Connections that this process had open to it, of the trial where they were most.
    pub connections: Option<u64>,
}

impl ServerFigures {
    /// The figures of a run; `None` if no counted trial observed a server. A figure is `None` if any trial lacks it.
    #[must_use]
    pub fn of(run: &Run) -> Option<Self> {
        let servers: Vec<&Server> = run.counted_trials().filter_map(|trial| trial.server.as_ref()).collect();
        let last = servers.last()?;
        let sum = |of: fn(&Server) -> u64| servers.iter().map(|server| of(server)).sum::<u64>();
        let cpu_ns = servers.iter().map(|server| server.cpu_ns).sum::<Option<u64>>();
        let (messages, flows) = (sum(|server| server.messages), sum(|server| server.flows));
        let window_ns = sum(|server| server.window_ns);
        let busiest = |server: &&Server| {
            let ns = server.busiest_thread_ns?;
            (server.window_ns > 0).then(|| ns as f64 / server.window_ns as f64)
        };
        Some(Self {
            cpu_ns_per_message: cpu_ns.filter(|_| messages > 0).map(|ns| ns as f64 / messages as f64),
            cores: cpu_ns.filter(|_| window_ns > 0).map(|ns| ns as f64 / window_ns as f64),
            flows_per_core_s: cpu_ns.and_then(|ns| per_s(flows, u128::from(ns))).filter(|_| flows > 0),
            memory_bytes: last.memory_bytes,
            memory_peak_bytes: servers.iter().filter_map(|server| server.memory_peak_bytes).max(),
            busiest_thread: servers.iter().filter_map(busiest).max_by(f64::total_cmp),
            connections: servers.iter().filter_map(|server| server.connections).max(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Status, Trial};

    fn trial(cpu_ns: Option<u64>, messages: u64, window_ns: u64) -> Trial {
        let server = Server {
            window_ns,
            cpu_ns,
            messages,
            flows: messages / 2,
            memory_bytes: Some(messages),
            memory_peak_bytes: Some(10 * messages),
            busiest_thread_ns: cpu_ns.map(|ns| ns / 2),
            connections: Some(messages / 100),
            ..Server::default()
        };
        Trial { server: Some(server), ..Trial::default() }
    }

    #[test]
    fn figures_of_a_server_are_totals_over_totals() {
        let second = 1_000_000_000;
        let trials = vec![
            trial(Some(second / 2), 1_000, second),
            Trial { status: Status::Failed, ..trial(Some(second), 1, second) },
            trial(Some(second / 4), 500, second / 2),
        ];
        let figures = ServerFigures::of(&Run { trials, ..Run::default() }).unwrap();
        assert_eq!(figures.cpu_ns_per_message, Some(500_000.0));
        assert_eq!(figures.cores, Some(0.5));
        assert_eq!(figures.flows_per_core_s, Some(1_000.0));
        assert_eq!((figures.memory_bytes, figures.memory_peak_bytes), (Some(500), Some(10_000)));
        assert_eq!((figures.busiest_thread, figures.connections), (Some(0.25), Some(10)));
    }

    #[test]
    fn what_one_trial_does_not_know_is_unknown_and_no_server_has_no_figures() {
        let trials = vec![trial(Some(1), 1, 1), trial(None, 1, 1)];
        let figures = ServerFigures::of(&Run { trials, ..Run::default() }).unwrap();
        assert_eq!((figures.cpu_ns_per_message, figures.cores), (None, None));
        assert_eq!(ServerFigures::of(&Run { trials: vec![Trial::default()], ..Run::default() }), None);
        let idle = Run { trials: vec![trial(Some(0), 0, 0)], ..Run::default() };
        assert_eq!(ServerFigures::of(&idle).unwrap().flows_per_core_s, None);
    }
}
