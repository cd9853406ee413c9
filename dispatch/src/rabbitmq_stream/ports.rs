//! Publishing with confirms, and reading streams.

use super::session::{Failure, Session};
use drumpost_kit::prelude::*;
use rabbitmq_stream_protocol::{
    commands::{
        credit::CreditCommand,
        deliver::DeliverCommand,
        publish::PublishCommand,
        query_offset::{QueryOffsetRequest, QueryOffsetResponse},
        query_publisher_sequence::{QueryPublisherRequest, QueryPublisherResponse},
        store_offset::StoreOffset,
    },
    message::{Message as Stored, SimpleValue},
    types::PublishedMessage,
};
use std::{collections::VecDeque, vec};
use tokio::sync::mpsc::UnboundedReceiver;

/// The version of the frames with which messages are published: without values to filter by.
const VERSION: u16 = 1;
/// What a message has beside header, payload and application headers, at most: its publishing id, lengths and types.
const FRAMING: usize = 64;
/// The same of an application header beside its value.
const HEADER_FRAMING: usize = 24;
/// A frame with so many bytes of messages is sent.
const ENOUGH: usize = 1 << 18;

/// What a message has beside header and payload, at most.
pub(super) fn framing(pool: &Pool) -> usize {
    FRAMING + headers_len(pool, HEADER_FRAMING)
}

/// Publishes to one stream.
pub(super) struct Publisher {
    pub(super) session: Session,
    pub(super) stream: String,
    /// Its number on the connection.
    pub(super) number: u8,
    /// The numbers of messages are their publishing ids.
    pub(super) confirms: Callbacks,
    /// What the next frame has, and its length without headers.
    pub(super) batch: Vec<PublishedMessage>,
    pub(super) len: usize,
}

impl Publisher {
    fn flush(&mut self) {
        if !self.batch.is_empty() {
            self.len = 0;
            self.session.tell(PublishCommand::new(self.number, std::mem::take(&mut self.batch), VERSION));
        }
    }
}

impl Publish for Publisher {
    type Place = String;
    const CONFIRMS: bool = true;
    const FLUSHES: bool = true;

    fn put(&mut self, _: &String, payload: Bytes, message: &Message, pool: &Pool) -> PortResult {
        let len = payload.len() + framing(pool);
        if self.len + len > ENOUGH.min(self.session.frame_len) {
            self.flush();
        }
        self.len += len;
        let mut stored = Stored::builder().body(payload);
        let headers = wire::headers(message, pool);
        if headers.len() > 0 {
            let none = stored.application_properties();
            stored = headers.fold(none, |all, (name, value)| all.insert(name, value)).message_builder();
        }
        self.batch.push(PublishedMessage::new(self.confirms.take(), stored.build(), None));
        Ok(())
    }

    fn poll_confirmed(&mut self, context: &mut Context<'_>, confirms: &mut Confirms<'_>) -> PortResult {
        self.confirms.poll(context, confirms);
        Ok(())
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<PortResult> {
        self.flush();
        Poll::Ready(Ok(()))
    }

    fn last(&self) -> RoundTrip {
        let (session, stream) = (self.session.clone(), self.stream.clone());
        round_trip(async move {
            let ask = |number| QueryPublisherRequest::new(number, "none".into(), stream);
            session.ask::<QueryPublisherResponse, _>(ask).await
        })
    }
}

/// A stream that an instance reads.
pub(super) struct Source {
    pub(super) stream: String,
    /// Under this name the server stores how far it was read.
    pub(super) reader: String,
    /// Messages before this offset are not handed over: a chunk may begin earlier.
    pub(super) begin: u64,
    /// What comes next after what was handled, and after what the server has stored.
    pub(super) handled: u64,
    pub(super) stored: u64,
    /// Chunks, each with the offset of its first message.
    pub(super) chunks: VecDeque<(u64, vec::IntoIter<Stored>)>,
}

/// Reads the streams of one instance.
pub(super) struct Reader {
    pub(super) session: Session,
    pub(super) pool: Arc<Pool>,
    pub(super) came: UnboundedReceiver<DeliverCommand>,
    /// By the number of a subscription.
    pub(super) sources: Vec<Source>,
    /// How many messages are handled between two times that the server is told.
    pub(super) store_every: u64,
}

impl Source {
    /// Has the server store how far the stream was read.
    fn store(&self, session: &Session) {
        // What is stored is the offset of the last message.
        let last = self.handled.wrapping_sub(1);
        session.tell(StoreOffset::new(self.reader.clone(), self.stream.clone(), last));
    }
}

impl Deliveries for Reader {
    type Token = (usize, u64);
    const ACKNOWLEDGES: bool = true;

    fn poll_ask(&mut self, context: &mut Context<'_>) -> Poll<PortResult> {
        while let Poll::Ready(came) = self.came.poll_recv(context) {
            let chunk = came.ok_or_else(|| self.session.line.closed())?;
            if let Some(source) = self.sources.get_mut(usize::from(chunk.subscription_id)) {
                source.chunks.push_back((chunk.chunk_first_offset, chunk.messages.into_iter()));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_next(&mut self, number: usize, _: &mut Context<'_>) -> Poll<PortResult<Delivery<(usize, u64)>>> {
        let source = &mut self.sources[number];
        while let Some((offset, chunk)) = source.chunks.front_mut() {
            let Some(stored) = chunk.next() else {
                source.chunks.pop_front();
                self.session.tell(CreditCommand::new(number as u8, 1));
                continue;
            };
            let token = (number, *offset);
            *offset += 1;
            if token.1 < source.begin {
                continue;
            }
            let headers = stored.application_properties().into_iter().flat_map(|all| all.iter());
            let headers = headers.filter_map(|(name, value)| match value {
                SimpleValue::String(value) => Some((name, value.as_bytes())),
                _ => None,
            });
            let message =
                decode(stored.data().unwrap_or_default(), headers, &self.pool, || source.stream.clone())?;
            return Poll::Ready(Ok(Delivery { message, told: Told::default(), token }));
        }
        Poll::Pending
    }

    fn poll_settle(
        &mut self,
        due: &mut Due<'_, (usize, u64)>,
        _: Settled,
        _: &mut Context<'_>,
    ) -> Poll<PortResult> {
        for (number, offset) in due {
            let source = &mut self.sources[number];
            // Of what is read again nothing is stored until it is new.
            source.handled = source.handled.max(offset + 1);
            if source.handled - source.stored >= self.store_every {
                source.store(&self.session);
                source.stored = source.handled;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn last(&self) -> RoundTrip {
        let unstored = self.sources.iter().filter(|source| source.handled > source.stored);
        unstored.for_each(|source| source.store(&self.session));
        let session = self.session.clone();
        let streams: Vec<_> =
            self.sources.iter().map(|source| (source.reader.clone(), source.stream.clone())).collect();
        round_trip(async move {
            for (reader, stream) in streams {
                let ask = |number| QueryOffsetRequest::new(number, reader, stream);
                session.ask::<QueryOffsetResponse, _>(ask).await?;
            }
            Ok::<_, Failure>(())
        })
    }
}
