//! Tests of the grammars, of where a value comes from, and that no secret is repeated.

use super::*;
use std::time::Duration;

static DECLARED: [OptionEntry; 9] = [
    OptionEntry::new("box.url", Grammar::Url(&["box", "boxs"]), "box://127.0.0.1:1", "address")
        .address()
        .or_environment("BOX_URL"),
    OptionEntry::new("box.storage", Grammar::Word(&["file", "memory"]), "file", "where").unfair(),
    OptionEntry::new("box.wait", Grammar::SOME_TIME, "30s", "how long"),
    OptionEntry::new("box.parts", Grammar::Count { min: 1, max: 64 }, "3", "how many").of("parts"),
    OptionEntry::new("box.size", Grammar::Bytes { min: 1, max: 1 << 20 }, "1KiB", "how large"),
    OptionEntry::new("box.share", Grammar::Share, "2%", "how much"),
    OptionEntry::optional("box.token", Grammar::Form { form: "T...", check: token }, "who").secret(),
    OptionEntry::optional("box.creds", Grammar::File, "who"),
    OptionEntry::optional("box.user", Grammar::Text, "who"),
];

fn token(text: &str) -> Result<(), String> {
    if text.starts_with('T') { Ok(()) } else { Err(format!("{text} begins without a T")) }
}

fn given(set: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    set.iter().for_each(|(name, value)| options.set(name, *value));
    options
}

#[test]
fn without_texts_the_defaults_hold() {
    let values = Options::default().of(&DECLARED).unwrap();
    assert_eq!((values.url("box.url"), values.word("box.storage")), ("box://127.0.0.1:1", "file"));
    assert_eq!((values.time("box.wait"), values.count("box.parts")), (Duration::from_secs(30), 3));
    assert_eq!((values.bytes("box.size"), values.share("box.share")), (1024, 0.02));
    assert_eq!(
        (values.text("box.user"), values.text("box.token"), values.file("box.creds")),
        (None, None, None)
    );
    assert!(!values.is_set("box.wait") && values.seed() == 1);
}

#[test]
fn texts_are_read_as_everywhere_else_and_empty_texts_are_not_set() {
    let options = given(&[
        ("box.url", "boxs://me:pw@h:1"),
        ("box.storage", "memory"),
        ("box.wait", "1m500ms"),
        ("box.parts", "64"),
        ("box.size", "64KiB"),
        ("box.share", "0.5"),
        ("box.token", "T1"),
        ("box.creds", "/dev/null"),
        ("box.user", ""),
        ("other.thing", "x"),
    ]);
    let values = options.of(&DECLARED).unwrap();
    assert_eq!((values.url("box.url"), values.word("box.storage")), ("boxs://me:pw@h:1", "memory"));
    assert_eq!((values.time("box.wait"), values.count("box.parts")), (Duration::from_millis(60_500), 64));
    assert_eq!((values.bytes("box.size"), values.share("box.share")), (65_536, 0.5));
    assert_eq!((values.text("box.token"), values.text("box.user")), (Some("T1"), None));
    assert_eq!(values.path("box.creds").unwrap(), std::path::Path::new("/dev/null"));
    assert!(values.is_set("box.wait") && !values.is_set("box.user"));
    let shown = format!("{values:?} {options:?}");
    assert!(shown.contains("box.url") && !shown.contains("pw") && !shown.contains("T1"), "{shown}");
}

#[test]
fn a_relay_stands_before_the_server_and_the_option_keeps_its_text() {
    for (set, server) in [(None, "box://127.0.0.1:1"), (Some("boxs://me:pw@h:1"), "boxs://me:pw@h:1")] {
        let mut options = given(&set.map(|url| ("box.url", url)).into_iter().collect::<Vec<_>>());
        options.relay("box.url", "box://127.0.0.1:2");
        let values = options.of(&DECLARED).unwrap();
        assert_eq!(
            (values.url("box.url"), values.server_url("box.url")),
            ("box://127.0.0.1:2", Some(server))
        );
        assert_eq!((options.get("box.url"), values.is_set("box.url")), (set, true));
    }
    assert_eq!(Options::default().of(&DECLARED).unwrap().server_url("box.url"), None);
    let mut options = given(&[]);
    options.relay("box.url", "tcp://127.0.0.1:2");
    assert_eq!(options.of(&DECLARED).unwrap_err().name, "box.url");
}

#[test]
fn what_does_not_fit_is_told_with_option_source_and_what_it_may_be() {
    for (name, text, says) in [
        ("box.storage", "tape", "option box.storage, set by --set: \"tape\" is not `file` or `memory`"),
        ("box.storage", "", "is not `file` or `memory`"),
        ("box.wait", "5", "the unit is missing, as in 5s; it may be a time above zero, such as 500ms or 2s"),
        ("box.wait", "0s", "\"0s\" is not a time above zero"),
        ("box.parts", "65", "\"65\" is not a whole number from 1 to 64"),
        ("box.parts", "many", "\"many\" is no count"),
        ("box.parts", "", "it may be a whole number from 1 to 64"),
        ("box.size", "2MiB", "\"2MiB\" is not a size from 1B to 1MiB"),
        ("box.share", "2", "\"2\" is not a share from 0 to 1"),
        ("box.url", "ftp://me:s3cret@h", "`ftp://` is not supported; use box:// or boxs://"),
        ("box.url", "me:s3cret@x://h", "no scheme; use box:// or boxs://"),
        ("box.url", "box://", "it names no host"),
        ("box.url", "box:/me:s3cret@h", "two slashes follow the `:` of a scheme; use box:// or boxs://"),
        ("box.url", "me:s3cret @h", "holds no spaces"),
        ("box.creds", "/nowhere/creds", "failed to read /nowhere/creds"),
        ("box.creds", "/dev/zero", "failed to read /dev/zero: it has more than 1 MiB"),
        ("box.token", "s3cret", "option box.token, set by --set: its value is not T..."),
    ] {
        let error = given(&[(name, text)]).of(&DECLARED).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains("s3cret"), "{text}: {error}");
    }
}

#[test]
fn the_source_of_a_text_is_named() {
    let mut options = Options::default();
    options.set_from("box.url", "ftp://h", Source::Environment("BOX_URL"));
    let error = options.of(&DECLARED).unwrap_err();
    assert!(error.to_string().starts_with("option box.url, set by the variable BOX_URL: "), "{error}");
    options.set_from("box.url", "ftp://h", Source::Flag("--server"));
    assert!(options.of(&DECLARED).unwrap_err().to_string().contains("set by --server: "));
    assert_eq!(options.source("box.url"), Some(Source::Flag("--server")));
}

#[test]
#[should_panic(expected = "option box.colour is read and is not declared")]
fn an_option_that_is_not_declared_cannot_be_read() {
    let _ = Options::default().of(&DECLARED).unwrap().word("box.colour");
}
