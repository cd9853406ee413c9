//! Converts the memory types to the fields of schema version 1 and back.
//!
//! Derived figures are written for readers of the file and are not read back, because they follow from the trials. Does
//! not live here: the names of fields (`v1`), points of a series (`series`), confirms and outages (`confirms`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{FormatError, SCHEMA_VERSION, backlog, confirms, older, series, v1};
use crate::model::{
    ArrivalCheck, Audit, Confirming, Cost, Delivery, Distribution, Hop, Hygiene, LoadKind, Order, Pairing,
    Promises, Record, Run, ServerFigures, Setting, Status, Trial, Validity, Verdict,
};
use crate::stats::Derived;

/// Fields with the same names on both sides, and types that convert by themselves.
macro_rules! same_fields {
    ($($name:ident { $($field:ident),* $(,)? })*) => { $(
        impl From<&$name> for v1::$name {
            fn from(own: &$name) -> Self {
                let $name { $($field),* } = own.clone();
                Self { $($field: $field.into()),* }
            }
        }
        impl From<v1::$name> for $name {
            fn from(wire: v1::$name) -> Self {
                let v1::$name { $($field),* } = wire;
                Self { $($field: $field.into()),* }
            }
        }
    )* };
}

same_fields! {
    Cost { window_ns, awake_ns, harness_ns, messages, flows }
    Hygiene {
        steal_ns, involuntary_switches, cores_ns, idle_ns, others_ns, window_ns, own_ns, busiest_thread_ns, throttled_ns,
        throttled_periods, quota_periods, quota_millicores, stops,
    }
    ArrivalCheck { process, planned_a2, sent_a2, critical, intervals }
    Verdict { status, host, reasons, notes, invalid_trials }
}

impl From<&Audit> for v1::Audit {
    fn from(counts: &Audit) -> Self {
        Self { counts: *counts, displacement_mean: counts.displacement_mean() }
    }
}

impl From<v1::Audit> for Audit {
    fn from(wire: v1::Audit) -> Self {
        wire.counts
    }
}

impl From<&Promises> for v1::Promises {
    fn from(own: &Promises) -> Self {
        Self {
            ordered: own.order == Order::PerProducer,
            tolerates_duplicates: own.tolerates_duplicates(),
            lossless: own.is_lossless(),
            delivery: Some(own.delivery.into()),
            order: Some(own.order.into()),
            confirms: Some(own.confirms.into()),
        }
    }
}

impl From<v1::Promises> for Promises {
    fn from(wire: v1::Promises) -> Self {
        // Records that say no more than the flags.
        let delivery = match (wire.lossless, wire.tolerates_duplicates) {
            (true, false) => Delivery::ExactlyOnce,
            (true, true) => Delivery::AtLeastOnce,
            (false, false) => Delivery::AtMostOnce,
            (false, true) => Delivery::Any,
        };
        let order = if wire.ordered { Order::PerProducer } else { Order::None };
        Self {
            delivery: wire.delivery.map_or(delivery, Into::into),
            order: wire.order.map_or(order, Into::into),
            confirms: wire.confirms.map_or(Confirming::None, Into::into),
        }
    }
}

macro_rules! same_words {
    ($($own:ident = $wire:ident { $($word:ident),* })*) => { $(
        impl From<$own> for v1::$wire {
            fn from(own: $own) -> Self {
                match own { $($own::$word => Self::$word),* }
            }
        }
        impl From<v1::$wire> for $own {
            fn from(wire: v1::$wire) -> Self {
                match wire { $(v1::$wire::$word => Self::$word),* }
            }
        }
    )* };
}

same_words! {
    Delivery = Delivery { AtMostOnce, AtLeastOnce, ExactlyOnce, Any }
    Order = Order { None, PerKey, PerShard, PerProducer }
    Confirming = Confirming { None, Written, Leader, Replicated, Durable }
    Status = Status { Ok, Interrupted, Refused, Failed }
    LoadKind = Load { Closed, Open }
    Validity = Validity { Valid, Suspect, Invalid }
}

