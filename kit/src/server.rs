//! A server as users see it: its name and address without secrets, and the steps of set-up there. Each step has a limit and
//! ends with a sentence that names the step and the server.

use crate::{refusals::Refusals, url::Url};
use drumpost_core::{message::MESSAGE_LEN, payload::Pool, server::ServerFacts, transport::OpenError};
use std::{error::Error, fmt::Display, future::Future, io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::timeout,
};

/// How long a server may take to answer a step of set-up.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The name and address of a server, for sentences.
#[derive(Clone, Debug)]
pub struct At {
    /// Such as `nats-server at nats://127.0.0.1:4222`.
    text: String,
    /// The address alone.
    address: String,
    /// The address of the server itself, which is another one if there is a relay before it.
    server: String,
}

impl At {
    /// A `product` at an `address`, which holds no secret.
    #[must_use]
    pub fn new(product: &str, address: &str) -> Self {
        Self {
            text: format!("{product} at {address}"),
            address: address.to_owned(),
            server: address.to_owned(),
        }
    }

    /// A `product` at the address of an option, which may be that of a relay before it.
    #[must_use]
    pub fn of(product: &str, url: &Url) -> Self {
        Self { server: url.server(), ..Self::new(product, &url.shown()) }
    }

    /// The name of the product.
    #[must_use]
    pub fn product(&self) -> &str {
        self.text.split(" at ").next().unwrap_or(&self.text)
    }

    /// The facts about the server for a record. An empty version is not known.
    #[must_use]
    pub fn facts(&self, version: &str, addresses: impl IntoIterator<Item = SocketAddr>) -> ServerFacts {
        let version = Some(version.to_owned()).filter(|version| !version.is_empty());
        ServerFacts {
            product: self.product().to_owned(),
            version,
            addresses: addresses.into_iter().collect(),
            is_embedded: false,
        }
    }

    /// The facts with the addresses that are found now.
    pub async fn facts_now(&self, version: &str) -> ServerFacts {
        self.facts(version, self.addresses().await)
    }

    /// The facts about a server whose client does not hand out what the server tells everyone who greets it. `version` finds the version in
    /// the answer to a `greeting`. `is_encrypted`: no greeting is read, and the version is not known.
    ///
    /// # Errors
    /// `Failed` if the server does not answer.
    pub async fn greeted(
        &self,
        greeting: &[u8],
        is_encrypted: bool,
        version: fn(&[u8]) -> String,
    ) -> Result<ServerFacts, OpenError> {
        let version = match is_encrypted {
            true => String::new(),
            false => version(&self.first_words(greeting).await?),
        };
        Ok(self.facts_now(&version).await)
    }

    /// What the host and the port of the address stand for; nothing if they are not known.
    pub async fn addresses(&self) -> Vec<SocketAddr> {
        let place = self.address.split("://").last().unwrap_or_default();
        lookup_host(place).await.map(Iterator::collect).unwrap_or_default()
    }

