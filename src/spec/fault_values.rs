//! The grammars of faults: what happens to which instance, or to the line, and when.

use super::{
    said::Reads,
    values::{duration, some_duration},
};
use crate::relay::{Line, Stretch};
use drumpost_core::plan::{Amount, Victim};
use drumpost_results::units;
use std::{net::SocketAddr, time::Duration};

impl Reads for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "it is not IP:PORT, such as 127.0.0.1:9095".into())
    }
}

/// An instance of a service and a stretch of time: `SERVICE[#INSTANCE]@AT/FOR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstanceAt {
    pub service: String,
    pub instance: u16,
    pub when: Stretch,
}

impl InstanceAt {
    /// Reads it; `form` says what it should be like.
    fn read(text: &str, form: &str) -> Result<Self, String> {
        let (named, times) = text.split_once('@').ok_or(form)?;
        let (at, lasts) = times.split_once('/').ok_or(form)?;
        let (service, instance) = match named.split_once('#') {
            Some((service, number)) => (service, number.parse().map_err(|_| form)?),
            None => (named, 0),
        };
        let when = Stretch { at: duration(at)?, lasts: some_duration(lasts)? };
        Ok(Self { service: service.to_owned(), instance, when })
    }
}

/// Whom `--kill` kills, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KillSpec {
    pub victim: Victim,
    pub of: InstanceAt,
}

impl Reads for KillSpec {
    fn read(text: &str) -> Result<Self, String> {
        let (victim, rest) = match text.strip_prefix("connection:") {
            Some(rest) => (Victim::Connection, rest),
            None => (Victim::Consumer, text),
        };
        let form = "it is not SERVICE@AT/FOR, such as worker@1s/500ms, or SERVICE#INSTANCE@AT/FOR, such as \
                    worker#2@1s/500ms; put connection: before it to kill all that the instance has open";
        Ok(Self { victim, of: InstanceAt::read(rest, form)? })
    }
}

/// Whom `--pause` has stand still, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PauseSpec(pub InstanceAt);

impl Reads for PauseSpec {
    fn read(text: &str) -> Result<Self, String> {
        let form = "it is not SERVICE@AT/FOR, such as worker@1s/500ms, or SERVICE#INSTANCE@AT/FOR, such as worker#2@1s/500ms";
        InstanceAt::read(text, form).map(Self)
    }
}

/// When the line to the server lets nothing through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut(pub Stretch);

/// When connections to the server are reset, and for how long new ones are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reset(pub Stretch);

/// Reads `AT/FOR`, or `AT` alone where that is `enough`.
fn stretch(text: &str, enough: bool) -> Result<Stretch, String> {
    let (at, lasts) = match text.split_once('/') {
        _ if text.contains(',') => {
            return Err("it is a list; one AT/FOR is possible, such as 1s/500ms".into());
        }
        Some((at, lasts)) => (at, Some(lasts)),
        None if enough => (text, None),
        None => return Err("it is not AT/FOR, such as 1s/500ms".into()),
    };
    let lasts = lasts.map(some_duration).transpose()?;
    Ok(Stretch { at: duration(at)?, lasts: lasts.unwrap_or_default() })
}

impl Reads for Cut {
    fn read(text: &str) -> Result<Self, String> {
        stretch(text, false).map(Self)
    }
}

impl Reads for Reset {
    fn read(text: &str) -> Result<Self, String> {
        stretch(text, true).map(Self)
    }
}

/// `DELAY[/BACK][,rate=SIZE/s]`.
impl Reads for Line {
    fn read(text: &str) -> Result<Self, String> {
        const FORM: &str = "it is not DELAY[/BACK][,rate=SIZE/s], such as 2ms, 2ms/5ms or 0s,rate=1MB/s";
        let (delays, rate) = match text.split_once(',') {
            Some((delays, rate)) => (delays, Some(rate.trim().strip_prefix("rate=").ok_or(FORM)?)),
            None => (text, None),
        };
        let (there, back) = delays.split_once('/').unwrap_or((delays, delays));
        let delays = [duration(there)?, duration(back)?];
        let rate = rate.map(|rate| match units::parse_size(rate.strip_suffix("/s").ok_or(FORM)?) {
            Ok(0) => Err("a rate must be above zero".to_owned()),
            Ok(size) => Ok(size),
            Err(error) => Err(error.to_string()),
        });
        let line = Self { delays, rate: rate.transpose()? };
        if line == Self::default() {
            return Err("it changes nothing: give a delay or a rate".into());
        }
        Ok(line)
    }
}

/// A command and its time, from the start of the load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub at: Duration,
    pub command: String,
}

