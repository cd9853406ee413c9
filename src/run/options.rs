//! The options of a run: from `--set` and other flags, else from environment variables.

use crate::{args::RunArgs, exit::usage, secrets, similar::unknown};
use drumpost_core::registry::{OptionEntry, Options, Registry};
use drumpost_defects::{Defect, is_in};

pub(super) fn options(registry: &Registry, args: &RunArgs) -> anyhow::Result<Options> {
    let mut options = options_of(registry, &args.set, args.nats.as_deref())?;
    if let Some(sim) = &args.sim {
        options.set("sim", sim.as_str());
    }
    options.set("seed", args.seed.to_string());
    Ok(options)
}

/// The options of a command line, and those of the environment that it does not set.
///
/// # Errors
/// Something that is not `KEY=VALUE`.
pub(crate) fn options_of(registry: &Registry, set: &[String], nats: Option<&str>) -> anyhow::Result<Options> {
    let mut options = Options::default();
    for set in set {
        let Some((key, value)) = set.split_once('=') else {
            return Err(usage(format!("--set `{set}` is not KEY=VALUE, such as fan-out.subscribers=8")));
        };
        options.set(key, value);
    }
    if let Some(url) = nats {
        options.set("nats.url", url);
    }
    for (name, value) in of_environment(registry, &options) {
        options.set(name, value);
    }
    options.iter().for_each(|(name, value)| secrets::note(name, value));
    Ok(options)
}

/// Options that are set by a variable of the environment, and by nothing else. A way to prove who connects that the command
/// line names outdoes all of those that the environment names.
fn of_environment(registry: &Registry, given: &Options) -> Vec<(&'static str, String)> {
    const WHO: [&str; 5] = ["nats.user", "nats.password", "nats.token", "nats.nkey-file", "nats.creds"];
    let is_given = |name: &str| given.iter().any(|(known, _)| known == name);
    let in_url = given.iter().any(|(name, value)| name == "nats.url" && value.contains('@'));
    let is_said = in_url || WHO.iter().any(|name| is_given(name));
    // The password of a user that the command line names may be left to the environment.
    let wanted = |name: &str| match name {
        "nats.password" => !is_said || in_url || is_given("nats.user"),
        _ => !(is_said && WHO.contains(&name)),
    };
    let declared = registry.transports.iter().flat_map(|entry| entry.options);
    let read = |option: &OptionEntry| {
        let value = option.environment.and_then(|variable| std::env::var(variable).ok());
        value.filter(|value| !value.is_empty()).map(|value| (option.name, value))
    };
    declared.filter(|option| !is_given(option.name) && wanted(option.name)).filter_map(read).collect()
}

/// The names of options that no flag set. NATS_URL is read by the parser of flags, which does not say so here.
pub(super) fn from_environment(args: &RunArgs, options: &Options) -> Vec<String> {
    let by_flag = |name: &str| {
        let set = args.set.iter().filter_map(|set| set.split_once('=')).any(|(key, _)| key == name);
        set || name == "sim" || name == "nats.url" && std::env::var_os("NATS_URL").is_none()
    };
    options.iter().map(|(name, _)| name.to_owned()).filter(|name| !by_flag(name)).collect()
}

/// Refuses an option that nothing of this run has asked for, such as a misspelt one.
pub(super) fn check_options(args: &RunArgs, options: &Options) -> anyhow::Result<()> {
    if is_in(Defect::UnknownPassed) {
        return Ok(());
    }
    let asked = options.asked();
    let known: Vec<&str> = asked.iter().map(String::as_str).filter(|name| name.contains('.')).collect();
    let set = args.set.iter().filter_map(|set| set.split_once('='));
    for (key, _) in set.chain(args.nats.is_some().then_some(("nats.url", ""))) {
        let by_environment = key == "nats.url" && std::env::var_os("NATS_URL").is_some();
        if !asked.iter().any(|name| name == key) && !by_environment {
            let what = if known.is_empty() { "option (this run has none)" } else { "option" };
            return Err(usage(format!("--set: {}", unknown(what, key, &known))));
        }
    }
    Ok(())
}
