//! The messages that `--poison` has a service give back.

use super::kill::service_named;
use crate::{
    exit::usage,
    spec::{PoisonSpec, Said},
};
use drumpost_core::{plan::Poison, wiring::Wiring};

/// The poison that is asked for.
///
/// # Errors
/// The wiring has no such service, or one that receives nothing.
pub(super) fn of(said: &Said<PoisonSpec>, wiring: &Wiring) -> anyhow::Result<Poison> {
    let PoisonSpec { service, one_in, times } = &**said;
    if wiring.heard_by(service_named("--poison", service, wiring)?).next().is_none() {
        return Err(usage(format!("--poison `{said}`: {service} receives nothing in this style")));
    }
    Ok(Poison { service: service.clone(), one_in: *one_in, times: *times })
}
