//! The options of a run: from `--set` and other flags, else from environment variables. What is declared of an option in the
//! registry says how it is set; no transport is named here.

use crate::{exit::usage, secrets, similar::unknown, spec::RunSpec};
use drumpost_core::{
    options::{Grammar, LogsIn, OptionEntry, Options, Source},
    registry::{Registry, TransportEntry, transport_in},
};
use drumpost_defects::{Defect, is_in};

pub(super) fn options(registry: &Registry, spec: &RunSpec) -> anyhow::Result<Options> {
    let named = spec.dispatch.iter().map(|text| transport_in(text));
    let used: Vec<&TransportEntry> = named.filter_map(|name| registry.transport(name)).collect();
    let mut options = options_of(registry, &spec.options.set, spec.options.server.as_deref(), &used)?;
    if let Some(sim) = &spec.options.sim {
        options.set_from("sim", sim.text(), Source::Flag("--sim"));
    }
    options.set_seed(*spec.load.seed);
    Ok(options)
}

/// The options of a command line, and those of the environment that it does not set. `server` is the address of the server of
/// those of the transports in `used` that have one.
///
/// # Errors
/// Something that is not `KEY=VALUE`, or an address of which it cannot be said whose it is.
pub(crate) fn options_of(
    registry: &Registry,
    set: &[String],
    server: Option<&str>,
    used: &[&TransportEntry],
) -> anyhow::Result<Options> {
    let mut options = Options::default();
    for set in set {
        let Some((key, value)) = set.split_once('=') else {
            return Err(usage(format!("--set `{set}` is not KEY=VALUE, such as fan-out.subscribers=8")));
        };
        options.set(key, value);
    }
    if let Some(url) = server {
        let name = addressed(url, used)?.name;
        if options.get(name).is_some() {
            return Err(usage(format!(
                "--server and --set {name} are both addresses; leave one of them out"
            )));
        }
        options.set_from(name, url, Source::Flag("--server"));
    }
    read_environment(registry, &mut options);
    options.iter().for_each(|(name, value)| secrets::note(name, value));
    Ok(options)
}

/// The option that `--server URL` sets: the one whose schemes fit, among those of the transports that are used.
fn addressed(url: &str, used: &[&TransportEntry]) -> anyhow::Result<&'static OptionEntry> {
    let mut addresses: Vec<&'static OptionEntry> = Vec::new();
    for option in used.iter().filter_map(|entry| entry.address()) {
        if !addresses.iter().any(|known| known.name == option.name) {
            addresses.push(option);
        }
    }
    let fits = |option: &OptionEntry| match (url.split_once("://"), option.grammar) {
        (Some((scheme, _)), Grammar::Url(schemes)) => schemes.contains(&scheme),
        _ => true,
    };
    let fitting: Vec<_> = addresses.iter().copied().filter(|option| fits(option)).collect();
    match (&fitting[..], &addresses[..]) {
        ([only], _) | ([], [only]) => Ok(only),
        (_, []) => {
            Err(usage("--server: no transport that is named here has a server; name one with --dispatch"))
        }
        (several, all) => {
            let names: Vec<&str> =
                if several.is_empty() { all } else { several }.iter().map(|option| option.name).collect();
            Err(usage(format!(
                "--server: the address may be that of {}; say which with --set NAME=URL",
                names.join(" or ")
            )))
        }
    }
}

