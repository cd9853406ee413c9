//! Arrival processes: when the flows of an open load are due. Each process has a file.
//!
//! Most processes are a `Profile` of the rate with points on it, either evenly paced or independent of each other. To
//! add such a process, add a file with its [`Form`], its arguments and the profile that it makes from a base rate, then
//! a variant of [`Shape`], then the match arms that the compiler asks for in this file.

pub mod bursts;
pub mod constant;
mod points;
pub mod poisson;
mod profile;
pub mod ramp;
mod rate;
pub mod senders;
pub mod sine;
pub mod spike;
pub mod steps;
pub mod trace;

pub use rate::Rate;

use crate::{
    arguments::Arguments,
    column::Column,
    seed::Member,
    text::{self, Form, SpecError, Subject},
};
use drumpost_core::load::Extent;
use points::{Even, Independent, Points, Timed};
use profile::Profile;
use senders::{EvenSenders, IndependentSenders};
use std::{fmt, sync::Arc};
use trace::{Trace, TraceColumns};

const SUBJECT: Subject = Subject {
    what: "an arrival process",
    example: "constant, poisson, ramp:to=20k/s,over=10s, bursts:on=100ms,off=900ms,poisson, trace:FILE",
};

/// An arrival process with its rate.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrivalSpec {
    /// Evenly paced: see [`constant`].
    Constant(Rate),
    /// Independent of each other: see [`poisson`].
    Poisson(Rate),
    /// At a rate that goes with time.
    Shaped {
        /// How it goes.
        shape: Shape,
        /// The rate it starts from.
        base: Rate,
        /// Independent of each other; else evenly paced.
        is_poisson: bool,
    },
    /// As a file says: see [`trace`].
    Trace(Arc<Trace>),
}

/// How a rate goes with time.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// See [`ramp`].
    Ramp(ramp::Ramp),
    /// See [`steps`].
    Steps(steps::Steps),
    /// See [`bursts`].
    Bursts(bursts::Bursts),
    /// See [`spike`].
    Spike(spike::Spike),
    /// See [`sine`].
    Sine(sine::Sine),
}

impl Shape {
    /// The shape of that name; `None`: there is none.
    fn read(name: &str, arguments: &mut Arguments<'_>) -> Option<Result<Self, String>> {
        match name {
            "ramp" => Some(ramp::Ramp::read(arguments).map(Self::Ramp)),
            "steps" => Some(steps::Steps::read(arguments).map(Self::Steps)),
            "bursts" => Some(bursts::Bursts::read(arguments).map(Self::Bursts)),
            "spike" => Some(spike::Spike::read(arguments).map(Self::Spike)),
            "sine" => Some(sine::Sine::read(arguments).map(Self::Sine)),
            _ => None,
        }
    }

    fn profile(&self, base: Rate) -> Profile {
        match self {
            Self::Ramp(ramp) => ramp.profile(base),
            Self::Steps(steps) => steps.profile(base),
            Self::Bursts(bursts) => bursts.profile(base),
            Self::Spike(spike) => spike.profile(base),
            Self::Sine(sine) => sine.profile(base),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ramp(ramp) => ramp.fmt(f),
            Self::Steps(steps) => steps.fmt(f),
            Self::Bursts(bursts) => bursts.fmt(f),
            Self::Spike(spike) => spike.fmt(f),
            Self::Sine(sine) => sine.fmt(f),
        }
    }
}

impl ArrivalSpec {
    /// Every process, in the order they are listed.
    pub const FORMS: [Form; 8] = [
        constant::FORM,
        poisson::FORM,
        ramp::FORM,
        steps::FORM,
        bursts::FORM,
        spike::FORM,
        sine::FORM,
        trace::FORM,
    ];

    /// The process that `text` describes (`constant`, `ramp:to=20k/s,over=10s`), starting from `rate`. A trace is read from
    /// its file, and takes no rate.
    ///
    /// # Errors
    /// No process has that name, it takes no such arguments, it has no rate and needs one, or the trace cannot be read.
    pub fn parse(text: &str, rate: Option<Rate>) -> Result<Self, SpecError> {
        Self::parse_with(text, rate, &TraceColumns::default())
    }

    /// As [`ArrivalSpec::parse`], with the names that the columns of a trace have.
    ///
    /// # Errors
    /// As [`ArrivalSpec::parse`].
    pub fn parse_with(text: &str, rate: Option<Rate>, columns: &TraceColumns) -> Result<Self, SpecError> {
        // Other processes are no help where a file cannot be read.
        let is_trace = text::call(text).0 == "trace";
        let subject = if is_trace { Subject { example: "", ..SUBJECT } } else { SUBJECT };
        Self::read(text, rate, columns).map_err(|reason| subject.error(text, reason))
    }

