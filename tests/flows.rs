//! Runs every scenario over every in-process transport for a moment: all messages arrive, once, in order and unchanged.
//!
//! Figures are not checked and runs end by count, so a busy machine does not fail these tests. A verdict may be
//! suspect, but the audit has to pass.

use crate::support::{Place, Record, assert_clean, count};
use serde_json::Value;

const FLOWS: u64 = 500;

const SHORT: &str = "--count 500 --warmup 20ms --trials 1";

/// A run of which all dispatches have a clean audit.
#[track_caller]
fn clean(line: &str) -> Record {
    let record = Place::new().record(&format!("{line} {SHORT}"));
    assert!([0, 6].contains(&record.code), "{line}: code {}", record.code);
    for run in record.runs() {
        assert_clean(run);
        assert_eq!(run["status"], "ok", "{line}: {}", run["error"]);
        if record.code == 0 {
            assert_ne!(run["verdict"]["status"], "invalid", "{line}: {}", run["verdict"]);
        }
    }
    record
}

fn listed(what: &str) -> Vec<Value> {
    let listing = Place::new().run("list --json").with_code(0).json();
    listing[what].as_array().unwrap().clone()
}

/// All there is in the process that can carry `scenario`, as the program chooses it, and at least those expected.
#[track_caller]
fn everywhere(scenario: &str, expected: &[&str]) {
    let record = clean(scenario);
    for dispatch in expected {
        record.of(dispatch);
    }
    let transports = listed("transports");
    let is_in_process = |transport: &&Value| transport["name"] != "sim" && transport["needs_server"] == false;
    let can = transports.iter().filter(is_in_process);
    for transport in can {
        let label = |run: &Value| run["dispatch"].as_str().unwrap().to_owned();
        let name = transport["name"].as_str().unwrap();
        assert!(
            record.runs().any(|run| label(run).ends_with(name)),
            "{scenario} does not run over {name}; it runs over {:?}",
            record.runs().map(label).collect::<Vec<_>>()
        );
    }
}

const ALL: [&str; 6] = [
    "message/rtrb",
    "message/crossbeam",
    "message/tokio-mpsc",
    "event/crossbeam",
    "event/tokio-broadcast",
    "event/listeners",
];

#[test]
fn order_authorization_everywhere() {
    everywhere("order-authorization", &ALL);
}

#[test]
fn payment_confirmation_everywhere() {
    everywhere("payment-confirmation", &ALL);
}

#[test]
fn stream_everywhere() {
    everywhere("stream", &ALL);
}

#[test]
fn fan_out_everywhere() {
    everywhere("fan-out", &ALL);
}

#[test]
fn ping_everywhere() {
    clean("ping");
}

#[test]
fn awaited_replies_leave_one_request_under_way() {
    let record = clean("order-authorization --dispatch message --reply await --in-flight 16");
    for run in record.runs() {
        assert_eq!(run["settings"]["reply"], "await");
        // One flow at a time at the one requester, and what the requester sends on afterwards.
        let in_flight = run["trials"][0]["mean_in_flight"].as_f64().unwrap();
        assert!(in_flight <= 16.0, "{in_flight} in {}", run["dispatch"]);
    }
    let line =
        "order-authorization --dispatch message/sim --sim service=fixed:1ms --in-flight 4 --duration 2s";
    let per_s = |reply: &str| {
        let record = Place::new().record(&format!("{line} --reply {reply}")).with_code(0);
        record.only()["throughput_per_s"].as_f64().unwrap()
    };
    // In virtual time it is exact: the payment service is never asked before it has answered, so either way it answers a
    // thousand a second; what is lost by waiting is nothing at one server and most of it at four.
    crate::support::within("one server", per_s("await"), per_s("async"), 0.01);
    let line = "ping --dispatch message/sim --sim service=fixed:1ms,servers=4 --in-flight 4 --duration 2s";
    let per_s = |reply: &str| {
        let record = Place::new().record(&format!("{line} --reply {reply}")).with_code(0);
        record.only()["throughput_per_s"].as_f64().unwrap()
    };
    crate::support::within("four servers, asked at once", per_s("async"), 4_000.0, 0.01);
    crate::support::within("four servers, asked in turn", per_s("await"), 1_000.0, 0.01);
}

#[test]
fn one_more_subscriber_is_more_deliveries_and_nothing_else() {
    let flows = 2_000;
    let line =
        format!("order-authorization --dispatch event/crossbeam --count {flows} --warmup 0s --trials 1");
    let audit = |more: &str| {
        let record = Place::new().record(&format!("{line} {more}"));
        assert_clean(record.only());
        let of = |what: &str| count(&record.only()["audit"], what);
        (of("/sent"), of("/delivered"))
    };
    let (alone, with) = (audit(""), audit("--with revenue-reporting"));
    assert_eq!(alone.0, with.0, "sent");
    assert_eq!(alone.0, alone.1, "one delivery of each");
    assert!(with.1 > alone.1 + flows / 2, "{alone:?} {with:?}");
}

