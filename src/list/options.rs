//! `drumpost list --options [NAME]`: the options of transports and scenarios, from their declarations.

use super::ListedOption;
use crate::{Exit, exit::usage, output, similar::unknown};
use drumpost_core::{options::OptionEntry, registry::Registry};
use drumpost_results::report::{Layout, hanging};
use serde::Serialize;

#[derive(Serialize)]
struct Document {
    schema_version: u32,
    options: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    /// The transports and scenarios that read it.
    of: Vec<&'static str>,
    #[serde(flatten)]
    option: ListedOption,
}

/// Lists the options of all transports and scenarios, or of the one that is named.
pub(super) fn list(registry: &Registry, name: Option<&str>, json: bool) -> anyhow::Result<Exit> {
    let owners: Vec<(&'static str, &'static [OptionEntry])> = registry
        .transports
        .iter()
        .map(|entry| (entry.name, entry.options))
        .chain(registry.scenarios.iter().map(|entry| (entry.name, entry.options)))
        .collect();
    let known: Vec<&str> = owners.iter().map(|(owner, _)| *owner).collect();
    if let Some(name) = name.filter(|name| !known.contains(name)) {
        return Err(match registry.feature_of(name) {
            Some(feature) => usage(format!("this build has no {name}: build with --features {feature}")),
            None => usage(unknown("transport or scenario", name, &known)),
        });
    }
    let row = |option: &'static OptionEntry| {
        let reads =
            owners.iter().filter(|(_, options)| options.iter().any(|other| other.name == option.name));
        let of: Vec<&'static str> = reads.map(|(owner, _)| *owner).collect();
        (name.is_none_or(|name| of.contains(&name))).then(|| Row { of, option: option.into() })
    };
    let options: Vec<Row> = registry.options().into_iter().filter_map(row).collect();
    output::result(&if json {
        serde_json::to_string_pretty(&Document { schema_version: 1, options })? + "\n"
    } else {
        text(&options, name, output::layout())
    })?;
    Ok(Exit::Ok)
}

fn text(rows: &[Row], name: Option<&str>, layout: Layout) -> String {
    if rows.is_empty() {
        return format!("{} has no options\n", name.unwrap_or("this build"));
    }
    let head = "Options (--set NAME=VALUE, or the table `set` of a suite)";
    let mut text = hanging("", head, layout);
    for Row { of, option } in rows {
        let ListedOption { name, form, default, unit, .. } = option;
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        text += &hanging("  ", &format!("{name}  {form}  [default: {default}{unit}]"), layout);
        let mut facts = vec![option.summary.to_owned()];
        // Of the other grammars the form says as much.
        let has_range = ["count", "time", "bytes", "share", "file"].contains(&option.grammar);
        facts.extend(has_range.then(|| format!("it may be {}", option.allowed)));
        facts.extend(option.environment.map(|variable| format!("set by {variable} where no flag sets it")));
        facts.extend(option.address.then(|| "--server sets it, too".into()));
        facts.extend(option.secret.then(|| "kept out of records and of every output".into()));
        facts.extend(option.unfair.then(|| "a setting: rows that differ in it cannot be compared".into()));
        facts.extend(option.brokers_own.then(|| "handed to the broker as it is".into()));
        facts.push(format!("read by {}", of.join(", ")));
        text += &hanging("      ", &facts.join("; "), layout);
    }
    text
}
