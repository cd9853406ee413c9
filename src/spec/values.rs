//! The grammars of values that no other crate has: counts, times, words.

use super::said::{Reads, Said, reads_by_from_str};
use crate::{host::Observe, similar::closest};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use drumpost_core::{
    guarantee::Guarantee,
    load::{self, Debt},
    payload::{Content, Touch},
    plan::{Placement, Wait, Work},
    promise::Acks,
};
use drumpost_dispatch::sim::spec::{KEYS, SimSpec, SpecError};
use drumpost_results::units;
use drumpost_workloads::{HeaderSpec, KeySpec, PayloadSpec, ThinkSpec, arrivals::trace::TraceColumns};
use std::{fmt, time::Duration};

reads_by_from_str!(
    Acks,
    Content,
    Guarantee,
    HeaderSpec,
    KeySpec,
    Observe,
    PayloadSpec,
    Placement,
    ThinkSpec,
    Touch,
    TraceColumns,
    Wait,
);

impl Reads for SimSpec {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: SpecError| {
            let known = KEYS.each_ref().map(|key| key.name);
            let mut keys = text.split(',').filter_map(|part| Some(part.split_once('=')?.0));
            let misspelt = keys.find(|key| !known.contains(key));
            let meant = misspelt.and_then(|key| closest(key, &known));
            meant.map_or_else(|| error.to_string(), |known| format!("{error}; did you mean `{known}`?"))
        })
    }
}

/// A count from 1 to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count<const MOST: u64 = { u64::MAX }>(pub u64);

impl<const MOST: u64> Reads for Count<MOST> {
    fn read(text: &str) -> Result<Self, String> {
        match units::parse_count(text).map_err(|error| error.to_string())? {
            count if (1..=MOST).contains(&count) => Ok(Self(count)),
            _ if MOST == u64::MAX => Err("must be at least 1".into()),
            _ => Err(format!("must be from 1 to {MOST}")),
        }
    }
}

impl<const MOST: u64> fmt::Display for Count<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MOST: u64> Count<MOST> {
    /// The count in 32 bits; for types whose `MOST` fits.
    pub(crate) fn as_u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

/// A rate, of flows or of messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PerSecond(pub f64);

impl Reads for PerSecond {
    fn read(text: &str) -> Result<Self, String> {
        units::parse_rate(text).map(Self).map_err(|error| error.to_string())
    }
}

impl From<f64> for Said<PerSecond> {
    fn from(per_s: f64) -> Self {
        PerSecond(per_s).into()
    }
}

impl fmt::Display for PerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&drumpost_units::rate_text(self.0))
    }
}

/// What handlers do on messages beside what they do themselves.
impl Reads for Work {
    fn read(text: &str) -> Result<Self, String> {
        let form =
            "it is not TIME, such as 200ns or 2.5ns, or TIME@1/N, such as 5us@1/100; N is 1 to 4,294,967,295";
        let (time, share) = text.split_once('@').unwrap_or((text, "1/1"));
        let one_in = share.strip_prefix("1/").and_then(|n| n.parse().ok()).filter(|n| *n > 0).ok_or(form)?;
        let parts_of_ns = time.strip_suffix("ns").and_then(|number| number.trim().parse::<f64>().ok());
        let ns = match parts_of_ns.filter(|ns| ns.is_finite() && *ns >= 0.0) {
            Some(ns) => ns,
            None => units::parse_duration(time).map_err(|error| error.to_string())? as f64,
        };
        // A second on a message would look like a handler that hangs.
        if ns > 1e9 {
            return Err("a handler may work for 1 s at most".into());
        }
        Ok(Self { ps: (ns * 1e3).round() as u64, one_in })
    }
}

/// How long something lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lasts(pub Duration);

impl Reads for Lasts {
    fn read(text: &str) -> Result<Self, String> {
        duration(text).map(Self)
    }
}

impl fmt::Display for Lasts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&drumpost_units::duration_text(drumpost_core::clock::as_ns(self.0)))
    }
}

/// How long something lasts that means nothing without some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length(pub Duration);

impl Reads for Length {
    fn read(text: &str) -> Result<Self, String> {
        let ns = units::parse_some_duration(text).map_err(|error| error.to_string())?;
        Ok(Self(Duration::from_nanos(ns)))
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Lasts(self.0).fmt(f)
    }
}

impl Reads for u64 {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", Self::MAX))
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    units::parse_duration(text).map(Duration::from_nanos).map_err(|error| error.to_string())
}

/// A time that something lasts.
pub(super) fn some_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("FOR must be longer than 0".into()),
        lasts => Ok(lasts),
    }
}

impl Reads for Debt {
    fn read(text: &str) -> Result<Self, String> {
        match text.strip_prefix("drop:") {
            _ if text == "keep" => Ok(Self::Keep),
            Some(late) => units::parse_duration(late)
                .map(|late_ns| Self::DropAfter { late_ns })
                .map_err(|error| error.to_string()),
            None => Err("write keep, or drop:TIME such as drop:1ms".into()),
        }
    }
}

/// Something that is done or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Switch(pub bool);

impl Reads for Switch {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "write true or false".into())
    }
}

/// A value that is one of a few words.
pub(crate) trait Words: Reads + Clone + Send + Sync + 'static {
    const WORDS: &'static [&'static str];
}

fn no_word<T: Words>() -> String {
    format!("possible values: {}", T::WORDS.join(", "))
}

/// Reads one of the words of a type; the parser of flags knows them.
pub(super) fn words<T: Words>() -> impl TypedValueParser<Value = Said<T>> {
    PossibleValuesParser::new(T::WORDS).try_map(|text| text.parse::<Said<T>>())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AtCap(pub load::AtCap);

impl Reads for AtCap {
    fn read(text: &str) -> Result<Self, String> {
        let all = [load::AtCap::Block, load::AtCap::Shed, load::AtCap::Fail];
        let known = all.into_iter().find(|known| known.name() == text);
        known.map(Self).ok_or_else(no_word::<Self>)
    }
}

impl Words for AtCap {
    const WORDS: &'static [&'static str] = &["block", "shed", "fail"];
}

/// What a service does until a reply arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Await,
    Async,
}

impl Reads for Reply {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "await" => Ok(Self::Await),
            "async" => Ok(Self::Async),
            _ => Err(no_word::<Self>()),
        }
    }
}

impl Words for Reply {
    const WORDS: &'static [&'static str] = &["await", "async"];
}

/// How many connections all instances share; `None`: each has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connections(pub Option<u16>);

impl Reads for Connections {
    fn read(text: &str) -> Result<Self, String> {
        match units::parse_count(text) {
            _ if text == "each" => Ok(Self(None)),
            Ok(count @ 1..=10_000) => Ok(Self(Some(count as u16))),
            _ => Err("write each, or a number of connections from 1 to 10,000".into()),
        }
    }
}

/// `SERVICE=N`: instances of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstancesSpec {
    pub service: String,
    pub count: u16,
}

impl Reads for InstancesSpec {
    fn read(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('=').and_then(|(service, n)| Some((service, units::parse_count(n).ok()?)));
        let (service, count) = parts.ok_or("it is not SERVICE=N, such as worker=4")?;
        let count = u16::try_from(count).map_err(|_| "at most 65,535 of a service")?;
        Ok(Self { service: service.to_owned(), count })
    }
}
