//! Tests of saved runs over time: `drumpost history`.

use crate::support::{Done, Place, Running};
use serde_json::Value;
use std::fs;

const LINE: &str = "run stream --sim service=exp:1ms --rate 800/s --arrivals poisson --duration 2s";

/// A place with so many runs, each of another seed and of a revision of its own.
fn place(runs: u32) -> Place {
    let place = Place::new();
    for seed in 1..=runs {
        let mut command = place.command(&format!("{LINE} --seed {seed}"));
        command.env("DRUMPOST_REVISION", format!("rev-{seed:02}"));
        let done = Running::start(&mut command).end().with_code(0);
        assert!(!done.stderr.contains("index"), "{}", done.stderr);
    }
    place
}

fn index(place: &Place) -> std::path::PathBuf {
    place.path(".drumpost/history.sqlite")
}

/// The files of the runs of `history --json`.
fn files(done: &Done) -> Vec<String> {
    let document = done.json();
    let runs = document["runs"].as_array().unwrap();
    runs.iter().map(|run| run["file"].as_str().unwrap().to_owned()).collect()
}

/// What was printed, on one line: sentences are folded to the width of the terminal.
fn unfolded(done: &Done) -> String {
    done.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Changes a text in a record that was saved.
fn edit(place: &Place, file: &str, change: impl Fn(&mut Value)) {
    let path = place.path(".drumpost").join(file);
    let mut document = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut document);
    fs::write(path, document.to_string()).unwrap();
}

#[test]
fn saved_runs_are_listed_filtered_and_told_in_every_form() {
    let place = place(3);
    let all = Running::start(place.command("history").env("COLUMNS", "120")).end().with_code(0);
    for part in
        ["history", "3 runs in .drumpost", "message/sim", "rev-02", "p99", "fingerprint of all runs", "valid"]
    {
        assert!(all.stdout.contains(part), "{part}: {}", all.stdout);
    }
    let document = place.run("history --json").with_code(0).json();
    assert_eq!(document["runs_in_index"], 3);
    for run in document["runs"].as_array().unwrap() {
        assert_eq!(
            (&run["scenario"], &run["dispatch"], &run["kind"]),
            (&"stream".into(), &"message/sim".into(), &"run".into())
        );
        assert!(
            run["figures"]["p99"].as_f64().unwrap() > 1e6 && run["fingerprint"]["toolchain"].is_string(),
            "{run}"
        );
        assert_eq!(run["time_is_of_file"], true, "a run in virtual time has no date");
    }
    let count = |line: &str| files(&place.run(&format!("history --json {line}")).with_code(0)).len();
    assert_eq!(count("--revision rev-0"), 3);
    assert_eq!(count("--revision rev-02 --scenario stream --dispatch sim --since 1d"), 1);
    assert_eq!((count("--last 2"), count("--until 2020-01-01"), count("--host no-such-host")), (2, 0, 0));
    let markdown = place.run("history --markdown").with_code(0).stdout;
    assert!(markdown.contains("## history") && markdown.contains("| rev-02"), "{markdown}");
    place.run("history --figure p99 --html trend.html").with_code(0);
    assert!(fs::read_to_string(place.path("trend.html")).unwrap().contains("p99 of stream message/sim"));
}

#[test]
fn a_trend_keeps_fingerprints_apart_until_they_are_joined() {
    let place = place(10);
    let list = files(&place.run("history --json").with_code(0));
    for file in &list[..4] {
        edit(&place, file, |document| document["environment"]["kernel"] = "0.0-other".into());
    }
    let trend = place.run("history --figure p99 --json").with_code(0).json();
    let runs = |trend: &Value| -> Vec<usize> {
        trend["series"].as_array().unwrap().iter().map(|one| one["runs"].as_array().unwrap().len()).collect()
    };
    let mut apart = runs(&trend);
    apart.sort_unstable();
    assert_eq!(apart, [4, 6]);
    let text = place.run("history -f p99").with_code(0).stdout;
    assert!(
        text.contains("differs  kernel ") && text.contains("6 runs are too few for change points"),
        "{text}"
    );
    assert!(
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains("different fingerprints or settings are different series."),
        "{text}"
    );
    let joined = place.run("history -f p99 --across kernel --json").with_code(0).json();
    assert_eq!((runs(&joined), &joined["series"][0]["joined"][0]["fact"]), (vec![10], &"kernel".into()));
    let text = place.run("history -f p99 --across kernel").with_code(0).stdout;
    assert!(text.contains("joined   runs with different kernel are in this series: "), "{text}");
    place.run(&format!("{LINE} --seed 1 --batch 8")).with_code(0);
    assert_eq!(
        runs(&place.run("history -f p99 --across all --json").json()).len(),
        2,
        "settings are never joined"
    );
}

