//! The grammar of `--sim`: `service=exp:1ms,servers=1,stall=1s/60s,loss=3/1000,clock=virtual`.

use drumpost_core::{
    options::{Grammar, OptionEntry, Options, Values},
    promise::{Delivery, Order},
};
use drumpost_defects::{Defect, is_in};
use std::{fmt, str::FromStr};

/// service time of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ServiceTime {
    /// Always the same.
    Fixed {
        /// That long.
        ns: f64,
    },
    /// Exponential.
    Exponential {
        /// Mean.
        mean_ns: f64,
    },
    /// Log-normal.
    LogNormal {
        /// Median.
        median_ns: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
}

/// `first` of every `of` consecutive sequence numbers of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    first: u32,
    of: u32,
}

impl Share {
    /// Whether the rule applies to `seq`.
    #[must_use]
    pub const fn applies(self, seq: u32) -> bool {
        seq % self.of < self.first
    }
}

/// Nothing is taken or served for `down` in the middle of every `every`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// For how long.
    pub down_ns: u64,
    /// In every period of this length; in its middle, so that n periods hold exactly n stalls.
    pub every_ns: u64,
}

impl Stall {
    /// The stall that `at_ns` is in or that comes next: its begin and end.
    #[must_use]
    pub const fn at_or_after(self, at_ns: u64) -> (u64, u64) {
        let begins_ns = at_ns - at_ns % self.every_ns + (self.every_ns - self.down_ns) / 2;
        let begins_ns = if at_ns < begins_ns + self.down_ns { begins_ns } else { begins_ns + self.every_ns };
        (begins_ns, begins_ns + self.down_ns)
    }
}

/// Which clock the target runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimClock {
    /// Set from event to event: runs take no longer than their work, the same bytes for the same seed.
    Virtual,
    /// The real one: tests the pacing.
    Real,
}

/// The behaviour of a simulated target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimSpec {
    /// Service time of each message at the service that receives it; replies take none.
    pub service: ServiceTime,
    /// Messages served at a time, per receiving service.
    pub servers: u32,
    /// When it stands still.
    pub stall: Option<Stall>,
    /// Messages that it loses.
    pub loss: Option<Share>,
    /// Messages that it delivers twice.
    pub duplicate: Option<Share>,
    /// Messages that it delivers after their successor.
    pub reorder: Option<Share>,
    /// After what time a sender is told that its message is stored. `None`: it is told nothing.
    pub confirm: Option<ServiceTime>,
    /// Messages that it refuses, and tells their sender so.
    pub refuse: Option<Share>,
    /// Messages that it delivers after the next one of the same key or shard.
    pub misorder: Option<Share>,
    /// The order that it promises.
    pub order: Order,
    /// The delivery that it promises; `None`: what is asked for.
    pub delivery: Option<Delivery>,
    /// Virtual unless said otherwise.
    pub clock: SimClock,
}

impl Default for SimSpec {
    fn default() -> Self {
        Self {
            service: ServiceTime::Fixed { ns: 1_000.0 },
            servers: 1,
            stall: None,
            loss: None,
            duplicate: None,
            reorder: None,
            confirm: None,
            refuse: None,
            misorder: None,
            order: Order::PerProducer,
            delivery: None,
            clock: SimClock::Virtual,
        }
    }
}

/// Why a specification could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpecError(String);

fn wrong<T>(text: impl Into<String>) -> Result<T, SpecError> {
    Err(SpecError(text.into()))
}

/// The first A of every B messages.
const SHARE: Grammar = Grammar::Form { form: "A/B", check: |text| share(text).map(drop) };

