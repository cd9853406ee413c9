//! Tests of the whole index: catching up, damaged files, several processes at once, and processes that are killed.

mod damage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use drumpost_results::format;
use drumpost_results::goal::Named;
use drumpost_results::model::{Distribution, Flows, Record, Run, Trial};

use super::*;

/// A record with one run of as many trials.
fn record(number: u64, trials: u32) -> Record {
    let trial = |at: u32| Trial {
        number: at,
        elapsed_ns: 1_000_000_000,
        flows: Flows { due: 100, started: 100, ended: 100, ..Flows::default() },
        response: Distribution::of((0..400).map(|n| 1_000 + n * 10 + number)),
        ..Trial::default()
    };
    let run = Run {
        scenario: "stream".into(),
        dispatch: "message/made-up".into(),
        trials: (0..trials).map(trial).collect(),
        ..Run::default()
    };
    let environment = [("kernel", "6.1"), ("processor", "Made Up 9"), ("revision", "abcdef")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let minute = number % 60;
    Record {
        id: format!("r-{number}"),
        tool_version: "0.1.0".into(),
        started_at: Some(format!("2026-11-21T{:02}:{minute:02}:00Z", number / 60 % 24)),
        environment,
        runs: vec![run],
        ..Record::default()
    }
}

fn save(folder: &Path, number: u64) -> PathBuf {
    let path = folder.join(format!("r-{number:05}.json"));
    drumpost_results::store::write(&path, &record(number, 1)).unwrap();
    path
}

fn p99() -> Vec<Named> {
    vec!["p99".parse().unwrap()]
}

fn all(index: &Index) -> drumpost_results::history::History {
    index.history(&Filter::default(), &p99(), None).unwrap()
}

fn caught_up(folder: &Path) -> (Index, CaughtUp) {
    let mut index = Index::open(folder).unwrap();
    let done = index.catch_up(|_| {}).unwrap();
    (index, done)
}

#[test]
fn it_catches_up_with_new_changed_and_removed_records_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    (0..5).for_each(|number| drop(save(folder, number)));
    fs::write(folder.join("notes.json"), "{ \"schema_version\": 7000 }").unwrap();
    fs::write(folder.join("cut.json"), "{ \"schema_version\": 1, ").unwrap();
    let (index, done) = caught_up(folder);
    assert_eq!(done, CaughtUp { read: 7, dropped: 0 });
    let history = all(&index);
    assert_eq!((history.entries.len(), history.unreadable.len()), (5, 2));
    assert!(history.unreadable[1].1.contains("schema version 7000"), "{:?}", history.unreadable);
    assert!(
        !history.unreadable[0].1.contains("cut.json"),
        "the file is named once: {:?}",
        history.unreadable
    );
    assert_eq!(history.entries[3].revision.as_deref(), Some("abcdef"));
    let expected = record(3, 1).runs[0].response().quantile_ns(0.99).map(|ns| ns as f64);
    assert_eq!(history.entries[3].figures, [expected]);
    drop(index);
    assert_eq!(caught_up(folder).1, CaughtUp::default(), "what cannot be read is not read again");
    fs::remove_file(folder.join("r-00001.json")).unwrap();
    fs::write(folder.join("cut.json"), format::to_json(&record(9, 2)).unwrap()).unwrap();
    let (index, done) = caught_up(folder);
    assert_eq!(done, CaughtUp { read: 1, dropped: 1 });
    let history = all(&index);
    let names: Vec<&str> = history.entries.iter().map(|entry| entry.record.as_str()).collect();
    assert_eq!(names, ["r-0", "r-2", "r-3", "r-4", "r-9"]);
    assert_eq!(history.entries[4].trials, 2);
}

#[test]
fn a_record_that_is_noted_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..3).map(|number| save(folder.path(), number)).collect();
    let records: Vec<Record> = (0..3).map(|number| record(number, 1)).collect();
    let saved: Vec<(PathBuf, &Record)> = paths.into_iter().zip(&records).collect();
    note(folder.path(), &saved).unwrap();
    let (index, done) = caught_up(folder.path());
    assert_eq!((done, all(&index).entries.len()), (CaughtUp::default(), 3));
    let elsewhere = tempfile::tempdir().unwrap();
    let path = save(elsewhere.path(), 1);
    note(folder.path(), &[(path, &records[1])]).unwrap();
    assert!(!elsewhere.path().join(FILE).exists(), "a folder of which nobody asked has no index");
}

/// Reading a record from its file and noting it as it is saved comes to the same.
#[test]
fn made_anew_it_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..3 {
        let path = save(folder.path(), number);
        note(folder.path(), &[(path, &record(number, 1))]).unwrap();
    }
    let (mut index, _) = caught_up(folder.path());
    let before = index.history(&Filter::default(), &Named::all().collect::<Vec<_>>(), None).unwrap();
    index.clear().unwrap();
    assert!(all(&index).entries.is_empty());
    assert_eq!(index.catch_up(|_| {}).unwrap().read, 3);
    let after = index.history(&Filter::default(), &Named::all().collect::<Vec<_>>(), None).unwrap();
    assert_eq!(before, after);
}

