//! The address of a server, as an option gives it.

use drumpost_core::options::Values;

/// A part of a URL as it was meant: `%40` is `@`.
#[must_use]
pub fn decoded(part: &str) -> String {
    percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// `SCHEME://USER:PASSWORD@HOST:PORT/PATH` in its parts. Not to be printed, as it may hold a password; see [`Url::shown`].
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Such as `nats` or `tls`.
    pub scheme: String,
    /// What stands before `:` or `@`, decoded.
    pub user: Option<String>,
    /// The password, decoded.
    pub password: Option<String>,
    /// The host; an IPv6 address is in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What follows the first `/` after the host, without it; often empty.
    pub path: String,
    /// `SCHEME://HOST:PORT` of the server, if the rest is the address of a relay before it.
    server: Option<String>,
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Url {
    /// The address that `option` has, such as `amqp.url`, by the usual port of each scheme. A text without a scheme has the first one.
    ///
    /// # Errors
    /// As [`Url::read`].
    pub fn of(options: &Values, option: &str, schemes: &[(&str, u16)]) -> Result<Self, String> {
        let read = |text: &str| {
            let scheme = text.split_once("://").map(|(scheme, _)| scheme);
            let known = scheme.and_then(|scheme| schemes.iter().find(|(known, _)| *known == scheme));
            let (scheme, port) = known.or(schemes.first()).copied().unwrap_or_default();
            Self::read(option, text, scheme, port)
        };
        let server = options.server_url(option).map(read).transpose()?;
        Ok(Self { server: server.map(|server| server.shown()), ..read(options.url(option))? })
    }

    /// Reads the text of `option`, such as `nats.url`. A text without a scheme or a port has these.
    ///
    /// # Errors
    /// A sentence about the option, which repeats nothing of the text: it may hold a secret.
    pub fn read(option: &str, text: &str, scheme: &str, port: u16) -> Result<Self, String> {
        if let Some(mark) = text.chars().find(|c| "?#".contains(*c)) {
            let family = option.split('.').next().unwrap_or(option);
            return Err(format!(
                "option {option}: the URL ends before the `{mark}`; say who connects with USER:PASSWORD@ before the host or \
                 with options such as {family}.password, and write a `?` or `#` in a password as %3F or %23"
            ));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or((scheme, text));
        // A scheme that a URL library has no special rules for, so that the parts are as they stand.
        let url = url::Url::parse(&format!("broker://{rest}"));
        let url = url.map_err(|error| format!("option {option}: {error}"))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        Ok(Self {
            scheme: scheme.to_owned(),
            user: Some(decoded(url.username())).filter(|user| !user.is_empty()),
            password: url.password().map(decoded),
            host: host.ok_or_else(|| format!("option {option}: no host is named"))?.to_owned(),
            port: url.port().unwrap_or(port),
            path: url.path().trim_start_matches('/').to_owned(),
            server: None,
        })
    }

    /// The path, decoded; `None` if there is none.
    #[must_use]
    pub fn decoded_path(&self) -> Option<String> {
        (!self.path.is_empty()).then(|| decoded(&self.path))
    }

    /// The host as the system takes it: an IPv6 address without brackets.
    #[must_use]
    pub fn bare_host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// `SCHEME://HOST:PORT`: without secrets.
    #[must_use]
    pub fn shown(&self) -> String {
        let Self { scheme, host, port, .. } = self;
        format!("{scheme}://{host}:{port}")
    }

    /// The same of the server itself: [`Url::shown`] is the address of a relay if there is one before the server.
    #[must_use]
    pub fn server(&self) -> String {
        self.server.clone().unwrap_or_else(|| self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::options::{Grammar, OptionEntry, Options};

    #[test]
    fn a_scheme_has_its_usual_port_and_the_first_is_the_usual_scheme() {
        const SCHEMES: [(&str, u16); 2] = [("mq", 7), ("mqs", 8)];
        static DECLARED: [OptionEntry; 1] =
            [OptionEntry::new("mq.url", Grammar::Url(&["mq", "mqs"]), "mq://here", "where")];
        for (text, shown) in [
            ("mq://broker", "mq://broker:7"),
            ("mqs://broker", "mqs://broker:8"),
            ("mqs://broker:9", "mqs://broker:9"),
            ("broker", "mq://broker:7"),
        ] {
            let mut options = Options::default();
            options.set("mq.url", text);
            let options = options.of(&DECLARED).unwrap();
            assert_eq!(Url::of(&options, "mq.url", &SCHEMES).unwrap().shown(), shown, "{text}");
        }
    }

    #[test]
    fn a_server_is_known_behind_a_relay() {
        const SCHEMES: [(&str, u16); 2] = [("mq", 7), ("mqs", 8)];
        static DECLARED: [OptionEntry; 1] =
            [OptionEntry::new("mq.url", Grammar::Url(&["mq", "mqs"]), "mq://here", "where")];
        let read = |options: &Options| Url::of(&options.of(&DECLARED).unwrap(), "mq.url", &SCHEMES).unwrap();
        let mut options = Options::default();
        options.relay("mq.url", "mq://127.0.0.1:999");
        let url = read(&options);
        assert_eq!((url.shown(), url.server()), ("mq://127.0.0.1:999".into(), "mq://here:7".into()));
        options.set("mq.url", "mqs://me:s3cret@broker/shop");
        options.relay("mq.url", "mqs://me:s3cret@127.0.0.1:999/shop");
        let url = read(&options);
        assert_eq!((url.shown(), url.server()), ("mqs://127.0.0.1:999".into(), "mqs://broker:8".into()));
        assert_eq!((url.user.as_deref(), url.path.as_str()), (Some("me"), "shop"));
    }

    #[test]
    fn a_path_is_decoded_and_brackets_are_no_part_of_a_host() {
        let url = read("mq://[::1]/a%2Fshop").unwrap();
        assert_eq!((url.decoded_path().as_deref(), url.bare_host()), (Some("a/shop"), "::1"));
        let url = read("mq://broker/").unwrap();
        assert_eq!((url.decoded_path(), url.bare_host()), (None, "broker"));
    }

    fn read(text: &str) -> Result<Url, String> {
        Url::read("mq.url", text, "mq", 7)
    }

    #[test]
    fn signs_that_are_written_as_numbers_are_read() {
        assert_eq!(decoded("p%40ss%3A"), "p@ss:");
    }

    #[test]
    fn what_is_left_out_has_a_usual_value() {
        for (text, shown) in [
            ("broker", "mq://broker:7"),
            ("broker:8", "mq://broker:8"),
            ("[::1]", "mq://[::1]:7"),
            ("tls://[::1]:9/", "tls://[::1]:9"),
            ("tls://10.0.0.1", "tls://10.0.0.1:7"),
        ] {
            assert_eq!(read(text).unwrap().shown(), shown, "{text}");
        }
    }

    #[test]
    fn parts_are_decoded_and_a_password_is_never_shown() {
        let url = read("mq://me:s3%40%3Fcret@broker/5").unwrap();
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("me"), Some("s3@?cret")));
        assert_eq!((url.path.as_str(), format!("{url:?}").as_str()), ("5", "mq://broker:7"));
        let token = read("t0ken@broker").unwrap();
        assert_eq!((token.user.as_deref(), token.password), (Some("t0ken"), None));
        assert_eq!(read("broker").unwrap().user, None);
    }

    #[test]
    fn what_is_wrong_is_said_without_what_it_says() {
        for text in ["mq://broker?password=s3cret", "broker:4222/?x=s3cret", "tls://me:s3cret#x@broker"] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("option mq.url: the URL ends before the `"), "{error}");
            assert!(error.contains("mq.password") && !error.contains("s3cret"), "{error}");
        }
        for text in ["mq://", "s3cret:s3cret", "me:s3cret@"] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("option mq.url: ") && !error.contains("s3cret"), "{error}");
        }
    }
}
