//! `drumpost list`: scenarios, transports with their options, loads and thresholds.

mod options;

use crate::{Exit, args::ListArgs, exit::usage, output};
use drumpost_core::{
    options::{OptionEntry, Options},
    registry::{Order, Registry, RunsOn, ScenarioEntry, TransportEntry},
    scenario::{Intent, Scenario, Style},
};
use drumpost_dispatch::sim;
use drumpost_results::{
    model::Validity,
    report::{Layout, hanging},
    verdict::{Threshold, Thresholds},
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
    /// The keys of `--sim`.
    simulated: Vec<ListedOption>,
    thresholds: Vec<ListedThreshold>,
}

/// An option, or a key of `--sim`.
#[derive(Serialize)]
pub(super) struct ListedOption {
    pub name: &'static str,
    /// `word`, `count`, `time`, `bytes`, `share`, `url`, `file`, `text` or `form`.
    pub grammar: &'static str,
    pub form: String,
    /// What the value may be, in a few words.
    pub allowed: String,
    /// What its number counts; empty where the value has its own unit.
    pub unit: &'static str,
    /// The default, or what holds without one.
    pub default: &'static str,
    pub has_default: bool,
    pub summary: &'static str,
    pub environment: Option<&'static str>,
    pub secret: bool,
    pub address: bool,
    /// Rows that differ in it cannot be compared.
    pub unfair: bool,
    pub brokers_own: bool,
}

impl From<&OptionEntry> for ListedOption {
    fn from(entry: &OptionEntry) -> Self {
        Self {
            name: entry.name,
            grammar: entry.grammar.kind(),
            form: entry.grammar.form(),
            allowed: entry.grammar.allowed(),
            unit: entry.unit,
            default: entry.unset,
            has_default: entry.default.is_some(),
            summary: entry.summary,
            environment: entry.environment,
            secret: entry.secret,
            address: entry.address,
            unfair: entry.unfair,
            brokers_own: entry.brokers_own,
        }
    }
}

#[derive(Serialize)]
struct ListedThreshold {
    name: &'static str,
    /// In the form that `--threshold` reads.
    default: String,
    /// The verdict on a run beyond the limit.
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
    /// The delivery guarantee that it promises.
    guarantee: &'static str,
    /// `none`, `per-key`, `per-shard` or `per-producer`.
    order: &'static str,
    confirms: &'static str,
    /// When receivers can acknowledge.
    acknowledges: Vec<&'static str>,
    lossless: bool,
    may_duplicate: bool,
    stores: bool,
    acks: String,
    persistence: String,
    needs_server: bool,
    embeds_server: bool,
    options: Vec<ListedOption>,
}

/// Lists scenarios, transports and loads, or options alone.
pub(crate) fn list(registry: &Registry, args: &ListArgs) -> anyhow::Result<Exit> {
    if let Some(name) = &args.options {
        return options::list(registry, name.as_deref(), args.json);
    }
    let made = |entry: &ScenarioEntry| {
        let scenario = entry.made(&Options::default()).map_err(usage)?;
        Ok::<_, anyhow::Error>(listed_scenario(&scenario, entry))
    };
    let listing = Listing {
        schema_version: 1,
        scenarios: registry.scenarios.iter().map(made).collect::<Result<_, _>>()?,
        transports: registry.transports.iter().map(listed_transport).collect(),
        arrivals: listed_forms(&ArrivalSpec::FORMS),
        payloads: listed_forms(&PayloadSpec::FORMS),
        keys: listed_forms(&KeySpec::FORMS),
        simulated: sim::spec::KEYS.iter().map(Into::into).collect(),
        thresholds: Thresholds::ALL.iter().map(Into::into).collect(),
    };
    output::result(&if args.json {
        serde_json::to_string_pretty(&listing)?
    } else {
        text(&listing, output::layout())
    })?;
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
        ordered: entry.promise.order == Order::PerProducer,
        guarantee: entry.promise.delivery.name(),
        order: entry.promise.order.name(),
        confirms: entry.promise.confirms.name(),
        acknowledges: entry.promise.acknowledges.iter().map(|acks| acks.name()).collect(),
        lossless: entry.promise.is_lossless(),
        may_duplicate: entry.promise.may_duplicate(),
        stores: entry.promise.stores,
        acks: entry.promise.acks.into(),
        persistence: entry.promise.persistence.into(),
        needs_server: entry.needs_server,
        embeds_server: entry.embeds_server(),
        options: entry.options.iter().map(Into::into).collect(),
    }
}

/// In fewer columns nothing is aligned below the names.
const NARROW: usize = 80;

/// Columns below which the lines of an entry begin: those of the names, or few on a narrow terminal.
fn indent_of(names: usize, layout: Layout) -> usize {
    if layout.width < NARROW { 2 } else { names }
}

/// A name and its summary: beside it, or below it on a narrow terminal.
fn entry(name: &str, summary: &str, layout: Layout) -> String {
    if layout.width < NARROW {
        format!("{}\n{}", name.trim_end(), hanging("    ", summary, layout))
    } else {
        hanging(&format!("{name}  "), summary, layout)
    }
}

