//! The program as a library: several commands in one process.

use drumpost::{Exit, builtin, run};
use serde_json::Value;
use std::{ffi::OsString, path::Path};

fn words(line: &str, out: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> =
        ["mine"].into_iter().chain(line.split_whitespace()).map(Into::into).collect();
    words.extend(["--out".into(), out.into()]);
    words
}

#[test]
fn a_second_run_in_one_process_works_and_its_record_holds_the_command_that_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let line = "run stream --sim service=fixed:1ms --rate 100/s --no-tui --count";
    for count in ["20", "30"] {
        let out = folder.path().join(count);
        assert_eq!(run(builtin(), words(&format!("{line} {count}"), &out)), Exit::Ok);
        let record: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
        let kept: Vec<&str> =
            record["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(kept[..2], ["drumpost", "run"], "{kept:?}");
        assert_eq!(kept[kept.len() - 2..], ["--count", count], "{kept:?}");
    }
    let out = folder.path().join("search");
    let line = "search stream --sim service=fixed:1ms --slo p99<2ms --from 100/s --to 200/s --duration 10s --repeats 1";
    assert_eq!(run(builtin(), words(line, &out)), Exit::Ok, "a search after two runs");
    let record: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(record["search"]["dispatches"][0]["end"], "always-kept");
}
