//! `show` and `compare`: records drawn again, and what may be concluded from two of them.

use crate::support::{Place, number};
use std::fs;

#[test]
fn show_draws_what_run_printed() {
    for line in [
        "order-authorization --dispatch message/crossbeam,event/crossbeam --duration 200ms --trials 2",
        "stream --sim service=exp:1ms,loss=1/1000 --rate 500/s --arrivals poisson --duration 20s",
        "fan-out --sim service=fixed:1ms --dispatch event/sim --in-flight 3 --count 100",
    ] {
        let place = Place::new();
        let printed = place.run(&format!("run {line} --out record.json"));
        assert!(printed.stdout.contains("record.json"), "{}", printed.stdout);
        let shown = place.run("show record.json").with_code(0);
        assert_eq!(printed.stdout, shown.stdout, "{line}");
        let json = place.run("show record.json --json").with_code(0);
        assert_eq!(json.stdout, fs::read_to_string(place.path("record.json")).unwrap(), "{line}");
        let hops = place.run("show record.json --hops").with_code(0);
        assert!(hops.stdout.starts_with(&shown.stdout) && hops.stdout.len() > shown.stdout.len());
    }
}

/// Makes `a.json` and `b.json` at different times.
fn two_records(place: &Place, other: &str) {
    let line = "run stream --rate 500/s --arrivals poisson --duration 20s --trials 3";
    place.run(&format!("{line} --sim service=exp:1ms --out a.json")).with_code(0);
    place.run(&format!("{line} --sim {other} --out b.json")).with_code(0);
}

#[test]
fn records_of_different_times_are_shown_and_not_judged() {
    let place = Place::new();
    two_records(&place, "service=exp:1500us");
    let text = place.run("compare a.json b.json").with_code(0).stdout;
    assert!(text.contains("not judged") && text.contains("message/sim"), "{text}");
    let json = place.run("compare a.json b.json --json --strict").with_code(0).json();
    assert_eq!((&json["verdict"], &json["judged"]), (&"not judged".into(), &false.into()));
    let gates = json["rows"][0]["gates"].as_array().unwrap();
    let p50 = gates.iter().find(|gate| gate["metric"] == "response_ns_p50").unwrap();
    assert!(number(p50, "/b") > 1.5 * number(p50, "/a"), "{p50}");
    let settings = json["rows"][0]["settings_differ"].to_string();
    assert!(settings.contains("service=exp:1500us"), "{settings}");
}

/// One interleaved record of both styles of a scenario, in virtual time, where each hop but a reply takes 1 ms.
fn both_styles(scenario: &str, trials: u32) -> Place {
    let place = Place::new();
    let line = format!("run {scenario} --dispatch message/sim,event/sim --sim service=exp:1ms --in-flight 4");
    place.run(&format!("{line} --count 400 --trials {trials} --out record.json")).with_code(0);
    place
}

/// In event style an answer is an event like any other and takes its time; in message style it is a free reply.
#[test]
fn dispatches_of_one_record_are_judged() {
    let place = both_styles("ping", 30);
    for (sides, verdict, code) in
        [("message/sim,event/sim", "regression", 3), ("event/sim,message/sim", "improvement", 0)]
    {
        let line = format!("compare record.json --between {sides}");
        let json = place.run(&format!("{line} --json")).with_code(code).json();
        assert_eq!((&json["verdict"], &json["judged"]), (&verdict.into(), &true.into()), "{json}");
        let text = place.run(&line).with_code(code).stdout;
        assert!(text.contains(verdict) && text.contains("event/sim"), "{text}");
    }
}

#[test]
fn dispatches_that_do_not_differ_are_no_change() {
    let place = both_styles("fan-out", 30);
    let json =
        place.run("compare record.json --between message/sim,event/sim --strict --json").with_code(0).json();
    assert_eq!((&json["verdict"], &json["judged"]), (&"no change".into(), &true.into()), "{json}");
}

#[test]
fn too_few_pairs_are_inconclusive() {
    let place = both_styles("ping", 3);
    let line = "compare record.json --between message/sim,event/sim";
    let text = place.run(line).with_code(0).stdout;
    assert!(text.contains("inconclusive"), "{text}");
    place.run(&format!("{line} --strict")).with_code(7);
}

#[test]
fn a_dispatch_that_is_not_in_the_record_is_named() {
    let place = both_styles("ping", 1);
    for (between, says) in [("message/sim", "comma"), ("message/sim,event/crossbeam", "event/crossbeam")] {
        let done = place.run(&format!("compare record.json --between {between}")).with_code(2);
        assert!(done.stdout.is_empty() && done.stderr.contains(says), "{}", done.stderr);
    }
}