impl Reads for At {
    fn read(text: &str) -> Result<Self, String> {
        let form = "it is not TIME COMMAND in one argument, such as '2s systemctl restart broker'";
        let (at, command) = text.trim().split_once(char::is_whitespace).ok_or(form)?;
        Ok(Self { at: duration(at)?, command: command.trim().to_owned() })
    }
}

/// Which messages a service gives back: those of one flow in `one_in`, each `times` times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PoisonSpec {
    pub service: String,
    pub one_in: u32,
    pub times: u16,
}

impl Reads for PoisonSpec {
    fn read(text: &str) -> Result<Self, String> {
        let form = "it is not SERVICE:1/N, such as worker:1/1000, or SERVICE:1/NxTIMES, such as worker:1/1000x3; N is 1 to \
                    4,294,967,295 and TIMES 1 to 1,000";
        let (service, share) = text.split_once(':').ok_or(form)?;
        let share = share.strip_prefix("1/").ok_or(form)?;
        let (one_in, times) = share.split_once('x').unwrap_or((share, "1"));
        let one_in = one_in.parse().ok().filter(|n| *n > 0).ok_or(form)?;
        let times = times.parse().ok().filter(|n| (1..=1_000).contains(n)).ok_or(form)?;
        Ok(Self { service: service.to_owned(), one_in, times })
    }
}

/// Whose backlog is to pile up, and how large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BacklogSpec {
    pub service: String,
    /// How many instances are absent; `None`: all.
    pub absent: Option<u16>,
    pub amount: Amount,
    /// It is level when no more waits than is sent in this time.
    pub level: Duration,
}

/// The level where none is said.
const LEVEL: Duration = Duration::from_millis(10);

impl Reads for BacklogSpec {
    fn read(text: &str) -> Result<Self, String> {
        let form = "it is not SERVICE:AMOUNT, such as worker:100k or worker:5s; worker=2:100k has two instances absent, and \
                    worker:100k/50ms says that it is level when no more waits than is sent in 50 ms";
        let (named, rest) = text.split_once(':').ok_or(form)?;
        let (amount, level) =
            rest.split_once('/').map_or((rest, None), |(amount, level)| (amount, Some(level)));
        let (service, absent) = match named.split_once('=') {
            Some((service, absent)) => (service, Some(absent.parse().map_err(|_| form)?)),
            None => (named, None),
        };
        let lasting = |text| units::parse_some_duration(text).map(Duration::from_nanos);
        let level = level.map(lasting).transpose().map_err(|error| error.to_string())?.unwrap_or(LEVEL);
        let amount = match (units::parse_count(amount), lasting(amount)) {
            (Ok(0), _) => return Err("a backlog has at least one message".into()),
            (Ok(count), _) => Amount::Messages(count),
            (_, Ok(time)) => Amount::Time(time),
            (Err(_), Err(_)) => return Err(form.into()),
        };
        Ok(Self { service: service.to_owned(), absent, amount, level })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_line_has_delays_and_a_rate() {
        for (text, there, back, rate) in [
            ("2ms", 2, 2, None),
            ("2ms/0s", 2, 0, None),
            ("2ms/5ms,rate=1MB/s", 2, 5, Some(1_000_000)),
            ("0s,rate=64KiB/s", 0, 0, Some(65_536)),
        ] {
            let delays = [there * MS, back * MS];
            assert_eq!(Line::read(text).unwrap(), Line { delays, rate }, "{text}");
        }
        for (text, says) in [
            ("2", "the unit is missing"),
            ("2ms,1MB/s", "is not DELAY[/BACK][,rate=SIZE/s]"),
            ("2ms,rate=1MB", "is not DELAY[/BACK][,rate=SIZE/s]"),
            ("2ms,rate=0B/s", "a rate must be above zero"),
            ("0s", "changes nothing"),
        ] {
            let said = Line::read(text).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn a_stretch_has_a_beginning_and_a_length() {
        let read = stretch;
        assert_eq!(read("1s/500ms", false), Ok(Stretch { at: 1_000 * MS, lasts: 500 * MS }));
        assert_eq!(read("1s", true), Ok(Stretch { at: 1_000 * MS, lasts: Duration::ZERO }));
        assert_eq!(read("1s", false).unwrap_err(), "it is not AT/FOR, such as 1s/500ms");
        assert_eq!(read("1s/0s", true).unwrap_err(), "FOR must be longer than 0");
        assert_eq!(
            read("1s/500ms,2s/500ms", false).unwrap_err(),
            "it is a list; one AT/FOR is possible, such as 1s/500ms"
        );
        assert!(read("1s/x", true).unwrap_err().starts_with("failed to read \"x\" as a duration"));
    }
}
