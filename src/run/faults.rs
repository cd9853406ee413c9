//! What goes wrong in the middle of a run, as the flags say it: the line to the server, and instances that stand still.

use super::{commands::At, kill, link::Link};
use crate::{
    args::{FaultArgs, RunArgs},
    exit::usage,
    relay::{Breaks, Line, Stretch},
};
use drumpost_core::{
    load::{Extent, LoadPlan},
    plan::{Conditions, Disturbance, Kill, Pause},
    registry::TransportEntry,
    wiring::Wiring,
};
use drumpost_results::{
    model::{self, Disturbing},
    units,
};
use std::time::Duration;

/// All that is done to the trials of a dispatch.
pub(crate) struct Faults {
    /// The line to its server.
    pub link: Link,
    /// Commands that are run in each trial.
    pub commands: Vec<At>,
    /// What is done to each trial, in the order of the plan's disturbances.
    pub disturbances: Vec<(Disturbing, String)>,
}

impl Faults {
    /// Reads the flags, for a transport and one wiring. Says too what of them is a condition of the trial. `is_virtual`: the trial takes no real time.
    ///
    /// # Errors
    /// A flag has another form, or what it asks for is not possible.
    pub(super) fn of(
        args: &RunArgs,
        wiring: &Wiring,
        entry: &TransportEntry,
        load: &LoadPlan,
        is_virtual: bool,
    ) -> anyhow::Result<(Self, Conditions)> {
        let FaultArgs { pause, at, .. } = &args.faults;
        let kill = args.kill.as_deref().map(|text| kill::parse(text, wiring)).transpose()?;
        if let (Some(text), Some(Kill { after: at, down, .. })) = (&args.kill, &kill) {
            let lasts = some("--kill", text, *down)?;
            within("--kill", Stretch { at: *at, lasts }, load, args.drain)?;
        }
        let line = LineFaults::of(&args.faults, entry, load, args.drain)?;
        let read = |text: &str| self::pause(text, wiring, entry, load, args.drain);
        let pause = pause.as_deref().map(read).transpose()?;
        let commands =
            at.iter().map(|text| At::read(text, load, args.drain)).collect::<Result<Vec<_>, _>>()?;
        if is_virtual && !commands.is_empty() {
            return Err(usage("--at: a command takes real time; add clock=real to --sim"));
        }
        let all = disturbances(line.breaks, kill.as_ref(), pause.as_ref(), &commands);
        let conditions = Conditions {
            kill,
            pause,
            broken_for: line.broken_for(),
            disturbances: all.iter().map(|(.., when)| *when).collect(),
            ..Conditions::default()
        };
        let disturbances = all.into_iter().map(|(kind, what, _)| (kind, what)).collect();
        Ok((Self { link: Link::new(line, entry.address()), commands, disturbances }, conditions))
    }
}

/// What is to happen to the line between a transport and its server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineFaults {
    /// All the time; `None` if nothing was asked for.
    line: Option<Line>,
    pub breaks: Breaks,
}

impl LineFaults {
    /// Reads the flags of the line, for a transport.
    ///
    /// # Errors
    /// A text has another form, the transport has no server, or a fault lies beyond the trial.
    pub(super) fn of(
        args: &FaultArgs,
        entry: &TransportEntry,
        load: &LoadPlan,
        drain: Duration,
    ) -> anyhow::Result<Self> {
        let line = args.link.as_deref().map(line).transpose()?;
        let cut = args.cut.as_deref().map(|text| stretch("--cut", text, false)).transpose()?;
        let reset = args.reset.as_deref().map(|text| stretch("--reset", text, true)).transpose()?;
        for (flag, of) in [("--cut", cut), ("--reset", reset)] {
            if let Some(of) = of {
                within(flag, of, load, drain)?;
            }
        }
        let given = [("--link", line.is_some()), ("--cut", cut.is_some()), ("--reset", reset.is_some())];
        if let Some((flag, _)) = given.iter().find(|(_, given)| *given) {
            if !entry.needs_server {
                return Err(usage(format!("{flag}: {} has no server, and no line to one", entry.name)));
            }
            if entry.address().is_none() {
                return Err(usage(format!(
                    "{flag}: no option of {} is marked as the address of its server (`OptionEntry::address`), so no relay can be \
                     put between",
                    entry.name
                )));
            }
        }
        Ok(Self { line, breaks: Breaks { cut, reset } })
    }

