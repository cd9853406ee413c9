//! What goes wrong in the middle of a run, as the flags say it: the line to the server, and instances that stand still.

use super::{kill, link::Link};
use crate::{
    exit::usage,
    relay::{Breaks, Line, Stretch},
    spec::{At, FaultSpec, InstanceAt, PauseSpec, RunSpec, Said},
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
use std::{net::SocketAddr, time::Duration};

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
    /// What is asked for, over a transport and one wiring. Says too what of them is a condition of the trial. `is_virtual`: the trial takes no real time.
    ///
    /// # Errors
    /// What a flag asks for is not possible.
    pub(super) fn of(
        spec: &RunSpec,
        wiring: &Wiring,
        entry: &TransportEntry,
        load: &LoadPlan,
        is_virtual: bool,
    ) -> anyhow::Result<(Self, Conditions)> {
        let (asked, drain) = (&spec.faults, spec.measure.drain.0);
        if let Some(kill) = &asked.kill {
            within("--kill", kill.of.when, load, drain)?;
        }
        let kill = asked.kill.as_ref().map(|said| kill::of(said, wiring)).transpose()?;
        let line = LineFaults::of(asked, entry, load, drain)?;
        let pause = asked.pause.as_ref().map(|said| pause(said, wiring, entry)).transpose()?;
        if let Some(Pause { after: at, lasts, .. }) = pause {
            within("--pause", Stretch { at, lasts }, load, drain)?;
        }
        let commands: Vec<At> = asked.at.iter().map(|said| (**said).clone()).collect();
        for command in &commands {
            within("--at", Stretch { at: command.at, lasts: Duration::ZERO }, load, drain)?;
        }
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
    /// Where the relay listens, if not on a free port.
    pub at: Option<SocketAddr>,
}

impl LineFaults {
    /// What is asked of the line to the server of a transport.
    ///
    /// # Errors
    /// The transport has no server, or a fault lies beyond the trial.
    pub(super) fn of(
        asked: &FaultSpec,
        entry: &TransportEntry,
        load: &LoadPlan,
        drain: Duration,
    ) -> anyhow::Result<Self> {
        let line = asked.link.as_ref().map(|line| **line);
        let cut = asked.cut.as_ref().map(|cut| cut.0);
        let reset = asked.reset.as_ref().map(|reset| reset.0);
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
        let faults = Self { line, breaks: Breaks { cut, reset }, at: asked.relay_at.as_deref().copied() };
        if faults.at.is_some() && faults.relay().is_none() {
            return Err(usage("--relay-at: there is no relay without --link, --cut or --reset"));
        }
        Ok(faults)
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

/// The pause that is asked for.
///
/// # Errors
/// The wiring has no such instance, or one that receives nothing, or the transport has no server.
fn pause(said: &Said<PauseSpec>, wiring: &Wiring, entry: &TransportEntry) -> anyhow::Result<Pause> {
    if !entry.needs_server {
        return Err(usage(format!(
            "--pause: {} has no server that would keep messages for an instance that is paused",
            entry.name
        )));
    }
    let found = kill::found("--pause", said.text(), &said.0, wiring)?;
    let InstanceAt { service, instance, when } = &said.0;
    if wiring.heard_by(found).next().is_none() {
        return Err(usage(format!("--pause `{said}`: {service} receives nothing in this style")));
    }
    Ok(Pause { service: service.clone(), instance: *instance, after: when.at, lasts: when.lasts })
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
fn within(flag: &str, of: Stretch, load: &LoadPlan, drain: Duration) -> anyhow::Result<()> {
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
