//! `drumpost doctor`: whether a server can be measured, and in words what is wrong if it cannot. First what can be seen from
//! outside is looked at (`port.rs`): the name, the port, what answers there. Then some messages are sent in each style, as a run
//! would send them: this needs the login, the permissions and the plug-ins that a run needs.

mod port;

use crate::{
    Exit,
    args::DoctorArgs,
    environment,
    exit::usage,
    interrupt::Interrupt,
    output,
    run::quietly,
    servers::{self, Servers},
};
use drumpost_core::{
    registry::{Registry, TransportEntry},
    scenario::{Intent, Style},
};
use drumpost_results::{
    model::Run,
    report::{Layout, hanging},
    units,
};
use port::Place;
use serde::Serialize;

/// Round trips that are made: enough for a median, and few for a server far away.
const ROUND_TRIPS: u32 = 200;
/// How long the round trips of one style may take in all.
const AT_MOST: &str = "10s";

/// Examines the servers of the transports that are asked for.
pub(crate) fn doctor(registry: &Registry, args: &DoctorArgs) -> anyhow::Result<Exit> {
    let servers = servers::asked(registry, &args.asked, args.server.as_deref(), &args.set)?;
    let interrupt = Interrupt::default();
    let (mut well, mut found) = (0, Vec::new());
    for entry in &servers.entries {
        let examined = examine(registry, entry, &servers, args, &interrupt)?;
        well += u32::from(examined.is_well);
        if !args.json {
            output::result(&examined.text(output::layout()))?;
        }
        found.push(examined);
    }
    let all_well = well as usize == found.len();
    if args.json {
        let document =
            Document { schema_version: 1, tool_version: env!("CARGO_PKG_VERSION"), all_well, servers: found };
        output::result(&(serde_json::to_string_pretty(&document)? + "\n"))?;
    }
    // If nobody said which server, one that is not there is no failure beside one that is.
    let suffices = all_well || (!servers.is_said && well > 0);
    Ok(if suffices { Exit::Ok } else { Exit::Failed })
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema_version: u32,
    tool_version: &'static str,
    all_well: bool,
    servers: Vec<Examined<'a>>,
}

/// What was found of one transport's server.
#[derive(Debug, Serialize)]
struct Examined<'a> {
    transport: &'a str,
    /// The address without its login.
    address: String,
    is_well: bool,
    findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    state: State,
    what: &'static str,
    says: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Failed,
    /// What may explain a failure.
    Note,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok  ",
            Self::Failed => "FAIL",
            Self::Note => "note",
        }
    }
}

impl Examined<'_> {
    fn add(&mut self, what: &'static str, says: Result<String, String>) {
        self.is_well &= says.is_ok();
        let state = if says.is_ok() { State::Ok } else { State::Failed };
        self.findings.push(Finding { state, what, says: says.unwrap_or_else(|why| why) });
    }

    fn text(&self, layout: Layout) -> String {
        let mut text = format!("{} at {}:\n", self.transport, self.address);
        for Finding { state, what, says } in &self.findings {
            text += &hanging(&format!("  {}  {what:9}  ", state.word()), says, layout);
        }
        text + if self.is_well {
            "  This server can be measured.\n"
        } else {
            "  This server cannot be measured as it is.\n"
        }
    }
}

fn examine<'a>(
    registry: &Registry,
    entry: &'a TransportEntry,
    servers: &Servers<'_>,
    args: &DoctorArgs,
    interrupt: &Interrupt,
) -> anyhow::Result<Examined<'a>> {
    let wrong = |error: String| usage(format!("{}: {error}", entry.name));
    entry.made(&servers.options).map_err(wrong)?;
    let values = servers.options.of(entry.options).map_err(|error| wrong(error.to_string()))?;
    let (url, usual) = entry
        .address()
        .map_or(("", ""), |option| (values.url(option.name), option.default.unwrap_or_default()));
    let place = Place::of(url, usual);
    let address =
        place.as_ref().map_or_else(|| url.to_owned(), |Place { host, port }| format!("{host}:{port}"));
    let mut examined = Examined { transport: entry.name, address, is_well: true, findings: Vec::new() };
    let mut reached = None;
    if let Some(place) = &place {
        let connected = port::resolve(place).and_then(|addresses| port::connect(&addresses));
        reached = connected.as_ref().ok().map(|(address, _)| *address);
        let says = |(address, ns)| format!("{address} accepts connections, after {}", units::duration(ns));
        examined.add("port", connected.map(says));
        if let (false, Some(option)) = (examined.is_well, entry.address()) {
            // Such as which part of the server listens there.
            let says = option.summary.to_owned();
            examined.findings.push(Finding { state: State::Note, what: "expects", says });
        }
    }
    if examined.is_well {
        for style in Style::ALL {
            let Some(intents) = entry.intents(style) else { continue };
            let words = words(entry, style, intents, args);
            messages(&mut examined, registry, style, words, interrupt)?;
            if !examined.is_well {
                break;
            }
        }
    }
    if !examined.is_well
        && let Some(whose) = reached.and_then(port::protocol)
    {
        examined.findings.push(Finding { state: State::Note, what: "answers", says: whose.to_owned() });
    }
    Ok(examined)
}

