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
    let (named, times) = rest.split_once('@').ok_or_else(form)?;
    let (after, down) = times.split_once('/').ok_or_else(form)?;
    let (service, instance) = match named.split_once('#') {
        Some((service, number)) => (service, number.parse::<u16>().map_err(|_| form())?),
        None => (named, 0),
    };
    let Some(found) = wiring.services.iter().find(|known| known.name == service) else {
        let known: Vec<&str> = wiring.services.iter().map(|service| service.name.as_str()).collect();
        return Err(usage(format!("--kill: {}", unknown("service", service, &known))));
    };
    if usize::from(instance) >= found.instances.len() {
        let last = found.instances.len() - 1;
        return Err(usage(format!(
            "--kill `{text}`: {service} has no instance {instance}; its instances are 0 to {last} (see --instances)"
        )));
    }
    let duration = |time| {
        let wrong = |error: units::UnitError| usage(format!("--kill `{text}`: {error}"));
        units::parse_duration(time).map(Duration::from_nanos).map_err(wrong)
    };
    let (after, down) = (duration(after)?, duration(down)?);
    Ok(Kill { service: service.to_owned(), instance, after, down, what })
}
