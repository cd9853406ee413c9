//! `drumpost doctor`: whether a server can be measured, and in words what is wrong if it cannot. First what can be seen from
//! outside is looked at: the name, the port and what answers there (`port.rs`), and when a certificate is valid (`certificate.rs`). Then some messages are sent in each style, as a run
//! would send them: this needs the login, the permissions and the plug-ins that a run needs.

mod advice;
mod certificate;
mod messages;
mod port;

use crate::{
    Exit,
    args::DoctorArgs,
    exit::usage,
    output,
    servers::{self, Servers},
};
use drumpost_core::{
    registry::{Registry, TransportEntry},
    scenario::Style,
};
use drumpost_results::{
    report::{Layout, hanging},
    units,
};
use port::Place;
use serde::Serialize;

/// Examines the servers of the transports that are asked for.
pub(crate) fn doctor(registry: &Registry, args: &DoctorArgs) -> anyhow::Result<Exit> {
    let servers = servers::asked(registry, &args.asked, args.server.as_deref(), &args.set)?;
    let (mut well, mut found) = (0, Vec::new());
    for entry in &servers.entries {
        let examined = examine(registry, entry, &servers, args)?;
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

    fn add_note(&mut self, what: &'static str, says: String) {
        self.findings.push(Finding { state: State::Note, what, says });
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
            examined.add_note("expects", option.summary.to_owned());
        }
    }
    if let (Some(address), Some(place)) = (reached, &place) {
        certificate::look(&mut examined, address, &place.host, url);
    }
    if examined.is_well {
        for style in Style::ALL {
            let Some(intents) = entry.intents(style) else { continue };
            let words = messages::words(entry, style, intents, args);
            messages::send(&mut examined, registry, style, words)?;
            if !examined.is_well {
                break;
            }
        }
    }
    if !examined.is_well
        && let Some(answers) = reached
            .and_then(|address| port::protocol(address, url))
            .and_then(|whose| port::beside(whose, url))
    {
        examined.add_note("answers", answers);
    }
    Ok(examined)
}
