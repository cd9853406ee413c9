//! The fields of schema version 1, with their names in a document.
//!
//! Lives here: names, order and presence of fields. Does not live here: their meaning (FORMAT.md) and the conversion to
//! memory types (`convert`). Fields may be added with a default. Renaming or removing a field, or changing its meaning,
//! needs a new version.

#![expect(missing_docs, reason = "FORMAT.md describes every field once, for readers of files and of code")]

use std::collections::BTreeMap;

pub use super::cost::Cost;
use serde::{Deserialize, Serialize};

pub use drumpost_counts::Flows;

#[derive(Debug, Serialize, Deserialize)]
pub struct Document {
    pub schema_version: u32,
    pub id: String,
    pub tool_version: String,
    pub started_at: Option<String>,
    pub partial: bool,
    pub partial_reason: Option<String>,
    pub command: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<serde_json::Value>,
    pub seed: u64,
    pub settings: Settings,
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub thresholds: Settings,
    pub pairing: Option<Pairing>,
    pub runs: Vec<Run>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<super::search::Search>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<crate::model::Compared>,
}

pub type Settings = BTreeMap<String, Setting>;

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    Bool(bool),
    Integer(u64),
    Number(f64),
    Text(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Pairing {
    pub id: String,
    pub order: Vec<Slot>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Slot {
    pub label: String,
    pub trial: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Run {
    pub scenario: String,
    pub dispatch: String,
    pub load: Load,
    pub status: Status,
    pub error: Option<String>,
    pub verdict: Verdict,
    pub elapsed_ns: u128,
    pub throughput_per_s: Option<f64>,
    pub due_per_s: Option<f64>,
    pub achieved_per_s: Option<f64>,
    pub cpu_ns_per_message: Option<f64>,
    pub cpu_ns_per_flow: Option<f64>,
    #[serde(default)]
    pub awake_share: Option<f64>,
    #[serde(default)]
    pub harness_share: Option<f64>,
    pub messages_per_flow: Option<f64>,
    pub mean_in_flight: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_in_flight: Option<f64>,
    pub floor_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<super::server::ServerFigures>,
    pub flows: Flows,
    pub response_ns: Times,
    pub service_ns: Times,
    pub lag_ns: Times,
    #[serde(default)]
    pub inter_send_ns: Option<Times>,
    pub hops: Vec<Hop>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirms: Vec<super::confirms::Confirms>,
    pub audit: Audit,
    pub promises: Promises,
    pub settings: Settings,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<crate::model::Side>,
    pub trials: Vec<Trial>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Load {
    Closed,
    Open,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    Interrupted,
    Refused,
    Failed,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Validity {
    Valid,
    Suspect,
    Invalid,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Verdict {
    pub status: Validity,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host: Vec<String>,
    pub reasons: Vec<String>,
    pub notes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invalid_trials: Vec<crate::model::InvalidTrial>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Times {
    pub count: u64,
    pub over_range: u64,
    pub sum: u128,
    pub mean: Option<f64>,
    pub min: Option<u64>,
    pub p50: Option<u64>,
    pub p90: Option<u64>,
    pub p99: Option<u64>,
    pub p99_9: Option<u64>,
    pub p99_99: Option<u64>,
    pub max: Option<u64>,
    pub histogram: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Hop {
    pub destination: String,
    pub receiver: String,
    pub hop_ns: Times,
}

/// The counts by their own names, and a mean that follows from them.
#[derive(Debug, Serialize, Deserialize)]
pub struct Audit {
    #[serde(flatten)]
    pub counts: drumpost_counts::Audit,
    #[serde(default)]
    pub displacement_mean: Option<f64>,
}

/// The three flags are those of records that have no more. They follow from the other fields.
#[derive(Debug, Serialize, Deserialize)]
pub struct Promises {
    pub ordered: bool,
    pub tolerates_duplicates: bool,
    #[serde(default = "yes")]
    pub lossless: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirms: Option<Confirming>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    AtMostOnce,
    AtLeastOnce,
    ExactlyOnce,
    Any,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    None,
    PerKey,
    PerShard,
    PerProducer,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirming {
    None,
    Written,
    Leader,
    Replicated,
    Durable,
}

/// Documents that do not say were written when any loss was a fault.
fn yes() -> bool {
    true
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Trial {
    pub number: u32,
    pub position: u32,
    pub seed: u64,
    pub status: Status,
    pub error: Option<String>,
    pub elapsed_ns: u64,
    pub throughput_per_s: Option<f64>,
    pub asked_per_s: Option<f64>,
    pub cpu_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    pub cpu_ns_per_message: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    pub blocked_ns: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub senders: Option<u64>,
    pub mean_in_flight: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_in_flight: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standstill: Option<super::stuck::Standstill>,
    pub floor_ns: Option<u64>,
    pub hygiene: Hygiene,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub busiest: Vec<super::server::Busy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<super::server::Server>,
    pub flows: Flows,
    pub response_ns: Times,
    pub service_ns: Times,
    pub lag_ns: Times,
    #[serde(default)]
    pub inter_send_ns: Option<Times>,
    #[serde(default)]
    pub arrival_check: Option<ArrivalCheck>,
    pub hops: Vec<Hop>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirms: Vec<super::confirms::Confirms>,
    pub audit: Audit,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrouted: Vec<super::stuck::Unrouted>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead_letters: Vec<super::stuck::DeadLetters>,
    #[serde(serialize_with = "super::series::one_line_each")]
    pub series: Vec<Point>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<super::confirms::Outage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<super::backlog::Backlog>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbances: Vec<super::disturbed::Disturbance>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<super::disturbed::Link>,
    pub faults: Vec<String>,
    pub notes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Hygiene {
    pub steal_ns: Option<u64>,
    pub involuntary_switches: Option<u64>,
    #[serde(default)]
    pub cores_ns: Option<u64>,
    #[serde(default)]
    pub idle_ns: Option<u64>,
    #[serde(default)]
    pub others_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stops: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busiest_thread_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled_periods: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_periods: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_millicores: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ArrivalCheck {
    pub process: String,
    pub planned_a2: Option<f64>,
    pub sent_a2: Option<f64>,
    pub critical: f64,
    pub intervals: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Point {
    pub at_ns: u64,
    pub intervals: u32,
    pub ended: u64,
    pub in_flight: u64,
    pub response_p50_ns: Option<u64>,
    pub response_p99_ns: Option<u64>,
    pub response_max_ns: Option<u64>,
    pub lag_p99_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_p99_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_ready: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_unacknowledged: Option<u64>,
    #[serde(default)]
    pub response_count: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub response_over_range: u64,
    #[serde(default)]
    pub response_sum_ns: u128,
    #[serde(default)]
    pub response_min_ns: Option<u64>,
    #[serde(default)]
    pub response_histogram: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_ns: Option<PointTimes>,
}

/// Times of an interval, in a histogram of 2 digits.
#[derive(Debug, Serialize, Deserialize)]
pub struct PointTimes {
    pub count: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub over_range: u64,
    pub sum: u128,
    pub min: Option<u64>,
    pub p50: Option<u64>,
    pub p99: Option<u64>,
    pub max: Option<u64>,
    pub histogram: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it serialises by reference")]
pub(super) fn is_zero(n: &u64) -> bool {
    *n == 0
}
