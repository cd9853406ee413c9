//! `drumpost list`: what can be run.

use crate::{Exit, args::ListArgs, exit::usage, output};
use drumpost_core::{
    registry::{Options, Registry, RunsOn, TransportEntry},
    scenario::{Intent, Scenario, Style},
};
use drumpost_workloads::{ArrivalSpec, KeySpec, PayloadSpec, text::Form};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Listing {
    schema_version: u32,
    scenarios: Vec<ListedScenario>,
    transports: Vec<ListedTransport>,
    arrivals: Vec<ListedForm>,
    payloads: Vec<ListedForm>,
    keys: Vec<ListedForm>,
}

#[derive(Serialize)]
struct ListedForm {
    name: &'static str,
    grammar: &'static str,
    summary: &'static str,
}

#[derive(Serialize)]
struct ListedScenario {
    name: String,
    summary: String,
    styles: Vec<&'static str>,
    services: Vec<ListedService>,
}

#[derive(Serialize)]
struct ListedService {
    name: &'static str,
    driven: bool,
    optional: bool,
}

#[derive(Serialize)]
struct ListedTransport {
    name: String,
    summary: String,
    styles: Vec<&'static str>,
    /// By style.
    intents_by_style: BTreeMap<&'static str, Vec<&'static str>>,
    intents: Vec<&'static str>,
    runs_on: &'static str,
    ordered: bool,
    lossless: bool,
    may_duplicate: bool,
    acks: String,
    persistence: String,
    needs_server: bool,
}

/// Lists scenarios, transports and what a load can be fed with.
pub(crate) fn list(registry: &Registry, args: &ListArgs) -> anyhow::Result<Exit> {
    let made = registry.scenarios.iter().map(|entry| (entry.make)(&Options::default()).map_err(usage));
    let listing = Listing {
        schema_version: 1,
        scenarios: made
            .map(|scenario| scenario.map(|scenario| listed_scenario(&scenario)))
            .collect::<Result<_, _>>()?,
        transports: registry.transports.iter().map(listed_transport).collect(),
        arrivals: listed_forms(&ArrivalSpec::FORMS),
        payloads: listed_forms(&PayloadSpec::FORMS),
        keys: listed_forms(&KeySpec::FORMS),
    };
    output::result(&if args.json { serde_json::to_string_pretty(&listing)? } else { text(&listing) })?;
    Ok(Exit::Ok)
}

fn listed_forms(forms: &[Form]) -> Vec<ListedForm> {
    let listed = |form: &Form| ListedForm { name: form.name(), grammar: form.grammar, summary: form.summary };
    forms.iter().map(listed).collect()
}

fn listed_scenario(scenario: &Scenario) -> ListedScenario {
    let service = |service: &drumpost_core::scenario::Service| ListedService {
        name: service.name,
        driven: service.driven,
        optional: service.part == drumpost_core::scenario::Part::Optional,
    };
    ListedScenario {
        name: scenario.name.into(),
        summary: scenario.summary.into(),
        styles: scenario.styles().map(Style::name).collect(),
        services: scenario.services.iter().map(service).collect(),
    }
}

fn listed_transport(entry: &TransportEntry) -> ListedTransport {
    let names = |intents: &[Intent]| intents.iter().map(|intent| intent.name()).collect::<Vec<_>>();
    let by_style: BTreeMap<_, _> =
        entry.intents.iter().map(|(style, intents)| (style.name(), names(intents))).collect();
    let honours = |intent: &Intent| entry.intents.iter().any(|(_, intents)| intents.contains(intent));
    ListedTransport {
        name: entry.name.into(),
        summary: entry.summary.into(),
        styles: Style::ALL
            .into_iter()
            .filter(|style| entry.intents(*style).is_some())
            .map(Style::name)
            .collect(),
        intents: Intent::ALL.iter().filter(|intent| honours(intent)).map(|intent| intent.name()).collect(),
        intents_by_style: by_style,
        runs_on: match entry.runs_on {
            RunsOn::Threads => "threads",
            RunsOn::Tasks => "tasks",
            RunsOn::Inline => "the publisher's thread",
            RunsOn::Simulation => "simulation",
        },
        ordered: entry.promise.ordered,
        lossless: entry.promise.lossless,
        may_duplicate: entry.promise.may_duplicate,
        acks: entry.promise.acks.into(),
        persistence: entry.promise.persistence.into(),
        needs_server: entry.needs_server,
    }
}

fn text(listing: &Listing) -> String {
    let width = |names: &mut dyn Iterator<Item = usize>| names.max().unwrap_or(0);
    let scenarios = width(&mut listing.scenarios.iter().map(|scenario| scenario.name.len()));
    let transports = width(&mut listing.transports.iter().map(|transport| transport.name.len()));
    let mut text = String::from("Scenarios\n");
    for ListedScenario { name, summary, styles, .. } in &listing.scenarios {
        text += &format!("  {name:scenarios$}  {:14}  {summary}\n", styles.join(", "));
    }
    text += "\nTransports (a dispatch is STYLE/TRANSPORT, such as message/crossbeam)\n";
    for transport in &listing.transports {
        let ListedTransport { name, summary, runs_on, intents_by_style, .. } = transport;
        text += &format!("  {name:transports$}  {summary}\n");
        for (style, intents) in intents_by_style {
            text += &format!("  {:transports$}    {style}: {}\n", "", intents.join(", "));
        }
        let mut traits = vec![format!("runs on {runs_on}")];
        traits.extend((!transport.ordered).then(|| "order not promised".into()));
        traits.extend((!transport.lossless).then(|| "may lose".into()));
        traits.extend(transport.may_duplicate.then(|| "may deliver again".into()));
        traits.extend((transport.acks != "none").then(|| transport.acks.clone()));
        traits.extend(transport.needs_server.then(|| "needs a server".into()));
        text += &format!("  {:transports$}    {}\n", "", traits.join("; "));
    }
    let feeds = [
        ("Arrivals of an open load (--arrivals; all but a trace at --rate)", &listing.arrivals),
        ("Payload sizes (--payload)", &listing.payloads),
        ("Keys (--keys)", &listing.keys),
    ];
    for (head, forms) in feeds {
        text += &forms_text(head, forms);
    }
    text
}

fn forms_text(head: &str, forms: &[ListedForm]) -> String {
    let width = forms.iter().map(|form| form.grammar.len()).max().unwrap_or(0);
    let lines = forms.iter().map(|form| format!("  {:width$}  {}\n", form.grammar, form.summary));
    format!("\n{head}\n{}", lines.collect::<String>())
}