impl From<&Setting> for v1::Setting {
    fn from(own: &Setting) -> Self {
        match own {
            Setting::Bool(value) => Self::Bool(*value),
            Setting::Integer(value) => Self::Integer(*value),
            Setting::Number(value) if value.is_finite() => Self::Number(*value),
            Setting::Number(value) => Self::Text(value.to_string()),
            Setting::Text(value) => Self::Text(value.clone()),
        }
    }
}

impl From<v1::Setting> for Setting {
    fn from(wire: v1::Setting) -> Self {
        match wire {
            v1::Setting::Bool(value) => Self::Bool(value),
            v1::Setting::Integer(value) => Self::Integer(value),
            v1::Setting::Number(value) => Self::Number(value),
            v1::Setting::Text(value) => Self::Text(value),
        }
    }
}

pub(super) fn settings(own: &crate::model::Settings) -> v1::Settings {
    own.iter().map(|(key, value)| (key.clone(), value.into())).collect()
}

pub(super) fn settings_back(wire: v1::Settings) -> crate::model::Settings {
    wire.into_iter().map(|(key, value)| (key, value.into())).collect()
}

pub(super) fn times(own: &Distribution) -> Result<v1::Times, FormatError> {
    Ok(v1::Times {
        count: own.count(),
        over_range: own.over_range(),
        sum: own.sum_ns(),
        mean: own.mean_ns(),
        min: own.min_ns(),
        p50: own.quantile_ns(0.5),
        p90: own.quantile_ns(0.9),
        p99: own.quantile_ns(0.99),
        p99_9: own.quantile_ns(0.999),
        p99_99: own.quantile_ns(0.9999),
        max: own.max_ns(),
        histogram: STANDARD.encode(own.to_bytes()?),
    })
}

pub(super) fn times_back(at: &str, wire: &v1::Times) -> Result<Distribution, FormatError> {
    let bad = |reason: String| FormatError::Content { at: at.to_owned(), reason };
    let bytes = STANDARD.decode(&wire.histogram).map_err(|error| bad(format!("histogram: {error}")))?;
    let (min_ns, max_ns) = (wire.min.unwrap_or(0), wire.max.unwrap_or(0));
    let own = Distribution::from_bytes(&bytes, wire.sum, min_ns, max_ns, wire.over_range)
        .map_err(|error| bad(error.to_string()))?;
    if own.count() != wire.count || (own.is_empty() != wire.max.is_none()) {
        return Err(bad(format!("count is {}, but the histogram holds {}", wire.count, own.count())));
    }
    Ok(own)
}

/// Times that may not have been measured: none is `null`.
pub(super) fn some_times(own: &Distribution) -> Result<Option<v1::Times>, FormatError> {
    (!own.is_empty()).then(|| times(own)).transpose()
}

fn hops(own: &[Hop]) -> Result<Vec<v1::Hop>, FormatError> {
    let hop = |hop: &Hop| {
        let (destination, receiver) = (hop.destination.clone(), hop.receiver.clone());
        Ok(v1::Hop { destination, receiver, hop_ns: times(&hop.time)? })
    };
    own.iter().map(hop).collect()
}

fn hops_back(at: &str, wire: Vec<v1::Hop>) -> Result<Vec<Hop>, FormatError> {
    let hop = |(i, hop): (usize, v1::Hop)| {
        let time = times_back(&format!("{at}.hops[{i}].hop_ns"), &hop.hop_ns)?;
        Ok(Hop { destination: hop.destination, receiver: hop.receiver, time })
    };
    wire.into_iter().enumerate().map(hop).collect()
}