#[test]
fn filters_choose_and_the_newest_are_given() {
    let folder = tempfile::tempdir().unwrap();
    (0..10).for_each(|number| drop(save(folder.path(), number)));
    let (index, _) = caught_up(folder.path());
    let count = |filter: Filter| index.history(&filter, &p99(), None).unwrap().entries.len();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(count(Filter { scenario: some("stream"), ..Filter::default() }), 10);
    assert_eq!(count(Filter { scenario: some("strea"), ..Filter::default() }), 0);
    for dispatch in ["message", "made-up", "message/made-up"] {
        assert_eq!(count(Filter { dispatch: some(dispatch), ..Filter::default() }), 10, "{dispatch}");
    }
    for dispatch in ["made_up", "mess", "%", "up"] {
        assert_eq!(count(Filter { dispatch: some(dispatch), ..Filter::default() }), 0, "{dispatch}");
    }
    assert_eq!(count(Filter { revision: some("abc"), host: some("made up"), ..Filter::default() }), 10);
    assert_eq!(count(Filter { revision: some("b"), ..Filter::default() }), 0);
    assert_eq!(count(Filter { host: some("m_de"), ..Filter::default() }), 0, "no pattern");
    let at_s = drumpost_results::history::seconds("2026-11-21T00:04:00Z");
    assert_eq!(count(Filter { since_s: at_s, ..Filter::default() }), 6);
    assert_eq!(count(Filter { until_s: at_s, since_s: at_s, ..Filter::default() }), 1);
    let last = index.history(&Filter::default(), &p99(), Some(2)).unwrap();
    let names: Vec<&str> = last.entries.iter().map(|entry| entry.record.as_str()).collect();
    assert_eq!((names, last.matching, last.all), (vec!["r-8", "r-9"], 10, 10));
    let unknown = |filter: &Filter| index.unknown(filter).unwrap();
    let error = unknown(&Filter { scenario: some("strem"), ..Filter::default() }).unwrap();
    assert!(error.contains("unknown scenario `strem`; did you mean `stream`?"), "{error}");
    assert!(
        unknown(&Filter { dispatch: some("mesage"), ..Filter::default() }).unwrap().contains("`message`")
    );
    assert_eq!(unknown(&Filter { dispatch: some("made-up"), ..Filter::default() }), None);
}

#[test]
fn a_damaged_index_is_replaced_and_kept_aside() {
    for damage in [b"this is no database at all, but a text of some length".to_vec(), vec![0x5a; 8_192]] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        (0..3).for_each(|number| drop(save(folder, number)));
        drop(caught_up(folder));
        fs::write(folder.join(FILE), &damage).unwrap();
        let error = Index::open(folder).unwrap_err();
        assert!(error.is_broken() && error.to_string().contains("is damaged"), "{error}");
        let mut index = Index::replace_damaged(folder).unwrap();
        assert_eq!(index.catch_up(|_| {}).unwrap().read, 3);
        assert_eq!(fs::read(folder.join("history.sqlite.damaged")).unwrap(), damage);
    }
}

/// A page in the middle of the file is overwritten: opening does not see it, a question may, and replacing helps.
#[test]
fn damage_inside_is_found_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    (0..40).for_each(|number| drop(save(folder, number)));
    drop(caught_up(folder));
    let path = folder.join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    let len = bytes.len();
    bytes[8_192..len].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let used = Index::open(folder).and_then(|mut index| {
        index.catch_up(|_| {})?;
        index.history(&Filter::default(), &p99(), None)
    });
    assert!(used.as_ref().is_err_and(IndexError::is_broken), "{used:?}");
    let mut index = Index::replace_damaged(folder).unwrap();
    index.catch_up(|_| {}).unwrap();
    assert_eq!(all(&index).entries.len(), 40);
    drop(index);
    let again = Index::replace_damaged(folder).unwrap();
    assert_eq!(all(&again).entries.len(), 40, "a whole one is left as it is");
}

