//! Tests of suites: the file, the order of trials, and that no finished trial is lost.

mod rows;
mod schema;

use crate::support::{Done, Place, Running, count};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Four cells in virtual time: the same bytes whenever they are run.
const VIRTUAL: &str = "
[defaults]
scenario = 'stream'
sim = 'service=exp:1ms'
count = '20k'
trials = 3
seed = 9007199254740993
[[matrix]]
name = 'queue'
dispatch = ['message/sim', 'event/sim']
load = [{ rate = '500/s', arrivals = 'poisson' }, { in-flight = 2 }]
";

fn place(text: &str) -> Place {
    let place = Place::new();
    fs::write(place.path("suite.toml"), text).unwrap();
    place
}

/// Exit code 2, nothing on stdout, one sentence on stderr, and nothing left behind.
#[track_caller]
fn refused(place: &Place, line: &str, says: &[&str]) {
    let done = place.run(line).with_code(2);
    let said = format!("{line}: {}{}", done.stdout, done.stderr);
    assert!(done.stdout.is_empty() && done.stderr.lines().count() == 1, "{said}");
    assert!(says.iter().all(|word| done.stderr.contains(word)), "{said}expected {says:?}");
    assert!(!place.path(".drumpost").exists(), "{line} left a folder behind");
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The records of a suite's folder by file name, as they are.
fn records(folder: &Path) -> BTreeMap<String, String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let records = names.filter(|name| name != "suite.json" && name != ".lock");
    records.map(|name| (name.clone(), fs::read_to_string(folder.join(name)).unwrap())).collect()
}

/// Trials on disk, each of which has one position. It is asked often while a suite runs, so nothing is parsed.
fn trials(folder: &Path) -> usize {
    let names = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let is_record = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".json") && name != "suite.json"
    };
    let trials = |path: PathBuf| fs::read_to_string(path).unwrap().matches("\"position\":").count();
    names.filter(is_record).map(trials).sum()
}

/// Starts a suite in `out` and waits until so many trials of it are on disk.
#[track_caller]
fn begun(place: &Place, line: &str, finished: usize) -> Running {
    let running = Running::start(&mut place.command(line));
    while trials(&place.path("out")) < finished {
        assert!(running.took() < crate::support::LIMIT, "no {finished} trials");
        thread::sleep(Duration::from_millis(2));
    }
    running
}

#[test]
fn help_of_suite_fits_a_screen() {
    let help = Place::new().run("suite -h").with_code(0).stdout;
    assert!(help.lines().count() <= 60, "{} lines", help.lines().count());
    insta::assert_snapshot!(help);
}

#[test]
fn a_mistake_is_named_with_file_line_and_key_before_anything_is_run() {
    let try_it = |text: &str, says: &[&str]| refused(&place(text), "suite suite.toml", says);
    try_it(
        "name = 'x'\n\n[defaults]\ndurration = '1s'\n[[matrix]]\n",
        &["suite.toml: unknown key `durration` in [defaults], line 4; did you mean `duration`?"],
    );
    try_it("[[matrix]]\nduration = '3'\n", &["suite.toml", "`duration`", "line 2", "the unit is missing"]);
    try_it(
        "[[matrix]]\nwarmup = '0s'\nduration = '0s'\n",
        &["suite.toml", "`duration`", "line 3", "takes no time at all"],
    );
    // What only the scenario, the transports and the load themselves can tell.
    try_it(
        "[[matrix]]\nscenario = ['ping',\n'strem']\n",
        &["suite.toml", "`scenario`", "line 3", "did you mean `stream`?"],
    );
    try_it(
        "[[matrix]]\ndispatch = 'message/crosbeam'\n",
        &["`dispatch`", "line 2", "did you mean `crossbeam`?"],
    );
    try_it("[[matrix]]\n\npayload = ['1B', 'lognormal:1']\n", &["`payload`", "line 3", "lognormal:1KiB,0.5"]);
    try_it("[[matrix]]\n\nheaders = ['none', '4y32B']\n", &["`headers`", "line 3", "\"4y32B\"", "4x32B"]);
    try_it("[[matrix]]\nsim = 'serice=exp:1ms'\n", &["`sim`", "line 2", "unknown key `serice`"]);
    try_it("[[matrix]]\nload = { arrivals = 'poisson' }\n", &["`arrivals`", "line 2", "needs a --rate"]);
    try_it(
        "[[matrix]]\nrate = '1k/s'\nin-flight = 3\n",
        &["line ", "--rate", "--in-flight", "cannot be used"],
    );
    try_it("[[matrix]]\n[matrix.set]\nfan-out.subscriber = 3\n", &["`fan-out.subscriber`", "line 3"]);
    refused(&Place::new(), "suite nothing.toml", &["nothing.toml", "check the path"]);
    refused(&place(VIRTUAL), "suite suite.toml --only nothing", &["--only `nothing`", "--list"]);
    refused(&place(VIRTUAL), "suite suite.toml --resume", &["--resume", "no suite `suite`", "--out"]);
}

