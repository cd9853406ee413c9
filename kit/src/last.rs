//! A last round trip to the server when the run is over: it makes sure that the server has what was sent, and that it is
//! still there. Without that, a line that went silent could not be told from lost messages.

use crate::link::PortResult;
use drumpost_core::port::PortError;
use futures_util::FutureExt;
use std::{
    fmt::Display,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// How long a server may take to answer at the end of a run. A healthy one takes under a millisecond. It has to be less than
/// the four seconds that the engine gives a lane to finish after the drain deadline.
pub const SILENCE: Duration = Duration::from_secs(3);

/// The failure of a run whose server at `at` did not answer for so long.
pub(crate) fn silent(at: &str, for_so_long: Duration) -> PortError {
    PortError::Failed(format!(
        "{at} was silent: it did not answer for {for_so_long:?} after the run, although the connection is open, so missing \
         messages are not known to be lost"
    ))
}

/// A round trip as a broker makes it: an error is a sentence of the client's.
pub type RoundTrip = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// A round trip of a client whose answers and errors have types of their own.
pub fn round_trip<T, E: Display>(answer: impl Future<Output = Result<T, E>> + Send + 'static) -> RoundTrip {
    Box::pin(async move { answer.await.map(drop).map_err(|error| error.to_string()) })
}

/// A round trip that is made once, when it is first polled.
#[derive(Default)]
pub struct Last(Option<Pin<Box<dyn Future<Output = PortResult> + Send>>>);

impl std::fmt::Debug for Last {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Last")
    }
}

impl Last {
    /// Polls the round trip that `begin` makes, for at most [`SILENCE`]. `at` names the server.
    pub fn poll<F, E>(
        &mut self,
        context: &mut Context<'_>,
        at: &str,
        begin: impl FnOnce() -> F,
    ) -> Poll<Result<(), PortError>>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        let round_trip = self.0.get_or_insert_with(|| {
            let (round_trip, at) = (begin(), at.to_owned());
            Box::pin(async move {
                match tokio::time::timeout(SILENCE, round_trip).await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => {
                        Err(PortError::Failed(format!("{at} did not answer at the end of the run: {error}")))
                    }
                    Err(_) => Err(silent(&at, SILENCE)),
                }
            })
        });
        round_trip.poll_unpin(context)
    }
}