    /// What the relay's line is like; `None` if there is to be no relay.
    pub(super) fn relay(&self) -> Option<Line> {
        let is_needed = self.line.is_some() || self.breaks != Breaks::default();
        is_needed.then(|| self.line.unwrap_or_default())
    }

    /// For how long nothing may move.
    pub(super) fn broken_for(&self) -> Duration {
        let lasts = |stretch: Option<Stretch>| stretch.map_or(Duration::ZERO, |stretch| stretch.lasts);
        lasts(self.breaks.cut).saturating_add(lasts(self.breaks.reset))
    }
}

/// Reads `DELAY[/BACK][,rate=SIZE/s]`.
fn line(text: &str) -> anyhow::Result<Line> {
    const FORM: &str = "is not DELAY[/BACK][,rate=SIZE/s], such as 2ms, 2ms/5ms or 0s,rate=1MB/s";
    let (delays, rate) = match text.split_once(',') {
        Some((delays, rate)) => {
            let rate = rate.trim().strip_prefix("rate=");
            (delays, Some(rate.ok_or_else(|| usage(format!("--link `{text}` {FORM}")))?))
        }
        None => (text, None),
    };
    let (there, back) = delays.split_once('/').unwrap_or((delays, delays));
    let delays = [duration("--link", text, there)?, duration("--link", text, back)?];
    let rate = rate.map(|rate| {
        let size = rate.strip_suffix("/s").ok_or_else(|| usage(format!("--link `{text}` {FORM}")))?;
        let size = units::parse_size(size).map_err(|error| usage(format!("--link `{text}`: {error}")))?;
        if size == 0 { Err(usage(format!("--link `{text}`: a rate is above zero"))) } else { Ok(size) }
    });
    let line = Line { delays, rate: rate.transpose()? };
    if line == Line::default() {
        return Err(usage(format!("--link `{text}` changes nothing: give a delay or a rate")));
    }
    Ok(line)
}

/// Reads `AT/FOR`, or `AT` alone where that is `enough`.
fn stretch(flag: &str, text: &str, enough: bool) -> anyhow::Result<Stretch> {
    let (at, lasts) = match text.split_once('/') {
        Some((at, lasts)) => (at, Some(lasts)),
        None if enough => (text, None),
        None => return Err(usage(format!("{flag} `{text}` is not AT/FOR, such as 1s/500ms"))),
    };
    let at = duration(flag, text, at)?;
    let lasts = lasts.map(|lasts| some(flag, text, duration(flag, text, lasts)?)).transpose()?;
    Ok(Stretch { at, lasts: lasts.unwrap_or_default() })
}

pub(super) fn duration(flag: &str, text: &str, part: &str) -> anyhow::Result<Duration> {
    let wrong = |error: units::UnitError| usage(format!("{flag} `{text}`: {error}"));
    units::parse_duration(part).map(Duration::from_nanos).map_err(wrong)
}

fn some(flag: &str, text: &str, lasts: Duration) -> anyhow::Result<Duration> {
    if lasts.is_zero() {
        return Err(usage(format!("{flag} `{text}`: FOR is longer than 0")));
    }
    Ok(lasts)
}

/// Reads `SERVICE[#INSTANCE]@AT/FOR` of an instance to pause.
///
/// # Errors
/// The text has another form, the wiring has no such instance, or one that receives nothing, the transport has no server, or the
/// pause lies beyond the trial.
fn pause(
    text: &str,
    wiring: &Wiring,
    entry: &TransportEntry,
    load: &LoadPlan,
    drain: Duration,
) -> anyhow::Result<Pause> {
    if !entry.needs_server {
        return Err(usage(format!(
            "--pause: {} has no server that would keep messages for an instance that is paused",
            entry.name
        )));
    }
    let form = || {
        usage(format!(
            "--pause `{text}` is not SERVICE@AT/FOR, such as worker@1s/500ms, or SERVICE#INSTANCE@AT/FOR, such as \
             worker#2@1s/500ms"
        ))
    };
    let kill::Named { service, instance, at, lasts } = kill::named("--pause", text, text, wiring, form)?;
    let lasts = some("--pause", text, lasts)?;
    let found = wiring.services.iter().position(|known| known.name == service);
    if found.is_some_and(|found| wiring.heard_by(found).next().is_none()) {
        return Err(usage(format!("--pause `{text}`: {service} receives nothing in this style")));
    }
    within("--pause", Stretch { at, lasts }, load, drain)?;
    Ok(Pause { service, instance, after: at, lasts })
}

