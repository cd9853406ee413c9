//! Makes a job from flags: dispatches, load, number of trials. Every error of the command line is found here, before
//! anything is opened.

use super::{
    backlog, cost,
    dispatches::{dispatches, not_wired},
    faults::Faults,
    load::{as_ns, check_fits, check_window, extent, in_flight, load_text, sample_every, workload},
    memory,
    options::{options, refuse_undeclared},
    poison, reconnect, settings,
};
use crate::{
    digest, environment,
    exit::usage,
    host::Observe,
    secrets,
    similar::unknown,
    spec::{Reply, RunSpec},
};
use drumpost_core::{
    load::{LoadPlan, Pace},
    options::{OptionEntry, Options},
    payload::Pool,
    plan::{Backlog, Conditions, TrialPlan},
    registry::{Asked, Promise, Registry, RunsOn, ScenarioEntry, TransportEntry},
    scenario::{Scenario, Style},
    wiring::{Wiring, WiringSettings},
};
use drumpost_defects::{Defect, is_in};
use drumpost_dispatch::sim::spec::SimClock;
use drumpost_results::{
    model::{LoadKind, Record, Run},
    verdict::Thresholds,
};
use drumpost_workloads::WorkloadSpec;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const NO_BACKLOG: &str =
    "--catch-up needs a backlog: add one, such as --backlog worker:100k, or leave it out";

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
    /// Which transports can be run in its place, where a flag asks for what it cannot do.
    pub instead: Option<String>,
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
    /// What was asked for.
    pub spec: RunSpec,
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

/// What a spec is resolved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To see whether it can be run, and what it would run.
    Plan,
    Run,
}

impl Job {
    /// Resolves a spec.
    ///
    /// # Errors
    /// A sentence about the first thing that cannot be done as asked.
    pub(crate) fn new(registry: &Registry, spec: &RunSpec) -> anyhow::Result<Self> {
        Self::of(registry, spec, Purpose::Run)
    }

    /// Resolves a spec as [`Job::new`] does and finds the same mistakes, but makes nothing that only a run needs:
    /// neither the bytes of payloads nor a record. A suite plans thousands of cells, and their payloads may be 64 MiB each.
    ///
    /// # Errors
    /// As [`Job::new`].
    pub(crate) fn planned(registry: &Registry, spec: &RunSpec) -> anyhow::Result<Self> {
        Self::of(registry, spec, Purpose::Plan)
    }

    fn of(registry: &Registry, spec: &RunSpec, purpose: Purpose) -> anyhow::Result<Self> {
        let options = options(registry, spec)?;
        let sim = spec.options.sim.as_ref().map(|sim| **sim).unwrap_or_default();
        let entry = scenario(registry, spec)?;
        let scenario_options = entry.options;
        let made = entry.made(&options).map_err(|error| usage(format!("{}: {error}", entry.name)))?;
        let scenario = Arc::new(made);
        let dispatches = dispatches(registry, spec, &scenario, &options)?;
        let is_virtual = sim.clock == SimClock::Virtual
            && dispatches.iter().all(|(_, entry)| entry.runs_on == RunsOn::Simulation);
        if spec.options.sim.is_some()
            && dispatches.iter().all(|(_, entry)| entry.runs_on != RunsOn::Simulation)
        {
            let style = dispatches.first().map_or(Style::Message, |(style, _)| *style);
            return Err(usage(format!(
                "--sim is for a simulated transport: add {}",
                simulated(registry, style).unwrap_or_else(|| "one to this build".into())
            )));
        }
        let workload = workload(spec)?;
        let (load, seed) = (&spec.load, *spec.load.seed);
        let (max_len, headers) = (workload.max_payload_len(), load.headers.shape());
        let pool = Arc::new(match purpose {
            Purpose::Plan => Pool::planned(max_len, headers),
            Purpose::Run => Pool::of(seed, max_len, *load.content, *load.touch).with_headers(seed, headers),
        });
        let mut job = Self {
            scenario,
            targets: Vec::new(),
            load_text: load_text(spec, &workload),
            workload,
            spec: spec.clone(),
            trials: spec
                .measure
                .trials
                .as_ref()
                .map_or(if is_virtual { 1 } else { 3 }, |trials| trials.as_u32()),
            seed,
            is_virtual,
            settings_text: String::new(),
            thresholds: spec.measure.thresholds.resolve()?,
            record: Record::default(),
            scenario_options,
            options,
        };
        let wiring = wiring_settings(spec, &pool);
        for (style, entry) in dispatches {
            let target = job.target(spec, style, entry, &wiring)?;
            let instead = reconnect::instead(registry, spec, &job.options, entry);
            job.targets.push(Target { instead, ..target });
        }
        let paces: Vec<_> =
            job.targets.iter().map(|target| (&*target.label, target.plan.load.pace)).collect();
        check_window(spec, &paces)?;
        observe(spec, &job.targets)?;
        let of_targets = job.targets.iter().flat_map(|target| target.entry.options);
        let declared: Vec<_> = of_targets.chain(scenario_options).collect();
        refuse_undeclared(registry, &job.options, &declared)?;
        if purpose == Purpose::Run {
            job.settings_text = settings::text(spec);
            job.record = job.empty_record(spec);
        }
        Ok(job)
    }

