//! Tests of `show` and `compare`: tables of saved records, and the judgement of two records.

use crate::support::{Place, Record, number};
use serde_json::Value;
use std::{collections::BTreeSet, fs};

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

/// A name under the table that no run writes would never be shown, and nobody would miss it; and a setting that is written
/// and not shown is a difference that nobody sees.
#[test]
fn every_setting_that_is_written_is_shown_and_every_one_that_is_shown_is_written() {
    use drumpost_results::model::{DECLARED, Setting, Shown, declared};
    let place = Place::new();
    std::fs::write(place.path("t.csv"), "time,size\n0,1\n0.1,2\n0.2,3\n").unwrap();
    let mut written = BTreeSet::new();
    let services = "order-authorization --dispatch event/sim --instances payment=2 --headers 1x4B";
    for line in [
        format!("{services} --in-flight 3 --count 100 --think exp:1ms --reply await --note hello"),
        format!(
            "{services} --rate 500/s --arrivals poisson --senders 2 --duration 1s --keys zipf:9,1.1 --drain 7s"
        ),
        format!(
            "{services} --rate 500/s --debt drop:10s --at-cap shed --guarantee exactly-once --window 64 --count 100 --flow-timeout 7s"
        ),
        "stream --dispatch message/sim --arrivals trace:t.csv --trace-columns at=time".to_owned(),
        "fan-out --dispatch message/sim --sim service=fixed:1us --set fan-out.subscribers=2 --count 100"
            .to_owned(),
        "stream --dispatch message/crossbeam --kill worker@50ms/50ms --duration 200ms --trials 1".to_owned(),
        "stream --dispatch message/crossbeam --reconnect=7s --unconfirmed 7 --duration 200ms --trials 1"
            .to_owned(),
        // Nobody is there. What was asked for stands in the record all the same.
        "stream --dispatch message/jetstream --server nats://127.0.0.1:1 --duration 200ms --trials 1 --link 1ms/2ms --cut \
         50ms/10ms --reset 90ms --pause worker@50ms/10ms --guarantee at-least-once"
            .to_owned(),
    ] {
        place.run(&format!("run {line} --out record.json"));
        let record = Record::from_file(&place.path("record.json")).document;
        let table = place.run("show record.json").with_code(0).stdout;
        // Lines are wrapped.
        let said = table.split_whitespace().collect::<Vec<_>>().join(" ");
        for (key, value) in record["runs"][0]["settings"].as_object().unwrap() {
            written.insert(key.clone());
            let value = match value {
                Value::Number(number) => match number.as_u64() {
                    Some(number) => Setting::Integer(number).text(key),
                    None => Setting::Number(number.as_f64().unwrap()).text(key),
                },
                Value::String(text) => Setting::Text(text.clone()).text(key),
                Value::Bool(flag) => Setting::Bool(*flag).text(key),
                other => panic!("{key} is {other}"),
            };
            let is_elsewhere = match declared(key).map(|declared| declared.shown) {
                Some(Shown::InHeadline) => true,
                Some(Shown::Unless(usual)) => usual == value,
                Some(Shown::Always) | None => false,
            };
            let name = key.trim_start_matches("option.").trim_end_matches("_ns").trim_end_matches("_per_s");
            // Lists have blanks after their commas there.
            let without_blanks = |text: &str| text.replace(' ', "");
            let shown = without_blanks(&said).contains(&without_blanks(&format!("{name} {value}")));
            assert!(shown || is_elsewhere, "{key} = {value} of {line}: {table}");
        }
        if line.starts_with(services) {
            for text in ["payload 128B;", "services order, payment=2, warehouse;", "acks none;"] {
                assert!(said.contains(text), "{text}: {table}");
            }
        }
    }
    let keys = DECLARED.iter().map(|declared| declared.key);
    let unknown: Vec<&str> = keys.filter(|key| !written.contains(*key)).collect();
    assert!(unknown.is_empty(), "no run writes {unknown:?}, but {written:?}");
}

/// A value is left away only where it is what a run without any flag has.
#[test]
fn what_is_not_shown_is_the_default() {
    use drumpost_results::model::{DECLARED, Setting, Shown};
    let place = Place::new();
    for load in ["", "--rate 1k/s"] {
        let record = place.run(&format!("run stream --dispatch message/sim --count 10 {load} --json")).json();
        let settings = record["runs"][0]["settings"].as_object().unwrap();
        for declared in DECLARED {
            let (key, Shown::Unless(usual)) = (declared.key, declared.shown) else { continue };
            let Some(value) = settings.get(key) else { continue };
            let value = match value.as_u64() {
                Some(number) => Setting::Integer(number).text(key),
                None => value.as_str().unwrap().to_owned(),
            };
            assert_eq!(value, usual, "{key}");
        }
    }
}

