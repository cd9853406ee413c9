//! Figures of a run that follow from the counts of its trials: rates and costs.
//!
//! The run decides which trials count. Does not live here: percentiles, which come from merged histograms.

use crate::model::{Cost, Flows, Run};
use drumpost_defects::{Defect, is_in};

/// Figures over all counted trials of a run: totals divided by totals, never means of trial figures.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Derived {
    /// How many trials count.
    pub trials: usize,
    /// Length of their windows together.
    pub elapsed_ns: u128,
    /// Their flows.
    pub flows: Flows,
    /// Messages they sent for measured flows; `None` if any trial does not know it.
    pub messages: Option<u64>,
    /// Flows ended per second. `None` without elapsed time.
    pub throughput_per_s: Option<f64>,
    /// Flows due per second by the schedule.
    pub due_per_s: Option<f64>,
    /// Flows started per second.
    pub achieved_per_s: Option<f64>,
    /// CPU time of the process per message sent, both over the same stretch and without the time that loads waited awake;
    /// `None` if any trial does not know it or nothing was sent.
    pub cpu_ns_per_message: Option<f64>,
    /// CPU time of the process per flow ended; `None` likewise.
    pub cpu_ns_per_flow: Option<f64>,
    /// CPU time that loads used to wait for due times, as a share of the time in which it was counted; `None` if any trial
    /// does not know it.
    pub awake_share: Option<f64>,
    /// CPU time that the harness's own threads used, likewise.
    pub harness_share: Option<f64>,
    /// Messages sent for measured flows per measured flow ended.
    pub messages_per_flow: Option<f64>,
    /// Mean number of flows in flight by the times of each, weighted by elapsed time; `None` if any trial does not know
    /// it.
    pub mean_in_flight: Option<f64>,
    /// The same by counters; `None` likewise.
    pub counted_in_flight: Option<f64>,
    /// Share of their time that senders were blocked by a full transport, in the mean over the lanes that send: never more
    /// than one.
    pub blocked_share: Option<f64>,
    /// Highest floor of the harness among the trials.
    pub floor_ns: Option<u64>,
}

impl Derived {
    /// The figures of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let mut own = Self { messages: Some(0), ..Self::default() };
        let (mut in_flight, mut counted) = (Some(0.0), Some(0.0));
        let mut spent = Some(Spent::default());
        // The longest time for which senders could have been blocked, and the time for which they were.
        let (mut sending_ns, mut blocked_ns) = (0u128, 0u128);
        for trial in run.counted_trials() {
            own.trials += 1;
            own.elapsed_ns += u128::from(trial.elapsed_ns);
            own.flows.merge(&trial.flows);
            let messages = trial.messages.or_else(|| trial.cost.is_none().then_some(trial.audit.sent));
            own.messages = own.messages.zip(messages).map(|(sum, n)| sum + n);
            let most_ns = u128::from(trial.elapsed_ns) * u128::from(trial.senders.unwrap_or(1));
            sending_ns += most_ns;
            // In records of the first release senders may have been blocked outside of the window, too.
            blocked_ns += u128::from(trial.blocked_ns).min(most_ns);
            own.floor_ns = own.floor_ns.max(trial.floor_ns);
            spent = spent.zip(trial.spent()).map(|(sum, (cpu_ns, cost))| sum.and(cpu_ns, cost));
            let weighted = |sum: Option<f64>, mean: Option<f64>| {
                sum.zip(mean).map(|(sum, mean)| sum + mean * trial.elapsed_ns as f64)
            };
            in_flight = weighted(in_flight, trial.mean_in_flight);
            counted = weighted(counted, trial.counted_in_flight);
        }
        let per_s = |n: u64| crate::model::per_s(n, own.elapsed_ns);
        let scheduled_ns = scheduled_ns(run, &own);
        let per_s_of_load = |n: u64| crate::model::per_s(n, scheduled_ns);
        let each = |total: Option<u64>, n: u64| total.filter(|_| n > 0).map(|total| total as f64 / n as f64);
        let mean =
            |area: Option<f64>| area.filter(|_| own.elapsed_ns > 0).map(|area| area / own.elapsed_ns as f64);
        Self {
            throughput_per_s: match is_in(Defect::MeanOfTrials) {
                true => mean_rate(run),
                false => per_s(own.flows.ended),
            },
            due_per_s: per_s_of_load(own.flows.due),
            achieved_per_s: per_s_of_load(own.flows.started),
            cpu_ns_per_message: spent.and_then(|spent| each(Some(spent.cpu_ns), assumed(spent))),
            cpu_ns_per_flow: spent.and_then(|spent| each(Some(spent.cpu_ns), spent.flows?)),
            harness_share: spent.and_then(|spent| each(Some(spent.harness_ns), spent.window_ns)),
            awake_share: spent.and_then(|spent| each(Some(spent.awake_ns), spent.window_ns)),
            blocked_share: (sending_ns > 0).then(|| blocked_ns as f64 / sending_ns as f64),
            messages_per_flow: each(own.messages, own.flows.ended),
            mean_in_flight: mean(in_flight),
            counted_in_flight: mean(counted),
            ..own
        }
    }
}

