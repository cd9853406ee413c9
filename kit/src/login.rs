//! Who connects, and the certificates to trust: options that every broker's user knows, declared once by
//! [`login_options!`](crate::login_options) and read by [`Login::read`]. Ways to log in exclude each other. Files are read when
//! the options are checked, with a limit. The values are secrets, so none of the types here prints them.
//!
//! A broker adds ways of its own, such as tokens or key files, and tells its client what was found.

use crate::url::Url;
use drumpost_core::options::{Grammar, OptionEntry, OptionFile, Values};
use std::fmt;

/// The entries of a family of options: `FAMILY.url`, `FAMILY.user` and `FAMILY.password`, then the broker's own `ways` to log in,
/// then `FAMILY.tls-ca`, `FAMILY.tls-cert` and `FAMILY.tls-key`. Each has an environment variable: `PREFIX_URL`, `PREFIX_USER`,
/// `PREFIX_PASSWORD`, `PREFIX_CA`, `PREFIX_CERT` and `PREFIX_KEY`.
///
/// ```
/// use drumpost_core::options::{Grammar, OptionEntry};
///
/// const OPTIONS: [OptionEntry; 7] = drumpost_kit::login_options! {
///     family: "mq",
///     environment: "MQ",
///     url: Grammar::Url(&["mq", "mqs"]), "mq://127.0.0.1:5672", "address of the server: mq://HOST:PORT",
///     ways: [
///         OptionEntry::optional("mq.token", Grammar::Text, "a token").way_to_log_in().secret(),
///     ],
/// };
/// assert_eq!((OPTIONS[0].name, OPTIONS[0].environment), ("mq.url", Some("MQ_URL")));
/// ```
#[macro_export]
macro_rules! login_options {
    (family: $family:literal, environment: $environment:literal, url: $grammar:expr, $default:expr, $summary:expr,
        ways: [$($way:expr),* $(,)?] $(,)?) => {{
        use drumpost_core::options::{Grammar, OptionEntry};
        [
            OptionEntry::new(concat!($family, ".url"), $grammar, $default, $summary)
                .address()
                .or_environment(concat!($environment, "_URL")),
            OptionEntry::optional(
                concat!($family, ".user"),
                Grammar::Text,
                concat!("user name; needs ", $family, ".password"),
            )
            .way_to_log_in()
            .or_environment(concat!($environment, "_USER")),
            OptionEntry::optional(
                concat!($family, ".password"),
                Grammar::Text,
                concat!("password of ", $family, ".user"),
            )
            .password_of(concat!($family, ".user"))
            .or_environment(concat!($environment, "_PASSWORD"))
            .secret(),
            $($way,)*
            OptionEntry::optional(
                concat!($family, ".tls-ca"),
                Grammar::File,
                "CA certificates that signed the server's certificate (PEM)",
            )
            .or_else("the system's")
            .or_environment(concat!($environment, "_CA")),
            OptionEntry::optional(concat!($family, ".tls-cert"), Grammar::File, "client certificate (PEM)")
                .or_environment(concat!($environment, "_CERT")),
            OptionEntry::optional(
                concat!($family, ".tls-key"),
                Grammar::File,
                concat!("private key of ", $family, ".tls-cert (PEM)"),
            )
            .or_environment(concat!($environment, "_KEY")),
        ]
    }};
}

