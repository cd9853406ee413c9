//! Defects seen in other harnesses, one test each: the property holds for what the program measures, and is rejected for
//! what it measures with the defect put in. A property that cannot fail would prove nothing.
//!
//! Defects of the program itself are branches that `drumpost_defects` names. A transport, a schedule and a memory of
//! numbers are put in from outside: the program takes them by a trait, or the test measures any that has one.
//!
//! | row | defect | test | see also |
//! | --- | --- | --- | --- |
//! | a | latency stamped at the actual send | `stamps::a_stall_is_in_the_response` | `oracles::stall` |
//! | b | zero and negative latencies dropped | `stamps::b_zero_and_negative_times_are_counted` | `flows::regression_short_times_are_not_dropped` |
//! | c | the stamp travels differently per transport | `stamps::c_a_stamp_travels_whole` | contract check `stamps`, cheat `stamps-late` |
//! | d | values over the range clamped | `records::d_times_over_the_range_are_counted` | unit tests of `hist` |
//! | e | percentiles from a reservoir | `records::e_percentiles_are_of_all_values` | `oracles::records` |
//! | f | one sample per batch called latency | `records::f_every_flow_of_a_batch_is_a_sample` | |
//! | g | bursts after a pause, or in whole ticks | `load::g_gaps_are_as_planned` | selftest, schedule |
//! | h | a schedule's debt forgotten | `load::h_debt_is_kept_or_told` | unit tests of `load` |
//! | i | the correction flag inverted | `stamps::i_response_is_the_corrected_one` | selftest in CI |
//! | j | the rate still changing in the window | `load::j_the_rate_of_the_window_is_one` | |
//! | k | a failure that exits with 0, or hangs | `program::k_a_failure_has_its_code` | `interrupt`, `nats`, contract check `panic` |
//! | l | unknown keys ignored | `program::l_a_typo_is_refused_with_a_suggestion` | `cli` |
//! | m | the live display steals processor time | `price::m_the_dashboard_costs_little` | `scripts/dashboard-price` |
//! | n | figures from an assumed size | `records::n_derived_figures_agree_with_their_counts` | unit tests of `stats::derived` |
//! | o | an unfair baseline | `program::o_every_row_states_its_settings` | |
//! | p | an exact set of seen keys | `records::p_the_memory_of_the_audit_is_flat` | unit tests of `audit` |
//! | q | the run never says that it is invalid | `program::q_an_overload_is_invalid` | `oracles::queues` |

mod load;
mod price;
mod program;
mod records;
mod stamps;

use drumpost_core::{
    load::{Extent, Feed, LoadPlan, Pace, Start},
    monitor::Unwatched,
    outcome::Outcome,
    payload::Pool,
    plan::TrialPlan,
    registry::Options,
    scenario::Style,
    wiring::{Wiring, WiringSettings},
};
use drumpost_workloads::{ArrivalSpec, KeySpec, PayloadSpec, Rate, WorkloadSpec};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

type Holds = Result<(), String>;

/// `Err` with what is wrong.
fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> Holds {
    if holds { Ok(()) } else { Err(wrong()) }
}

/// Within so much of what is expected.
fn near(figure: f64, expected: f64, off: f64) -> Holds {
    ensure((figure - expected).abs() <= off, || format!("{figure} where {expected} ± {off} is expected"))
}

/// A property that holds for what was measured and not for what the defect makes of it.
#[track_caller]
fn tells_apart<F: ?Sized>(holds: impl Fn(&F) -> Holds, measured: &F, defective: &F) {
    if let Err(wrong) = holds(measured) {
        panic!("the property does not hold: {wrong}");
    }
    assert!(holds(defective).is_err(), "the property does not see the defect");
}

/// A trial of `stream` in message style: an open load at so many a second, or a closed one of one flow.
fn plan(arrivals: Option<ArrivalSpec>, extent: Extent) -> TrialPlan {
    let registry = drumpost::builtin();
    let scenario = Arc::new(registry.scenario("stream").unwrap().made(&Options::default()).unwrap());
    let settings = WiringSettings {
        run_name: "defects".into(),
        with: Vec::new(),
        without: Vec::new(),
        instances: BTreeMap::new(),
        capacity: 4096,
        batch: 1,
        window: None,
        pool: Arc::new(Pool::new(1, 0)),
    };
    let wiring = Wiring::new(&scenario, Style::Message, &settings).unwrap();
    let pace = match arrivals {
        Some(_) => Pace::Open { window: u64::MAX },
        None => Pace::Closed { in_flight: 1 },
    };
    let keys = KeySpec::uniform(16).unwrap();
    let workload =
        WorkloadSpec { seed: 1, arrivals, think: None, senders: 1, payload: PayloadSpec::EMPTY, keys };
    TrialPlan {
        scenario,
        wiring,
        load: LoadPlan {
            pace,
            flow_timeout_ns: Duration::from_hours(20).as_nanos() as u64,
            ..LoadPlan::closed(1, extent)
        },
        feeds: workload.feeds(),
        await_replies: false,
        placement: drumpost_core::plan::Placement::Each,
        wait: drumpost_core::plan::Wait::Park,
        drain_deadline: Duration::from_hours(20),
        sample_every: Duration::from_secs(10),
        conditions: Default::default(),
    }
}

fn constant(per_s: f64) -> Option<ArrivalSpec> {
    Some(ArrivalSpec::Constant(Rate::per_s(per_s).unwrap()))
}

fn poisson(per_s: f64) -> Option<ArrivalSpec> {
    Some(ArrivalSpec::Poisson(Rate::per_s(per_s).unwrap()))
}

/// What a simulated target in virtual time makes of it.
fn measured(sim: &str, plan: &TrialPlan) -> Outcome {
    let mut options = Options::default();
    options.set("sim", sim);
    let registry = drumpost::builtin();
    registry.transport("sim").unwrap().made(&options).unwrap().run(plan, &mut Unwatched).unwrap()
}

/// The plan with a schedule that is not what it should be: `distort` is given when each flow is due and says when it is
/// made due instead, in ns.
fn distorted(plan: &TrialPlan, distort: fn(u64) -> u64) -> TrialPlan {
    struct Distorted(Box<dyn Feed>, fn(u64) -> u64);
    impl Feed for Distorted {
        fn fill(&mut self, starts: &mut Vec<Start>) {
            let from = starts.len();
            self.0.fill(starts);
            starts[from..].iter_mut().for_each(|start| start.after_ns = (self.1)(start.after_ns));
        }
    }
    let feeds = Arc::clone(&plan.feeds);
    TrialPlan {
        feeds: Arc::new(move |member, of| Box::new(Distorted(feeds(member, of), distort))),
        ..plan.clone()
    }
}
