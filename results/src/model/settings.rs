//! Settings of a run: what is written of them, how each is shown and compared, and what verdicts read of them.
//!
//! A record has settings by name, so that a reader of the file and a newer drumpost know each. In memory a verdict or a figure takes
//! what it needs from [`Asked`], which is typed. Verdicts read no setting by name.

use super::{Setting, Settings};
use std::collections::BTreeSet;
use std::fmt;

/// How a setting is shown in the block under a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Always.
    Always,
    /// Unless every run of the table has this value, which is the default of its flag.
    Unless(&'static str),
    /// The headline shows it instead.
    InHeadline,
}

/// A setting that this drumpost writes.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// Its name in a record, which ends in its unit.
    pub key: &'static str,
    /// How the block under a table shows it.
    pub shown: Shown,
    /// Whether rows that differ in it cannot be compared.
    pub is_compared: bool,
}

const fn always(key: &'static str) -> Declared {
    Declared { key, shown: Shown::Always, is_compared: true }
}

const fn unless(key: &'static str, usual: &'static str) -> Declared {
    Declared { key, shown: Shown::Unless(usual), is_compared: true }
}

/// The settings that this drumpost writes, in the order in which they are shown. A setting that is not declared here is shown after them
/// by its name, and rows that differ in it cannot be compared.
pub const DECLARED: &[Declared] = &[
    Declared { key: "load", shown: Shown::InHeadline, is_compared: true },
    always("rate_per_s"),
    always("arrivals"),
    always("trace_columns"),
    always("senders"),
    always("window"),
    unless("at_cap", "block"),
    unless("debt", "keep"),
    always("debt_late_ns"),
    unless("think", "none"),
    unless("reply", "async"),
    always("batch"),
    always("capacity"),
    always("payload"),
    always("content"),
    unless("headers", "none"),
    always("touch"),
    unless("keys", "uniform:10000"),
    always("services"),
    always("placement"),
    always("wait"),
    always("acks"),
    always("acknowledge"),
    always("unconfirmed"),
    always("persistence"),
    always("promise"),
    always("guarantee"),
    always("warmup_ns"),
    always("duration_ns"),
    always("count"),
    unless("drain_ns", "5.00 s"),
    unless("flow_timeout_ns", "5.00 s"),
    always("kill"),
    always("pause"),
    always("link"),
    always("cut"),
    always("reset"),
    always("reconnect_ns"),
    // Who asked for it makes no difference to a run.
    Declared { key: "reconnect_for", shown: Shown::Always, is_compared: false },
    Declared { key: "note", shown: Shown::Always, is_compared: false },
];

/// What is declared of a setting.
#[must_use]
pub fn declared(key: &str) -> Option<&'static Declared> {
    DECLARED.iter().find(|declared| declared.key == key)
}

/// Whether rows that differ in the setting cannot be compared.
pub(crate) fn is_compared(key: &str) -> bool {
    declared(key).is_none_or(|declared| declared.is_compared)
}

/// The settings that keep two runs from being compared, each with both values; `None` where one lacks it.
pub(crate) fn differences<'a>(
    a: &'a Settings,
    b: &'a Settings,
) -> impl Iterator<Item = (&'a str, Option<&'a Setting>, Option<&'a Setting>)> {
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let values = |key: &'a String| (key.as_str(), a.get(key), b.get(key));
    keys.into_iter().map(values).filter(|(key, a, b)| a != b && is_compared(key))
}

/// Where the lanes of a run were placed, as the setting `placement` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// All lanes on so many threads.
    Threads(usize),
    /// Each lane on a thread of its own.
    ThreadEach,
    /// As tasks, on so many workers of a runtime.
    Tasks(usize),
    /// On the thread of the publisher, which handles each event before the next flow starts.
    Publisher,
    /// In virtual time.
    Virtual,
}

impl fmt::Display for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads(1) => f.write_str("all on 1 thread"),
            Self::Threads(count) => write!(f, "on {count} threads"),
            Self::ThreadEach => f.write_str("a thread each"),
            Self::Tasks(workers) => write!(f, "tasks on {workers} workers"),
            Self::Publisher => f.write_str("the publisher's thread"),
            Self::Virtual => f.write_str("virtual time"),
        }
    }
}

/// How idle lanes of a run waited, as the setting `wait` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// They polled without pause.
    Spin,
    /// They polled and let other threads run in between.
    Yield,
    /// They slept until another lane woke them.
    Park,
    /// They slept inside the transport's own receive.
    Native,
    /// As the runtime of their tasks waits.
    Runtime,
    /// They never waited.
    None,
}

