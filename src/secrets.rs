//! Secrets of a command line and its environment: they are handed to transports and to nothing else.
//!
//! What is secret is declared: an option that its transport lists as secret, user and password in any URL, and the parts of
//! a URL's query whose names say so (`?password=VALUE`). A secret is replaced before a text is stored or printed, wherever
//! it stands in it, by what it looks like (`NAME=VALUE`, `://USER:PASSWORD@`) and by its value. Values under four characters are replaced only by what they look like, because
//! replacing every `a` in a table would hide the table.

use drumpost_core::{
    options::{Grammar, OptionEntry},
    registry::Registry,
};
use serde_json::{Map, Value};
use std::{
    collections::BTreeSet,
    ffi::OsString,
    ops::Range,
    sync::{Mutex, PoisonError},
};

/// Stands for a secret.
const HIDDEN: &str = "***";
/// Shorter values are too likely to be a part of something else.
const SHORTEST: usize = 4;
/// The flag with the address of a server.
const SERVER: &str = "--server";
/// Hands a command line with secrets on to the same program, in the environment, which only the user can read.
pub(crate) const ARGUMENTS: &str = "DRUMPOST_ARGUMENTS";

#[derive(Default)]
struct Known {
    /// Names of secret options.
    names: BTreeSet<String>,
    /// Names of options that are URLs.
    urls: BTreeSet<String>,
    /// Longest first, so that no part of one is left of another.
    values: Vec<String>,
}

/// What this process has seen. A process may run several commands; what was secret in one stays so.
static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

fn with<T>(of: impl FnOnce(&mut Known) -> T) -> T {
    of(KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

impl Known {
    fn add(&mut self, value: &str) {
        if value.len() >= SHORTEST && !self.values.iter().any(|known| known == value) {
            self.values.push(value.to_owned());
            self.values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        }
    }

    /// Notes the secrets of an option's value.
    fn note(&mut self, name: &str, value: &str) {
        if self.names.contains(name) {
            self.add(value);
        } else if (self.urls.contains(name) || value.contains("://"))
            && let Some((start, end)) = userinfo(value)
        {
            let secret =
                value[start..end].split_once(':').map_or(&value[start..end], |(_, password)| password);
            self.add_of_url(secret);
        }
        for range in secrets_of_query(value) {
            self.add_of_url(&value[range]);
        }
    }

    /// Adds a part of a URL: as it stands there, and as whoever decodes it reads it.
    fn add_of_url(&mut self, value: &str) {
        // As part of a query these are switches, and common words.
        if !["true", "false"].contains(&value) {
            self.add(value);
            self.add(&decoded(value));
        }
    }
}

/// Learns which options are secret, and the secrets in the words of a command line, in which `--NAME URL` was replaced by `--set NAME.url=URL`, and in the
/// environment.
pub(crate) fn learn(registry: &Registry, words: &[OsString]) {
    let options = registry.options();
    with(|known| {
        known.urls.insert(SERVER.to_owned());
        for OptionEntry { name, grammar, secret, .. } in &options {
            if *secret {
                known.names.insert((*name).to_owned());
            } else if matches!(grammar, Grammar::Url(_)) {
                known.urls.insert((*name).to_owned());
            }
        }
        for option in options {
            if let Some(value) = option.environment.and_then(|variable| std::env::var(variable).ok()) {
                known.note(option.name, &value);
            }
        }
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        for (at, word) in words.iter().enumerate() {
            let flag = at.checked_sub(1).map_or("", |before| &words[before]);
            let (name, value) = match word.split_once('=') {
                Some((SERVER, url)) => (SERVER, url),
                Some(("--set", set)) => set.split_once('=').unwrap_or(("", set)),
                Some((name, value)) => (name, value),
                None if flag == SERVER => (SERVER, &**word),
                None => ("", &**word),
            };
            known.note(name, value);
        }
    });
}

/// Learns the value of an option that stood elsewhere, such as in a suite's file.
pub(crate) fn note(name: &str, value: &str) {
    with(|known| known.note(name, value));
}

/// An option's value as it may be stored.
pub(crate) fn shown(name: &str, value: &str) -> String {
    if with(|known| known.names.contains(name)) { HIDDEN.to_owned() } else { hide(value) }
}

/// The fields of a spec as they may be stored.
pub(crate) fn hide_in(document: Map<String, Value>) -> Map<String, Value> {
    fn hidden(value: Value) -> Value {
        match value {
            Value::String(text) => hide(&text).into(),
            Value::Array(all) => all.into_iter().map(hidden).collect(),
            other => other,
        }
    }
    document.into_iter().map(|(key, value)| (key, hidden(value))).collect()
}

/// Whether a secret was hidden in a text that was stored.
pub(crate) fn is_hidden_in(text: &str) -> bool {
    text.contains(HIDDEN)
}

/// A text as it may be stored or printed.
pub(crate) fn hide(text: &str) -> String {
    with(|known| {
        let mut text = without_query_secrets(&without_userinfo(text));
        for name in &known.names {
            text = without_value_of(&text, name);
        }
        for value in &known.values {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), HIDDEN);
            }
        }
        text
    })
}

