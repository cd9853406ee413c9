//! Runs a command line of `drumpost run` within this process, without a dashboard and without a file, and returns the
//! outcome.

use crate::{
    interrupt::Interrupt,
    output,
    run::{job::Job, quietly},
};
use drumpost_core::{monitor::Unwatched, outcome::Outcome, plan::TrialPlan, registry::Registry};
use drumpost_results::{
    model::{Record, Run, Validity, Verdict},
    stats::Derived,
    verdict::Thresholds,
};

/// See the module.
pub(crate) struct Rig<'a> {
    pub registry: &'a Registry,
    pub seed: u64,
    /// By which share simulated targets serve slower than they are said to.
    pub slower: f64,
}

/// The outcome of a command line.
pub(crate) struct Ran {
    pub line: String,
    pub run: Run,
    pub derived: Derived,
}

impl Ran {
    /// A quantile of the response in ns; not a number where there is none, which is within no tolerance.
    pub(crate) fn response_ns(&self, share: f64) -> f64 {
        self.run.response().quantile_ns(share).map_or(f64::NAN, |ns| ns as f64)
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.run.judged()
    }

    /// `valid`, `suspect` or `invalid`.
    pub(crate) fn validity(&self) -> &'static str {
        match self.verdict().status {
            Validity::Valid => "valid",
            Validity::Suspect => "suspect",
            Validity::Invalid => "invalid",
        }
    }
}

impl Rig<'_> {
    /// So many flows, fewer in a build without optimisations.
    #[expect(clippy::unused_self, reason = "what is measured with is asked of the rig")]
    pub(crate) const fn flows(&self, count: u64) -> u64 {
        if crate::environment::is_debug_build() { count / 12 } else { count }
    }

    /// A target that serves in so many µs, as `--sim` takes it.
    pub(crate) fn service(&self, kind: &str, us: f64) -> String {
        let ns = us * 1e3 * (1.0 + self.slower);
        if ns % 1e6 == 0.0 {
            format!("service={kind}:{}ms", ns / 1e6)
        } else {
            format!("service={kind}:{ns}ns")
        }
    }

    fn job(&self, line: &str) -> anyhow::Result<Job> {
        if output::remarks_to_terminal() {
            output::progress(&format!("selftest: {line}"));
        }
        quietly::job(self.registry, line.split_whitespace())
    }

    fn line(&self, line: &str) -> String {
        format!("{line} --seed {}", self.seed)
    }

    /// The record of a command line.
    pub(crate) fn record(&self, line: &str) -> anyhow::Result<Record> {
        let mut record = quietly::record(self.registry, &self.job(&self.line(line))?, &Interrupt::default());
        record.judge(&Thresholds::default());
        Ok(record)
    }

    /// The only run of a command line.
    pub(crate) fn run(&self, line: &str) -> anyhow::Result<Ran> {
        let Some(run) = self.record(line)?.runs.pop() else {
            anyhow::bail!("`{line}` ran nothing; this is a defect of drumpost");
        };
        if let Some(error) = run.error() {
            anyhow::bail!("`{line}`: {error}");
        }
        let derived = Derived::of(&run);
        Ok(Ran { line: self.line(line), run, derived })
    }

    /// The plan of a command line's first dispatch.
    pub(crate) fn plan(&self, line: &str) -> anyhow::Result<TrialPlan> {
        let job = self.job(&self.line(line))?;
        let plan = job.targets.into_iter().next().map(|target| target.plan);
        plan.ok_or_else(|| anyhow::anyhow!("`{line}` has no target; this is a defect of drumpost"))
    }

    /// What the engine makes of a command line whose plan is changed in a way no flag can say.
    pub(crate) fn outcome(&self, line: &str, change: impl FnOnce(&mut TrialPlan)) -> anyhow::Result<Outcome> {
        let job = self.job(&self.line(line))?;
        let Some(target) = job.targets.first() else {
            anyhow::bail!("`{line}` has no target; this is a defect of drumpost");
        };
        let mut plan = target.plan.clone();
        change(&mut plan);
        let mut dispatcher = target.entry.made(&job.options).map_err(anyhow::Error::msg)?;
        Ok(dispatcher.run(&plan, &mut Unwatched)?)
    }
}