fn trial(own: &Trial) -> Result<v1::Trial, FormatError> {
    Ok(v1::Trial {
        number: own.number,
        position: own.position,
        seed: own.seed,
        status: own.status.into(),
        error: own.error.clone(),
        elapsed_ns: own.elapsed_ns,
        throughput_per_s: own.throughput_per_s(),
        asked_per_s: own.asked_per_s,
        cpu_ns: own.cpu_ns,
        cost: own.cost.as_ref().map(Into::into),
        cpu_ns_per_message: own.cpu_ns_per_message(),
        schedule_ns: own.schedule_ns,
        messages: own.messages,
        blocked_ns: own.blocked_ns,
        senders: own.senders,
        mean_in_flight: own.mean_in_flight,
        counted_in_flight: own.counted_in_flight,
        floor_ns: own.floor_ns,
        hygiene: (&own.hygiene).into(),
        busiest: own.busiest.iter().map(Into::into).collect(),
        server: own.server.clone().map(Into::into),
        flows: own.flows,
        response_ns: times(&own.response)?,
        service_ns: times(&own.service)?,
        lag_ns: times(&own.lag)?,
        inter_send_ns: some_times(&own.inter_send)?,
        arrival_check: own.arrival_check.as_ref().map(Into::into),
        hops: hops(&own.hops)?,
        confirms: confirms::confirms(&own.confirms)?,
        audit: (&own.audit).into(),
        standstill: own.standstill.map(Into::into),
        unrouted: own.unrouted.iter().map(Into::into).collect(),
        dead_letters: own.dead_letters.iter().map(Into::into).collect(),
        series: series::series(&own.series)?,
        outages: own.outages.iter().map(Into::into).collect(),
        backlog: own.backlog.as_ref().map(backlog::backlog).transpose()?,
        disturbances: own.disturbances.iter().map(Into::into).collect(),
        link: own.link.as_ref().map(Into::into),
        faults: own.faults.clone(),
        notes: own.notes.clone(),
    })
}

fn trial_back(at: &str, wire: v1::Trial) -> Result<Trial, FormatError> {
    Ok(Trial {
        number: wire.number,
        position: wire.position,
        seed: wire.seed,
        status: wire.status.into(),
        error: wire.error,
        elapsed_ns: wire.elapsed_ns,
        flows: wire.flows,
        asked_per_s: wire.asked_per_s,
        blocked_ns: wire.blocked_ns,
        senders: wire.senders,
        mean_in_flight: wire.mean_in_flight,
        counted_in_flight: wire.counted_in_flight,
        schedule_ns: wire.schedule_ns,
        messages: wire.messages,
        response: times_back(&format!("{at}.response_ns"), &wire.response_ns)?,
        service: times_back(&format!("{at}.service_ns"), &wire.service_ns)?,
        lag: times_back(&format!("{at}.lag_ns"), &wire.lag_ns)?,
        inter_send: match &wire.inter_send_ns {
            Some(wire) => times_back(&format!("{at}.inter_send_ns"), wire)?,
            None => Distribution::default(),
        },
        arrival_check: wire.arrival_check.map(Into::into),
        hops: hops_back(at, wire.hops)?,
        confirms: confirms::confirms_back(at, wire.confirms)?,
        audit: wire.audit.into(),
        standstill: wire.standstill.map(Into::into),
        unrouted: wire.unrouted.into_iter().map(Into::into).collect(),
        dead_letters: wire.dead_letters.into_iter().map(Into::into).collect(),
        cpu_ns: wire.cpu_ns,
        cost: wire.cost.map(Into::into),
        floor_ns: wire.floor_ns,
        hygiene: wire.hygiene.into(),
        busiest: wire.busiest.into_iter().map(Into::into).collect(),
        server: wire.server.map(Into::into),
        series: series::series_back(at, &wire.series)?,
        outages: wire.outages.into_iter().map(Into::into).collect(),
        backlog: wire.backlog.map(|wire| backlog::backlog_back(at, wire)).transpose()?,
        disturbances: wire.disturbances.into_iter().map(Into::into).collect(),
        link: wire.link.map(Into::into),
        faults: wire.faults,
        notes: wire.notes,
    })
}

