//! The instance that `--kill` names, and when it is killed.

use crate::exit::usage;
use crate::similar::unknown;
use drumpost_core::{
    plan::{Kill, Victim},
    wiring::Wiring,
};
use drumpost_results::units;
use std::time::Duration;

/// Reads `[connection:]SERVICE[#INSTANCE]@AFTER/DOWN`.
///
/// # Errors
/// The text has another form, or the wiring has no such instance.
pub(super) fn parse(text: &str, wiring: &Wiring) -> anyhow::Result<Kill> {
    let form = || {
        usage(format!(
            "--kill `{text}` is not SERVICE@AFTER/DOWN, such as worker@1s/500ms, or SERVICE#INSTANCE@AFTER/DOWN, such as \
             worker#2@1s/500ms; put connection: before it to kill all that the instance has open"
        ))
    };
    let (what, rest) = match text.strip_prefix("connection:") {
        Some(rest) => (Victim::Connection, rest),
        None => (Victim::Consumer, text),
    };
    let Named { service, instance, at, lasts } = named("--kill", text, rest, wiring, form)?;
    Ok(Kill { service, instance, after: at, down: lasts, what })
}

/// An instance to which something happens for a while.
pub(super) struct Named {
    pub service: String,
    pub instance: u16,
    pub at: Duration,
    pub lasts: Duration,
}

/// Reads `SERVICE[#INSTANCE]@AT/FOR`, which is the `rest` of the `text` of a flag. `form` says what the text should be like.
///
/// # Errors
/// As [`parse`].
pub(super) fn named(
    flag: &str,
    text: &str,
    rest: &str,
    wiring: &Wiring,
    form: impl Fn() -> anyhow::Error,
) -> anyhow::Result<Named> {
    let (named, times) = rest.split_once('@').ok_or_else(&form)?;
    let (after, down) = times.split_once('/').ok_or_else(&form)?;
    let (service, instance) = match named.split_once('#') {
        Some((service, number)) => (service, number.parse::<u16>().map_err(|_| form())?),
        None => (named, 0),
    };
    let Some(found) = wiring.services.iter().find(|known| known.name == service) else {
        let known: Vec<&str> = wiring.services.iter().map(|service| service.name.as_str()).collect();
        return Err(usage(format!("{flag}: {}", unknown("service", service, &known))));
    };
    if usize::from(instance) >= found.instances.len() {
        let there = match found.instances.len() - 1 {
            0 => "it has one, with the number 0".to_owned(),
            last => format!("its instances are 0 to {last}"),
        };
        return Err(usage(format!(
            "{flag} `{text}`: {service} has no instance {instance}; {there} (see --instances)"
        )));
    }
    let duration = |time| {
        let wrong = |error: units::UnitError| usage(format!("{flag} `{text}`: {error}"));
        units::parse_duration(time).map(Duration::from_nanos).map_err(wrong)
    };
    Ok(Named { service: service.to_owned(), instance, at: duration(after)?, lasts: duration(down)? })
}
