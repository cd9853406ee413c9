//! `--threshold KEY=VALUE`: limits of the verdict from the command line.

use crate::{exit::usage, similar::unknown};
use clap::Args;
use drumpost_results::{
    model::Record,
    verdict::{ThresholdError, Thresholds},
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ThresholdArgs {
    /// Limit of the verdict, such as lag_share=20%
    ///
    /// `none` switches a check off. METHODOLOGY.md and `drumpost list` have all limits.
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Measure")]
    #[serde(with = "crate::spec::list")]
    threshold: Vec<String>,
}

impl ThresholdArgs {
    /// The defaults with what was asked for in their place.
    ///
    /// # Errors
    /// Names the first that cannot be set, and what was meant.
    pub(crate) fn resolve(&self) -> anyhow::Result<Thresholds> {
        self.over(Thresholds::default())
    }

    /// Judges a record anew if a limit was given, by its own limits and those.
    ///
    /// # Errors
    /// As [`ThresholdArgs::resolve`].
    pub(crate) fn judge_anew(&self, record: &mut Record) -> anyhow::Result<()> {
        if !self.threshold.is_empty() {
            let limits = self.over(Thresholds::from_settings(&record.thresholds))?;
            record.judge(&limits);
        }
        Ok(())
    }

    /// These limits with what was asked for in their place.
    ///
    /// # Errors
    /// As [`ThresholdArgs::resolve`].
    pub(crate) fn over(&self, mut limits: Thresholds) -> anyhow::Result<Thresholds> {
        for set in &self.threshold {
            let Some((key, value)) = set.split_once('=') else {
                return Err(usage(format!("--threshold `{set}` is not KEY=VALUE, such as lag_share=20%")));
            };
            limits.set(key, value).map_err(|error| match error {
                ThresholdError::Unknown(key) => {
                    let known: Vec<&str> = Thresholds::ALL.iter().map(|limit| limit.key).collect();
                    usage(format!("--threshold: {}", unknown("threshold", &key, &known)))
                }
                error @ ThresholdError::Value { .. } => usage(format!("--threshold: {error}")),
            })?;
        }
        Ok(limits)
    }
}