impl Waiting {
    const ALL: [Self; 6] = [Self::Spin, Self::Yield, Self::Park, Self::Native, Self::Runtime, Self::None];
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spin => "spin",
            Self::Yield => "yield",
            Self::Park => "park",
            Self::Native => "native",
            Self::Runtime => "the runtime's",
            Self::None => "none",
        })
    }
}

/// The settings that verdicts and figures need, in types. A setting that a record lacks is `None`, or false.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Asked<'a> {
    /// The most flows under way; `None` if there is no limit.
    pub window: Option<u64>,
    /// The most messages in a batch.
    pub batch: Option<u64>,
    /// The length of the load, in nanoseconds.
    pub duration_ns: Option<u64>,
    /// The length that was asked for, if a shorter trace ended the load.
    pub duration_asked_ns: Option<u64>,
    /// The number of flows that was asked for.
    pub count: Option<u64>,
    /// Whether the load has a warm-up.
    pub has_warmup: bool,
    /// Whether a closed load pauses before each flow.
    pub has_think_time: bool,
    /// Whether services wait for replies.
    pub awaits_replies: bool,
    /// Whether each event is handled on its publisher's thread.
    pub is_inline: bool,
    /// How idle lanes waited.
    pub wait: Option<Waiting>,
    /// Whether a trace says when flows start.
    pub follows_trace: bool,
    /// The backlog that was asked for, as it was said.
    pub backlog: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// Reads settings.
    pub(crate) fn of(settings: &'a Settings) -> Self {
        let integer = |key: &str| match settings.get(key) {
            Some(Setting::Integer(value)) => Some(*value),
            _ => None,
        };
        let text = |key: &str| match settings.get(key) {
            Some(Setting::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let wait = |text: &str| Waiting::ALL.into_iter().find(|wait| wait.to_string() == text);
        Self {
            window: integer("window"),
            batch: integer("batch"),
            duration_ns: integer("duration_ns"),
            duration_asked_ns: integer("duration_asked_ns"),
            count: integer("count"),
            has_warmup: integer("warmup_ns").is_some_and(|ns| ns > 0),
            has_think_time: text("think").is_some_and(|think| think != "none"),
            awaits_replies: text("reply") == Some("await"),
            is_inline: text("placement").is_some_and(|placed| placed == Placed::Publisher.to_string()),
            wait: text("wait").and_then(wait),
            follows_trace: text("arrivals").is_some_and(|arrivals| arrivals.starts_with("trace")),
            backlog: text("backlog"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_what_they_say() {
        assert_eq!(Asked::of(&Settings::new()), Asked::default());
        let settings: Settings = [
            ("window", Setting::Integer(64)),
            ("think", "10ms".into()),
            ("reply", "await".into()),
            ("placement", Placed::Publisher.to_string().into()),
            ("wait", "the runtime's".into()),
            ("arrivals", "trace:a.csv".into()),
            ("warmup_ns", Setting::Integer(1)),
            ("backlog", "worker:10k".into()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        let asked = Asked {
            window: Some(64),
            has_think_time: true,
            awaits_replies: true,
            is_inline: true,
            wait: Some(Waiting::Runtime),
            follows_trace: true,
            has_warmup: true,
            backlog: Some("worker:10k"),
            ..Asked::default()
        };
        assert_eq!(Asked::of(&settings), asked);
        let unlimited: Settings = [
            ("window".to_owned(), "unlimited".into()),
            ("think".to_owned(), "none".into()),
            ("reply".to_owned(), "async".into()),
        ]
        .into();
        assert_eq!(Asked::of(&unlimited), Asked::default());
    }

    #[test]
    fn runs_that_differ_in_a_note_alone_can_be_compared() {
        let settings = |note: &str, batch: u64| -> Settings {
            [("note".to_owned(), note.into()), ("batch".to_owned(), batch.into())].into()
        };
        assert_eq!(differences(&settings("old", 1), &settings("new", 1)).count(), 0);
        let (one, two) = (settings("old", 1), settings("new", 2));
        let differ: Vec<_> = differences(&one, &two).collect();
        assert_eq!(differ, [("batch", Some(&Setting::Integer(1)), Some(&Setting::Integer(2)))]);
    }

    #[test]
    fn a_setting_is_declared_once() {
        for (at, one) in DECLARED.iter().enumerate() {
            assert!(DECLARED[at + 1..].iter().all(|other| other.key != one.key), "{}", one.key);
        }
    }
}