/// Limits of the verdict can be set; those that are not the defaults stand in the record and under the table.
#[test]
fn limits_judge_a_run_and_a_record_anew() {
    let place = Place::new();
    let run = "run stream --sim service=exp:1ms --rate 500/s --arrivals poisson --duration 20s";
    let done =
        place.run(&format!("{run} --threshold lag_share=20% --threshold steal=none --out record.json"));
    assert!(done.stdout.contains("limits   lag_share 20.0 % (default 10.0 %); steal none (default 1.00 %)"));
    let record = place.run("show record.json --json").with_code(0).json();
    assert_eq!(record["thresholds"], serde_json::json!({ "lag_share": 0.2, "steal": "none" }));
    assert_eq!(record["runs"][0]["verdict"]["status"], "valid");
    let unfinished =
        "run stream --sim service=exp:1ms,loss=1/1000 --rate 500/s --duration 20s --out lossy.json";
    place.run(unfinished).with_code(5);
    let status = |line: &str| place.run(line).with_code(0).json()["runs"][0]["verdict"]["status"].clone();
    assert_eq!(status("show lossy.json --json"), "suspect");
    assert_eq!(status("show lossy.json --json --threshold unfinished=0.01%"), "invalid");
    // There are no pairs, so nothing is judged.
    place.run("compare lossy.json lossy.json").with_code(7);
    place.run("compare lossy.json lossy.json --threshold unfinished=0.01%").with_code(6);
}

/// What each format looks like inside is tested beside it.
#[test]
fn a_record_is_exported_in_every_format() {
    let place = both_styles("ping", 2);
    let log = place.run("export record.json --format hlog").with_code(0).stdout;
    assert!(log.lines().nth(1).unwrap() == "#[Histogram log format version 1.3]", "{log}");
    assert!(log.contains("\nTag=message/sim,0.000000,") && log.contains("\nTag=event/sim,"), "{log}");
    let one =
        place.run("export record.json --format hlog --dispatch event/sim --trial 1").with_code(0).stdout;
    assert!(!one.contains("Tag") && one.contains("\n#[Precision: 2 significant digits"), "{one}");
    place.run("export record.json --format hgrm --dispatch event/sim --out times.hgrm").with_code(0);
    let times = fs::read_to_string(place.path("times.hgrm")).unwrap();
    assert!(times.contains("Total count    =          800]"), "{times}");
    let series = place.run("export record.json --format csv").with_code(0).stdout;
    let counts = series.lines().skip(1).map(|line| line.split(',').nth(8).unwrap().parse::<u64>().unwrap());
    assert_eq!(counts.sum::<u64>(), 4 * 400, "{series}");
    for (line, says) in [
        ("--format hgrm", "--dispatch"),
        ("--format csv --dispatch event/nats", "it has message/sim, event/sim"),
        ("--format csv --trial 2", "trial 2 has no figures"),
        ("--format csv --out record.json/x.csv", "record.json"),
    ] {
        let done = place.run(&format!("export record.json {line}")).with_code(2);
        assert!(done.stdout.is_empty() && done.stderr.contains(says), "{}", done.stderr);
    }
}

/// What each of these texts looks like is tested beside its format.
#[test]
fn rows_are_exported_for_machines() {
    let place = both_styles("ping", 2);
    let junit = place.run("export record.json --format junit --revision 3f2a91c").with_code(0).stdout;
    assert!(junit.contains("<testsuites name=\"drumpost\" tests=\"2\" failures=\"0\""), "{junit}");
    assert!(junit.contains("name=\"event/sim\"") && junit.contains("value=\"3f2a91c\""), "{junit}");
    let bencher = place.run("export record.json --format bencher --dispatch event/sim").with_code(0).json();
    assert!(number(&bencher, "/ping event~1sim/throughput/value") > 0.0, "{bencher}");
    place.run("export record.json --format openmetrics --out metrics.prom").with_code(0);
    let metrics = fs::read_to_string(place.path("metrics.prom")).unwrap();
    let ended = "drumpost_flows_total{scenario=\"ping\",dispatch=\"event/sim\",state=\"ended\"} 800\n";
    assert!(metrics.contains(ended) && metrics.ends_with("# EOF\n"), "{metrics}");
    for (line, says) in [
        ("--format otava", "choose one with --dispatch"),
        ("--format otava --dispatch event/sim", "a record in virtual time has none"),
        ("--format junit --times lag", "leave --times lag out"),
        ("--format bencher --trial 2", "trial 2 has no figures"),
    ] {
        let done = place.run(&format!("export record.json {line}")).with_code(2);
        assert!(done.stdout.is_empty() && done.stderr.contains(says), "{}", done.stderr);
    }
    // A row that broke its promise fails in JUnit and is left out of figures that are followed over time.
    place
        .run("run ping --sim service=exp:1ms,loss=1/100 --in-flight 4 --count 400 --out lossy.json")
        .with_code(5);
    let junit = place.run("export lossy.json --format junit").with_code(0).stdout;
    assert!(junit.contains("<failure type=\"audit failed\""), "{junit}");
    let refused = place.run("export lossy.json --format bencher").with_code(2);
    assert!(refused.stderr.contains("left out: ping message/sim (audit failed: "), "{}", refused.stderr);
}

