//! `drumpost contract`: holds transports to the contract of the seam, those that ship and those that a third party has
//! registered, and those with a server to the suite for brokers. The checks themselves are in the engine
//! (`drumpost_core::contract`) and in the kit (`drumpost_kit::suite`).

mod broken;

use crate::{
    Exit,
    args::ContractArgs,
    exit::usage,
    output,
    run::{
        cost, dispatches,
        options::{options_of, refuse_undeclared},
    },
    secrets,
    similar::unknown,
};
use drumpost_core::{
    contract::{self, CHECKS, Report, Verdict},
    guarantee::Guarantee,
    promise::{Acks, Asked},
    registry::{Options, Registry, TransportEntry},
    scenario::Style,
};
use drumpost_results::report::{Layout, hanging};
use serde::Serialize;
use std::{cell::Cell, collections::BTreeMap};

/// A transport, and the styles of it that are checked.
type Subject<'a> = (&'a TransportEntry, Vec<Style>);

/// Checks the transports that are named, or all that need no server, and fails if one of them does not keep the contract.
pub(crate) fn contract(registry: &Registry, args: &ContractArgs) -> anyhow::Result<Exit> {
    let layout = output::layout();
    if args.checks {
        output::result(&list(layout))?;
        return Ok(Exit::Ok);
    }
    let known: Vec<&str> = all_checks().into_iter().map(|(name, _)| name).collect();
    if let Some(name) = args.only.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(usage(format!("--only: {}", unknown("check", name, &known))));
    }
    let subjects = subjects(registry, &args.dispatch)?;
    let used: Vec<&TransportEntry> = subjects.iter().map(|(entry, _)| *entry).collect();
    let options = options_of(registry, &args.set, args.server.as_deref(), &used)?;
    let subjects = giving(subjects, &options, args)?;
    let declared: Vec<_> = used.iter().flat_map(|entry| entry.options).collect();
    refuse_undeclared(registry, &options, &declared)?;
    let paid = used.iter().find_map(|entry| Some((entry.name, cost::paid(entry, &options)?)));
    if let Some((name, (requests, place))) = paid.filter(|_| !args.yes_cost) {
        let [best, worst] = requests.per_message;
        return Err(usage(format!(
            "{name}: the server at {place} is not on this machine, and each request to it may have to be paid for. The checks send \
             some tens of thousands of messages, each of which takes {best} to {worst} requests. Add --yes-cost to agree to it"
        )));
    }
    let (mut holds, mut checked) = (true, Vec::new());
    for (entry, styles) in &subjects {
        broken::reach(entry, &options, asked(args))
            .map_err(|why| anyhow::anyhow!("{}: nothing was checked: {why}", entry.name))?;
        let mut lines =
            Lines { transport: entry.name, layout, width: width(styles, &args.only), held: Vec::new() };
        let report = check(entry, styles, &options, args, &mut lines)?;
        if !applies(&report) {
            output::complain(&format!(
                "{}: none of the checks that were asked for applies to it",
                entry.name
            ));
            continue;
        }
        holds &= report.holds();
        if !args.json {
            output::result(&sum(&report))?;
        }
        checked.push(Checked::of(&report, entry, &options));
    }
    if checked.is_empty() {
        return Ok(Exit::Usage);
    }
    if args.json {
        let document = Document {
            schema_version: 1,
            tool_version: env!("CARGO_PKG_VERSION"),
            guarantee: args.guarantee.map(Guarantee::name),
            acks: args.acks.map(Acks::name),
            holds,
            transports: checked,
        };
        output::result(&(serde_json::to_string_pretty(&document)? + "\n"))?;
    }
    Ok(if holds { Exit::Ok } else { Exit::Failed })
}

/// What is asked of the delivery of every transport.
const fn asked(args: &ContractArgs) -> Asked {
    Asked { guarantee: args.guarantee, acks: args.acks }
}

/// The transports that give what is asked for. One that was named and does not give it ends the command with its sentence.
fn giving<'a>(
    subjects: Vec<Subject<'a>>,
    options: &Options,
    args: &ContractArgs,
) -> anyhow::Result<Vec<Subject<'a>>> {
    let mut giving = Vec::new();
    for (entry, styles) in subjects {
        // A transport reads its options when it is made. What is wrong with one is told before anything is checked.
        let made = entry.made(options).map_err(|error| usage(format!("{}: {error}", entry.name)))?;
        match made.promise(entry.promise, &asked(args)) {
            Ok(_) => giving.push((entry, styles)),
            Err(_) if args.dispatch.is_empty() => {}
            Err(refused) => {
                return Err(usage(format!(
                    "{} {refused}; `drumpost list` has the promises of all transports",
                    entry.name
                )));
            }
        }
    }
    if giving.is_empty() {
        return Err(usage(
            "no in-process transport can do what --guarantee or --acks asks for; name one that has a server",
        ));
    }
    Ok(giving)
}

/// Whether any check said yes or no.
fn applies(report: &Report) -> bool {
    report.passed().chain(report.failures()).next().is_some()
}

/// Checks one transport, and prints each line as soon as it is known: a check may hang for some seconds.
fn check(
    entry: &TransportEntry,
    styles: &[Style],
    options: &Options,
    args: &ContractArgs,
    lines: &mut Lines<'_>,
) -> anyhow::Result<Report> {
    let has_terminal = output::remarks_to_terminal();
    // Once nobody can read the lines, nothing more is checked.
    let is_read = Cell::new(true);
    let wanted = |style: Style, check: &str| {
        let is_wanted = is_read.get()
            && styles.contains(&style)
            && (args.only.is_empty() || args.only.iter().any(|name| name == check));
        if is_wanted && has_terminal {
            output::progress(&format!("{style}/{} {check}", entry.name));
        }
        is_wanted
    };
    let mut printed = Ok(());
    let mut tell = |line: &contract::Line| {
        if has_terminal {
            output::progress("");
        }
        if !args.json && printed.is_ok() {
            printed = lines.add(line);
            is_read.set(printed.is_ok());
        }
    };
    let mut report = contract::check_telling(entry, options, &asked(args), wanted, &mut tell);
    let more = broken::run((entry, styles), options, asked(args), wanted, &mut tell).map_err(usage)?;
    report.lines.extend(more);
    printed.map(|()| report)
}

