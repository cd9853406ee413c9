//! Input of every kind: what is typed, what is in a file, and what a file or a server would like to do to a terminal.

use crate::support::{Done, Place, Record};
use drumpost_results::plain::acts;
use serde_json::{Value, json};
use std::fs;

const NASTY: &str = "x\u{1b}[31m\u{1b}]52;c;eA==\u{7}\u{9b}2J\u{202e}y";

fn sample() -> Value {
    let text = include_str!("../../results/tests/samples/v1.json");
    serde_json::from_str(text).unwrap()
}

/// A text without its line breaks.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn saved(place: &Place, record: &Value) {
    fs::write(place.path("r.json"), record.to_string()).unwrap();
}

/// The range of a number is told once, as it is checked.
#[test]
fn the_range_of_an_option_is_listed_once() {
    let listed = Place::new().run("list --options fan-out").with_code(0).stdout;
    assert_eq!(listed.replace(',', "").matches("16384").count(), 1, "{listed}");
}

/// Three flags once had three grammars, and a transport's option a fourth.
#[test]
fn a_duration_means_the_same_wherever_it_is_typed() {
    let place = Place::new();
    for time in ["1min", "1m", "60s", "0.5m30s", "60000ms", "60000000µs", "60000000us"] {
        let line = format!(
            "stream --dispatch message/sim --sim service=exp:{time} --think {time} --drain {time} --flow-timeout {time} \
             --in-flight 1 --count 2 --threshold lag_floor_ns={time}"
        );
        let record = place.record(&line);
        let settings = &record.only()["settings"];
        assert_eq!(settings["think"], "fixed:60s", "{time}");
        assert_eq!(settings["drain_ns"], 60_000_000_000_u64, "{time}");
        assert_eq!(settings["flow_timeout_ns"], 60_000_000_000_u64, "{time}");
        assert_eq!(record.document["thresholds"]["lag_floor_ns"], 60_000_000_000_u64, "{time}");
    }
}

#[test]
fn a_rate_and_a_duration_without_a_unit_are_refused_alike() {
    let place = Place::new();
    for (line, says) in [
        (
            "run stream --rate 10",
            "--rate <RATE>': failed to read \"10\" as a rate: the time is missing, as in 10/s",
        ),
        (
            "run stream --duration 5",
            "--duration <TIME>': failed to read \"5\" as a duration: the unit is missing, as in 5s",
        ),
        (
            "run stream --think 5",
            "--think <TIME>': failed to read \"5\" as a think time: \"5\" is no duration: the unit is missing",
        ),
        ("run stream --sim stall=5/60s", "stall: \"5\" is no duration: the unit is missing"),
        ("run stream --kill worker@1s/5", "--kill <NAME@AT/FOR>': failed to read \"5\" as a duration"),
        (
            "run stream --warmup 0s --duration 0ms",
            "--duration <TIME>': failed to read \"0ms\" as a duration: it takes no time at all",
        ),
        ("search stream --slo p99<1ms --hold 0s", "--hold <TIME>': failed to read \"0s\" as a duration"),
        (
            "run stream --rate 1k/s --arrivals ramp:to=20,over=1s",
            "to: \"20\" is no rate: the time is missing",
        ),
    ] {
        let done = place.run(line).with_code(2);
        assert!(done.stderr.contains(says), "{line}: {}", done.stderr);
    }
    let record = place.record("stream --dispatch message/sim --rate 600/min --duration 0.5m");
    assert_eq!(record.only()["settings"]["rate_per_s"], 10.0);
}

#[test]
fn a_public_trace_is_read_by_the_names_of_its_columns() {
    let place = Place::new();
    let lines = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:47.6805900,\"396.0\",109\r\n";
    fs::write(place.path("azure.csv"), format!("\u{feff}{lines}")).unwrap();
    let line = "stream --dispatch message/sim --arrivals trace:azure.csv";
    let refused = place.run(&format!("run {line}")).with_code(2);
    assert!(refused.stderr.contains("--trace-columns at=TIMESTAMP"), "{}", refused.stderr);
    let record = place.record(&format!("{line} --trace-columns at=TIMESTAMP,size=ContextTokens"));
    assert_eq!(record.only()["flows"]["ended"], 2);
    assert_eq!(record.only()["settings"]["payload"], "by the trace");
    assert_eq!(record.only()["settings"]["duration_ns"], 1_000_000_001);
}

