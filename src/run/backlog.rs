//! The backlog that `--backlog` asks for: whose, how large, and whether the load can build it. Whether `--catch-up` limits how fast it is caught up
//! with.

use super::kill::service_named;
use crate::{
    exit::usage,
    spec::{BacklogSpec, PerSecond, Said},
};
use drumpost_core::{
    clock::as_ns,
    load::{Extent, LoadPlan, Pace},
    plan::{Amount, Backlog, Limit},
    wiring::Wiring,
};
use drumpost_results::units as text_of;

/// The backlog that is asked for, with the limit of how fast it is caught up with, for a load of so many flows `per_s`, if that is known.
///
/// # Errors
/// The wiring has no such service, the load cannot build such a backlog, or the limit is none.
pub(super) fn of(
    (said, limit): (&Said<BacklogSpec>, Option<&Said<PerSecond>>),
    wiring: &Wiring,
    load: &LoadPlan,
    per_s: Option<f64>,
    is_stored: bool,
) -> anyhow::Result<Backlog> {
    let wrong = |what: String| usage(format!("--backlog `{said}`: {what}"));
    let BacklogSpec { service, absent, amount, level } = &**said;
    let found = service_named("--backlog", service, wiring)?;
    let instances = wiring.services[found].instances.clone();
    if wiring.heard_by(found).next().is_none() {
        return Err(wrong(format!("{service} receives nothing in this style")));
    }
    if wiring.driven().any(|lane| instances.contains(&lane)) {
        return Err(wrong(format!("{service} starts the flows, so nothing piles up while it is absent")));
    }
    let all = instances.len() as u16;
    let absent = absent.unwrap_or(all);
    if absent == 0 || absent > all {
        return Err(wrong(match all {
            1 => format!("{service} has one instance, so one can be absent"),
            _ => format!("{service} has {all} instances, of which 1 to {all} can be absent"),
        }));
    }
    fits(*amount, load, per_s).map_err(wrong)?;
    let limit = limit.map(limit_of).transpose()?;
    Ok(Backlog { service: service.clone(), absent, amount: *amount, level: *level, limit, is_stored })
}

/// A limit that lets the backlog grow is not refused: how many messages of a flow the service receives is known only when the run is over, and the
/// verdict says so then.
fn limit_of(said: &Said<PerSecond>) -> anyhow::Result<Limit> {
    Limit::per_s(said.0).ok_or_else(|| {
        usage(format!("--catch-up `{said}`: it is more than 1G/s, which limits nothing; leave it out"))
    })
}

/// Whether the load can build it: no more flows than its window holds can wait, and it has to go on for long enough.
fn fits(amount: Amount, load: &LoadPlan, per_s: Option<f64>) -> Result<(), String> {
    let length_ns = match load.extent {
        Extent::Duration(ns) => load.warmup_ns.saturating_add(ns),
        Extent::Count(_) => u64::MAX,
    };
    match amount {
        Amount::Time(time) if as_ns(time) >= length_ns => {
            return Err(format!(
                "the load lasts {}, so nothing is left of it after {}; raise --duration",
                text_of::duration(length_ns),
                text_of::duration(as_ns(time))
            ));
        }
        Amount::Time(_) | Amount::Messages(_) => {}
    }
    let wants = match amount {
        Amount::Messages(count) => count,
        Amount::Time(time) => per_s.map_or(u64::MAX, |per_s| (per_s * time.as_secs_f64()) as u64),
    };
    match load.pace {
        Pace::Closed { in_flight } if wants >= in_flight => Err(format!(
            "a closed load of {} flows stands still before so much has piled up; {} an open load such as --rate 10k/s",
            text_of::count_exact(in_flight),
            if wants == u64::MAX { "use" } else { "raise --in-flight above it, or use" }
        )),
        Pace::Open { window } if wants >= window => Err(format!(
            "the window of {} flows is full before so much has piled up; raise --window",
            text_of::count_exact(window)
        )),
        Pace::Closed { .. } | Pace::Open { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn closed(in_flight: u64) -> LoadPlan {
        LoadPlan::closed(in_flight, Extent::Duration(1_000_000_000))
    }

    #[test]
    fn a_load_has_to_be_able_to_build_the_backlog() {
        let open = |window| LoadPlan { pace: Pace::Open { window }, ..closed(1) };
        let (messages, second) = (Amount::Messages(100), Amount::Time(Duration::from_millis(100)));
        assert_eq!(fits(messages, &closed(101), None), Ok(()));
        assert!(
            fits(messages, &closed(100), None).unwrap_err().contains("--in-flight"),
            "all of them wait then"
        );
        assert!(fits(second, &closed(1_000_000), None).unwrap_err().contains("use an open load"));
        assert_eq!(fits(messages, &open(101), Some(10.0)), Ok(()));
        assert!(fits(messages, &open(100), Some(10.0)).unwrap_err().contains("raise --window"));
        assert_eq!(fits(second, &open(101), Some(1_000.0)), Ok(()));
        assert!(fits(second, &open(100), Some(1_000.0)).unwrap_err().contains("raise --window"));
        let long = Amount::Time(Duration::from_secs(1));
        assert!(fits(long, &open(u64::MAX), Some(1.0)).unwrap_err().contains("the load lasts 1.00 s"));
    }
}
