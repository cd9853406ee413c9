//! The fields of standstills, of messages that went nowhere and of dead letters, in a document, and their conversion to the memory types and
//! back. FORMAT.md describes them.

#![expect(missing_docs, reason = "FORMAT.md describes every field once, for readers of files and of code")]

use serde::{Deserialize, Serialize};

use crate::model;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Standstill {
    pub window: u64,
    pub unfinished: u64,
    pub written_off: u64,
    pub from_ns: u64,
    pub longest_ns: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Unrouted {
    pub service: String,
    pub kind: String,
    pub messages: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct DeadLetters {
    pub destination: String,
    pub receiver: String,
    pub messages: u64,
}

impl From<model::Standstill> for Standstill {
    fn from(own: model::Standstill) -> Self {
        let model::Standstill { window, unfinished, written_off, from_ns, longest_ns } = own;
        Self { window, unfinished, written_off, from_ns, longest_ns }
    }
}

impl From<Standstill> for model::Standstill {
    fn from(wire: Standstill) -> Self {
        let Standstill { window, unfinished, written_off, from_ns, longest_ns } = wire;
        Self { window, unfinished, written_off, from_ns, longest_ns }
    }
}

impl From<&model::Unrouted> for Unrouted {
    fn from(own: &model::Unrouted) -> Self {
        let model::Unrouted { service, kind, messages } = own.clone();
        Self { service, kind, messages }
    }
}

impl From<Unrouted> for model::Unrouted {
    fn from(wire: Unrouted) -> Self {
        let Unrouted { service, kind, messages } = wire;
        Self { service, kind, messages }
    }
}

impl From<&model::DeadLetters> for DeadLetters {
    fn from(own: &model::DeadLetters) -> Self {
        let model::DeadLetters { destination, receiver, messages } = own.clone();
        Self { destination, receiver, messages }
    }
}

impl From<DeadLetters> for model::DeadLetters {
    fn from(wire: DeadLetters) -> Self {
        let DeadLetters { destination, receiver, messages } = wire;
        Self { destination, receiver, messages }
    }
}
