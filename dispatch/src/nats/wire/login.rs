//! Connecting and logging in. What this transport does not speak, TLS and credentials with a JWT, is refused in words.

use super::connection::{Heard, Unheard, Wire};
use crate::nats::{
    headers,
    login::{self, Way},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use drumpost_kit::{
    prelude::*,
    socket::{Socket, Until},
};
use serde_json::{Value, json};
use std::sync::OnceLock;

const CREDENTIALS: &str = "give credentials: USER:PASSWORD@ or TOKEN@ in nats.url, or nats.user and nats.password, nats.token or \
                           nats.nkey-file; nats.creds needs the transport nats";
const NO_TLS: &str = "nats-wire has no TLS; use the transport nats";

/// The address of the server, the login, and what the server said of itself.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) at: Arc<At>,
    login: Login<Way>,
    facts: OnceLock<ServerFacts>,
}

impl Server {
    pub(super) fn from_options(options: &Values) -> Result<Self, String> {
        let url = Url::read("nats.url", options.url("nats.url"), "nats", 4222)?;
        let login = login::read(options, &url)?;
        if url.scheme != "nats" {
            return Err(format!("option nats.url: `{}://` asks for TLS, and {NO_TLS}", url.scheme));
        }
        if login.authority.is_some() || login.certificate.is_some() {
            return Err(format!("option nats.tls-ca or nats.tls-cert: {NO_TLS}"));
        }
        if matches!(login.who, Who::By(Way::Creds(_))) {
            return Err(
                "option nats.creds: nats-wire cannot log in with a JWT; use the transport nats".into()
            );
        }
        Ok(Self { at: Arc::new(At::new("nats-server", &url.shown())), login, facts: OnceLock::new() })
    }

    pub(super) fn facts(&self) -> Option<ServerFacts> {
        self.facts.get().cloned()
    }

    /// Connects and logs in. Refuses what the server would.
    pub(super) fn connect(&self, wiring: &Wiring, name: &str) -> Result<Wire, OpenError> {
        let (until, headers_len) = (&Until::after(PATIENCE), headers::len(&wiring.pool));
        let (socket, addresses) = Socket::connect(&self.at, until, login::ABSENT)?;
        let mut wire = Wire::new(socket, &wiring.pool, headers_len);
        let Heard::Info(info) = wire.hear(until).map_err(|why| self.unheard(why))? else {
            return Err(self.unheard(Unheard::Foreign("it says no INFO".into())));
        };
        if info["tls_required"] == json!(true) {
            let error = "the server requires TLS";
            return Err(self.at.unreachable(Unreachable::Refused, &error, NO_TLS));
        }
        let connect = self.introduction(&info, name)?;
        wire.socket.out.extend_from_slice(format!("CONNECT {connect}\r\nPING\r\n").as_bytes());
        // A server may tell of itself again before it answers.
        while let Heard::Info(_) = wire.hear(until).map_err(|why| self.unheard(why))? {}
        if headers_len > 0 && info["headers"] != json!(true) {
            return Err(OpenError::Refused(format!("{} does not support headers", self.at)));
        }
        let limit = info["max_payload"].as_u64().and_then(|limit| usize::try_from(limit).ok());
        self.at.takes(&wiring.pool, headers_len, limit.unwrap_or(usize::MAX), "max_payload")?;
        let version = info["version"].as_str().unwrap_or_default();
        self.facts.get_or_init(|| self.at.facts(version, addresses));
        Ok(wire)
    }

    /// Who connects, as the server wants to hear it.
    fn introduction(&self, info: &Value, name: &str) -> Result<Value, OpenError> {
        let mut who = json!({
            "verbose": false, "pedantic": false, "echo": true, "protocol": 1, "tls_required": false, "headers": true,
            "no_responders": false, "lang": "rust", "version": env!("CARGO_PKG_VERSION"), "name": name,
        });
        match &self.login.who {
            Who::Anyone | Who::By(Way::Creds(_)) => {}
            Who::User { name, password } => {
                who["user"] = json!(name);
                who["pass"] = json!(password.as_deref().unwrap_or_default());
            }
            Who::By(Way::Token(token)) => who["auth_token"] = json!(token),
            Who::By(Way::NkeySeed(seed)) => {
                let refused = |error: nkeys::error::Error| self.at.failed("sign with the nkey", &error);
                let key = nkeys::KeyPair::from_seed(seed).map_err(refused)?;
                let nonce = info["nonce"].as_str().unwrap_or_default();
                who["nkey"] = json!(key.public_key());
                who["sig"] = json!(URL_SAFE_NO_PAD.encode(key.sign(nonce.as_bytes()).map_err(refused)?));
            }
        }
        Ok(who)
    }

    fn unheard(&self, why: Unheard) -> OpenError {
        let (why, error, advice) = match why {
            Unheard::Silent => (Unreachable::Absent, format!("no answer within {PATIENCE:?}"), login::ABSENT),
            Unheard::Foreign(error) => (Unreachable::Absent, error, login::ABSENT),
            Unheard::Said(said) if said.contains("TLS") => (Unreachable::Refused, said, NO_TLS),
            Unheard::Said(said) => (Unreachable::Refused, said, CREDENTIALS),
        };
        self.at.unreachable(why, &error, advice)
    }
}