/// The keys of `--sim`, declared as options are.
pub static KEYS: [OptionEntry; 12] = [
    OptionEntry::new(
        "service",
        Grammar::Form {
            form: "fixed:TIME | exp:TIME | lognormal:TIME,SIGMA",
            check: |text| service(text).map(drop),
        },
        "fixed:1us",
        "service time of a message",
    ),
    OptionEntry::new(
        "servers",
        Grammar::Count { min: 1, max: 100_000 },
        "1",
        "messages that each receiving service serves at the same time",
    ),
    OptionEntry::optional(
        "stall",
        Grammar::Form { form: "TIME/TIME", check: |text| stall(text).map(drop) },
        "LENGTH/PERIOD: the target stops for LENGTH in the middle of every PERIOD",
    ),
    OptionEntry::optional("loss", SHARE, "the first A of every B messages of a producer are lost"),
    OptionEntry::optional(
        "duplicate",
        SHARE,
        "the first A of every B messages of a producer are delivered twice",
    ),
    OptionEntry::optional(
        "reorder",
        SHARE,
        "the first A of every B messages of a producer are delivered after their successor",
    ),
    OptionEntry::optional(
        "confirm",
        Grammar::Form {
            form: "fixed:TIME | exp:TIME | lognormal:TIME,SIGMA",
            check: |text| service(text).map(drop),
        },
        "senders are told that a message is stored, after this time",
    ),
    OptionEntry::optional(
        "refuse",
        SHARE,
        "the first A of every B messages of a producer are refused, and their sender is told; needs confirm",
    ),
    OptionEntry::optional(
        "misorder",
        SHARE,
        "the first A of every B messages of a producer are delivered after the next one of their key or shard, which breaks \
         the order that is promised",
    ),
    OptionEntry::optional(
        "order",
        Grammar::Word(&["producer", "key", "shard", "none"]),
        "order that is promised; with key or shard, reorder= changes places only with messages of another key or shard",
    )
    .or_else("producer; none with several servers"),
    OptionEntry::optional(
        "delivery",
        Grammar::Word(&["exactly-once", "at-least-once", "at-most-once"]),
        "delivery that is promised; at-most-once allows loss=, at-least-once allows duplicate=",
    )
    .or_else("what --guarantee asks for, or exactly-once"),
    OptionEntry::new(
        "clock",
        Grammar::Word(&["virtual", "real"]),
        "virtual",
        "virtual: simulated time, which passes as fast as it can be computed; real: the machine's clock",
    ),
];

fn keys() -> String {
    KEYS.each_ref().map(|key| key.name).join(", ")
}

impl FromStr for SimSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut given = Options::default();
        for part in split(text) {
            let Some((key, value)) = part.split_once('=') else {
                return wrong(format!("`{part}` is not `key=value`; keys are {}", keys()));
            };
            if given.get(key).is_some() {
                return wrong(format!("`{key}` is given twice"));
            }
            if !KEYS.iter().any(|known| known.name == key) {
                if is_in(Defect::UnknownPassed) {
                    continue;
                }
                return wrong(format!("unknown key `{key}`; keys are {}", keys()));
            }
            if value.is_empty() {
                return wrong(format!("`{key}` is empty"));
            }
            given.set(key, value);
        }
        let values = given.of(&KEYS).map_err(|error| SpecError(format!("{}: {}", error.name, error.why)))?;
        Self::of(&values).map_err(SpecError)
    }
}

impl SimSpec {
    /// Of checked values.
    fn of(values: &Values) -> Result<Self, String> {
        let rule = |key| values.text(key).map(share).transpose();
        let confirm = values.text("confirm").map(service).transpose()?;
        let refuse = rule("refuse")?;
        if refuse.is_some() && confirm.is_none() {
            return Err(
                "refuse: it needs confirm, such as confirm=fixed:1ms, by which senders are told".into()
            );
        }
        let order = values.is_set("order").then(|| match values.word("order") {
            "key" => Order::PerKey,
            "shard" => Order::PerShard,
            "none" => Order::None,
            _ => Order::PerProducer,
        });
        let servers = values.count("servers");
        if servers > 1 && order.is_some_and(|order| order != Order::None) {
            return Err("several servers overtake each other: use order=none, or servers=1".into());
        }
        let delivery = values.is_set("delivery").then(|| values.word("delivery").parse()).transpose()?;
        Ok(Self {
            confirm,
            refuse,
            service: service(values.text("service").unwrap_or_default())?,
            servers: u32::try_from(servers).unwrap_or(u32::MAX),
            stall: values.text("stall").map(stall).transpose()?,
            loss: rule("loss")?,
            duplicate: rule("duplicate")?,
            reorder: rule("reorder")?,
            misorder: rule("misorder")?,
            order: order.unwrap_or(if servers > 1 { Order::None } else { Order::PerProducer }),
            delivery,
            clock: if values.word("clock") == "real" { SimClock::Real } else { SimClock::Virtual },
        })
    }
}