#[test]
fn a_place_that_cannot_be_written_is_found_before_anything_is_run() {
    let place = place(VIRTUAL);
    fs::write(place.path("file"), "").unwrap();
    refused(&place, "suite suite.toml --out file", &["file", "another place"]);
    refused(&place, "suite suite.toml --out /proc/suite", &["/proc/suite", "another place"]);
    // A disk that takes nothing more, as a limit on the size of files has it.
    let mut full = std::process::Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" suite suite.toml --out full";
    full.args(["-c", script, env!("CARGO_BIN_EXE_drumpost")]).current_dir(place.path(""));
    let done = Running::start(&mut full).end().with_code(2);
    assert!(done.stdout.is_empty() && done.stderr.contains("(ulimit -f)"), "{}", done.stderr);
    assert_eq!(trials(&place.path("full")), 0);
}

#[test]
fn a_disk_that_fills_up_on_the_way_loses_one_trial() {
    let place = place(VIRTUAL);
    // 125 KiB a file: enough for the state and for any record of one trial, not for all of three.
    let mut command = std::process::Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 250; exec \"$0\" suite suite.toml --out out";
    command.args(["-c", script, env!("CARGO_BIN_EXE_drumpost")]).current_dir(place.path(""));
    let done = Running::start(&mut command).end().with_code(1);
    assert!(done.stdout.starts_with("partial"), "{}", done.stdout);
    assert!(!done.stdout.contains("saved"), "{}", done.stdout);
    assert!(done.stderr.contains("(ulimit -f)"), "{}", done.stderr);
    let there = trials(&place.path("out"));
    assert!((4..12).contains(&there), "{there} of 12");
    place.run("suite suite.toml --out out --resume").with_code(0);
    assert_eq!(trials(&place.path("out")), 12);
}

#[test]
fn list_names_the_cells_and_runs_nothing() {
    let place = place(VIRTUAL);
    let listed = place.run("suite suite.toml --list").with_code(0).stdout;
    let names: Vec<&str> = listed.lines().map(|line| line.split("  ").next().unwrap()).collect();
    let expected = [
        "queue/stream/message/sim rate=500/s arrivals=poisson",
        "queue/stream/event/sim rate=500/s arrivals=poisson",
        "queue/stream/message/sim in-flight=2",
        "queue/stream/event/sim in-flight=2",
    ];
    assert_eq!(names[..4], expected);
    assert!(listed.ends_with("4 cells, 12 trials; how long they take is not known before\n"), "{listed}");
    let only = place.run("suite suite.toml --list --only event/").with_code(0).stdout;
    assert!(only.contains("2 cells, 6 trials") && !only.contains("message/sim"), "{only}");
    assert!(!place.path(".drumpost").exists());
}

