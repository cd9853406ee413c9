//! Parsers for the values of flags, with errors for the person who typed them.

use drumpost_core::load::Debt;
use drumpost_results::units;
use drumpost_workloads::arrivals::senders::MAX_SENDERS;
use std::time::Duration;

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    units::parse_duration(text).map(Duration::from_nanos).map_err(|error| error.to_string())
}

pub(super) fn debt(text: &str) -> Result<Debt, String> {
    match text.strip_prefix("drop:") {
        _ if text == "keep" => Ok(Debt::Keep),
        Some(late) => units::parse_duration(late)
            .map(|late_ns| Debt::DropAfter { late_ns })
            .map_err(|error| error.to_string()),
        None => Err("it is keep, or drop:TIME such as drop:1ms".into()),
    }
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    units::parse_rate(text).map_err(|error| error.to_string())
}

pub(super) fn count(text: &str) -> Result<u64, String> {
    match units::parse_count(text) {
        Ok(0) => Err("must be at least 1".into()),
        Ok(count) => Ok(count),
        Err(error) => Err(error.to_string()),
    }
}

/// A count of at most `most`.
pub(crate) fn count_to(most: u32) -> impl Fn(&str) -> Result<u32, String> + Clone {
    move |text| {
        let count = units::parse_count(text).map_err(|error| error.to_string())?;
        let count = u32::try_from(count).ok().filter(|count| (1..=most).contains(count));
        count.ok_or_else(|| format!("must be from 1 to {most}"))
    }
}

pub(super) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

pub(super) fn senders(text: &str) -> Result<u32, String> {
    let senders = u32::try_from(count(text)?).ok().filter(|senders| *senders <= MAX_SENDERS);
    senders.ok_or_else(|| format!("at most {MAX_SENDERS} senders"))
}

/// How many connections all instances share; `None`: each has its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connections(pub Option<u16>);

/// `each`, or a number of connections.
pub(super) fn connections(text: &str) -> Result<Connections, String> {
    match units::parse_count(text) {
        _ if text == "each" => Ok(Connections(None)),
        Ok(count @ 1..=10_000) => Ok(Connections(Some(count as u16))),
        _ => Err("write each, or a number of connections from 1 to 10,000".into()),
    }
}
