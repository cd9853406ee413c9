//! Tests of `--assert`, `--fail-on` and `--html`. In virtual time the figures are exact: a flow takes a millisecond.

use crate::support::Place;
use std::fs;

const SIM: &str = "--sim service=fixed:1ms --rate 100/s --duration 20s";

#[test]
fn a_goal_that_is_missed_ends_with_its_code_and_says_by_how_much() {
    let place = Place::new();
    let line = |goals: &str| format!("run stream -d message/sim,event/sim {SIM} --out r.json {goals}");
    let kept = place.run(&line("--assert p99<2ms,lost=0")).with_code(0);
    assert!(kept.stdout.contains("4 of 4 terms kept"), "{}", kept.stdout);
    let missed = place.run(&line("--assert message/sim:p99<500us --assert lost=0")).with_code(4);
    for words in ["2 of 3 terms kept", "p99 < 500 µs", "over 500 µs"] {
        assert!(missed.stdout.contains(words), "no {words}: {}", missed.stdout);
    }
    // Beside a document for programs it is said on stderr.
    let missed = place.run(&line("--json --junit j.xml --assert p99<500us")).with_code(4);
    assert!(missed.stderr.contains("over 500 µs"), "{}", missed.stderr);
    // The document has it, too, and so has JUnit: two rows pass, and the goal fails on each.
    let document = missed.json();
    assert_eq!(document["assertions"]["answer"], "missed", "{}", document["assertions"]);
    assert_eq!(document["runs"].as_array().map(Vec::len), Some(2));
    let junit = fs::read_to_string(place.path("j.xml")).unwrap();
    assert!(junit.contains("tests=\"4\" failures=\"2\"") && junit.contains("over 500 µs"), "{junit}");
    assert!(
        place.run("show r.json --json").json().get("assertions").is_none(),
        "without a goal there is none"
    );
    // A record is held against goals again.
    place.run("show r.json --assert p99<2ms").with_code(0);
    place.run("show r.json --assert event:p99<500us").with_code(4);
}

#[test]
fn a_goal_about_nothing_is_refused_before_anything_is_measured() {
    let place = Place::new();
    for (goal, says) in [
        ("mesage:p99<2ms", "did you mean `message`?"),
        ("nats:p99<2ms", "selects no row"),
        ("p98<2ms", "p98"),
        ("throughput>5", "throughput_per_s"),
        (":p99<2ms", "no selector before the colon"),
    ] {
        let done =
            place.run(&format!("run stream -d message/sim {SIM} --out r.json --assert {goal}")).with_code(2);
        assert!(done.stderr.contains(says), "{goal}: {}", done.stderr);
    }
    assert!(!place.path("r.json").exists(), "nothing was measured");
}

#[test]
fn what_cannot_be_told_is_not_kept() {
    let place = Place::new();
    // Ten flows are too few for a p99.
    let line = "run stream -d message/sim --sim service=fixed:1ms --rate 100/s --count 10 --assert p99<2ms";
    let done = place.run(line).with_code(4);
    assert!(done.stdout.contains("cannot tell"), "{}", done.stdout);
}

#[test]
fn suites_searches_and_comparisons_have_goals() {
    let place = Place::new();
    let suite = "[[matrix]]\nname = \"m\"\nscenario = \"stream\"\ndispatch = \"message/sim\"\nsim = [\"service=fixed:1ms\", \"service=fixed:3ms\"]\n\
                 rate = \"100/s\"\nduration = \"20s\"\n";
    fs::write(place.path("s.toml"), suite).unwrap();
    let failures = |file: &str| {
        let xml = fs::read_to_string(place.path(file)).unwrap();
        let count = |what: &str| xml.matches(what).count();
        (count("<testcase "), count("<failure "))
    };
    let done = place.run("suite s.toml --assert p50<2ms --junit suite.xml").with_code(4);
    assert!(done.stdout.contains("1 of 2 terms kept"), "{}", done.stdout);
    assert_eq!(failures("suite.xml"), (4, 1));
    let search = "search stream -d message/sim --sim service=fixed:1ms --slo p99<5ms --from 400/s --to 700/s --repeats 1";
    place.run(&format!("{search} --assert kept_per_s>100")).with_code(0);
    let done =
        place.run(&format!("{search} --assert kept_per_s>100k --json --junit search.xml")).with_code(4);
    assert_eq!((&done.json()["assertions"]["kept"], failures("search.xml")), (&false.into(), (2, 1)));
    let sides = "compare --base flags:--sim=service=fixed:1ms --head flags:--sim=service=fixed:1ms --within 1ns --assert";
    let measured = "-- stream -d message/sim --rate 500/s --count 500";
    place.run(&format!("{sides} p50<2ms {measured}")).with_code(0);
    let done = place.run(&format!("{sides} p50<500us --json --junit sides.xml {measured}")).with_code(4);
    assert_eq!(done.json()["assertions"]["answer"], "missed");
    assert_eq!(failures("sides.xml").1, 1, "the goal alone");
    for command in ["run stream", "suite s.toml", "search stream --slo p99<5ms", "show r.json"] {
        let done = place.run(&format!("{command} --junit .")).with_code(2);
        assert!(done.stderr.contains("--junit: failed to write"), "{command}: {}", done.stderr);
    }
}

