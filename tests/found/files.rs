//! Files that a command names: none is destroyed by a slip, each that was written is named, and a damaged one is told as what it is.

use crate::support::{Done, Place, Running};
use serde_json::json;
use std::{
    fs::{self, DirEntry, File},
    os::unix::fs::symlink,
    path::Path,
    thread,
    time::Duration,
};

/// Some milliseconds of virtual time.
const QUICK: &str = "run stream --sim service=fixed:1ms --rate 100/s --count 50";
const SUITE: &str = "[[matrix]]\nname = 'm'\nscenario = 'stream'\ndispatch = 'message/sim'\nsim = 'service=fixed:1ms'\ncount = 50\nin-flight = [1, 2]\n";

fn with_record() -> Place {
    let place = Place::new();
    place.run(&format!("{QUICK} --out r.json")).with_code(0);
    place
}

fn read(place: &Place, name: &str) -> String {
    fs::read_to_string(place.path(name)).unwrap()
}

/// What was said, on one line.
fn said(done: &Done) -> String {
    done.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_read_is_not_replaced() {
    let place = with_record();
    place.run(&format!("{QUICK} --seed 2 --out other.json")).with_code(0);
    symlink("r.json", place.path("soft.json")).unwrap();
    fs::hard_link(place.path("r.json"), place.path("hard.json")).unwrap();
    let before = read(&place, "r.json");
    for out in ["r.json", "./r.json", "soft.json", "hard.json"] {
        for line in [
            "export r.json --format csv --out OUT",
            "merge other.json r.json --out OUT",
            "run --spec r.json --out OUT",
            "compare --base flags: --head flags:--batch=2 --out OUT r.json",
            "compare --base flags: --head flags:--batch=2 --out OUT -- --spec r.json",
            "show r.json --html OUT",
            "compare r.json other.json --junit OUT",
        ] {
            let line = line.replace("OUT", out);
            let done = place.run(&line).with_code(2);
            assert!(
                said(&done).contains("this command reads this file, and would replace it"),
                "{line}: {}",
                said(&done)
            );
            assert_eq!(read(&place, "r.json"), before, "{line}");
        }
    }
    place.run("run --spec r.json --out again.json").with_code(0);
    place.run("run --spec r.json --out again.json").with_code(0);
}

#[test]
fn files_of_the_index_and_of_a_suite_are_left_alone() {
    let place = Place::new();
    place.run(QUICK).with_code(0);
    fs::write(place.path("s.toml"), SUITE).unwrap();
    let index = fs::read(place.path(".drumpost/history.sqlite")).unwrap();
    for line in [
        format!("{QUICK} --out .drumpost/history.sqlite"),
        "history --html .drumpost/history.sqlite".into(),
        "suite s.toml --out out --html out/suite.json".into(),
        "suite s.toml --out out --junit out/001-stream-message-sim.json".into(),
        "suite s.toml --out out --html out".into(),
    ] {
        place.run(&line).with_code(2);
        assert_eq!(fs::read(place.path(".drumpost/history.sqlite")).unwrap(), index, "{line}");
        assert!(!place.path("out/suite.json").exists(), "{line} was begun");
    }
    place.run("suite s.toml --out out --html out/page.html").with_code(0);
    for name in ["suite.json", ".lock", "001-stream-message-sim.json"] {
        let before = read(&place, &format!("out/{name}"));
        for line in ["show out --html", "run stream --sim service=fixed:1ms --count 5 --out"] {
            let done = place.run(&format!("{line} out/{name}")).with_code(2);
            assert!(
                said(&done).contains("the suite in this folder keeps its own file there"),
                "{}",
                said(&done)
            );
            assert_eq!(read(&place, &format!("out/{name}")), before);
        }
    }
}

#[test]
fn files_of_other_kinds_are_not_replaced() {
    let place = with_record();
    for (name, text) in [("s.toml", SUITE), ("p.json", "{ \"runs\": [] }"), ("program", "\u{7f}ELF")] {
        fs::write(place.path(name), text).unwrap();
        for line in [
            format!("{QUICK} --out {name}"),
            format!("{QUICK} --out new.json --html {name}"),
            format!("{QUICK} --out new.json --save-frame {name}"),
            format!("export r.json --format openmetrics --out {name}"),
            format!("search stream --sim service=fixed:1ms --slo p50<1s --svg {name}"),
        ] {
            let done = place.run(&line).with_code(2);
            assert!(said(&done).contains("would be lost; name another one"), "{line}: {}", said(&done));
            assert_eq!(read(&place, name), text, "{line}");
        }
    }
    // What drumpost wrote itself, and what is empty, is replaced as ever.
    File::create(place.path("empty")).unwrap();
    for line in [
        format!("{QUICK} --out r.json --html page.html --junit j.xml"),
        format!("{QUICK} --out empty"),
        "export r.json --format openmetrics --out metrics".into(),
    ] {
        place.run(&line).with_code(0);
        place.run(&line).with_code(0);
    }
}

#[test]
fn every_file_that_is_written_is_named() {
    let place = Place::new();
    fs::write(place.path("s.toml"), SUITE).unwrap();
    let named = |line: &str, files: &[&str]| {
        let done = place.run(line);
        let both = format!("{}{}", done.stdout, done.stderr);
        let mut found: Vec<&str> = both.lines().filter_map(|line| line.strip_prefix("saved    ")).collect();
        found.sort_unstable();
        let names: Vec<&str> = found.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert!(names == files && ![1, 2].contains(&done.code), "{line}: {}\n{both}", done.code);
    };
    named(&format!("{QUICK} --out r.json"), &["r.json"]);
    named(&format!("{QUICK} --out r.json --html p.html --junit j.xml"), &["j.xml", "p.html", "r.json"]);
    named(&format!("{QUICK} --out q.json --save-frame f.svg --no-tui"), &["f.svg", "q.json"]);
    named("show r.json --html p.html", &["p.html", "r.json"]);
    named("export r.json --format csv --out t.csv", &["t.csv"]);
    named("export r.json --format csv --out /dev/null", &[]);
    named("suite s.toml --out out --html p.html", &["out", "p.html"]);
    let search = "search stream --sim service=fixed:1ms --slo p50<1s --from 100/s --to 100/s --duration 2s --repeats 1";
    named(&format!("{search} --out s.json --svg s.svg"), &["s.json", "s.svg"]);
    // A document on stdout is alone there.
    let done = place.run(&format!("{QUICK} --json --out r.json")).with_code(0);
    done.json();
    assert!(done.stderr.lines().any(|line| line == "saved    r.json"), "{}", done.stderr);
}

#[test]
fn a_suite_whose_folder_is_removed_on_the_way_is_written_again() {
    let place = Place::new();
    let suite = "[[matrix]]\nname = 'm'\nscenario = 'stream'\ndispatch = 'message/crossbeam'\nduration = '200ms'\nwarmup = '0s'\n\
                 in-flight = [1, 2]\ntrials = 3\n";
    fs::write(place.path("s.toml"), suite).unwrap();
    let running = Running::start(&mut place.command("suite s.toml --out out"));
    await_record(&place.path("out"));
    // In the middle of the next trial.
    thread::sleep(Duration::from_millis(50));
    fs::remove_dir_all(place.path("out")).unwrap();
    let done = running.end();
    assert!([0, 6].contains(&done.code), "{}: {}", done.code, done.stderr);
    assert!(done.stderr.contains("out was removed while the suite was run"), "{}", done.stderr);
    assert!(
        place.path("out/suite.json").exists() && place.path("out/001-stream-message-crossbeam.json").exists()
    );
    let resumed = place.run("suite s.toml --out out --resume");
    assert!([0, 6].contains(&resumed.code), "{}", resumed.stderr);
    assert!(resumed.stderr.contains("6 of 6 trials are finished"), "{}", resumed.stderr);
}

/// Waits for the first record of a suite.
fn await_record(folder: &Path) {
    let is_record = |file: &DirEntry| file.file_name().to_str().is_some_and(|name| name.starts_with("00"));
    while !fs::read_dir(folder).into_iter().flatten().flatten().any(|file| is_record(&file)) {
        thread::sleep(Duration::from_millis(5));
    }
}

/// The folder above it is gone, too.
#[test]
fn a_suite_whose_default_folder_is_removed_on_the_way_is_written_again() {
    let place = Place::new();
    let suite = "[[matrix]]\nname = 'm'\nscenario = 'stream'\ndispatch = 'message/crossbeam'\nduration = '200ms'\nwarmup = '0s'\n\
                 in-flight = [1, 2]\ntrials = 3\n";
    fs::write(place.path("s.toml"), suite).unwrap();
    let running = Running::start(&mut place.command("suite s.toml"));
    let home = place.path(".drumpost");
    let folder = loop {
        let mut files = fs::read_dir(&home).into_iter().flatten().flatten().map(|file| file.path());
        match files.find(|path| path.is_dir()) {
            Some(folder) => break folder,
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    await_record(&folder);
    // In the middle of the next trial.
    thread::sleep(Duration::from_millis(50));
    fs::remove_dir_all(&home).unwrap();
    let done = running.end();
    assert!([0, 6].contains(&done.code), "{}: {}", done.code, done.stderr);
    assert!(said(&done).contains("was removed while the suite was run"), "{}", done.stderr);
    let resumed = place.run("suite s.toml --resume");
    assert!(resumed.stderr.contains("6 of 6 trials are finished"), "{}", resumed.stderr);
}

#[test]
fn folders_in_the_default_folder_are_made_by_whatever_name_it_has() {
    for out in [".drumpost/new/r.json", "./.drumpost/new/r.json", ".//.drumpost/./new/r.json"] {
        let place = Place::new();
        place.run(&format!("{QUICK} --out {out}")).with_code(0);
        assert!(place.path(".drumpost/new/r.json").exists(), "{out}");
    }
}

#[test]
fn a_record_may_have_the_name_of_a_suites_state() {
    let place = Place::new();
    for _ in 0..2 {
        place.run(&format!("{QUICK} --out suite.json")).with_code(0);
    }
    place.run(&format!("{QUICK} --out .lock")).with_code(0);
}

#[test]
fn a_suite_with_a_damaged_file_says_what_can_be_done() {
    let place = Place::new();
    fs::write(place.path("s.toml"), SUITE).unwrap();
    place.run("suite s.toml --out out").with_code(0);
    let cell = "out/001-stream-message-sim.json";
    let whole = read(&place, cell);
    fs::write(place.path(cell), &whole[..whole.len() / 2]).unwrap();
    let done = place.run("suite s.toml --out out --resume").with_code(2);
    for part in [cell, "it was cut", "or move", "out of the folder: --resume then repeats this cell"] {
        assert!(said(&done).contains(part), "{part}: {}", said(&done));
    }
    fs::rename(place.path(cell), place.path("aside.json")).unwrap();
    place.run("suite s.toml --out out --resume").with_code(0);
    assert!(place.path(cell).exists());
    for state in [Some("{ \"schema_version\": 1,"), None] {
        match state {
            Some(text) => fs::write(place.path("out/suite.json"), text).unwrap(),
            None => fs::remove_file(place.path("out/suite.json")).unwrap(),
        }
        let done = place.run("suite s.toml --out out --resume").with_code(2);
        assert!(said(&done).contains("cannot be continued") && said(&done).contains(cell), "{}", said(&done));
        place.run(&format!("show {cell}")).with_code(0);
    }
    // A new suite there would replace the records that are left.
    let done = place.run("suite s.toml --out out").with_code(2);
    assert!(
        said(&done).contains("is left from an earlier suite, and would be overwritten"),
        "{}",
        said(&done)
    );
}

#[test]
fn what_is_no_record_is_told_as_what_it_is() {
    let place = with_record();
    let whole = read(&place, "r.json");
    fs::create_dir(place.path("folder")).unwrap();
    fs::write(place.path("binary"), b"\x7fELF\xff\xfe").unwrap();
    for (name, text) in
        [("cut.json", &whole[..whole.len() / 2]), ("list.json", "[]"), ("t.csv", "time,size\n")]
    {
        fs::write(place.path(name), text).unwrap();
    }
    for (line, says) in [
        ("show folder", "no folder of a suite, as there is no suite.json in it; name a record, or"),
        ("watch folder", "`drumpost history folder`"),
        ("show binary", "it is no text file"),
        ("show cut.json", "it ends in the middle"),
        ("show list.json", "it is no JSON object, as line 1 begins with `[`"),
        ("show t.csv", "it is no JSON object, as line 1 begins with `t`"),
    ] {
        let done = place.run(line).with_code(2);
        assert!(said(&done).contains(says), "{line}: {}", said(&done));
    }
    fs::write(place.path("marked.json"), format!("\u{feff}{whole}")).unwrap();
    place.run("show marked.json").with_code(0);
    place.run("run --spec marked.json --out again.json").with_code(0);
}

#[test]
fn a_record_whose_time_is_no_time_is_refused() {
    let place = with_record();
    let mut changed: serde_json::Value = serde_json::from_str(&read(&place, "r.json")).unwrap();
    *changed.pointer_mut("/started_at").unwrap() = json!("yesterday");
    fs::write(place.path("changed.json"), changed.to_string()).unwrap();
    let done = place.run("show changed.json").with_code(2);
    assert!(said(&done).contains("started_at"), "{}", said(&done));
}

/// The lines of a replay, and its last word.
#[test]
fn a_watcher_that_cannot_print_has_failed() {
    let place = with_record();
    place.run("run stream --sim service=fixed:1ms --rate 100/s --count 300 --out long.json").with_code(0);
    for name in ["r.json", "long.json"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = place.command(&format!("watch {name} --no-tui")).stdout(full).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {told}");
        assert!(told.contains("failed to write to stdout"), "{name}: {told}");
    }
}
