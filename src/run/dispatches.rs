//! The dispatches of a run: those that the command line names, and the reason why a transport cannot carry the
//! scenario.

use super::job::asked;
use crate::{
    exit::usage,
    similar::{closest, unknown},
    spec::RunSpec,
};
use drumpost_core::{
    payload::Pool,
    registry::{Options, Registry, RunsOn, TransportEntry},
    scenario::{Scenario, Style},
    wiring::{Wiring, WiringError, WiringSettings},
};
use std::{collections::BTreeMap, sync::Arc};

/// Styles with transports.
pub(super) type Dispatches<'a> = Vec<(Style, &'a TransportEntry)>;

/// The dispatches that a command line names, or all that it may mean.
///
/// # Errors
/// A sentence about a name that is not known, or a dispatch that cannot carry the scenario.
pub(super) fn dispatches<'a>(
    registry: &'a Registry,
    spec: &RunSpec,
    scenario: &Scenario,
    options: &Options,
) -> anyhow::Result<Dispatches<'a>> {
    // `--sim` alone means the simulated target, by messages.
    let simulated = || registry.transports.iter().filter(|entry| entry.runs_on == RunsOn::Simulation);
    let asked: Vec<String> = match (&spec.dispatch[..], &spec.options.sim) {
        ([], Some(_)) => {
            simulated().map(|entry| format!("{}/{}", Style::Message, entry.name)).take(1).collect()
        }
        (asked, _) => asked.to_vec(),
    };
    let mut chosen: Dispatches<'a> = Vec::new();
    for text in &asked {
        let mut found = named(registry, scenario, options, text)?;
        if text.parse::<Style>().is_ok() {
            found.retain(|(_, entry)| keeps(spec, entry));
        }
        chosen.extend(found.into_iter().filter(|(style, entry)| {
            !spec.dispatch.is_empty() || scenario.styles().any(|has| has == *style) || entry.needs_server
        }));
    }
    if asked.is_empty() {
        chosen = defaults(registry, scenario, None);
        chosen.retain(|(_, entry)| keeps(spec, entry));
    }
    let mut seen: Vec<(Style, &str)> = Vec::new();
    chosen.retain(|(style, entry)| {
        let is_new = !seen.contains(&(*style, entry.name));
        seen.push((*style, entry.name));
        is_new
    });
    if chosen.is_empty() {
        return Err(usage(format!(
            "nothing to run: no transport of this build carries `{}` with these flags",
            scenario.name
        )));
    }
    Ok(chosen)
}

/// Whether a transport promises what is asked for. One that was not named is left out if it does not.
fn keeps(spec: &RunSpec, entry: &TransportEntry) -> bool {
    entry.promise.when(&asked(spec)).is_ok()
}

/// The dispatches that need nothing outside the process and can carry the scenario.
fn defaults<'a>(registry: &'a Registry, scenario: &Scenario, only: Option<Style>) -> Dispatches<'a> {
    let fits = |style: Style, entry: &TransportEntry| {
        let simulated = entry.runs_on == RunsOn::Simulation;
        !entry.needs_server && !simulated && refusal(style, entry, scenario).is_none()
    };
    let styles = scenario.styles().filter(|style| only.is_none_or(|only| only == *style));
    let all = styles.flat_map(|style| registry.transports.iter().map(move |entry| (style, entry)));
    all.filter(|(style, entry)| fits(*style, entry)).collect()
}

