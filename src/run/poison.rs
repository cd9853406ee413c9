//! The messages that `--poison` has a service give back.

use crate::exit::usage;
use crate::similar::unknown;
use drumpost_core::{plan::Poison, wiring::Wiring};

/// Reads `SERVICE:1/N`, such as `worker:1/1000`, or `SERVICE:1/NxTIMES`.
///
/// # Errors
/// The text has another form, or the wiring has no such service, or one that receives nothing.
pub(super) fn parse(text: &str, wiring: &Wiring) -> anyhow::Result<Poison> {
    let form = || {
        usage(format!(
            "--poison `{text}` is not SERVICE:1/N, such as worker:1/1000, or SERVICE:1/NxTIMES, such as worker:1/1000x3; N is 1 to \
             4,294,967,295 and TIMES 1 to 1,000"
        ))
    };
    let (service, share) = text.split_once(':').ok_or_else(form)?;
    let share = share.strip_prefix("1/").ok_or_else(form)?;
    let (one_in, times) = share.split_once('x').unwrap_or((share, "1"));
    let one_in: u32 = one_in.parse().ok().filter(|n| *n > 0).ok_or_else(form)?;
    let times: u16 = times.parse().ok().filter(|n| (1..=1_000).contains(n)).ok_or_else(form)?;
    let Some(found) = wiring.services.iter().position(|known| known.name == service) else {
        let known: Vec<&str> = wiring.services.iter().map(|service| service.name.as_str()).collect();
        return Err(usage(format!("--poison: {}", unknown("service", service, &known))));
    };
    if wiring.heard_by(found).next().is_none() {
        return Err(usage(format!("--poison `{text}`: {service} receives nothing in this style")));
    }
    Ok(Poison { service: service.to_owned(), one_in, times })
}