/// How long the schedules of the counted trials were together: whatever the target takes to end the last flow, and whether
/// it ever does, is not in it.
fn scheduled_ns(run: &Run, own: &Derived) -> u128 {
    let schedules: Option<u128> =
        run.counted_trials().map(|trial| trial.schedule_ns.map(u128::from)).sum::<Option<_>>();
    match (schedules, run.asked().duration_ns) {
        (Some(ns), _) if ns > 0 => ns,
        // Older documents do not say.
        (_, Some(ns)) => own.elapsed_ns.min(u128::from(ns) * own.trials as u128),
        _ => own.elapsed_ns,
    }
}

/// The cost of several trials together.
#[derive(Debug, Clone, Copy)]
struct Spent {
    cpu_ns: u64,
    awake_ns: u64,
    harness_ns: u64,
    window_ns: u64,
    messages: u64,
    flows: Option<u64>,
}

impl Default for Spent {
    fn default() -> Self {
        Self { cpu_ns: 0, awake_ns: 0, harness_ns: 0, window_ns: 0, messages: 0, flows: Some(0) }
    }
}

impl Spent {
    fn and(self, cpu_ns: u64, cost: Cost) -> Self {
        Self {
            cpu_ns: self.cpu_ns + cpu_ns,
            awake_ns: self.awake_ns + cost.awake_ns,
            harness_ns: self.harness_ns + cost.harness_ns,
            window_ns: self.window_ns + cost.window_ns,
            messages: self.messages + cost.messages,
            flows: self.flows.zip(cost.flows).map(|(sum, n)| sum + n),
        }
    }
}

/// Messages; as many as flows if a test has that defect in.
fn assumed(spent: Spent) -> u64 {
    if is_in(Defect::AssumedCount) { spent.flows.unwrap_or(0) } else { spent.messages }
}