    fn read(text: &str, rate: Option<Rate>, columns: &TraceColumns) -> Result<Self, String> {
        let (name, arguments) = text::call(text);
        let known = || Self::FORMS.iter().map(Form::name);
        if !known().any(|known| known == name) {
            return Err(format!(
                "there is no such process{}; known are {}",
                text::did_you_mean(name, known()),
                known().collect::<Vec<_>>().join(", ")
            ));
        }
        if let Some(file) = text.trim_start().strip_prefix("trace") {
            return match rate {
                Some(_) => Err("a trace has times of its own: leave --rate out".to_owned()),
                None => {
                    let file = file.trim_start().trim_start_matches(':');
                    Trace::read(file, columns).map(Arc::new).map(Self::Trace)
                }
            };
        }
        let mut arguments = Arguments::new(name, arguments);
        let base =
            || rate.ok_or_else(|| format!("`{name}` needs a --rate to start from, such as --rate 10k/s"));
        let spec = match name {
            "constant" => Self::Constant(base()?),
            "poisson" => Self::Poisson(base()?),
            _ => {
                let is_poisson = arguments.word("poisson");
                let shape = Shape::read(name, &mut arguments).ok_or("there is no such process")??;
                Self::Shaped { shape, base: base()?, is_poisson }
            }
        };
        arguments.end().map(|()| spec)
    }

    /// The rate it starts from; a trace has none.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        match self {
            Self::Constant(rate) | Self::Poisson(rate) | Self::Shaped { base: rate, .. } => Some(*rate),
            Self::Trace(_) => None,
        }
    }

    /// The trace it is, if it is one.
    #[must_use]
    pub fn trace(&self) -> Option<&Trace> {
        if let Self::Trace(trace) = self { Some(trace) } else { None }
    }

    /// Its mean rate from the end of the warm-up to the end of the load, in flows per second. A load that ends by count ends
    /// with its last flow.
    #[must_use]
    pub fn mean_per_s(&self, warmup_ns: u64, extent: Extent) -> f64 {
        match self {
            Self::Constant(rate) | Self::Poisson(rate) => rate.as_per_s(),
            Self::Shaped { shape, base, .. } => {
                let (profile, from_ns) = (shape.profile(*base), warmup_ns as f64);
                match extent {
                    Extent::Duration(ns) => profile.mean_per_s(from_ns, from_ns + ns as f64),
                    Extent::Count(count) => {
                        let last = profile.flows_by(from_ns).ceil() + count as f64 - 1.0;
                        count as f64 * 1e9 / (profile.when(last) - from_ns).max(1.0)
                    }
                }
            }
            Self::Trace(trace) => {
                let before = trace.flows_by(warmup_ns);
                let (flows, end_ns) = match extent {
                    Extent::Duration(ns) => {
                        (trace.flows_by(warmup_ns.saturating_add(ns)) - before, warmup_ns + ns)
                    }
                    Extent::Count(count) => {
                        let flows = (trace.len() - before).min(usize::try_from(count).unwrap_or(usize::MAX));
                        (flows, trace.when(before + flows.saturating_sub(1)))
                    }
                };
                flows as f64 * 1e9 / end_ns.saturating_sub(warmup_ns).max(1) as f64
            }
        }
    }

    /// What fills in `after_ns` for one member, of so many logical senders.
    pub(crate) fn column(&self, member: Member, senders: u32) -> Box<dyn Column> {
        match self {
            Self::Poisson(rate) if senders < 2 => poisson::column(*rate, member),
            Self::Constant(rate) => on(constant::profile(*rate), false, member, senders),
            Self::Poisson(rate) => on(constant::profile(*rate), true, member, senders),
            Self::Shaped { shape, base, is_poisson } => {
                on(shape.profile(*base), *is_poisson, member, senders)
            }
            Self::Trace(trace) => Box::new(trace::Replay::new(trace, member)),
        }
    }
}

/// Points of a kind on a profile.
fn on(profile: Profile, is_poisson: bool, member: Member, senders: u32) -> Box<dyn Column> {
    fn timed(points: impl Points + 'static, profile: Profile) -> Box<dyn Column> {
        Box::new(Timed::new(points, profile))
    }
    match (is_poisson, senders) {
        (false, 0 | 1) => timed(Even::new(member), profile),
        (true, 0 | 1) => timed(Independent::new(member, member.of as f64), profile),
        (false, _) => timed(EvenSenders::new(member, senders), profile),
        (true, _) => timed(IndependentSenders::new(member, senders), profile),
    }
}

