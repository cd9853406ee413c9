//! What a verdict says of the machine, and the server under test as part of the result.

use crate::support::{Place, Record, count};
use drumpost_core::clock::{Clock, Now};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Shells that each keep a core busy, ended with the value.
struct Burners(Vec<Child>);

impl Burners {
    fn start(count: usize) -> Self {
        let burner = |_| {
            Command::new("sh")
                .args([
                    "-c",
                    "while kill -0 $PPID; do i=0; while [ $i -lt 99999 ]; do i=$((i+1)); done; done",
                ])
                .stdin(Stdio::null())
                .spawn()
                .unwrap()
        };
        Self((0..count).map(burner).collect())
    }
}

impl Drop for Burners {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().unwrap().get()
}

#[test]
fn what_burns_a_core_beside_a_run_makes_it_suspect_and_is_named() {
    let burners = Burners::start(cores());
    let line = "stream --dispatch message/crossbeam --rate 200/s --duration 1s --trials 1";
    let record = Place::new().record(line);
    let pids: Vec<u32> = burners.0.iter().map(Child::id).collect();
    drop(burners);
    let run = record.only();
    assert_ne!(run["verdict"]["status"], "valid", "{}", run["verdict"]);
    let host = run["verdict"]["host"].to_string();
    assert!(host.contains("other processes used"), "{host}");
    let busiest = run["trials"][0]["busiest"].as_array().unwrap();
    let is_burner = |busy: &Value| pids.iter().any(|pid| busy["pid"] == *pid && busy["name"] == "sh");
    // Where a build is under way beside the test, its compilers may be busier than the burners: five are kept.
    assert!(busiest.iter().any(is_burner) || busiest.len() == 5, "{pids:?} {busiest:?}");
    let first = &busiest[0];
    let named = format!("`{}` (pid {})", first["name"].as_str().unwrap(), first["pid"]);
    assert!(host.contains(&named), "{named} is the busiest: {host}");
    let first = &run["verdict"]["reasons"][0];
    assert_eq!(first, &run["verdict"]["host"][0], "the machine's reasons come first");
    assert!(!run["verdict"].to_string().contains("own thread was the bottleneck"), "{}", run["verdict"]);
}

#[test]
fn the_machines_reasons_stand_once_above_the_rows() {
    let burners = Burners::start(cores());
    let line = "run stream --dispatch crossbeam --rate 200/s --duration 600ms --trials 1 --no-tui";
    let done = Place::new().run(line);
    drop(burners);
    assert_eq!(done.stdout.matches("other processes used").count(), 1, "{}", done.stdout);
    let (machine, head) = (done.stdout.find("machine  "), done.stdout.find("throughput"));
    assert!(machine.is_some() && machine < head, "{}", done.stdout);
}

/// What a run records is enough for the note: had half of the machine been idle, it would stand in the table.
#[test]
fn a_window_that_limits_a_closed_load_is_said_in_the_table() {
    let place = Place::new();
    place.run(
        "run stream --dispatch message/tokio-mpsc --in-flight 64 --duration 300ms --trials 1 --out r.json",
    );
    let mut record = Record::from_file(&place.path("r.json")).document;
    let trial = &mut record["runs"][0]["trials"][0];
    let window_ns = count(trial, "/hygiene/window_ns");
    for (name, ns) in [
        ("cores_ns", 2 * window_ns),
        ("idle_ns", window_ns),
        ("own_ns", window_ns),
        ("others_ns", 0),
        ("steal_ns", 0),
        ("busiest_thread_ns", window_ns / 2),
    ] {
        let figure = &mut trial["hygiene"][name];
        assert!(figure.is_u64(), "{name} is not recorded");
        *figure = ns.into();
    }
    assert!(trial["mean_in_flight"].is_number(), "{trial}");
    trial["mean_in_flight"] = 60.0.into();
    fs::write(place.path("r.json"), record.to_string()).unwrap();
    // With a limit of its own it is judged anew.
    let table = place.run("show r.json --threshold steal=2%").with_code(0).stdout;
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["the throughput is limited by the window of 64 flows. On average", "Try --in-flight 256"] {
        assert!(table.contains(words), "{words}: {table}");
    }
}

#[test]
fn a_process_to_observe_that_is_not_there_is_refused() {
    let place = Place::new();
    let refused = |line: &str, words: &str| {
        let done = place.run(&format!("run stream --count 10 {line}")).with_code(2);
        assert!(done.stderr.contains(words), "{}", done.stderr);
    };
    refused("--dispatch message/crossbeam --observe 1", "no dispatch of this run has a server");
    if cfg!(feature = "nats") {
        refused("--dispatch message/nats --observe no-such-program", "no other process has this name");
        refused("--dispatch message/nats --observe 4000000000", "no other process has this number");
    }
}