/// The command line of a run with a few flows, one at a time.
fn words(entry: &TransportEntry, style: Style, intents: &[Intent], args: &DoctorArgs) -> Vec<String> {
    let answers = style == Style::Event || intents.contains(&Intent::Request);
    let scenario = if answers { "ping" } else { "stream" };
    let line = format!(
        "{scenario} --dispatch {style}/{} --count {ROUND_TRIPS} --in-flight 1 --warmup 0s --trials 1 --flow-timeout {AT_MOST} \
         --drain 2s",
        entry.name
    );
    let address = entry.address().map(|option| option.name);
    let url = args.asked.iter().find(|text| text.contains(['/', '@', ':'])).or(args.server.as_ref());
    let server = url.zip(address).map(|(url, name)| format!("{name}={url}"));
    let set = args.set.iter().cloned().chain(server).flat_map(|set| ["--set".to_owned(), set]);
    let agrees = args.yes_cost.then(|| "--yes-cost".to_owned());
    line.split_whitespace().map(String::from).chain(set).chain(agrees).collect()
}

/// Sends messages in one style, and says what became of them.
fn messages(
    examined: &mut Examined<'_>,
    registry: &Registry,
    style: Style,
    words: Vec<String>,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let job = quietly::job(registry, words)?;
    let record = quietly::record(registry, &job, interrupt);
    let what = match style {
        Style::Message => "commands",
        Style::Event => "events",
    };
    let Some(run) = record.runs.first() else {
        examined.add(what, Err("nothing was run".into()));
        return Ok(());
    };
    let server = run.trials.iter().find_map(|trial| trial.server.as_ref());
    let version = server.and_then(|server| Some(format!("{} {}", server.product, server.version.as_ref()?)));
    if let Some(version) = version
        && !examined.findings.iter().any(|finding| finding.what == "server")
    {
        examined.add("server", Ok(version));
    }
    examined.add(what, went(run));
    Ok(())
}

/// How the messages of a run went.
fn went(run: &Run) -> Result<String, String> {
    if let Some(error) = run.error() {
        return Err(format!("{error}{}", clock_advice(error)));
    }
    let (audit, response) = (run.audit(), run.response());
    if run.audit_failed() || response.count() < u64::from(ROUND_TRIPS) {
        let (ended, lost) = (units::count_exact(response.count()), units::count_exact(audit.lost));
        return Err(format!(
            "{ended} of {ROUND_TRIPS} flows ended, and {lost} messages were lost: the server accepts messages and does not \
             deliver all of them to the one subscriber of this test"
        ));
    }
    let at = |share| units::duration_or_none(response.quantile_ns(share));
    let trip = if run.scenario == "ping" { "there and back" } else { "one way" };
    Ok(format!("{ROUND_TRIPS} sent {trip} and none lost, p50 {}, p90 {}", at(0.5), at(0.9)))
}

/// What else may be wrong if a certificate is not valid at this time.
fn clock_advice(error: &str) -> String {
    let says = |word: &str| error.to_lowercase().contains(word);
    if says("certificate")
        && (says("expired") || says("not valid yet") || says("not yet valid") || says("notvalidyet"))
    {
        return format!("; this machine's clock says {}, check that, too", environment::date());
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_named_where_a_certificate_is_out_of_its_time() {
        let clock = |error| clock_advice(error).contains("this machine's clock says 2");
        assert!(clock("invalid peer certificate: Expired") && clock("certificate not valid yet"));
        assert!(!clock("invalid peer certificate: UnknownIssuer") && !clock("the token expired"));
    }
}
