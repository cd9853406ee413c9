//! Notes on closed loads that were limited by their window, or that sent each message by itself: what to try for a higher throughput.
//!
//! Does not live here: full windows of open loads (`load`).

use super::{Thresholds, Verdict};
use crate::model::{LoadKind, Run, ServerFigures};
use crate::stats::Derived;
use crate::units;

/// A thread that is busy for more than this share of the time may itself limit the load.
pub(super) const BUSY_THREAD: f64 = 0.85;

/// A closed load has N flows in flight, so its throughput is N ÷ mean response time (Little's law). If cores were idle and
/// no thread was busy all the time, the flows did not wait for a processor, and more flows in flight would raise the
/// throughput. There is no note for loads with think time, because N is not the number in flight then, and none for
/// simulated servers, which need no processor.
pub(super) fn note(run: &Run, derived: &Derived, thresholds: &Thresholds, verdict: &mut Verdict) {
    if !waits_for_its_window(run) {
        return;
    }
    let Some(window) = run.asked().window else { return };
    let Some(rate) = derived.throughput_per_s else { return };
    if let Some(in_flight) = never_full(run, derived) {
        verdict.notes.push(format!(
            "the window of {} was never full: {} were in flight on average, so the service that starts flows is the \
             limit and not the dispatch. A reason may be that many lanes have a thread each and have to be woken",
            units::counted(window, "flow", "flows"),
            units::number(in_flight)
        ));
        return;
    }
    let Some(machine) = Spare::of(run) else { return };
    let server = ServerFigures::of(run);
    let busy_server = server.and_then(|server| server.busiest_thread).is_some_and(|busy| busy > BUSY_THREAD);
    if machine.idle < machine.cores * thresholds.window_idle || machine.busiest > BUSY_THREAD || busy_server {
        return;
    }
    let Some(mean_ns) = run.response().mean_ns() else { return };
    let server = server
        .and_then(|server| server.cores)
        .map_or_else(String::new, |cores| format!(" and the server used {cores:.2} cores"));
    let other = if stores_in_files(run) { "a disk" } else { "wake-ups between threads" };
    let in_flight = derived.mean_in_flight.unwrap_or(rate * mean_ns / 1e9);
    verdict.notes.push(format!(
        "the throughput is limited by the window of {}. On average {} were under way and took {} each, which \
         gives {} (Little's law), while the cores were idle for {} of the time{server}. Try --in-flight {}; if that \
         changes nothing, something other than processors is the limit, such as {other}",
        units::counted(window, "flow", "flows"),
        units::number(in_flight),
        units::duration(mean_ns as u64),
        units::rate(rate),
        units::percent(machine.idle / machine.cores),
        window.saturating_mul(4),
    ));
}

/// Whether the transport, or its server, may write messages to a file, as its promise says.
fn stores_in_files(run: &Run) -> bool {
    let persistence = run.settings.get("persistence").map(ToString::to_string).unwrap_or_default();
    ["disk", "file"].iter().any(|word| persistence.contains(word))
}

/// Mean flows in flight of a closed load whose window of several flows was never full: the service that starts flows was too slow. `None`:
/// it was full, or that is not known.
pub(super) fn never_full(run: &Run, derived: &Derived) -> Option<f64> {
    let window = run.asked().window.filter(|_| waits_for_its_window(run) && !takes_one_at_a_time(run))?;
    derived.mean_in_flight.filter(|mean| *mean < 1.0 && window > 1)
}

/// Whether the next flow of a load starts as soon as one ends, and nothing disturbed the flows.
fn waits_for_its_window(run: &Run) -> bool {
    let is_closed = run.load == LoadKind::Closed && !run.is_simulated() && !run.asked().has_think_time;
    is_closed && run.trials.iter().all(|trial| trial.disturbances.is_empty() && trial.outages.is_empty())
}

/// With fewer flows in flight there is little to put into a batch.
const SOME_FLOWS: u64 = 16;
/// So many fill batches of 64 and what a server reads at once.
const MANY_FLOWS: u64 = 1024;

/// A closed load over a server that sends each message by itself says little about how much the server can take. Over a nats-server on two
/// cores that others used, too, 1,024 flows in flight and batches of 64 had 3.3 times the throughput of 64 flows and batches of 1 without a client library, and
/// 1.6 times with one. Batches of 64 alone had 1.8 times without one, and 0.94 times with one.
pub(super) fn note_batch(run: &Run, verdict: &mut Verdict) {
    let asked = run.asked();
    let is_closed = run.load == LoadKind::Closed && asked.window.is_some_and(|window| window >= SOME_FLOWS);
    let has_server = run.counted_trials().any(|trial| trial.server.is_some());
    if is_closed && has_server && asked.batch == Some(1) && !asked.has_think_time && !asked.awaits_replies {
        let is_small = asked.window.is_some_and(|window| window < MANY_FLOWS);
        let more = if is_small { format!("--in-flight {MANY_FLOWS} ") } else { String::new() };
        verdict.notes.push(format!(
            "each message was sent by itself (--batch 1), as latency is measured. To see how many messages the server takes, try \
             {more}--batch 64"
        ));
    }
}

/// Whether the settings allow only one flow at a time: requests are awaited, or listeners handle each event before the next
/// flow starts.
fn takes_one_at_a_time(run: &Run) -> bool {
    let asked = run.asked();
    asked.awaits_replies || asked.is_inline
}

/// Idle cores, and the busiest thread.
struct Spare {
    idle: f64,
    cores: f64,
    /// Share of the time that the busiest thread of the process was busy, in the trial where that was most.
    busiest: f64,
}

