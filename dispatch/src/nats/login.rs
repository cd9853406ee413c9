//! Login and TLS of a connection: reads the options and the URL and checks them before a connection is opened. The
//! values are secrets, so no type here can be printed.

use async_nats::ConnectOptions;
use drumpost_core::options::{Grammar, OptionEntry, OptionFile, Values};
use std::{fmt, path::PathBuf, str::FromStr};

/// The options that both transports read. The environment variables are those of the `nats` command line.
pub(super) const OPTIONS: [OptionEntry; 9] = [
    OptionEntry::new(
        "nats.url",
        Grammar::Url(&["nats", "tls"]),
        "nats://127.0.0.1:4222",
        "address of the server: nats://HOST:PORT, or tls://HOST:PORT to require TLS; may contain USER:PASSWORD@ or TOKEN@",
    )
    .address()
    .or_environment("NATS_URL"),
    OptionEntry::optional("nats.user", Grammar::Text, "user name; needs nats.password")
        .way_to_log_in()
        .or_environment("NATS_USER"),
    OptionEntry::optional("nats.password", Grammar::Text, "password of nats.user")
        .password_of("nats.user")
        .or_environment("NATS_PASSWORD")
        .secret(),
    OptionEntry::optional("nats.token", Grammar::Text, "authentication token")
        .way_to_log_in()
        .or_environment("NATS_TOKEN")
        .secret(),
    OptionEntry::optional("nats.nkey-file", Grammar::File, "file with the seed of a user's NKey")
        .way_to_log_in()
        .or_environment("NATS_NKEY"),
    OptionEntry::optional("nats.creds", Grammar::File, "credentials file with a user's JWT and NKey seed")
        .way_to_log_in()
        .or_environment("NATS_CREDS"),
    OptionEntry::optional(
        "nats.tls-ca",
        Grammar::File,
        "CA certificates that signed the server's certificate (PEM)",
    )
    .or_else("the system's")
    .or_environment("NATS_CA"),
    OptionEntry::optional("nats.tls-cert", Grammar::File, "client certificate (PEM)").or_environment("NATS_CERT"),
    OptionEntry::optional("nats.tls-key", Grammar::File, "private key of nats.tls-cert (PEM)")
        .or_environment("NATS_KEY"),
];

/// The credentials.
#[derive(Clone)]
enum Who {
    Anyone,
    User {
        name: String,
        password: String,
    },
    Token(String),
    NkeySeed(String),
    /// The text of a credentials file.
    Creds(String),
}

