//! Makes a job from flags: dispatches, load, number of trials. Every error of the command line is found here, before
//! anything is opened.

use super::{
    backlog,
    dispatches::dispatches,
    faults::Faults,
    load::{as_ns, check_fits, extent, load_text, sample_every, workload},
    memory,
    options::{options, refuse_undeclared},
    poison, settings,
};
use crate::{
    args::{Reply, RunArgs},
    digest, environment,
    exit::usage,
    host::Observe,
    similar::unknown,
};
use drumpost_core::{
    backlog::Backlog,
    dispatcher::Dispatcher,
    load::{LoadPlan, Pace},
    options::{OptionEntry, Options},
    payload::Pool,
    plan::{Conditions, TrialPlan},
    registry::{Asked, Promise, Registry, RunsOn, ScenarioEntry, TransportEntry},
    scenario::{Scenario, Style},
    wiring::{Wiring, WiringSettings},
};
use drumpost_defects::{Defect, is_in};
use drumpost_dispatch::sim::spec::{SimClock, SimSpec};
use drumpost_results::{
    model::{LoadKind, Record, Run},
    units,
    verdict::Thresholds,
};
use drumpost_workloads::WorkloadSpec;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A dispatch that is to be measured.
pub(crate) struct Target {
    pub label: String,
    pub runs_on: RunsOn,
    /// Its transport.
    pub entry: TransportEntry,
    pub promise: Promise,
    /// The transport connects to a server outside of the process.
    pub needs_server: bool,
    /// Which process its server is, where it has one and it was said.
    pub observe: Option<Observe>,
    /// What is done to each of its trials.
    pub faults: Faults,
    /// The plan of each of its trials, but for the names and seeds that differ.
    pub plan: TrialPlan,
}

/// Everything that a run needs: scenario, dispatches, load, trials.
pub(crate) struct Job {
    pub scenario: Arc<Scenario>,
    pub targets: Vec<Target>,
    pub workload: WorkloadSpec,
    pub options: Options,
    /// The options that its scenario declares.
    pub scenario_options: &'static [OptionEntry],
    pub trials: u32,
    pub seed: u64,
    /// Everything runs in virtual time: no clock, no processor time, no date in the record.
    pub is_virtual: bool,
    pub load_text: String,
    pub settings_text: String,
    pub thresholds: Thresholds,
    /// The record to be, without trials.
    pub record: Record,
}

/// What a command line is resolved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To see whether it can be run, and what it would run.
    Plan,
    Run,
}

impl Job {
    /// Resolves a command line.
    ///
    /// # Errors
    /// A sentence about the first thing that cannot be done as asked.
    pub(crate) fn new(registry: &Registry, args: &RunArgs) -> anyhow::Result<Self> {
        Self::of(registry, args, Purpose::Run)
    }

    /// Resolves a command line as [`Job::new`] does and finds the same mistakes, but makes nothing that only a run needs:
    /// neither the bytes of payloads nor a record. A suite plans thousands of cells, and their payloads may be 64 MiB each.
    ///
    /// # Errors
    /// As [`Job::new`].
    pub(crate) fn planned(registry: &Registry, args: &RunArgs) -> anyhow::Result<Self> {
        Self::of(registry, args, Purpose::Plan)
    }

    fn of(registry: &Registry, args: &RunArgs, purpose: Purpose) -> anyhow::Result<Self> {
        let options = options(registry, args)?;
        let sim: SimSpec =
            args.sim.as_deref().unwrap_or_default().parse().map_err(|e| usage(format!("--sim: {e}")))?;
        let entry = scenario(registry, args)?;
        let scenario_options = entry.options;
        let made = entry.made(&options).map_err(|error| usage(format!("{}: {error}", entry.name)))?;
        let scenario = Arc::new(made);
        let dispatches = dispatches(registry, args, &scenario, &options)?;
        let is_virtual = sim.clock == SimClock::Virtual
            && dispatches.iter().all(|(_, entry)| entry.runs_on == RunsOn::Simulation);
        if args.sim.is_some() && dispatches.iter().all(|(_, entry)| entry.runs_on != RunsOn::Simulation) {
            return Err(usage(format!(
                "--sim is for a simulated transport: add {}",
                simulated(registry).unwrap_or_else(|| "one to this build".into())
            )));
        }
        let workload = workload(args)?;
        let (max_len, headers) = (workload.max_payload_len(), args.headers.shape());
        let pool = Arc::new(match purpose {
            Purpose::Plan => Pool::planned(max_len, headers),
            Purpose::Run => {
                Pool::of(args.seed, max_len, args.content, args.touch).with_headers(args.seed, headers)
            }
        });
        let mut job = Self {
            scenario,
            targets: Vec::new(),
            load_text: load_text(args, &workload),
            workload,
            trials: args.trials.unwrap_or(if is_virtual { 1 } else { 3 }),
            seed: args.seed,
            is_virtual,
            settings_text: String::new(),
            thresholds: args.thresholds.resolve()?,
            record: Record::default(),
            scenario_options,
            options,
        };
        let wiring = wiring_settings(args, &pool)?;
        for (style, entry) in dispatches {
            let target = job.target(args, style, entry, &wiring)?;
            job.targets.push(target);
        }
        observe(args, &job.targets)?;
        let of_targets = job.targets.iter().flat_map(|target| target.entry.options);
        let declared: Vec<_> = of_targets.chain(scenario_options).collect();
        refuse_undeclared(registry, &job.options, &declared)?;
        if purpose == Purpose::Run {
            job.settings_text = settings::text(args);
            job.record = job.empty_record(args);
        }
        Ok(job)
    }

