//! The tables of the index, and the steps from each earlier version to the next.
//!
//! A schema that changes gets a step of its own at the end of [`STEPS`], and the file as it was before a fixture in `history/tests/schemas/`. A
//! test migrates each of them. A step may also empty the table of files: the records are then read again.

use rusqlite::{Connection, Transaction};

/// Name of the index in a folder of records.
pub const FILE: &str = "history.sqlite";
/// `drum`, so that a database of another program is told from an index.
pub(crate) const APPLICATION: i64 = 0x6472_756d;

/// The version of the tables below: what `PRAGMA user_version` says.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// What each version adds to the one before it. Version 0 is a file without tables.
const STEPS: [&str; 3] = [FIRST, REVISION_BY_TIME, MORE_STANDINGS];

const FIRST: &str = "
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    -- Seen from the folder of records.
    name TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    -- Which reader read it. Another one reads it again.
    reader TEXT NOT NULL,
    -- Why it is no record.
    error TEXT
);
CREATE TABLE fingerprints (id INTEGER PRIMARY KEY, facts TEXT NOT NULL UNIQUE);
CREATE TABLE subjects (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    scenario TEXT NOT NULL,
    dispatch TEXT NOT NULL,
    settings TEXT NOT NULL,
    UNIQUE (scenario, dispatch, kind, settings)
);
CREATE TABLE revisions (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
    place INTEGER NOT NULL,
    record TEXT NOT NULL,
    at_s INTEGER NOT NULL,
    is_dated INTEGER NOT NULL,
    subject INTEGER NOT NULL REFERENCES subjects,
    fingerprint INTEGER NOT NULL REFERENCES fingerprints,
    revision INTEGER REFERENCES revisions,
    role TEXT,
    trials INTEGER NOT NULL,
    standing TEXT NOT NULL,
    reason TEXT,
    UNIQUE (file, place)
);
CREATE INDEX runs_by_time ON runs (at_s);
CREATE INDEX runs_by_subject ON runs (subject, at_s);
CREATE TABLE figures (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE figure_values (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    figure INTEGER NOT NULL REFERENCES figures,
    value REAL NOT NULL,
    PRIMARY KEY (run, figure)
) WITHOUT ROWID;
";

/// Runs of a revision, and of a fingerprint, without reading all of them.
const REVISION_BY_TIME: &str = "
CREATE INDEX runs_by_revision ON runs (revision, at_s);
CREATE INDEX runs_by_fingerprint ON runs (fingerprint, at_s);
";

/// The column `standing` has more words: `no rate`, `not judged`, `interrupted` and `refused` were `failed` before. The tables are the same, but an
/// earlier drumpost would take such a word for damage. All records are read again.
const MORE_STANDINGS: &str = "UPDATE files SET reader = '';";

/// Brings the tables to the newest version, in one transaction.
pub(crate) fn migrate(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.pragma_update(None, "application_id", APPLICATION)
}

/// Removes all tables and makes them anew, in one transaction: a reader sees the old ones or the new ones.
pub(crate) fn remake(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    for table in ["figure_values", "figures", "runs", "revisions", "subjects", "fingerprints", "files"] {
        transaction.execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
    }
    transaction.pragma_update(None, "user_version", 0)?;
    migrate(transaction)
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// The tables of this version.
    Current,
    /// An earlier version, or a file without tables.
    Older,
    /// The tables of a later version.
    Newer(i64),
    /// Something of another program.
    Foreign,
}

/// Looks at a file.
pub(crate) fn look(db: &Connection) -> rusqlite::Result<Found> {
    let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0));
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    let tables = number("SELECT count(*) FROM sqlite_master")?;
    Ok(match (application == APPLICATION, tables) {
        (true, _) if version > VERSION => Found::Newer(version),
        (true, _) if version == VERSION => Found::Current,
        (true, _) => Found::Older,
        (false, 0) if application == 0 => Found::Older,
        (false, _) => Found::Foreign,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn schema(db: &Connection) -> Vec<String> {
        let mut asked =
            db.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").unwrap();
        asked.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// Each earlier version has a fixture with rows in it, and comes to the tables of a new file with its rows kept.
    #[test]
    fn every_earlier_version_is_migrated() {
        let mut new = Connection::open_in_memory().unwrap();
        let transaction = new.transaction().unwrap();
        migrate(&transaction).unwrap();
        transaction.commit().unwrap();
        for version in 0..VERSION {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/schemas/{version}.sql"));
            let sql =
                std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let mut db = Connection::open_in_memory().unwrap();
            db.execute_batch(&sql).unwrap();
            let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
            assert_eq!((found, look(&db).unwrap()), (version, Found::Older));
            let transaction = db.transaction().unwrap();
            migrate(&transaction).unwrap();
            transaction.commit().unwrap();
            assert_eq!(look(&db).unwrap(), Found::Current);
            assert_eq!(schema(&db), schema(&new), "version {version}");
            let rows: i64 = db.query_row("SELECT count(*) FROM figure_values", [], |row| row.get(0)).unwrap();
            assert_eq!(rows > 0, version > 0, "the rows of version {version} are kept");
        }
        assert_eq!(look(&new).unwrap(), Found::Current);
    }

    #[test]
    fn later_versions_and_other_programs_are_told() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert_eq!(look(&db).unwrap(), Found::Foreign);
        db.pragma_update(None, "application_id", APPLICATION).unwrap();
        db.pragma_update(None, "user_version", VERSION + 1).unwrap();
        assert_eq!(look(&db).unwrap(), Found::Newer(VERSION + 1));
    }
}
