//! Runs the binary like a user, in a folder of its own and with a time limit, and reads its output.

use drumpost_core::clock::{Clock, Now};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    fmt::{Debug, Display},
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};
use tempfile::TempDir;

/// Nothing here takes longer, however busy the machine is.
pub(crate) const LIMIT: Duration = Duration::from_secs(240);

/// A folder with a binary to run in it.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for the test"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What is in the default folder, in the order of the names, but for the index.
    pub(crate) fn saved(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path(".drumpost")).unwrap().map(|entry| entry.unwrap());
        let is_index =
            |entry: &fs::DirEntry| entry.file_name().to_str().unwrap().starts_with("history.sqlite");
        let mut saved: Vec<_> = entries.filter(|entry| !is_index(entry)).map(|entry| entry.path()).collect();
        saved.sort();
        saved
    }

    /// The command, not started. The words of `line` are its arguments; those that hold blanks are added by the caller.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drumpost"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        // Tests of what is announced say where.
        command.env("DRUMPOST_NO_WATCH", "1");
        // Set by the cargo that runs the tests. A program that a user starts has none of them.
        for variable in ["CARGO_MANIFEST_DIR", "RUST_RECURSION_COUNT", "RUSTUP_TOOLCHAIN_SOURCE"] {
            command.env_remove(variable);
        }
        command.env("COLUMNS", "110").env_remove("NO_COLOR").env_remove("NATS_URL");
        command
    }

    /// Runs a command line to its end.
    pub(crate) fn run(&self, line: &str) -> Done {
        Running::start(&mut self.command(line)).end()
    }

    /// Runs a command line to its end with a defect put into the program.
    #[cfg(feature = "defects")]
    pub(crate) fn run_with(&self, defect: drumpost_defects::Defect, line: &str) -> Done {
        Running::start(self.command(line).env(drumpost_defects::VARIABLE, format!("{defect:?}"))).end()
    }

    /// Runs `run ... --json` to its end and reads the document.
    pub(crate) fn record(&self, line: &str) -> Record {
        self.run(&format!("run {line} --json")).record()
    }
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Done {
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The one document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}), code {}:\n{}", self.code, self.stderr))
    }

    #[track_caller]
    fn record(self) -> Record {
        Record { document: self.json(), code: self.code, text: self.stdout }
    }
}

/// A command under way. It is killed when the value is dropped.
pub(crate) struct Running {
    child: Child,
    clock: Clock,
    outputs: Option<[JoinHandle<String>; 2]>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let clock = Clock::start();
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let outputs = [reader(child.stdout.take()), reader(child.stderr.take())];
        Self { child, clock, outputs: Some(outputs) }
    }

    pub(crate) fn took(&self) -> Duration {
        Duration::from_nanos(self.clock.now_ns())
    }

    /// The number of the process. Only tests of some features ask for it.
    #[allow(dead_code, reason = "see above")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// As Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal can be sent");
    }

    /// Waits for the end, which is a failure of the test if it does not come.
    #[track_caller]
    pub(crate) fn end(mut self) -> Done {
        let status = self.wait();
        let took = self.took();
        let texts = self.outputs.take().expect("not ended yet").map(|thread| thread.join().expect("text"));
        let [stdout, stderr] = texts;
        Done { code: status.code().unwrap_or(-1), stdout, stderr, took }
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().expect("the state of a child") {
                return status;
            }
            assert!(self.took() < LIMIT, "still running after {LIMIT:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reader(from: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    let mut from = from.expect("a pipe");
    thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).expect("text in UTF-8");
        text
    })
}

/// The document of a run.
#[derive(Debug)]
pub(crate) struct Record {
    pub document: Value,
    pub code: i32,
    /// As printed.
    pub text: String,
}

impl Record {
    #[track_caller]
    pub(crate) fn from_file(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a saved record");
        Self { document: serde_json::from_str(&text).expect("a record in JSON"), code: 0, text }
    }

    /// A record with this exit code, and no other.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{:#?}", self.verdicts());
        self
    }

    fn verdicts(&self) -> Vec<(&Value, &Value, &Value)> {
        self.runs().map(|run| (&run["dispatch"], &run["verdict"], &run["audit"])).collect()
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = &Value> {
        self.document["runs"].as_array().expect("runs").iter()
    }

    /// The only run.
    #[track_caller]
    pub(crate) fn only(&self) -> &Value {
        assert_eq!(self.runs().count(), 1);
        &self.document["runs"][0]
    }

    #[track_caller]
    pub(crate) fn of(&self, dispatch: &str) -> &Value {
        let found = self.runs().find(|run| run["dispatch"] == dispatch);
        found.unwrap_or_else(|| panic!("no {dispatch} in {:?}", self.verdicts()))
    }
}