    fn pace(&self, args: &RunArgs, wiring: &Wiring) -> Pace {
        match self.workload.arrivals {
            Some(_) => Pace::Open { window: args.window.or(wiring.safe_window()).unwrap_or(u64::MAX) },
            None => Pace::Closed { in_flight: args.in_flight.unwrap_or(64) },
        }
    }

    fn target(
        &self,
        args: &RunArgs,
        style: Style,
        entry: &TransportEntry,
        wiring: &WiringSettings,
    ) -> anyhow::Result<Target> {
        let label = format!("{style}/{}", entry.name);
        let mut wiring =
            Wiring::new(&self.scenario, style, wiring).map_err(|error| usage(format!("{label}: {error}")))?;
        let made = entry.made(&self.options).map_err(|error| usage(format!("{label}: {error}")))?;
        let asked = Asked { guarantee: args.guarantee, acks: args.acks };
        let promise = made.promise(entry.promise, &asked).map_err(|refused| {
            usage(format!("{label} {refused}; `drumpost list` has the promises of all transports"))
        })?;
        wiring.connections = args.connections.0;
        if wiring.connections.is_some() && !made.shares_connections() {
            return Err(usage(format!(
                "{label}: instances of this transport cannot share connections; leave --connections out"
            )));
        }
        let pace = self.pace(args, &wiring);
        if promise.holds_up_senders {
            wiring.check_deadlock(pace.window()).map_err(|error| usage(format!("{label}: {error}")))?;
        }
        let poison = args.poison.as_deref().map(|text| poison::parse(text, &wiring)).transpose()?;
        let warmup = args.warmup.unwrap_or(Duration::from_millis(if self.is_virtual { 0 } else { 200 }));
        let warmup_ns = as_ns(warmup)?;
        let load = LoadPlan {
            pace,
            warmup_ns,
            extent: extent(args, &self.workload, warmup_ns, self.is_virtual)?,
            flow_timeout_ns: as_ns(args.flow_timeout)?,
            at_cap: args.at_cap.into(),
            debt: args.debt,
            thinks: self.workload.think.is_some(),
        };
        check_fits(&load, &self.workload, args.drain)?;
        let backlog = self.backlog(args, &wiring, &load, (&*made, entry))?;
        let is_virtual = entry.runs_on == RunsOn::Simulation && self.is_virtual;
        let (faults, conditions) = Faults::of(args, &wiring, entry, &load, is_virtual)?;
        let is_threaded = entry.runs_on == RunsOn::Threads;
        let threaded_lanes = if is_threaded { usize::from(wiring.instance_count()) } else { 1 };
        let plan = TrialPlan {
            scenario: Arc::clone(&self.scenario),
            wiring,
            load,
            feeds: self.workload.feeds(),
            await_replies: args.reply == Reply::Await,
            placement: args.placement(threaded_lanes),
            wait: args.wait,
            drain_deadline: args.drain,
            sample_every: sample_every(&load, &self.workload, is_virtual),
            conditions: Conditions {
                backlog,
                poison,
                reconnect: args.reconnect,
                unconfirmed: args.unconfirmed as usize,
                acks: asked.acks(&entry.promise),
                order: promise.order,
                ..conditions
            },
        };
        let observe = args.observe.clone().filter(|_| entry.needs_server);
        memory::check(&plan, entry)?;
        Ok(Target {
            label,
            runs_on: entry.runs_on,
            entry: entry.clone(),
            promise,
            needs_server: entry.needs_server,
            observe,
            faults,
            plan,
        })
    }

