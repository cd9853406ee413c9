//! The settings of a run in its record, defaults included. `results/src/model/settings.rs` says which of them two runs have to share to be
//! compared.

use super::job::{Job, Target};
use crate::{
    secrets,
    spec::{Reply, RunSpec, Said},
};
use drumpost_core::{
    load::{Debt, Extent, Pace},
    options::OptionEntry,
    payload::Touch,
    plan::{Placement, TrialPlan, Wait},
    registry::{Confirms, Delivery, Order, Promise, RunsOn},
    scenario::Intent,
    wiring::{WiredService, Wiring},
};
use drumpost_defects::{Defect, is_in};
use drumpost_results::model::{self, Placed, Settings, Waiting};
use drumpost_workloads::arrivals::trace::Trace;
use serde_json::Value;
use std::collections::BTreeMap;

/// All settings of one dispatch. The key of a number ends in its unit.
pub(crate) fn of(job: &Job, target: &Target, spec: &RunSpec) -> Settings {
    let mut settings = as_said(spec);
    settings.extend(of_pace(job, target, spec));
    settings.extend(of_faults(target, spec));
    let plan = &target.plan;
    let mut set = |key: &str, value: drumpost_results::model::Setting| {
        settings.insert(key.to_owned(), value);
    };
    match plan.load.extent {
        Extent::Duration(ns) => {
            set("duration_ns", ns.into());
            // A trace that is shorter ends the load earlier, and the verdict says so.
            let asked_ns = spec.measure.duration.as_ref().map(|asked| drumpost_core::clock::as_ns(asked.0));
            if let Some(asked_ns) = asked_ns.filter(|asked_ns| *asked_ns > ns) {
                set("duration_asked_ns", asked_ns.into());
            }
        }
        Extent::Count(count) => set("count", count.into()),
    }
    set("warmup_ns", plan.load.warmup_ns.into());
    set("drain_ns", drumpost_core::clock::as_ns(plan.drain_deadline).into());
    set("flow_timeout_ns", plan.load.flow_timeout_ns.into());
    set("batch", (plan.wiring.batch as u64).into());
    set("capacity", (plan.wiring.capacity as u64).into());
    let trace = job.workload.trace();
    let by_trace = |says: bool, flag: &str| if says { "by the trace".to_owned() } else { flag.to_owned() };
    let has_sizes = trace.is_some_and(|trace| trace.max_payload_len().is_some());
    set("payload", by_trace(has_sizes, spec.load.payload.text()).into());
    set("content", (*spec.load.content).to_string().into());
    set("headers", (*spec.load.headers).to_string().into());
    set("touch", (*spec.load.touch).to_string().into());
    set("keys", by_trace(trace.is_some_and(Trace::has_keys), spec.load.keys.text()).into());
    set("reply", if awaits(spec, &plan.wiring) { "await" } else { "async" }.into());
    let (placement, wait) = placement_and_wait(target.runs_on, plan, job.is_virtual);
    set("placement", placement.to_string().into());
    set("wait", wait.to_string().into());
    set("acks", target.promise.acks.into());
    set("persistence", target.promise.persistence.into());
    set("promise", promise(&target.promise).into());
    if let Some(guarantee) = &spec.wiring.guarantee {
        set("guarantee", guarantee.name().into());
    }
    if !target.promise.acknowledges.is_empty() {
        set("acknowledge", plan.conditions.acks.name().into());
    }
    set("services", services(&plan.wiring).into());
    if spec.measure.isolate.0 {
        set("isolate", true.into());
    }
    if let Some(observe) = &target.observe {
        set("observe", observe.to_string().into());
    }
    if let Some(connections) = plan.wiring.connections {
        set("connections", u64::from(connections).into());
    }
    if spec.wiring.unconfirmed.0 != 1024 {
        set("unconfirmed", spec.wiring.unconfirmed.0.into());
    }
    // Options in which rows have to agree are settings, their defaults included.
    for option in declared(job, target).filter(|option| option.unfair && !option.secret) {
        if let Some(value) = job.options.get(option.name).or(option.default) {
            set(&format!("option.{}", option.name), secrets::shown(option.name, value).into());
        }
    }
    if is_in(Defect::Unstated) { Settings::new() } else { settings }
}

