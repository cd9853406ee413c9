//! Tests of `compare --base SIDE --head SIDE`, which measures both sides itself. In virtual time the figures of a side are exact.

mod revisions;

use crate::support::{Place, Record, Running};
use rustix::process::Signal;
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

/// What is measured: a simulated server at half load, in virtual time. Twelve pairs are enough for a verdict.
const MEASURED: &str = "-- stream -d message/sim --rate 500/s --arrivals poisson --count 500";

fn side(service: &str) -> String {
    format!("flags:--sim=service={service}")
}

fn line(base: &str, head: &str, more: &str) -> String {
    format!("compare --base {base} --head {head} {more} {MEASURED}")
}

fn gate<'a>(comparison: &'a Value, metric: &str) -> &'a Value {
    let gates = comparison["rows"][0]["gates"].as_array().unwrap();
    gates
        .iter()
        .find(|gate| gate["metric"] == metric)
        .unwrap_or_else(|| panic!("no {metric} in {comparison}"))
}

#[test]
fn a_slower_head_is_a_regression_and_the_record_says_so_again() {
    let place = Place::new();
    let (fast, slow) = (side("fixed:1ms"), side("fixed:1100us"));
    let done = place.run(&line(&fast, &slow, "--pairs 12 --json --out r.json --junit j.xml")).with_code(3);
    let comparison = done.json();
    assert_eq!(comparison["verdict"], "regression", "{comparison}");
    let p50 = gate(&comparison, "response_ns_p50");
    assert_eq!(p50["verdict"], "regression", "{p50}");
    assert!(p50["ratio"].as_f64().unwrap() > 1.09, "{p50}");
    let record = Record::from_file(&place.path("r.json"));
    let sides: Vec<_> = record.runs().map(|run| run["side"]["role"].as_str().unwrap()).collect();
    assert_eq!(sides, ["base", "head", "control"]);
    for run in record.runs() {
        assert_eq!(run["trials"].as_array().unwrap().len(), 12, "{}", run["side"]);
        assert_eq!(run["side"]["row"], "message/sim");
    }
    let mut trials = record.runs().map(|run| run["trials"].as_array().unwrap());
    let (base, head) = (trials.next().unwrap(), trials.next().unwrap());
    assert!(base.iter().zip(head).all(|(a, b)| a["seed"] == b["seed"] && a["number"] == b["number"]));
    let again = place.run("compare r.json --json --html page.html").with_code(3).json();
    // The page that is made later has the runs and the command, too.
    let page = fs::read_to_string(place.path("page.html")).unwrap();
    assert!(page.contains("<polyline") && page.contains("Machine and versions"), "{page}");
    assert!(page.contains("compare --base") && page.contains("--pairs 12"), "{page}");
    let shown = place.run("show r.json").with_code(0).stdout;
    assert!(
        ["base", "head", "copy"].iter().all(|side| shown.contains(&format!("{side} message/sim"))),
        "{shown}"
    );
    // Records and documents call the copy `control`. Whoever reads a list or watches reads `copy`.
    let listed = place.run("history .").with_code(0).stdout;
    assert!(listed.contains("message/sim (copy)") && !listed.contains("control"), "{listed}");
    let listed = place.run("history . --json").with_code(0).json();
    assert!(listed["runs"].as_array().unwrap().iter().any(|run| run["side"] == "control"), "{listed}");
    let watched = place.run("watch r.json --speed 10000");
    let watched = watched.stdout + &watched.stderr;
    assert!(watched.contains("copy message/sim") && !watched.contains("control"), "{watched}");
    let refused = place.run("compare r.json --between message/sim,message/sim").with_code(2);
    assert!(refused.stderr.contains("without --between"), "{}", refused.stderr);
    assert_eq!(gate(&again, "response_ns_p50"), p50);
    assert_eq!((&again["rule"], &again["ended"]), (&comparison["rule"], &comparison["ended"]));
    let junit = std::fs::read_to_string(place.path("j.xml")).unwrap();
    assert!(junit.contains("<failure") && junit.contains("response p50"), "{junit}");
    // The mirror image is an improvement, which fails nothing.
    let done = place.run(&line(&slow, &fast, "--pairs 12 --strict --json")).with_code(0);
    assert_eq!(done.json()["verdict"], "improvement");
}

#[test]
fn equal_sides_do_not_differ() {
    let place = Place::new();
    let same = side("exp:1ms");
    let done = place.run(&line(&same, &same, "--pairs 12 --strict")).with_code(0);
    assert!(done.stdout.starts_with("no change"), "{}", done.stdout);
    assert!(done.stdout.contains("12 pairs"), "{}", done.stdout);
}