/// A number at a JSON pointer.
#[track_caller]
pub(crate) fn number(value: &Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
    found.as_f64().unwrap_or_else(|| panic!("{pointer} is {found}"))
}

/// A whole number at a JSON pointer.
#[track_caller]
pub(crate) fn count(value: &Value, pointer: &str) -> u64 {
    let found = value.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
    found.as_u64().unwrap_or_else(|| panic!("{pointer} is {found}"))
}

/// Asserts that `value` is off by at most a `share` of what is expected.
#[track_caller]
pub(crate) fn within(what: &str, value: f64, expected: f64, share: f64) {
    let off = (value - expected) / expected;
    assert!(
        off.abs() <= share,
        "{what}: {value} is {:+.3} % off {expected}, limit {:.3} %",
        off * 100.0,
        share * 100.0
    );
}

/// Asserts that everything was delivered once, in order and whole, and that there was something to deliver.
#[track_caller]
pub(crate) fn assert_clean(run: &Value) {
    let audit = &run["audit"];
    let what = format!("{}: {audit} {}", run["dispatch"], run["verdict"]);
    assert!(count(audit, "/sent") > 0 && count(run, "/flows/ended") > 0, "{what}");
    for fault in ["lost", "duplicated", "reordered", "corrupted", "unrouted", "negative_deltas"] {
        assert_eq!(audit[fault], 0, "{fault}: {what}");
    }
    assert_eq!(audit["delivered"], audit["expected"], "{what}");
    assert_all_recorded(run);
}

/// Every end of a flow is in the times: none was sampled away, dropped, or left in a lane.
#[track_caller]
pub(crate) fn assert_all_recorded(run: &Value) {
    // A fan-out ends at each of its three subscribers.
    let ends = if run["scenario"] == "fan-out" { 3 } else { 1 };
    let ended = count(run, "/flows/ended") * ends;
    for times in ["response_ns", "service_ns", "lag_ns"] {
        assert_eq!(count(run, &format!("/{times}/count")), ended, "{times} of {}", run["dispatch"]);
    }
}

/// Runs all cases at once, for tests whose cases mostly wait. The test fails if one of them does, and the cases that go on are waited for.
/// A panic names the case, of a long one its beginning.
pub(crate) fn at_once<T: Debug + Send>(cases: impl IntoIterator<Item = T>, run: impl Fn(T) + Sync) {
    let named = |case: T| (format!("{case:?}").chars().take(80).collect::<String>(), case);
    named_at_once(cases.into_iter().map(named), run);
}

/// As [`at_once`], for cases that say by a name which they are.
pub(crate) fn named_at_once<N: Display, T: Send>(
    cases: impl IntoIterator<Item = (N, T)>,
    run: impl Fn(T) + Sync,
) {
    let (run, caller) = (&run, thread::current());
    let test = caller.name().unwrap_or_default();
    thread::scope(|scope| {
        for (name, case) in cases {
            // A panic is told with the name of its thread. Cases may have cases of their own.
            let thread = thread::Builder::new().name(format!("{test}: {name}"));
            thread.spawn_scoped(scope, move || run(case)).expect("a thread for a case");
        }
    });
}

#[test]
fn a_case_runs_in_a_thread_of_its_name() {
    let test = thread::current().name().unwrap_or_default().to_owned();
    let name = || thread::current().name().unwrap_or_default().to_owned();
    named_at_once([("outer", 1)], |_| {
        at_once([("inner", "\0")], |_| assert_eq!(name(), format!(r#"{test}: outer: ("inner", "\0")"#)));
    });
}

/// Seeds to run an oracle with: `fixed`, and one more drawn from `DRUMPOST_TEST_SEED` if that is set. What holds must hold
/// for any of them.
pub(crate) fn seeds(fixed: &[u64]) -> Vec<u64> {
    let mut seeds = fixed.to_vec();
    if let Some(base) = std::env::var("DRUMPOST_TEST_SEED").ok().and_then(|text| text.parse::<u64>().ok()) {
        seeds.push(scrambled(base));
    }
    seeds
}

/// A number that says nothing about the one it was made from (splitmix64).
fn scrambled(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    // Seeds are kept small enough to be read exactly by whatever reads the document.
    (z ^ (z >> 31)) >> 12
}

/// Files under a folder that hold a text.
pub(crate) fn files_with(text: &str, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(text, &path));
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(text) {
            found.push(path.display().to_string());
        }
    }
    found
}
