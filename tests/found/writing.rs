//! What is printed and written: never lost without a word, and never over something that is no file of ours.

use crate::support::{Done, Place, Record, Running, count};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::Read,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// Some milliseconds of virtual time.
const QUICK: &str = "run stream --sim service=fixed:1ms --rate 100/s --count 50";
/// Three trials, each told about on stderr.
const TOLD: &str =
    "stream --dispatch message/rtrb --duration 50ms --warmup 0s --trials 3 --no-tui --out e.json";

/// Where writing always fails with "no space".
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("a full device").into()
}

/// A pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn ended(command: &mut Command) -> i32 {
    command.status().expect("the binary starts").code().expect("no signal ends it")
}

/// A record to show, compare and export.
fn with_record() -> Place {
    let place = Place::new();
    place.run(&format!("{QUICK} --out r.json")).with_code(0);
    place
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

#[test]
fn stderr_that_takes_nothing_ends_nothing() {
    for stderr in [full, closed_pipe] {
        let place = Place::new();
        let code = ended(place.command(&format!("run {TOLD}")).stdout(Stdio::null()).stderr(stderr()));
        assert!(code == 0 || code == 6, "code {code}");
        let record = Record::from_file(&place.path("e.json"));
        assert_eq!(record.only()["trials"].as_array().unwrap().len(), 3);
        assert_eq!(record.document["partial"], false);

        let line = "search stream --sim service=exp:1ms --slo p50<20ms --from 100/s --to 120/s --duration 2s --repeats 1 --out s.json";
        ended(place.command(line).stdout(Stdio::null()).stderr(stderr()));
        assert_eq!(Record::from_file(&place.path("s.json")).document["partial"], false);

        fs::write(
            place.path("suite.toml"),
            "[[matrix]]\nsim = \"service=fixed:1ms\"\ncount = 50\ntrials = 3\n",
        )
        .unwrap();
        let line = "suite suite.toml --out suite";
        let code = ended(place.command(line).stdout(Stdio::null()).stderr(stderr()));
        assert_eq!(code, 0);
        let line = "run nonsense";
        assert_eq!(ended(place.command(line).stdout(Stdio::null()).stderr(stderr())), 2);
    }
}

#[test]
fn stdout_that_takes_nothing_is_a_failure_and_a_reader_that_went_away_is_none() {
    let place = with_record();
    let lines = [
        "show r.json",
        "show r.json --json",
        "show r.json --hops",
        "export r.json --format csv",
        "export r.json --format hgrm --out -",
        "compare r.json r.json",
        "compare r.json r.json --json",
        "list",
        "list --json",
        "suite --schema",
        "completions bash",
        "--help",
        "--version",
        "help run",
        "search --help",
    ];
    let quick = [QUICK.to_owned(), format!("{QUICK} --json"), format!("{QUICK} --out -")];
    for line in lines.map(str::to_owned).into_iter().chain(quick) {
        let output = place.command(&line).stdout(full()).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}: {told}");
        assert!(told.contains("failed to write to stdout"), "{line}: {told}");
        let output = place.command(&line).stdout(closed_pipe()).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        // A record beside itself is shown and not judged.
        let code = if line.starts_with("compare ") { 7 } else { 0 };
        assert_eq!(output.status.code(), Some(code), "{line}: {told}");
        assert!(!told.contains("failed") && !told.contains("panicked"), "{line}: {told}");
    }
    // What could not be printed was saved all the same.
    assert!(place.path(".drumpost").read_dir().unwrap().count() > 0);
}

#[test]
fn a_pipe_is_written_into_and_stays_a_pipe() {
    let place = with_record();
    let pipe = place.path("pipe");
    mkfifo(&pipe);
    symlink("pipe", place.path("link")).unwrap();
    let csv = place.run("export r.json --format csv").with_code(0).stdout;
    for out in ["pipe", "link"] {
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        place.run(&format!("export r.json --format csv --out {out}")).with_code(0);
        assert_eq!(reader.join().unwrap(), csv);
    }
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    place.run(&format!("{QUICK} --out pipe")).with_code(0);
    let record: Value = serde_json::from_str(&reader.join().unwrap()).unwrap();
    assert_eq!(count(&record, "/seed"), 1);
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo(), "the pipe was replaced");
    assert!(place.path("link").is_symlink());
}

