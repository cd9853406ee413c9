//! Whether the machine disturbed a pair, so that the pair is repeated whole, and how many pairs may be repeated.
//!
//! The question is asked of all trials of a pair together. It does not know which trial is A, and its limits are on what the
//! machine did: stolen time, other processes, a CPU quota, a stop, a clock that ran backwards. Times, lag, context switches
//! and idle cores are no such causes, because a slower B changes them itself: repeating pairs for them would hide a
//! regression. Two causes come near to that. A quota stops a B that needs more CPU time more often, and the kernel's time
//! for the network counts as other processes' time. So the repeats are limited: a B that is disturbed in every pair runs
//! out of them, and its pairs then count as they are. Does not live here: the measuring, and the limits' defaults
//! (`verdict::thresholds`).

use std::collections::BTreeMap;

use crate::model::{Compared, Hygiene, Trial};
use crate::units;
use crate::verdict::{STEPS_NS, Thresholds};

/// What disturbed a pair, the plainest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The process was stopped and continued.
    Stopped,
    /// Stamps ran backwards between cores.
    Clock,
    /// The hypervisor gave time to other machines.
    Steal,
    /// A CPU quota stopped threads.
    Throttled,
    /// Other processes used the cores.
    Others,
}

impl Cause {
    /// All causes, in the order in which one is named.
    pub const ALL: [Self; 5] = [Self::Stopped, Self::Clock, Self::Steal, Self::Throttled, Self::Others];

    /// The words in documents and sentences.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Stopped => "the process was stopped",
            Self::Clock => "stamps ran backwards",
            Self::Steal => "the hypervisor took time",
            Self::Throttled => "a CPU quota stopped threads",
            Self::Others => "other processes used the cores",
        }
    }

    /// How far beyond nothing a trial is, as a share of one; `None` if it is within the limit or not known.
    fn share(self, trial: &Trial, limits: &Thresholds) -> Option<f64> {
        let hygiene = &trial.hygiene;
        match self {
            Self::Stopped => hygiene.stops.filter(|stops| *stops > 0).map(|_| 1.0),
            Self::Clock => {
                let backwards = trial.audit.negative_deltas as f64;
                let stamped =
                    trial.response.count() + trial.hops.iter().map(|hop| hop.time.count()).sum::<u64>();
                let share = (backwards / stamped.max(1) as f64).min(1.0);
                (share > limits.miscounted).then_some(share)
            }
            Self::Steal => of_cores(hygiene, hygiene.steal_ns, limits.steal),
            Self::Others => of_cores(hygiene, hygiene.others_ns, limits.others),
            Self::Throttled => {
                let window_ns = hygiene.window_ns.filter(|ns| *ns > 0)?;
                // The time is summed over cores, so it may exceed the window.
                let share = hygiene.throttled_ns?.min(window_ns) as f64 / window_ns as f64;
                (share > limits.throttled).then_some(share)
            }
        }
    }

    fn sentence(self, share: f64, limits: &Thresholds) -> String {
        let percent = units::percent;
        match self {
            Self::Stopped => "the process was stopped and continued (Ctrl-Z, SIGSTOP)".to_owned(),
            Self::Clock => {
                format!(
                    "{} of the stamps ran backwards between cores, limit {}",
                    percent(share),
                    percent(limits.miscounted)
                )
            }
            Self::Steal => format!(
                "the hypervisor gave {} of all cores' time to other machines, limit {}",
                percent(share),
                percent(limits.steal)
            ),
            Self::Throttled => {
                format!(
                    "a CPU quota stopped threads for {} of the time, limit {}",
                    percent(share),
                    percent(limits.throttled)
                )
            }
            Self::Others => {
                format!(
                    "other processes used {} of all cores' time, limit {}",
                    percent(share),
                    percent(limits.others)
                )
            }
        }
    }
}

/// A time as a share of that of all cores, if it is beyond a limit by more than rounding.
fn of_cores(hygiene: &Hygiene, ns: Option<u64>, limit: f64) -> Option<f64> {
    let (ns, cores_ns) = (ns? as f64, hygiene.cores_ns.filter(|ns| *ns > 0)? as f64);
    (ns - STEPS_NS > limit * cores_ns).then(|| (ns / cores_ns).min(1.0))
}

/// A pair that the machine disturbed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disturbed {
    /// The cause.
    pub cause: Cause,
    /// The cause in a sentence with its figure and its limit. It does not say which trial it was.
    pub sentence: String,
}

/// Whether the machine disturbed any trial of a pair, the copy's included, beyond the limits `steal`, `throttled`, `others`
/// and `miscounted`. The order of the trials does not matter. Of several causes the first of [`Cause::ALL`] is named, with
/// the figure of the trial that has most of it. What a trial does not know does not disturb it.
#[must_use]
pub fn disturbed(trials: &[&Trial], limits: &Thresholds) -> Option<Disturbed> {
    Cause::ALL.into_iter().find_map(|cause| {
        let shares = trials.iter().filter_map(|trial| cause.share(trial, limits));
        let share = shares.max_by(f64::total_cmp)?;
        Some(Disturbed { cause, sentence: cause.sentence(share, limits) })
    })
}