/// Fields of a spec that [`as_said`] leaves out. Another function here writes what they come to over a dispatch, or they are no setting, such as
/// `seed`, `trials`, `threshold` and `yes-cost`.
const IN_ANOTHER_SHAPE: &[&str] = &[
    "scenario",
    "dispatch",
    "batch",
    "capacity",
    "placement",
    "wait",
    "reply",
    "guarantee",
    "acks",
    "instances",
    "with",
    "without",
    "connections",
    "unconfirmed",
    "sim",
    "server",
    "set",
    "observe",
    "yes-cost",
    "relay-at",
    "at",
    "reconnect",
    "rate",
    "in-flight",
    "arrivals",
    "trace-columns",
    "senders",
    "window",
    "at-cap",
    "debt",
    "think",
    "payload",
    "content",
    "headers",
    "touch",
    "keys",
    "seed",
    "duration",
    "count",
    "warmup",
    "trials",
    "isolate",
    "drain",
    "flow-timeout",
    "threshold",
];

/// Every other field that was said, as it was said. So a new field is a setting without further work.
fn as_said(spec: &RunSpec) -> Settings {
    let said = spec.document().into_iter().filter(|(key, _)| !IN_ANOTHER_SHAPE.contains(&key.as_str()));
    said.map(|(key, value)| {
        let setting = match value {
            Value::Number(number) if number.is_u64() => number.as_u64().unwrap_or_default().into(),
            Value::String(text) => secrets::hide(&text).into(),
            other => secrets::hide(&other.to_string()).into(),
        };
        (key.replace('-', "_"), setting)
    })
    .collect()
}

/// Commands and times of faults.
fn of_faults(target: &Target, spec: &RunSpec) -> Settings {
    let mut settings = Settings::new();
    let asked = &spec.faults;
    if !asked.at.is_empty() {
        let commands: Vec<&str> = asked.at.iter().map(Said::text).collect();
        settings.insert("at".into(), secrets::hide(&commands.join("; ")).into());
    }
    let said = asked.reconnect.as_ref().map(|time| time.0);
    if let Some(limit) = said.or(target.plan.conditions.reconnect) {
        settings.insert("reconnect_ns".into(), drumpost_core::clock::as_ns(limit).into());
        if said.is_none() {
            settings.insert("reconnect_for".into(), "the guarantee".into());
        }
    }
    settings
}

/// Whether a service waits for replies: `--reply await` asks for it, and this style has requests. In the event style nothing is
/// requested, so nothing is awaited.
fn awaits(spec: &RunSpec, wiring: &Wiring) -> bool {
    let has_requests = wiring.destinations.iter().any(|destination| destination.intent == Intent::Request);
    *spec.wiring.reply == Reply::Await && has_requests
}

/// Services with the number of their instances, of very many the first.
fn services(wiring: &Wiring) -> String {
    const MOST: usize = 64;
    const FIRST: usize = 8;
    let service = |service: &WiredService| match service.instances.len() {
        1 => service.name.clone(),
        several => format!("{}={several}", service.name),
    };
    let instances: Vec<String> = wiring.services.iter().map(service).collect();
    match instances.len().checked_sub(FIRST) {
        Some(others) if instances.len() > MOST => {
            format!("{},and {others} others", instances[..FIRST].join(","))
        }
        _ => instances.join(","),
    }
}

/// The options that a dispatch has, with its scenario's.
fn declared<'a>(job: &'a Job, target: &'a Target) -> impl Iterator<Item = &'static OptionEntry> + 'a {
    target.entry.options.iter().chain(job.scenario_options)
}

/// The options of one dispatch that were set, secrets left out.
pub(crate) fn set_options(job: &Job, target: &Target) -> BTreeMap<String, String> {
    let set = |option: &OptionEntry| {
        let value = job.options.get(option.name)?;
        Some((option.name.to_owned(), secrets::shown(option.name, value)))
    };
    declared(job, target).filter(|option| !option.secret).filter_map(set).collect()
}

/// The promises of the transport under the run's options, in a few words. The audit judges by them.
fn promise(promise: &Promise) -> String {
    let words = [
        if promise.is_lossless() { "no loss" } else { "may lose" },
        match promise.order {
            Order::PerProducer => "in order",
            Order::PerKey => "in order per key",
            Order::PerShard => "in order per shard",
            Order::None => "in any order",
        },
        if promise.may_duplicate() { "may repeat" } else { "once" },
    ];
    words.join(",")
}

