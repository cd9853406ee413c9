//! Some messages in one style, sent as a run would send them, and what became of them.

use super::{Examined, advice};
use crate::{args::DoctorArgs, interrupt::Interrupt, run::quietly};
use drumpost_core::{
    registry::{Registry, TransportEntry},
    scenario::{Intent, Style},
};
use drumpost_results::{
    model::{Record, Run, Status},
    units,
};
use drumpost_tui::Event;
use std::{sync::mpsc::channel, thread};

/// Round trips that are made: enough for a median, and few for a server far away.
const ROUND_TRIPS: u32 = 200;
/// A load none of whose flows ended for so long is stopped. With one flow at a time, each message that does not arrive would take as
/// long as `--flow-timeout` says.
const SILENCE_NS: u64 = 5_000_000_000;

/// The command line of a run with a few flows, one at a time.
pub(super) fn words(
    entry: &TransportEntry,
    style: Style,
    intents: &[Intent],
    args: &DoctorArgs,
) -> Vec<String> {
    let answers = style == Style::Event || intents.contains(&Intent::Request);
    let scenario = if answers { "ping" } else { "stream" };
    let line = format!(
        "{scenario} --dispatch {style}/{} --count {ROUND_TRIPS} --in-flight 1 --warmup 0s --trials 1 --flow-timeout 10s \
         --drain 2s",
        entry.name
    );
    let address = entry.address().map(|option| option.name);
    let url = args.asked.iter().find(|text| text.contains(['/', '@', ':'])).or(args.server.as_ref());
    let server = url.zip(address).map(|(url, name)| format!("{name}={url}"));
    let set = args.set.iter().cloned().chain(server).flat_map(|set| ["--set".to_owned(), set]);
    let agrees = args.yes_cost.then(|| "--yes-cost".to_owned());
    line.split_whitespace().map(String::from).chain(set).chain(agrees).collect()
}

/// Sends messages in one style, and says what became of them.
pub(super) fn send(
    examined: &mut Examined<'_>,
    registry: &Registry,
    style: Style,
    words: Vec<String>,
) -> anyhow::Result<()> {
    let record = record(registry, words)?;
    let what = match style {
        Style::Message => "commands",
        Style::Event => "events",
    };
    let Some(run) = record.runs.first() else {
        examined.add(what, Err("nothing was run".into()));
        return Ok(());
    };
    let server = run.trials.iter().find_map(|trial| trial.server.as_ref());
    let version = server.and_then(|server| Some(format!("{} {}", server.product, server.version.as_ref()?)));
    if let Some(version) = version
        && !examined.findings.iter().any(|finding| finding.what == "server")
    {
        examined.add("server", Ok(version));
    }
    examined.add(what, went(run).map_err(|why| format!("{why}{}", advice::about(&why))));
    Ok(())
}

/// The record of a command line that is asked to stop when its flows end no more.
fn record(registry: &Registry, words: Vec<String>) -> anyhow::Result<Record> {
    let job = quietly::job(registry, words)?;
    let (interrupt, (tells, told)) = (Interrupt::default(), channel());
    let asks = interrupt.clone();
    // The thread ends with the run. Without it a run in which messages are lost takes longer, and its record says the same.
    let _watches = thread::Builder::new().spawn(move || stop_if_silent(told, &asks));
    Ok(quietly::record_telling(registry, &job, tells, &interrupt))
}

/// Follows a run to its end, and asks it to stop if none of its flows ended for [`SILENCE_NS`].
fn stop_if_silent(told: impl IntoIterator<Item = Event>, interrupt: &Interrupt) {
    let mut moved_ns = 0;
    for event in told {
        let Event::Sample(sample) = event else { continue };
        if sample.throughput_per_s > 0.0 {
            moved_ns = sample.elapsed_ns;
        } else if sample.elapsed_ns.saturating_sub(moved_ns) >= SILENCE_NS {
            interrupt.set();
        }
    }
}

/// How the messages of a run went.
fn went(run: &Run) -> Result<String, String> {
    // Only `stop_if_silent` asks for that.
    let is_stopped = run.trials.iter().any(|trial| trial.status == Status::Interrupted);
    if let Some(error) = run.error().filter(|_| !is_stopped) {
        return Err(error.to_owned());
    }
    let (audit, response) = (run.audit(), run.response());
    if let Some(refusal) = refusal(run).filter(|_| audit.refused > Some(0)) {
        return Err(refusal.to_owned());
    }
    let ended = units::count_exact(response.count());
    if is_stopped {
        return Err(format!(
            "{ended} of {ROUND_TRIPS} test messages arrived, and none in the last {}: the server accepts messages and does not \
             deliver all of them; check that this user may receive, for example in the server's access control list",
            units::duration(SILENCE_NS)
        ));
    }
    if run.audit_failed() || response.count() < u64::from(ROUND_TRIPS) {
        let lost = units::count_exact(audit.lost);
        return Err(format!(
            "{ended} of {ROUND_TRIPS} test messages arrived, and {lost} messages were lost: the server accepts messages and \
             does not deliver all of them to the one subscriber of this test"
        ));
    }
    let at = |share| units::duration_or_none(response.quantile_ns(share));
    let trip = if run.scenario == "ping" { "there and back" } else { "one way" };
    Ok(format!("{ROUND_TRIPS} sent {trip} and none lost, p50 {}, p90 {}", at(0.5), at(0.9)))
}

/// The note of a run about messages that the server refused, with the server's own reason.
fn refusal(run: &Run) -> Option<&str> {
    let mut notes = run.trials.iter().flat_map(|trial| &trial.notes);
    notes.find(|note| note.contains(" refused to store ")).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_tui::Sample;

    /// Whether a run with such samples, by seconds and flows per second, is asked to stop.
    fn stops(samples: &[(u64, f64)]) -> bool {
        let sample = |(s, throughput_per_s): &(u64, f64)| {
            let (elapsed_ns, throughput_per_s) = (s * 1_000_000_000, *throughput_per_s);
            Event::Sample(Sample { elapsed_ns, throughput_per_s, ..Sample::default() })
        };
        let interrupt = Interrupt::default();
        stop_if_silent(samples.iter().map(sample), &interrupt);
        interrupt.is_set()
    }

    #[test]
    fn a_run_is_stopped_when_its_flows_end_no_more() {
        assert!(stops(&[(1, 0.0), (4, 0.0), (5, 0.0)]));
        assert!(stops(&[(1, 200.0), (2, 0.0), (6, 0.0)]));
        assert!(!stops(&[(1, 0.0), (4, 10.0), (8, 0.0), (8, 10.0), (12, 0.0)]));
    }
}