/// All checks there are, with what each proves.
fn all_checks() -> Vec<(&'static str, &'static str)> {
    CHECKS.iter().map(|check| (check.name, check.proves)).chain(broken::checks()).collect()
}

/// Prints the lines of one transport.
struct Lines<'a> {
    transport: &'a str,
    layout: Layout,
    width: usize,
    /// Lines before the first check that says yes or no: without one the transport is not listed.
    held: Vec<contract::Line>,
}

impl Lines<'_> {
    fn add(&mut self, line: &contract::Line) -> anyhow::Result<()> {
        self.held.push(line.clone());
        if !self.transport.is_empty() {
            if matches!(line.verdict, Verdict::NotApplicable(_)) {
                return Ok(());
            }
            output::result(&format!("{}:", std::mem::take(&mut self.transport)))?;
        }
        self.held.drain(..).try_for_each(|line| {
            let (word, why) = word(&line.verdict);
            let width = self.width;
            let told =
                hanging(&format!("  {word}  {:width$}  ", name(line.style, line.check)), why, self.layout);
            output::result(told.trim_end())
        })
    }
}

fn name(style: Style, check: &str) -> String {
    format!("{style}/{check}")
}

/// The width of the longest name among the checks that are asked for.
fn width(styles: &[Style], only: &[String]) -> usize {
    let is_asked = |check: &str| only.is_empty() || only.iter().any(|name| name == check);
    let asked = all_checks().into_iter().filter(|(check, _)| is_asked(check));
    asked.flat_map(|(check, _)| styles.iter().map(move |style| name(*style, check).len())).max().unwrap_or(0)
}

/// What the command line names, in its order, each transport once; without a name all transports that need no server.
fn subjects<'a>(registry: &'a Registry, asked: &[String]) -> anyhow::Result<Vec<Subject<'a>>> {
    if asked.is_empty() {
        let in_process = registry.transports.iter().filter(|entry| !entry.needs_server);
        return Ok(in_process.map(|entry| (entry, Style::ALL.to_vec())).collect());
    }
    let mut subjects: Vec<Subject<'a>> = Vec::new();
    for text in asked {
        let (styles, name) = match text.split_once('/') {
            None => (Style::ALL.to_vec(), text.as_str()),
            Some((style, name)) => (vec![dispatches::style(style)?], name),
        };
        let entry = dispatches::transport(registry, name)?;
        match subjects.iter_mut().find(|(known, _)| known.name == entry.name) {
            None => subjects.push((entry, styles)),
            Some((_, known)) => known.extend(styles),
        }
    }
    Ok(subjects)
}

/// The checks and what each proves.
fn list(layout: Layout) -> String {
    let all = all_checks();
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    all.iter().map(|(name, proves)| hanging(&format!("{name:width$}"), proves, layout)).collect()
}

/// The last line about a transport.
fn sum(report: &Report) -> String {
    let (passed, failed) = (report.passed().count(), report.failures().count());
    let rest = report.lines.len() - passed - failed;
    let says = if report.holds() { "keeps the contract" } else { "DOES NOT KEEP THE CONTRACT" };
    format!("{} {says}: {passed} passed, {failed} failed, {rest} not applicable\n\n", report.transport)
}

fn word(verdict: &Verdict) -> (&'static str, &str) {
    match verdict {
        Verdict::Passed => ("pass", ""),
        Verdict::Failed(why) => ("FAIL", why),
        Verdict::NotApplicable(why) => ("n/a ", why),
    }
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema_version: u32,
    tool_version: &'static str,
    /// What was asked of the delivery of every transport.
    #[serde(skip_serializing_if = "Option::is_none")]
    guarantee: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acks: Option<&'static str>,
    holds: bool,
    transports: Vec<Checked<'a>>,
}

/// What came of one transport.
#[derive(Debug, Serialize)]
struct Checked<'a> {
    transport: &'a str,
    /// Without the values of secrets.
    options: BTreeMap<String, String>,
    holds: bool,
    checks: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    style: &'static str,
    check: &'static str,
    verdict: &'static str,
    /// Why it failed, or why there was nothing to check.
    why: Option<String>,
}

impl<'a> Checked<'a> {
    fn of(report: &Report, entry: &'a TransportEntry, options: &Options) -> Self {
        let row = |line: &contract::Line| {
            let (verdict, why) = match &line.verdict {
                Verdict::Passed => ("passed", None),
                Verdict::Failed(why) => ("failed", Some(why)),
                Verdict::NotApplicable(why) => ("not_applicable", Some(why)),
            };
            let why = why.map(|why| secrets::hide(why));
            Row { style: line.style.name(), check: line.check, verdict, why }
        };
        let declared = |name: &str| entry.options.iter().any(|option| option.name == name);
        Self {
            transport: entry.name,
            options: options
                .iter()
                .filter(|(name, _)| declared(name))
                .map(|(name, value)| (name.to_owned(), secrets::shown(name, value)))
                .collect(),
            holds: report.holds(),
            checks: report.lines.iter().map(row).collect(),
        }
    }
}
