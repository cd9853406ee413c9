//! Backlogs (`--backlog`): a service is absent while messages pile up for it, and catches up with them.

use crate::support::{Place, assert_clean, count, number};
use drumpost::oracle;
use serde_json::Value;

/// The backlog of the only trial of a run.
#[track_caller]
fn backlog(run: &Value) -> &Value {
    let found = &run["trials"][0]["backlog"];
    assert!(found.is_object(), "no backlog: {} {}", run["error"], run["verdict"]);
    found
}

/// The phases follow each other without a gap, and what was sent and not received in them waits.
#[track_caller]
fn assert_phases(backlog: &Value) {
    let phases = backlog["phases"].as_array().expect("phases");
    let (mut waiting, mut from_ns) = (0, 0);
    for phase in phases {
        assert_eq!(phase["from_ns"], from_ns, "{phase}");
        waiting = waiting + count(phase, "/sent") - count(phase, "/received");
        assert_eq!(phase["waiting"], waiting, "{phase}");
        from_ns = count(phase, "/until_ns");
    }
    assert_eq!(backlog["left"], waiting);
}

/// A backlog of n messages is level after (n − level) ÷ (µ − λ).
#[test]
fn the_time_until_level_follows_from_the_rates() {
    for (service_us, rate, messages) in
        [(500_u32, 1_000_u32, 2_000_u64), (800, 1_000, 500), (250, 2_000, 3_000)]
    {
        let line = format!("stream --sim service=fixed:{service_us}us --rate {rate}/s --duration 10s");
        let record = Place::new().record(&format!("{line} --backlog worker:{messages}")).with_code(0);
        let run = record.only();
        assert_clean(run);
        assert_eq!(run["verdict"]["status"], "valid", "{}", run["verdict"]);
        let told = backlog(run);
        assert_phases(told);
        assert_eq!((count(told, "/waiting"), &told["reached"]), (messages, &true.into()));
        // What is sent in 10 ms.
        let level = count(told, "/level");
        assert_eq!(level, u64::from(rate) / 100, "{told}");
        let rates = (f64::from(rate), 1e6 / f64::from(service_us));
        let (expected, _) = oracle::catch_up(messages - level, rates.0, rates.1);
        // Messages are whole, so it may be level one of them earlier, and a schedule has no finer steps than its gaps.
        let step = 1.0 / (rates.1 - rates.0) + 0.5 / rates.0;
        let took = number(told, "/catch_up_ns") / 1e9;
        assert!((took - expected).abs() <= step, "{line}: {took} s, not {expected} s");
        let drained = number(told, "/drained_per_s");
        let (slow, fast) =
            ((messages - level) as f64 / (expected + step), (messages - level) as f64 / (expected - step));
        assert!((slow..=fast).contains(&drained), "{line}: {drained}/s");
        // The pile is in the response times: who came first waited for all others.
        let longest = number(run, "/response_ns/max") / 1e9;
        assert!((longest - messages as f64 / rates.0).abs() <= step, "{longest} s");
        assert_eq!(run["trials"][0]["outages"][0]["cause"], "absent");
    }
}

#[test]
fn the_table_and_the_series_say_what_happened() {
    let place = Place::new();
    let line =
        "run stream --sim service=fixed:500us --rate 1k/s --duration 6s --backlog worker:1s/20ms --seed 1";
    let done = place.run(&format!("{line} --out record.json")).with_code(0);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let stdout = words(&done.stdout);
    for said in [
        "messages waited for worker",
        "piling up",
        "catching up",
        "afterwards",
        "level (at most 20)",
        "flows started 0 ns late on average",
        "above the arrivals",
        "the response times above include the time in the backlog",
        "backlog worker:1s/20ms",
    ] {
        assert!(stdout.contains(said), "no `{said}` in\n{}", done.stdout);
    }
    let again = place.run("show record.json").with_code(0);
    assert!(words(&again.stdout).contains("level (at most 20)"), "{}", again.stdout);
    let csv = place.run("export record.json --format csv").with_code(0).stdout;
    let (names, first) = (csv.lines().next().unwrap(), csv.lines().nth(1).unwrap());
    let at = names.split(',').position(|name| name == "trial_backlog").expect("a column");
    let waiting: u64 = first.split(',').nth(at).unwrap().parse().expect("a count");
    assert!((999..=1_001).contains(&waiting), "{first}");
}

#[test]
fn a_backlog_that_does_not_go_or_does_not_come_is_said() {
    let line = "stream --sim service=fixed:1ms --rate 1k/s --duration 2s";
    let record = Place::new().record(&format!("{line} --backlog worker:500")).with_code(0);
    let run = record.only();
    assert_eq!((&run["verdict"]["status"], &backlog(run)["level_ns"]), (&"suspect".into(), &Value::Null));
    assert!(run["verdict"]["reasons"].to_string().contains("worker was never level"), "{}", run["verdict"]);
    assert_phases(backlog(run));
    let record = Place::new().record(&format!("{line} --backlog worker:3000")).with_code(6);
    let run = record.only();
    assert!(run["verdict"]["reasons"].to_string().contains("had not piled up"), "{}", run["verdict"]);
    // They join in the end, and nothing is lost.
    assert_clean(run);
    assert_eq!((&backlog(run)["reached"], count(backlog(run), "/left")), (&false.into(), 2_000));
}