/// The sides of a record are told apart: goals and exports are about the head.
#[test]
fn of_two_sides_the_head_is_exported_and_held_against_goals() {
    let place = Place::new();
    let sides = "compare --base flags:--sim=service=fixed:1ms --head flags:--sim=service=fixed:3ms --pairs 12 --out r.json";
    place.run(&format!("{sides} -- stream -d message/sim --rate 100/s --count 500")).with_code(3);
    for (goal, shown, compared) in [("p50>2ms", 0, 3), ("p50<2ms", 4, 3)] {
        place.run(&format!("show r.json --assert {goal}")).with_code(shown);
        // A regression outweighs a goal.
        place.run(&format!("compare r.json --assert {goal}")).with_code(compared);
    }
    let exported = |side: &str| {
        let done = place.run(&format!("export r.json --format bencher {side}")).with_code(0);
        let document = done.json();
        let rows = document.as_object().unwrap().clone();
        rows.into_iter()
            .map(|(name, row)| (name, row["latency"]["value"].as_f64().unwrap()))
            .collect::<Vec<_>>()
    };
    let [head, base, all] = ["", "--side base", "--side all"].map(exported);
    assert_eq!((head.len(), head[0].0.as_str()), (1, "stream message/sim"), "{head:?}");
    assert!(head[0].1 > 2e6 && base[0].1 < 2e6, "{head:?} {base:?}");
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["base stream message/sim", "copy stream message/sim", "head stream message/sim"]);
    let metrics = place.run("export r.json --format openmetrics --side copy").with_code(0).stdout;
    assert!(
        metrics.contains("drumpost_good{scenario=\"stream\",dispatch=\"message/sim\",side=\"copy\"} 1\n")
    );
    let error = place.run("export r.json --format otava --side all").with_code(2).stderr;
    assert!(error.contains("choose one with --side"), "{error}");
}

/// Two blocks with a cell each: a flow takes 1 ms in the first and 3 ms in the second.
fn with_goals(top: &str, first: &str, second: &str) -> String {
    let block = |name: &str, ms: u32, goals: &str| {
        format!(
            "[[matrix]]\nname = '{name}'\nscenario = 'stream'\nsim = 'service=fixed:{ms}ms'\ndispatch = 'message/sim'\nrate = '100/s'\nduration = '20s'\n{goals}\n"
        )
    };
    format!("{top}\n{}{}", block("quick", 1, first), block("slow", 3, second))
}

#[test]
fn goals_in_a_suite_file_are_about_their_block_and_are_stored() {
    let place = Place::new();
    let write = |text: String| fs::write(place.path("s.toml"), text).unwrap();
    // The goal of a block that another block would miss.
    write(with_goals("assert = 'lost=0'", "assert = 'p50<2ms'", "assert = ['message/sim: p50<4ms']"));
    let listed = place.run("suite s.toml --list").with_code(0).stdout;
    for line in [
        "goal for 2 cells: lost = 0",
        "goal for 1 cell of quick: p50 < 2 ms",
        "of slow: message/sim: p50 < 4 ms",
    ] {
        assert!(listed.contains(line), "no {line}: {listed}");
    }
    let kept = place.run("suite s.toml --out kept").with_code(0).stdout;
    assert!(kept.contains("4 of 4 terms kept"), "{kept}");
    // Goals of the command line are added.
    let more = place.run("suite s.toml --out more --assert p50<2ms").with_code(4).stdout;
    assert!(more.contains("5 of 6 terms kept"), "{more}");
    write(with_goals("", "", "assert = 'p50<2ms'"));
    let missed = place.run("suite s.toml --out missed").with_code(4).stdout;
    assert!(missed.contains("0 of 1 terms kept") && missed.contains("over 2 ms"), "{missed}");
    // The same answer from the stored suite, without the file.
    fs::remove_file(place.path("s.toml")).unwrap();
    assert_eq!(place.run("show missed").with_code(4).stdout, missed);
    assert_eq!(place.run("show kept").with_code(0).stdout, kept);
    assert!(place.run("show kept --assert p50<500us").with_code(4).stdout.contains("4 of 6 terms kept"));
    let state = fs::read_to_string(place.path("missed/suite.json")).unwrap();
    fs::write(place.path("missed/suite.json"), state.replace("p50 < 2 ms", "p51 < 2 ms")).unwrap();
    let done = place.run("show missed").with_code(2);
    assert!(done.stderr.contains("`p51 < 2 ms` of the stored suite"), "{}", done.stderr);
}