/// Sets options that a variable of the environment sets, and nothing else. A way to prove who connects that the command line
/// names outdoes all those of the same server that the environment names.
fn read_environment(registry: &Registry, options: &mut Options) {
    let declared = registry.options();
    let is_given = |options: &Options, name: &str| options.get(name).is_some();
    let read = |option: &OptionEntry| {
        let variable = option.environment?;
        Some((variable, std::env::var(variable).ok().filter(|value| !value.is_empty())?))
    };
    // Addresses come first, because they may name a user.
    for option in declared.iter().filter(|option| option.address) {
        if let Some((variable, value)) = read(option).filter(|_| !is_given(options, option.name)) {
            options.set_from(option.name, value, Source::Environment(variable));
        }
    }
    let given = options.clone();
    let of_family = |family: &str| {
        let family = family.to_owned();
        declared.iter().filter(move |option| option.family() == family)
    };
    for option in declared.iter().filter(|option| !is_given(&given, option.name)) {
        let in_address = of_family(option.family())
            .any(|other| other.address && given.get(other.name).is_some_and(|url| url.contains('@')));
        let is_said = in_address
            || of_family(option.family())
                .any(|other| other.logs_in == LogsIn::Way && is_given(&given, other.name));
        let is_wanted = match option.logs_in {
            LogsIn::No => true,
            LogsIn::Way => !is_said,
            // The password of a user that the command line names may be left to the environment.
            LogsIn::With(user) => !is_said || in_address || is_given(&given, user),
        };
        if let Some((variable, value)) = read(option).filter(|_| is_wanted) {
            options.set_from(option.name, value, Source::Environment(variable));
        }
    }
}

