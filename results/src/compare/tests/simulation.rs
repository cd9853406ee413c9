//! The rule with all its looks on thousands of synthetic comparisons: how often it says something where nothing changed, and
//! how often it finds what did change.
//!
//! A trial's figure is the logarithm of a noise that belongs to its position in the order of execution. As the harness does, a
//! coin for each pair decides which of its two positions is A, the same for all gates. The noise is drawn from a pool of
//! 65,536 normal values, so that the 240 million draws take seconds. Seeds are fixed: the counts are the same on every machine.

use super::super::rule::{Level, Pairs, judge};
use super::*;
use std::sync::LazyLock;

const SEQUENCES: u64 = 10_000;
const GATES: usize = 20;

/// The most false alarms in `n` comparisons that agree with a chance of 1 %: 3.1 standard deviations above the mean, which a
/// sound rule at exactly 1 % exceeds with one in a thousand seeds.
fn at_most(n: u64) -> u64 {
    let mean = n as f64 * 0.01;
    (mean + 3.1 * (mean * 0.99).sqrt()) as u64
}

/// Normal values of mean 0 and deviation 1 (Box and Muller).
static POOL: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let mut noise = Noise(20);
    let mut value =
        || (-2.0 * (1.0 - noise.next()).ln()).sqrt() * (std::f64::consts::TAU * noise.next()).cos();
    (0..1 << 16).map(|_| value()).collect()
});

struct Random(u64);

impl Random {
    /// Four numbers below 2¹⁶ (splitmix64).
    fn next(&mut self) -> [usize; 4] {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let z = z ^ (z >> 31);
        [z, z >> 16, z >> 32, z >> 48].map(|bits| (bits & 0xffff) as usize)
    }
}

/// What the noise of a trial is like.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Noisy {
    Normal,
    /// One trial in sixteen takes far longer.
    Outliers,
    /// A trial is fast or slow, as with a wake-up that does or does not need the kernel.
    Bimodal,
    /// A trial is much like the one before, and the second of a pair is slower.
    Serial,
}

const ALL: [Noisy; 4] = [Noisy::Normal, Noisy::Outliers, Noisy::Bimodal, Noisy::Serial];

impl Noisy {
    /// The figures of two trials in a row; `before` is the state of the serial noise.
    fn pair(self, random: &mut Random, before: &mut f64) -> [f64; 2] {
        let [first, second, chance, other] = random.next();
        let mut one = |normal: usize, chance: usize, is_second: bool| {
            let normal = POOL[normal];
            match self {
                Self::Normal => normal,
                Self::Outliers => normal + if chance < 1 << 12 { 10.0 + chance as f64 / 100.0 } else { 0.0 },
                Self::Bimodal => 0.2 * normal + if chance < 1 << 15 { 2.0 } else { 0.0 },
                Self::Serial => {
                    *before = 0.9 * *before + 0.436 * normal;
                    *before + if is_second { 1.0 } else { 0.0 }
                }
            }
        };
        [one(first, chance, false), one(second, other, true)]
    }
}

/// The rule, or a rule that is broken in one place.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    Sound,
    /// Each look has all of alpha.
    UndividedAlpha,
    /// Each gate is judged as if it were the only one.
    NoCorrection,
    /// A is always first.
    FixedOrder,
    /// After each pair it is looked at with all of alpha, and the first verdict ends it.
    EveryPair,
    /// Half the margin counts for nothing.
    NotFirm,
}

/// What is simulated.
#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    noisy: Noisy,
    /// Deviation of one trial, as a logarithm.
    sd: f64,
    /// By how much B is worse, as a logarithm.
    worse: f64,
    /// Share of a trial's variance that all gates have in common.
    common: f64,
    margins: &'a [f64],
    pairs: usize,
    rule: Rule,
    /// The sum of all trials after which the time is over: they take 1 each, and more or less by their noise.
    time: Option<f64>,
}

