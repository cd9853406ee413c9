//! What a transport promises and what the counts of a run say about it.

use super::faulty;
use crate::support::{Place, Record, Running, count, number};
use drumpost::{Exit, run};
use serde_json::Value;
use std::{ffi::OsString, fs, thread, time::Duration};

/// A receiver that is too slow for four places, over a transport that then drops messages.
const LOSSY: &str = "fan-out --dispatch event/tokio-broadcast --capacity 4 --in-flight 64 --batch 64 --count 400 \
                     --trials 1 --warmup 0s --flow-timeout 200ms";

/// The counts of messages and of flows of every trial add up.
#[track_caller]
fn assert_adds_up(run: &Value) {
    for trial in run["trials"].as_array().expect("trials") {
        let (audit, flows) = (&trial["audit"], &trial["flows"]);
        let of = |name: &str| count(audit, &format!("/{name}"));
        assert_eq!(of("unique") + of("lost") + of("unknown"), of("expected"), "{audit}");
        let of = |name: &str| count(flows, &format!("/{name}"));
        let refused = flows["refused"].as_u64().unwrap_or(0);
        assert_eq!(of("ended") + of("unfinished") + of("lost") + refused, of("started"), "{flows}");
    }
}

fn said(run: &Value) -> String {
    run["verdict"].to_string()
}

#[test]
fn loss_that_is_promised_is_counted_and_shown_and_does_not_fail_the_run() {
    let place = Place::new();
    let done = place.run(&format!("run {LOSSY} --out record.json"));
    let record = Record::from_file(&place.path("record.json"));
    let run = record.only();
    assert_eq!(run["promises"]["lossless"], false);
    assert!(run["settings"]["promise"].as_str().unwrap().contains("may lose"), "{}", run["settings"]);
    assert_adds_up(run);
    let lost = count(run, "/audit/lost");
    assert!(lost > 0, "nothing was lost: {}", run["audit"]);
    assert!(done.stdout.contains("lost (allowed)") && done.stdout.contains("may lose"), "{}", done.stdout);
    assert!(said(run).contains("which the transport's promise allows"), "{}", said(run));
    done.with_code(0);
    let asked = place.record(&format!("{LOSSY} --threshold lost=0")).with_code(6);
    assert!(said(asked.only()).contains("were lost"), "{}", said(asked.only()));
}

/// What the dashboard calls dropped is what the transport says it dropped: while a trial is under way nobody knows what
/// else was lost.
#[test]
fn what_a_transport_dropped_stands_on_the_dashboard() {
    let place = Place::new();
    let line = LOSSY.replace("--count 400", "--duration 1500ms");
    place.run(&format!("run {line} --out record.json --save-frame frame.svg"));
    let record = Record::from_file(&place.path("record.json"));
    let frame = fs::read_to_string(place.path("frame.svg")).unwrap();
    let (_, after) = frame.split_once(">dropped</text>").unwrap_or_else(|| panic!("{frame}"));
    let shown = after.split_once("</text>").unwrap().0.rsplit('>').next().unwrap();
    let dropped: u64 = shown.replace(',', "").parse().unwrap_or_else(|_| panic!("{shown} dropped"));
    // The last look at the trial was before its end.
    assert!(
        dropped > 0 && dropped <= count(record.only(), "/audit/lagged"),
        "{dropped} {}",
        record.only()["audit"]
    );
}

#[test]
fn a_search_whose_goal_is_no_loss_does_not_keep_a_rate_that_loses() {
    let place = Place::new();
    let line = "search fan-out --dispatch event/tokio-broadcast --capacity 1 --batch 64 --set fan-out.subscribers=8 \
                --slo lost=0 --from 200k/s --to 200k/s --duration 300ms --max-holds 1 --no-tui";
    let done = place.run(&format!("{line} --out s.json"));
    // On a busy machine the one hold that is allowed does not count.
    assert!([4, 7].contains(&done.code), "code {}: {}{}", done.code, done.stdout, done.stderr);
    let record = Record::from_file(&place.path("s.json")).document;
    let searched = &record["search"]["dispatches"][0];
    assert!(searched["kept_per_s"].is_null(), "{searched}");
    let held = &searched["holds"][0];
    assert_eq!(held["judgement"], "missed", "{held}");
    assert!(held["reasons"].to_string().contains("lost"), "{held}");
}

