//! The cases that are compared.

use crate::{
    flow, flow_tasks, flow_threads, hop, lanes,
    trial::{Ran, Trial},
};
use drumpost_core::plan::Placement;

pub(crate) const BATCHES: [usize; 4] = [1, 16, 64, 256];

/// One flow over one transport, both ways.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) payload_len: u32,
    /// Flows of one run of the table; at batch 1 fewer, for about the same time.
    pub(crate) flows: u64,
    /// All of a flow runs on one thread, so that its processor time says what it costs.
    pub(crate) on_one_thread: bool,
    pub(crate) by_hand: fn(&Trial) -> Ran,
    pub(crate) lanes: fn(&Trial) -> Ran,
}

const ONE: Placement = Placement::Threads(1);
const STREAM: &str = "stream";
const FLOW: &str = "order-authorization";

pub(crate) const CASES: [Case; 6] = [
    Case {
        name: "hop, rtrb, one thread",
        payload_len: 0,
        flows: 200_000,
        on_one_thread: true,
        by_hand: hop::over_ring,
        lanes: |trial| lanes::run(trial, STREAM, "rtrb", ONE),
    },
    Case {
        name: "hop, crossbeam, one thread",
        payload_len: 0,
        flows: 200_000,
        on_one_thread: true,
        by_hand: hop::over_channel,
        lanes: |trial| lanes::run(trial, STREAM, "crossbeam", ONE),
    },
    Case {
        name: "flow, crossbeam, one thread",
        payload_len: 0,
        flows: 100_000,
        on_one_thread: true,
        by_hand: flow::on_one_thread,
        lanes: |trial| lanes::run(trial, FLOW, "crossbeam", ONE),
    },
    Case {
        name: "flow with 128 B, crossbeam, one thread",
        payload_len: 128,
        flows: 100_000,
        on_one_thread: true,
        by_hand: flow::on_one_thread,
        lanes: |trial| lanes::run(trial, FLOW, "crossbeam", ONE),
    },
    Case {
        name: "flow, crossbeam, threads",
        payload_len: 0,
        flows: 100_000,
        on_one_thread: false,
        by_hand: flow_threads::on_threads,
        lanes: |trial| lanes::run(trial, FLOW, "crossbeam", Placement::Each),
    },
    Case {
        name: "flow, tokio-mpsc, tasks on one worker",
        payload_len: 0,
        flows: 100_000,
        on_one_thread: true,
        by_hand: flow_tasks::on_one_worker,
        lanes: |trial| lanes::run(trial, FLOW, "tokio-mpsc", ONE),
    },
];
