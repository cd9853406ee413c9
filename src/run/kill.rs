//! The instances that faults name, and whom `--kill` kills when.

use crate::{
    exit::usage,
    similar::unknown,
    spec::{InstanceAt, KillSpec, Said},
};
use drumpost_core::{
    plan::{Kill, Victim},
    wiring::Wiring,
};

/// The kill that is asked for.
///
/// # Errors
/// The wiring has no such instance, or one without a consumer.
pub(super) fn of(said: &Said<KillSpec>, wiring: &Wiring) -> anyhow::Result<Kill> {
    let KillSpec { victim, of } = &**said;
    let InstanceAt { service, instance, when } = of;
    let found = found("--kill", said.text(), of, wiring)?;
    if *victim == Victim::Consumer && wiring.heard_by(found).next().is_none() {
        return Err(usage(format!(
            "--kill `{said}`: {service} receives nothing in this style, so it has no consumer to kill; \
             connection:{said} kills all that it has open"
        )));
    }
    Ok(Kill {
        service: service.clone(),
        instance: *instance,
        after: when.at,
        down: when.lasts,
        what: *victim,
    })
}

/// The place of the service whose instance the `text` of a flag names.
///
/// # Errors
/// The wiring has no such instance.
pub(super) fn found(flag: &str, text: &str, of: &InstanceAt, wiring: &Wiring) -> anyhow::Result<usize> {
    let InstanceAt { service, instance, .. } = of;
    let place = service_named(flag, service, wiring)?;
    let count = wiring.services[place].instances.len();
    if usize::from(*instance) >= count {
        let there = match count - 1 {
            0 => "it has one, with the number 0".to_owned(),
            last => format!("its instances are 0 to {last}"),
        };
        return Err(usage(format!(
            "{flag} `{text}`: {service} has no instance {instance}; {there} (see --instances)"
        )));
    }
    Ok(place)
}

/// The place of a service that a flag names.
///
/// # Errors
/// The wiring has no such service.
pub(super) fn service_named(flag: &str, service: &str, wiring: &Wiring) -> anyhow::Result<usize> {
    let known: Vec<&str> = wiring.services.iter().map(|service| service.name.as_str()).collect();
    let place = known.iter().position(|known| *known == service);
    place.ok_or_else(|| usage(format!("{flag}: {}", unknown("service", service, &known))))
}
