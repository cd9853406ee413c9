//! Which times of a trial are exported: those of flows, of hops, or of confirms.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::model::{Distribution, Trial};

/// Times of a trial. Its text form reads back as the same: `response`, `hop`, `confirm:orders`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Times {
    /// Done − due.
    #[default]
    Response,
    /// Done − first sent.
    Service,
    /// First sent − due.
    Lag,
    /// Received − sent, at all receivers of one destination or of all.
    Hop(Option<String>),
    /// Confirmed − sent, of one destination or of all.
    Confirm(Option<String>),
}

/// A text that names no times.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` names no times; there are response, service, lag, hop and confirm, and hop:DESTINATION and confirm:DESTINATION \
     for one destination"
)]
pub struct TimesError(String);

impl FromStr for Times {
    type Err = TimesError;

    fn from_str(text: &str) -> Result<Self, TimesError> {
        let (name, destination) = match text.split_once(':') {
            Some((name, destination)) if !destination.is_empty() => (name, Some(destination.to_owned())),
            Some(_) => return Err(TimesError(text.to_owned())),
            None => (text, None),
        };
        match (name, destination) {
            ("response", None) => Ok(Self::Response),
            ("service", None) => Ok(Self::Service),
            ("lag", None) => Ok(Self::Lag),
            ("hop", destination) => Ok(Self::Hop(destination)),
            ("confirm", destination) => Ok(Self::Confirm(destination)),
            _ => Err(TimesError(text.to_owned())),
        }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response => f.write_str("response"),
            Self::Service => f.write_str("service"),
            Self::Lag => f.write_str("lag"),
            Self::Hop(None) => f.write_str("hop"),
            Self::Confirm(None) => f.write_str("confirm"),
            Self::Hop(Some(destination)) => write!(f, "hop:{destination}"),
            Self::Confirm(Some(destination)) => write!(f, "confirm:{destination}"),
        }
    }
}

impl Times {
    /// In words: `confirm time to orders`.
    pub(super) fn words(&self) -> String {
        let at = |name: &str, destination: &Option<String>| match destination {
            Some(destination) => format!("{name} to {destination}"),
            None => name.to_owned(),
        };
        match self {
            Self::Response => "response time".to_owned(),
            Self::Service => "service time".to_owned(),
            Self::Lag => "schedule lag".to_owned(),
            Self::Hop(destination) => at("hop time", destination),
            Self::Confirm(destination) => at("confirm time", destination),
        }
    }

    /// Those of one trial, merged where they are of several destinations or receivers.
    pub(super) fn of(&self, trial: &Trial) -> Distribution {
        let is_wanted =
            |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        match self {
            Self::Response => trial.response.clone(),
            Self::Service => trial.service.clone(),
            Self::Lag => trial.lag.clone(),
            Self::Hop(wanted) => {
                let hops = trial.hops.iter().filter(|hop| is_wanted(wanted, &hop.destination));
                Distribution::merged(hops.map(|hop| &hop.time))
            }
            Self::Confirm(wanted) => {
                let confirms =
                    trial.confirms.iter().filter(|confirms| is_wanted(wanted, &confirms.destination));
                Distribution::merged(confirms.map(|confirms| &confirms.time))
            }
        }
    }

    /// What could have been asked for of these trials, where nothing is there of what was: a reason in words.
    pub(super) fn missing<'a>(&self, trials: impl Iterator<Item = &'a Trial>) -> String {
        let mut names: Vec<String> = Vec::new();
        for trial in trials {
            let of_it: Vec<&String> = match self {
                Self::Hop(_) => trial.hops.iter().map(|hop| &hop.destination).collect(),
                Self::Confirm(_) => trial.confirms.iter().map(|confirms| &confirms.destination).collect(),
                Self::Response | Self::Service | Self::Lag => Vec::new(),
            };
            for name in of_it {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        match (self, names.is_empty()) {
            (Self::Confirm(_), true) => {
                "the transport confirms nothing, or the record was written before confirm times were recorded"
                    .into()
            }
            (Self::Hop(_), true) => "the record of a search has no hop times".into(),
            (_, true) => "they were not measured".into(),
            (_, false) => format!("there are those of {}", names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_the_same_times() {
        for text in ["response", "service", "lag", "hop", "confirm", "hop:work.queue", "confirm:a:b"] {
            assert_eq!(text.parse::<Times>().unwrap().to_string(), text);
        }
        for text in ["", "confirms", "confirm:", "lag:orders", "response:x"] {
            let error = text.parse::<Times>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("confirm:DESTINATION"), "{error}");
        }
    }
}