fn text(listing: &Listing, layout: Layout) -> String {
    let widest = |names: &mut dyn Iterator<Item = usize>| names.max().unwrap_or(0);
    let names = widest(&mut listing.scenarios.iter().map(|scenario| scenario.name.len()));
    let indent = indent_of(names, layout);
    let mut text = String::from("Scenarios\n");
    for scenario in &listing.scenarios {
        let ListedScenario { name, summary, styles, services, options } = scenario;
        text += &entry(&format!("  {name:names$}  {:14}", styles.join(", ")), summary, layout);
        let role = |service: &ListedService| match service {
            ListedService { name, driven: true, .. } => format!("{name} (starts the flows)"),
            ListedService { name, optional: true, .. } => format!("{name} (optional: --with {name})"),
            ListedService { name, .. } => (*name).to_owned(),
        };
        let services: Vec<String> = services.iter().map(role).collect();
        let services = format!("services: {}", short(&services));
        text += &hanging(&format!("  {:indent$}    ", ""), &services, layout);
        text += &options_text("--set ", indent, options, layout);
    }
    text += &transports_text(listing, layout);
    let feeds = [
        ("Arrivals of an open load (--arrivals); all but a trace need --rate", &listing.arrivals),
        ("Payload sizes (--payload)", &listing.payloads),
        ("Keys (--keys)", &listing.keys),
    ];
    for (head, forms) in feeds {
        text += &forms_text(head, forms, layout);
    }
    text += "\nSimulated target (--sim KEY=VALUE,...)\n";
    text += &options_text("", 0, &listing.simulated, layout);
    text + &thresholds_text(&listing.thresholds, layout)
}

/// At most eight names, and the number of the others.
fn short(names: &[String]) -> String {
    match names.get(8..).map(<[String]>::len) {
        Some(more @ 1..) => format!("{} and {more} more", names[..8].join(", ")),
        _ => names.join(", "),
    }
}

fn transports_text(listing: &Listing, layout: Layout) -> String {
    let names = listing.transports.iter().map(|transport| transport.name.len()).max().unwrap_or(0);
    let indent = indent_of(names, layout);
    let below = format!("  {:indent$}    ", "");
    let head = "Transports (a dispatch is STYLE/TRANSPORT, such as message/crossbeam)";
    let mut text = format!("\n{}", hanging("", head, layout));
    for transport in &listing.transports {
        let ListedTransport { name, summary, runs_on, intents_by_style, .. } = transport;
        text += &entry(&format!("  {name:names$}"), summary, layout);
        for (style, intents) in intents_by_style {
            text += &hanging(&below, &format!("{style} style: {}", intents.join(", ")), layout);
        }
        let mut traits = vec![match *runs_on {
            "simulation" => "is simulated".to_owned(),
            place => format!("runs on {place}"),
        }];
        traits.push(match transport.guarantee {
            "any" => "promises no guarantee of delivery".into(),
            guarantee => format!("promises {guarantee} delivery"),
        });
        traits.push(match transport.order {
            "none" => "in any order".into(),
            order => format!("in order {}", order.replace('-', " ")),
        });
        traits.extend((transport.acks != "none").then(|| transport.acks.clone()));
        traits.extend(transport.stores.then(|| "stores messages for instances that are away".into()));
        traits.extend(transport.needs_server.then(|| match transport.embeds_server {
            true => "has a server in this process, or uses one that runs".into(),
            false => "needs a server".into(),
        }));
        text += &hanging(&below, &traits.join("; "), layout);
        text += &options_text("--set ", indent, &transport.options, layout);
    }
    text
}

/// A line or two per option, below a name of that width.
fn options_text(flag: &str, indent: usize, options: &[ListedOption], layout: Layout) -> String {
    let lines = |option: &ListedOption| {
        let ListedOption { name, form, default, summary, environment, secret, .. } = option;
        let variable = environment.as_ref().map(|name| format!("; or {name}")).unwrap_or_default();
        let kept = if *secret { "; kept out of records" } else { "" };
        let option = format!("{flag}{name}={form} [default: {default}{variable}{kept}]");
        let below = |more: &str| format!("  {:indent$}    {more}", "");
        hanging(&below(""), &option, layout) + &hanging(&below("  "), summary, layout)
    };
    options.iter().map(lines).collect()
}

fn thresholds_text(thresholds: &[ListedThreshold], layout: Layout) -> String {
    let is_narrow = layout.width < NARROW;
    let widest = |of: fn(&ListedThreshold) -> usize| thresholds.iter().map(of).max().unwrap_or(0);
    let name = if is_narrow { 0 } else { widest(|threshold| threshold.name.len()) };
    let default = if is_narrow { 0 } else { widest(|threshold| threshold.default.chars().count()) };
    let line = |threshold: &ListedThreshold| {
        let ListedThreshold { name: key, default: value, makes, summary } = threshold;
        entry(&format!("  {key:name$}  {value:default$}  {:7}", makes.unwrap_or("-")), summary, layout)
    };
    let head = "Thresholds of the verdict (--threshold KEY=VALUE; the value none switches a check off): name, default, \
                verdict on a run beyond it, what is compared";
    format!("\n{}", hanging("", head, layout)) + &thresholds.iter().map(line).collect::<String>()
}

fn forms_text(head: &str, forms: &[ListedForm], layout: Layout) -> String {
    let is_narrow = layout.width < NARROW;
    let width = if is_narrow { 0 } else { forms.iter().map(|form| form.grammar.len()).max().unwrap_or(0) };
    let line = |form: &ListedForm| {
        // The optional parts of a long form go to the next line.
        let grammar = if is_narrow { form.grammar.replace("[,", " [,") } else { form.grammar.to_owned() };
        if is_narrow {
            hanging("  ", &grammar, layout) + &hanging("      ", form.summary, layout)
        } else {
            hanging(&format!("  {grammar:width$}  "), form.summary, layout)
        }
    };
    format!("\n{}{}", hanging("", head, layout), forms.iter().map(line).collect::<String>())
}