/// Makes `a.json` and `b.json` at different times.
fn two_records(place: &Place, other: &str) {
    let line = "run stream --rate 500/s --arrivals poisson --duration 20s --trials 3";
    place.run(&format!("{line} --sim service=exp:1ms --out a.json")).with_code(0);
    place.run(&format!("{line} --sim {other} --out b.json")).with_code(0);
}

/// A build that compares with a file of yesterday must not be green for ever.
#[test]
fn records_of_different_times_are_shown_and_never_pass() {
    let place = Place::new();
    two_records(&place, "service=exp:1500us");
    let text = place.run("compare a.json b.json --junit j.xml").with_code(7).stdout;
    assert!(text.starts_with("not judged") && text.contains("message/sim"), "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("To judge, have both measured in one job"), "{text}");
    assert!(words.contains("drumpost compare --base A --head B"), "{text}");
    let junit = fs::read_to_string(place.path("j.xml")).unwrap();
    assert!(junit.contains("<failure type=\"not judged\""), "{junit}");
    // Nor does it pass where the base is invalid and the machine may be the reason.
    let mut document = Record::from_file(&place.path("a.json")).document;
    document["runs"][0]["verdict"] =
        serde_json::json!({"status": "invalid", "reasons": ["half of the flows did not end"], "notes": []});
    fs::write(place.path("invalid.json"), document.to_string()).unwrap();
    place.run("compare invalid.json b.json").with_code(6);
    let done = place.run("compare invalid.json b.json --tolerate-machine").with_code(7);
    assert!(done.stderr.contains("but nothing was judged"), "{}", done.stderr);
    // A goal that is missed is an answer, and one that is kept is none to this question.
    place.run("compare a.json b.json --assert p50<1us").with_code(4);
    place.run("compare a.json b.json --assert p50<1s").with_code(7);
    let json = place.run("compare a.json b.json --json --strict").with_code(7).json();
    assert_eq!((&json["verdict"], &json["judged"]), (&"not judged".into(), &false.into()));
    let gates = json["rows"][0]["gates"].as_array().unwrap();
    let p50 = gates.iter().find(|gate| gate["metric"] == "response_ns_p50").unwrap();
    assert!(number(p50, "/b") > 1.5 * number(p50, "/a"), "{p50}");
    let settings = json["rows"][0]["settings_differ"].to_string();
    assert!(settings.contains("service=exp:1500us"), "{settings}");
}

/// Records of different times lie over each other on one page, and nothing is judged between them.
#[test]
fn several_records_are_shown_together() {
    let place = Place::new();
    two_records(&place, "service=exp:1500us");
    let text = place.run("show a.json b.json --html page.html").with_code(0).stdout;
    assert!(text.contains("message/sim (A)") && text.contains("message/sim (B)"), "{text}");
    assert!(text.contains("records  A  a.json\n         B  b.json\n"), "{text}");
    assert!(text.contains("is not judged"), "{text}");
    let page = fs::read_to_string(place.path("page.html")).unwrap();
    assert!(
        page.contains("<h1>2 records</h1>") && page.contains("message/sim (B)") && page.contains("b.json"),
        "{page}"
    );
    for flag in ["--json", "--spec", "--hops", "--assert lost=0", "--fail-on suspect"] {
        let done = place.run(&format!("show a.json b.json {flag}")).with_code(2);
        assert!(done.stderr.contains("is for a single record"), "{flag}: {}", done.stderr);
    }
    let done = place.run("show a.json . --html other.html").with_code(2);
    assert!(done.stderr.contains(". is a suite; show it by itself"), "{}", done.stderr);
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