/// Where in a URL, with or without a scheme, user and password stand.
fn userinfo(url: &str) -> Option<(usize, usize)> {
    let start = url.find("://").map_or(0, |at| at + 3);
    Some((start, start + userinfo_len(&url[start..])?))
}

/// How long user and password are in a URL without its scheme, the `@` after them left out.
fn userinfo_len(url: &str) -> Option<usize> {
    let before = |ends: &dyn Fn(char) -> bool| &url[..url.find(ends).unwrap_or(url.len())];
    let ends_url = |c: char| c.is_whitespace() || "\"'`<>\\,".contains(c);
    let authority = before(&|c| ends_url(c) || "/?#".contains(c));
    let len = |part: &str| part.rfind('@').filter(|at| *at > 0);
    // Behind a host stands a port, which is a number. Anything else is a password in which a `/`, `?` or `#` was not encoded.
    let is_port = |port: &str| port.bytes().all(|c| c.is_ascii_digit());
    let goes_on =
        !authority.starts_with('[') && authority.rsplit_once(':').is_some_and(|(_, port)| !is_port(port));
    len(authority).or_else(|| if goes_on { len(before(&ends_url)) } else { None })
}

/// Replaces the password of every URL in a text, or all that stands before the host if there is no user beside it.
fn without_userinfo(text: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        shown += before;
        rest = url;
        if let Some(len) = userinfo_len(url) {
            if let Some((user, _)) = url[..len].split_once(':') {
                shown += user;
                shown.push(':');
            }
            shown += HIDDEN;
            rest = &url[len..];
        }
    }
    shown + rest
}

/// Parts of names of a URL's query that tell of a secret.
const SECRET_WORDS: [&str; 10] =
    ["pass", "pwd", "secret", "token", "key", "auth", "cred", "sig", "jwt", "seed"];

/// Where in a text the secret values of a URL's query stand: `?password=VALUE`, `&api_key=VALUE`. The scheme may be missing.
/// Fragments count as well: what is behind a `#` in a password that was not encoded is one.
fn secrets_of_query(text: &str) -> Vec<Range<usize>> {
    let begins = |c: char| "?&;#".contains(c);
    let is_of_name = |c: char| c.is_alphanumeric() || "._-%[]".contains(c);
    // Neither a backslash nor a quote: within a document a secret is followed by one.
    let ends = |c: char| c.is_whitespace() || "&;#\"'`<>\\".contains(c);
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, mark) in text.match_indices(begins) {
        if found.last().is_some_and(|last| at < last.end) {
            continue;
        }
        let from = at + mark.len();
        let name_len = text[from..].find(|c| !is_of_name(c)).unwrap_or(0);
        let name = text[from..from + name_len].to_lowercase();
        let Some(value) = text[from + name_len..].strip_prefix('=') else { continue };
        if SECRET_WORDS.iter().any(|word| name.contains(word)) {
            let start = text.len() - value.len();
            found.push(start..start + value.find(ends).unwrap_or(value.len()));
        }
    }
    found
}

/// Replaces the secret values of every URL's query in a text.
fn without_query_secrets(text: &str) -> String {
    let (mut shown, mut from) = (String::with_capacity(text.len()), 0);
    for range in secrets_of_query(text) {
        shown += &text[from..range.start];
        shown += HIDDEN;
        from = range.end;
    }
    shown + &text[from..]
}

/// A part of a URL with its `%41` decoded; as it is where that gives no text.
fn decoded(part: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(part.len()), part.as_bytes());
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| part.to_owned())
}

