//! The flags of `drumpost selftest`.

use clap::Args;

#[derive(Clone, Debug, Args)]
pub(crate) struct SelftestArgs {
    /// Only what virtual time shows, in seconds
    #[arg(long = "virtual", conflicts_with = "real")]
    pub only_virtual: bool,
    /// Only what takes this machine and its clock, under a minute
    #[arg(long)]
    pub real: bool,
    /// Seed of every draw; what holds must hold for any
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// A defect put in: simulated targets serve slower by this share than the formulas are told
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", hide = true)]
    pub slower: f64,
}