/// The promises as the record keeps them.
pub(crate) const fn promises(promise: &Promise) -> model::Promises {
    model::Promises {
        delivery: match promise.delivery {
            Delivery::AtMostOnce => model::Delivery::AtMostOnce,
            Delivery::AtLeastOnce => model::Delivery::AtLeastOnce,
            Delivery::ExactlyOnce => model::Delivery::ExactlyOnce,
            Delivery::Any => model::Delivery::Any,
        },
        order: match promise.order {
            Order::None => model::Order::None,
            Order::PerKey => model::Order::PerKey,
            Order::PerShard => model::Order::PerShard,
            Order::PerProducer => model::Order::PerProducer,
        },
        confirms: match promise.confirms {
            Confirms::None => model::Confirming::None,
            Confirms::Written => model::Confirming::Written,
            Confirms::Leader => model::Confirming::Leader,
            Confirms::Replicated => model::Confirming::Replicated,
            Confirms::Durable => model::Confirming::Durable,
        },
    }
}

/// The settings that determine when flows are started.
fn of_pace(job: &Job, target: &Target, spec: &RunSpec) -> Settings {
    let mut settings = Settings::new();
    let plan = &target.plan;
    let mut set = |key: &str, value: drumpost_results::model::Setting| {
        settings.insert(key.to_owned(), value);
    };
    match plan.load.pace {
        Pace::Closed { in_flight } => {
            set("load", "closed".into());
            set("window", in_flight.into());
            set("think", job.workload.think.map_or_else(|| "none".into(), |think| think.to_string()).into());
        }
        Pace::Open { window } => {
            set("load", "open".into());
            if let Some(arrivals) = &job.workload.arrivals {
                // A trace has no rate that was asked for; its mean is in each trial.
                if let Some(rate) = arrivals.rate() {
                    set("rate_per_s", rate.as_per_s().into());
                }
                set("arrivals", arrivals.to_string().into());
            }
            if let Some(columns) = &spec.load.trace_columns {
                set("trace_columns", (**columns).to_string().into());
            }
            set("senders", u64::from(job.workload.senders).into());
            set("window", if window == u64::MAX { "unlimited".into() } else { window.into() });
            set("at_cap", plan.load.at_cap.name().into());
            match plan.load.debt {
                Debt::Keep => set("debt", "keep".into()),
                Debt::DropAfter { late_ns } => {
                    set("debt", "drop".into());
                    set("debt_late_ns", late_ns.into());
                }
            }
        }
    }
    settings
}

/// The placement of lanes and their wait strategy, as the driver of the transport applies them.
fn placement_and_wait(runs_on: RunsOn, plan: &TrialPlan, is_virtual: bool) -> (Placed, Waiting) {
    let lanes = usize::from(plan.wiring.instance_count());
    match runs_on {
        RunsOn::Threads => {
            let placement = match plan.placement {
                Placement::Threads(count) if count == 1 || count < lanes => Placed::Threads(count),
                Placement::Threads(_) | Placement::Each => Placed::ThreadEach,
            };
            (placement, waiting(plan.wait))
        }
        RunsOn::Tasks => (Placed::Tasks(plan.placement.workers()), Waiting::Runtime),
        RunsOn::Inline => (Placed::Publisher, Waiting::None),
        RunsOn::Simulation if is_virtual => (Placed::Virtual, Waiting::None),
        RunsOn::Simulation => (Placed::ThreadEach, Waiting::Native),
    }
}

const fn waiting(wait: Wait) -> Waiting {
    match wait {
        Wait::Spin => Waiting::Spin,
        Wait::Yield => Waiting::Yield,
        Wait::Park => Waiting::Park,
        Wait::Native => Waiting::Native,
    }
}

/// In one line, for the dashboard.
pub(crate) fn text(spec: &RunSpec) -> String {
    let load = &spec.load;
    let touch = if *load.touch == Touch::Outside { " · touch outside" } else { "" };
    let headers =
        if load.headers.is_none() { String::new() } else { format!(" · headers {}", load.headers) };
    let (batch, wait) = (&spec.wiring.batch, &spec.wiring.wait);
    format!("batch {batch} · placement {} · wait {wait}{headers}{touch}", spec.placement(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_is_left_out_is_a_field() {
        for name in IN_ANOTHER_SHAPE {
            assert!(RunSpec::keys().iter().any(|key| key == name), "{name}");
        }
    }
}