/// A socket, and a device where the tests may make one of their own. Neither takes anything: the device is always full.
#[test]
fn what_is_no_file_is_not_replaced() {
    let place = with_record();
    let _socket = UnixListener::bind(place.path("socket")).unwrap();
    let device = place.path("device");
    let made = Command::new("mknod").arg(&device).args(["c", "1", "7"]).output().unwrap();
    let has_device = made.status.success() && File::options().write(true).open(&device).is_ok();
    for name in ["socket", "device"].into_iter().take(if has_device { 2 } else { 1 }) {
        let kind = || fs::symlink_metadata(place.path(name)).unwrap().file_type();
        let before = kind();
        assert!(!before.is_file());
        let done = place.run(&format!("export r.json --format csv --out {name}")).with_code(2);
        assert!(done.stderr.contains(&format!("failed to write {name}")), "{}", done.stderr);
        place.run(&format!("{QUICK} --out {name}")).with_code(1);
        assert_eq!(kind(), before, "the {name} was replaced");
    }
}

#[test]
fn a_dash_is_stdout_and_a_file_behind_stdout_is_not_replaced() {
    let place = with_record();
    let csv = place.run("export r.json --format csv").with_code(0).stdout;
    for out in ["-", "/dev/stdout"] {
        let all = File::options().create(true).append(true).open(place.path("all")).unwrap();
        fs::write(place.path("all"), "before\n").unwrap();
        let line = format!("export r.json --format csv --out {out}");
        assert_eq!(ended(place.command(&line).stdout(all)), 0);
        assert_eq!(fs::read_to_string(place.path("all")).unwrap(), format!("before\n{csv}"));
        let done = place.run(&format!("{QUICK} --out {out}")).with_code(0);
        assert_eq!(count(&done.json(), "/seed"), 1);
    }
    assert!(!place.path("-").exists());
}