    /// The backlog that is asked for. A transport that may lose messages by its own options does not store what waits. What
    /// `--acks before` may lose was handed to a receiver.
    fn backlog(
        &self,
        args: &RunArgs,
        wiring: &Wiring,
        load: &LoadPlan,
        (made, entry): (&dyn Dispatcher, &TransportEntry),
    ) -> anyhow::Result<Option<Backlog>> {
        let Some(text) = &args.backlog else { return Ok(None) };
        if args.kill.is_some() {
            return Err(usage("--backlog and --kill both take instances away: use one of them"));
        }
        let is_stored =
            made.promise(entry.promise, &Asked::default()).is_ok_and(|promise| promise.is_lossless());
        let per_s = self.workload.asked_per_s(load.warmup_ns, load.extent);
        backlog::parse(text, wiring, load, per_s, is_stored).map(Some)
    }

    fn empty_record(&self, args: &RunArgs) -> Record {
        let run = |target: &Target| Run {
            scenario: self.scenario.name.to_owned(),
            dispatch: target.label.clone(),
            load: if self.workload.arrivals.is_some() { LoadKind::Open } else { LoadKind::Closed },
            promises: settings::promises(&target.promise),
            settings: settings::of(self, target, args),
            options: settings::set_options(self, target),
            ..Run::default()
        };
        let started = (!self.is_virtual).then(environment::date);
        let id = match &started {
            Some(date) => {
                format!("{}-{}-{:04x}", self.scenario.name, environment::compact(date), environment::nonce())
            }
            None => String::new(),
        };
        let mut record = Record {
            id,
            tool_version: env!("CARGO_PKG_VERSION").into(),
            started_at: started,
            command: environment::command_line(&args.command),
            seed: self.seed,
            environment: environment::facts(self.is_virtual),
            thresholds: self.thresholds.to_settings(),
            runs: self.targets.iter().map(run).collect(),
            ..Record::default()
        };
        if record.started_at.is_none() {
            // No date tells two of these apart, so that what was asked has to.
            let digest = digest::of_record(&record, self.trials);
            record.id = format!("{}-virtual-seed-{}-{digest:08x}", self.scenario.name, self.seed);
        }
        record
    }
}

/// The flag that names the simulated target in message style.
fn simulated(registry: &Registry) -> Option<String> {
    let mut entries = registry.transports.iter().filter(|entry| entry.runs_on == RunsOn::Simulation);
    entries.next().map(|entry| format!("--dispatch {}/{}", Style::Message, entry.name))
}

fn scenario<'a>(registry: &'a Registry, args: &RunArgs) -> anyhow::Result<&'a ScenarioEntry> {
    let default =
        if args.sim.is_some() && args.dispatch.is_empty() { "stream" } else { "order-authorization" };
    let known: Vec<&str> = registry.scenarios.iter().map(|entry| entry.name).collect();
    let named = args.scenario.as_deref().filter(|name| !is_in(Defect::UnknownPassed) || known.contains(name));
    let name = named.unwrap_or(default);
    registry.scenario(name).ok_or_else(|| usage(unknown("scenario", name, &known)))
}

fn wiring_settings(args: &RunArgs, pool: &Arc<Pool>) -> anyhow::Result<WiringSettings> {
    let mut instances = BTreeMap::new();
    for text in &args.instances {
        let parsed = text
            .split_once('=')
            .and_then(|(service, n)| Some((service.to_owned(), units::parse_count(n).ok()?)));
        let Some((service, n)) = parsed else {
            return Err(usage(format!("--instances `{text}` is not SERVICE=N, such as worker=4")));
        };
        let n = u16::try_from(n)
            .map_err(|_| usage(format!("--instances `{text}`: at most 65,535 of a service")))?;
        instances.insert(service, n);
    }
    Ok(WiringSettings {
        run_name: String::new(),
        with: args.with.clone(),
        without: args.without.clone(),
        instances,
        capacity: usize::try_from(args.capacity).ok().filter(|capacity| *capacity <= 1 << 28).ok_or_else(
            || usage(format!("--capacity {}: a queue holds at most {} messages", args.capacity, 1 << 28)),
        )?,
        batch: args.batch as usize,
        window: args.window,
        pool: Arc::clone(pool),
    })
}

/// Refuses a process to observe that nothing of this run has a use for, or that is not there.
fn observe(args: &RunArgs, targets: &[Target]) -> anyhow::Result<()> {
    let Some(observe) = &args.observe else { return Ok(()) };
    if targets.iter().all(|target| target.observe.is_none()) {
        return Err(usage(format!("--observe {observe}: no dispatch of this run has a server")));
    }
    observe.check()
}