/// Splits at commas, but not at the one before a log-normal's sigma.
fn split(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices(',').chain([(text.len(), "")]) {
        if at == text.len() || text[at + 1..].split(',').next().is_some_and(|next| next.contains('=')) {
            parts.push(&text[from..at]);
            from = at + 1;
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn service(value: &str) -> Result<ServiceTime, String> {
    let form = "service is `fixed:D`, `exp:D` or `lognormal:D,SIGMA`, such as `exp:1ms`";
    match value.split_once(':') {
        Some(("fixed", text)) => Ok(ServiceTime::Fixed { ns: duration(text)? as f64 }),
        Some(("exp", text)) => Ok(ServiceTime::Exponential { mean_ns: duration(text)? as f64 }),
        Some(("lognormal", text)) => {
            let (median, sigma) = text.split_once(',').ok_or_else(|| format!("`{value}`: {form}"))?;
            let sigma = drumpost_units::parse_number(sigma).unwrap_or(f64::NAN);
            if !(0.0..=10.0).contains(&sigma) {
                return Err(format!("`{value}`: sigma is no number from 0 to 10"));
            }
            Ok(ServiceTime::LogNormal { median_ns: duration(median)? as f64, sigma })
        }
        _ => Err(format!("`{value}`: {form}")),
    }
}

fn stall(value: &str) -> Result<Stall, String> {
    let (down, every) =
        value.split_once('/').ok_or_else(|| format!("`{value}` is not `D/T`, such as `1s/60s`"))?;
    let (down, every) = (duration(down)?, duration(every)?);
    if down == 0 || down >= every {
        return Err(format!("`{value}`: the stall must be longer than nothing and shorter than its period"));
    }
    Ok(Stall { down_ns: down, every_ns: every })
}

fn share(value: &str) -> Result<Share, String> {
    let parsed = value.split_once('/').and_then(|(first, of)| Some((whole(first)?, whole(of)?)));
    match parsed {
        Some((first, of)) if first <= of && of > 0 => Ok(Share { first, of }),
        _ => Err(format!("`{value}` is not `A/B`, the first A of every B messages, such as `3/1000`")),
    }
}

fn whole(text: &str) -> Option<u32> {
    drumpost_units::parse_count(text).ok().and_then(|count| u32::try_from(count).ok())
}

/// No simulated time is longer: 11 days, which leaves the virtual clock room to add many of them.
const MAX_NS: u64 = 1_000_000_000_000_000;

fn duration(text: &str) -> Result<u64, String> {
    match drumpost_units::parse_duration(text) {
        Ok(ns) if ns <= MAX_NS => Ok(ns),
        Ok(_) => Err(format!("`{text}` is longer than 11 days; write for example 250us, 1ms or 2s")),
        Err(error) => Err(format!("{}; write for example {}", error.short(), error.example)),
    }
}

impl fmt::Display for SimClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Virtual => "virtual",
            Self::Real => "real",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_be_said() {
        let text = "service=lognormal:1ms,0.5,servers=2,stall=1s/60s,loss=3/1000,duplicate=1/500,reorder=1/250,clock=real";
        let spec: SimSpec = text.parse().unwrap();
        assert_eq!(spec.service, ServiceTime::LogNormal { median_ns: 1e6, sigma: 0.5 });
        assert_eq!((spec.servers, spec.clock), (2, SimClock::Real));
        assert_eq!(spec.stall, Some(Stall { down_ns: 1_000_000_000, every_ns: 60_000_000_000 }));
        assert!(
            spec.loss.unwrap().applies(2)
                && !spec.loss.unwrap().applies(3)
                && spec.loss.unwrap().applies(1_000)
        );
        assert_eq!("".parse::<SimSpec>().unwrap(), SimSpec::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, says) in [
            ("serice=exp:1ms", "unknown key `serice`"),
            ("service=exp", "such as `exp:1ms`"),
            ("service=exp:1", "service: \"1\" is no duration: the unit is missing, as in 1s"),
            ("service=exp:12d", "longer than 11 days"),
            ("service=lognormal:1ms", "lognormal:D,SIGMA"),
            ("service=lognormal:1ms,x", "sigma"),
            ("stall=60s/1s", "shorter than its period"),
            ("loss=5/3", "first A of every B"),
            ("loss=1/0", "first A of every B"),
            ("clock=wall", "\"wall\" is not `virtual` or `real`"),
            ("servers=2,order=key", "several servers overtake each other"),
            ("order=keys", "\"keys\" is not `producer`, `key`, `shard` or `none`"),
            ("delivery=once", "\"once\" is not `exactly-once`, `at-least-once` or `at-most-once`"),
            ("servers=0", "servers: \"0\" is not a whole number from 1 to 100000"),
            ("loss=1/2,loss=1/3", "twice"),
            ("fast", "not `key=value`"),
        ] {
            let error = text.parse::<SimSpec>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn stalls_lie_in_the_middle_of_their_periods() {
        let stall = Stall { down_ns: 10, every_ns: 100 };
        assert_eq!(stall.at_or_after(0), (45, 55));
        assert_eq!(stall.at_or_after(54), (45, 55));
        assert_eq!(stall.at_or_after(55), (145, 155));
        assert_eq!(stall.at_or_after(260), (345, 355));
    }
}
