//! Noting records in the index as they are saved, so that a later question need not read them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use drumpost_results::model::Record;

use super::error::IndexError;
use super::fill::Read;
use super::open::Index;
use super::scan::{self, Stamp};

/// How long noting waits for a process that writes: the user waits for the report meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);

/// Notes records that were just saved in the index of their folder. A record that lies elsewhere than in `home` or in a folder that has an index is
/// left out.
///
/// # Errors
/// The index cannot be used. The records are saved all the same, and are noted when a history is asked for.
pub fn note(home: &Path, saved: &[(PathBuf, &Record)]) -> Result<(), IndexError> {
    let mut groups: Vec<(PathBuf, Vec<Read>)> = Vec::new();
    for (path, record) in saved {
        let Some((folder, name)) = scan::place(home, path) else { continue };
        let Some(stamp) = Stamp::of(path) else { continue };
        let read = Read::of_record(name, stamp, record);
        match groups.iter_mut().find(|(known, _)| *known == folder) {
            Some((_, reads)) => reads.push(read),
            None => groups.push((folder, vec![read])),
        }
    }
    for (folder, reads) in groups {
        in_index(&folder, &reads).map_err(|error| error.with_room_given_back(&folder))?;
    }
    Ok(())
}

/// The index is closed when this returns.
fn in_index(folder: &Path, reads: &[Read]) -> Result<(), IndexError> {
    let mut index = Index::open(folder)?;
    index.wait_at_most(PATIENCE)?;
    index.fill(reads)?;
    index.settle()
}
