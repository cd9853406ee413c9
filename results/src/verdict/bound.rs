//! Whether the server under test or the load generator was the limit of a run. Its figures then say little about anything else.
//!
//! Does not live here: the verdict on a late load (`load`), and notes on a window that is too small (`window`).

use super::{Machine, Thresholds, host, load, window};
use crate::model::{LoadKind, Run, ServerFigures};
use crate::stats::Derived;
use crate::units;

/// What was the limit, with the figure that shows it; `None`: neither.
pub(crate) fn bound(run: &Run, thresholds: &Thresholds) -> Option<String> {
    let derived = Derived::of(run);
    if derived.flows.ended == 0 {
        return None;
    }
    let busiest = ServerFigures::of(run).and_then(|server| server.busiest_thread);
    if let Some(busy) = busiest.filter(|busy| *busy > window::BUSY_THREAD) {
        return Some(format!(
            "broker-bound: the busiest thread of the server was busy for {} of the time, so the figures are those of the server more than \
             of anything else",
            units::percent(busy)
        ));
    }
    // On a busy machine the cause is not known.
    if !host::was_free(run, &Machine::default(), thresholds) {
        return None;
    }
    if run.load == LoadKind::Open {
        return load::is_generator_late(run, &derived, thresholds).then(|| {
            "generator-bound: the load was late because its own thread was the bottleneck, so the figures are those of the load generator \
             more than of anything else"
                .to_owned()
        });
    }
    let in_flight = window::never_full(run, &derived)?;
    Some(format!(
        "generator-bound: {} flows were in flight on average, so the service that starts flows was the limit",
        units::number(in_flight)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::clean;
    use super::*;
    use crate::model::Server;

    fn bound(load: LoadKind, change: impl FnOnce(&mut Run)) -> Option<String> {
        let mut run = Run { load, trials: vec![clean()], ..Run::default() };
        change(&mut run);
        super::bound(&run, &Thresholds::default())
    }

    #[test]
    fn a_busy_server_is_the_limit() {
        let of_server = |busy_ns| {
            bound(LoadKind::Closed, |run| {
                run.trials[0].server = Some(Server {
                    window_ns: 1_000_000_000,
                    busiest_thread_ns: Some(busy_ns),
                    ..Server::default()
                });
            })
        };
        assert_eq!(of_server(800_000_000), None);
        let said = of_server(960_000_000).unwrap();
        assert!(
            said.starts_with("broker-bound: the busiest thread of the server was busy for 96.0 % "),
            "{said}"
        );
    }

    #[test]
    fn a_late_load_is_the_limit_only_if_nothing_held_it_up() {
        assert_eq!(bound(LoadKind::Open, |_| ()), None);
        let late = |blocked_ns: u64| {
            bound(LoadKind::Open, |run| {
                run.trials[0].flows.due *= 2;
                run.trials[0].blocked_ns = blocked_ns;
            })
        };
        assert!(late(0).unwrap().starts_with("generator-bound: the load was late"), "{:?}", late(0));
        assert_eq!(late(9_000_000_000), None, "a full transport held it up");
    }

    #[test]
    fn a_window_that_is_never_full_is_the_limit() {
        let said = bound(LoadKind::Closed, |run| {
            run.settings.insert("window".into(), 64u64.into());
            run.trials[0].mean_in_flight = Some(0.5);
        });
        assert!(said.as_ref().is_some_and(|said| said.contains("0.500 flows were in flight")), "{said:?}");
    }
}
