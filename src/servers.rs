//! Which servers a command is about: `drumpost clean` and `drumpost doctor` take names of transports or the address of a server.

use crate::{
    exit::usage,
    run::options::{options_of, refuse_undeclared},
    similar::{closest, unknown},
};
use drumpost_core::{
    options::{Grammar, Options},
    registry::{Registry, TransportEntry},
};

/// The transports that a command line asks for, and their options.
pub(crate) struct Servers<'a> {
    pub entries: Vec<&'a TransportEntry>,
    pub options: Options,
    /// The command line says which, so a server that is not there is a failure.
    pub is_said: bool,
}

/// Reads names and an address; an address alone stands for all transports that it fits. Without either, all transports that
/// need a server are meant.
///
/// # Errors
/// Usage: several addresses, a name that nobody has, an option that no transport declares.
pub(crate) fn asked<'a>(
    registry: &'a Registry,
    asked: &[String],
    server: Option<&str>,
    set: &[String],
) -> anyhow::Result<Servers<'a>> {
    // A mistyped address is no name: it may hold a password, and names are quoted in errors.
    let (urls, names): (Vec<&String>, Vec<&String>) =
        asked.iter().partition(|text| text.contains(['/', '@', ':']));
    let server = match (&urls[..], server) {
        ([], server) => server,
        ([url], None) => Some(url.as_str()),
        _ => return Err(usage("one address at a time: there are several")),
    };
    let with_server = || registry.transports.iter().filter(|entry| entry.needs_server);
    let known: Vec<&str> = with_server().map(|entry| entry.name).collect();
    for name in &names {
        if !known.contains(&name.as_str()) {
            return Err(usage(not_one(registry, name, &known)));
        }
    }
    let mut entries: Vec<&TransportEntry> = with_server()
        .filter(|entry| names.is_empty() || names.iter().any(|name| *name == entry.name))
        .filter(|entry| !names.is_empty() || server.is_none_or(|url| understands(entry, url)))
        .collect();
    let is_set = |entry: &&TransportEntry| {
        let address = entry.address().map(|option| option.name);
        set.iter().any(|set| set.split_once('=').is_some_and(|(key, _)| Some(key) == address))
    };
    let any_set = entries.iter().any(is_set);
    if names.is_empty() && any_set {
        entries.retain(is_set);
    }
    if entries.is_empty() {
        return Err(usage(nothing(registry, &known)));
    }
    let options = options_of(registry, set, server, &entries)?;
    let declared: Vec<_> = entries.iter().flat_map(|entry| entry.options).collect();
    refuse_undeclared(registry, &options, &declared)?;
    Ok(Servers { entries, options, is_said: !names.is_empty() || server.is_some() || any_set })
}

/// Whether an address may be that of a transport's server.
fn understands(entry: &TransportEntry, url: &str) -> bool {
    entry.address().is_some_and(|option| match (option.grammar, url.split_once("://")) {
        (Grammar::Url(schemes), Some((scheme, _))) => schemes.contains(&scheme),
        _ => true,
    })
}

/// Why a name is not that of a transport with a server.
fn not_one(registry: &Registry, name: &str, known: &[&str]) -> String {
    if let Some(feature) = registry.feature_of(name) {
        return format!("this build has no {name}: build with --features {feature}");
    }
    if registry.transport(name).is_some() {
        return match known {
            [] => format!("{name} has no server: {}", nothing(registry, known)),
            some => format!("{name} has no server; those that have one: {}", some.join(", ")),
        };
    }
    if !known.is_empty() {
        return unknown("transport with a server", name, known);
    }
    let absent: Vec<&str> = registry.absent.iter().map(|absent| absent.name).collect();
    let hint = closest(name, &absent).map(|absent| format!(", did you mean `{absent}`?")).unwrap_or_default();
    format!("unknown transport with a server `{name}`{hint}: {}", nothing(registry, known))
}

/// Why there is nothing to ask.
fn nothing(registry: &Registry, known: &[&str]) -> String {
    let mut features: Vec<&str> = registry.absent.iter().map(|absent| absent.feature).collect();
    features.dedup();
    let lacks = if features.is_empty() {
        String::new()
    } else {
        format!("; a build with --features {} has more", features.join(","))
    };
    if known.is_empty() {
        format!("this build has no transport that needs a server{lacks}")
    } else {
        format!("no transport with a server has such an address; there are {}{lacks}", known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::registry::Absent;

    #[test]
    fn a_name_is_never_answered_with_an_empty_list() {
        let absent = vec![Absent { name: "nats", feature: "nats" }];
        let registry = Registry { absent, ..Registry::default() };
        let refused = |name: &str| asked(&registry, &[name.to_owned()], None, &[]).err().unwrap().to_string();
        assert_eq!(
            refused("foo"),
            "unknown transport with a server `foo`: this build has no transport that needs a server; \
             a build with --features nats has more"
        );
        assert!(refused("nast").contains("`nast`, did you mean `nats`?: "), "{}", refused("nast"));
        assert_eq!(refused("nats"), "this build has no nats: build with --features nats");
    }
}