#[test]
fn a_column_that_is_nearly_known_is_not_passed_over() {
    let place = Place::new();
    for (text, says) in [
        ("at_s,sizes\n1,2\n", "size=sizes"),
        ("1732190000000,3\n", "a time of 13 digits is probably ms"),
        ("at_us,size\n1732190000123456789,3\n", "a time of 19 digits is probably ns"),
    ] {
        fs::write(place.path("t.csv"), text).unwrap();
        let done = place.run("run stream --dispatch message/sim --arrivals trace:t.csv").with_code(2);
        assert!(done.stderr.contains(says), "{}", done.stderr);
    }
    fs::write(place.path("t.csv"), "at_s,Size\n1,64\n2,64\n").unwrap();
    let record = place.record("stream --dispatch message/sim --arrivals trace:t.csv");
    assert_eq!(record.only()["settings"]["payload"], "by the trace");
}

/// A terminal does what it reads: the name in a record must not rename its window or fill its clipboard.
#[test]
fn nothing_from_a_file_acts_on_the_terminal() {
    let place = Place::new();
    let mut record = sample();
    record["partial"] = json!(true);
    record["partial_reason"] = json!(NASTY);
    for run in record["runs"].as_array_mut().unwrap() {
        run["scenario"] = json!(NASTY);
        run["dispatch"] = json!(format!("{}{NASTY}", run["dispatch"]));
        run["error"] = json!(NASTY);
        run["settings"]["batch"] = json!(NASTY);
        for trial in run["trials"].as_array_mut().unwrap() {
            trial["notes"] = json!([NASTY]);
            trial["error"] = json!(NASTY);
        }
    }
    saved(&place, &record);
    fs::write(place.path("s.toml"), format!("[[matrix]]\nscenario = '{NASTY}'\n")).unwrap();
    fs::write(place.path("t.csv"), format!("1,{NASTY}\n")).unwrap();
    for line in [
        "show r.json --hops",
        "show r.json --json",
        "compare r.json r.json",
        "compare r.json r.json --json",
        "export r.json --format csv",
        "export r.json --format hlog",
        "export r.json --format hgrm",
        "suite s.toml --list",
        "run stream --dispatch message/sim --arrivals trace:t.csv",
    ] {
        let done = place.run(line);
        let all: String = format!("{}{}", done.stdout, done.stderr);
        // What cannot be shown, exported or run for its names is refused; nothing breaks.
        assert!(!all.is_empty() && [0, 2, 6, 7].contains(&done.code), "{line}: code {}", done.code);
        assert!(!all.chars().any(acts), "{line}: {all:?}");
    }
    let shown = place.run("show r.json --json").with_code(0).json();
    assert_eq!(shown["runs"][0]["scenario"], NASTY, "escaped, and still the same document");
}