#[test]
fn a_trace_that_is_over_before_the_count_is_said() {
    let place = Place::new();
    fs::write(place.path("three.csv"), "at_s\n0.0\n0.002\n0.5\n").unwrap();
    let record =
        place.record("stream --sim service=fixed:1ms --arrivals trace:three.csv --count 50").with_code(0);
    assert_eq!(record.only()["verdict"]["status"], "suspect");
    assert!(
        said(record.only()).contains("only 3 of 50 flows were due: the trace has no more"),
        "{}",
        said(record.only())
    );
    let whole = place.record("stream --sim service=fixed:1ms --arrivals trace:three.csv --count 3");
    assert!(!said(whole.only()).contains("trace has no more"), "{}", said(whole.only()));
}

#[test]
fn what_was_under_way_when_a_run_failed_is_unknown_and_the_counts_add_up() {
    let line = "stream --sim service=fixed:10ms --rate 1k/s --window 7 --at-cap fail --count 500";
    let record = Place::new().record(line).with_code(1);
    let run = record.only();
    assert_eq!((count(run, "/audit/lost"), count(run, "/audit/unknown")), (0, 7), "{}", run["audit"]);
    assert_adds_up(run);
}

#[test]
fn what_was_under_way_when_a_run_was_interrupted_is_unknown_and_the_counts_add_up() {
    let place = Place::new();
    let line = "run stream --sim clock=real,service=fixed:400ms --in-flight 5 --duration 60s --warmup 0s --trials 1 \
                --out record.json --no-tui";
    let running = Running::start(&mut place.command(line));
    thread::sleep(Duration::from_millis(1_500));
    running.interrupt();
    running.end().with_code(130);
    let record = Record::from_file(&place.path("record.json"));
    let run = record.only();
    assert_adds_up(run);
    assert_eq!(count(run, "/audit/lost"), 0);
    assert!(count(run, "/audit/unknown") > 0, "{}", run["audit"]);
}

/// A server that stands still, and a load that ends when its window is full.
#[test]
fn the_time_of_a_run_that_failed_ends_when_it_failed() {
    let line = "stream --sim service=fixed:1us,stall=590s/600s --rate 1k/s --window 5k --at-cap fail --count 60k \
                --capacity 65536";
    let place = Place::new();
    let done = place.run(&format!("run {line} --out record.json")).with_code(1);
    let record = Record::from_file(&place.path("record.json"));
    let run = record.only();
    assert_adds_up(run);
    assert!(number(run, "/elapsed_ns") > 590e9, "until it failed: {}", run["elapsed_ns"]);
    assert!(!said(run).contains("the schedule planned"), "{}", said(run));
    assert!(done.stdout.contains("5,000 unknown"), "{}", done.stdout);
}

/// Flows that never end are part of the time in which flows were started.
#[test]
fn a_load_by_count_whose_flows_do_not_end_has_the_rate_that_was_asked_for() {
    let line = "stream --sim service=fixed:1us,loss=1/2 --rate 1k/s --count 3k --drain 1s";
    let record = Place::new().record(line);
    let run = record.only();
    assert_eq!(count(run, "/flows/unfinished"), 1_500, "{}", run["flows"]);
    let due_per_s = number(run, "/due_per_s");
    assert!((due_per_s / 1_000.0 - 1.0).abs() < 0.02, "{due_per_s} were due");
    assert!(!said(run).contains("the schedule planned"), "{}", said(run));
    // And a slow target is no slow schedule.
    let slow = Place::new().record("stream --sim service=fixed:5ms --rate 1k/s --count 500");
    assert!(!said(slow.only()).contains("the schedule planned"), "{}", said(slow.only()));
}

#[test]
fn a_kill_is_refused_where_a_queue_goes_with_its_consumer() {
    for dispatch in ["message/tokio-mpsc", "event/tokio-broadcast", "message/crossbeam"] {
        let line =
            format!("run stream --dispatch {dispatch} --kill worker@100ms/50ms --duration 300ms --trials 1");
        let done = Place::new().run(&line);
        assert!(
            done.stdout.contains("--kill needs a transport whose instances can leave and return"),
            "{}",
            done.stdout
        );
        // In the words of a user, and as the table says it.
        assert!(!done.stdout.contains("REOPENS"), "{}", done.stdout);
        assert!(done.stderr.contains("trial 1/1 refused"), "{}", done.stderr);
        done.with_code(2);
    }
}