#[test]
fn it_keeps_up_with_records_and_can_be_made_anew() {
    let place = place(3);
    let before = place.run("history --json").with_code(0);
    let names = files(&before);
    assert!(index(&place).is_file());
    let anew = place.run("history --rebuild --json").with_code(0);
    assert_eq!(before.stdout, anew.stdout, "what is noted as it is saved is what is read later");
    fs::remove_file(index(&place)).unwrap();
    assert_eq!(place.run("history --json").with_code(0).stdout, before.stdout);
    fs::remove_file(place.path(".drumpost").join(&names[0])).unwrap();
    fs::write(place.path(".drumpost/broken.json"), "{ \"schema_version\": 1").unwrap();
    let done = place.run("history").with_code(0);
    assert!(done.stdout.contains("1 file cannot be read as a record and is left out"), "{}", done.stdout);
    assert!(done.stdout.contains("broken.json: ") && !done.stdout.contains("rev-01"), "{}", done.stdout);
    fs::write(
        place.path("suite.toml"),
        "[defaults]\nscenario = 'stream'\nsim = 'service=fixed:1ms'\ncount = 500\n\
         [[matrix]]\nname = 'cell'\ndispatch = ['message/sim']\nload = [{ in-flight = 1 }, { in-flight = 2 }]\n",
    )
    .unwrap();
    let suite = place.run("suite suite.toml");
    assert_eq!(suite.code, 0, "{}", suite.stderr);
    assert_eq!(files(&place.run("history --json")).len(), 4, "with the cells of a suite");
    place.run("search stream --sim service=fixed:1ms --slo p99<2ms --from 100/s --to 200/s --duration 10s --repeats 1");
    let found = place.run("history --figure kept_per_s --json").with_code(0).json();
    assert_eq!(found["series"][0]["kind"], "search");
    place
        .run("search stream --sim service=fixed:1ms --slo p50<1us --from 100/s --to 200/s --duration 10s --repeats 1")
        .with_code(4);
    let listed = place.run("history").with_code(0).stdout;
    assert!(listed.contains("\nno rate ") && !listed.contains("\nfailed "), "{listed}");
}

/// Nothing of this fails a run, and each is said.
#[test]
fn an_index_that_cannot_be_used_costs_a_remark_and_no_run() {
    let place = place(1);
    fs::write(index(&place), "this is a text and no database, long enough to be one").unwrap();
    let done = place.run(&format!("{LINE} --seed 8")).with_code(0);
    assert!(
        done.stderr.contains("not in the index of records yet") && done.stderr.contains("is damaged"),
        "{}",
        done.stderr
    );
    let done = place.run("history").with_code(0);
    assert!(
        unfolded(&done).contains("moved aside as history.sqlite.damaged and made anew"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("2 runs in"), "{}", done.stdout);
    fs::remove_file(index(&place)).unwrap();
    fs::create_dir(index(&place)).unwrap();
    let done = place.run(&format!("{LINE} --seed 9")).with_code(0);
    assert!(done.stderr.contains("not in the index of records yet"), "{}", done.stderr);
    let done = place.run("history").with_code(0);
    assert!(
        done.stdout.contains("3 runs in") && unfolded(&done).contains("an index in memory"),
        "{}",
        done.stdout
    );
    let done = place.run("history --rebuild").with_code(2);
    assert!(
        done.stderr.contains("failed to use the index") && done.stderr.contains("a folder has this name"),
        "{}",
        done.stderr
    );
}

/// A text in a row is no text any more: neither opening nor catching up reads it.
#[test]
fn an_index_that_is_damaged_in_a_row_is_made_anew() {
    let place = place(2);
    let mut bytes = fs::read(index(&place)).unwrap();
    let name = b"rev-01";
    let places: Vec<usize> =
        (0..bytes.len() - name.len()).filter(|at| bytes[*at..].starts_with(name)).collect();
    assert!(!places.is_empty(), "the index has the revision");
    places.iter().for_each(|at| bytes[at + 1] = 0xff);
    fs::write(index(&place), bytes).unwrap();
    let done = Running::start(place.command("history").env("COLUMNS", "120")).end().with_code(0);
    assert!(
        unfolded(&done).contains("moved aside as history.sqlite.damaged and made anew"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("rev-01"), "{}", done.stdout);
    let again = place.run("history").with_code(0).stdout;
    assert!(again.contains("2 runs in") && !again.contains("damaged"), "{again}");
}

/// SQLite says "unable to open database file" and no more.
#[test]
fn too_few_file_descriptors_are_the_cause_that_is_told() {
    let place = place(1);
    let mut told = String::new();
    for limit in 5..=9 {
        let line = format!("ulimit -n {limit}; exec {} history", env!("CARGO_BIN_EXE_drumpost"));
        let mut command = std::process::Command::new("sh");
        let done = command.args(["-c", &line]).current_dir(place.path("")).output().unwrap();
        let said =
            [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join(" ");
        assert!(!said.contains("unable to open database file"), "{limit}: {said}");
        told += &said;
    }
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("raise the limit on open files (ulimit -n)"), "{told}");
}

#[test]
fn what_cannot_be_meant_is_told_with_what_could_be() {
    let empty = Place::new();
    let done = empty.run("history").with_code(2);
    assert!(done.stderr.contains("there is no folder .drumpost: drumpost run, search"), "{}", done.stderr);
    let place = place(1);
    for (line, says) in [
        ("history --figure p999", "unknown figure `p999`, did you mean `p99"),
        ("history --scenario strem", "unknown scenario `strem`; did you mean `stream`?"),
        ("history --dispatch mesage/sim", "unknown dispatch `mesage/sim`; did you mean `message/sim`?"),
        (
            "history --figure p99 --across kernle",
            "unknown part of a fingerprint `kernle`; did you mean `kernel`?",
        ),
        ("history --across kernel", "--figure"),
        ("history --since yesterday", "--since `yesterday`: it is neither a date such as 2026-11-21"),
        ("history --last 0", "0 is not in 1..=1000000"),
        ("history nowhere", "there is no folder nowhere: name the folder"),
    ] {
        let done = place.run(line).with_code(2);
        assert!(done.stderr.contains(says), "{line}: {}", done.stderr);
    }
}