#[cfg(feature = "nats")]
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_broker_on_this_machine_is_a_part_of_the_result_and_not_another_process() {
    use crate::nats::server::NatsServer;
    let server = NatsServer::start();
    let line = format!("stream --dispatch message/nats,message/jetstream --nats {}", server.url());
    let record = Place::new().record(&format!("{line} --rate 500/s --duration 1s --warmup 300ms --trials 1"));
    for run in record.runs() {
        let trial = &run["trials"][0];
        let observed = &trial["server"];
        assert_eq!(observed["missing"], Value::Null, "{observed}");
        assert_eq!(observed["product"], "nats-server");
        assert!(observed["version"].as_str().is_some_and(|version| version.starts_with('2')), "{observed}");
        let processes = observed["processes"].as_array().unwrap();
        assert!(processes.len() == 1 && processes[0]["pid"] == server.pid(), "{observed}");
        assert!(
            count(observed, "/cpu_ns") > 0 && count(observed, "/memory_peak_bytes") > 1 << 20,
            "{observed}"
        );
        // Of the window: the warm-up's messages are in neither.
        let (sent, audited) = (count(observed, "/messages"), count(&run["audit"], "/sent"));
        assert!(sent > 0 && sent < audited, "{sent} of {audited}");
        // Of what the cores did, the server's part is none of the others'. A quota would take from the idle time.
        let hygiene = &trial["hygiene"];
        assert!(hygiene["quota_millicores"].is_null(), "run it where no quota holds: {hygiene}");
        let ns = |name: &str| count(hygiene, &format!("/{name}_ns"));
        let busy_ns = ns("cores") - ns("idle") - ns("steal");
        let others_ns = busy_ns.saturating_sub(ns("own")).saturating_sub(count(observed, "/cpu_ns"));
        assert_eq!(ns("others"), others_ns, "{hygiene} {observed}");
        let busiest = trial["busiest"].to_string();
        assert!(!busiest.contains(&format!("\"pid\":{},", server.pid())), "{busiest}");
        let per_message = run["server"]["cpu_ns_per_message"].as_f64().unwrap();
        let expected = count(observed, "/cpu_ns") as f64 / sent as f64;
        assert!((per_message / expected - 1.0).abs() < 1e-9, "{per_message} {expected}");
    }
}

#[cfg(feature = "nats")]
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_server_named_by_its_process_is_observed_and_told_in_the_table() {
    use crate::nats::server::NatsServer;
    let server = NatsServer::start();
    for observe in [server.pid().to_string(), "nats-server".to_owned()] {
        let line = format!("run stream --dispatch message/nats --nats {} --observe {observe}", server.url());
        let done = Place::new().run(&format!("{line} --count 500 --trials 1 --no-tui"));
        // Other tests may have servers of that name at the same time, and a long list of them is wrapped.
        let told = done.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(&format!("found by --observe {observe}")), "{}", done.stdout);
        assert!(done.stdout.contains("flows per core"), "{}", done.stdout);
    }
}

/// Writes a program that does what `script` says.
fn program(folder: &Path, name: &str, script: &str) {
    fs::write(folder.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_pinned_nats_server_is_built_although_another_is_installed_and_a_fallback_is_said() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/nats-server");
    let text = fs::read_to_string(script).unwrap();
    let pinned = text.lines().find_map(|line| line.strip_prefix("version=v")).unwrap().to_owned();
    let server = |version: &str| {
        format!("case $1 in --version) echo nats-server: v{version};; --help) echo ' --jetstream';; esac")
    };
    let run = |go: &str, installed: &str| {
        let folder = tempfile::tempdir().unwrap();
        let tools = folder.path().join("tools");
        program(folder.path(), "nats-server", &server(installed));
        program(folder.path(), "go", go);
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let done = Command::new("bash")
            .arg(script)
            .env_clear()
            .envs([("PATH", path.as_str()), ("DRUMPOST_TOOLS", tools.to_str().unwrap())])
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        let text = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec()).unwrap().replace(folder.path().to_str().unwrap(), "TEMP")
        };
        (text(&done.stdout), text(&done.stderr))
    };
    let builds = format!(
        "printf '#!/bin/sh\\n%s\\n' \"{}\" > $GOBIN/nats-server; chmod 755 $GOBIN/nats-server",
        server(&pinned).replace('$', "\\$")
    );
    assert_eq!(run(&builds, "2.9.10").0, "TEMP/tools/bin/nats-server\n");
    let (path, said) = run("echo no network >&2; exit 1", "2.9.10");
    assert_eq!(path, "TEMP/nats-server\n");
    assert!(
        said.contains("is not to be had (go install failed: no network); taking v2.9.10 at TEMP/nats-server"),
        "{said}"
    );
    assert_eq!(run("exit 1", &pinned), ("TEMP/nats-server\n".into(), String::new()));
}

/// In a control group that this test makes, with a tenth of a core.
#[test]
#[ignore = "needs root and a control group with a processor controller that can be written to"]
fn a_quota_that_holds_threads_back_makes_a_run_suspect() {
    let version_1 = Path::new("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").exists();
    let root = if version_1 { "/sys/fs/cgroup/cpu" } else { "/sys/fs/cgroup" };
    let group = Path::new(root).join(format!("drumpost-test-{}", std::process::id()));
    fs::create_dir(&group).unwrap();
    if version_1 {
        fs::write(group.join("cpu.cfs_period_us"), "100000").unwrap();
        fs::write(group.join("cpu.cfs_quota_us"), "10000").unwrap();
    } else {
        fs::write(group.join("cpu.max"), "10000 100000").unwrap();
    }
    let place = Place::new();
    let mut command = Command::new("sh");
    let script = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", group.display());
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_drumpost"), "run", "stream"]);
    command.args(["--dispatch", "message/crossbeam", "--duration", "1s", "--trials", "1", "--json"]);
    let output = command.current_dir(place.path("")).stdin(Stdio::null()).output().unwrap();
    let clock = Clock::start();
    while fs::remove_dir(&group).is_err() && clock.now_ns() < 5_000_000_000 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let run = &document["runs"][0];
    let host = run["verdict"]["host"].to_string();
    assert!(host.contains("the CPU quota of 0.1 cores stopped threads for"), "{host}");
    assert_eq!(run["trials"][0]["hygiene"]["quota_millicores"], 100);
    assert_ne!(run["verdict"]["status"], "valid");
}
