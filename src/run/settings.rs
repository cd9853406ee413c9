//! The settings of a run in its record, defaults included. Rows with different settings cannot be compared.

use super::job::{Job, Target};
use crate::{
    args::{FaultArgs, Reply, RunArgs},
    secrets,
};
use drumpost_core::{
    drive::Placement,
    load::{Debt, Extent, Pace},
    options::OptionEntry,
    payload::Touch,
    plan::TrialPlan,
    registry::{Confirms, Delivery, Order, Promise, RunsOn},
    scenario::Intent,
    wiring::{WiredService, Wiring},
};
use drumpost_defects::{Defect, is_in};
use drumpost_results::model::{self, Settings};
use drumpost_workloads::arrivals::trace::Trace;
use std::collections::BTreeMap;

/// All settings of one dispatch. Keys end in their unit.
pub(crate) fn of(job: &Job, target: &Target, args: &RunArgs) -> Settings {
    let mut settings = of_pace(job, target, args);
    settings.extend(of_faults(args));
    let plan = &target.plan;
    let mut set = |key: &str, value: drumpost_results::model::Setting| {
        settings.insert(key.to_owned(), value);
    };
    match plan.load.extent {
        Extent::Duration(ns) => {
            set("duration_ns", ns.into());
            // A trace that is shorter ends the load earlier, and the verdict says so.
            let asked_ns = args.duration.map(drumpost_core::clock::as_ns);
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
    set("payload", by_trace(has_sizes, &args.payload).into());
    set("content", args.content.to_string().into());
    set("headers", args.headers.to_string().into());
    set("touch", args.touch.to_string().into());
    set("keys", by_trace(trace.is_some_and(Trace::has_keys), &args.keys).into());
    set("reply", if awaits(args, &plan.wiring) { "await" } else { "async" }.into());
    let (placement, wait) = placement_and_wait(target.runs_on, plan, job.is_virtual);
    set("placement", placement.into());
    set("wait", wait.into());
    set("acks", target.promise.acks.into());
    set("persistence", target.promise.persistence.into());
    set("promise", promise(&target.promise).into());
    if let Some(guarantee) = args.guarantee {
        set("guarantee", guarantee.name().into());
    }
    if !target.promise.acknowledges.is_empty() {
        set("acknowledge", plan.conditions.acks.name().into());
    }
    set("services", services(&plan.wiring).into());
    if let Some(observe) = &target.observe {
        set("observe", observe.to_string().into());
    }
    if let Some(connections) = plan.wiring.connections {
        set("connections", u64::from(connections).into());
    }
    if args.unconfirmed != 1024 {
        set("unconfirmed", u64::from(args.unconfirmed).into());
    }
    // Options in which rows have to agree are settings, their defaults included.
    for option in declared(job, target).filter(|option| option.unfair && !option.secret) {
        if let Some(value) = job.options.get(option.name).or(option.default) {
            set(&format!("option.{}", option.name), secrets::shown(option.name, value).into());
        }
    }
    if is_in(Defect::Unstated) { Settings::new() } else { settings }
}

/// What is done to a trial on request.
fn of_faults(args: &RunArgs) -> Settings {
    let mut settings = Settings::new();
    let mut set = |key: &str, value: drumpost_results::model::Setting| {
        settings.insert(key.to_owned(), value);
    };
    if let Some(kill) = &args.kill {
        set("kill", kill.as_str().into());
    }
    let FaultArgs { link, cut, reset, pause, at } = &args.faults;
    for (name, text) in [("link", link), ("cut", cut), ("reset", reset), ("pause", pause)] {
        if let Some(text) = text {
            set(name, text.as_str().into());
        }
    }
    if !at.is_empty() {
        set("at", secrets::hide(&at.join("; ")).into());
    }
    if let Some(backlog) = &args.backlog {
        set("backlog", backlog.as_str().into());
    }
    if let Some(poison) = &args.poison {
        set("poison", poison.as_str().into());
    }
    if let Some(reconnect) = args.reconnect {
        set("reconnect_ns", drumpost_core::clock::as_ns(reconnect).into());
    }
    settings
}

/// Whether a service waits for replies: `--reply await` asks for it, and this style has requests. In the event style nothing is
/// requested, so nothing is awaited.
fn awaits(args: &RunArgs, wiring: &Wiring) -> bool {
    let has_requests = wiring.destinations.iter().any(|destination| destination.intent == Intent::Request);
    args.reply == Reply::Await && has_requests
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
fn of_pace(job: &Job, target: &Target, args: &RunArgs) -> Settings {
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
            if let Some(columns) = &args.trace_columns {
                set("trace_columns", columns.to_string().into());
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
fn placement_and_wait(runs_on: RunsOn, plan: &TrialPlan, is_virtual: bool) -> (String, String) {
    let lanes = usize::from(plan.wiring.instance_count());
    match runs_on {
        RunsOn::Threads => {
            let placement = match plan.placement {
                Placement::Threads(1) => "all on 1 thread".into(),
                Placement::Threads(count) if count < lanes => format!("on {count} threads"),
                Placement::Threads(_) | Placement::Each => "a thread each".into(),
            };
            (placement, plan.wait.to_string())
        }
        RunsOn::Tasks => (format!("tasks on {} workers", plan.placement.workers()), "the runtime's".into()),
        RunsOn::Inline => ("the publisher's thread".into(), "none".into()),
        RunsOn::Simulation if is_virtual => ("virtual time".into(), "none".into()),
        RunsOn::Simulation => ("a thread each".into(), "native".into()),
    }
}

/// In one line, for the dashboard.
pub(crate) fn text(args: &RunArgs) -> String {
    let touch = if args.touch == Touch::Outside { " · touch outside" } else { "" };
    let headers =
        if args.headers.is_none() { String::new() } else { format!(" · headers {}", args.headers) };
    format!("batch {} · placement {} · wait {}{headers}{touch}", args.batch, args.placement(1), args.wait)
}
