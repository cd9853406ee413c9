//! Reading records and writing what is known of their runs into the index.
//!
//! A record is read before the transaction in which it is written, so that other processes wait for milliseconds at most.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use drumpost_results::goal::Named;
use drumpost_results::history::{Entry, WithFigures, entries};
use drumpost_results::model::Record;
use drumpost_results::store;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use super::error::IndexError;
use super::open::Index;
use super::scan::Stamp;

/// Larger files are no records of drumpost. A record has some hundred kilobytes.
const SIZE_AT_MOST: i64 = 256 << 20;
/// Of files larger than this one is read at a time: read at once they could fill the memory.
const LARGE: i64 = 16 << 20;
static LARGE_ONE: Mutex<()> = Mutex::new(());
/// Version of the way from a record to its entries in the index. It grows when the same record comes to other entries than before.
const ENTRIES: u32 = 3;

/// Longer reasons are cut: they may quote what a server said.
const REASON_LEN: usize = 500;

/// A record as the index keeps it.
#[derive(Debug)]
pub(crate) struct Read {
    name: String,
    stamp: Stamp,
    /// Its runs with their figures, or why it is no record.
    runs: Result<Vec<WithFigures>, String>,
}

impl Read {
    /// A record in memory that was saved.
    pub(crate) fn of_record(name: String, stamp: Stamp, record: &Record) -> Self {
        let runs = Ok(entries(record, &name, stamp.modified_s()));
        Self { name, stamp, runs }
    }

    /// A record that is read from its file.
    pub(crate) fn of_file(folder: &std::path::Path, name: String, stamp: Stamp) -> Self {
        let path = folder.join(&name);
        if stamp.size > SIZE_AT_MOST {
            return Self { name, stamp, runs: Err("it is too large for a record".to_owned()) };
        }
        let _alone = (stamp.size > LARGE).then(|| LARGE_ONE.lock().unwrap_or_else(PoisonError::into_inner));
        match store::read(&path) {
            Ok(record) => Self::of_record(name, stamp, &record),
            Err(error) => {
                // The file is named beside the reason.
                let own = format!("{}: ", path.display());
                let text = error.to_string();
                let reason = text.split_once(&own).map_or(text.as_str(), |(_, reason)| reason);
                let reason = drumpost_results::plain::cut(reason, REASON_LEN).into_owned();
                Self { name, stamp, runs: Err(reason) }
            }
        }
    }
}

/// Names the reader of a record: the versions, and a digest of the figures that it knows. A file that was read by another one is read again.
pub(crate) fn reader() -> String {
    let names: Vec<String> = Named::all().map(|figure| figure.to_string()).collect();
    // FNV-1a.
    let digest = names
        .join(",")
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{}-{ENTRIES}-{digest:016x}", env!("CARGO_PKG_VERSION"))
}

impl Index {
    /// Writes what was read, in one transaction. What was known of these files is replaced.
    pub(crate) fn fill(&mut self, reads: &[Read]) -> Result<(), IndexError> {
        let mut work = || {
            let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let reader = reader();
            {
                let mut writer = Writer { transaction: &transaction, figures: HashMap::new() };
                reads.iter().try_for_each(|read| writer.file(read, &reader))?;
            }
            transaction.commit()
        };
        work().map_err(|error| IndexError::of(&self.path, &error))
    }
}

/// Writes rows of a transaction.
struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    /// The numbers of figures by name.
    figures: HashMap<String, i64>,
}

impl Writer<'_> {
    fn file(&mut self, read: &Read, reader: &str) -> rusqlite::Result<()> {
        let Read { name, stamp, runs } = read;
        self.transaction.prepare_cached("DELETE FROM files WHERE name = ?1")?.execute([name])?;
        let mut add = self.transaction.prepare_cached(
            "INSERT INTO files (name, size, modified_ns, reader, error) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let file = add.insert(params![name, stamp.size, stamp.modified_ns, reader, runs.as_ref().err()])?;
        for (place, (entry, figures)) in runs.iter().flatten().enumerate() {
            self.run(file, place as i64, entry, figures)?;
        }
        Ok(())
    }

    fn run(
        &mut self,
        file: i64,
        place: i64,
        entry: &Entry,
        figures: &[(Named, f64)],
    ) -> rusqlite::Result<()> {
        let subject = &entry.subject;
        let subject = self.number(
            "SELECT id FROM subjects WHERE scenario = ?1 AND dispatch = ?2 AND kind = ?3 AND settings = ?4",
            "INSERT INTO subjects (scenario, dispatch, kind, settings) VALUES (?1, ?2, ?3, ?4)",
            &[&subject.scenario, &subject.dispatch, subject.kind.word(), &json(&subject.settings)],
        )?;
        let fingerprint = self.number(
            "SELECT id FROM fingerprints WHERE facts = ?1",
            "INSERT INTO fingerprints (facts) VALUES (?1)",
            &[&json(entry.fingerprint.facts())],
        )?;
        let revision = entry.revision.as_deref().map(|name| {
            let add = "INSERT INTO revisions (name) VALUES (?1)";
            self.number("SELECT id FROM revisions WHERE name = ?1", add, &[name])
        });
        let revision = revision.transpose()?;
        let reason = entry.reason.as_deref().map(|text| drumpost_results::plain::cut(text, REASON_LEN));
        let mut add = self.transaction.prepare_cached(
            "INSERT INTO runs (file, place, record, at_s, is_dated, subject, fingerprint, revision, role, trials, standing, reason) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        let run = add.insert(params![
            file,
            place,
            entry.record,
            entry.at_s,
            entry.is_dated,
            subject,
            fingerprint,
            revision,
            entry.role,
            i64::try_from(entry.trials).unwrap_or(i64::MAX),
            entry.standing.word(),
            reason.as_deref(),
        ])?;
        for (figure, value) in figures.iter().filter(|(_, value)| value.is_finite()) {
            let figure = self.figure(*figure)?;
            let sql = "INSERT INTO figure_values (run, figure, value) VALUES (?1, ?2, ?3)";
            self.transaction.prepare_cached(sql)?.execute(params![run, figure, value])?;
        }
        Ok(())
    }

    fn figure(&mut self, figure: Named) -> rusqlite::Result<i64> {
        let name = figure.to_string();
        if let Some(number) = self.figures.get(&name) {
            return Ok(*number);
        }
        let add = "INSERT INTO figures (name) VALUES (?1)";
        let number = self.number("SELECT id FROM figures WHERE name = ?1", add, &[&name])?;
        self.figures.insert(name, number);
        Ok(number)
    }

    /// The number of a row with these texts, which is added if it is not there.
    fn number(&self, ask: &str, add: &str, texts: &[&str]) -> rusqlite::Result<i64> {
        let texts = rusqlite::params_from_iter(texts);
        let mut asked = self.transaction.prepare_cached(ask)?;
        match asked.query_row(texts.clone(), |row| row.get(0)).optional()? {
            Some(number) => Ok(number),
            None => self.transaction.prepare_cached(add)?.insert(texts),
        }
    }
}

/// A map as JSON. Its names are in order, so the same map gives the same text.
fn json(map: &std::collections::BTreeMap<String, String>) -> String {
    serde_json::to_string(map).unwrap_or_default()
}