#[test]
fn trials_are_interleaved_with_the_same_seed_for_the_same_number() {
    let place = place(VIRTUAL);
    let document = place.run("suite suite.toml --out out --json").with_code(0).json();
    assert_eq!(document["partial"], false);
    let order: Vec<(u64, u64, u64)> = document["order"]
        .as_array()
        .unwrap()
        .iter()
        .map(|slot| (count(slot, "/cell"), count(slot, "/trial"), count(slot, "/seed")))
        .collect();
    assert_eq!(order.len(), 12);
    // Each round has every cell once, so no dispatch is done before another begins.
    for (number, round) in order.chunks(4).enumerate() {
        let mut cells: Vec<u64> = round.iter().map(|slot| slot.0).collect();
        cells.sort_unstable();
        assert_eq!(cells, [0, 1, 2, 3]);
        assert!(round.iter().all(|slot| slot.1 == number as u64 && slot.2 == round[0].2), "{round:?}");
    }
    assert_ne!(order[0].2, order[4].2);
    for (cell, record) in document["records"].as_array().unwrap().iter().enumerate() {
        assert_eq!(record["partial"], false);
        for trial in record["runs"][0]["trials"].as_array().unwrap() {
            let position = count(trial, "/position") as usize;
            let (number, seed) = (count(trial, "/number"), count(trial, "/seed"));
            assert_eq!(order[position], (cell as u64, number, seed));
        }
        // What a cell is, said as a command line, is what `run` makes of it.
        let command: Vec<&str> =
            record["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let mut alone = place.command("");
        alone.args(&command[1..]).arg("--json");
        let alone = Running::start(&mut alone).end().with_code(0).json();
        assert_eq!(alone["runs"][0]["response_ns"], record["runs"][0]["response_ns"]);
    }
    // The order comes from the seed.
    let again = place.run("suite suite.toml --out again --json").with_code(0).json();
    assert_eq!(again, document);
    fs::write(place.path("suite.toml"), VIRTUAL.replace("seed = 9007199254740993", "seed = 2")).unwrap();
    let other = place.run("suite suite.toml --out other --json").with_code(0).json();
    let cells = |of: &Value| {
        of["order"].as_array().unwrap().iter().map(|slot| slot["cell"].clone()).collect::<Vec<_>>()
    };
    assert_ne!(cells(&other), cells(&document));
}

#[test]
fn an_interrupted_suite_goes_on_where_it_stopped() {
    let whole = place(VIRTUAL);
    let table = whole.run("suite suite.toml --out out").with_code(0);
    let expected = records(&whole.path("out"));
    assert_eq!((expected.len(), trials(&whole.path("out"))), (4, 12));
    for kill in [false, true] {
        let place = place(VIRTUAL);
        let running = begun(&place, "suite suite.toml --out out", 5);
        if kill {
            drop(running); // SIGKILL, and the process is waited for.
        } else {
            running.interrupt();
            let done = running.end().with_code(130);
            assert!(
                done.stdout.starts_with("partial") && done.stdout.contains("--resume"),
                "{}",
                done.stdout
            );
        }
        let there = trials(&place.path("out"));
        assert!((5..12).contains(&there), "{there} of 12");
        let partial = records(&place.path("out"));
        assert!(partial.values().any(|text| text.contains("\"partial\": true")));
        for (name, text) in &partial {
            let record: Value = serde_json::from_str(text).unwrap();
            for trial in record["runs"][0]["trials"].as_array().unwrap() {
                assert_eq!(trial["status"], "ok", "{name}");
            }
        }
        let shown = place.run("show out").with_code(0).stdout;
        assert!(shown.contains(&format!("{} of 12 trials are still to be run", 12 - there)), "{shown}");
        fs::write(place.path("out/.drumpost-abc.tmp"), "half a record").unwrap();
        let resumed = place.run("suite suite.toml --out out --resume").with_code(0);
        assert!(resumed.stderr.contains(&format!("{there} of 12 trials are finished")), "{}", resumed.stderr);
        assert_eq!(records(&place.path("out")), expected, "as if it had not been interrupted");
        assert_eq!(resumed.stdout, table.stdout);
    }
}

/// On a real clock, and longer than any test: the first process is still there when the second comes.
const LONG: &str = "
[[matrix]]
scenario = 'stream'
sim = 'service=fixed:1ms,clock=real'
rate = '10/s'
duration = '500ms'
trials = 10_000
";

#[test]
fn one_process_at_a_time_runs_a_suite() {
    let place = place(LONG);
    let running = begun(&place, "suite suite.toml --out out", 1);
    for line in ["suite suite.toml --out out --resume", "suite suite.toml --out ./out/ --resume"] {
        refused(
            &place,
            line,
            &["another process is running the suite in", ": wait until it ends", "--resume"],
        );
    }
    refused(&place, "suite suite.toml --out out", &["out already holds a suite"]);
    // Who only looks is not kept out.
    assert!(place.run("show out").with_code(0).stdout.contains("are still to be run"));
    drop(running); // SIGKILL, and the process is waited for.
    let there = trials(&place.path("out"));
    let again = begun(&place, "suite suite.toml --out out --resume", there + 1);
    refused(&place, "suite suite.toml --out out --resume", &["another process"]);
    again.interrupt();
    again.end().with_code(130);
}

#[test]
fn what_changed_since_is_refused_by_name() {
    let place = place(VIRTUAL);
    drop(begun(&place, "suite suite.toml --out out", 1));
    refused(&place, "suite suite.toml --out out", &["out already holds a suite", "--resume"]);
    refused(
        &place,
        "suite suite.toml --out out --resume --only event",
        &["--only changed from none to `event`"],
    );
    refused(&place, "suite suite.toml --out nothing --resume", &["nothing/suite.json", "--resume"]);
    let state = fs::read_to_string(place.path("out/suite.json")).unwrap();
    let changed = |from: &str, to: &str, says: &[&str]| {
        assert!(state.contains(from), "{from} in {state}");
        fs::write(place.path("out/suite.json"), state.replacen(from, to, 1)).unwrap();
        refused(&place, "suite suite.toml --out out --resume", says);
    };
    let version = format!("\"tool_version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    changed(&version, "\"tool_version\": \"0.0.1\"", &["drumpost changed from 0.0.1 to"]);
    changed("\"os\": \"Linux\"", "\"os\": \"Minix\"", &["the machine changed: os was Minix and is Linux"]);
    changed("\"schema_version\": 1", "\"schema_version\": 99", &["schema version 99"]);
    changed("\"record\": \"001", "\"record\": \"../001", &["not the name of a file"]);
    changed("{", "", &["suite.json", "line 2"]);
    fs::write(place.path("out/suite.json"), &state).unwrap();
    fs::write(place.path("suite.toml"), format!("{VIRTUAL}# more\n")).unwrap();
    refused(
        &place,
        "suite suite.toml --out out --resume",
        &["the suite's file suite.toml changed", "in out"],
    );
    fs::write(place.path("suite.toml"), VIRTUAL).unwrap();
    place.run("suite suite.toml --out out --resume").with_code(0);
}

#[test]
fn without_a_folder_the_newest_of_that_name_is_gone_on_with() {
    let place = place(VIRTUAL);
    let line = "suite suite.toml --only in-flight";
    let told = |done: Done| done.stdout.lines().last().unwrap().to_owned();
    let saved = told(place.run(line).with_code(0));
    assert!(saved.starts_with("saved    .drumpost/suite-"), "{saved}");
    assert_eq!(told(place.run(&format!("{line} --resume")).with_code(0)), saved);
    assert_eq!(place.saved().len(), 1);
}