/// Whether other processes used more than the limit `others` over all short trials together. A trial is only disturbed by what
/// exceeds its limit by the 20 ms that may be rounding. Where that is more than the limit itself, as in a trial of 60 ms on two cores,
/// other processes may use far more than the limit unseen, and in one of 10 ms all there is. Over all such trials together the same
/// 20 ms are little. Steal is not looked at in this way: a small and steady share of it hits both sides of each pair alike.
pub(super) fn is_busy(pairs: &[(&Trial, &Trial)], limits: &Thresholds) -> bool {
    let trials = pairs.iter().flat_map(|(a, b)| [*a, *b]);
    let known =
        trials.filter_map(|trial| Some((trial.hygiene.others_ns? as f64, trial.hygiene.cores_ns? as f64)));
    let short = known.filter(|(_, cores_ns)| limits.others * cores_ns < STEPS_NS);
    let (others_ns, cores_ns) =
        short.fold((0.0, 0.0), |sums, (others, cores)| (sums.0 + others, sums.1 + cores));
    others_ns - STEPS_NS > limits.others * cores_ns
}

/// The pairs that were repeated, by cause.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repeats {
    repeated: [usize; Cause::ALL.len()],
    kept: [usize; Cause::ALL.len()],
}

/// Decides which pairs are repeated while they are measured, and counts those.
#[derive(Debug, Clone, Default)]
pub struct Repeating {
    so_far: Repeats,
    /// Pairs that nothing disturbed.
    undisturbed: usize,
    /// Repeats that were disturbed again.
    in_vain: usize,
}

impl Repeating {
    /// Counts a pair that was just measured, and says whether to measure it once more: `cause` disturbed it, and it may be repeated. A disturbed
    /// pair that may not is counted as kept. A pair of which a trial failed is not for this.
    ///
    /// `is_again`: the pair was measured because it had been disturbed before. `until` is how many pairs the next look wants: at most half as
    /// many are repeated over the whole comparison, and none if it is 0, when there is no time for it.
    ///
    /// A repeat that is disturbed again was in vain. Where the machine is busy all the time every repeat is, and only takes time from the
    /// pairs to come. So there may be no more of them than pairs that were not disturbed, and a tenth of `until`.
    pub fn is_repeated(&mut self, cause: Option<Cause>, is_again: bool, until: usize) -> bool {
        let Some(cause) = cause else {
            self.undisturbed += 1;
            return false;
        };
        self.in_vain += usize::from(is_again);
        let may = (self.so_far.total() + 1) * 2 <= until && self.in_vain <= self.undisturbed + until / 10;
        let counts = if may { &mut self.so_far.repeated } else { &mut self.so_far.kept };
        counts[cause as usize] += 1;
        may
    }

    /// The pairs that were repeated, and those that were kept.
    #[must_use]
    pub fn so_far(&self) -> &Repeats {
        &self.so_far
    }
}

impl Repeats {
    /// Those that a record of two sides has.
    #[must_use]
    pub fn recorded(compared: &Compared) -> Self {
        let counts = |by_reason: &BTreeMap<String, u32>| {
            Cause::ALL.map(|cause| by_reason.get(cause.words()).map_or(0, |count| *count as usize))
        };
        Self { repeated: counts(&compared.repeated), kept: counts(&compared.kept) }
    }

    /// Writes them into the record of the comparison.
    pub fn record(&self, compared: &mut Compared) {
        let by_reason = |counts: &[usize]| {
            let all = Cause::ALL.into_iter().zip(counts).filter(|(_, count)| **count > 0);
            all.map(|(cause, count)| (cause.words().to_owned(), *count as u32)).collect()
        };
        (compared.repeated, compared.kept) = (by_reason(&self.repeated), by_reason(&self.kept));
    }

    /// Pairs that were repeated.
    #[must_use]
    pub fn total(&self) -> usize {
        self.repeated.iter().sum()
    }

    /// Pairs that were repeated for a cause.
    #[must_use]
    pub fn of(&self, cause: Cause) -> usize {
        self.repeated[cause as usize]
    }

    /// Disturbed pairs that were kept, because enough had been repeated or there was no time for it.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept.iter().sum()
    }

    /// How many pairs were disturbed, by what, and what became of them, for the notes of a comparison; `None` if none was.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        const WHY: &str = "drumpost repeats disturbed pairs up to half of the pairs needed for the next look, fewer where repeats \
                           are mostly disturbed again, and with --within only while time is left";
        let (repeated, kept) = (self.total(), self.kept());
        let all = repeated + kept;
        let disturbed = units::counted(all as u64, "pair", "pairs");
        let disturbed = format!("the machine disturbed {disturbed} ({})", self.causes());
        let (was, counts) = if all == 1 { ("was", "counts") } else { ("were", "count") };
        Some(match (repeated, kept) {
            (0, 0) => return None,
            (_, 0) => format!("{disturbed}, which {was} repeated whole"),
            (0, _) => format!("{disturbed}, which {counts} as measured. {WHY}"),
            _ => format!("{disturbed}: {repeated} repeated whole, {kept} counted as measured. {WHY}"),
        })
    }

    /// The causes; of several, each with its number of pairs.
    fn causes(&self) -> String {
        let of = |cause: Cause| self.repeated[cause as usize] + self.kept[cause as usize];
        let causes: Vec<Cause> = Cause::ALL.into_iter().filter(|cause| of(*cause) > 0).collect();
        if let [cause] = causes[..] {
            return cause.words().to_owned();
        }
        let one = |cause: &Cause| format!("{} in {}", cause.words(), of(*cause));
        causes.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