/// The entries of two lists in one. The length has to be the sum of theirs, which the compiler checks where it is a constant.
#[must_use]
pub const fn joined<const A: usize, const B: usize, const N: usize>(
    first: [OptionEntry; A],
    second: [OptionEntry; B],
) -> [OptionEntry; N] {
    assert!(A > 0 && A + B == N, "the length of a list of options is not that of its parts");
    let mut all = [first[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < A { first[at] } else { second[at - A] };
        at += 1;
    }
    all
}

/// The first entries of a list, as many as are asked for: those of [`login_options!`](crate::login_options) up to the password, for a
/// client without TLS.
#[must_use]
pub const fn first<const A: usize, const N: usize>(all: [OptionEntry; A]) -> [OptionEntry; N] {
    assert!(N > 0 && N <= A, "a list of options has no more than it has");
    let mut some = [all[0]; N];
    let mut at = 0;
    while at < N {
        some[at] = all[at];
        at += 1;
    }
    some
}

/// An option that is handed to the broker or its client as it is, and in which rows must agree to be compared.
#[must_use]
pub const fn tuning(
    name: &'static str,
    grammar: Grammar,
    default: &'static str,
    summary: &'static str,
) -> OptionEntry {
    OptionEntry::new(name, grammar, default, summary).unfair().brokers_own()
}

/// The credentials. `W` are the broker's own ways.
#[derive(Clone, PartialEq, Eq)]
pub enum Who<W> {
    /// None were given.
    Anyone,
    /// A user, by an option or the URL. A name without a password stands in a URL only; the broker says what it means.
    User {
        /// The name.
        name: String,
        /// The password.
        password: Option<String>,
    },
    /// A way of the broker's own.
    By(W),
}

/// The credentials, and the certificates to trust.
#[derive(Clone, PartialEq, Eq)]
pub struct Login<W> {
    /// The credentials.
    pub who: Who<W>,
    /// The file with the CA certificates; `None`: the system's.
    pub authority: Option<OptionFile>,
    /// The files with the client's certificate and its private key.
    pub certificate: Option<(OptionFile, OptionFile)>,
}

impl<W> fmt::Debug for Login<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl<W> Login<W> {
    /// Reads the options of `family`. `ways` are those of the broker's own that are set, each with the name of its option.
    ///
    /// # Errors
    /// A sentence about two options that contradict each other, or one that lacks another.
    pub fn read(
        family: &str,
        options: &Values,
        url: &Url,
        ways: Vec<(&'static str, W)>,
    ) -> Result<Self, String> {
        let option = |name: &str| format!("{family}.{name}");
        let text = |name: &str| options.text(&option(name)).map(str::to_owned);
        let (given, password) = (text("user"), url.password.clone().or_else(|| text("password")));
        let mut said: Vec<(String, Who<W>)> = Vec::new();
        match (&url.user, given) {
            (Some(_), Some(_)) => {
                return Err(format!(
                    "{family}.url and {family}.user both name a user; leave one of them out"
                ));
            }
            (Some(name), None) => said.push((option("url"), Who::User { name: name.clone(), password })),
            (None, Some(_)) if password.is_none() => {
                return Err(format!("option {family}.user: it needs {family}.password"));
            }
            (None, Some(name)) => said.push((option("user"), Who::User { name, password })),
            (None, None) if password.is_some() => {
                return Err(format!(
                    "option {family}.password: it needs {family}.user, or a user in {family}.url"
                ));
            }
            (None, None) => {}
        }
        said.extend(ways.into_iter().map(|(name, way)| (name.to_owned(), Who::By(way))));
        if let [(one, _), (other, _), ..] = &said[..] {
            return Err(format!("{one} and {other} are both credentials; leave one of them out"));
        }
        // A broker whose client has no TLS declares no options for it.
        let file = |name: &str| {
            let name = Some(option(name)).filter(|name| options.is_set(name))?;
            options.file(&name).cloned()
        };
        let certificate = match (file("tls-cert"), file("tls-key")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(format!("option {family}.tls-cert: it needs {family}.tls-key")),
            (None, Some(_)) => return Err(format!("option {family}.tls-key: it needs {family}.tls-cert")),
        };
        let who = said.pop().map_or(Who::Anyone, |(_, who)| who);
        Ok(Self { who, authority: file("tls-ca"), certificate })
    }

    /// The user's name and password, which is empty where none was given; `None` for other ways to log in.
    #[must_use]
    pub fn user(&self) -> Option<(&str, &str)> {
        match &self.who {
            Who::User { name, password } => Some((name, password.as_deref().unwrap_or_default())),
            Who::Anyone | Who::By(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::options::{Grammar, Options};

    static DECLARED: [OptionEntry; 7] = login_options! {
        family: "mq",
        environment: "MQ",
        url: Grammar::Url(&["mq"]), "mq://127.0.0.1:7", "where",
        ways: [OptionEntry::optional("mq.token", Grammar::Text, "token").way_to_log_in().secret()],
    };

    fn login(set: &[(&str, &str)]) -> Result<Login<String>, String> {
        let mut options = Options::default();
        set.iter().for_each(|(name, value)| options.set(name, *value));
        let options = options.of(&DECLARED).map_err(|error| error.to_string())?;
        let url = Url::read("mq.url", options.url("mq.url"), "mq", 7)?;
        let ways = options.text("mq.token").map(|token| ("mq.token", token.to_owned()));
        Login::read("mq", &options, &url, ways.into_iter().collect())
    }

    #[test]
    fn what_contradicts_itself_is_refused_without_its_value() {
        for (set, expected) in [
            (
                &[("mq.token", "s3cret"), ("mq.user", "me"), ("mq.password", "s3cret")][..],
                "mq.user and mq.token are both credentials",
            ),
            (&[("mq.url", "me@broker"), ("mq.token", "s3cret")], "mq.url and mq.token are both credentials"),
            (&[("mq.user", "me")], "needs mq.password"),
            (&[("mq.password", "s3cret")], "needs mq.user"),
            (
                &[("mq.url", "you@broker"), ("mq.user", "me"), ("mq.password", "s3cret")],
                "mq.url and mq.user both name a user",
            ),
            (&[("mq.tls-cert", "/dev/null")], "needs mq.tls-key"),
            (&[("mq.tls-key", "/dev/null")], "needs mq.tls-cert"),
            (&[("mq.tls-ca", "/dev/zero")], "failed to read /dev/zero: it has more than 1 MiB"),
            (&[("mq.tls-ca", "/nowhere/ca.pem")], "failed to read /nowhere/ca.pem"),
        ] {
            let error = login(set).unwrap_err();
            assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_password_may_stand_in_the_url_or_beside_it() {
        let user = |password: Option<&str>| Who::User {
            name: "me".to_owned(),
            password: password.map(str::to_owned),
        };
        for (set, who) in [
            (&[][..], Who::Anyone),
            (&[("mq.url", "me:p@broker")], user(Some("p"))),
            (&[("mq.url", "me@broker"), ("mq.password", "p")], user(Some("p"))),
            (&[("mq.url", "me@broker")], user(None)),
            (&[("mq.user", "me"), ("mq.password", "p")], user(Some("p"))),
            (&[("mq.token", "t")], Who::By("t".to_owned())),
        ] {
            let found = login(set).unwrap();
            assert_eq!(format!("{found:?}"), "Login");
            assert!(found.who == who, "{set:?}");
            let has_password = matches!(who, Who::User { password: Some(_), .. });
            let is_user = matches!(who, Who::User { .. });
            let expected = is_user.then_some(("me", if has_password { "p" } else { "" }));
            assert_eq!(found.user(), expected, "{set:?}");
        }
    }

    #[test]
    fn a_broker_without_tls_declares_no_options_for_it() {
        static BARE: [OptionEntry; 3] = first(DECLARED_HERE);
        const DECLARED_HERE: [OptionEntry; 6] = login_options! {
            family: "mq",
            environment: "MQ",
            url: Grammar::Url(&["mq"]), "mq://127.0.0.1:7", "where",
            ways: [],
        };
        let mut options = Options::default();
        options.set("mq.user", "me");
        options.set("mq.password", "p");
        let options = options.of(&BARE).unwrap();
        let url = Url::read("mq.url", options.url("mq.url"), "mq", 7).unwrap();
        let login = Login::<()>::read("mq", &options, &url, vec![]).unwrap();
        assert_eq!(login.user(), Some(("me", "p")));
        assert_eq!((login.authority, login.certificate), (None, None));
    }

    #[test]
    fn lists_of_options_are_joined() {
        const OWN: [OptionEntry; 1] = [OptionEntry::optional("mq.own", Grammar::Text, "own")];
        const ALL: [OptionEntry; 8] = joined(DECLARED_AGAIN, OWN);
        const DECLARED_AGAIN: [OptionEntry; 7] = [OptionEntry::optional("mq.some", Grammar::Text, "some"); 7];
        assert_eq!((ALL[0].name, ALL[6].name, ALL[7].name), ("mq.some", "mq.some", "mq.own"));
    }
}