/// `message/crossbeam`, `message` or `crossbeam`.
fn named<'a>(
    registry: &'a Registry,
    scenario: &Scenario,
    options: &Options,
    text: &str,
) -> anyhow::Result<Dispatches<'a>> {
    if let Ok(style) = text.parse::<Style>() {
        return Ok(defaults(registry, scenario, Some(style)));
    }
    let Some((style, name)) = text.split_once('/') else {
        let entry = transport(registry, text)?;
        let fits = scenario.styles().filter(|style| refusal(*style, entry, scenario).is_none());
        return Ok(fits.map(|style| (style, entry)).collect());
    };
    let style = self::style(style)?;
    let entry = transport(registry, name)?;
    match refusal(style, entry, scenario) {
        Some(Refusal::NoSuchStyle(sentence)) => Err(usage(sentence)),
        Some(Refusal::Intent(listed)) => {
            let label = format!("{style}/{name}");
            let why = own_refusal(style, entry, scenario, options).unwrap_or(listed);
            Err(usage(format!("{label}: {why}{}", instead(registry, scenario, style, entry))))
        }
        None => Ok(vec![(style, entry)]),
    }
}

/// The transport of that name.
///
/// # Errors
/// A sentence that says what a build with it needs, or which names there are.
pub(crate) fn transport<'a>(registry: &'a Registry, name: &str) -> anyhow::Result<&'a TransportEntry> {
    let known: Vec<&str> = registry.transports.iter().map(|entry| entry.name).collect();
    registry.transport(name).ok_or_else(|| match registry.feature_of(name) {
        Some(feature) => usage(format!("this build has no {name}: build with --features {feature}")),
        None => usage(unknown("transport", name, &known)),
    })
}

/// The style of that name.
///
/// # Errors
/// A sentence with the names there are.
pub(crate) fn style(name: &str) -> anyhow::Result<Style> {
    let known = Style::ALL.map(Style::name);
    name.parse().map_err(|_| usage(unknown("style", name, &known)))
}

/// Why a transport cannot carry a style of the scenario.
enum Refusal {
    /// The scenario has no such style.
    NoSuchStyle(String),
    /// The transport does not list an intent: a sentence that names it, for a transport that says nothing itself.
    Intent(String),
}

fn refusal(style: Style, entry: &TransportEntry, scenario: &Scenario) -> Option<Refusal> {
    let label = format!("{style}/{}", entry.name);
    if scenario.routes(style).is_empty() {
        let sentence = format!("{label}: scenario `{}` has no {style} style", scenario.name);
        return Some(Refusal::NoSuchStyle(sentence));
    }
    let honoured = entry.intents(style).unwrap_or_default();
    let route = scenario.routes(style).iter().find(|route| !honoured.contains(&route.intent))?;
    Some(Refusal::Intent(format!(
        "{} cannot carry {} `{}`: it has no native support for it",
        entry.name, route.intent, route.destination
    )))
}

/// The transport's own reason for refusing a wiring.
fn own_refusal(
    style: Style,
    entry: &TransportEntry,
    scenario: &Scenario,
    options: &Options,
) -> Option<String> {
    let settings = WiringSettings {
        run_name: String::new(),
        with: Vec::new(),
        without: Vec::new(),
        instances: BTreeMap::new(),
        capacity: 1,
        batch: 1,
        window: None,
        pool: Arc::new(Pool::new(0, 1)),
    };
    let wiring = Wiring::new(scenario, style, &settings).ok()?;
    entry.made(options).ok()?.refusal(&wiring)
}

/// Why a scenario cannot be wired as asked, with the known name that is most like a misspelt one.
pub(super) fn not_wired(label: &str, error: &WiringError) -> anyhow::Error {
    let hint = match error {
        WiringError::Unknown { name, known, .. } => closest(name, &known.split(", ").collect::<Vec<_>>()),
        WiringError::NoStyle { .. } | WiringError::Rule(_) => None,
    };
    let hint = hint.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
    usage(format!("{label}: {error}{hint}"))
}