/// As [`ArrivalSpec::parse`] reads it: the process without the rate it starts from.
impl fmt::Display for ArrivalSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(_) => f.write_str("constant"),
            Self::Poisson(_) => f.write_str("poisson"),
            Self::Shaped { shape, is_poisson, .. } => {
                shape.fmt(f)?;
                f.write_str(if *is_poisson { ",poisson" } else { "" })
            }
            Self::Trace(trace) => trace.fmt(f),
        }
    }
}

/// A due time as a whole number of ns. What lies beyond is due at half the range of the clock, which leaves the load room
/// to add to it: no run lasts 292 years.
#[inline]
fn whole_ns(after_ns: f64) -> u64 {
    (after_ns as u64).min(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_read_as_they_are_written() {
        let rate = Rate::per_s(5.0).ok();
        for text in [
            "constant",
            "poisson",
            "ramp:to=20k/s,over=10s,mirror,poisson",
            "ramp:to=1/s,over=1500ms",
            "steps:20k/s,30k/s,every=5s",
            "steps:0.5/s,every=1ns,poisson",
            "bursts:on=100ms,off=900ms",
            "spike:to=50k/s,at=0s,for=500ms",
            "sine:to=20k/s,period=10s,poisson",
        ] {
            assert_eq!(ArrivalSpec::parse(text, rate).unwrap().to_string(), text);
        }
        let typed = ArrivalSpec::parse(" ramp: poisson, over = 10s, to=20000/s", rate).unwrap();
        assert_eq!(typed.to_string(), "ramp:to=20k/s,over=10s,poisson");
    }

    #[test]
    fn errors_name_the_text_what_is_wrong_and_an_example() {
        let rate = Rate::per_s(5.0).ok();
        for (text, rate, reason) in [
            (
                "posson",
                rate,
                "there is no such process (did you mean `poisson`?); known are constant, poisson, ramp, ",
            ),
            ("", rate, "there is no such process"),
            ("poisson:3", rate, "`poisson` does not take `3`"),
            ("poisson", None, "`poisson` needs a --rate"),
            ("sine:to=1/s,period=1s", None, "`sine` needs a --rate"),
            ("ramp", rate, "`ramp` needs `to=`"),
            ("ramp:to=20k/s", rate, "`ramp` needs `over=`"),
            ("ramp:to=20k/s,over=10", rate, "over: \"10\" is no duration: the unit is missing, as in 10s"),
            ("ramp:to=20k/s,over=0s", rate, "over: \"0s\" is no duration: it takes no time at all"),
            ("ramp:to=0/s,over=1s", rate, "to: \"0/s\" is no rate: a rate is above zero"),
            ("ramp:to=2G/s,over=1s", rate, "to: \"2G/s\": it is above 1000000000"),
            ("ramp:to=20000,over=1s", rate, "to: \"20000\" is no rate: the time is missing, as in 20000/s"),
            ("ramp:to=1/s,over=1s,miror", rate, "`ramp` does not take `miror`"),
            ("ramp:to=1/s,to=2/s,over=1s", rate, "`ramp` does not take `to=2/s`, or takes it only once"),
            ("steps:every=5s", rate, "`steps` needs at least one rate"),
            ("steps:20k/s,fast,every=5s", rate, "\"fast\" is no rate"),
            ("bursts:on=1s", rate, "`bursts` needs `off=`"),
            ("spike:to=1/s,for=1s", rate, "`spike` needs `at=`"),
            ("trace:x", rate, "a trace has times of its own"),
            ("trace:/no/such/file", None, "cannot open /no/such/file: "),
            ("trace:x,scale=-1", None, "the scale is no number above zero"),
        ] {
            let error = ArrivalSpec::parse(text, rate).unwrap_err().to_string();
            let begins = format!("failed to read \"{text}\" as an arrival process: {reason}");
            assert!(error.starts_with(&begins), "{error}\nexpected {begins}");
            let says_others = error.contains("; write for example constant, poisson, ramp:to=20k/s,over=10s");
            assert_eq!(says_others, !text.starts_with("trace:"), "{error}");
        }
    }

    #[test]
    fn times_beyond_the_clock_stay_in_order_and_in_range() {
        assert_eq!(whole_ns(1e30), u64::MAX / 2);
        assert_eq!(whole_ns(f64::INFINITY), u64::MAX / 2);
        assert_eq!(whole_ns(1.9), 1);
    }
}
