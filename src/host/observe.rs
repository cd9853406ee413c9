//! `--observe`: the process of the server, if it cannot be found by its address.

use super::processes::Proc;
use crate::exit::usage;
use std::{convert::Infallible, fmt, str::FromStr};

/// A process by its number, or all processes of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Observe {
    Pid(u64),
    Name(String),
}

impl FromStr for Observe {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Pid))
    }
}

impl fmt::Display for Observe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pid(pid) => write!(f, "{pid}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Observe {
    /// The processes it means, without this one.
    pub(super) fn find(&self, proc: &Proc) -> Vec<u64> {
        let own = u64::from(std::process::id());
        let is_meant = |pid: &u64| match self {
            Self::Pid(meant) => pid == meant && proc.stat(*pid).is_some(),
            Self::Name(name) => proc.is_called(*pid, name),
        };
        proc.pids().into_iter().filter(|pid| *pid != own && is_meant(pid)).collect()
    }

    /// Refuses what no process is, before anything is measured.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if !self.find(&Proc::of_host()).is_empty() {
            return Ok(());
        }
        Err(usage(match self {
            Self::Pid(pid) => format!("--observe {pid}: no other process has this number"),
            Self::Name(name) => format!(
                "--observe {name}: no other process has this name; give the name of the server's program, or its process \
                 number"
            ),
        }))
    }
}