#[test]
fn names_of_a_file_are_cut() {
    let place = Place::new();
    let mut record = sample();
    record["runs"][0]["dispatch"] = json!("n".repeat(70_000));
    record["runs"][0]["scenario"] = json!("s".repeat(70_000));
    saved(&place, &record);
    let shown = place.run("show r.json --hops").with_code(0);
    assert!(shown.stdout.len() < 40_000 && shown.stdout.contains("nnn…"), "{}", shown.stdout.len());
    // One run with a name that nobody has is compared with itself: whatever is concluded, names are cut.
    let compared = place.run("compare r.json r.json");
    assert!([0, 6, 7].contains(&compared.code), "code {}: {}", compared.code, compared.stderr);
    assert!(compared.stdout.len() < 40_000 && compared.stdout.contains("nnn…"), "{}", compared.stdout.len());
    // The row of a side. Where settings differ, it is the name of a run.
    for (run, batch) in record["runs"].as_array_mut().unwrap().iter_mut().zip(1..) {
        run["scenario"] = json!("stream");
        run["side"] = json!({ "role": "head", "row": "r".repeat(70_000), "name": "main" });
        run["settings"]["batch"] = json!(batch);
    }
    saved(&place, &record);
    let shown = place.run("show r.json").with_code(0);
    assert!(shown.stdout.len() < 40_000 && shown.stdout.contains("rrr…"), "{}", shown.stdout.len());
    let long = "x".repeat(70_000);
    fs::write(place.path("s.toml"), format!("[[matrix]]\nscenario = ['ping', '{long}']\n")).unwrap();
    let short = |done: &Done| {
        let all = format!("{}{}", done.stdout, done.stderr);
        all.len() < 20_000 && all.contains("xxx…")
    };
    let refused = place.run("suite s.toml --list").with_code(2);
    assert!(short(&refused), "{}", refused.stderr);
    fs::write(place.path("s.toml"), format!("[[matrix]]\nscenario = 'ping'\nwith = ['{long}', 'b']\n"))
        .unwrap();
    let listed = place.run("suite s.toml --list").with_code(0);
    assert!(short(&listed), "{}", listed.stdout.len());
}

#[test]
fn counts_that_cannot_be_added_up_are_refused_by_name() {
    let place = Place::new();
    for (place_of, field) in [("flows", "due"), ("audit", "sent"), ("audit", "lost")] {
        let mut record = sample();
        record["runs"][0]["trials"][0][place_of][field] = json!(1_u64 << 63);
        saved(&place, &record);
        let done = place.run("show r.json").with_code(2);
        let at = format!("runs[0].trials[0].{place_of}.{field}: 9223372036854775808 is more than");
        assert!(done.stderr.contains(&at), "{}", done.stderr);
    }
}

/// The head of a histogram says how much memory its reader takes.
#[test]
fn a_histogram_that_claims_to_be_huge_takes_no_memory() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let place = Place::new();
    let mut bytes = Vec::new();
    // V2, so many bytes of counts, no offset, 3 digits, from 1 to the highest, ratio 1.
    bytes.extend(0x1c84_9313_u32.to_be_bytes());
    bytes.extend(u32::MAX.to_be_bytes());
    bytes.extend(0_u32.to_be_bytes());
    bytes.extend(3_u32.to_be_bytes());
    bytes.extend(1_u64.to_be_bytes());
    bytes.extend(u64::MAX.to_be_bytes());
    bytes.extend(1_f64.to_be_bytes());
    let mut record = sample();
    record["runs"][0]["trials"][0]["response_ns"]["histogram"] = json!(STANDARD.encode(bytes));
    saved(&place, &record);
    let mut command = std::process::Command::new("sh");
    let line = format!("ulimit -v 2000000; exec {} show r.json", env!("CARGO_BIN_EXE_drumpost"));
    let done = command.args(["-c", &line]).current_dir(place.path("")).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("response_ns") && said.contains("longer than it is"), "{said}");
}

#[test]
fn a_short_suite_of_many_cells_is_refused_at_once() {
    let place = Place::new();
    let list = (1..=99).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let keys = ["batch", "capacity", "trials", "in-flight", "seed"].map(|key| format!("{key} = [{list}]\n"));
    fs::write(place.path("s.toml"), format!("[[matrix]]\n{}", keys[..4].concat())).unwrap();
    let done = place.run("suite s.toml --list").with_code(2);
    assert!(done.stderr.contains("gives 96059601 cells or more"), "{}", done.stderr);
    assert!(done.stderr.contains("s.toml: [[matrix]] `matrix-1`, line 1"), "{}", done.stderr);
}

/// What a run in a queue of so many messages says where a process may have so much memory. It is refused.
fn refused_for_memory(kib: u32, flags: &str) -> String {
    let program = env!("CARGO_BIN_EXE_drumpost");
    let line =
        format!("ulimit -v {kib}; exec {program} run stream --dispatch message/crossbeam --count 10 {flags}");
    let place = Place::new();
    let done =
        std::process::Command::new("sh").args(["-c", &line]).current_dir(place.path("")).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    said
}

