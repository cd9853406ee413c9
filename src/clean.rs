//! `drumpost clean`: removes what runs left at servers because their process was killed.

use crate::{
    Exit,
    args::CleanArgs,
    exit::usage,
    output,
    run::options::{options_of, refuse_undeclared},
    similar::unknown,
};
use drumpost_core::{
    options::Grammar,
    registry::{Registry, TransportEntry},
    transport::{Cleaned, OpenError},
};
use drumpost_results::plain;

/// Asks every transport that needs a server, or those that are named or whose address is set. An address alone stands for
/// all that it fits.
pub(crate) fn clean(registry: &Registry, args: &CleanArgs) -> anyhow::Result<Exit> {
    let (urls, names): (Vec<&String>, Vec<&String>) =
        args.asked.iter().partition(|text| text.contains("://"));
    let server = match (&urls[..], &args.server) {
        ([], server) => server.as_deref(),
        ([url], None) => Some(url.as_str()),
        _ => return Err(usage("one address at a time: clean has several")),
    };
    let with_server = || registry.transports.iter().filter(|entry| entry.needs_server);
    let known: Vec<&str> = with_server().map(|entry| entry.name).collect();
    for name in &names {
        if !known.contains(&name.as_str()) {
            return Err(match registry.feature_of(name) {
                Some(feature) => usage(format!("this build has no {name}: build with --features {feature}")),
                None => usage(unknown("transport with a server", name, &known)),
            });
        }
    }
    let asked: Vec<&TransportEntry> = with_server()
        .filter(|entry| names.is_empty() || names.iter().any(|name| *name == entry.name))
        .filter(|entry| !names.is_empty() || server.is_none_or(|url| understands(entry, url)))
        .collect();
    let is_set = |entry: &TransportEntry| {
        let address = entry.address().map(|option| option.name);
        args.set.iter().any(|set| set.split_once('=').is_some_and(|(key, _)| Some(key) == address))
    };
    let is_said = !names.is_empty() || server.is_some() || asked.iter().any(|entry| is_set(entry));
    let asked: Vec<&TransportEntry> = match names.is_empty() && asked.iter().any(|entry| is_set(entry)) {
        true => asked.into_iter().filter(|entry| is_set(entry)).collect(),
        false => asked,
    };
    if asked.is_empty() {
        return Err(nothing(registry, &known));
    }
    let options = options_of(registry, &args.set, server, &asked)?;
    let declared: Vec<_> = asked.iter().flat_map(|entry| entry.options).collect();
    refuse_undeclared(registry, &options, &declared)?;
    let (mut text, mut reached, mut failed) = (String::new(), false, false);
    for entry in asked {
        let mut dispatcher =
            entry.made(&options).map_err(|error| usage(format!("{}: {error}", entry.name)))?;
        match dispatcher.clean() {
            Ok(Some(cleaned)) => (reached, text) = (true, text + &told(entry.name, &cleaned)),
            Ok(None) => reached = true,
            // A server that removes what nobody uses by itself: said to those who ask for it.
            Err(OpenError::Refused(_)) if !is_said => {}
            Err(error) => {
                output::complain(&format!("{}: {error}", entry.name));
                failed = true;
            }
        }
    }
    output::result(&text)?;
    // If nobody said which server, one that is not there is no failure beside one that is.
    Ok(if failed && (is_said || !reached) { Exit::Failed } else { Exit::Ok })
}

/// Whether an address may be that of a transport's server.
fn understands(entry: &TransportEntry, url: &str) -> bool {
    entry.address().is_some_and(|option| match (option.grammar, url.split_once("://")) {
        (Grammar::Url(schemes), Some((scheme, _))) => schemes.contains(&scheme),
        _ => true,
    })
}

/// Why there is nothing to ask.
fn nothing(registry: &Registry, known: &[&str]) -> anyhow::Error {
    let mut features: Vec<&str> = registry.absent.iter().map(|absent| absent.feature).collect();
    features.dedup();
    let lacks = if features.is_empty() {
        String::new()
    } else {
        format!("; a build with --features {} has more", features.join(","))
    };
    usage(if known.is_empty() {
        format!("this build has no transport that needs a server{lacks}")
    } else {
        format!("no transport with a server has such an address; there are {}{lacks}", known.join(", "))
    })
}

fn told(transport: &str, Cleaned { at, removed, kept }: &Cleaned) -> String {
    let mut text = match removed.len() {
        0 => format!("{transport} at {at}: no streams of ended runs, nothing to remove\n"),
        count => format!("{transport} at {at}: removed {count} of ended runs:\n"),
    };
    removed.iter().for_each(|name| text += &format!("  {}\n", plain::line(name)));
    kept.iter().for_each(|what| text += &format!("  not removed: {}\n", plain::line(what)));
    text
}