const A_A: Case<'_> = Case {
    noisy: Noisy::Normal,
    // So loud that the margin of 2 % keeps nothing back: only the level of the test does.
    sd: 0.2,
    worse: 0.0,
    common: 0.0,
    margins: &[0.02; GATES],
    pairs: Plan::PAIRS,
    rule: Rule::Sound,
    time: None,
};

/// The verdicts of one comparison when it ended, and the number of its pairs.
fn simulate(case: &Case<'_>, seed: u64) -> (Vec<Verdict>, usize) {
    let gates = case.margins.len();
    let plan = Plan::new(case.pairs, gates, &Options::default()).unwrap();
    let options = plan.options(&Options::default());
    let alpha = match case.rule {
        Rule::UndividedAlpha | Rule::EveryPair => options.alpha,
        _ => options.alpha_per_look(),
    };
    let level = Level { alpha, firm: case.rule != Rule::NotFirm };
    let mut random = Random(seed.wrapping_mul(0xd134_2543_de82_ef95));
    let mut worsenings = vec![Vec::with_capacity(case.pairs); gates];
    let mut before = vec![0.0; gates + 1];
    let (own, shared) = ((1.0 - case.common).sqrt() * case.sd, case.common.sqrt() * case.sd);
    let mut time = 0.0;
    for pairs in 1.. {
        let a_is_first = case.rule == Rule::FixedOrder || random.next()[0] & 1 == 0;
        let side = if a_is_first { 1.0 } else { -1.0 };
        let common =
            if case.common > 0.0 { case.noisy.pair(&mut random, &mut before[gates]) } else { [0.0; 2] };
        for (gate, before) in worsenings.iter_mut().zip(&mut before) {
            let [first, second] = case.noisy.pair(&mut random, before);
            gate.push(side * (own * (second - first) + shared * (common[1] - common[0])) + case.worse);
            time += (2.0 + (first + second) * 0.1) / gates as f64;
        }
        let is_over = case.time.is_some_and(|budget| time > budget);
        let is_look = plan.looks().contains(&pairs) || is_over;
        if !is_look && (case.rule != Rule::EveryPair || pairs < 15) {
            continue;
        }
        let samples: Vec<Pairs<'_>> = worsenings
            .iter()
            .zip(case.margins)
            .map(|(worsenings, margin)| Pairs { worsenings, margin: margin.ln_1p() })
            .collect();
        let judged = match case.rule {
            Rule::NoCorrection => samples.iter().flat_map(|one| judge(&[*one], level)).collect(),
            _ => judge(&samples, level),
        };
        let verdicts: Vec<Verdict> = judged.into_iter().map(|judged| judged.verdict).collect();
        let worst = verdicts.iter().copied().max().unwrap();
        let ends_early = case.rule == Rule::EveryPair && verdicts.iter().any(|verdict| is_change(*verdict));
        if ends_early || matches!(plan.step(pairs, worst, false, is_over), Next::Stop(_)) {
            return (verdicts, pairs);
        }
    }
    unreachable!("a plan ends at its last look")
}

fn is_change(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Regression | Verdict::Improvement)
}

/// Comparisons in which some gate changed.
fn changed(case: &Case<'_>, sequences: u64) -> u64 {
    let changed = |seed: &u64| simulate(case, *seed).0.into_iter().any(is_change);
    (1..=sequences).filter(changed).count() as u64
}

#[test]
fn nothing_changed_is_a_verdict_in_at_most_one_of_a_hundred_comparisons() {
    let mut all = 0;
    for noisy in ALL {
        let false_alarms = changed(&Case { noisy, ..A_A }, SEQUENCES);
        assert!(false_alarms <= at_most(SEQUENCES), "{noisy:?}: {false_alarms}");
        all += false_alarms;
    }
    // Some there have to be, or the simulation shows nothing.
    assert!((20..=at_most(4 * SEQUENCES)).contains(&all), "{all}");
}