#[test]
fn the_order_is_drawn_anew_and_a_replay_has_it_again() {
    let place = Place::new();
    let (base, head) = (side("fixed:1ms"), side("fixed:1ms,loss=1/100"));
    // A head that loses messages fails a build, however fast it is.
    let lost = place.run(&line(&base, &head, "--pairs 18 --out r.json")).with_code(5).stdout;
    assert!(lost.starts_with("audit failed  B breaks a promise that A keeps: "), "{lost}");
    assert!(lost.contains("the audit of B failed: "), "{lost}");
    let again = place.run("compare r.json --json").with_code(5).json();
    assert_eq!(again["headline"], "audit failed");
    assert_ne!(again["verdict"], "audit failed", "it is that of the figures");
    let order = |name: &str| Record::from_file(&place.path(name)).document["pairing"]["order"].clone();
    let first: Vec<String> =
        order("r.json").as_array().unwrap().chunks(3).map(|pair| pair[0]["label"].to_string()).collect();
    assert!(
        ["base", "head", "control"].iter().all(|role| first.iter().any(|label| label.contains(role))),
        "{first:?}"
    );
    place.run(&format!("compare --base {base} --head {head} --replay r.json --out again.json"));
    assert_eq!(order("again.json"), order("r.json"));
    // One of 6^18 orders. The seed of the load is the same.
    place.run(&line(&base, &head, "--pairs 18 --out other.json")).with_code(5);
    assert_ne!(order("other.json"), order("r.json"), "each comparison has an order of its own");
    let seed = |name: &str| Record::from_file(&place.path(name)).document["seed"].clone();
    assert_eq!(seed("other.json"), seed("r.json"));
    let error = place.run("compare --replay r.json").with_code(2).stderr;
    assert!(error.contains("--base"), "{error}");
}

#[test]
fn a_budget_that_is_over_leaves_it_open() {
    let place = Place::new();
    let (base, head) = (side("fixed:1ms"), side("fixed:2ms"));
    let done = place.run(&line(&base, &head, "--within 1ns --strict --json --out r.json")).with_code(7);
    let comparison = done.json();
    assert_eq!(comparison["verdict"], "inconclusive");
    assert_eq!(comparison["rows"][0]["pairs"], 1, "{comparison}");
    assert_eq!(comparison["ended"]["stop"], "time over");
    // A replay has no more pairs than the record, and that is no last look.
    let again = format!("compare --base {base} --head {head} --replay r.json --json --out again.json");
    assert_eq!(place.run(&again).with_code(0).json()["ended"]["stop"], "no more pairs");
    assert_eq!(
        Record::from_file(&place.path("again.json")).document["comparison"]["stopped"],
        "no more pairs"
    );
}

