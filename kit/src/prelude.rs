//! The names that a broker's transport uses, of the seam and of the kit: `use drumpost_kit::prelude::*`.

pub use crate::{
    calls::{Calls, Said},
    confirm::{Answers, Callbacks, Confirms, Futures},
    encode::{decode, headers_len},
    inbox::{Deliveries, Delivery, Due, Inbox, Settled},
    keeper::lock,
    last::{RoundTrip, round_trip},
    layout::{Heard, Layout, fresh, token},
    link::{Line, PortResult},
    login::{Login, Who, first, joined, tuning},
    objects::{Keeper, Objects},
    outbox::{Outbox, Publish},
    owner::{Found, Owner},
    pull::{Pull, Pulled, Settle},
    refusals::Refusals,
    replay::{Begin, Places},
    server::{At, PATIENCE, Unreachable, has_cause, tls_advice},
    shared::{Lines, SharedConnections},
    url::Url,
    write::{Outcomes, Write, Written},
};
pub use bytes::Bytes;
pub use drumpost_core::{
    dispatcher::Tasked,
    message::Message,
    options::{Grammar, OptionEntry, Values},
    payload::Pool,
    port::{PortError, Told},
    promise::{self, Acks, Asked, Order, Promise},
    registry::{ALL_INTENTS, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    server::{Depth, ServerFacts},
    transport::{AsyncTransport, Cleaned, Endpoint, OpenError},
    wire,
    wiring::{Destination, Wiring},
};
pub use futures_util::{FutureExt, SinkExt, StreamExt, TryStreamExt, future::BoxFuture};
pub use std::{
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// The entry of a broker's transport, of which only its own has to be said: `TransportEntry { name, ..BROKER }`. It carries both
/// styles, runs on tasks and needs a server.
pub const BROKER: TransportEntry = TransportEntry {
    runs_on: RunsOn::Tasks,
    promise: Promise { holds_up_senders: false, ..Promise::IN_MEMORY },
    needs_server: true,
    ..TransportEntry::IN_MEMORY
};
