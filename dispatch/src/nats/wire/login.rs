//! Connecting and logging in. TLS begins after the server's INFO, as NATS does it, or before it with `nats.tls-first`.

use super::{
    parse::{Frame, Malformed, parse},
    protocol::words,
};
use crate::nats::{
    headers,
    login::{self, Way},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use drumpost_kit::{
    prelude::*,
    socket::{Socket, Unheard, Until},
    tls,
};
use serde_json::{Value, json};
use std::sync::OnceLock;

/// The address of the server, the login, and what the server said of itself.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) at: Arc<At>,
    login: Login<Way>,
    /// TLS is insisted on.
    tls: bool,
    /// It begins before the server says anything.
    tls_first: bool,
    facts: OnceLock<ServerFacts>,
}

/// A frame that the NATS server sends while an instance logs in.
enum Said {
    Info(Value),
    Pong,
    Error(String),
    Other,
}

/// The first thing that a server says in `bytes`.
fn said(bytes: &[u8]) -> Result<Option<(Said, usize)>, String> {
    // No message comes to a client that has not subscribed, so one of any length is foreign.
    let Some((frame, len)) = parse(bytes, 0).map_err(|_| Malformed::Line.to_string())? else {
        return Ok(None);
    };
    let said = match frame {
        Frame::Info(info) => Said::Info(serde_json::from_slice(info).map_err(|error| error.to_string())?),
        Frame::Pong => Said::Pong,
        Frame::Error(why) => Said::Error(words(why)),
        Frame::Taken | Frame::Ping | Frame::Message { .. } => Said::Other,
    };
    Ok(Some((said, len)))
}

impl Server {
    pub(super) fn from_options(options: &Values) -> Result<Self, String> {
        let url = Url::read("nats.url", options.url("nats.url"), "nats", 4222)?;
        let login = login::read(options, &url)?;
        let (tls, tls_first) = (url.scheme == "tls", options.word("nats.tls-first") == "on");
        let at = Arc::new(At::new("nats-server", &url.shown()));
        Ok(Self { at, login, tls, tls_first, facts: OnceLock::new() })
    }

    pub(super) fn facts(&self) -> Option<ServerFacts> {
        self.facts.get().cloned()
    }

    /// Connects and logs in. Refuses what the server would.
    pub(super) fn connect(&self, wiring: &Wiring, name: &str) -> Result<Socket, OpenError> {
        let (until, headers_len) = (&Until::after(PATIENCE), headers::len(&wiring.pool));
        let (mut socket, addresses) = Socket::connect(&self.at, until, login::ABSENT)?;
        if self.tls_first {
            self.secure(&mut socket, until)?;
        }
        let Said::Info(info) = self.hear(&mut socket, until)? else {
            return Err(self.at.unreachable(Unreachable::Absent, &"it says no INFO", login::ABSENT));
        };
        let [requires, speaks] = ["tls_required", "tls_available"].map(|key| info[key] == json!(true));
        if self.tls && !self.tls_first && !requires && !speaks {
            let advice = "use nats:// instead of tls://, or a server with a tls block in its configuration";
            return Err(self.at.unreachable(Unreachable::Refused, &"the server has no TLS", advice));
        }
        if (self.tls || requires) && !self.tls_first {
            self.secure(&mut socket, until)?;
        }
        let connect = self.introduction(&info, name)?;
        socket.out.extend_from_slice(format!("CONNECT {connect}\r\nPING\r\n").as_bytes());
        // A server may tell of itself again, or ask, before it answers.
        while !matches!(self.hear(&mut socket, until)?, Said::Pong) {}
        if headers_len > 0 && info["headers"] != json!(true) {
            return Err(OpenError::Refused(format!("{} does not support headers", self.at)));
        }
        let limit = info["max_payload"].as_u64().and_then(|limit| usize::try_from(limit).ok());
        self.at.takes(&wiring.pool, headers_len, limit.unwrap_or(usize::MAX), "max_payload")?;
        let version = info["version"].as_str().unwrap_or_default();
        self.facts.get_or_init(|| self.at.facts(version, addresses));
        Ok(socket)
    }

    /// The next thing that the server says, or why it does not let the client in.
    fn hear(&self, socket: &mut Socket, until: &Until) -> Result<Said, OpenError> {
        let tls = &*tls_advice("nats");
        let (why, error, advice) = match socket.hear(until, said) {
            Ok(Said::Error(said)) if said.contains("TLS") => (Unreachable::Refused, said, tls),
            Ok(Said::Error(said)) => (Unreachable::Refused, said, login::CREDENTIALS),
            Ok(said) => return Ok(said),
            Err(Unheard::Silent) => {
                (Unreachable::Absent, format!("no answer within {PATIENCE:?}"), login::ABSENT)
            }
            // A server that wants a certificate of the client's says so when the handshake is over for the client.
            Err(Unheard::Foreign(error)) if socket.is_secure() => (Unreachable::Refused, error, tls),
            Err(Unheard::Foreign(error)) => (Unreachable::Absent, error, login::ABSENT),
        };
        Err(self.at.unreachable(why, &error, advice))
    }

    /// Who connects, as the server wants to hear it.
    fn introduction(&self, info: &Value, name: &str) -> Result<Value, OpenError> {
        let mut who = json!({
            "verbose": false, "pedantic": false, "echo": true, "protocol": 1, "tls_required": false, "headers": true,
            "no_responders": false, "lang": "rust", "version": env!("CARGO_PKG_VERSION"), "name": name,
        });
        match &self.login.who {
            Who::Anyone => {}
            Who::User { name, password } => {
                who["user"] = json!(name);
                who["pass"] = json!(password.as_deref().unwrap_or_default());
            }
            Who::By(Way::Token(token)) => who["auth_token"] = json!(token),
            Who::By(Way::NkeySeed(seed)) => {
                let (key, signature) = self.signed(seed, info)?;
                (who["nkey"], who["sig"]) = (json!(key), json!(signature));
            }
            Who::By(Way::Creds(creds)) => {
                who["jwt"] = json!(creds.jwt);
                who["sig"] = json!(self.signed(&creds.seed, info)?.1);
            }
        }
        Ok(who)
    }

    /// The public key of a seed, and its signature of what the server asks to have signed.
    fn signed(&self, seed: &str, info: &Value) -> Result<(String, String), OpenError> {
        let refused = |error: nkeys::error::Error| self.at.failed("sign with the nkey", &error);
        let key = nkeys::KeyPair::from_seed(seed).map_err(refused)?;
        let signature = key.sign(info["nonce"].as_str().unwrap_or_default().as_bytes()).map_err(refused)?;
        Ok((key.public_key(), URL_SAFE_NO_PAD.encode(signature)))
    }

    fn secure(&self, socket: &mut Socket, until: &Until) -> Result<(), OpenError> {
        let config = tls::config(&self.login).map_err(OpenError::Refused)?;
        let secured = socket.secure(config, until);
        secured.map_err(|error| self.at.unreachable(Unreachable::Refused, &error, &tls_advice("nats")))
    }
}
