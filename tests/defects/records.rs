//! Rows d, e, f, n and p: recorded times, and the figures derived from them.

use super::{Holds, ensure, measured, near, plan, tells_apart};
use crate::support::{Place, count};
use drumpost::oracle::BUCKET;
use drumpost_core::{
    audit::Window,
    hist::{Distribution, Hist},
    load::Extent,
};
use drumpost_defects::{Defect, with};
use drumpost_results::{
    model::{Audit, Flows, Run, Trial, Validity},
    stats::Derived,
    store,
    verdict::{Machine, Thresholds, judge},
};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::HashSet;

/// The defect: a time beyond the range becomes the longest there is.
#[test]
fn d_times_over_the_range_are_counted() {
    let run = || measured("service=fixed:5h", &plan(None, Extent::Count(1))).response;
    let holds = |times: &Distribution| {
        ensure(times.over_range == 1 && times.max_ns == 18_000_000_000_000, || {
            format!("{} over the range, the longest is {}", times.over_range, times.max_ns)
        })
    };
    tells_apart(holds, &run(), &with(Defect::Clamped, run));

    // The record says so, and its run is not valid.
    let place = Place::new();
    let line = "run stream --sim service=fixed:5h --in-flight 1 --count 1 --flow-timeout 20h --drain 20h";
    place.run(&format!("{line} --out record.json")).with_code(0);
    place.run_with(Defect::Clamped, &format!("{line} --out clamped.json")).with_code(0);
    let read = |name: &str| store::read(&place.path(name)).unwrap().runs.remove(0);
    let holds = |run: &Run| {
        let verdict = judge(run, &Machine::default(), &Thresholds::default());
        let says = verdict.reasons.iter().any(|reason| reason.contains("over the range"));
        ensure(verdict.status != Validity::Valid && says, || format!("{verdict:?}"))
    };
    tells_apart(holds, &read("record.json"), &read("clamped.json"));
}

/// The defect: a thousand values stand for a million.
#[test]
fn e_percentiles_are_of_all_values() {
    const VALUES: u64 = 1_000_000;
    let value = |at: u64| (-(1.0 - (at as f64 + 0.5) / VALUES as f64).ln() * 1e6) as u64;
    let recorded = || {
        let (mut hist, mut all) = (Hist::default(), Distribution::default());
        (0..VALUES).for_each(|at| hist.record_n(value(at), 1));
        all.add(&hist);
        all
    };
    let holds = |times: &Distribution| {
        for share in [0.99, 0.999, 0.9999] {
            let exact = value((share * VALUES as f64) as u64 - 1) as f64;
            near(times.histogram.value_at_quantile(share) as f64, exact, BUCKET * exact)?;
        }
        Ok(())
    };
    let reservoir = with(Defect::Sampled, recorded);
    assert!((500..2_000).contains(&reservoir.count()), "{} were drawn", reservoir.count());
    tells_apart(holds, &recorded(), &reservoir);
}

/// The defect: what is called latency has a value for each batch of 64, not for each flow.
#[test]
fn f_every_flow_of_a_batch_is_a_sample() {
    let line = "stream --dispatch message/crossbeam --batch 64 --in-flight 256 --count 20k --trials 1";
    let place = Place::new();
    let record = place.record(line);
    let defective = place.run_with(Defect::OnePerBatch, &format!("run {line} --json")).json();
    let holds = |run: &Value| {
        let samples = count(run, "/response_ns/count");
        ensure(samples == 20_000, || format!("{samples} samples of 20,000 flows"))
    };
    tells_apart(holds, record.only(), &defective["runs"][0]);
    assert_eq!(record.only()["settings"]["batch"], 64, "the row says what it moved at once");
}

fn trial() -> impl Strategy<Value = Trial> {
    let counts = (1_u64..1 << 30, 2_u64..9, 1_u64..1 << 40, 1_u64..1 << 40);
    counts.prop_map(|(ended, per_flow, elapsed_ns, cpu_ns)| Trial {
        elapsed_ns,
        flows: Flows { due: ended, started: ended, ended, ..Flows::default() },
        audit: Audit { sent: ended * per_flow, ..Audit::default() },
        cpu_ns: Some(cpu_ns),
        ..Trial::default()
    })
}

/// Each figure times what it was divided by is the total it came from.
fn agrees(trials: &[Trial], derived: &Derived) -> Holds {
    let total = |of: fn(&Trial) -> u64| trials.iter().map(of).sum::<u64>() as f64;
    let (ended, sent) = (total(|trial| trial.flows.ended), total(|trial| trial.audit.sent));
    let (elapsed_ns, cpu_ns) = (total(|trial| trial.elapsed_ns), total(|trial| trial.cpu_ns.unwrap_or(0)));
    for (figure, times, whole) in [
        (derived.throughput_per_s, elapsed_ns / 1e9, ended),
        (derived.cpu_ns_per_message, sent, cpu_ns),
        (derived.cpu_ns_per_flow, ended, cpu_ns),
        (derived.messages_per_flow, ended, sent),
    ] {
        near(figure.unwrap_or(f64::NAN) * times, whole, 1e-9 * whole)?;
    }
    Ok(())
}

proptest! {
    /// The defects: a message per flow is assumed, and trials are averaged whatever their length.
    #[test]
    fn n_derived_figures_agree_with_their_counts(trials in prop::collection::vec(trial(), 1..6)) {
        let derived = || Derived::of(&Run { trials: trials.clone(), ..Run::default() });
        prop_assert_eq!(agrees(&trials, &derived()), Ok(()));
        let assumed = with(Defect::AssumedCount, derived);
        prop_assert!(agrees(&trials, &assumed).is_err());
        let averaged = with(Defect::MeanOfTrials, derived);
        let rates = (averaged.throughput_per_s.unwrap(), derived().throughput_per_s.unwrap());
        let differs = (rates.0 / rates.1 - 1.0).abs() > 1e-8;
        prop_assert!(!differs || agrees(&trials, &averaged).is_err());
    }
}

/// What remembers the numbers it has seen, in how many words.
trait Remembers {
    fn note(&mut self, seq: u64);
    fn words(&self) -> usize;
}

impl Remembers for Window {
    fn note(&mut self, seq: u64) {
        Window::note(self, seq);
    }

    fn words(&self) -> usize {
        // One is printed after each comma.
        format!("{self:?}").matches(',').count()
    }
}

impl Remembers for HashSet<u64> {
    fn note(&mut self, seq: u64) {
        self.insert(seq);
    }

    fn words(&self) -> usize {
        self.capacity()
    }
}

/// The defect: an exact set.
#[test]
fn p_the_memory_of_the_audit_is_flat() {
    fn grown(mut memory: impl Remembers) -> [usize; 2] {
        let mut at = |messages: std::ops::Range<u64>| {
            // Some never come: a window keeps the numbers from the first that is missing, as far as it remembers.
            messages.filter(|seq| seq % 100 != 7).for_each(|seq| memory.note(seq));
            memory.words()
        };
        [at(0..2_000_000), at(2_000_000..10_000_000)]
    }
    let holds = |words: &[usize; 2]| {
        ensure(words[0] > 1_000 && words[0] == words[1], || {
            format!("from {} words to {}", words[0], words[1])
        })
    };
    tells_apart(holds, &grown(Window::default()), &grown(HashSet::new()));
}