#[test]
fn what_cannot_have_a_backlog_is_refused_in_a_sentence() {
    let refused = |line: &str, words: &[&str]| {
        let done = Place::new().run(&format!("run stream {line}")).with_code(2);
        let said = format!("{}{}", done.stdout, done.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.iter().all(|word| said.contains(word)), "{line}: no {words:?} in\n{said}");
    };
    let sim = "--sim service=fixed:1ms --rate 1k/s --duration 2s";
    refused(&format!("{sim} --backlog worker"), &["is not SERVICE:AMOUNT", "worker:100k"]);
    refused(&format!("{sim} --backlog worker:many"), &["is not SERVICE:AMOUNT"]);
    refused(&format!("{sim} --backlog nobody:10"), &["`nobody`", "known: producer, worker"]);
    refused(&format!("{sim} --backlog producer:10"), &["producer receives nothing"]);
    refused(&format!("{sim} --backlog worker=2:10"), &["worker has one instance"]);
    refused(&format!("{sim} --backlog worker:2s"), &["the load lasts 2.00 s"]);
    refused(&format!("{sim} --backlog worker:10k"), &["does not fit", "raise --capacity"]);
    refused(&format!("{sim} --instances worker=2 --backlog worker=1:10"), &["are absent together"]);
    refused(&format!("{sim} --window 100 --backlog worker:100"), &["raise --window"]);
    refused(&format!("{sim} --backlog worker:10 --kill worker@1s/1s"), &["use one of them"]);
    refused(
        "--sim service=fixed:1ms --backlog worker:100",
        &["stands still", "raise --in-flight", "--rate 10k/s"],
    );
    let memory = "--rate 1k/s --duration 200ms --trials 1 --backlog worker:10";
    for dispatch in ["message/crossbeam", "message/tokio-mpsc", "event/listeners"] {
        refused(&format!("--dispatch {dispatch} {memory}"), &["--backlog needs", "stores messages"]);
    }
    let done = Place::new().run("search stream --slo p99<1ms --backlog worker:10").with_code(2);
    assert!(done.stderr.contains("search takes no --backlog"), "{}", done.stderr);
}

/// Regression: what may lose messages by its confirms, or by the way of taking them, was refused as one that stores nothing.
#[cfg(feature = "brokers")]
#[test]
fn a_transport_that_delivers_at_most_once_may_store_all_the_same() {
    for (name, options) in [
        ("redis", "--set redis.take=pop"),
        ("kafka", "--set kafka.acks=0"),
        ("rabbitmq", "--set rabbitmq.confirms=off"),
        ("rabbitmq", "--set rabbitmq.replies=direct --acks before"),
    ] {
        let line =
            format!("run stream --dispatch message/{name} {options} --rate 1k/s --duration 200ms --trials 1");
        // Nothing listens there, so the run comes as far as that.
        let done = Place::new().run(&format!("{line} --server 127.0.0.1:1 --backlog worker:10"));
        let said = format!("{}{}", done.stdout, done.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("failed to reach") && !said.contains("--backlog needs"), "{line}: {said}");
    }
}

/// Over a broker the server keeps the backlog, and says how large it is.
#[cfg(feature = "nats")]
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_broker_keeps_a_backlog_and_its_consumers_catch_up() {
    let server = crate::nats::server::NatsServer::start();
    let at = format!("--dispatch message/jetstream --nats {}", server.url());
    for (what, instances, absent) in [("all of one", 1, 1), ("two of two", 2, 2)] {
        let line = format!(
            "stream {at} --instances worker={instances} --backlog worker={absent}:1200 --rate 1500/s"
        );
        let record =
            Place::new().record(&format!("{line} --duration 2500ms --warmup 100ms --trials 1 --drain 20s"));
        let run = record.only();
        let told = backlog(run);
        assert_phases(told);
        assert!([0, 6].contains(&record.code), "{what}: {}", run["verdict"]);
        assert_eq!((&run["audit"]["lost"], &run["audit"]["duplicated"]), (&0.into(), &0.into()), "{what}");
        assert_eq!(run["audit"]["delivered"], run["audit"]["expected"], "{what}");
        // It grew while the instances opened their consumers again.
        assert!(count(told, "/waiting") >= 1_200, "{what}: {told}");
        assert_eq!(
            (&told["reached"], count(told, "/phases/0/received")),
            (&true.into(), 0),
            "{what}: {told}"
        );
        let said = &told["server"];
        let (ready, counted) = (count(said, "/ready"), count(said, "/counted"));
        // It was asked up to 200 ms before it was heard of, and what is under way it does not have yet.
        assert!(ready > 0 && ready <= counted && counted <= ready + 1_000, "{what}: {said}");
        let took = number(told, "/catch_up_ns") / 1e9;
        assert!(took > 0.0 && number(told, "/drained_per_s") > 0.0, "{what}: {told}");
        assert!(
            count(told, "/phases/0/confirm_ns/count") > 0,
            "{what}: the senders were confirmed meanwhile"
        );
        let longest = number(run, "/response_ns/max") / 1e9;
        assert!(longest > 0.5, "{what}: the pile is in the response times, {longest} s");
        let outages = run["trials"][0]["outages"].as_array().expect("outages");
        assert_eq!(outages.len(), absent, "{what}");
        assert!(outages.iter().all(|outage| outage["cause"] == "absent"), "{what}: {outages:?}");
    }
    let lossy =
        format!("run stream --dispatch message/nats --nats {} --rate 1k/s --duration 200ms", server.url());
    let done = Place::new().run(&format!("{lossy} --trials 1 --backlog worker:10")).with_code(2);
    let said = done.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("keeps nothing for a service whose instances are away"), "{said}");
}