impl Spare {
    /// `None` if a counted trial lacks one of the figures.
    fn of(run: &Run) -> Option<Self> {
        let (mut idle_ns, mut cores_ns, mut window_ns, mut busiest) = (0.0, 0.0, 0.0, 0.0f64);
        for trial in run.counted_trials() {
            let hygiene = &trial.hygiene;
            let length_ns = hygiene.window_ns.filter(|ns| *ns > 0)? as f64;
            idle_ns += hygiene.idle_ns? as f64;
            cores_ns += hygiene.cores_ns? as f64;
            window_ns += length_ns;
            busiest = busiest.max(hygiene.busiest_thread_ns? as f64 / length_ns);
        }
        (window_ns > 0.0).then(|| Self { idle: idle_ns / window_ns, cores: cores_ns / window_ns, busiest })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::clean;
    use super::super::{Machine, judge};
    use super::*;
    use crate::model::{Hygiene, Server, Trial};

    /// A closed load over a server: half of two cores is idle, no thread is busy for more than six tenths of the time.
    fn judged(change: impl FnOnce(&mut Run)) -> Vec<String> {
        let second = 1_000_000_000;
        let hygiene = Hygiene {
            window_ns: Some(10 * second),
            cores_ns: Some(20 * second),
            idle_ns: Some(5 * second),
            own_ns: Some(9 * second),
            others_ns: Some(0),
            busiest_thread_ns: Some(6 * second),
            ..Hygiene::default()
        };
        let server = Server {
            window_ns: 10 * second,
            cpu_ns: Some(6 * second),
            busiest_thread_ns: Some(3 * second),
            messages: 300_000,
            ..Server::default()
        };
        let trial = Trial { hygiene, server: Some(server), ..clean() };
        let mut run = Run { dispatch: "message/nats".into(), trials: vec![trial], ..Run::default() };
        run.settings.insert("window".into(), 64u64.into());
        change(&mut run);
        judge(&run, &Machine::default(), &Thresholds::default()).notes
    }

    #[test]
    fn a_window_that_limits_a_closed_load_is_said_with_what_to_try() {
        let notes = judged(|_| {});
        let expected = "the throughput is limited by the window of 64 flows. On average 10.0 were under way and took 1.00 ms \
                        each, which gives 10.0 k/s (Little's law), while the cores were idle for 25.0 % of the time and the server used 0.60 cores. Try --in-flight 256";
        assert!(notes.len() == 1 && notes[0].starts_with(expected), "{notes:?}");
        let stored = |where_to: &'static str| {
            judged(|run| drop(run.settings.insert("persistence".into(), where_to.into()))).remove(0)
        };
        for [where_to, limit] in [
            ["none", "wake-ups between threads"],
            ["file, or memory with jetstream.storage=memory", "a disk"],
            ["disks of a majority of replicas", "a disk"],
        ] {
            assert!(stored(where_to).ends_with(&format!("is the limit, such as {limit}")), "{where_to}");
        }
    }

    #[test]
    fn whoever_measures_throughput_message_by_message_is_told_of_batches() {
        let says = |change: fn(&mut Run)| {
            let notes = judged(|run| {
                run.settings.insert("batch".into(), 1u64.into());
                change(run);
            });
            let tried = notes.iter().find_map(|note| note.split_once("the server takes, try "));
            tried.map(|(_, settings)| settings.to_owned())
        };
        assert_eq!(says(|_| {}).as_deref(), Some("--in-flight 1024 --batch 64"));
        let wide = says(|run| drop(run.settings.insert("window".into(), 1024u64.into())));
        assert_eq!(wide.as_deref(), Some("--batch 64"));
        let says = |change: fn(&mut Run)| says(change).is_some();
        assert!(!says(|run| run.load = LoadKind::Open));
        assert!(!says(|run| drop(run.settings.insert("batch".into(), 64u64.into()))));
        assert!(!says(|run| drop(run.settings.insert("window".into(), 1u64.into()))));
        assert!(!says(|run| drop(run.settings.insert("reply".into(), "await".into()))));
        assert!(!says(|run| run.trials[0].server = None), "in memory a batch of 1 is what most programs do");
    }

    #[test]
    fn what_may_be_limited_by_something_else_is_not_said_to_be_limited_by_its_window() {
        let silent = |change: fn(&mut Run)| assert_eq!(judged(change), Vec::<String>::new());
        silent(|run| run.load = LoadKind::Open);
        silent(|run| run.dispatch = "message/sim".into());
        silent(|run| drop(run.settings.insert("think".into(), "10ms".into())));
        silent(|run| run.trials[0].hygiene.idle_ns = Some(2_000_000_000));
        silent(|run| run.trials[0].hygiene.busiest_thread_ns = Some(9_000_000_000));
        silent(|run| run.trials[0].hygiene.busiest_thread_ns = None);
        silent(|run| {
            run.trials[0].server.as_mut().expect("a server").busiest_thread_ns = Some(9_500_000_000);
        });
    }

    #[test]
    fn of_a_machine_that_no_trial_looked_at_nothing_is_known() {
        assert!(Spare::of(&Run::default()).is_none());
    }

    #[test]
    fn a_window_that_is_never_filled_is_said_unless_one_at_a_time_was_asked_for() {
        let hardly = |run: &mut Run| {
            for trial in &mut run.trials {
                trial.mean_in_flight = Some(0.08);
            }
        };
        let words = "was never full: 0.0800 were in flight on average";
        assert!(judged(hardly).iter().any(|note| note.contains(words)), "{:?}", judged(hardly));
        let awaited = judged(|run| {
            hardly(run);
            run.settings.insert("reply".into(), "await".into());
        });
        assert!(!awaited.iter().any(|note| note.contains(words)), "{awaited:?}");
    }
}
