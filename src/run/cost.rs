//! Requests that somebody pays for. A run at a server elsewhere that is paid for by the request needs `--yes-cost`.
//!
//! Lives here: an estimate of how many requests a run makes; deliveries that are repeated, set-up and a shorter `sqs.wait` than the default cost more. Does not live here: prices, which differ by region and by year.

use super::job::Job;
use crate::{exit::usage, relay::address::Address, spec::RunSpec};
use drumpost_core::{
    load::Extent,
    options::Options,
    plan::TrialPlan,
    registry::{Requests, TransportEntry},
    wiring::Wiring,
};
use drumpost_results::units;

/// Refuses a run whose requests somebody may have to pay for.
///
/// # Errors
/// Says where the server is, how many requests the run would make, and how to agree to it.
pub(super) fn check(
    job: &Job,
    spec: &RunSpec,
    plan: &TrialPlan,
    entry: &TransportEntry,
) -> anyhow::Result<()> {
    let Some((requests, place)) = paid(entry, &job.options).filter(|_| !spec.options.yes_cost.0) else {
        return Ok(());
    };
    let per_s = job.workload.asked_per_s(plan.load.warmup_ns, plan.load.extent);
    Err(usage(format!(
        "{}: the server at {place} is not on this machine, and each request to it may have to be paid for. {}. Add --yes-cost to \
         agree to it",
        entry.name,
        estimate(requests, plan, per_s, job.trials)
    )))
}

/// What a transport asks of its server, and where the server is, if it may cost money.
pub(crate) fn paid(entry: &TransportEntry, options: &Options) -> Option<(Requests, String)> {
    let (requests, option) = (entry.requests?, entry.address()?);
    let text = options.get(option.name).filter(|text| !text.is_empty()).or(option.default)?;
    let Ok(address) = Address::read(text, option.default) else {
        return Some((requests, "an address that cannot be read".into()));
    };
    let is_here = address.resolved().is_ok_and(|all| all.iter().flatten().all(|at| at.ip().is_loopback()));
    // An address of AWS has no port.
    let host = |place: &String| place.rsplit_once(':').map_or(place.clone(), |(host, _)| host.to_owned());
    (!is_here).then(|| (requests, address.shown().iter().map(host).collect::<Vec<_>>().join(", ")))
}

/// About how many requests a run makes, in words.
fn estimate(requests: Requests, plan: &TrialPlan, per_s: Option<f64>, trials: u32) -> String {
    let [best, worst] = requests.per_message;
    let idle = idle_per_s(requests, &plan.wiring);
    let asks = format!("ask up to {} times a second whether messages wait", units::count(idle.ceil() as u64));
    let warmup_s = plan.load.warmup_ns as f64 / 1e9;
    let flows = match (plan.load.extent, per_s) {
        (Extent::Count(count), per_s) => Some(count as f64 + per_s.unwrap_or(0.0) * warmup_s),
        (Extent::Duration(ns), Some(per_s)) => Some(per_s * (warmup_s + ns as f64 / 1e9)),
        // As many as it can.
        (Extent::Duration(_), None) => None,
    };
    let Some(flows) = flows else {
        return format!(
            "Each message takes {best} to {worst} requests, a closed load sends as many messages as it can, and receivers {asks}; with \
             --count or --rate the number is known"
        );
    };
    let messages = flows * deliveries(&plan.wiring) * f64::from(trials);
    let text = |each: f64| units::count((messages * each).ceil() as u64);
    format!(
        "The run sends up to {} messages, which take {} to {} requests, and receivers {asks}",
        units::count(messages.ceil() as u64),
        text(best),
        text(worst)
    )
}

/// How many messages to one service a flow has at most, if none passes a destination twice.
fn deliveries(wiring: &Wiring) -> f64 {
    wiring.destinations.iter().map(|destination| destination.receivers.len().max(1) as f64).sum()
}

fn idle_per_s(requests: Requests, wiring: &Wiring) -> f64 {
    let hearing = |service: &usize| wiring.services[*service].instances.len() as f64;
    let heard = wiring.destinations.iter().flat_map(|destination| destination.receivers.iter().map(hearing));
    heard.sum::<f64>() * requests.idle_per_s
}

#[cfg(test)]
mod tests {
    use crate::{
        args::{Cli, Command},
        run::job::Job,
    };
    use clap::Parser;
    use drumpost_core::{
        dispatcher::Dispatcher,
        monitor::Watch,
        options::{Grammar, OptionEntry},
        outcome::Outcome,
        plan::TrialPlan,
        registry::{Promise, Requests, RunsOn, TransportEntry},
        transport::OpenError,
    };

    const URL: Grammar = Grammar::Url(&["http", "https"]);
    static OPTIONS: [OptionEntry; 1] =
        [OptionEntry::new("meter.url", URL, "http://127.0.0.1:9", "where the server is").address()];

    /// Is not run here.
    struct Never;

    impl Dispatcher for Never {
        fn run(&mut self, _: &TrialPlan, _: &mut dyn Watch) -> Result<Outcome, OpenError> {
            unreachable!("a plan runs nothing")
        }
    }

    fn plan(line: &str) -> Result<(), String> {
        let mut registry = crate::builtin();
        registry.transports.push(TransportEntry {
            name: "meter",
            runs_on: RunsOn::Tasks,
            promise: Promise { holds_up_senders: false, ..Promise::IN_MEMORY },
            needs_server: true,
            requests: Some(Requests { per_message: [0.3, 3.0], idle_per_s: 6.0 }),
            options: &OPTIONS,
            make: |_| Ok(Box::new(Never)),
            ..TransportEntry::IN_MEMORY
        });
        let words = ["drumpost", "run", "stream", "--dispatch", "message/meter"];
        let words = words.into_iter().chain(line.split_whitespace());
        let Some(Command::Run(args)) = Cli::parse_from(words).command else { panic!("{line}") };
        Job::planned(&registry, &args.spec).map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn a_run_that_may_cost_money_is_agreed_to() {
        let elsewhere = "--set meter.url=https://203.0.113.7";
        for free in ["", "--set meter.url=http://localhost:4", "--set meter.url=http://[::1]:4"] {
            assert_eq!(plan(free), Ok(()), "{free}");
        }
        assert_eq!(plan(&format!("{elsewhere} --yes-cost")), Ok(()));
        let said = plan(&format!("{elsewhere} --count 10k --instances worker=2")).unwrap_err();
        assert_eq!(
            said,
            "meter: the server at 203.0.113.7 is not on this machine, and each request to it may have to be paid for. The run sends \
             up to 30,000 messages, which take 9,000 to 90,000 requests, and receivers ask up to 12 times a second whether messages \
             wait. Add --yes-cost to agree to it"
        );
        let open =
            plan(&format!("{elsewhere} --rate 100/s --warmup 1s --duration 9s --trials 1")).unwrap_err();
        assert!(open.contains("up to 1,000 messages, which take 300 to 3,000 requests"), "{open}");
        let closed = plan(&format!("{elsewhere} --duration 9s")).unwrap_err();
        assert!(
            closed.contains("Each message takes 0.3 to 3 requests, a closed load sends as many"),
            "{closed}"
        );
    }
}
