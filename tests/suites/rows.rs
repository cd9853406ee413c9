//! The rows of a suite, how it ends, and how it is shown.

use super::*;

#[test]
fn a_cell_that_cannot_be_run_is_a_row_with_its_reason() {
    let text = "
[[matrix]]
name = 'mixed'
scenario = 'order-authorization'
dispatch = ['message/crossbeam', 'event/rtrb']
count = '2k'
warmup = '0s'
trials = 1
";
    let place = place(text);
    let done = place.run("suite suite.toml --out out");
    // As of a run that was refused.
    let table = done.with_code(2).stdout;
    let row =
        |of: &str| table.lines().find(|line| line.contains(of)).unwrap_or_else(|| panic!("{of}: {table}"));
    assert!(row("event/rtrb").starts_with("refused") && table.contains("Event `order.placed`"), "{table}");
    assert!(!row("message/crossbeam").starts_with("refused"), "{table}");
    // The load is said as of the others, and so once for all.
    assert!(table.contains("mixed  order-authorization, closed, 64 in flight, payload 128B"), "{table}");
    assert_eq!(trials(&place.path("out")), 1);
    let document = place.run("show out --json").with_code(0).json();
    assert_eq!((&document["partial"], &document["records"][1]), (&Value::Bool(false), &Value::Null));
    assert!(document["cells"][1]["refused"].as_str().unwrap().contains("Event `order.placed`"));
    assert_eq!(count(&document["records"][0], "/runs/0/flows/ended"), 2_000);
}

#[test]
fn headers_are_a_key_like_any_other() {
    let text = "
[[matrix]]
scenario = 'stream'
sim = 'service=fixed:1us'
count = 100
trials = 1
headers = ['none', '4x32B', '1x0B']
";
    let place = place(text);
    let document = place.run("suite suite.toml --out out --json").with_code(0).json();
    let records = document["records"].as_array().unwrap();
    let headers: Vec<&Value> =
        records.iter().map(|record| &record["runs"][0]["settings"]["headers"]).collect();
    assert_eq!(headers, ["none", "4x32B", "1x0B"]);
    for record in records {
        assert_eq!(count(record, "/runs/0/flows/ended"), 100);
        assert_eq!(count(record, "/runs/0/audit/corrupted"), 0);
    }
}

#[test]
fn the_worst_cell_says_how_the_suite_ends() {
    let text = format!(
        "{}[[matrix]]\nname = 'loss'\nsim = 'service=fixed:1us,loss=3/1000'\n",
        VIRTUAL.replace("trials = 3", "trials = 1")
    );
    let place = place(&text);
    let done = place.run("suite suite.toml --out out").with_code(5);
    assert!(done.stdout.contains("60 lost"), "{}", done.stdout);
}

#[test]
fn show_draws_the_same_from_the_files_alone() {
    let place = place(VIRTUAL);
    let run = place.run("suite suite.toml --out out --only in-flight").with_code(0);
    fs::remove_file(place.path("suite.toml")).unwrap();
    for line in ["show out", "show out/suite.json"] {
        assert_eq!(place.run(line).with_code(0).stdout, run.stdout);
    }
    insta::assert_snapshot!(run.stdout);
    let cell = place.run("show out/001-stream-message-sim.json").with_code(0).stdout;
    assert!(cell.contains("valid    message/sim"), "{cell}");
}