#[test]
fn a_link_is_followed_and_a_mode_is_kept() {
    let place = Place::new();
    symlink("target.json", place.path("link.json")).unwrap();
    for round in 0..2 {
        place.run(&format!("{QUICK} --out link.json")).with_code(0);
        assert!(place.path("link.json").is_symlink());
        let mode = fs::metadata(place.path("target.json")).unwrap().permissions().mode() & 0o777;
        assert!(round == 0 || mode == 0o600, "{mode:o}");
        fs::set_permissions(place.path("target.json"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    // Into a run of several trials, which is saved several times.
    place.run(&format!("{QUICK} --trials 5 --out target.json")).with_code(0);
    let mode = fs::metadata(place.path("target.json")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{mode:o}");
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let place = Place::new();
    fs::write(place.path("suite.toml"), "[[matrix]]\nsim = \"service=fixed:1ms\"\ncount = 50\n").unwrap();
    fs::create_dir(place.path("out")).unwrap();
    for target in ["../victim", "/dev/null"] {
        let lock = place.path("out/.lock");
        symlink(target, &lock).unwrap();
        let done = place.run("suite suite.toml --out out").with_code(2);
        assert!(done.stderr.contains(".lock: it is not a regular file"), "{}", done.stderr);
        assert!(!place.path("victim").exists(), "the link's target became the lock");
        fs::remove_file(lock).unwrap();
    }
    place.run("suite suite.toml --out out").with_code(0);
}

fn records(place: &Place) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    place.saved().into_iter().map(name).collect()
}

#[test]
fn runs_in_virtual_time_with_other_settings_have_files_of_their_own() {
    let place = Place::new();
    let run = |more: &str| place.run(&format!("run stream --sim service=fixed:1ms {more}")).with_code(0);
    let lines = [
        "--rate 100/s --count 50",
        "--rate 200/s --count 50",
        "--rate 100/s --count 51",
        "--rate 100/s --count 50 --trials 2",
        "--rate 100/s --count 50 --threshold rate_off=20%",
    ];
    for (done, line) in lines.iter().enumerate() {
        run(line);
        assert_eq!(records(&place).len(), done + 1, "{line} replaced another's file: {:?}", records(&place));
    }
    // The same once more is the same record, and there is one of it.
    let (names, before) = (records(&place), run(lines[0]).stdout);
    assert_eq!(records(&place), names);
    // A file that is there and is not that record stays as it is.
    let name = names.iter().find(|name| before.contains(name.as_str())).expect("the file is named");
    fs::write(place.path(".drumpost").join(name), "mine").unwrap();
    let again = run(lines[0]).stdout;
    assert_eq!(fs::read_to_string(place.path(".drumpost").join(name)).unwrap(), "mine");
    assert!(again.contains(&name.replace(".json", "-2.json")), "{again}");
}

/// The folder of the record goes away while it is measured, as a disk that fills up would: what was measured is kept.
#[test]
fn a_record_that_cannot_be_written_goes_to_a_second_place() {
    let place = Place::new();
    let (out, second) = (place.path("out"), place.path("second"));
    fs::create_dir(&second).unwrap();
    let line =
        "stream --dispatch message/rtrb --duration 300ms --warmup 0s --trials 5 --no-tui --out out/r.json";
    let mut command = place.command(&format!("run {line}"));
    let running = Running::start(command.env("TMPDIR", &second));
    while !out.join("r.json").exists() {
        thread::sleep(std::time::Duration::from_millis(5));
    }
    fs::remove_dir_all(&out).unwrap();
    fs::write(&out, "in the way").unwrap();
    let Done { code, stderr, .. } = running.end();
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("out/r.json") && stderr.contains("the record is in"), "{stderr}");
    let files: Vec<_> = fs::read_dir(&second).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let record = Record::from_file(&files[0]);
    assert_eq!(record.only()["trials"].as_array().unwrap().len(), 5);
    assert_eq!(fs::read_to_string(&out).unwrap(), "in the way");
}

#[test]
fn a_reader_of_one_line_gets_it_and_the_record_is_whole() {
    let place = Place::new();
    let mut child = place
        .command(&format!("run {TOLD}"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut first = [0; 20];
    child.stderr.take().unwrap().read_exact(&mut first).unwrap();
    let code = child.wait().unwrap().code().expect("no signal ends it");
    assert!(code == 0 || code == 6, "code {code}");
    assert_eq!(Record::from_file(&place.path("e.json")).document["partial"], false);
}

/// A run of one dispatch, as HdrHistogram's own tools read it: lines without a tag, and percentiles that differ from the
/// distribution of the same record by no more than the log's head says.
#[test]
fn every_export_of_a_run_is_read_by_another_implementation_and_they_agree() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use hdrhistogram::{
        Histogram,
        serialization::{
            Deserializer,
            interval_log::{IntervalLogIterator, LogEntry},
        },
    };
    let place = Place::new();
    let line = "run stream --sim service=exp:1ms --rate 400/s --arrivals poisson --duration 20s --trials 2";
    place.run(&format!("{line} --out r.json")).with_code(0);
    let export = |format: &str| place.run(&format!("export r.json --format {format}")).with_code(0).stdout;
    let log = export("hlog");
    let mut all = Histogram::<u64>::new(2).unwrap();
    for entry in IntervalLogIterator::new(log.as_bytes()) {
        let LogEntry::Interval(interval) = entry.expect("a line it understands") else { continue };
        assert_eq!(interval.tag(), None, "{log}");
        let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
        let times: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        let max_ms = times.highest_equivalent(times.max()) as f64 / 1e6;
        assert!((interval.max() / max_ms - 1.0).abs() < 0.0079, "{} {max_ms}", interval.max());
        all.add(times).unwrap();
    }
    assert!(
        log.contains("\n#[Precision: 2 significant digits, percentiles are at most 0.781 % too high"),
        "{log}"
    );
    let distribution = export("hgrm");
    let steps = distribution.lines().skip(2).take_while(|line| !line.starts_with('#'));
    let steps: Vec<Vec<f64>> =
        steps.map(|line| line.split_whitespace().map(|cell| cell.parse().unwrap()).collect()).collect();
    let total = steps.last().unwrap()[2] as u64;
    let ended = Record::from_file(&place.path("r.json")).only()["response_ns"]["count"].as_u64().unwrap();
    assert_eq!((all.len(), total), (ended, ended));
    for percentile in [0.5, 0.75, 0.9, 0.99] {
        let step = steps.iter().rfind(|step| step[1] <= percentile + 1e-9).unwrap();
        // Both readers: the value that this share of the times is not above.
        let coarse = all.value_at_quantile(step[1]) as f64;
        let fine = step[0];
        assert!((1.0 - 0.000_977..=1.007_82).contains(&(coarse / fine)), "{percentile}: {coarse} {fine}");
    }
    let series = export("csv");
    let counts = series.lines().skip(1).map(|line| line.split(',').nth(8).unwrap().parse::<u64>().unwrap());
    assert_eq!(counts.sum::<u64>(), ended);
}

/// `ulimit -f`: a file that grows beyond the limit is an error, and no signal that ends the process.
#[test]
fn a_limit_on_the_size_of_files_is_an_error_like_a_full_disk() {
    let place = Place::new();
    let mut command = Command::new("sh");
    let line = format!("ulimit -f 4; exec {} run {TOLD}", env!("CARGO_BIN_EXE_drumpost"));
    command
        .args(["-c", &line])
        .current_dir(place.path(""))
        .env("TMPDIR", place.path(""))
        .stdin(Stdio::null());
    let Done { code, stdout, stderr, .. } = Running::start(&mut command).end();
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stderr.contains("e.json") && stdout.contains("message/rtrb"), "{stdout}{stderr}");
}

/// A pipe that nobody writes into would be waited for without an end, and a device may have none.
#[test]
fn what_is_no_regular_file_is_no_record() {
    let place = with_record();
    mkfifo(&place.path("pipe"));
    let _socket = UnixListener::bind(place.path("socket")).unwrap();
    for (name, kind) in [("pipe", "a named pipe"), ("socket", "a socket"), ("/dev/zero", "a device")] {
        for command in [
            "show FILE",
            "watch FILE",
            "compare FILE r.json",
            "compare r.json FILE",
            "merge r.json FILE",
            "export FILE --format csv",
            "run --spec FILE",
            "suite FILE --list",
        ] {
            let line = command.replace("FILE", name);
            let done = place.run(&line).with_code(2);
            let said = done.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                said.contains(&format!("it is {kind}, and only regular files are read")),
                "{line}: {said}"
            );
            assert!(done.took < Duration::from_secs(10), "{line}: {:?}", done.took);
        }
    }
    // A folder of records is listed without what is no file.
    fs::create_dir(place.path("folder")).unwrap();
    fs::copy(place.path("r.json"), place.path("folder/r.json")).unwrap();
    mkfifo(&place.path("folder/pipe.json"));
    let listed = place.run("history folder --json").with_code(0).json();
    assert_eq!(listed["runs"].as_array().map(Vec::len), Some(1), "{listed}");
}

#[test]
fn a_file_without_an_end_in_sight_is_no_record() {
    let place = Place::new();
    // It has no blocks on the disk.
    File::create(place.path("large.json")).unwrap().set_len(257 << 20).unwrap();
    let done = place.run("show large.json").with_code(2);
    assert!(done.stderr.contains("it has more than 256 MiB"), "{}", done.stderr);
}
