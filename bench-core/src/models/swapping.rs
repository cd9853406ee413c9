//! Model of the swap of histograms: no value is lost, none is merged twice, and a collector that asks is served.
//! Also a model of failures: a thread that sees that the run was stopped can read the reason.

use super::{check, spawn};
use crate::{
    control::Control,
    latencies::{HistogramSwap, Latencies},
};
use std::sync::Arc;

#[test]
fn no_value_is_lost_or_merged_twice() {
    const VALUES: u64 = 3;
    check(3, || {
        let swap = Arc::new(HistogramSwap::default());
        let at_lane = Arc::clone(&swap);
        let lane = spawn(move || {
            let mut latencies = Box::new(Latencies::new(0));
            for value in 0..VALUES {
                latencies.response.record_n(value, 1);
                at_lane.serve(&mut latencies);
            }
            latencies
        });
        swap.ask(Box::new(Latencies::new(0)));
        let (mut merged, mut is_out) = (0, true);
        for _ in 0..2 {
            if let Some(mut full) = swap.take() {
                merged += full.response.count();
                full.clear();
                swap.ask(full);
            }
        }
        let mut latencies = lane.join().unwrap();
        // As a lane does when it is next idle: what was asked for is there afterwards.
        swap.serve(&mut latencies);
        while let Some(full) = swap.take() {
            assert!(std::mem::take(&mut is_out), "one set was asked for, and more came");
            merged += full.response.count();
        }
        assert!(!is_out, "the collector was never served, and its spare set is gone");
        assert_eq!(merged + latencies.response.count(), VALUES);
    });
}

#[test]
fn who_sees_the_stop_sees_why() {
    check(3, || {
        let control = Arc::new(Control::default());
        let failing = Arc::clone(&control);
        let lane = spawn(move || failing.fail("the port broke".into()));
        if control.stop.is_stopped() {
            assert_eq!(control.failure().as_deref(), Some("the port broke"));
        }
        lane.join().unwrap();
    });
}
