//! Tests of an index with damaged rows, on a full disk, and with a folder in its place.

use super::*;

/// The pages are whole, and a text in a row is none.
#[test]
fn a_text_that_is_damaged_is_found_and_replaced() {
    for damage in [
        "UPDATE revisions SET name = CAST(x'61ff62' AS TEXT)",
        "UPDATE runs SET reason = CAST(x'ff' AS TEXT) WHERE id = 1",
        "UPDATE figure_values SET value = 'much' WHERE run = 1",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        (0..5).for_each(|number| drop(save(folder, number)));
        let (index, _) = caught_up(folder);
        index.db.execute(damage, []).unwrap();
        let error = index.history(&Filter::default(), &p99(), None).unwrap_err();
        assert!(error.is_broken(), "{damage}: {error}");
        drop(index);
        let mut index = Index::replace_damaged(folder).unwrap();
        index.catch_up(|_| {}).unwrap();
        assert_eq!(all(&index).entries.len(), 5, "{damage}");
        assert!(folder.join("history.sqlite.damaged").exists(), "{damage}");
    }
}

/// SQLite says so of a file that may have no more pages as it does of a full disk.
#[test]
fn a_full_disk_is_told_and_the_index_takes_no_room_of_records() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut index = Index::open(folder).unwrap();
    (0..40).for_each(|number| drop(save(folder, number)));
    let pages: i64 = index.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let limit = format!("PRAGMA max_page_count = {pages}");
    index.db.query_row(&limit, [], |row| row.get::<_, i64>(0)).unwrap();
    let error = index.catch_up(|_| {}).unwrap_err();
    assert!(matches!(error, IndexError::Full { .. }), "{error}");
    let told = error.to_string();
    assert!(told.contains("the disk is full") && told.contains("history.sqlite-wal"), "{told}");
    drop(index);
    let told = error.with_room_given_back(folder).to_string();
    assert!(told.contains("The log was emptied"), "{told}");
    assert!(!folder.join("history.sqlite-wal").exists());
}

#[test]
fn a_folder_in_the_place_of_the_index_is_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(FILE)).unwrap();
    let told = Index::open(folder.path()).unwrap_err().to_string();
    assert!(
        told.ends_with("a folder has this name; move it away, so that drumpost can keep its index there")
    );
}
