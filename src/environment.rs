//! Facts about the machine and the process, for the record. The only module that reads the wall clock.

use crate::secrets;
use drumpost_core::clock::ClockReport;
use std::{
    collections::BTreeMap,
    fs,
    hash::{BuildHasher, RandomState},
    time::SystemTime,
};

/// The time, RFC 3339 in UTC, to the second.
pub(crate) fn date() -> String {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let now = SystemTime::now();
    humantime::format_rfc3339_seconds(now).to_string()
}

/// A date as part of a file name: `20261121T104501Z`.
pub(crate) fn compact(date: &str) -> String {
    date.replace(['-', ':'], "")
}

/// A number that tells runs of the same second apart.
pub(crate) fn nonce() -> u16 {
    // Keyed anew for each process and each call by the standard library.
    RandomState::new().hash_one(0) as u16
}

/// A command line as it is stored, program name first, without secrets and what only says where results go.
pub(crate) fn command_line(given: &[String]) -> Vec<String> {
    const OUTPUT: [&str; 3] = ["--out", "-o", "--save-frame"];
    let mut kept = vec!["drumpost".to_owned()];
    let mut arguments = given.iter().skip(1);
    while let Some(argument) = arguments.next() {
        if OUTPUT.contains(&argument.as_str()) {
            arguments.next();
        } else if !["--json", "--no-tui"].contains(&argument.as_str())
            && !OUTPUT.iter().any(|flag| argument.starts_with(&format!("{flag}=")))
        {
            kept.push(secrets::hide(argument));
        }
    }
    kept
}

/// What does not change from run to run on one machine; with what does, unless the run is in virtual time and must give
/// the same bytes each time.
pub(crate) fn facts(is_virtual: bool) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.insert(key.to_owned(), value);
        }
    };
    let system = rustix::system::uname();
    add("os", Some(system.sysname().to_string_lossy().into_owned()));
    add("kernel", Some(system.release().to_string_lossy().into_owned()));
    add("architecture", Some(std::env::consts::ARCH.to_owned()));
    add("processor", line_of("/proc/cpuinfo", "model name"));
    add("cores", std::thread::available_parallelism().ok().map(|cores| cores.to_string()));
    add("memory", line_of("/proc/meminfo", "MemTotal"));
    add(
        "governor",
        fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").ok().map(trimmed),
    );
    add("build", Some(if is_debug_build() { "debug" } else { "release" }.to_owned()));
    add("allocator", Some("the system's".to_owned()));
    if !is_virtual {
        let clock = ClockReport::measure();
        add("clock_source", Some(clock.source.to_owned()));
        add("clock_read_ns", Some(format!("{:.1}", clock.read_ns)));
        add("clock_step_ns", Some(clock.step_ns.to_string()));
        add("load_average", fs::read_to_string("/proc/loadavg").ok().map(trimmed));
    }
    facts
}

/// Whether this is a build without optimisations.
pub(crate) const fn is_debug_build() -> bool {
    cfg!(debug_assertions)
}

fn trimmed(text: String) -> String {
    text.trim().to_owned()
}

fn line_of(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