    /// What the server answers first to a `greeting`, up to 4 KiB: for what a client hears there and does not hand out.
    ///
    /// # Errors
    /// `Failed` if the server does not answer.
    pub async fn first_words(&self, greeting: &[u8]) -> Result<Vec<u8>, OpenError> {
        let ask = async {
            let mut stream = TcpStream::connect(&*self.addresses().await).await?;
            stream.write_all(greeting).await?;
            let mut answer = vec![0; 4096];
            let len = stream.read(&mut answer).await?;
            answer.truncate(len);
            Ok::<_, io::Error>(answer)
        };
        self.step("ask who it is", ask).await
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address of the server itself, without a relay before it.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The error of a step that failed: `failed to WHAT at ...`.
    #[must_use]
    pub fn failed(&self, what: &str, error: &dyn Display) -> OpenError {
        OpenError::Failed(format!("failed to {what} at {}: {error}", self.address))
    }

    /// The error of a connection that did not come about, for this reason, with advice: what the user can do.
    #[must_use]
    pub fn unreachable(&self, why: Unreachable, error: &dyn Display, advice: &str) -> OpenError {
        OpenError::Failed(match why {
            Unreachable::Absent => format!("failed to reach {self}: {error}; {advice}"),
            Unreachable::Refused => {
                format!("{} refused the login at {}: {error}; {advice}", self.product(), self.address)
            }
        })
    }

    /// Connects, in no more time than [`PATIENCE`]. `why` says of an error why the server cannot be reached, and what the
    /// user can do. `absent` is the advice if there is no answer.
    ///
    /// # Errors
    /// `Failed` with a sentence that names the server, the client's error and the advice.
    pub async fn reach<T, E: Display>(
        &self,
        connecting: impl Future<Output = Result<T, E>>,
        absent: &str,
        why: impl FnOnce(&E) -> (Unreachable, String),
    ) -> Result<T, OpenError> {
        match timeout(PATIENCE, connecting).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(error)) => {
                let (why, advice) = why(&error);
                Err(self.unreachable(why, &error, &advice))
            }
            Err(_) => {
                let silence = format_args!("no answer within {PATIENCE:?}");
                Err(self.unreachable(Unreachable::Absent, &silence, absent))
            }
        }
    }

    /// Refuses messages that the server would: the longest of a run is header, payload and `headers_len` bytes of application
    /// headers. `setting` is where the server's `limit` in bytes is raised.
    ///
    /// # Errors
    /// `Refused` with a sentence that has both sizes.
    pub fn takes(
        &self,
        pool: &Pool,
        headers_len: usize,
        limit: usize,
        setting: &str,
    ) -> Result<(), OpenError> {
        let longest = pool.max_len() as usize + MESSAGE_LEN + headers_len;
        if longest <= limit {
            return Ok(());
        }
        Err(OpenError::Refused(format!(
            "{self} takes at most {limit} bytes in a message, and this run's are up to {longest}; raise {setting} in its \
             configuration, or send shorter payloads and headers"
        )))
    }

    /// The same for servers that do not tell their limit: `publish` sends one message of the longest length to where nobody hears
    /// it, without headers, and waits for its confirm. `is_refusal` says of an error whether the server refused the message.
    ///
    /// # Errors
    /// `Refused` with a sentence that has the size and the server's words. `Failed` if there is no answer; the sentence says so if
    /// the server holds senders up.
    pub async fn takes_the_longest<E: Display>(
        &self,
        pool: &Pool,
        publish: impl AsyncFnOnce(Vec<u8>) -> Result<(), E>,
        is_refusal: impl FnOnce(&E) -> bool,
        refusals: &Refusals,
        setting: &str,
    ) -> Result<(), OpenError> {
        const STEP: &str = "publish a message";
        let longest = pool.max_len() as usize + MESSAGE_LEN;
        match timeout(PATIENCE, publish(vec![0; longest])).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if is_refusal(&error) => Err(OpenError::Refused(format!(
                "{self} does not take this run's longest message, which has {longest} bytes: {error}; raise {setting} in its \
                 configuration, or send shorter payloads"
            ))),
            Ok(Err(error)) => Err(self.failed(STEP, &error)),
            Err(_) => {
                let silence = || format!("no answer within {PATIENCE:?}");
                Err(self.failed(STEP, &refusals.sentence(self.product()).unwrap_or_else(silence)))
            }
        }
    }

    /// Takes a step of set-up, in no more time than [`PATIENCE`].
    ///
    /// # Errors
    /// `Failed` with a sentence: what the step was, and the client's error or that there was no answer.
    pub async fn step<T, E: Display>(
        &self,
        what: &str,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, OpenError> {
        self.step_within(PATIENCE, what, step).await
    }

    /// The same with a limit of its own.
    ///
    /// # Errors
    /// As [`At::step`].
    pub async fn step_within<T, E: Display>(
        &self,
        limit: Duration,
        what: &str,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, OpenError> {
        match timeout(limit, step).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.failed(what, &error)),
            Err(_) => Err(self.failed(what, &format_args!("no answer within {limit:?}"))),
        }
    }
}

/// Why a server cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Nobody is there, or nobody answers.
    Absent,
    /// It is there and does not let the client in: credentials, or TLS.
    Refused,
}

impl Unreachable {
    /// The reason with its advice, for [`At::reach`]: `login` if the server refused the login, and else `absent`.
    #[must_use]
    pub fn of(is_refused: bool, login: &str, absent: &str) -> (Self, String) {
        if is_refused { (Self::Refused, login.to_owned()) } else { (Self::Absent, absent.to_owned()) }
    }
}

/// The advice about certificates, for options that [`login_options!`](crate::login_options) declared.
#[must_use]
pub fn tls_advice(family: &str) -> String {
    format!(
        "give the CA of the server's certificate with {family}.tls-ca, and a client certificate with {family}.tls-cert \
         and {family}.tls-key if the server asks for one"
    )
}

/// Whether an error of type `E` is among the causes of `error`, as an error of a TLS library is inside of one of input and output.
#[must_use]
pub fn has_cause<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if error.is::<E>() || inner.is_some_and(|inner| inner.is::<E>()) {
            return true;
        }
        cause = error.source();
    }
    false
}

impl Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
