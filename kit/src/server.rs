//! A server as users see it: its name and address without secrets, and the steps of set-up there. Each step has a limit and
//! ends with a sentence that names the step and the server.

use drumpost_core::transport::OpenError;
use std::{fmt::Display, future::Future, time::Duration};
use tokio::time::timeout;

/// How long a server may take to answer a step of set-up.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The name and address of a server, for sentences.
#[derive(Clone, Debug)]
pub struct At {
    /// Such as `nats-server at nats://127.0.0.1:4222`.
    text: String,
    /// The address alone.
    address: String,
}

impl At {
    /// A `product` at an `address`, which holds no secret.
    #[must_use]
    pub fn new(product: &str, address: &str) -> Self {
        Self { text: format!("{product} at {address}"), address: address.to_owned() }
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The error of a step that failed: `failed to WHAT at ...`.
    #[must_use]
    pub fn failed(&self, what: &str, error: &dyn Display) -> OpenError {
        OpenError::Failed(format!("failed to {what} at {}: {error}", self.address))
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
        match timeout(PATIENCE, step).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.failed(what, &error)),
            Err(_) => Err(self.failed(what, &format_args!("no answer within {PATIENCE:?}"))),
        }
    }
}

impl Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[test]
    fn a_step_says_what_it_was_and_where() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let at = At::new("broker", "tcp://127.0.0.1:9");
        let step = |step| runtime.as_ref().unwrap().block_on(at.step("make a queue", step));
        assert_eq!(step(ready(Ok::<_, String>(7))), Ok(7));
        let failed = step(ready(Err("no".to_owned()))).unwrap_err().to_string();
        assert_eq!(failed, "failed to make a queue at tcp://127.0.0.1:9: no");
        let silent = runtime.as_ref().unwrap().block_on(at.step("ask", pending::<Result<(), String>>()));
        assert_eq!(
            silent.unwrap_err().to_string(),
            "failed to ask at tcp://127.0.0.1:9: no answer within 5s"
        );
    }
}