/// All that is done to a trial, in order of time: what it is, and when.
fn disturbances(
    breaks: Breaks,
    kill: Option<&Kill>,
    pause: Option<&Pause>,
    commands: &[At],
) -> Vec<(Disturbing, String, Disturbance)> {
    let instance = |service: &str, instance: u16| match instance {
        0 => service.to_owned(),
        other => format!("{service}#{other}"),
    };
    let line = [(Disturbing::Cut, breaks.cut), (Disturbing::Reset, breaks.reset)];
    let line = line.into_iter().filter_map(|(kind, of)| {
        of.map(|Stretch { at, lasts }| (kind, String::new(), Disturbance { at, lasts }))
    });
    let kill = kill.map(|Kill { service, instance: of, after: at, down: lasts, .. }| {
        (Disturbing::Kill, instance(service, *of), Disturbance { at: *at, lasts: *lasts })
    });
    let pause = pause.map(|Pause { service, instance: of, after: at, lasts }| {
        (Disturbing::Pause, instance(service, *of), Disturbance { at: *at, lasts: *lasts })
    });
    let commands = commands.iter().map(|At { at, command }| {
        (Disturbing::Command, command.clone(), Disturbance { at: *at, lasts: Duration::ZERO })
    });
    let mut all: Vec<_> = line.chain(kill).chain(pause).chain(commands).collect();
    all.sort_by_key(|(.., when)| when.at);
    all
}

/// What was done, with what came of it, for the record.
pub(super) fn recorded(
    what: &[(Disturbing, String)],
    recoveries: &[drumpost_core::outcome::Recovery],
) -> Vec<model::Disturbance> {
    let one = |((kind, what), recovery): (&(Disturbing, String), &drumpost_core::outcome::Recovery)| {
        let drumpost_core::outcome::Recovery { at_ns, lasts_ns, before_per_s, gap_ns, recover_ns, drain_ns } =
            *recovery;
        let what = crate::secrets::hide(what);
        model::Disturbance { kind: *kind, what, at_ns, lasts_ns, before_per_s, gap_ns, recover_ns, drain_ns }
    };
    what.iter().zip(recoveries).map(one).collect()
}

/// Refuses what would begin when the load is over, or end when nothing is waited for any more. How long a load by count takes is not
/// known before.
pub(super) fn within(flag: &str, of: Stretch, load: &LoadPlan, drain: Duration) -> anyhow::Result<()> {
    let Extent::Duration(measured_ns) = load.extent else { return Ok(()) };
    let ends = Duration::from_nanos(load.warmup_ns.saturating_add(measured_ns));
    let text = |time: Duration| units::duration(drumpost_core::clock::as_ns(time));
    if of.at >= ends {
        return Err(usage(format!(
            "{flag}: {} after its start the load is over, which lasts {} with its warm-up; choose an earlier time or a longer \
             --duration",
            text(of.at),
            text(ends)
        )));
    }
    if of.at.saturating_add(of.lasts) > ends.saturating_add(drain) {
        return Err(usage(format!(
            "{flag}: it would end {} after the start of the load, when nothing is waited for any more; choose a shorter time or a \
             longer --duration or --drain",
            text(of.at.saturating_add(of.lasts))
        )));
    }
    Ok(())
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
            assert_eq!(line(text).unwrap(), Line { delays, rate }, "{text}");
        }
        for (text, says) in [
            ("2", "the unit is missing"),
            ("2ms,1MB/s", "is not DELAY[/BACK][,rate=SIZE/s]"),
            ("2ms,rate=1MB", "is not DELAY[/BACK][,rate=SIZE/s]"),
            ("2ms,rate=0B/s", "a rate is above zero"),
            ("0s", "changes nothing"),
        ] {
            let said = line(text).unwrap_err().to_string();
            assert!(said.starts_with(&format!("--link `{text}`")) && said.contains(says), "{said}");
        }
    }

    #[test]
    fn a_stretch_has_a_beginning_and_a_length() {
        let read = |text, enough| stretch("--cut", text, enough).map_err(|error| error.to_string());
        assert_eq!(read("1s/500ms", false), Ok(Stretch { at: 1_000 * MS, lasts: 500 * MS }));
        assert_eq!(read("1s", true), Ok(Stretch { at: 1_000 * MS, lasts: Duration::ZERO }));
        assert_eq!(read("1s", false).unwrap_err(), "--cut `1s` is not AT/FOR, such as 1s/500ms");
        assert_eq!(read("1s/0s", true).unwrap_err(), "--cut `1s/0s`: FOR is longer than 0");
        assert!(read("1s/x", true).unwrap_err().starts_with("--cut `1s/x`: "));
    }
}