/// Replaces the value in every `NAME=VALUE`, `NAME = "VALUE"` and `"NAME" = 'VALUE'`.
fn without_value_of(text: &str, name: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(name) {
        let (before, after) = rest.split_at(at + name.len());
        shown += before;
        let value = after.trim_start_matches(['"', '\'']).trim_start_matches(' ').strip_prefix('=');
        rest = after;
        let Some(value) = value.map(|value| value.trim_start_matches(' ')) else { continue };
        let quote = value.chars().next().filter(|c| ['"', '\''].contains(c));
        let value = value.strip_prefix(['"', '\'']).unwrap_or(value);
        let ends =
            |c: char| quote.map_or_else(|| c.is_whitespace() || "\"'`,".contains(c), |quote| c == quote);
        shown += &after[..after.len() - value.len()];
        shown += HIDDEN;
        rest = &value[value.find(ends).unwrap_or(value.len())..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn passwords_of_urls_go_and_users_stay() {
        for (text, shown) in [
            ("--nats=nats://me:p@ss@host:1/x", "--nats=nats://me:***@host:1/x"),
            ("at tls://token@host, and nats://a:b@c", "at tls://***@host, and nats://a:***@c"),
            ("nats://host:4222 me@host", "nats://host:4222 me@host"),
            ("nats://me:p#s/s?w@host and x@y", "nats://me:***@host and x@y"),
            ("http://host:80/path@x http://[::1]/path@x", "http://host:80/path@x http://[::1]/path@x"),
            ("https://host/path@x and://", "https://host/path@x and://"),
            ("://@", "://@"),
        ] {
            assert_eq!(without_userinfo(text), shown);
        }
    }

    #[test]
    fn secrets_of_a_query_go_with_a_scheme_or_without_and_the_rest_stays() {
        for (text, shown) in [
            ("nats://h:1?password=a&x=b", "nats://h:1?password=***&x=b"),
            ("h?x=1&API_KEY=a;token=b#auth=c d", "h?x=1&API_KEY=***;token=***#auth=*** d"),
            ("\"amqp://h/v?client_secret=a\\\"\"", "\"amqp://h/v?client_secret=***\\\"\""),
            ("?heartbeat=10 & key = 3, a? token", "?heartbeat=10 & key = 3, a? token"),
            ("?pass=", "?pass=***"),
            ("?password=a?token=b", "?password=***"),
            ("?ü=1&Paßword=x&mot-de-passe=é", "?ü=1&Paßword=x&mot-de-passe=***"),
        ] {
            assert_eq!(without_query_secrets(text), shown);
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_looked_through(text in "[a-z?&;#=@:/% \"ü]{0,60}") {
            let hidden = without_query_secrets(&without_userinfo(&text));
            prop_assert_eq!(&without_query_secrets(&hidden), &hidden);
            let _ = decoded(&text);
        }
    }

    #[test]
    fn a_secret_of_a_url_is_known_as_it_stands_and_decoded() {
        let mut known = Known::default();
        known.note("", "https://me:p%40ss%3Aword@host/?sig=abc%2Fdef&auth=true&n=1234");
        assert_eq!(known.values, ["p%40ss%3Aword", "p@ss:word", "abc%2Fdef", "abc/def"]);
        assert_eq!([decoded("%zz%4"), decoded("%ff"), decoded("100%25")], ["%zz%4", "%ff", "100%"]);
    }

    #[test]
    fn values_of_secret_options_go_however_short_they_are() {
        for (text, shown) in [
            ("--set a.token=x y", "--set a.token=*** y"),
            ("\"a.token\" = \"x y\" # z", "\"a.token\" = \"***\" # z"),
            ("a.token = 'x', b = 1", "a.token = '***', b = 1"),
            ("option a.token: it needs more", "option a.token: it needs more"),
            ("a.token=", "a.token=***"),
        ] {
            assert_eq!(without_value_of(text, "a.token"), shown);
        }
    }

    #[test]
    fn what_was_learned_is_found_anywhere() {
        let words = ["drumpost", "run", "--set", "nats.token=qwertz9", "--set", "nats.url=me:asdfgh8@host"];
        learn(&crate::builtin(), &words.map(OsString::from));
        if cfg!(feature = "nats") {
            assert_eq!(hide("it said `qwertz9`, asdfgh8"), "it said `***`, ***");
            assert_eq!(shown("nats.token", "x"), "***");
        }
        assert_eq!(shown("jetstream.storage", "file"), "file");
    }
}