#[test]
fn a_queue_that_does_not_fit_memory_is_not_tried() {
    let said = refused_for_memory(4_000_000, "--capacity 268435456");
    assert!(said.contains("--capacity: queues of this length take about 14 GiB"), "{said}");
}

/// The limit would do for the queue alone.
#[test]
fn what_the_process_takes_already_counts_against_its_limit() {
    let said = refused_for_memory(600_000, "--capacity 10900k --in-flight 10M");
    assert!(said.contains("--capacity: queues of this length take about 582 MiB, but only"), "{said}");
}

#[test]
fn list_has_options_services_and_thresholds_with_their_defaults() {
    let place = Place::new();
    let listing = place.run("list --json").with_code(0).json();
    let scenario = |name: &str| {
        let all = listing["scenarios"].as_array().unwrap();
        all.iter().find(|scenario| scenario["name"] == name).unwrap().clone()
    };
    assert_eq!(scenario("fan-out")["options"][0]["name"], "fan-out.subscribers");
    let thresholds = listing["thresholds"].as_array().unwrap();
    assert_eq!(thresholds.len(), drumpost_results::verdict::Thresholds::ALL.len());
    let text = place.run("list").with_code(0).stdout;
    // Every option of everything that is listed, with its default.
    let mut options = 0;
    for entry in ["transports", "scenarios"].iter().flat_map(|what| listing[what].as_array().unwrap()) {
        for option in entry["options"].as_array().unwrap() {
            let of = |field: &str| option[field].as_str().unwrap();
            // What follows the name of a secret is hidden wherever it is printed.
            let says = match option["secret"] == true {
                true => format!("--set {}=*** [default: {}", of("name"), of("default")),
                false => format!("--set {}={} [default: {}", of("name"), of("form"), of("default")),
            };
            assert!(on_one_line(&text).contains(&on_one_line(&says)), "{says}: {text}");
            options += 1;
        }
    }
    assert!(options > 0, "{listing}");
    for says in [
        "services: order (starts the flows), payment, warehouse",
        "--set fan-out.subscribers=N [default: 3]",
        "stall=TIME/TIME [default: none]",
        "lag_floor_ns",
        "100 µs",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
}

/// A default that `list` states is the one that is read: it is declared once, and its grammar takes it.
#[test]
fn every_default_fits_its_grammar_and_everything_is_made_of_defaults() {
    use drumpost_core::registry::Options;
    let registry = drumpost::builtin();
    let (mut names, mut variables) = (Vec::new(), Vec::new());
    for option in registry.options() {
        if let Some(default) = option.default {
            assert_eq!(option.check(default), Ok(()), "{}", option.name);
        }
        names.push(option.name);
        variables.extend(option.environment);
    }
    let unique = |all: &[&str]| all.iter().collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!((unique(&names), unique(&variables)), (names.len(), variables.len()));
    assert!(names.contains(&"fan-out.subscribers") && names.contains(&"sim"), "{names:?}");
    for entry in &registry.transports {
        assert!(entry.made(&Options::default()).is_ok(), "{} is not made without options", entry.name);
    }
    for entry in &registry.scenarios {
        assert!(entry.made(&Options::default()).is_ok(), "{} is not made without options", entry.name);
    }
}

#[test]
fn one_distribution_of_a_search_is_had_by_advice_that_helps() {
    let place = Place::new();
    let search = "search stream --dispatch message/sim --sim service=fixed:1ms --slo p99<20ms --from 100/s --to 2k/s \
                  --duration 20s --repeats 1 --out s.json";
    place.run(search);
    for line in ["export s.json --format hgrm", "export s.json --format hgrm --dispatch message/sim"] {
        let done = place.run(line).with_code(2);
        assert!(done.stderr.contains("drumpost run --rate "), "{}", done.stderr);
        assert!(!done.stderr.contains("choose one with --dispatch"), "{}", done.stderr);
    }
    let _ = Record::from_file(&place.path("s.json"));
}