/// Dispatches that can run instead. Never the one that was refused.
fn instead(registry: &Registry, scenario: &Scenario, style: Style, entry: &TransportEntry) -> String {
    let carries = |style: Style, entry: &TransportEntry| refusal(style, entry, scenario).is_none();
    let own = scenario.styles().filter(|other| *other != style && carries(*other, entry));
    let own: Vec<String> = own.map(|style| format!("{style}/{}", entry.name)).collect();
    if !own.is_empty() {
        return format!("; {} carries this scenario as {}", entry.name, own.join(" and "));
    }
    let others = defaults(registry, scenario, Some(style));
    let others: Vec<String> = others.iter().map(|(style, entry)| format!("{style}/{}", entry.name)).collect();
    if others.is_empty() { String::new() } else { format!("; this scenario runs as {}", others.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        args::{Cli, Command},
        run::job::Job,
    };
    use clap::Parser;
    use drumpost_core::{
        dispatcher::Threaded,
        message::Message,
        port::{Inbox, PortError, RecvPort, SendPort, Told},
        registry::Promise,
        transport::{Endpoints, OpenError, Transport},
    };

    struct NoPort;

    impl SendPort for NoPort {
        fn offer(&mut self, _batch: &[Message]) -> Result<usize, PortError> {
            Ok(0)
        }
    }

    impl RecvPort for NoPort {
        fn drain(
            &mut self,
            _from: Inbox,
            _max: usize,
            _on_batch: impl FnMut(&[Message], &[Told]),
        ) -> Result<usize, PortError> {
            Ok(0)
        }
    }

    /// Someone else's transport, which has its reasons.
    struct Pigeons;

    impl Transport for Pigeons {
        type Send = NoPort;
        type Recv = NoPort;

        fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<NoPort, NoPort>, OpenError> {
            let first = &wiring.destinations[0];
            Err(OpenError::Refused(format!(
                "pigeons cannot carry {} `{}`: they do not fly back",
                first.intent, first.name
            )))
        }
    }

    fn refused(line: &str) -> String {
        let mut registry = crate::builtin();
        registry.transports.push(TransportEntry {
            name: "pigeons",
            summary: "a bird per message",
            intents: &[],
            runs_on: RunsOn::Threads,
            promise: Promise::IN_MEMORY,
            needs_server: false,
            requests: None,
            options: &[],
            make: |_| Ok(Box::new(Threaded(Pigeons))),
        });
        let words = ["drumpost", "run"].into_iter().chain(line.split_whitespace());
        let Some(Command::Run(args)) = Cli::parse_from(words).command else { panic!("{line}") };
        Job::new(&registry, &args.spec).err().expect("refused").to_string()
    }

    #[test]
    fn the_reason_of_a_refusal_is_the_transports_own_sentence() {
        let text = refused("--dispatch message/pigeons");
        assert!(
            text.contains("pigeons cannot carry Request `payment.authorize`: they do not fly back"),
            "{text}"
        );
        assert!(!text.contains("a bird per message"), "{text}");
        let text = refused("--dispatch event/rtrb");
        assert!(!text.contains(crate::builtin().transport("rtrb").unwrap().summary), "{text}");
    }

    #[test]
    fn the_simulated_transport_is_advised_in_the_style_that_was_asked_for() {
        for style in ["message", "event"] {
            let text = refused(&format!("stream --dispatch {style} --sim service=exp:1ms"));
            assert!(text.ends_with(&format!("add --dispatch {style}/sim")), "{text}");
        }
    }

    #[test]
    fn a_misspelt_service_is_told_with_the_one_that_is_most_like_it() {
        let text = refused("stream --dispatch message/crossbeam --instances wroker=4");
        assert!(text.contains("unknown service `wroker` in --instances"), "{text}");
        assert!(text.ends_with("; did you mean `worker`?"), "{text}");
    }

    #[test]
    fn what_was_refused_is_not_advised() {
        for (line, advised) in [
            ("--dispatch message/pigeons", "message/crossbeam"),
            ("--dispatch event/pigeons", "event/tokio-broadcast"),
            ("--dispatch event/rtrb", "message/rtrb"),
            ("--dispatch message/listeners", "event/listeners"),
            ("--dispatch message/tokio-broadcast", "event/tokio-broadcast"),
        ] {
            let text = refused(line);
            let (label, rest) = text.split_once(": ").unwrap();
            assert!(line.ends_with(label) && rest.contains(advised) && !rest.contains(label), "{text}");
        }
    }
}