#[test]
fn what_is_no_side_is_told() {
    let place = Place::new();
    fs::write(place.path("text"), "not a program").unwrap();
    for (base, head, says) in [
        ("./nofile", "bin:/bin/true", "`./nofile`: there is no file of that name"),
        ("nothing-here", "bin:/bin/true", "`nothing-here` is no side that can be found here"),
        ("bin:/bin/true", "bin:/nothing/there", "failed to find the program /nothing/there"),
        ("bin:text", "bin:/bin/true", "text is no program"),
        ("flags:--batsh=1", "flags:", "--batsh"),
        ("flags:--batch=0", "flags:", "batch"),
        ("rev:no-such-revision", "bin:/bin/true", "no-such-revision"),
    ] {
        let done = place.run(&line(base, head, "")).with_code(2);
        assert!(done.stderr.contains(says), "{base} {head}: {}", done.stderr);
    }
    let done = place.run("compare --base flags:").with_code(2);
    assert!(done.stderr.contains("--head"), "{}", done.stderr);
    let done = place.run(&line("flags:", "flags:", "--pairs 3")).with_code(2);
    assert!(done.stderr.contains("--pairs 3") && done.stderr.contains("at least"), "{}", done.stderr);
    // A name that this program lacks is refused, unless another program may know it.
    let done = place.run("compare --base message/sim --head event/sim -- strem").with_code(2);
    assert!(done.stderr.contains("did you mean `stream`?"), "{}", done.stderr);
    let done =
        place.run("compare --base bin:/bin/true --head bin:/bin/true -- theirs -d message").with_code(2);
    assert!(done.stderr.contains("in full, as in --dispatch message/NAME"), "{}", done.stderr);
    // A script that runs the program is one, too. Its interpreter opens it after it was started.
    script(&place.path("wrapper"), &format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_drumpost")));
    place
        .run(
            &line("bin:wrapper", "bin:wrapper", "--within 1ns")
                .replace("/sim", "/sim --sim service=fixed:1ms"),
        )
        .with_code(0);
    // A program that is not drumpost answers nothing.
    let done = place.run(&line("bin:/bin/true", "bin:/bin/true", "")).with_code(1);
    assert!(done.stderr.contains("ended without a result"), "{}", done.stderr);
}

/// A flag that changes nothing misleads whoever gave it.
#[test]
fn flags_that_would_mean_nothing_are_refused() {
    let place = Place::new();
    let otlp = cfg!(feature = "otlp")
        .then_some(("compare a.json b.json --otlp http://localhost", "--otlp: nothing is measured here"));
    let lines = [
        ("compare a.json b.json --pairs 30", "--pairs: nothing is measured here"),
        ("compare a.json b.json --prometheus :0", "--prometheus: nothing is measured here"),
        ("compare --prove --prometheus :0 -- stream", "--prometheus cannot be used with --prove"),
        ("compare --prove --tolerate-machine -- stream", "--tolerate-machine cannot be used with --prove"),
        ("compare --prove --fail-on suspect -- stream", "--fail-on cannot be used with --prove"),
        ("compare --base flags: --head flags: --replay r.json --pairs 30", "--pairs"),
    ];
    for (line, says) in lines.into_iter().chain(otlp) {
        let done = place.run(line).with_code(2);
        assert!(done.stderr.contains(says), "{line}: {}", done.stderr);
    }
}

/// A revision is built by cargo, and what it makes is run: here a cargo that says that it made this program.
/// What is found out after the pairs were measured is found out too late.
#[test]
fn documents_that_cannot_be_written_are_refused_first() {
    let place = Place::new();
    let same = side("fixed:1ms");
    for (more, says) in [
        ("--html .", "--html: failed to write"),
        ("--junit .", "--junit: failed to write"),
        ("--html a --junit a", "--junit and --html both name a"),
        ("--out r.json --html ./r.json", "--out and --html both name"),
        ("--html - --json", "leave --json"),
    ] {
        let done = place.run(&line(&same, &same, more)).with_code(2);
        assert!(done.stderr.contains(says), "{more}: {}", done.stderr);
        assert!(!place.path(".drumpost/").read_dir().is_ok_and(|mut some| some.next().is_some()), "{more}");
    }
}

/// A trial needs pipes to its process.
#[test]
fn too_few_file_descriptors_are_told_with_what_helps() {
    let place = Place::new();
    let same = side("fixed:1ms");
    let mut told = String::new();
    for limit in [6, 7, 8] {
        let line = line(&same, &same, "--pairs 12");
        let line = format!("ulimit -n {limit}; exec {} {line}", env!("CARGO_BIN_EXE_drumpost"));
        let mut command = std::process::Command::new("sh");
        let done = command.args(["-c", &line]).current_dir(place.path("")).output().unwrap();
        told += &[done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join(" ");
    }
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = "Too many open files (os error 24); raise the limit on open files (ulimit -n)";
    assert!(told.contains(says), "{told}");
}

#[test]
fn an_interrupted_comparison_keeps_its_pairs() {
    let place = Place::new();
    let line = "compare --base flags:--batch=1 --head flags:--batch=64 --out r.json -- stream -d message/rtrb --duration 200ms";
    let running = Running::start(&mut place.command(line));
    // It is saved after the first round.
    while !place.path("r.json").exists() && running.took() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.interrupt();
    let done = running.end();
    assert_eq!(done.code, 130, "{}", done.stderr);
    let record = Record::from_file(&place.path("r.json"));
    assert_eq!(record.document["partial"], true);
    assert!(!record.document["pairing"]["order"].as_array().unwrap().is_empty());
    // Whoever finds the record later is told that it is not complete, by the exit code, too.
    for text in [done.stdout, place.run("compare r.json").with_code(130).stdout] {
        assert!(text.starts_with("not complete  interrupted after "), "{text}");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains("nothing is known about the chance that a verdict in this table is false"),
            "{text}"
        );
    }
    let left: Vec<_> =
        fs::read_dir(place.path(".drumpost")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "no copy of the program is left: {left:?}");
}

/// A program may ignore signals, as may what it runs. One signal is enough, and what was measured before is saved.
#[test]
fn a_side_that_ignores_signals_is_killed() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_drumpost");
    let begun = place.path("begun");
    // The first trial answers, so that there is something to save.
    script(
        &place.path("head"),
        &format!(
            "[ -e once ] || {{ : >once; exec {program} \"$@\"; }}\ntrap '' INT TERM HUP\n: >{}\nsleep 100; true",
            begun.display()
        ),
    );
    let line = line(&format!("bin:{program}"), "bin:head", "--pairs 18 --out r.json")
        .replace("-d message/sim", "-d message/sim --sim service=fixed:1ms");
    let running = Running::start(&mut place.command(&line));
    while !begun.exists() && running.took() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal(Signal::TERM);
    let sent = running.took();
    let done = running.end().with_code(130);
    let late = done.took.saturating_sub(sent);
    assert!(late < Duration::from_secs(15), "ended {late:?} after the signal");
    let says =
        "head of message/sim: the process of the trial did not end when asked, so it was killed, by signal 9";
    assert!(done.stderr.contains(says), "{}", done.stderr);
    let record = Record::from_file(&place.path("r.json"));
    assert_eq!(record.document["partial_reason"], "interrupted after 1 pair");
    assert_eq!(done.stdout.matches("interrupted after 1 pair").count(), 1, "{}", done.stdout);
}

