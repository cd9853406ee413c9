//! Login and TLS of a connection: the options that both transports read, and what the client is told of them. The values are
//! secrets, so no type here can be printed.

use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions, rustls};
use drumpost_core::options::OptionFile;
use drumpost_kit::prelude::*;

/// The options that all transports read. The environment variables are those of the `nats` command line.
pub(super) const OPTIONS: [OptionEntry; 10] = drumpost_kit::login_options! {
    family: "nats",
    environment: "NATS",
    url: Grammar::Url(&["nats", "tls"]), "nats://127.0.0.1:4222",
        "address of the server: nats://HOST:PORT, or tls://HOST:PORT to require TLS; may contain USER:PASSWORD@ or TOKEN@",
    ways: [
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
        OptionEntry::new("nats.tls-first", Grammar::Word(&["on", "off"]), "off", TLS_FIRST),
    ],
};

const TLS_FIRST: &str = "TLS begins before the server says anything, as its handshake_first asks for";

/// The ways to log in that NATS has besides user and password.
#[derive(Clone)]
pub(super) enum Way {
    Token(String),
    NkeySeed(String),
    Creds(Creds),
}

/// A credentials file.
#[derive(Clone)]
pub(super) struct Creds {
    /// All of it.
    text: String,
    pub(super) jwt: String,
    pub(super) seed: String,
}

impl Creds {
    fn read(file: &OptionFile) -> Result<Self, String> {
        let broken = |error: &str| format!("option nats.creds: {file:?} is no credentials file: {error}");
        let text = &file.text;
        ConnectOptions::new().credentials(text).map_err(|error| broken(&error.to_string()))?;
        // The lines around it are dashed.
        let jwt =
            text.split_whitespace().find(|word| word.starts_with("ey") && word.matches('.').count() == 2);
        let jwt = jwt
            .ok_or_else(|| broken("it holds no JWT, which is a line such as eyJ0..."))
            .map(str::to_owned)?;
        let seed = seed_in(text).ok_or_else(|| broken("it holds no nkey seed"))?;
        Ok(Self { text: text.clone(), jwt, seed })
    }
}

/// Reads the options.
pub(super) fn read(options: &Values, url: &Url) -> Result<Login<Way>, String> {
    let token = options.text("nats.token").map(|token| Ok(("nats.token", Way::Token(token.into()))));
    let seed = options.file("nats.nkey-file").map(|file| Ok(("nats.nkey-file", Way::NkeySeed(seed(file)?))));
    let creds = options.file("nats.creds").map(|file| Ok(("nats.creds", Way::Creds(Creds::read(file)?))));
    let ways = [token, seed, creds].into_iter().flatten().collect::<Result<Vec<_>, String>>()?;
    let mut login = Login::read("nats", options, url, ways)?;
    // A name without a password is a token, as in NATS's other clients.
    if let Who::User { name, password: None } = login.who {
        login.who = Who::By(Way::Token(name));
    }
    Ok(login)
}

/// The seed in a file that may hold comments and dashed lines around it.
fn seed(file: &OptionFile) -> Result<String, String> {
    seed_in(&file.text).ok_or_else(|| {
        format!(
            "option nats.nkey-file: {file:?} holds no nkey seed, which is a word such as SUAB... on a line of its own"
        )
    })
}

fn seed_in(text: &str) -> Option<String> {
    text.split_whitespace().find(|word| nkeys::KeyPair::from_seed(word).is_ok()).map(str::to_owned)
}

/// Tells the client.
pub(super) fn applied(login: &Login<Way>, options: ConnectOptions) -> Result<ConnectOptions, OpenError> {
    // One provider for the process, named: where a build holds several, the TLS library panics instead of choosing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let refused = |error: std::io::Error| OpenError::Refused(error.to_string());
    let mut options = match login.who.clone() {
        Who::Anyone => options,
        Who::User { name, password } => options.user_and_password(name, password.unwrap_or_default()),
        Who::By(Way::Token(token)) => options.token(token),
        Who::By(Way::NkeySeed(seed)) => options.nkey(seed),
        // It was checked before.
        Who::By(Way::Creds(creds)) => options.credentials(&creds.text).map_err(refused)?,
    };
    if let Some(authority) = &login.authority {
        options = options.add_root_certificates(authority.path.clone());
    }
    if let Some((certificate, key)) = &login.certificate {
        options = options.add_client_certificate(certificate.path.clone(), key.path.clone());
    }
    Ok(options)
}

/// What a user can do where no server is found.
pub(super) const ABSENT: &str =
    "start one with \"$(scripts/nats-server)\" -js, or set nats.url to one that runs";

/// What a user can do whom the server does not know.
pub(super) const CREDENTIALS: &str = "give credentials: USER:PASSWORD@ or TOKEN@ in nats.url, or nats.user and nats.password, \
                                      nats.token, nats.nkey-file or nats.creds";

/// Why the client does not get in, and what the user can do.
pub(super) fn why(error: &ConnectError) -> (Unreachable, String) {
    use ConnectErrorKind::{Authentication, AuthorizationViolation, Tls};
    match error.kind() {
        Authentication | AuthorizationViolation => (Unreachable::Refused, CREDENTIALS.into()),
        Tls => (Unreachable::Refused, tls_advice("nats")),
        _ if has_cause::<rustls::Error>(error) => (Unreachable::Refused, tls_advice("nats")),
        _ => (Unreachable::Absent, ABSENT.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::options::Options;

    fn login(set: &[(&str, &str)]) -> Result<Login<Way>, String> {
        static DECLARED: [OptionEntry; OPTIONS.len()] = OPTIONS;
        let mut options = Options::default();
        set.iter().for_each(|(name, value)| options.set(name, *value));
        let options = options.of(&DECLARED).map_err(|error| error.to_string())?;
        read(&options, &Url::read("nats.url", options.url("nats.url"), "nats", 4222)?)
    }

    #[test]
    fn what_contradicts_itself_is_refused_without_its_value() {
        for (set, expected) in [
            (
                &[("nats.token", "s3cret"), ("nats.user", "me"), ("nats.password", "s3cret")][..],
                "both credentials",
            ),
            (&[("nats.creds", "/nowhere/s.creds")], "failed to read /nowhere/s.creds"),
            (&[("nats.creds", "/dev/null")], "is no credentials file"),
            (&[("nats.nkey-file", "/dev/null")], "holds no nkey seed"),
            (&[("nats.nkey-file", "/dev/zero")], "failed to read /dev/zero: it has more than 1 MiB"),
        ] {
            let error = login(set).err().unwrap();
            assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_name_alone_is_a_token_and_a_password_may_stand_elsewhere() {
        let who = |set: &[(&str, &str)]| login(set).unwrap().who;
        assert!(matches!(who(&[("nats.url", "t@broker")]), Who::By(Way::Token(_))));
        assert!(matches!(who(&[("nats.url", "me@broker"), ("nats.password", "p")]), Who::User { .. }));
        assert!(matches!(who(&[("nats.url", "me:p@broker")]), Who::User { .. }));
    }
}