/// The end of the time depends on the sum of both trials of each pair, which does not depend on which is A.
#[test]
fn a_time_budget_adds_no_false_alarms() {
    for noisy in [Noisy::Normal, Noisy::Outliers] {
        for time in [50.0, 70.0] {
            let case = Case { noisy, time: Some(time), ..A_A };
            let false_alarms = changed(&case, SEQUENCES / 2);
            assert!(false_alarms <= at_most(SEQUENCES / 2), "{noisy:?}: {false_alarms}");
            let ends: Vec<usize> = (1..50).map(|seed| simulate(&case, seed).1).collect();
            assert!(ends.iter().any(|end| !end.is_multiple_of(20)), "{ends:?}");
        }
    }
}

/// The p-values of a sign test have steps, so that a rule seldom uses all of its alpha. With 24 gates, a level of 0.01 lies just
/// above a step at 20 and at 60 pairs, and so does a level of 0.01/3 at 60: there an undivided alpha shows best.
const STEPS: Case<'_> = Case { margins: &[0.02; 24], ..A_A };

/// What the simulation is good for: rules that are nearly right are found out.
#[test]
fn a_broken_rule_is_caught() {
    let of = |rule| {
        let both =
            [Noisy::Normal, Noisy::Outliers].map(|noisy| changed(&Case { noisy, rule, ..STEPS }, SEQUENCES));
        both.iter().sum::<u64>()
    };
    let (sound, undivided) = (of(Rule::Sound), of(Rule::UndividedAlpha));
    assert!(sound <= at_most(2 * SEQUENCES) && undivided > at_most(2 * SEQUENCES), "{sound} {undivided}");
    for (noisy, rule) in [
        (Noisy::Normal, Rule::NoCorrection),
        (Noisy::Serial, Rule::FixedOrder),
        (Noisy::Normal, Rule::EveryPair),
    ] {
        let false_alarms = changed(&Case { noisy, rule, ..A_A }, SEQUENCES / 5);
        assert!(false_alarms > at_most(SEQUENCES / 5), "{rule:?}: {false_alarms}");
    }
}

/// Throughput, CPU time, p50, p90, p99 and p99.9 with their margins.
const COST: Case<'_> = Case { sd: 0.02, margins: &[0.02, 0.02, 0.02, 0.05, 0.10, 0.25], pairs: 40, ..A_A };

fn regressions(case: &Case<'_>, sequences: u64) -> u64 {
    let found = |seed: &u64| simulate(case, *seed).0.contains(&Verdict::Regression);
    (1..=sequences).filter(found).count() as u64
}

#[test]
fn three_in_a_hundred_are_found() {
    let case = Case { worse: 0.03f64.ln_1p(), ..COST };
    let found = regressions(&case, 2_000);
    assert!(found >= 1_900, "{found} of 2,000");
}

#[test]
fn one_in_a_hundred_hardly_ever_blocks() {
    let case = Case { worse: 0.01f64.ln_1p(), ..COST };
    let blocked = regressions(&case, 4_000);
    assert!(blocked <= at_most(4_000), "{blocked} of 4,000");
    let blocked = regressions(&Case { rule: Rule::NotFirm, ..case }, 4_000);
    assert!(blocked > 2 * at_most(4_000), "{blocked} of 4,000 without half the margin");
}

#[test]
fn five_in_a_hundred_are_never_no_change() {
    for sd in [0.005, 0.01, 0.02, 0.05, 0.1, 0.3] {
        for noisy in ALL {
            let case = Case { noisy, sd, worse: 0.05f64.ln_1p(), ..COST };
            let missed =
                (1..=200).filter(|seed| simulate(&case, *seed).0[..3].contains(&Verdict::NoChange)).count();
            assert_eq!(missed, 0, "{noisy:?} {sd}");
        }
    }
}

#[test]
fn a_quiet_machine_ends_at_the_first_look_and_a_loud_one_at_the_last() {
    let end = |sd| simulate(&Case { sd, ..COST }, 1);
    assert_eq!(end(0.005), (vec![Verdict::NoChange; 6], 14));
    let (verdicts, pairs) = end(0.3);
    assert_eq!((verdicts.iter().max(), pairs), (Some(&Verdict::Inconclusive), 40));
}