/// The mean of the trials' rates, which is no rate of the run: a short trial counts as much as a long one.
fn mean_rate(run: &Run) -> Option<f64> {
    let rates: Vec<f64> = run.counted_trials().filter_map(crate::model::Trial::throughput_per_s).collect();
    (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Audit, Status, Trial};
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn trial(ended: u64, elapsed_ns: u64, sent: u64, cpu_ns: Option<u64>) -> Trial {
        let flows = Flows { due: ended, started: ended, ended, ..Flows::default() };
        let audit = Audit { sent, ..Audit::default() };
        Trial { elapsed_ns, flows, audit, cpu_ns, mean_in_flight: Some(2.0), ..Trial::default() }
    }

    #[test]
    fn totals_are_divided_by_totals_and_only_ok_trials_count() {
        let broken = Trial { status: Status::Failed, ..trial(1_000_000, 1, 1, None) };
        let trials = vec![
            trial(1_000, 1_000_000_000, 3_000, Some(6_000)),
            trial(500, 2_000_000_000, 1_500, Some(3_000)),
            broken,
        ];
        let derived = Derived::of(&Run { trials, ..Run::default() });
        assert_eq!(derived.trials, 2);
        assert_eq!(derived.throughput_per_s, Some(500.0));
        assert_eq!(derived.cpu_ns_per_message, Some(2.0));
        assert_eq!(derived.cpu_ns_per_flow, Some(6.0));
        assert_eq!(derived.messages_per_flow, Some(3.0));
        assert_eq!(derived.mean_in_flight, Some(2.0));
    }

    #[test]
    fn rates_of_the_schedule_are_per_time_that_was_asked() {
        let late = |due, started, elapsed_ns| Trial {
            elapsed_ns,
            flows: Flows { due, started, ended: started, ..Flows::default() },
            ..Trial::default()
        };
        // Two trials of 2 s were asked for, and took longer until their last flows had ended.
        let trials = vec![late(4_000, 3_000, 2_500_000_000), late(6_000, 5_000, 3_500_000_000)];
        let settings = [("duration_ns".to_owned(), crate::model::Setting::Integer(2_000_000_000))].into();
        let derived = Derived::of(&Run { trials: trials.clone(), settings, ..Run::default() });
        assert_eq!((derived.due_per_s, derived.achieved_per_s), (Some(2_500.0), Some(2_000.0)));
        // A count of flows has no time that was asked, so it is the time that they took.
        let derived = Derived::of(&Run { trials, ..Run::default() });
        assert_eq!((derived.due_per_s, derived.achieved_per_s), (Some(10_000.0 / 6.0), Some(8_000.0 / 6.0)));
    }

    #[test]
    fn time_held_up_is_a_share_of_all_time() {
        let held_up = |blocked_ns| Trial { blocked_ns, ..trial(1, 1_000, 1, None) };
        let derived = Derived::of(&Run { trials: vec![held_up(100), held_up(500)], ..Run::default() });
        assert_eq!(derived.blocked_share, Some(0.3));
        let two = Trial { senders: Some(2), ..held_up(600) };
        let derived = Derived::of(&Run { trials: vec![two], ..Run::default() });
        assert_eq!(derived.blocked_share, Some(0.3), "of the time of both senders");
        assert_eq!(Derived::of(&Run::default()).blocked_share, None, "no time, no share");
    }

    #[test]
    fn flows_in_flight_are_weighted_by_the_time_of_each_trial() {
        let in_flight = |elapsed_ns, by_times, counted| Trial {
            mean_in_flight: Some(by_times),
            counted_in_flight: counted,
            ..trial(1, elapsed_ns, 1, None)
        };
        let trials = vec![in_flight(1_000, 4.0, Some(8.0)), in_flight(3_000, 12.0, Some(4.0))];
        let derived = Derived::of(&Run { trials, ..Run::default() });
        assert_eq!((derived.mean_in_flight, derived.counted_in_flight), (Some(10.0), Some(5.0)));
        let trials = vec![in_flight(1_000, 4.0, Some(8.0)), in_flight(3_000, 12.0, None)];
        let derived = Derived::of(&Run { trials, ..Run::default() });
        assert_eq!((derived.mean_in_flight, derived.counted_in_flight), (Some(10.0), None));
    }

    /// CPU time is counted over a stretch of the window. What it is divided by is of the same stretch.
    #[test]
    fn costs_are_of_the_stretch_in_which_cpu_time_was_counted() {
        let cost = |window_ns, awake_ns, harness_ns, messages, flows| Cost {
            window_ns,
            awake_ns,
            harness_ns,
            messages,
            flows: Some(flows),
        };
        let of = |cpu_ns, cost| Trial {
            cost: Some(cost),
            messages: Some(30),
            ..trial(10, 9_000, 77, Some(cpu_ns))
        };
        let trials = vec![of(760, cost(2_000, 100, 60, 20, 5)), of(1_240, cost(6_000, 500, 140, 40, 10))];
        let derived = Derived::of(&Run { trials: trials.clone(), ..Run::default() });
        assert_eq!(derived.cpu_ns_per_message, Some(1_200.0 / 60.0));
        assert_eq!(derived.cpu_ns_per_flow, Some(1_200.0 / 15.0));
        assert_eq!(
            (derived.awake_share, derived.harness_share),
            (Some(600.0 / 8_000.0), Some(200.0 / 8_000.0))
        );
        assert_eq!((derived.messages, derived.messages_per_flow), (Some(60), Some(3.0)));
        // A trial that says what it cost and not how many messages it measured does not know them.
        let unknown = Trial { messages: None, ..trials[0].clone() };
        let derived = Derived::of(&Run { trials: vec![unknown], ..Run::default() });
        assert_eq!((derived.messages, derived.messages_per_flow), (None, None));
    }

    #[test]
    fn rates_of_the_schedule_are_per_its_own_length_where_that_is_known() {
        let late = |schedule_ns| Trial {
            schedule_ns,
            flows: Flows { due: 4_000, started: 3_000, ended: 3_000, ..Flows::default() },
            ..trial(3_000, 4_000_000_000, 1, None)
        };
        let settings: crate::model::Settings =
            [("duration_ns".to_owned(), crate::model::Setting::Integer(1_000_000_000))].into();
        let rates = |schedules: &[Option<u64>]| {
            let trials = schedules.iter().map(|ns| late(*ns)).collect();
            let derived = Derived::of(&Run { trials, settings: settings.clone(), ..Run::default() });
            (derived.due_per_s.unwrap(), derived.achieved_per_s.unwrap())
        };
        assert_eq!(rates(&[Some(2_000_000_000); 2]), (2_000.0, 1_500.0));
        // A schedule of no length, or of which one trial does not tell, falls back to what was asked for.
        assert_eq!(rates(&[Some(0); 2]), (4_000.0, 3_000.0));
        assert_eq!(rates(&[Some(2_000_000_000), None]), (4_000.0, 3_000.0));
    }

    #[test]
    fn the_floor_is_the_highest_of_the_trials() {
        let floors = [Some(70), Some(90), None].map(|floor_ns| Trial { floor_ns, ..Trial::default() });
        assert_eq!(Derived::of(&Run { trials: floors.into(), ..Run::default() }).floor_ns, Some(90));
    }

    #[test]
    fn unknown_stays_unknown() {
        let run = Run { trials: vec![trial(1, 1, 1, Some(1)), trial(1, 1, 1, None)], ..Run::default() };
        assert_eq!(Derived::of(&run).cpu_ns_per_message, None);
        let nothing = Derived::of(&Run::default());
        assert_eq!(
            (nothing.throughput_per_s, nothing.cpu_ns_per_flow, nothing.mean_in_flight),
            (None, None, None)
        );
    }

    proptest! {
        #[test]
        fn a_run_of_equal_trials_has_their_figures(ended in 1u64..1 << 40, elapsed_ns in 1u64..1 << 40, n in 1usize..20) {
            let one = trial(ended, elapsed_ns, ended * 3, Some(ended * 7));
            let expected = (one.throughput_per_s().unwrap(), one.cpu_ns_per_message().unwrap());
            let derived = Derived::of(&Run { trials: vec![one; n], ..Run::default() });
            prop_assert!((derived.throughput_per_s.unwrap() / expected.0 - 1.0).abs() < 1e-9);
            prop_assert!((derived.cpu_ns_per_message.unwrap() / expected.1 - 1.0).abs() < 1e-9);
        }

        #[test]
        fn the_rate_of_a_run_lies_between_those_of_its_trials(trials in vec((1u64..1 << 30, 1u64..1 << 30), 1..10)) {
            let trials: Vec<_> = trials.into_iter().map(|(ended, ns)| trial(ended, ns, ended, None)).collect();
            let rates: Vec<f64> = trials.iter().filter_map(Trial::throughput_per_s).collect();
            let rate = Derived::of(&Run { trials, ..Run::default() }).throughput_per_s.unwrap();
            let (low, high) = rates.iter().fold((f64::MAX, 0.0f64), |(low, high), r| (low.min(*r), high.max(*r)));
            prop_assert!(rate >= low * (1.0 - 1e-9) && rate <= high * (1.0 + 1e-9));
        }
    }
}
