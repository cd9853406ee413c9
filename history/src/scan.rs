//! Which files there are in a folder of records, and in which folder's index a record belongs.
//!
//! A folder of records has records, and folders of suites with records of cells. Nothing deeper is looked at.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::schema::FILE;

/// More files are not looked at.
const FILES: usize = 1_000_000;
/// The state of a suite, which is no record.
const SUITE: &str = drumpost_results::suite::STATE_FILE;

/// Size and time of modification of a record's file. A file with another stamp was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub size: i64,
    pub modified_ns: i64,
}

impl Stamp {
    /// `None`: there is no such file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok().filter(Metadata::is_file)?;
        let size = i64::try_from(found.size()).unwrap_or(i64::MAX);
        let modified_ns = found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec());
        Some(Self { size, modified_ns })
    }

    pub(crate) fn modified_s(self) -> i64 {
        self.modified_ns.div_euclid(1_000_000_000)
    }
}

/// All files of a folder that may be records, by their names seen from the folder, in the order of the names. Links are followed to
/// files and not to folders, so that there is no circle.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn files(folder: &Path) -> std::io::Result<Vec<(String, Stamp)>> {
    let mut names = Vec::new();
    let mut below = Vec::new();
    for entry in fs::read_dir(folder)?.flatten() {
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !name.starts_with('.') {
            below.push(name);
        } else if is_candidate(&name) {
            names.push(name);
        }
    }
    for inner in below {
        for entry in fs::read_dir(folder.join(&inner)).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if let Some(name) = name.to_str().filter(|name| is_candidate(name)) {
                names.push(format!("{inner}/{name}"));
            }
        }
    }
    names.sort_unstable();
    names.truncate(FILES);
    let stamped = |name: String| Stamp::of(&folder.join(&name)).map(|stamp| (name, stamp));
    Ok(names.into_iter().filter_map(stamped).collect())
}

fn is_candidate(name: &str) -> bool {
    name.ends_with(".json") && !name.starts_with('.') && name != SUITE
}

/// The folder in whose index a record belongs, and its name there: `home`, or a folder that has an index already. The record lies in it, or
/// in a folder in it.
pub(crate) fn place(home: &Path, record: &Path) -> Option<(PathBuf, String)> {
    let record = fs::canonicalize(record).ok()?;
    let home = fs::canonicalize(home).ok();
    let folders = record.ancestors().skip(1).take(2);
    let mut kept = folders.filter(|folder| Some(*folder) == home.as_deref() || folder.join(FILE).is_file());
    let folder = kept.next()?;
    let name = record.strip_prefix(folder).ok()?.to_str()?;
    let is_seen =
        name.split('/').all(|part| !part.starts_with('.')) && is_candidate(record.file_name()?.to_str()?);
    is_seen.then(|| (folder.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_those_of_suites_are_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        };
        for name in [
            "b.json",
            "a.json",
            "s/cell.json",
            "s/suite.json",
            ".hidden.json",
            "s/deep/x.json",
            "copy-1",
            ".x/y.json",
        ] {
            make(name);
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("circle")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("gone.json")).unwrap();
        fs::create_dir(folder.path().join("folder.json")).unwrap();
        let names: Vec<String> = files(folder.path()).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a.json", "b.json", "s/cell.json"]);
        assert!(files(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn a_record_belongs_to_its_home_or_to_a_folder_with_an_index() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        let home = base.join("home");
        for path in
            ["home/a.json", "home/suite/cell.json", "home/x/y/deep.json", "other/b.json", "home/suite.json"]
        {
            let path = base.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        let found = |path: &str| place(&home, &base.join(path)).map(|(_, name)| name);
        assert_eq!(found("home/a.json").as_deref(), Some("a.json"));
        assert_eq!(found("home/suite/cell.json").as_deref(), Some("suite/cell.json"));
        assert_eq!(
            [found("home/x/y/deep.json"), found("other/b.json"), found("home/suite.json")],
            [None, None, None]
        );
        fs::write(base.join("other").join(FILE), "").unwrap();
        assert_eq!(found("other/b.json").as_deref(), Some("b.json"));
    }
}
