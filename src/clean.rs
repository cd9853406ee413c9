//! `drumpost clean`: removes what runs left at servers because their process was killed.

use crate::{Exit, args::CleanArgs, exit::usage, output, run::options::options_of, similar::unknown};
use drumpost_core::{registry::Registry, transport::Cleaned};
use drumpost_results::plain;

/// Asks every transport that needs a server, or those that are named.
pub(crate) fn clean(registry: &Registry, args: &CleanArgs) -> anyhow::Result<Exit> {
    let options = options_of(registry, &args.set, args.nats.as_deref())?;
    let with_server = || registry.transports.iter().filter(|entry| entry.needs_server);
    let known: Vec<&str> = with_server().map(|entry| entry.name).collect();
    if let Some(name) = args.transports.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(usage(unknown("transport with a server", name, &known)));
    }
    let asked: Vec<_> = with_server()
        .filter(|entry| args.transports.is_empty() || args.transports.iter().any(|name| name == entry.name))
        .collect();
    if asked.is_empty() {
        return Err(usage("this build has no transport that needs a server: build with --features nats"));
    }
    let declared: Vec<&str> =
        asked.iter().flat_map(|entry| entry.options).map(|option| option.name).collect();
    let set = args.set.iter().filter_map(|set| set.split_once('='));
    if let Some((key, _)) = set.into_iter().find(|(key, _)| !declared.contains(key)) {
        return Err(usage(format!("--set: {}", unknown("option", key, &declared))));
    }
    let (mut text, mut failed) = (String::new(), false);
    for entry in asked {
        let mut dispatcher =
            (entry.make)(&options).map_err(|error| usage(format!("{}: {error}", entry.name)))?;
        match dispatcher.clean() {
            Ok(Some(cleaned)) => text += &told(entry.name, &cleaned),
            Ok(None) => {}
            Err(error) => {
                output::complain(&format!("{}: {error}", entry.name));
                failed = true;
            }
        }
    }
    output::result(&text)?;
    Ok(if failed { Exit::Failed } else { Exit::Ok })
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