    fn pace(&self, spec: &RunSpec, wiring: &Wiring) -> Pace {
        match self.workload.arrivals {
            Some(_) => {
                let asked = spec.load.window.as_ref().map(|window| window.0);
                Pace::Open { window: asked.or(wiring.safe_window()).unwrap_or(u64::MAX) }
            }
            None => Pace::Closed { in_flight: in_flight(spec) },
        }
    }

    fn target(
        &self,
        spec: &RunSpec,
        style: Style,
        entry: &TransportEntry,
        wiring: &WiringSettings,
    ) -> anyhow::Result<Target> {
        let label = format!("{style}/{}", entry.name);
        let mut wiring =
            Wiring::new(&self.scenario, style, wiring).map_err(|error| not_wired(&label, &error))?;
        let made = entry.made(&self.options).map_err(|error| usage(format!("{label}: {error}")))?;
        let asked = asked(spec);
        let promise = made.promise(entry.promise, &asked).map_err(|refused| {
            usage(format!("{label} {refused}; `drumpost list` has the promises of all transports"))
        })?;
        wiring.connections = spec.wiring.connections.0;
        if wiring.connections.is_some() && !made.shares_connections() {
            return Err(usage(format!(
                "{label}: instances of this transport cannot share connections; leave --connections out"
            )));
        }
        let pace = self.pace(spec, &wiring);
        if promise.holds_up_senders {
            wiring.check_deadlock(pace.window()).map_err(|error| usage(format!("{label}: {error}")))?;
        }
        let poison = spec.faults.poison.as_ref().map(|said| poison::of(said, &wiring)).transpose()?;
        let load = self.load(spec, pace)?;
        let backlog = self.backlog(spec, &wiring, &load, promise.stores)?;
        let is_virtual = entry.runs_on == RunsOn::Simulation && self.is_virtual;
        if spec.load.work.is_some() && is_virtual {
            return Err(usage(
                "--work is CPU time, and in virtual time nothing takes any: use --sim clock=real, or leave it out",
            ));
        }
        let (faults, conditions) = Faults::of(spec, &wiring, entry, &load, is_virtual)?;
        let is_threaded = entry.runs_on == RunsOn::Threads;
        let threaded_lanes = if is_threaded { usize::from(wiring.instance_count()) } else { 1 };
        let plan = TrialPlan {
            scenario: Arc::clone(&self.scenario),
            wiring,
            load,
            feeds: self.workload.feeds(),
            await_replies: *spec.wiring.reply == Reply::Await,
            placement: spec.placement(threaded_lanes),
            wait: *spec.wiring.wait,
            drain_deadline: spec.measure.drain.0,
            sample_every: sample_every(&load, &self.workload, is_virtual),
            conditions: Conditions {
                backlog,
                poison,
                work: spec.load.work.as_ref().map(|work| **work),
                reconnect: reconnect::of(spec, &*made),
                unconfirmed: spec.wiring.unconfirmed.0 as usize,
                acks: asked.acks(&entry.promise),
                order: promise.order,
                ..conditions
            },
        };
        let observe =
            spec.options.observe.as_ref().filter(|_| entry.needs_server).map(|observe| (**observe).clone());
        memory::check(&plan, entry)?;
        cost::check(self, spec, &plan, entry)?;
        Ok(Target {
            label,
            runs_on: entry.runs_on,
            entry: entry.clone(),
            promise,
            needs_server: entry.needs_server,
            observe,
            faults,
            instead: None,
            plan,
        })
    }

