//! Confirms from a transport to the user: confirm times, refused messages and the flows that they take along. The simulated
//! target confirms in virtual time, so every figure is exact.

use crate::support::{Place, Record, count, number};
use serde_json::Value;

fn said(run: &Value) -> String {
    run["verdict"].to_string()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A message every millisecond, each confirmed three milliseconds later.
const TIMED: &str = "stream --sim service=fixed:10us,confirm=fixed:3ms --rate 1k/s --count 2k";

#[test]
fn confirm_times_stand_in_record_table_and_series() {
    let place = Place::new();
    let done = place.run(&format!("run {TIMED} --out r.json --save-frame frame.svg")).with_code(0);
    let record = Record::from_file(&place.path("r.json"));
    let run = record.only();
    let confirms = &run["confirms"][0];
    let counts = ["confirmed", "refused", "unconfirmed"].map(|name| count(confirms, &format!("/{name}")));
    assert_eq!(counts, [2_000, 0, 0]);
    let times = ["count", "min", "max"].map(|name| count(confirms, &format!("/confirm_ns/{name}")));
    assert_eq!(times, [2_000, 3_000_000, 3_000_000], "{confirms}");
    assert_eq!(run["trials"][0]["confirms"][0]["destination"], confirms["destination"]);
    let table = words(&done.stdout);
    assert!(
        table.contains("2,000 of 2,000 messages confirmed; confirm time p50 3.00 ms, p99 3.00 ms"),
        "{table}"
    );
    // Three are under way at any time. What came after the last look has no such figure.
    let points = run["trials"][0]["series"].as_array().unwrap();
    let under_way: Vec<u64> = points.iter().filter_map(|point| point["unconfirmed"].as_u64()).collect();
    assert!(under_way.len() + 1 >= points.len(), "{under_way:?} of {} points", points.len());
    assert!(
        under_way.iter().filter(|n| (2..=4).contains(*n)).count() + 1 >= under_way.len(),
        "{under_way:?}"
    );
    let p99 = points.iter().filter_map(|point| point["confirm_p99_ns"].as_u64()).max();
    assert!(p99.is_none_or(|ns| (3_000_000..3_004_000).contains(&ns)), "{p99:?}");
    let frame = std::fs::read_to_string(place.path("frame.svg")).unwrap();
    for word in [">confirmed<", ">unconfirmed<", ">2,000<"] {
        assert!(frame.contains(word), "no {word} in the last frame:\n{frame}");
    }
}

#[test]
fn confirm_times_are_shown_by_destination_and_exported() {
    let place = Place::new();
    place.run(&format!("run {TIMED} --out r.json")).with_code(0);
    let record = Record::from_file(&place.path("r.json"));
    let destination = record.only()["confirms"][0]["destination"].as_str().unwrap().to_owned();
    let shown = words(&place.run("show r.json --hops").with_code(0).stdout);
    assert!(shown.contains(&format!("{destination} 2,000 3.00 ms 3.00 ms - 3.00 ms 0 0")), "{shown}");
    for times in ["confirm".to_owned(), format!("confirm:{destination}")] {
        let hgrm = place.run(&format!("export r.json --format hgrm --times {times}")).with_code(0).stdout;
        assert!(words(&hgrm).contains("Total count = 2000]"), "{hgrm}");
        assert!(hgrm.contains("confirm time"), "{hgrm}");
    }
    let log = place.run("export r.json --format hlog --times confirm").with_code(0).stdout;
    assert!(log.starts_with("#[Confirm times of "), "{log}");
    let csv = place.run("export r.json --format csv").with_code(0).stdout;
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let at = lines.next().unwrap().iter().position(|name| *name == "trial_confirm_ns_p99").unwrap();
    let p99: u64 = lines.next().unwrap()[at].parse().unwrap();
    assert!((3_000_000..3_004_000).contains(&p99), "{p99}");
    for (line, says) in [
        ("--format hgrm --times confirm:elsewhere", destination.as_str()),
        ("--format csv --times confirm", "leave --times confirm out"),
        ("--format hgrm --times confirms", "confirm:DESTINATION"),
    ] {
        let refused = place.run(&format!("export r.json {line}")).with_code(2);
        assert!(refused.stderr.contains(says), "{line}: {}", refused.stderr);
    }
}

/// A broker that refuses one message in twenty: the flow of each never ends, and nothing is lost.
#[test]
fn flows_whose_message_was_refused_are_told_apart() {
    for warmup in ["0s", "1s"] {
        let line = format!(
            "stream --sim service=fixed:10us,confirm=fixed:1ms,refuse=1/20 --rate 1k/s --count 2k --warmup {warmup}"
        );
        let record = Place::new().record(&line).with_code(0);
        let run = record.only();
        let flows = ["started", "ended", "refused", "unfinished", "lost", "warmup_unfinished"]
            .map(|name| count(&run["flows"], &format!("/{name}")));
        assert_eq!(flows, [2_000, 1_900, 100, 0, 0, 0], "{}", run["flows"]);
        assert_eq!(count(run, "/audit/lost"), 0, "{}", run["audit"]);
        assert_eq!(count(run, "/confirms/0/confirm_ns/count"), 1_900, "of the others");
        assert_eq!(run["verdict"]["status"], "suspect", "{}", said(run));
        let of_all = if warmup == "0s" { "100 messages were refused" } else { "150 messages were refused" };
        assert!(said(run).contains(of_all) && said(run).contains("(5.00 % of those sent)"), "{}", said(run));
        assert!(said(run).contains("100 flows did not end (5.00 % of those started)"), "{}", said(run));
        assert!(!said(run).contains("before the drain deadline"), "nothing is unfinished: {}", said(run));
        let limit = Place::new().record(&format!("{line} --threshold refused=1%")).with_code(6);
        assert!(said(limit.only()).contains("limit 1.00 %"), "{}", said(limit.only()));
    }
}

#[test]
fn only_lost_messages_that_were_confirmed_break_a_promise() {
    for (sim, lost, confirmed_lost, code) in [
        // All are confirmed in the end.
        ("loss=3/1000,confirm=fixed:3ms --count 2k", 6, 6, 5),
        // Of the lost ones, with the numbers 0, 1000 and 2000, the last is confirmed when nobody waits any more.
        ("loss=1/1000,confirm=fixed:50ms --count 2001 --drain 10ms", 3, 2, 5),
        // None is ever confirmed.
        ("loss=1/1000,confirm=fixed:1h --count 1k --unconfirmed 2k --drain 1s", 1, 0, 0),
    ] {
        let record = Place::new().record(&format!("stream --sim service=fixed:10us,{sim} --rate 1k/s"));
        let audit = &record.only()["audit"];
        let found = ["/lost", "/confirmed_lost"].map(|at| count(audit, at));
        assert_eq!((found, record.code), ([lost, confirmed_lost], code), "{sim}: {audit}");
    }
    let table = Place::new().run("run stream --sim service=fixed:10us,loss=1/1000,confirm=fixed:50ms --rate 1k/s --count 2001 --drain 10ms");
    let said = words(&table.stdout);
    assert!(said.contains("2 lost,") && said.contains("1 lost without a confirm (allowed)"), "{said}");
    assert!(said.contains("messages confirmed (2 of them lost)"), "{said}");
}

#[test]
fn a_window_of_unconfirmed_messages_stands_under_the_table() {
    let place = Place::new();
    let line =
        "run stream --sim service=fixed:1us,confirm=fixed:10ms --in-flight 1k --count 1k --unconfirmed 10";
    let table = words(&place.run(line).with_code(0).stdout);
    assert!(table.contains("; unconfirmed 10;"), "{table}");
    assert!(!words(&place.run(&format!("run {TIMED}")).stdout).contains("; unconfirmed"), "the usual one");
}

#[test]
fn a_search_keeps_a_goal_for_confirm_times() {
    let place = Place::new();
    let search = |sim: &str, slo: &str| {
        let line = format!(
            "search stream --sim {sim} --slo {slo} --from 1k/s --to 1k/s --max-holds 1 --duration 2s --no-tui --out s.json"
        );
        place.run(&line)
    };
    let held =
        || Record::from_file(&place.path("s.json")).document["search"]["dispatches"][0]["holds"][0].clone();
    search("service=fixed:10us,confirm=fixed:3ms", "confirm_p99<4ms,unconfirmed=0");
    assert_eq!(held()["judgement"], "kept", "{}", held());
    let run = Record::from_file(&place.path("s.json"));
    assert!(
        number(run.runs().next().unwrap(), "/confirms/0/confirm_ns/p99") > 0.0,
        "the hold keeps its confirm times"
    );
    search("service=fixed:10us,confirm=fixed:3ms", "confirm.p99<2ms");
    assert_eq!(held()["judgement"], "missed", "{}", held());
    assert!(held()["reasons"].to_string().contains("confirm.p99 3.00 ms, not < 2 ms"), "{}", held());
    search("service=fixed:10us,confirm=fixed:1ms,refuse=1/1000", "p50<1s,refused=0");
    assert!(held()["reasons"].to_string().contains("refused 2, not = 0"), "{}", held());
    let silent = search("service=fixed:10us", "confirm.p99<2ms").with_code(2);
    assert!(silent.stderr.contains("confirms nothing to its senders"), "{}", silent.stderr);
}
