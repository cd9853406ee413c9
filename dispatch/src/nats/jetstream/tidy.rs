//! Removing streams: those of a trial when it is over, over a fresh connection if its own is lost, and those that
//! killed processes left behind.

use super::{
    super::connection::{Connection, PATIENCE, Server},
    owner::{Owner, State},
};
use async_nats::jetstream::{self, Context, ErrorCode, context::DeleteStreamErrorKind};
use drumpost_core::transport::{Cleaned, OpenError};
use futures_util::StreamExt;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

/// How often a server that cannot be reached is tried again before the streams are left to it. One that was killed and is
/// started again by its supervisor is there by then; a trial does not wait longer for it.
const ATTEMPTS: u32 = 4;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// All attempts together take no longer.
const LIMIT: Duration = Duration::from_secs(10);

/// Streams of this process that could not be removed: where, and their names. The next trial at the same server does.
static LEFT: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Removes `streams`, over `own` if that still works, else over a connection made for this. Gives back those that may
/// still be there.
pub(super) async fn remove(server: &Server, own: Option<&Connection>, streams: Vec<String>) -> Vec<String> {
    let mut left = streams;
    let removing = async {
        if let Some(own) = own.filter(|own| own.link.check().is_ok()) {
            left = delete(&jetstream::new(own.client.clone()), left.clone()).await;
        }
        for attempt in 0..ATTEMPTS {
            if left.is_empty() {
                break;
            }
            if attempt > 0 {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a pause after the measurement, which paces nothing"
                )]
                tokio::time::sleep(PAUSE).await;
            }
            if let Ok(fresh) = server.connect_to_tidy().await {
                left = delete(&jetstream::new(fresh.client.clone()), left.clone()).await;
            }
        }
    };
    // A server that takes connections and says nothing would hold each attempt up.
    let _ = timeout(LIMIT, removing).await;
    let noted = left.iter().map(|stream| (server.shown().to_owned(), stream.clone()));
    LEFT.lock().unwrap_or_else(PoisonError::into_inner).extend(noted);
    left
}

/// Removes what earlier trials of this process had to leave at this server.
pub(super) async fn remove_left(server: &Server, context: &Context) {
    let mut here = Vec::new();
    LEFT.lock().unwrap_or_else(PoisonError::into_inner).retain(|(at, stream)| {
        let is_here = at == server.shown();
        here.extend(is_here.then(|| stream.clone()));
        !is_here
    });
    let still = delete(context, here).await;
    let still = still.into_iter().map(|stream| (server.shown().to_owned(), stream));
    LEFT.lock().unwrap_or_else(PoisonError::into_inner).extend(still);
}

/// Deletes streams and gives back those that may still be there. One that is not there is deleted.
async fn delete(context: &Context, streams: Vec<String>) -> Vec<String> {
    let mut left = Vec::new();
    for stream in streams {
        let gone = match timeout(PATIENCE, context.delete_stream(&stream)).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => matches!(
                error.kind(),
                DeleteStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND
            ),
            Err(_) => false,
        };
        left.extend((!gone).then_some(stream));
    }
    left
}

/// Removes the streams at `server` whose process is dead.
///
/// # Errors
/// The server cannot be reached, or does not list its streams.
pub(super) async fn clean(server: &Server) -> Result<Cleaned, OpenError> {
    let connection = server.connect_to_tidy().await?;
    let context = jetstream::new(connection.client.clone());
    let (mut dead, mut cleaned) = (Vec::new(), Cleaned { at: server.shown().into(), ..Cleaned::default() });
    let mut streams = context.streams();
    loop {
        let info = match timeout(PATIENCE, streams.next()).await {
            Ok(None) => break,
            Ok(Some(Ok(info))) => info,
            Ok(Some(Err(error))) => return Err(server.failed("list the streams", &error)),
            Err(_) => {
                return Err(server.failed("list the streams", &format!("no answer within {PATIENCE:?}")));
            }
        };
        let description = info.config.description.as_deref().unwrap_or_default();
        let Some(owner) = Owner::read(description) else { continue };
        let name = info.config.name;
        match owner.state() {
            State::Dead => dead.push(name),
            State::Alive => cleaned.kept.push(format!("{name}: {} is running", owner.shown())),
            State::Elsewhere => cleaned.kept.push(format!(
                "{name}: made by {}, which is on another machine or in another container",
                owner.shown()
            )),
        }
    }
    drop(streams);
    let still = delete(&context, dead.clone()).await;
    cleaned.removed = dead.into_iter().filter(|name| !still.contains(name)).collect();
    cleaned.kept.extend(still.into_iter().map(|name| format!("{name}: the server did not remove it")));
    Ok(cleaned)
}