/// A head that fails once: the comparison goes on, but a build with such a head is no pass, then or later.
#[test]
fn a_pair_that_failed_is_said_again() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_drumpost");
    let (failed, head) = (place.path("failed"), place.path("head"));
    let failed = failed.display();
    script(&head, &format!("[ -e {failed} ] || {{ : >{failed}; exit 9; }}\nexec {program} \"$@\""));
    let line = line(&format!("bin:{program}"), "bin:head", "--pairs 12 --out r.json")
        .replace("-d message/sim", "-d message/sim --sim service=fixed:1ms");
    let said = |text: &str| text.lines().find(|line| line.contains("1 pair failed")).map(str::to_owned);
    let first = said(&place.run(&line).with_code(1).stdout).unwrap();
    assert!(first.contains("is left out: head of message/sim"), "{first}");
    assert!(first.starts_with("not complete  1 pair failed"), "{first}");
    assert_eq!(said(&place.run("compare r.json").with_code(1).stdout), Some(first));
}

/// A head that cannot run at all is the commonest red build. Each document that was asked for says why.
#[test]
fn a_head_that_never_runs_is_told_in_every_document() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_drumpost");
    script(&place.path("head"), "exit 9");
    let documents = "--pairs 18 --strict --markdown --html page.html --junit j.xml --out r.json";
    let line = line(&format!("bin:{program}"), "bin:head", documents)
        .replace("-d message/sim", "-d message/sim --sim service=fixed:1ms");
    let done = place.run(&line).with_code(1);
    assert!(done.stderr.contains("head of message/sim failed 3 times"), "{}", done.stderr);
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    for text in [&done.stdout, &read("page.html")] {
        assert!(text.contains("not complete") && text.contains("a trial failed 3 times"), "{text}");
        assert!(!text.contains("settings that differ"), "the head told no settings: {text}");
    }
    assert!(
        read("j.xml").contains("<failure type=\"failed\" message=\"a trial failed 3 times"),
        "{}",
        read("j.xml")
    );
    let again = place.run("compare r.json --strict --markdown").with_code(1);
    assert_eq!(again.stdout, done.stdout, "the record says the same later");
    // What cannot be built has no record, but documents.
    let _ = repository(&place);
    script(&place.path("cargo"), "exit 101");
    let failed = line
        .replace("bin:head", ".")
        .replace("--out r.json", "--json --assert lost=0")
        .replace("--markdown", "");
    let done = Running::start(place.command(&failed).env("CARGO", place.path("cargo"))).end().with_code(1);
    assert_eq!(done.json()["headline"], "not complete", "{}", done.stdout);
    for text in [read("page.html"), read("j.xml")] {
        assert!(text.contains("failed to build in"), "{text}");
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

const WHO: [&str; 4] = ["-c", "user.name=a", "-c", "user.email=a@b"];

fn git(place: &Place, words: &[&str]) -> String {
    let done = std::process::Command::new("git").args(words).current_dir(place.path(".")).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// A repository with a commit, and what a cargo says that made this program there.
fn repository(place: &Place) -> (String, Value) {
    git(place, &["init", "-q"]);
    git(place, &[&WHO[..], &["commit", "-q", "--allow-empty", "-m", "first"]].concat());
    let says = serde_json::json!({
        "reason": "compiler-artifact", "executable": env!("CARGO_BIN_EXE_drumpost"),
        "target": {"name": "mine", "kind": ["bin"]},
    });
    (git(place, &["rev-parse", "HEAD"]), says)
}
