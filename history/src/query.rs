//! Questions to the index: which runs match, with some of their figures.
//!
//! Conditions are put together from fixed texts, and values are bound to them. Does not live here: series and their changes
//! (`drumpost_results::history`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use drumpost_results::goal::Named;
use drumpost_results::history::{Entry, Fingerprint, History, Kind, Standing, Subject};
use drumpost_results::similar;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ValueRef};
use rusqlite::{Row, params_from_iter};

use super::error::IndexError;
use super::open::Index;

/// Which runs are asked for. What is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The scenario.
    pub scenario: Option<String>,
    /// A dispatch such as `message/crossbeam`, or a style or a transport alone.
    pub dispatch: Option<String>,
    /// The beginning of a revision.
    pub revision: Option<String>,
    /// A part of the name of the processor, of the kernel or of another fact, whatever the case of its letters.
    pub host: Option<String>,
    /// The earliest time, in seconds since 1970.
    pub since_s: Option<i64>,
    /// The latest time.
    pub until_s: Option<i64>,
}

/// Conditions of a question with their values.
#[derive(Default)]
struct Conditions {
    texts: Vec<&'static str>,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    fn of(filter: &Filter) -> Self {
        let mut all = Self::default();
        if let Some(scenario) = &filter.scenario {
            all.add("s.scenario = ?", [scenario.clone()]);
        }
        if let Some(dispatch) = &filter.dispatch {
            let exact = dispatch.clone();
            let pattern = like(dispatch);
            let (style, transport) = (format!("{pattern}/%"), format!("%/{pattern}"));
            all.add(
                "(s.dispatch = ? OR s.dispatch LIKE ? ESCAPE '\\' OR s.dispatch LIKE ? ESCAPE '\\')",
                [exact, style, transport],
            );
        }
        if let Some(revision) = &filter.revision {
            all.add("v.name LIKE ? ESCAPE '\\'", [format!("{}%", like(revision))]);
        }
        if let Some(host) = &filter.host {
            all.add(
                "EXISTS (SELECT 1 FROM json_each(f.facts) WHERE value LIKE ? ESCAPE '\\')",
                [format!("%{}%", like(host))],
            );
        }
        if let Some(at_s) = filter.since_s {
            all.add("r.at_s >= ?", [at_s]);
        }
        if let Some(at_s) = filter.until_s {
            all.add("r.at_s <= ?", [at_s]);
        }
        all
    }

    fn add<V: ToSql + 'static, const N: usize>(&mut self, text: &'static str, values: [V; N]) {
        self.texts.push(text);
        self.values.extend(values.map(|value| Box::new(value) as Box<dyn ToSql>));
    }

    fn text(&self) -> String {
        if self.texts.is_empty() { String::new() } else { format!("WHERE {}", self.texts.join(" AND ")) }
    }
}

/// A text in a pattern, in which nothing but the text itself matches.
fn like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// The tables of a run with its texts.
const FROM: &str = "FROM runs r JOIN files w ON w.id = r.file JOIN subjects s ON s.id = r.subject \
                    JOIN fingerprints f ON f.id = r.fingerprint LEFT JOIN revisions v ON v.id = r.revision";

impl Index {
    /// The runs that match, from the oldest to the newest, with these figures. With `last` the newest so many; without it all.
    ///
    /// # Errors
    /// The index is damaged or cannot be read.
    pub fn history(
        &self,
        filter: &Filter,
        figures: &[Named],
        last: Option<usize>,
    ) -> Result<History, IndexError> {
        let asked = self.ask(filter, figures, last).map_err(|error| self.failed(&error))?;
        Ok(History { folder: self.folder.display().to_string(), figures: figures.to_vec(), ..asked })
    }

    /// Whether every question is answered: all that the index has of all runs is read.
    pub(crate) fn answers(&self) -> bool {
        let figures: Vec<Named> = Named::all().collect();
        self.history(&Filter::default(), &figures, None).is_ok() && self.unknown(&Filter::default()).is_ok()
    }

