//! A short trial at a secured server, with options that a test puts together.

use crate::trial::{Trial, assert_sound, ends, one_hop};
use drumpost_core::{load::Extent, transport::OpenError};

/// Runs 200 flows over a transport with options set. A run that was let in has to be sound and without notes.
pub(crate) fn run(transport: &str, url: &str, set: &[(&'static str, &str)]) -> Result<(), OpenError> {
    // They live as long as the test binary.
    let owned = set.iter().map(|(name, value)| (*name, &*value.to_string().leak()));
    let options = owned.collect::<Vec<_>>().leak();
    let trial = Trial { extent: Extent::Count(200), options, ..Trial::default() };
    let outcome = trial.run(transport, url, one_hop(ends))?;
    assert_sound(&outcome, 200);
    assert_eq!(outcome.notes, Vec::<String>::new());
    Ok(())
}