/// A transport of a third party whose server refuses some of what it took, and does not answer for some.
#[test]
fn what_a_server_refused_stands_in_record_table_export_and_picture() {
    let place = Place::new();
    let line = "drumpost run stream --dispatch message/taskless --set faulty.kind=refuse --set faulty.at=confirmed \
                --count 300 --warmup 0s --trials 1 --no-tui";
    let mut words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    words.extend(["--out".into(), place.path("r.json").into_os_string()]);
    words.extend(["--save-frame".into(), place.path("frame.svg").into_os_string()]);
    assert_eq!(run(faulty::registry(), words), Exit::Ok);
    let record = Record::from_file(&place.path("r.json"));
    let run = record.only();
    let confirms =
        ["confirmed", "refused", "unconfirmed"].map(|name| count(&run["audit"], &format!("/{name}")));
    assert_eq!(confirms, [258, 37, 5]);
    let by_destination =
        ["confirmed", "refused", "unconfirmed"].map(|name| count(run, &format!("/confirms/0/{name}")));
    assert_eq!((by_destination, count(run, "/confirms/0/confirm_ns/count")), ([258, 37, 5], 258));
    assert_eq!(run["verdict"]["status"], "suspect");
    assert!(said(run).contains("37 messages were refused by the transport"), "{}", said(run));
    assert!(said(run).contains("5 messages were neither confirmed nor refused"), "{}", said(run));
    let table = place.run("show r.json").with_code(0).stdout;
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        table.contains("258 of 300 messages confirmed, 37 refused, 5 unconfirmed; confirm time p50 "),
        "{table}"
    );
    let csv = place.run("export r.json --format csv").with_code(0).stdout;
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let at = lines.next().unwrap().iter().position(|name| *name == "trial_refused").unwrap();
    let refused: Vec<&str> = lines.map(|line| line[at]).collect();
    assert!(!refused.is_empty() && refused.iter().all(|cell| *cell == "37"), "{csv}");
    let frame = fs::read_to_string(place.path("frame.svg")).unwrap();
    for word in [">confirmed", ">258<", ">refused", ">37<", ">unconfirmed", ">5<"] {
        assert!(frame.contains(word), "no {word} in the last frame of the dashboard:\n{frame}");
    }
}

/// As many messages come twice as are lost. A flow that ended twice once passed for one that was lost.
#[test]
fn a_flow_that_ends_twice_does_not_stand_for_one_that_is_lost() {
    for dispatch in ["message/sim", "event/sim"] {
        for (batch, load) in [(1, "--rate 10k/s"), (64, "--rate 1M/s"), (1, "--in-flight 8")] {
            let line = format!(
                "stream --dispatch {dispatch} --sim service=fixed:10us,loss=1/1000,duplicate=2/1000 --count 20k --batch {batch} \
                 --flow-timeout 20ms --warmup 0s {load}"
            );
            let record = Place::new().record(&line).with_code(5);
            let (audit, flows) = (&record.only()["audit"], &record.only()["flows"]);
            let counts = ["lost", "duplicated"].map(|name| count(audit, &format!("/{name}")));
            assert_eq!(counts, [20, 20], "{line}: {audit}");
            let counts = ["started", "ended", "unfinished", "ended_again"]
                .map(|name| count(flows, &format!("/{name}")));
            assert_eq!(counts, [20_000, 19_980, 20, 20], "{line}: {flows}");
            assert_eq!(count(record.only(), "/response_ns/count"), 19_980, "{line}");
            assert!(!said(record.only()).contains("ended twice"), "{line}: {}", said(record.only()));
        }
    }
}

/// A message that comes again in the middle of a flow causes messages of its own, and those are new. That the flow ends twice
/// is then not known, and a note says so.
#[test]
fn where_it_is_not_known_whether_flows_ended_twice_a_note_says_so() {
    let line = "ping --dispatch message/sim --sim service=fixed:10us,loss=1/1000,duplicate=2/1000 --count 20k --rate 1k/s \
                --flow-timeout 20ms --warmup 0s";
    let record = Place::new().record(line).with_code(5);
    assert!(said(record.only()).contains("counted as ended twice"), "{}", said(record.only()));
}