/// SQLite removes its log by name when the last one closes the file that it has open. If that file was replaced meanwhile, the log would be that of
/// the new one, and what was written into it would be gone for everyone who opens the index later.
#[test]
fn a_damaged_index_is_replaced_once_nobody_has_it_open() {
    const RECORDS: u64 = 40;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    (0..RECORDS).for_each(|number| drop(save(folder, number)));
    let (mut other, _) = caught_up(folder);
    let path = folder.join(FILE);
    // What is in the log goes into the file first, or it would mend the damage.
    other.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[8_192..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    std::thread::scope(|scope| {
        let replacing = scope.spawn(|| {
            let mut index = Index::replace_damaged(folder).unwrap();
            index.catch_up(|_| {}).unwrap();
            index
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!replacing.is_finished(), "it was replaced under one who has it open");
        // The other one is in the middle of catching up, and may fail at the damage.
        save(folder, RECORDS);
        let _ = other.catch_up(|_| {});
        drop(other);
        let index = replacing.join().unwrap();
        let (late, _) = caught_up(folder);
        for index in [index, late] {
            assert_eq!(all(&index).entries.len() as u64, RECORDS + 1);
            let whole: String = index.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(whole, "ok");
        }
    });
    assert!(folder.join("history.sqlite.damaged").exists());
}

#[test]
fn what_is_not_ours_is_refused_in_a_sentence_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    let error = Index::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("database of another program; move it away"), "{error}");
    assert!(!error.is_broken() && Index::replace_damaged(folder.path()).is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::remove_file(&path).unwrap();
    let index = Index::open(folder.path()).unwrap();
    index.db.pragma_update(None, "user_version", 7_000).unwrap();
    drop(index);
    let error = Index::open(folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("schema version 7000, and this drumpost knows versions up to 3"),
        "{error}"
    );
}

/// A file of each earlier version opens, keeps what it knew, and catches up: what another reader read is read again.
#[test]
fn a_file_of_an_earlier_version_opens_and_catches_up() {
    for version in ["0", "1", "2"] {
        let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/schemas/{version}.sql"));
        let folder = tempfile::tempdir().unwrap();
        let older = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
        older.execute_batch(&fs::read_to_string(sql).unwrap()).unwrap();
        drop(older);
        let index = Index::open(folder.path()).unwrap();
        assert_eq!(all(&index).entries.len(), usize::from(version != "0"), "version {version}");
        drop(index);
        fs::write(folder.path().join("a.json"), format::to_json(&record(1, 1)).unwrap()).unwrap();
        let (index, done) = caught_up(folder.path());
        assert_eq!((done.read, all(&index).entries[0].record.as_str()), (1, "r-1"), "version {version}");
    }
}

#[test]
fn without_a_place_for_a_file_it_is_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), 1);
    fs::create_dir(folder.path().join(FILE)).unwrap();
    assert!(matches!(Index::open(folder.path()), Err(IndexError::Unusable { .. })));
    let mut index = Index::in_memory(folder.path()).unwrap();
    index.catch_up(|_| {}).unwrap();
    assert!(index.is_in_memory() && all(&index).entries.len() == 1);
    let missing = Index::in_memory(&folder.path().join("missing")).unwrap().catch_up(|_| {});
    assert!(matches!(missing, Err(IndexError::Folder { .. })));
}

/// The folder of a test that this process is started for again; `None`: this is the test itself.
fn folder_of_child() -> Option<PathBuf> {
    std::env::var_os("DRUMPOST_HISTORY_TEST_FOLDER").map(PathBuf::from)
}

/// This test program again, with one test that does the work of a child.
fn child(test: &str, folder: &Path, number: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).stdout(Stdio::null()).stderr(Stdio::piped());
    command
        .env("DRUMPOST_HISTORY_TEST_FOLDER", folder)
        .env("DRUMPOST_HISTORY_TEST_NUMBER", number.to_string());
    command
}

/// Four processes save and note records, and two more make the index anew again and again. Nothing is lost, and nobody fails.
#[test]
fn processes_write_at_once() {
    const EACH: u64 = 25;
    if let Some(folder) = folder_of_child() {
        let number: u64 = std::env::var("DRUMPOST_HISTORY_TEST_NUMBER").unwrap().parse().unwrap();
        for at in 0..EACH {
            if number >= 4 {
                let mut index = Index::open(&folder).unwrap();
                index.clear().unwrap();
                index.catch_up(|_| {}).unwrap();
                all(&index);
                continue;
            }
            let own = number * EACH + at;
            let path = save(&folder, own);
            note(&folder, &[(path, &record(own, 1))]).unwrap();
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let start = |number| child("tests::processes_write_at_once", folder.path(), number).spawn().unwrap();
    let children: Vec<_> = (0..6).map(start).collect();
    for child in children {
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let (index, _) = caught_up(folder.path());
    let history = all(&index);
    assert_eq!((history.entries.len() as u64, history.unreadable.len()), (4 * EACH, 0));
    let whole: String = index.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
}

/// A process that makes the index anew is killed at many moments. Each time the index opens, is whole, and catches up.
#[test]
fn killed_at_any_moment_it_opens_and_catches_up() {
    if let Some(folder) = folder_of_child() {
        loop {
            let mut index = Index::open(&folder).unwrap();
            index.clear().unwrap();
            index.catch_up(|_| {}).unwrap();
        }
    }
    const RECORDS: u64 = 300;
    let folder = tempfile::tempdir().unwrap();
    (0..RECORDS).for_each(|number| drop(save(folder.path(), number)));
    let mut was_cut = false;
    for round in 0..20u64 {
        let mut child =
            child("tests::killed_at_any_moment_it_opens_and_catches_up", folder.path(), 0).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(20 + round * 37 % 400));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut index = Index::open(folder.path()).unwrap();
        let whole: String = index.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok", "round {round}");
        was_cut |= index.catch_up(|_| {}).unwrap().read > 0;
        assert_eq!(all(&index).entries.len() as u64, RECORDS, "round {round}");
    }
    assert!(was_cut, "no kill came in the middle");
}