#[test]
fn several_instances_share_the_work() {
    clean(
        "order-authorization --dispatch message/crossbeam,event/crossbeam --instances payment=4,warehouse=2",
    );
    let services = listed("scenarios");
    let stream = services.iter().find(|scenario| scenario["name"] == "stream").unwrap();
    let worker =
        stream["services"].as_array().unwrap().iter().find(|service| service["driven"] == false).unwrap();
    let name = worker["name"].as_str().unwrap();
    let record = clean(&format!("stream --dispatch message/crossbeam --instances {name}=4"));
    assert!(record.only()["settings"]["services"].to_string().contains(&format!("{name}=4")));
}

#[test]
fn batches_of_64() {
    clean("order-authorization --batch 64 --in-flight 256");
    clean("fan-out --batch 64 --in-flight 256");
}

#[test]
fn all_lanes_on_one_thread() {
    let record = clean("order-authorization --placement 1 --wait yield");
    assert_eq!(record.of("message/crossbeam")["settings"]["placement"], "all on 1 thread");
}

/// More lanes than cores do not take cores from each other, unless they are asked to; who sleeps in a port has a thread.
#[test]
fn no_more_threads_than_cores_by_default() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let line = format!("stream --dispatch message/crossbeam --instances worker={cores}");
    let stepped = if cores == 1 { "all on 1 thread".into() } else { format!("on {cores} threads") };
    for (how, placement) in [
        ("", stepped.as_str()),
        ("--placement cores", &stepped),
        ("--placement each", "a thread each"),
        ("--placement 1024", "a thread each"),
        ("--wait native", "a thread each"),
    ] {
        let record = clean(&format!("{line} {how}"));
        assert_eq!(record.of("message/crossbeam")["settings"]["placement"], placement, "{how}");
    }
}

#[test]
fn every_wait_strategy() {
    for wait in ["spin", "yield", "park", "native"] {
        let record = clean(&format!("stream --dispatch message/crossbeam,message/rtrb --wait {wait}"));
        assert_eq!(record.of("message/crossbeam")["settings"]["wait"], wait);
    }
}

#[test]
fn skewed_keys_and_payloads_of_all_sizes() {
    clean("order-authorization --keys zipf:1000,1.1 --payload lognormal:1KiB,0.5 --batch 16");
}

#[test]
fn open_loads() {
    for arrivals in ["constant", "poisson"] {
        let line = format!("order-authorization --rate 2k/s --arrivals {arrivals}");
        let record = clean(&line);
        for run in record.runs() {
            assert_eq!(run["load"], "open");
            assert_eq!((count(run, "/flows/due"), count(run, "/flows/started")), (FLOWS, FLOWS));
        }
    }
}

#[test]
fn a_count_is_measured_to_the_flow() {
    let line =
        "stream --dispatch message/crossbeam,event/tokio-broadcast --count 3k --warmup 20ms --trials 2";
    let record = Place::new().record(line);
    for run in record.runs() {
        assert_clean(run);
        assert_eq!((count(run, "/flows/ended"), count(run, "/response_ns/count")), (6_000, 6_000));
    }
}

/// The simulated target on the real clock: the same lanes and load, paced by a real schedule.
#[test]
fn a_simulated_target_on_the_real_clock() {
    let record = clean("stream --sim service=fixed:500us,clock=real --rate 500/s");
    let run = record.only();
    assert!(count(run, "/response_ns/min") >= 500_000, "{}", run["response_ns"]["min"]);
    assert_eq!(count(run, "/flows/due"), FLOWS);
    // The last is due a second after the first.
    assert!(count(run, "/elapsed_ns") >= 990_000_000, "{}", run["elapsed_ns"]);
}

/// Sub-microsecond responses are recorded like any other: none is dropped for being too small.
#[test]
fn regression_short_times_are_not_dropped() {
    let record = clean("stream --dispatch event/listeners --in-flight 1");
    let run = record.only();
    assert_eq!(count(run, "/response_ns/count"), count(run, "/flows/ended"));
}

#[test]
fn messages_are_not_given_back_where_nothing_takes_them_back() {
    for dispatch in ["message/sim", "message/crossbeam", "message/tokio-mpsc", "event/listeners"] {
        let line =
            format!("run stream --dispatch {dispatch} --poison worker:1/9 --trials 1 --duration 100ms");
        let done = Place::new().run(&line).with_code(2);
        let said = done.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("--poison needs a transport that takes a message back"), "{}", done.stdout);
    }
}

/// What cannot be opened is a row beside what can, and the exit code says so.
#[test]
fn a_refused_dispatch_is_a_row_beside_a_good_one() {
    let place = Place::new();
    let line = "run order-authorization --dispatch message/sim,message/crossbeam --kill payment@50ms/50ms";
    let done = place.run(&format!("{line} --duration 200ms --trials 1 --out record.json"));
    let record = Record::from_file(&place.path("record.json"));
    let refused = record.of("message/sim");
    assert_eq!((done.code, &refused["status"]), (2, &"refused".into()), "{}", done.stdout);
    assert!(refused["error"].as_str().unwrap().contains("--kill"), "{}", refused["error"]);
    assert!(done.stdout.contains("message/sim") && done.stdout.contains("--kill"), "{}", done.stdout);
}
