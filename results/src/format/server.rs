//! The fields of a server and of busy processes in a document, and their conversion to the memory types and back.
//! FORMAT.md describes them.

#![expect(missing_docs, reason = "FORMAT.md describes every field once, for readers of files and of code")]

use serde::{Deserialize, Serialize};

use crate::model;

#[derive(Debug, Serialize, Deserialize)]
pub struct Process {
    pub pid: u64,
    pub name: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Busy {
    pub pid: u64,
    pub name: String,
    pub cpu_ns: u64,
    pub by_children: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Server {
    pub product: String,
    pub version: Option<String>,
    pub found_by: String,
    pub processes: Vec<Process>,
    pub missing: Option<String>,
    pub shares_cores: bool,
    pub window_ns: u64,
    pub cpu_ns: Option<u64>,
    pub busiest_thread_ns: Option<u64>,
    pub messages: u64,
    pub flows: u64,
    pub memory_bytes: Option<u64>,
    pub memory_peak_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
}

/// Figures over the trials of a run, written for readers and not read back.
#[derive(Debug, Serialize, Deserialize)]
pub struct ServerFigures {
    pub cpu_ns_per_message: Option<f64>,
    pub cores: Option<f64>,
    pub flows_per_core_s: Option<f64>,
    pub memory_bytes: Option<u64>,
    pub memory_peak_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
}

impl From<&model::Busy> for Busy {
    fn from(own: &model::Busy) -> Self {
        let model::Busy { process: model::Process { pid, name }, cpu_ns, by_children } = own.clone();
        Self { pid, name, cpu_ns, by_children }
    }
}

impl From<Busy> for model::Busy {
    fn from(wire: Busy) -> Self {
        let Busy { pid, name, cpu_ns, by_children } = wire;
        Self { process: model::Process { pid, name }, cpu_ns, by_children }
    }
}

impl From<model::Process> for Process {
    fn from(own: model::Process) -> Self {
        let model::Process { pid, name } = own;
        Self { pid, name }
    }
}

impl From<Process> for model::Process {
    fn from(wire: Process) -> Self {
        let Process { pid, name } = wire;
        Self { pid, name }
    }
}

macro_rules! same_fields {
    ($from:ty => $to:ty { $($field:ident),* }) => {
        impl From<$from> for $to {
            fn from(from: $from) -> Self {
                let processes = from.processes.into_iter().map(Into::into).collect();
                Self { processes, $($field: from.$field),* }
            }
        }
    };
}

same_fields!(model::Server => Server {
    product, version, found_by, missing, shares_cores, window_ns, cpu_ns, busiest_thread_ns, messages, flows,
    memory_bytes, memory_peak_bytes, connections
});
same_fields!(Server => model::Server {
    product, version, found_by, missing, shares_cores, window_ns, cpu_ns, busiest_thread_ns, messages, flows,
    memory_bytes, memory_peak_bytes, connections
});

impl From<model::ServerFigures> for ServerFigures {
    fn from(own: model::ServerFigures) -> Self {
        let model::ServerFigures {
            cpu_ns_per_message,
            cores,
            flows_per_core_s,
            memory_bytes,
            memory_peak_bytes,
            busiest_thread: _,
            connections,
        } = own;
        Self { cpu_ns_per_message, cores, flows_per_core_s, memory_bytes, memory_peak_bytes, connections }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Record, Run, Trial};

    fn observed() -> Record {
        let process = |pid, name: &str| model::Process { pid, name: name.into() };
        let server = model::Server {
            product: "nats-server".into(),
            version: Some("2.15.2".into()),
            found_by: "its socket on 127.0.0.1:4222".into(),
            processes: vec![process(7, "nats-server"), process(8, "helper")],
            missing: None,
            shares_cores: true,
            window_ns: 1_000_000_000,
            cpu_ns: Some(500_000_000),
            busiest_thread_ns: Some(300_000_000),
            messages: 1_000,
            flows: 250,
            memory_bytes: Some(40 << 20),
            memory_peak_bytes: Some(41 << 20),
            connections: Some(5),
        };
        let busy = model::Busy { process: process(9, "cargo"), cpu_ns: 70_000_000, by_children: true };
        let trial = Trial { server: Some(server), busiest: vec![busy], ..Trial::default() };
        Record { runs: vec![Run { trials: vec![trial], ..Run::default() }], ..Record::default() }
    }

    #[test]
    fn a_server_and_busy_processes_survive_a_document() {
        let record = observed();
        let text = crate::format::to_json(&record).unwrap();
        let back = crate::format::from_json(&text).unwrap();
        assert_eq!(back.runs[0].trials, record.runs[0].trials);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let figures = &document["runs"][0]["server"];
        assert_eq!(
            (figures["cores"].as_f64(), figures["cpu_ns_per_message"].as_f64()),
            (Some(0.5), Some(500_000.0))
        );
        assert_eq!(figures["flows_per_core_s"].as_f64(), Some(500.0));
        assert_eq!(figures["connections"], 5);
        let older = text.replace("\"connections\": 5", "\"unknown\": 5");
        assert_ne!(older, text);
        let older = crate::format::from_json(&older).unwrap();
        assert_eq!(older.runs[0].trials[0].server.as_ref().unwrap().connections, None);
    }

    #[test]
    fn every_field_of_a_server_is_described() {
        let text = crate::format::to_json(&observed()).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let page = include_str!("../../../FORMAT.md");
        let (run, trial) = (&document["runs"][0], &document["runs"][0]["trials"][0]);
        for object in
            [&run["server"], &trial["server"], &trial["server"]["processes"][0], &trial["busiest"][0]]
        {
            for (name, _) in object.as_object().unwrap() {
                assert!(
                    page.contains(&format!("`{name}`")) || page.contains(&format!("`{name}[]`")),
                    "{name}"
                );
            }
        }
    }
}