    /// Why nothing can match: a scenario or a dispatch of which there is no run, with the one that is most like it.
    ///
    /// # Errors
    /// The index is damaged or cannot be read.
    pub fn unknown(&self, filter: &Filter) -> Result<Option<String>, IndexError> {
        let failed = |error: rusqlite::Error| self.failed(&error);
        let names = |sql: &str| -> rusqlite::Result<Vec<String>> {
            self.db.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        let about = |what: &str, asked: &Option<String>, known: Vec<String>| {
            let asked = asked.as_deref().filter(|asked| !known.iter().any(|name| name == asked))?;
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            (!known.is_empty()).then(|| similar::unknown(what, asked, &known))
        };
        let scenarios = names("SELECT DISTINCT scenario FROM subjects ORDER BY 1").map_err(failed)?;
        let mut dispatches = names("SELECT DISTINCT dispatch FROM subjects ORDER BY 1").map_err(failed)?;
        let parts: Vec<String> =
            dispatches.iter().flat_map(|name| name.split('/')).map(str::to_owned).collect();
        dispatches.extend(parts);
        dispatches.sort();
        dispatches.dedup();
        Ok(about("scenario", &filter.scenario, scenarios)
            .or_else(|| about("dispatch", &filter.dispatch, dispatches)))
    }

    fn ask(&self, filter: &Filter, figures: &[Named], last: Option<usize>) -> rusqlite::Result<History> {
        // One state for all requests below: another process may make the index anew meanwhile, with other numbers for the same figures.
        let _snapshot = self.db.unchecked_transaction()?;
        let conditions = Conditions::of(filter);
        let values = || params_from_iter(conditions.values.iter().map(|value| value.as_ref()));
        let count = format!("SELECT count(*) {FROM} {}", conditions.text());
        let matching: i64 = self.db.query_row(&count, values(), |row| row.get(0))?;
        let all: i64 = self.db.query_row("SELECT count(*) FROM runs", [], |row| row.get(0))?;
        let limit = last.map_or_else(String::new, |last| format!("LIMIT {last}"));
        let sql = format!(
            "SELECT r.id, w.name, r.record, r.at_s, r.is_dated, r.subject, r.fingerprint, v.name, r.role, r.trials, r.standing, r.reason \
             {FROM} {} ORDER BY r.at_s DESC, w.name DESC, r.place DESC {limit}",
            conditions.text()
        );
        let mut dictionaries = Dictionaries::default();
        let mut asked = self.db.prepare(&sql)?;
        let mut rows = asked.query(values())?;
        let mut entries = Vec::new();
        let figures = self.numbers(figures)?;
        let mut value = self.db.prepare("SELECT value FROM figure_values WHERE run = ?1 AND figure = ?2")?;
        while let Some(row) = rows.next()? {
            let mut entry = self.entry(row, &mut dictionaries)?;
            let run: i64 = row.get(0)?;
            for figure in &figures {
                let mut found = value.query((run, figure))?;
                entry.figures.push(found.next()?.map(|row| row.get(0)).transpose()?);
            }
            entries.push(entry);
        }
        entries.reverse();
        let mut asked =
            self.db.prepare("SELECT name, error FROM files WHERE error IS NOT NULL ORDER BY name")?;
        let unreadable = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let unreadable = unreadable.collect::<rusqlite::Result<_>>()?;
        Ok(History { entries, matching: matching as u64, all: all as u64, unreadable, ..History::default() })
    }

    /// The numbers that figures have in this index. One that no run has yet has none.
    fn numbers(&self, figures: &[Named]) -> rusqlite::Result<Vec<Option<i64>>> {
        let mut asked = self.db.prepare("SELECT id FROM figures WHERE name = ?1")?;
        let mut number = |figure: &Named| {
            let mut found = asked.query([figure.to_string()])?;
            found.next()?.map(|row| row.get(0)).transpose()
        };
        figures.iter().map(&mut number).collect()
    }

    fn entry(&self, row: &Row<'_>, dictionaries: &mut Dictionaries) -> rusqlite::Result<Entry> {
        let revision: Option<String> = row.get(7)?;
        Ok(Entry {
            file: row.get(1)?,
            record: row.get(2)?,
            at_s: row.get(3)?,
            is_dated: row.get(4)?,
            subject: dictionaries.subject(self, row.get(5)?)?,
            fingerprint: dictionaries.fingerprint(self, row.get(6)?)?,
            revision: revision.map(|name| name.into()),
            role: row.get(8)?,
            trials: row.get::<_, i64>(9)?.unsigned_abs(),
            standing: row.get::<_, Word<Standing>>(10)?.0,
            reason: row.get(11)?,
            figures: Vec::new(),
        })
    }
}

/// Texts that many runs share, each read once.
#[derive(Default)]
struct Dictionaries {
    subjects: HashMap<i64, Arc<Subject>>,
    fingerprints: HashMap<i64, Arc<Fingerprint>>,
}

impl Dictionaries {
    fn subject(&mut self, index: &Index, number: i64) -> rusqlite::Result<Arc<Subject>> {
        if let Some(known) = self.subjects.get(&number) {
            return Ok(known.clone());
        }
        let sql = "SELECT scenario, dispatch, kind, settings FROM subjects WHERE id = ?1";
        let subject = index.db.query_row(sql, [number], |row| {
            Ok(Subject {
                scenario: row.get(0)?,
                dispatch: row.get(1)?,
                kind: row.get::<_, Word<Kind>>(2)?.0,
                settings: row.get::<_, Map>(3)?.0,
            })
        })?;
        Ok(self.subjects.entry(number).or_insert(Arc::new(subject)).clone())
    }

    fn fingerprint(&mut self, index: &Index, number: i64) -> rusqlite::Result<Arc<Fingerprint>> {
        if let Some(known) = self.fingerprints.get(&number) {
            return Ok(known.clone());
        }
        let sql = "SELECT facts FROM fingerprints WHERE id = ?1";
        let facts = index.db.query_row(sql, [number], |row| row.get::<_, Map>(0))?.0;
        Ok(self.fingerprints.entry(number).or_insert(Arc::new(Fingerprint::from_facts(facts))).clone())
    }
}

/// A word of a column that only knows some.
struct Word<T>(T);

impl FromSql for Word<Standing> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Standing::of_word(value.as_str()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

impl FromSql for Word<Kind> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Kind::of_word(value.as_str()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

/// A map that is stored as JSON.
struct Map(BTreeMap<String, String>);

impl FromSql for Map {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}
