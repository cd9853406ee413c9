//! `drumpost list`: what can be run.

use crate::{Exit, args::ListArgs, exit::usage, output};
use drumpost_core::{
    registry::{OptionEntry, Options, Registry, RunsOn, ScenarioEntry, TransportEntry},
    scenario::{Intent, Scenario, Style},
};
use drumpost_dispatch::sim;
use drumpost_results::verdict::{Threshold, Thresholds, Validity};
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
    /// What `--sim` may say of the simulated target.
    simulated: Vec<ListedOption>,
    thresholds: Vec<ListedThreshold>,
}

/// An option, or a part of one.
#[derive(Serialize)]
struct ListedOption {
    name: String,
    form: String,
    default: String,
    summary: String,
    environment: Option<String>,
    secret: bool,
}

impl From<&OptionEntry> for ListedOption {
    fn from(entry: &OptionEntry) -> Self {
        let OptionEntry { name, form, default, summary, environment, secret } = *entry;
        Self {
            name: name.into(),
            form: form.into(),
            default: default.into(),
            summary: summary.into(),
            environment: environment.map(Into::into),
            secret,
        }
    }
}

#[derive(Serialize)]
struct ListedThreshold {
    name: &'static str,
    /// As `--threshold` takes it.
    default: String,
    /// What a run is that breaks it.
    makes: Option<&'static str>,
    summary: &'static str,
}

impl From<&Threshold> for ListedThreshold {
    fn from(threshold: &Threshold) -> Self {
        Self {
            name: threshold.key,
            default: threshold.text(threshold.default),
            makes: threshold.makes.map(Validity::word),
            summary: threshold.meaning,
        }
    }
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
    options: Vec<ListedOption>,
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
    options: Vec<ListedOption>,
}

/// Lists scenarios, transports and what a load can be fed with.
pub(crate) fn list(registry: &Registry, args: &ListArgs) -> anyhow::Result<Exit> {
    let made = |entry: &ScenarioEntry| {
        let scenario = (entry.make)(&Options::default()).map_err(usage)?;
        Ok::<_, anyhow::Error>(listed_scenario(&scenario, entry))
    };
    let simulated = |(name, form, default, summary)| OptionEntry::new(name, form, default, summary);
    let listing = Listing {
        schema_version: 1,
        scenarios: registry.scenarios.iter().map(made).collect::<Result<_, _>>()?,
        transports: registry.transports.iter().map(listed_transport).collect(),
        arrivals: listed_forms(&ArrivalSpec::FORMS),
        payloads: listed_forms(&PayloadSpec::FORMS),
        keys: listed_forms(&KeySpec::FORMS),
        simulated: sim::spec::FORMS.map(simulated).iter().map(Into::into).collect(),
        thresholds: Thresholds::ALL.iter().map(Into::into).collect(),
    };
    output::result(&if args.json { serde_json::to_string_pretty(&listing)? } else { text(&listing) })?;
    Ok(Exit::Ok)
}

fn listed_forms(forms: &[Form]) -> Vec<ListedForm> {
    let listed = |form: &Form| ListedForm { name: form.name(), grammar: form.grammar, summary: form.summary };
    forms.iter().map(listed).collect()
}

fn listed_scenario(scenario: &Scenario, entry: &ScenarioEntry) -> ListedScenario {
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
        options: entry.options.iter().map(Into::into).collect(),
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
        options: entry.options.iter().map(Into::into).collect(),
    }
}

fn text(listing: &Listing) -> String {
    let width = |names: &mut dyn Iterator<Item = usize>| names.max().unwrap_or(0);
    let scenarios = width(&mut listing.scenarios.iter().map(|scenario| scenario.name.len()));
    let mut text = String::from("Scenarios\n");
    for scenario in &listing.scenarios {
        let ListedScenario { name, summary, styles, services, options } = scenario;
        text += &format!("  {name:scenarios$}  {:14}  {summary}\n", styles.join(", "));
        let role = |service: &ListedService| match service {
            ListedService { name, driven: true, .. } => format!("{name} (driven)"),
            ListedService { name, optional: true, .. } => format!("{name} (with --with)"),
            ListedService { name, .. } => (*name).to_owned(),
        };
        let services: Vec<String> = services.iter().map(role).collect();
        text += &format!("  {:scenarios$}    services: {}\n", "", short(&services));
        text += &options_text(scenarios, options);
    }
    text += &transports_text(listing);
    let feeds = [
        ("Arrivals of an open load (--arrivals; all but a trace at --rate)", &listing.arrivals),
        ("Payload sizes (--payload)", &listing.payloads),
        ("Keys (--keys)", &listing.keys),
    ];
    for (head, forms) in feeds {
        text += &forms_text(head, forms);
    }
    text += "\nSimulated target (--sim KEY=VALUE,...)\n";
    text += &options_text(0, &listing.simulated);
    text + &thresholds_text(&listing.thresholds)
}

/// At most eight names, and how many more there are.
fn short(names: &[String]) -> String {
    match names.get(8..).map(<[String]>::len) {
        Some(more @ 1..) => format!("{} and {more} more", names[..8].join(", ")),
        _ => names.join(", "),
    }
}

fn transports_text(listing: &Listing) -> String {
    let transports = listing.transports.iter().map(|transport| transport.name.len()).max().unwrap_or(0);
    let mut text = String::from("\nTransports (a dispatch is STYLE/TRANSPORT, such as message/crossbeam)\n");
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
        text += &options_text(transports, &transport.options);
    }
    text
}

/// A line or two per option, below a name of that width.
fn options_text(indent: usize, options: &[ListedOption]) -> String {
    let line = |option: &ListedOption| {
        let ListedOption { name, form, default, summary, environment, secret } = option;
        let flag = if indent == 0 { "" } else { "--set " };
        let variable = environment.as_ref().map(|name| format!("; or {name}")).unwrap_or_default();
        let kept = if *secret { "; kept out of records" } else { "" };
        format!(
            "  {:indent$}    {flag}{name}={form} [default: {default}{variable}{kept}]\n  {:indent$}      {summary}\n",
            "", ""
        )
    };
    options.iter().map(line).collect()
}

fn thresholds_text(thresholds: &[ListedThreshold]) -> String {
    let name = thresholds.iter().map(|threshold| threshold.name.len()).max().unwrap_or(0);
    let default = thresholds.iter().map(|threshold| threshold.default.chars().count()).max().unwrap_or(0);
    let line = |threshold: &ListedThreshold| {
        let ListedThreshold { name: key, default: value, makes, summary } = threshold;
        format!("  {key:name$}  {value:default$}  {:7}  {summary}\n", makes.unwrap_or("-"))
    };
    let head = "\nThresholds of the verdict (--threshold KEY=VALUE, or none): name, default, what a run beyond it is\n";
    head.to_owned() + &thresholds.iter().map(line).collect::<String>()
}

fn forms_text(head: &str, forms: &[ListedForm]) -> String {
    let width = forms.iter().map(|form| form.grammar.len()).max().unwrap_or(0);
    let lines = forms.iter().map(|form| format!("  {:width$}  {}\n", form.grammar, form.summary));
    format!("\n{head}\n{}", lines.collect::<String>())
}
