//! Servers that are not there, or are no servers; and what must not be in an error.

use super::{Stop, Suite, fails, free_port, proxy::stranger, trial::Trial};
use drumpost_core::{options::Options, transport::OpenError};
use std::time::Duration;

/// Stands for a password or a token.
const SECRET: &str = "hush0815hush";

/// Opening fails in time, with the address in its sentence.
fn is_named(suite: &Suite<'_>, port: u16) -> Result<(), Stop> {
    let options = suite.options_at(port)?;
    let address = format!("127.0.0.1:{port}");
    match suite.begin(&options, &Trial::new())?.result(Duration::ZERO)? {
        Err(OpenError::Failed(what)) if what.contains(&address) => Ok(()),
        Err(OpenError::Failed(what)) => fails(format!("the error does not name {address}: {what}")),
        Err(OpenError::Refused(what)) => fails(format!("refused instead of failed: {what}")),
        Ok(outcome) => fails(format!("it was opened, and ended {}", outcome.ending)),
    }
}

pub(super) fn absent(suite: &Suite<'_>) -> Result<(), Stop> {
    is_named(suite, free_port())
}

pub(super) fn mute(suite: &Suite<'_>) -> Result<(), Stop> {
    is_named(suite, stranger_port(b"")?)
}

pub(super) fn wrong_protocol(suite: &Suite<'_>) -> Result<(), Stop> {
    is_named(
        suite,
        stranger_port(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")?,
    )
}

fn stranger_port(says: &'static [u8]) -> Result<u16, Stop> {
    stranger(says).map_err(|error| Stop::Fails(format!("the suite cannot listen: {error}")))
}

pub(super) fn secrets(suite: &Suite<'_>) -> Result<(), Stop> {
    let (port, address) = (free_port(), suite.address_option()?);
    let mut all = Vec::new();
    for who in [format!("me:{SECRET}@"), format!("{SECRET}@"), format!("me:{SECRET}#?x@")] {
        let mut options = suite.options.clone();
        options.set(address, suite.url(&who, port)?);
        all.push(options);
    }
    for option in suite.entry.options.iter().filter(|option| option.secret) {
        let mut options = suite.options_at(port)?;
        options.set(option.name, SECRET);
        all.push(options.clone());
        // With the user whom it is a password of, and with two that contradict each other.
        for other in suite.entry.options.iter().filter(|other| other.secret || other.name.ends_with(".user"))
        {
            options.set(other.name, SECRET);
            all.push(options.clone());
        }
    }
    all.iter().try_for_each(|options| is_silent(suite, options))
}

/// No sentence about these options holds the secret.
fn is_silent(suite: &Suite<'_>, options: &Options) -> Result<(), Stop> {
    let said = match suite.entry.made(options) {
        Err(said) => said,
        Ok(dispatcher) => match suite.begin_on(dispatcher, &Trial::new())?.result(Duration::ZERO)? {
            Err(error) => format!("{error} {error:?}"),
            Ok(outcome) => format!("{} {:?}", outcome.ending, outcome.notes),
        },
    };
    let bare = said.replace(SECRET, "SECRET");
    if bare == said { Ok(()) } else { fails(format!("an error holds a secret: {bare}")) }
}

pub(super) fn too_large(suite: &Suite<'_>) -> Result<(), Stop> {
    let Some(payload_len) = suite.too_large else {
        return Err(Stop::NotApplicable("no payload above the server's limit is given".into()));
    };
    let server = suite.server()?;
    let trial = Trial { payload_len, ..Trial::new() };
    let address = format!("127.0.0.1:{}", server.port());
    match suite.begin(&suite.options_at(server.port())?, &trial)?.result(trial.drain)? {
        Err(OpenError::Refused(what)) if has_size(&what, &address) => Ok(()),
        Err(OpenError::Refused(what)) => fails(format!("no size is said: {what}")),
        Err(OpenError::Failed(what)) => fails(format!("failed instead of refused: {what}")),
        Ok(outcome) => fails(format!("{payload_len} bytes were taken; it ended {}", outcome.ending)),
    }
}

/// Whether a sentence has a size in bytes besides the address: no server's limit is below a thousand, and codes of errors are.
fn has_size(sentence: &str, address: &str) -> bool {
    let rest = sentence.replace(address, "");
    let mut numbers =
        rest.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse::<u64>().ok());
    numbers.any(|number| number >= 1_000)
}

#[cfg(test)]
mod tests {
    use super::{super::PrivateServer, *};
    use drumpost_core::{
        contract::Verdict,
        dispatcher::Dispatcher,
        monitor::Watch,
        options::{Grammar, OptionEntry},
        outcome::Outcome,
        plan::TrialPlan,
        registry::{Promise, RunsOn, TransportEntry},
        scenario::{Intent, Style},
    };

    /// A transport that finds no server, and says so as its option tells.
    struct Fake(OpenError);

    impl Dispatcher for Fake {
        fn run(&mut self, _: &TrialPlan, _: &mut dyn Watch) -> Result<Outcome, OpenError> {
            Err(self.0.clone())
        }
    }

    static OPTIONS: [OptionEntry; 3] = [
        OptionEntry::new("mq.url", Grammar::Url(&["mq"]), "mq://127.0.0.1:7", "address").address(),
        OptionEntry::optional("mq.password", Grammar::Text, "password").secret(),
        OptionEntry::new("fake", Grammar::Word(&["sound", "babbles", "shy", "refuses"]), "sound", "fault"),
    ];

    fn no_server() -> Box<dyn PrivateServer> {
        unreachable!("no check here starts one")
    }

    fn verdicts(fault: &str) -> Vec<(&'static str, bool)> {
        let entry = TransportEntry {
            name: "fake",
            summary: "",
            intents: &[(Style::Message, &[Intent::Command])],
            runs_on: RunsOn::Tasks,
            promise: Promise::IN_MEMORY,
            needs_server: true,
            requests: None,
            options: &OPTIONS,
            make: |options| {
                let url = options.url("mq.url").to_owned();
                let address = url.split_once('@').map_or(&*url, |(_, address)| address).to_owned();
                Ok(Box::new(Fake(match options.word("fake") {
                    "sound" => OpenError::Failed(format!("nobody is at {address}")),
                    "babbles" => {
                        OpenError::Failed(format!("nobody is at {url} {:?}", options.text("mq.password")))
                    }
                    "shy" => OpenError::Failed("nobody is there".into()),
                    _ => OpenError::Refused(format!("nobody is at {address}")),
                })))
            },
        };
        let suite = Suite::new(&entry, no_server).set("fake", fault).only(&["absent", "mute", "secrets"]);
        let lines = suite.check().lines;
        lines.iter().map(|line| (line.check, line.verdict == Verdict::Passed)).collect()
    }

    #[test]
    fn the_port_of_a_server_is_no_size() {
        let address = "127.0.0.1:7654";
        assert!(has_size("MQ at mq://127.0.0.1:7654 takes at most 1048576 bytes in a message", address));
        for without in ["MQ at mq://127.0.0.1:7654 takes less", "mq://127.0.0.1:7654 said: 406 too large"] {
            assert!(!has_size(without, address), "{without}");
        }
    }

    #[test]
    fn errors_without_an_address_or_with_a_secret_are_told() {
        let expected = |named, silent| [("absent", named), ("mute", named), ("secrets", silent)];
        assert_eq!(verdicts("sound"), expected(true, true));
        assert_eq!(verdicts("babbles"), expected(true, false));
        assert_eq!(verdicts("shy"), expected(false, true));
        assert_eq!(verdicts("refuses"), expected(false, true));
    }
}
