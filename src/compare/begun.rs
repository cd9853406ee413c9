//! The record of a comparison before its first trial: what is to be measured, and by which plan.

use super::{rows::Row, sequence::ROLES, side::Side};
use crate::{args::CompareArgs, environment, exit::usage, spec::RunSpec};
use drumpost_results::{
    compare::{Margins, Plan},
    model::{Compared, ComparedRow, Pairing, Record, Role, Run, Side as SideOfRun},
    verdict::Thresholds,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The record, without trials.
pub(super) fn empty(
    args: &CompareArgs,
    rows: &[Row],
    [base, head]: [&Side; 2],
    plan: &Plan,
    limits: &Thresholds,
) -> anyhow::Result<Record> {
    let started = environment::date();
    let first = rows.first().ok_or_else(|| usage("there is nothing to measure"))?;
    let seed = RunSpec::from_document(first.base.clone()).map(|spec| *spec.load.seed).map_err(usage)?;
    let run = |row: &Row, role: Role| {
        let (side, fields) = match role {
            Role::Head => (head, &row.head),
            Role::Base | Role::Control => (base, &row.base),
        };
        let dispatch = fields.get("dispatch").and_then(|list| list.get(0)).and_then(Value::as_str);
        Run {
            scenario: row.scenario.clone(),
            dispatch: dispatch.unwrap_or_default().to_owned(),
            side: Some(SideOfRun {
                role,
                row: row.name.clone(),
                name: side.name.clone(),
                revision: side.revision.clone(),
                tool_version: String::new(),
                built: BTreeMap::new(),
            }),
            ..Run::default()
        }
    };
    let compared = |row: &Row| ComparedRow {
        name: row.name.clone(),
        spec: Value::Object(crate::secrets::hide_in(row.base.clone())),
        head_spec: (row.base != row.head).then(|| Value::Object(crate::secrets::hide_in(row.head.clone()))),
    };
    let id = format!("compare-{}-{:04x}", environment::compact(&started), environment::nonce());
    Ok(Record {
        tool_version: env!("CARGO_PKG_VERSION").into(),
        started_at: Some(started),
        command: environment::command_line(&args.command),
        seed,
        environment: environment::facts(false),
        thresholds: limits.to_settings(),
        pairing: Some(Pairing { id: id.clone(), order: Vec::new() }),
        runs: rows.iter().flat_map(|row| ROLES.map(|role| run(row, role))).collect(),
        comparison: Some(Compared {
            base: base.name.clone(),
            head: head.name.clone(),
            rows: rows.iter().map(compared).collect(),
            looks: plan.looks().iter().map(|pairs| *pairs as u32).collect(),
            margins: Margins::default().with(&args.margin).changed(),
            ..Compared::default()
        }),
        id,
        ..Record::default()
    })
}