/// The credentials, and the certificates to trust.
#[derive(Clone)]
pub(super) struct Login {
    who: Who,
    authority: Option<PathBuf>,
    certificate: Option<(PathBuf, PathBuf)>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Login {
    /// Reads the options. `user` and `password` are those of the URL.
    ///
    /// # Errors
    /// A sentence about an option: two that contradict each other, or a file that cannot be used.
    pub(super) fn new(
        options: &Values,
        user: Option<String>,
        password: Option<String>,
    ) -> Result<Self, String> {
        let (named, secret) = (options.text("nats.user"), options.text("nats.password"));
        let password = password.or_else(|| secret.map(str::to_owned));
        let mut said: Vec<(&str, Who)> = Vec::new();
        match (user, named) {
            (Some(_), Some(_)) => {
                return Err("nats.url and nats.user both name a user; leave one of them out".into());
            }
            (Some(name), None) => said.push((
                "nats.url",
                // A name without a password is a token, as in NATS's other clients.
                match password {
                    Some(password) => Who::User { name, password },
                    None => Who::Token(name),
                },
            )),
            (None, Some(name)) => {
                let password = password.ok_or("option nats.user: it needs nats.password")?;
                said.push(("nats.user", Who::User { name: name.into(), password }));
            }
            (None, None) if password.is_some() => {
                return Err("option nats.password: it needs nats.user, or a user in nats.url".into());
            }
            (None, None) => {}
        }
        if let Some(token) = options.text("nats.token") {
            said.push(("nats.token", Who::Token(token.into())));
        }
        if let Some(file) = options.file("nats.nkey-file") {
            said.push(("nats.nkey-file", Who::NkeySeed(seed("nats.nkey-file", file)?)));
        }
        if let Some(file) = options.file("nats.creds") {
            let broken = |error| format!("option nats.creds: {file:?} is no credentials file: {error}");
            ConnectOptions::new().credentials(&file.text).map_err(broken)?;
            said.push(("nats.creds", Who::Creds(file.text.clone())));
        }
        if let [(one, _), (other, _), ..] = &said[..] {
            return Err(format!("{one} and {other} are both credentials; leave one of them out"));
        }
        let file = |name| options.path(name).map(PathBuf::from);
        let certificate = match (file("nats.tls-cert"), file("nats.tls-key")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err("option nats.tls-cert: it needs nats.tls-key".into()),
            (None, Some(_)) => return Err("option nats.tls-key: it needs nats.tls-cert".into()),
        };
        let who = said.pop().map_or(Who::Anyone, |(_, who)| who);
        Ok(Self { who, authority: file("nats.tls-ca"), certificate })
    }

    /// Tells the client.
    ///
    /// # Errors
    /// What the client says of a credentials file; it was checked before.
    pub(super) fn applied(&self, options: ConnectOptions) -> Result<ConnectOptions, String> {
        // One provider for the process, named: where a build holds several, the TLS library panics instead of choosing.
        let _ = async_nats::rustls::crypto::ring::default_provider().install_default();
        let mut options = match &self.who {
            Who::Anyone => options,
            Who::User { name, password } => options.user_and_password(name.clone(), password.clone()),
            Who::Token(token) => options.token(token.clone()),
            Who::NkeySeed(seed) => options.nkey(seed.clone()),
            Who::Creds(text) => options.credentials(text).map_err(|error| error.to_string())?,
        };
        if let Some(authority) = &self.authority {
            options = options.add_root_certificates(authority.clone());
        }
        if let Some((certificate, key)) = &self.certificate {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        Ok(options)
    }
}

/// The seed in a file that may hold comments and dashed lines around it.
fn seed(option: &str, file: &OptionFile) -> Result<String, String> {
    let found = file.text.split_whitespace().find(|word| nkeys::KeyPair::from_seed(word).is_ok());
    found.map(str::to_owned).ok_or_else(|| {
        format!(
            "option {option}: {file:?} holds no nkey seed, which is a word such as SUAB... on a line of its own"
        )
    })
}

/// The reason why a connection failed, as the server or the TLS library reports it.
pub(super) enum Rejected {
    /// The server wants someone else.
    Who,
    /// TLS.
    Tls,
    /// Anything else: nobody there, no answer.
    Other,
}

impl Rejected {
    /// Looks for the cause among an error's sources.
    pub(super) fn of(error: &async_nats::ConnectError) -> Self {
        use async_nats::ConnectErrorKind::{Authentication, AuthorizationViolation, Tls};
        match error.kind() {
            Authentication | AuthorizationViolation => return Self::Who,
            Tls => return Self::Tls,
            _ => {}
        }
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = source {
            let inner = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
            if inner.is_some_and(|inner| inner.is::<async_nats::rustls::Error>()) {
                return Self::Tls;
            }
            source = error.source();
        }
        Self::Other
    }

    /// Advice on how to fix it.
    pub(super) const fn advice(&self) -> &'static str {
        match self {
            Self::Who => {
                "give credentials: USER:PASSWORD@ or TOKEN@ in nats.url, or nats.user and nats.password, nats.token, \
                 nats.nkey-file or nats.creds"
            }
            Self::Tls => {
                "give the CA of the server's certificate with nats.tls-ca, and a client certificate with nats.tls-cert \
                 and nats.tls-key if the server asks for one"
            }
            Self::Other => "start one with \"$(scripts/nats-server)\" -js, or set nats.url to one that runs",
        }
    }
}

/// The scheme of a URL that is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// TLS if the server asks for it.
    Nats,
    /// TLS in any case.
    Tls,
}

impl FromStr for Scheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "nats" => Ok(Self::Nats),
            "tls" => Ok(Self::Tls),
            other => Err(format!("option nats.url: `{other}` is not supported; use nats:// or tls://")),
        }
    }
}

impl Scheme {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Tls => "tls",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(set: &[(&str, &str)], user: Option<&str>, password: Option<&str>) -> Result<Login, String> {
        static DECLARED: [OptionEntry; OPTIONS.len()] = OPTIONS;
        let mut options = drumpost_core::options::Options::default();
        set.iter().for_each(|(name, value)| options.set(name, *value));
        let options = options.of(&DECLARED).map_err(|error| error.to_string())?;
        Login::new(&options, user.map(str::to_owned), password.map(str::to_owned))
    }

    #[test]
    fn what_contradicts_itself_is_refused_without_its_value() {
        for (set, user, expected) in [
            (
                &[("nats.token", "s3cret"), ("nats.user", "me"), ("nats.password", "s3cret")][..],
                None,
                "both credentials",
            ),
            (&[("nats.user", "me")], None, "needs nats.password"),
            (&[("nats.password", "s3cret")], None, "needs nats.user"),
            (&[("nats.user", "me"), ("nats.password", "s3cret")], Some("you"), "both name a user"),
            (&[("nats.creds", "/nowhere/s.creds")], None, "failed to read /nowhere/s.creds"),
            (&[("nats.tls-cert", "/dev/null")], None, "needs nats.tls-key"),
            (&[("nats.tls-key", "/dev/null")], None, "needs nats.tls-cert"),
            (&[("nats.nkey-file", "/dev/null")], None, "holds no nkey seed"),
            (&[("nats.nkey-file", "/dev/zero")], None, "failed to read /dev/zero: it has more than 1 MiB"),
        ] {
            let error = login(set, user, None).unwrap_err();
            assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_name_alone_is_a_token_and_a_password_may_stand_elsewhere() {
        assert!(matches!(login(&[], Some("t"), None).unwrap().who, Who::Token(_)));
        let beside = login(&[("nats.password", "p")], Some("me"), None).unwrap();
        assert!(matches!(beside.who, Who::User { .. }));
        assert!(matches!(login(&[], Some("me"), Some("p")).unwrap().who, Who::User { .. }));
        assert_eq!(format!("{beside:?}"), "Login");
    }
}
