//! Tests of what a command line may write.

use super::*;
use std::os::unix::fs::symlink;

fn why(files: Files) -> String {
    files.check().map_or_else(|error| error.to_string(), |()| String::new())
}

fn writes(flag: &'static str, path: &Path, holds: Holds) -> Files {
    Files::default().writes(flag, Some(path), holds)
}

/// The least that is told as a record. Nothing behind it is read.
const RECORD: &str =
    r#"{ "schema_version": 1, "id": "r", "tool_version": "0.1.0", "partial": false, "runs": ["#;

/// The state of a suite, cut.
const STATE: &str =
    r#"{ "schema_version": 1, "id": "s-1", "name": "s", "tool_version": "0.1.0", "partial": false, "st"#;

#[test]
fn two_outputs_are_two_files_and_none_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("r.json"), RECORD).unwrap();
    symlink("r.json", at("soft.json")).unwrap();
    fs::hard_link(at("r.json"), at("hard.json")).unwrap();
    let two = |out: &Path, html: &Path| {
        writes("--out", out, Holds::Record).writes("--html", Some(html), Holds::Page)
    };
    assert!(why(two(&at("a"), &at("./a"))).contains("--out and --html both name"));
    assert!(why(two("/dev/stdout".as_ref(), "-".as_ref())).contains("both name -"));
    assert!(why(two(&at("r.json"), &at("hard.json"))).contains("both name"));
    for name in ["r.json", "soft.json", "hard.json", "../r.json"] {
        // The last one is the same file from a folder beside it.
        let path = if name.starts_with("..") { folder.path().join("x").join(name) } else { at(name) };
        fs::create_dir_all(at("x")).unwrap();
        for holds in [Holds::Record, Holds::Page] {
            let said = why(writes("--out", &path, holds).reads([at("r.json")]));
            assert!(said.starts_with("--out ") && said.contains("this command reads this file"), "{said}");
        }
    }
    assert_eq!(why(two(&at("r.json"), &at("page.html"))), "");
    assert_eq!(why(two("/dev/null".as_ref(), "/dev/null".as_ref())), "");
    assert!(why(two(&at("new/r.json"), &at("new"))).contains("new: "), "a folder and a file of one name");
    assert!(why(writes("--html", folder.path(), Holds::Page)).starts_with("--html: failed to write "));
}

#[test]
fn a_file_of_another_kind_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let texts = [
        ("s.toml", "[[matrix]]"),
        ("package.json", "{ \"name\": \"x\", \"runs\": [] }"),
        ("program", "\u{7f}ELF"),
        ("page", "<!DOCTYPE html>\n<html>"),
        ("page.HTML", "mine"),
        ("pom.xml", "<?xml version=\"1.0\"?><project/>"),
        ("junit", "<?xml version=\"1.0\"?><testsuites/>"),
        ("s.svg", "mine"),
        ("t.csv", "mine"),
        ("csv", "dispatch,trial,from_ns,to_ns"),
        ("metrics", "# HELP drumpost_x x"),
        ("b.json", "{ \"row\": { \"latency\": { \"value\": 1 } } }"),
        ("r.json", RECORD),
        ("proof", "{ \"schema_version\": 2, \"partial\": null, \"rows\": [{ \"name\": "),
        ("suite", STATE),
        ("empty", ""),
    ];
    for (name, text) in texts {
        fs::write(at(name), text).unwrap();
    }
    for (holds, may) in [
        (Holds::Record, vec!["r.json", "empty"]),
        (Holds::Proof, vec!["proof", "empty"]),
        (Holds::Page, vec!["page", "page.HTML", "empty"]),
        (Holds::Xml, vec!["junit", "empty"]),
        (Holds::Export("junit"), vec!["junit", "empty"]),
        (Holds::Svg, vec!["s.svg", "empty"]),
        (Holds::Export("csv"), vec!["t.csv", "csv", "empty"]),
        (Holds::Export("openmetrics"), vec!["metrics", "empty"]),
        (Holds::Export("bencher"), vec!["b.json", "empty"]),
    ] {
        for (name, text) in texts {
            let said = why(writes("--out", &at(name), holds));
            assert_eq!(said.is_empty(), may.contains(&name), "{holds:?} over {name}: {said}");
            assert!(said.is_empty() || said.contains("would be lost"), "{said}");
            assert_eq!(fs::read_to_string(at(name)).unwrap(), text);
        }
    }
}

#[test]
fn the_index_and_the_files_of_a_suite_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    symlink("history.sqlite", at("link.html")).unwrap();
    for name in ["history.sqlite", "history.sqlite-wal", "history.sqlite.damaged", "link.html"] {
        let said = why(writes("--html", &at(name), Holds::Page));
        assert!(said.contains("keeps its index of records"), "{name}: {said}");
    }
    assert!(
        why(writes("--out", &at(".drumpost-1-a.tmp"), Holds::Record))
            .contains("deletes files with such names")
    );
    // A suite that is to be begun, in a folder that is not there.
    let records = || vec!["001-a.json".to_owned()];
    for (name, is_kept) in [("suite.json", true), (".lock", true), ("001-a.json", true), ("page.html", false)]
    {
        let page = writes("--html", &at("new").join(name), Holds::Page);
        let said = why(page.runs_suite_in(&at("./new"), records()));
        assert_eq!(said.contains("the suite in this folder"), is_kept, "{name}: {said}");
    }
    let said = why(Files::default().reads([at("new/001-a.json")]).runs_suite_in(&at("new"), records()));
    assert!(said.contains("would replace it; choose another folder"), "{said}");
    // A folder of which no more is known than that a suite is in it.
    fs::write(at("suite.json"), STATE).unwrap();
    fs::write(at(".lock"), "").unwrap();
    for name in ["suite.json", ".lock"] {
        let said = why(writes("--junit", &at(name), Holds::Xml));
        assert!(said.contains("the suite in this folder"), "{name}: {said}");
    }
    // What has the name of a suite's state alone makes no suite of a folder.
    for text in [RECORD, "{ \"name\": \"theirs\" }"] {
        fs::write(at("suite.json"), text).unwrap();
        let said = why(writes("--out", &at("suite.json"), Holds::Record));
        assert!(said.is_empty() == (text == RECORD) && !said.contains("the suite in"), "{said}");
        assert_eq!(why(writes("--out", &at(".lock"), Holds::Record)), "");
    }
    // Their names only begin as that of the index.
    assert_eq!(why(writes("--html", &at("history.sqlite.html"), Holds::Page)), "");
}