#[test]
fn a_suite_of_some_cells_has_their_goals() {
    let place = Place::new();
    let text = with_goals("assert = 'lost=0'", "assert = 'p50<500us'", "assert = 'p50<4ms'");
    fs::write(place.path("s.toml"), text).unwrap();
    let done = place.run("suite s.toml --only slow/ --out s").with_code(0).stdout;
    assert!(done.contains("2 of 2 terms kept"), "{done}");
    // A goal of the command line about no cell is refused before anything is run.
    let done = place.run("suite s.toml --out t --assert mesage:lost=0").with_code(2);
    assert!(done.stderr.contains("did you mean `message`?") && !place.path("t").exists(), "{}", done.stderr);
    // So is it in a comparison of the same cells.
    let sides = "compare --base flags:--batch=1 --head flags:--batch=2 --pairs 18";
    let done = place.run(&format!("{sides} --assert mesage:lost=0 s.toml")).with_code(2);
    assert!(done.stderr.contains("did you mean `message`?"), "{}", done.stderr);
}

#[test]
fn a_suite_file_says_whether_a_suspect_run_fails() {
    let place = Place::new();
    // More arrives than can be served, so the queue grows and the run is not steady.
    let text = |top: &str| {
        format!(
            "{top}\n[[matrix]]\nscenario = 'stream'\nsim = 'service=fixed:1ms'\ndispatch = 'message/sim'\nrate = '1100/s'\nduration = '20s'\ntrials = 1\n"
        )
    };
    fs::write(place.path("s.toml"), text("fail-on = 'suspect'")).unwrap();
    let done = place.run("suite s.toml --out s");
    assert!(done.stdout.contains("suspect"), "{}", done.stdout);
    assert_eq!(done.code, 6, "{}", done.stdout);
    assert_eq!(place.run("show s").code, 6);
    place.run("show s --fail-on invalid").with_code(0);
    fs::write(place.path("s.toml"), text("")).unwrap();
    place.run("suite s.toml --out t").with_code(0);
    place.run("show t --fail-on suspect --junit j.xml").with_code(6);
    let junit = fs::read_to_string(place.path("j.xml")).unwrap();
    assert!(junit.contains("tests=\"2\" failures=\"1\"") && junit.contains("is not suspect"), "{junit}");
}

#[test]
fn a_page_is_one_file_that_loads_nothing() {
    let place = Place::new();
    place
        .run(&format!("run stream -d message/sim,event/sim {SIM} --out r.json --html run.html"))
        .with_code(0);
    place.run("show r.json --html show.html").with_code(0);
    // One trial of each makes no pairs, so nothing is judged.
    place.run("compare r.json --between message/sim,event/sim --html compare.html").with_code(7);
    let pages =
        ["run.html", "show.html", "compare.html"].map(|name| fs::read_to_string(place.path(name)).unwrap());
    for page in &pages {
        assert!(
            page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"),
            "{}",
            &page[..60]
        );
        assert!(page.contains("default-src 'none'"), "{}", &page[..2_000]);
        for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
    // One trial of each makes no pairs to draw.
    assert!(pages[0].contains("<svg") && pages[2].contains("No ratios are drawn"), "{}", pages[2]);
    let held = place.run("show r.json --assert p99<500us --html goals.html");
    let page = fs::read_to_string(place.path("goals.html")).unwrap();
    let verdict = page.split("class=\"verdict ").nth(1).unwrap().split("</p>").next().unwrap();
    assert!(verdict.contains("goals missed: 0 of 2 terms kept"), "{verdict}: {}", held.stderr);
    assert!(page.find(">assertions<").unwrap() < page.find("Machine and versions").unwrap());
    assert_eq!(pages[0], pages[1], "a saved record is drawn as the run was");
    let printed = place.run("show r.json --html -").with_code(0).stdout;
    assert_eq!(printed.trim_end(), pages[1].trim_end(), "a page on stdout is alone there");
    let done = place.run("show r.json --html r.json/page.html");
    assert!(done.code != 0 && done.stderr.contains("r.json/page.html"), "{}: {}", done.code, done.stderr);
}
