//! Tests of the command line: help, errors, and what goes to stdout and to stderr.

use crate::support::{Place, Record, Running, assert_clean};
use serde_json::Value;
use std::fs;

#[test]
fn help_of_the_program() {
    insta::assert_snapshot!(Place::new().run("-h").with_code(0).stdout);
}

#[test]
fn help_of_run() {
    insta::assert_snapshot!(Place::new().run("run -h").with_code(0).stdout);
}

/// The long help explains what the short help has no room for, and every command has the same list of exit codes.
#[test]
fn long_help_explains_and_lists_all_exit_codes() {
    let words = |line: &str| {
        let text = Place::new().run(line).with_code(0).stdout;
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let program = words("--help");
    let (_, codes) = program.split_once("Exit codes: ").unwrap();
    for (command, says) in [
        ("run", "drumpost run stream -d message/crossbeam --rate 10k/s"),
        ("search", "A hold is one trial"),
        ("suite", "Only cells whose name"),
        ("compare", "Without --duration a trial takes 250 ms in process and 1 s over a server"),
    ] {
        let help = words(&format!("{command} --help"));
        assert!(help.contains(says) && help.contains(codes), "{help}");
        assert!(!help.contains("--help has"), "{help}");
    }
    assert!(words("compare -h").ends_with(codes));
    assert!(words("suite -h").contains("--only <TEXT>") && words("run --help").contains("--at-cap <HOW>"));
}

/// A terminal is 80 columns wide at least, and a screen has 50 lines at most.
#[test]
fn short_help_of_every_command_fits_a_screen() {
    let commands = [
        "",
        "run",
        "search",
        "suite",
        "list",
        "show",
        "compare",
        "export",
        "selftest",
        "contract",
        "clean",
        "completions",
        "watch",
    ];
    for command in commands {
        let place = Place::new();
        let done = Running::start(place.command(&format!("{command} -h")).env("COLUMNS", "80")).end();
        let lines = done.with_code(0).stdout.lines().count();
        assert!(lines <= 50, "{command} -h has {lines} lines");
    }
}

/// Exit code 2, nothing on stdout, and one message on stderr that says all of `says`.
#[track_caller]
fn refused(line: &str, says: &[&str]) {
    refused_in(&Place::new(), line, says);
}

#[track_caller]
fn refused_in(place: &Place, line: &str, says: &[&str]) {
    let done = place.run(line);
    let said = format!("{line}: code {}\n{}{}", done.code, done.stdout, done.stderr);
    assert_eq!((done.code, done.stdout.is_empty()), (2, true), "{said}");
    // What the parser of flags finds is followed by a tip and the usage; everything else is one line.
    let is_one_sentence = done.stderr.starts_with("drumpost: ") && done.stderr.lines().count() == 1;
    assert!(is_one_sentence || done.stderr.starts_with("error: "), "{said}");
    assert!(says.iter().all(|word| done.stderr.contains(word)), "{said}expected {says:?}");
    assert!(!place.path(".drumpost").exists(), "{line} left a folder behind");
}

#[test]
fn a_typo_is_named_with_what_was_meant() {
    refused("run stream --dispatch message/crosbeam", &["`crosbeam`", "did you mean `crossbeam`?"]);
    refused("run strem", &["unknown scenario `strem`", "did you mean `stream`?", "order-authorization"]);
    refused("run --durtion 3s", &["--durtion", "'--duration'"]);
    refused("run --rate 1k/s --arrivals poison", &["--arrivals", "\"poison\"", "constant, poisson, ramp"]);
    refused("runn", &["'runn'"]);
    refused("run --dispatch mesage/crossbeam", &["`mesage`", "did you mean `message`?", "event"]);
}

#[test]
fn a_value_without_its_unit_is_refused_with_an_example() {
    refused("run --duration 3", &["'3'", "--duration", "the unit is missing", "10s"]);
    refused("run --rate abc", &["'abc'", "--rate", "10k/s"]);
    refused("run --count 0", &["--count", "at least 1"]);
    refused("run --batch 0", &["--batch", "must be from 1 to 65536"]);
    refused("run --wait forever", &["--wait", "spin, yield, park or native"]);
    refused("run --placement none", &["--placement", "`each`"]);
    refused("run --payload lognormal:1", &["--payload", "lognormal:1KiB,0.5"]);
    refused("run --keys zipf:10", &["--keys", "zipf:10000,1.1"]);
    refused("run --rate 1k/s --in-flight 4", &["--rate", "--in-flight"]);
    refused("run --arrivals poisson", &["--arrivals", "`poisson` needs a --rate", "--rate 10k/s"]);
    refused("run --rate 1k/s --arrivals ramp:to=2k/s", &["--arrivals", "`over=`", "ramp:to=20k/s,over=10s"]);
    refused("run --arrivals poisson --in-flight 4", &["--arrivals", "--in-flight"]);
    refused("run --senders 3", &["--senders", "--rate 10k/s"]);
    refused("run --window 3", &["--window", "--rate 10k/s"]);
    refused("run --rate 1k/s --senders 100001", &["--senders", "must be from 1 to 100000"]);
    refused("run --content compressible", &["--content", "compressible:4"]);
    refused("run --headers 4", &["'4'", "--headers", "COUNTxSIZE", "4x32B"]);
    refused("run --headers 65x1B", &["'65x1B'", "--headers", "65 headers are more than 64"]);
    refused("run --headers 1x5KiB", &["--headers", "values of 5120 bytes are longer than 4KiB"]);
    refused("search --slo p99<1ms --headers 0x1B", &["--headers", "write none instead of a count of 0"]);
    refused("run --touch none", &["--touch", "neither inside nor outside"]);
}

#[test]
fn a_trace_that_cannot_be_replayed_is_refused_with_its_line() {
    let place = Place::new();
    fs::write(place.path("t.csv"), "0\n0.1\nsoon\n").unwrap();
    refused_in(&place, "run --arrivals trace:t.csv", &["--arrivals", "t.csv:3: the time \"soon\""]);
    fs::write(place.path("t.csv"), "0\n0.1\n").unwrap();
    refused_in(&place, "run --arrivals trace:t.csv", &["ends after 100 ms", "the warm-up of 200 ms"]);
    refused_in(&place, "run --arrivals trace:t.csv --rate 1k/s", &["a trace has times of its own", "--rate"]);
    refused_in(&place, "run --arrivals trace:t.csv --senders 2", &["--senders", "which already says when"]);
}

#[test]
fn an_intent_that_a_transport_cannot_honour_is_named() {
    refused("run --dispatch event/rtrb", &["event/rtrb: ", "Event `order.placed`", "message/rtrb"]);
    refused("run --dispatch message/listeners", &["message/listeners: listeners cannot carry Request"]);
    refused("run --dispatch message/tokio-broadcast", &["cannot carry", "event/tokio-broadcast"]);
}

#[test]
fn an_unknown_service_is_refused_with_those_there_are() {
    let known = ["`nobody`", "known: order, payment, warehouse"];
    for flag in [
        "--with nobody",
        "--without nobody",
        "--instances nobody=2",
        "--kill nobody@1s/1s",
        "--poison nobody:1/9",
    ] {
        refused(&format!("run --dispatch message/crossbeam {flag}"), &known);
    }
    refused("run --instances payment", &["'payment'", "worker=4"]);
    for wrong in
        ["payment", "payment:1/0", "payment:2/10", "payment:1/10x0", "payment:1/10x1001", "payment:1/1e3"]
    {
        refused(&format!("run --poison {wrong}"), &[&format!("'{wrong}'"), "worker:1/1000", "TIMES"]);
    }
    refused("run stream --poison producer:1/9", &["producer receives nothing in this style"]);
    refused("run --kill payment", &["'payment'", "worker@1s/500ms"]);
    refused("run --kill payment@1/1s", &["'payment@1/1s'", "--kill", "\"1\" as a duration", "as in 1s"]);
}

#[test]
fn a_simulated_target_is_described_without_mistakes() {
    refused("run --sim serice=exp:1ms", &["unknown key `serice`", "service, servers, stall"]);
    refused("run --sim service=exp", &["`exp`", "such as `exp:1ms`"]);
    refused("run --sim service=exp:1", &["\"1\" is no duration", "as in 1s"]);
    refused("run --sim stall=60s/1s", &["shorter than its period"]);
    refused("run --sim loss=5/3", &["first A of every B"]);
    refused("run --sim clock=wall", &["`virtual`", "`real`"]);
    refused("run --sim service=exp:1ms --dispatch message/crossbeam", &["--sim", "message/sim"]);
    refused("run --sim service=exp:1ms --kill receiver@1s/1s", &["--kill"]);
}

#[test]
fn a_limit_that_there_is_not_is_refused_wherever_it_is_given() {
    let typo = ["unknown threshold `lag_shre`", "did you mean `lag_share`?", "steal"];
    refused("run stream --threshold lag_shre=1", &typo);
    refused("run stream --threshold lag_share", &["`lag_share`", "KEY=VALUE"]);
    refused("run stream --threshold lag_floor_ns=100", &["\"100\" is no duration", "100us"]);
    let place = Place::new();
    place.run("run ping --sim service=exp:1ms --count 50 --in-flight 1 --out record.json").with_code(0);
    refused_in(&place, "show record.json --threshold lag_shre=1", &typo);
    refused_in(&place, "compare record.json record.json --threshold lag_shre=1", &typo);
}

#[test]
fn an_option_that_nothing_knows_is_refused() {
    refused(
        "run fan-out --duration 50ms --trials 1 --set fan-out.subscriber=2",
        &["`fan-out.subscriber`", "fan-out.subscribers"],
    );
    refused("run stream --set subscribers", &["KEY=VALUE"]);
}

#[test]
fn flows_that_could_deadlock_are_refused() {
    for load in ["--in-flight 3000", "--rate 1k/s --window 3000"] {
        refused(
            &format!("run order-authorization --dispatch message/crossbeam {load} --capacity 4096"),
            &["could deadlock", "at most 2048", "--capacity"],
        );
    }
    let line = "order-authorization --dispatch message/crossbeam --in-flight 2048 --capacity 4096";
    let record = Place::new().record(&format!("{line} --count 5k --warmup 0s --trials 1"));
    assert_clean(record.only());
}

#[test]
fn a_place_that_cannot_be_written_is_found_before_anything_runs() {
    let place = Place::new();
    fs::write(place.path("file"), "").unwrap();
    fs::create_dir(place.path("folder")).unwrap();
    let run = "run stream --dispatch message/crossbeam --duration 60s --out";
    refused_in(
        &place,
        &format!("{run} file/record.json"),
        &["file/record.json", "file is a file, not a folder", "--out"],
    );
    refused_in(&place, &format!("{run} folder"), &["folder", "--out"]);
    refused_in(&place, &format!("{run} slip/of/r.json"), &["--out", "there is no folder slip; make it"]);
    assert!(!place.path("slip").exists());
    refused_in(&place, &format!("{run} /proc/record.json"), &["/proc/record.json", "--out"]);
    let read_only = place.path("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::set_permissions(&read_only, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    let line = format!("{run} read-only/record.json");
    if !rustix::process::geteuid().is_root() {
        return refused_in(&place, &line, &["read-only/record.json", "--out"]);
    }
    // Root may do anything, so another user tries it, with a copy that this user may run.
    let program = place.path("drumpost");
    fs::copy(env!("CARGO_BIN_EXE_drumpost"), &program).unwrap();
    fs::set_permissions(place.path("."), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = std::process::Command::new(program);
    command.args(line.split_whitespace()).current_dir(place.path(".")).env("HOME", place.path("."));
    std::os::unix::process::CommandExt::uid(&mut command, 65_534);
    let done = Running::start(&mut command).end().with_code(2);
    assert!(
        done.stderr.contains("read-only/record.json") && done.stderr.contains("--out"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_record_that_is_not_there_is_no_surprise() {
    refused("show nothing.json", &["nothing.json"]);
    refused("compare nothing.json nothing.json", &["nothing.json"]);
    refused("compare nothing.json", &["two records", "--between message/crossbeam,event/crossbeam"]);
}

#[test]
fn stdout_has_one_document_and_nothing_else() {
    let place = Place::new();
    let line =
        "run stream --dispatch message/crossbeam,message/rtrb --duration 100ms --warmup 0s --trials 2 --json";
    fs::create_dir(place.path("here")).unwrap();
    let done = place.run(&format!("{line} --out here/and/there.json"));
    // A second document, or a word before or after, would not be read.
    let document: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(document["runs"].as_array().unwrap().len(), 2);
    assert_eq!(document, Record::from_file(&place.path("here/and/there.json")).document);
    assert!(!place.path(".drumpost").exists());
}

/// Names that others read from the document.
#[test]
fn the_document_has_what_others_rely_on() {
    let line = "order-authorization --dispatch message/crossbeam,event/crossbeam --count 4k --trials 1";
    let record = Place::new().record(line);
    assert_eq!(record.document["schema_version"], 1);
    for run in record.runs() {
        assert_eq!(run["scenario"], "order-authorization");
        for field in ["throughput_per_s", "cpu_ns_per_message"] {
            assert!(run[field].as_f64().is_some_and(|number| number > 0.0), "{field}: {}", run[field]);
        }
        for field in ["p50", "p90", "p99", "p99_9", "max", "count"] {
            assert!(run["response_ns"][field].is_u64(), "{field}: {}", run["response_ns"][field]);
            assert!(run["service_ns"][field].is_u64() && !run["lag_ns"][field].is_null(), "{field}");
        }
        for field in ["sent", "delivered", "lost", "duplicated", "reordered", "corrupted"] {
            assert!(run["audit"][field].is_u64(), "{field}: {}", run["audit"][field]);
        }
        let status = run["verdict"]["status"].as_str().unwrap();
        assert!(["valid", "suspect", "invalid"].contains(&status));
        assert!(run["verdict"]["reasons"].is_array());
    }
    let dispatches: Vec<&Value> = record.runs().map(|run| &run["dispatch"]).collect();
    assert_eq!(dispatches, ["message/crossbeam", "event/crossbeam"]);
}

#[test]
fn list_says_what_there_is() {
    let listing = Place::new().run("list --json").with_code(0).json();
    let names = |what: &str| -> Vec<String> {
        let all = listing[what].as_array().unwrap().iter();
        all.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
    };
    let transports = names("transports");
    for name in ["crossbeam", "rtrb", "tokio-mpsc", "tokio-broadcast", "listeners", "sim"] {
        assert!(transports.iter().any(|known| known == name), "{name}");
    }
    assert_eq!(
        transports.iter().any(|known| known == "nats" || known == "jetstream"),
        cfg!(feature = "nats")
    );
    for name in ["order-authorization", "payment-confirmation", "stream", "fan-out", "ping"] {
        assert!(names("scenarios").iter().any(|known| known == name), "{name}");
    }
    let entries = |what: &str| listing[what].as_array().unwrap().clone();
    for entry in entries("transports").iter().chain(&entries("scenarios")) {
        let styles = entry["styles"].as_array().unwrap();
        assert!(!styles.is_empty() && styles.iter().all(|style| style == "message" || style == "event"));
    }
    for transport in entries("transports") {
        let intents = transport["intents"].as_array().unwrap();
        let known = ["Command", "Request", "Reply", "Event"];
        assert!(
            !intents.is_empty() && intents.iter().all(|intent| known.iter().any(|known| intent == known))
        );
    }
    for (what, name) in [("arrivals", "ramp"), ("arrivals", "trace"), ("payloads", "pareto"), ("keys", "hot")]
    {
        assert!(names(what).iter().any(|known| known == name), "{name}");
        assert!(listing[what].as_array().unwrap().iter().all(|form| {
            form["grammar"]
                .as_str()
                .is_some_and(|grammar| grammar.starts_with(form["name"].as_str().unwrap()))
        }));
    }
    let text = Place::new().run("list").with_code(0).stdout;
    assert!(transports.iter().all(|name| text.contains(name.as_str())), "{text}");
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = Place::new().run(&format!("completions {shell}")).with_code(0).stdout;
        assert!(script.contains("in-flight") && script.contains("drumpost"), "{shell}");
    }
}

/// What a beginner types first: the main scenario in both styles over everything in the process.
#[test]
fn without_arguments_the_main_job_is_run() {
    let place = Place::new();
    let done = place.run("");
    assert!([0, 6].contains(&done.code), "{}{}", done.stdout, done.stderr);
    let saved = place.saved();
    assert_eq!(saved.len(), 1, "{saved:?}");
    let record = Record::from_file(&saved[0]);
    for dispatch in ["message/crossbeam", "event/crossbeam", "message/tokio-mpsc", "event/tokio-broadcast"] {
        assert_clean(record.of(dispatch));
        assert_eq!(record.of(dispatch)["scenario"], "order-authorization");
        assert!(done.stdout.contains(dispatch), "{}", done.stdout);
    }
}

#[test]
fn a_transport_that_promises_less_than_was_asked_for_is_refused() {
    for (dispatch, guarantee, says) in [
        ("event/tokio-broadcast", "at-least-once", "promises at-most-once delivery: a message may be lost"),
        ("event/tokio-broadcast", "exactly-once", "--guarantee exactly-once cannot be kept"),
        ("message/crossbeam", "exactly-once --acks before", "message/crossbeam has no acknowledgements"),
        (
            "message/crossbeam",
            "twice",
            "`twice` is no guarantee: at-most-once, at-least-once or exactly-once",
        ),
    ] {
        refused(&format!("run stream --dispatch {dispatch} --guarantee {guarantee}"), &[says]);
    }
}

#[test]
fn a_guarantee_that_is_kept_stands_in_the_record_and_leaves_out_what_does_not_keep_it() {
    let place = Place::new();
    let line = "run stream --rate 100/s --count 20 --trials 1 --warmup 0s --no-tui --json --out r.json";
    let broken = format!("{line} --sim service=fixed:1ms,loss=1/10 --guarantee at-most-once");
    let record = place.run(&broken).json();
    assert_eq!(record["runs"][0]["settings"]["guarantee"], "at-most-once");
    assert_eq!(
        record["runs"][0]["audit"]["lost"], 2,
        "the simulated target gives what is asked for, and no more"
    );
    assert_eq!(record["runs"][0]["promises"]["delivery"], "at-most-once");
    let quick = line.replace("100/s", "1k/s");
    let dispatches = |guarantee: &str| -> Vec<String> {
        let record = place.run(&format!("{quick} --dispatch event --guarantee {guarantee}")).json();
        let runs = record["runs"].as_array().unwrap();
        let names = runs.iter().map(|run| run["dispatch"].as_str().unwrap().to_owned());
        // Not every build has these.
        let lacking = ["/unix", "/zeromq", "/iceoryx2"];
        names.filter(|name| !lacking.iter().any(|end| name.ends_with(end))).collect()
    };
    let (some, all) = (dispatches("exactly-once"), dispatches("at-most-once"));
    assert_eq!(some, ["event/crossbeam", "event/listeners"]);
    assert_eq!(all, ["event/crossbeam", "event/tokio-broadcast", "event/listeners"]);
}