    /// When flows start, and for how long.
    fn load(&self, spec: &RunSpec, pace: Pace) -> anyhow::Result<LoadPlan> {
        let measure = &spec.measure;
        let usual = Duration::from_millis(if self.is_virtual { 0 } else { 200 });
        let warmup = measure.warmup.as_ref().map_or(usual, |warmup| warmup.0);
        let warmup_ns = as_ns(warmup)?;
        let load = LoadPlan {
            pace,
            warmup_ns,
            extent: extent(spec, &self.workload, warmup_ns, self.is_virtual)?,
            flow_timeout_ns: as_ns(measure.flow_timeout.0)?,
            at_cap: spec.load.at_cap.0,
            debt: *spec.load.debt,
            thinks: self.workload.think.is_some(),
        };
        check_fits(&load, &self.workload, measure.drain.0)?;
        Ok(load)
    }

    /// The backlog that is asked for, of a transport that `stores` what is sent to absent instances or does not.
    fn backlog(
        &self,
        spec: &RunSpec,
        wiring: &Wiring,
        load: &LoadPlan,
        stores: bool,
    ) -> anyhow::Result<Option<Backlog>> {
        let limit = spec.faults.catch_up.as_ref();
        let Some(said) = &spec.faults.backlog else {
            return limit.map_or(Ok(None), |_| Err(usage(NO_BACKLOG)));
        };
        if spec.faults.kill.is_some() {
            return Err(usage("--backlog and --kill both take instances away: use one of them"));
        }
        let per_s = self.workload.asked_per_s(load.warmup_ns, load.extent);
        backlog::of((said, limit), wiring, load, per_s, stores).map(Some)
    }

    /// The spec as a record keeps it: with the names that were left to drumpost, and without secrets.
    fn spec_of_record(&self, spec: &RunSpec) -> serde_json::Value {
        let dispatch = self.targets.iter().map(|target| target.label.clone()).collect();
        let named = RunSpec { scenario: Some(self.scenario.name.to_owned()), dispatch, ..spec.clone() };
        let mut document = secrets::hide_in(named.document());
        // Whoever runs the record again is asked again.
        document.remove("yes-cost");
        serde_json::Value::Object(document)
    }

    fn empty_record(&self, spec: &RunSpec) -> Record {
        let run = |target: &Target| Run {
            scenario: self.scenario.name.to_owned(),
            dispatch: target.label.clone(),
            load: if self.workload.arrivals.is_some() { LoadKind::Open } else { LoadKind::Closed },
            promises: settings::promises(&target.promise),
            settings: settings::of(self, target, spec),
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
            spec: Some(self.spec_of_record(spec)),
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

/// The flag that names the simulated target in a style.
fn simulated(registry: &Registry, style: Style) -> Option<String> {
    let mut entries = registry.transports.iter().filter(|entry| entry.runs_on == RunsOn::Simulation);
    entries.next().map(|entry| format!("--dispatch {style}/{}", entry.name))
}

fn scenario<'a>(registry: &'a Registry, spec: &RunSpec) -> anyhow::Result<&'a ScenarioEntry> {
    let default =
        if spec.options.sim.is_some() && spec.dispatch.is_empty() { "stream" } else { "order-authorization" };
    let known: Vec<&str> = registry.scenarios.iter().map(|entry| entry.name).collect();
    let named = spec.scenario.as_deref().filter(|name| !is_in(Defect::UnknownPassed) || known.contains(name));
    let name = named.unwrap_or(default);
    registry.scenario(name).ok_or_else(|| usage(unknown("scenario", name, &known)))
}

fn wiring_settings(spec: &RunSpec, pool: &Arc<Pool>) -> WiringSettings {
    let wiring = &spec.wiring;
    let instances = wiring.instances.iter().map(|of| (of.service.clone(), of.count));
    let instances: BTreeMap<String, u16> = instances.collect();
    WiringSettings {
        run_name: String::new(),
        with: wiring.with.clone(),
        without: wiring.without.clone(),
        instances,
        capacity: wiring.capacity.0 as usize,
        batch: wiring.batch.0 as usize,
        window: spec.load.window.as_ref().map(|window| window.0),
        pool: Arc::clone(pool),
    }
}

/// What a run asks of the promise of a transport.
pub(super) fn asked(spec: &RunSpec) -> Asked {
    let of = &spec.wiring;
    Asked {
        guarantee: of.guarantee.as_ref().map(|asked| **asked),
        acks: of.acks.as_ref().map(|asked| **asked),
    }
}

/// Refuses a process to observe that nothing of this run has a use for, or that is not there.
fn observe(spec: &RunSpec, targets: &[Target]) -> anyhow::Result<()> {
    let Some(observe) = &spec.options.observe else { return Ok(()) };
    if targets.iter().all(|target| target.observe.is_none()) {
        return Err(usage(format!("--observe {observe}: no dispatch of this run has a server")));
    }
    observe.check()
}