/// Refuses an option that nothing of this run declares, such as a misspelt one. `declared` has the options of what is run.
pub(crate) fn refuse_undeclared(
    registry: &Registry,
    options: &Options,
    declared: &[&'static OptionEntry],
) -> anyhow::Result<()> {
    let is_declared = |name: &str| declared.iter().any(|option| option.name == name);
    let by_environment = |name: &str| matches!(options.source(name), Some(Source::Environment(_)));
    let others = options.iter().map(|(name, _)| name);
    let Some(name) = others.into_iter().find(|name| !is_declared(name) && !by_environment(name)) else {
        return Ok(());
    };
    if is_in(Defect::UnknownPassed) {
        return Ok(());
    }
    let family = name.split('.').next().unwrap_or_default();
    let owners =
        registry.transports.iter().filter(|entry| entry.options.iter().any(|option| option.name == name));
    let owners: Vec<&str> = owners.map(|entry| entry.name).collect();
    Err(usage(if !owners.is_empty() {
        format!("--set: option `{name}` is one of {}, and nothing here uses it", owners.join(" and "))
    } else if let Some(feature) = registry.feature_of(family) {
        format!("--set: this build has no option `{name}`: build with --features {feature}")
    } else {
        // Dispatches that share a transport, and transports that share a server, have the same options.
        let mut known: Vec<&str> = declared.iter().map(|option| option.name).collect();
        known.sort_unstable();
        known.dedup();
        match known.is_empty() {
            true => format!(
                "--set: unknown option `{name}`: no transport or scenario of this run has options; \
                 `drumpost list --options` has those of all"
            ),
            false => format!("--set: {}", unknown("option", name, &known)),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::registry::{Promise, RunsOn};

    const fn entry(name: &'static str, options: &'static [OptionEntry]) -> TransportEntry {
        TransportEntry {
            name,
            summary: "",
            intents: &[],
            runs_on: RunsOn::Tasks,
            promise: Promise::IN_MEMORY,
            needs_server: true,
            requests: None,
            options,
            make: |_| Err(String::new()),
        }
    }

    static BOX: [OptionEntry; 4] = [
        OptionEntry::new("box.url", Grammar::Url(&["box", "boxs"]), "box://h", "where")
            .address()
            .or_environment("DRUMPOST_TEST_BOX_URL"),
        OptionEntry::optional("box.user", Grammar::Text, "who").way_to_log_in(),
        OptionEntry::optional("box.password", Grammar::Text, "who")
            .password_of("box.user")
            .or_environment("DRUMPOST_TEST_BOX_PASSWORD"),
        OptionEntry::optional("box.token", Grammar::Text, "who")
            .way_to_log_in()
            .or_environment("DRUMPOST_TEST_BOX_TOKEN"),
    ];
    static TIN: [OptionEntry; 1] =
        [OptionEntry::new("tin.at", Grammar::Url(&["tin"]), "tin://h", "where").address()];
    static BOXES: TransportEntry = entry("boxes", &BOX);
    static CRATES: TransportEntry = entry("crates", &BOX);
    static TINS: TransportEntry = entry("tins", &TIN);

    fn said(set: &[&str], server: Option<&str>, used: &[&TransportEntry]) -> Result<String, String> {
        let transports = [&BOXES, &CRATES, &TINS].map(Clone::clone).to_vec();
        let registry = Registry { transports, ..Registry::default() };
        let set: Vec<String> = set.iter().map(|text| (*text).to_owned()).collect();
        let options = options_of(&registry, &set, server, used).map_err(|error| error.to_string())?;
        Ok(options.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn an_address_is_that_of_the_transports_that_are_named_and_have_one() {
        let both = [&BOXES, &TINS];
        for (url, used, expected) in [
            ("h:1", &[&BOXES][..], Ok("box.url=h:1")),
            ("box://h", &[&BOXES, &CRATES], Ok("box.url=box://h")),
            ("tin://h", &both, Ok("tin.at=tin://h")),
            ("boxs://h", &both, Ok("box.url=boxs://h")),
            // The grammar of the one option there is says which schemes there are.
            ("ftp://h", &[&BOXES], Ok("box.url=ftp://h")),
            ("h:1", &both, Err("may be that of box.url or tin.at; say which with --set NAME=URL")),
            ("ftp://h", &both, Err("may be that of box.url or tin.at")),
            ("h:1", &[], Err("no transport that is named here has a server")),
        ] {
            let found = said(&[], Some(url), used);
            match expected {
                Ok(expected) => assert_eq!(found.as_deref(), Ok(expected)),
                Err(says) => assert!(found.as_ref().is_err_and(|said| said.contains(says)), "{found:?}"),
            }
        }
        let twice = said(&["box.url=box://a"], Some("box://b"), &[&BOXES]).unwrap_err();
        assert!(twice.contains("leave one of them out") && !twice.contains("//a"), "{twice}");
    }

    #[test]
    fn an_option_of_another_transport_is_told_from_one_that_nothing_knows() {
        let registry = Registry {
            transports: vec![BOXES.clone(), TINS.clone()],
            absent: vec![drumpost_core::registry::Absent { name: "far", feature: "distant" }],
            ..Registry::default()
        };
        let refused = |name: &str, declared: &'static [OptionEntry]| {
            let mut options = Options::default();
            options.set(name, "x");
            let declared: Vec<&'static OptionEntry> = declared.iter().collect();
            refuse_undeclared(&registry, &options, &declared).map_err(|error| error.to_string())
        };
        assert_eq!(refused("tin.at", &TIN), Ok(()));
        assert!(refused("tin.at", &BOX).unwrap_err().contains("`tin.at` is one of tins"));
        assert!(refused("box.tokn", &BOX).unwrap_err().contains("did you mean `box.token`?"));
        let twice: Vec<&'static OptionEntry> = TIN.iter().chain(&TIN).collect();
        let mut options = Options::default();
        options.set("tin.ta", "x");
        let said = refuse_undeclared(&registry, &options, &twice).unwrap_err().to_string();
        assert_eq!(said, "--set: unknown option `tin.ta`; did you mean `tin.at`? known: tin.at");
        assert!(refused("far.url", &BOX).unwrap_err().contains("build with --features distant"));
        assert!(
            refused("x.y", &[]).unwrap_err().contains("of this run has options; `drumpost list --options`")
        );
        // What the environment sets is for all commands.
        let mut options = Options::default();
        options.set_from("tin.at", "x", Source::Environment("TIN"));
        assert!(refuse_undeclared(&registry, &options, &[]).is_ok());
    }
}