fn run(own: &Run) -> Result<v1::Run, FormatError> {
    let derived = Derived::of(own);
    Ok(v1::Run {
        scenario: own.scenario.clone(),
        dispatch: own.dispatch.clone(),
        load: own.load.into(),
        status: own.status().into(),
        error: own.error().map(str::to_owned),
        verdict: (&own.judged()).into(),
        elapsed_ns: derived.elapsed_ns,
        throughput_per_s: derived.throughput_per_s,
        due_per_s: derived.due_per_s,
        achieved_per_s: derived.achieved_per_s,
        cpu_ns_per_message: derived.cpu_ns_per_message,
        cpu_ns_per_flow: derived.cpu_ns_per_flow,
        messages_per_flow: derived.messages_per_flow,
        awake_share: derived.awake_share,
        harness_share: derived.harness_share,
        mean_in_flight: derived.mean_in_flight,
        counted_in_flight: derived.counted_in_flight,
        floor_ns: derived.floor_ns,
        server: ServerFigures::of(own).map(Into::into),
        flows: derived.flows,
        response_ns: times(&own.response())?,
        service_ns: times(&own.service())?,
        lag_ns: times(&own.lag())?,
        inter_send_ns: some_times(&own.inter_send())?,
        hops: hops(&own.hops())?,
        confirms: confirms::confirms(&own.confirms())?,
        audit: (&own.audit()).into(),
        promises: (&own.promises).into(),
        settings: settings(&own.settings),
        options: own.options.clone(),
        side: own.side.clone(),
        trials: own.trials.iter().map(trial).collect::<Result<_, _>>()?,
    })
}

fn run_back(at: &str, wire: v1::Run) -> Result<Run, FormatError> {
    let settings = settings_back(wire.settings);
    let trial = |(i, wire)| {
        let mut trial = trial_back(&format!("{at}.trials[{i}]"), wire)?;
        older::complete(&mut trial, &settings);
        Ok(trial)
    };
    let trials = wire.trials.into_iter().enumerate().map(trial).collect::<Result<_, FormatError>>()?;
    Ok(Run {
        scenario: wire.scenario,
        dispatch: wire.dispatch,
        load: wire.load.into(),
        promises: wire.promises.into(),
        settings,
        options: wire.options,
        trials,
        verdict: Some(wire.verdict.into()),
        side: wire.side,
    })
}

impl TryFrom<&Record> for v1::Document {
    type Error = FormatError;

    fn try_from(own: &Record) -> Result<Self, FormatError> {
        let slot = |(label, trial): &(String, u32)| v1::Slot { label: label.clone(), trial: *trial };
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            id: own.id.clone(),
            tool_version: own.tool_version.clone(),
            started_at: own.started_at.clone(),
            partial: own.partial.is_some(),
            partial_reason: own.partial.clone(),
            command: own.command.clone(),
            spec: own.spec.clone(),
            seed: own.seed,
            settings: settings(&own.settings),
            environment: own.environment.clone(),
            thresholds: settings(&own.thresholds),
            pairing: own.pairing.as_ref().map(|pairing| v1::Pairing {
                id: pairing.id.clone(),
                order: pairing.order.iter().map(slot).collect(),
            }),
            runs: own.runs.iter().map(run).collect::<Result<_, _>>()?,
            search: own.search.as_ref().map(Into::into),
            comparison: own.comparison.clone(),
        })
    }
}

impl TryFrom<v1::Document> for Record {
    type Error = FormatError;

    fn try_from(wire: v1::Document) -> Result<Self, FormatError> {
        let unknown = || "no reason was given".to_owned();
        let search = wire.search.map(|search| search.into_memory(wire.runs.len())).transpose()?;
        let runs = wire.runs.into_iter().enumerate();
        Ok(Self {
            id: wire.id,
            tool_version: wire.tool_version,
            started_at: wire.started_at,
            partial: wire.partial.then(|| wire.partial_reason.unwrap_or_else(unknown)),
            command: wire.command,
            spec: wire.spec,
            seed: wire.seed,
            settings: settings_back(wire.settings),
            environment: wire.environment,
            thresholds: settings_back(wire.thresholds),
            pairing: wire.pairing.map(|pairing| Pairing {
                id: pairing.id,
                order: pairing.order.into_iter().map(|slot| (slot.label, slot.trial)).collect(),
            }),
            comparison: wire.comparison,
            runs: runs.map(|(i, run)| run_back(&format!("runs[{i}]"), run)).collect::<Result<_, _>>()?,
            search,
        })
    }
}
