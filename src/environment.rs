//! Facts about the machine and the process, for the record. The only module that reads the wall clock.

use crate::secrets;
use drumpost_core::clock::ClockReport;
use std::{
    collections::BTreeMap,
    fs,
    hash::{BuildHasher, RandomState},
    time::{Duration, SystemTime},
};

/// The time, RFC 3339 in UTC, to the second.
pub(crate) fn date() -> String {
    date_of(since_1970().as_secs())
}

/// A time in seconds since 1970, written in the same way.
pub(crate) fn date_of(unix_s: u64) -> String {
    // A clock that was never set may say a year that no date can be written for.
    const LAST_S: u64 = 253_402_300_799;
    let since = Duration::from_secs(unix_s.min(LAST_S));
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since).to_string()
}

/// The time since 1970.
pub(crate) fn since_1970() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// The time in ns since 1970, for figures that are sent elsewhere.
#[cfg(feature = "otlp")]
pub(crate) fn unix_ns() -> u64 {
    u64::try_from(since_1970().as_nanos()).unwrap_or(u64::MAX)
}

/// A date as part of a file name: `20261121T104501Z`.
pub(crate) fn compact(date: &str) -> String {
    date.replace(['-', ':'], "")
}

/// A number that tells runs of the same second apart.
pub(crate) fn nonce() -> u16 {
    random_seed() as u16
}

/// A seed that no flag has a part in, for what has to be drawn anew each time. The order of trials is such a thing: the chance that a
/// comparison is wrong is known only if a disturbance of the machine meets another order each time.
pub(crate) fn random_seed() -> u64 {
    // Keyed anew for each process and each call by the standard library.
    RandomState::new().hash_one(0)
}

/// A command line as it is stored, program name first, without secrets and without what says only where results go and how
/// they are shown: the same run in virtual time gives the same record wherever it is written.
pub(crate) fn command_line(given: &[String]) -> Vec<String> {
    const WITH_FILE: [&str; 8] =
        ["--out", "-o", "--save-frame", "--svg", "--html", "--junit", "--prometheus", "--otlp"];
    const ALONE: [&str; 5] = ["--json", "--markdown", "--no-tui", "--no-watch", "--prometheus-public"];
    // `--out=FILE`, `-o=FILE` and `-oFILE`: the file is in the same word.
    let has_file = |word: &str| {
        let is_long =
            WITH_FILE.iter().any(|flag| word.strip_prefix(flag).is_some_and(|rest| rest.starts_with('=')));
        is_long || word.len() > 2 && word.starts_with("-o")
    };
    let mut kept = vec!["drumpost".to_owned()];
    let mut arguments = given.iter().skip(1);
    while let Some(argument) = arguments.next() {
        if WITH_FILE.contains(&argument.as_str()) {
            arguments.next();
        } else if !ALONE.contains(&argument.as_str()) && !has_file(argument) {
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
    add("toolchain", option_env!("DRUMPOST_TOOLCHAIN").map(str::to_owned));
    // A record of an older release tells no flags. That there are none is therefore told.
    let flags = option_env!("DRUMPOST_RUSTFLAGS").map(str::trim);
    add(
        "rustflags",
        flags.map(|flags| if flags.is_empty() { "none".to_owned() } else { secrets::hide(flags) }),
    );
    add("revision", revision());
    if !is_virtual {
        let clock = ClockReport::measure();
        add("clock_source", Some(clock.source.to_owned()));
        add("clock_read_ns", Some(format!("{:.1}", clock.read_ns)));
        add("clock_step_ns", Some(clock.step_ns.to_string()));
        add("load_average", fs::read_to_string("/proc/loadavg").ok().map(trimmed));
    }
    facts
}

/// Says which revision is measured, where it is not that of drumpost.
const REVISION: &str = "DRUMPOST_REVISION";

/// The revision of what is measured: as the environment says, else that of the sources of this program.
fn revision() -> Option<String> {
    const LEN: usize = 200;
    let given = std::env::var(REVISION).ok().map(trimmed).filter(|given| !given.is_empty());
    let built = || option_env!("DRUMPOST_BUILT_REVISION").map(str::to_owned);
    given.map(|given| drumpost_results::plain::cut(&given, LEN).into_owned()).or_else(built)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_command_line_says_what_was_measured_and_not_where_it_went() {
        let given = "dp run stream --out a -o b -oc -o=d --out=e --json --markdown --rate 1k/s --no-tui --save-frame f --svg g --svg=h \
                     --set fan-out.subscribers=2 --prometheus :9464 --no-watch --prometheus-public";
        let given: Vec<String> = given.split_whitespace().map(str::to_owned).collect();
        let kept = command_line(&given).join(" ");
        assert_eq!(kept, "drumpost run stream --rate 1k/s --set fan-out.subscribers=2");
    }
}
