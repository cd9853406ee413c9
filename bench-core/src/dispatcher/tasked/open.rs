//! Opens the ports of all instances of a transport on tasks.

use super::{OPENS, opened};
use crate::{
    blame::transport_name,
    monitor::Watch,
    transport::{AsyncTransport, Endpoints, OpenError},
    wiring::Wiring,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};

/// Instances whose ports are opened at the same time.
const OPENED_AT_ONCE: usize = 32;

/// Reaches the server, which the watcher is told of, and opens the ports of all instances, within a limit.
pub(super) async fn open<T: AsyncTransport>(
    transport: &T,
    wiring: &Wiring,
    watch: &mut dyn Watch,
) -> Result<Endpoints<T::Send, T::Recv>, OpenError> {
    let opening = async {
        let server = transport.probe().await?;
        Ok((server, open_all(transport, wiring).await?))
    };
    let late = |_| {
        OpenError::Failed(format!("{} was not ready within {OPENS:?}", transport_name(&wiring.transport)))
    };
    let (server, endpoints) = tokio::time::timeout(OPENS, opening).await.map_err(late)??;
    watch.opened(server.as_ref());
    Ok(endpoints)
}

pub(super) async fn open_all<T: AsyncTransport>(
    transport: &T,
    wiring: &Wiring,
) -> Result<Endpoints<T::Send, T::Recv>, OpenError> {
    transport.prepare(wiring).await?;
    // A broker answers many connections in the time of one.
    let opening = (0..wiring.instance_count()).map(|instance| transport.open(wiring, instance));
    let endpoints: Vec<_> = stream::iter(opening).buffered(OPENED_AT_ONCE).try_collect().await?;
    opened::check_all::<T::Send, T::Recv>(wiring, &endpoints)?;
    transport.joined(wiring).await?;
    Ok(endpoints)
}
