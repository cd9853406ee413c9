//! Durable consumers: which there are, which an instance has, and where one begins again.
//!
//! A group has one consumer of a stream, which its instances share. With `jetstream.partitions` the key of a message says to which of
//! the stream's subjects it goes. A group then has a consumer for each subject, and each consumer belongs to one instance, so that a
//! key's messages come in order. What a killed instance had in its hands would come again only after the ack wait, behind younger
//! messages. So an instance that comes back has its consumers reset to what was acknowledged. `jetstream.from` resets consumers to
//! another place, which is a replay.

use super::{JetStream, stream_name};
use async_nats::jetstream::{
    Context,
    consumer::{AckPolicy, DeliverPolicy, pull},
    response::Response,
};
use drumpost_kit::prelude::*;

/// A durable consumer of a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Durable {
    pub(super) destination: u16,
    pub(super) stream: String,
    pub(super) name: String,
    pub(super) subject: String,
    /// Which of the subjects of the stream, and how many there are.
    pub(super) part: u16,
    pub(super) parts: usize,
    /// How many instances share it.
    pub(super) instances: usize,
}

/// Subjects of the stream of a destination. Replies have one for each instance that asks.
pub(super) fn parts(partitions: u16, destination: &Destination) -> u16 {
    if destination.intent == Intent::Reply { 1 } else { partitions }
}

/// The part of a message among so many.
#[inline]
pub(super) fn part(message: &Message, parts: usize) -> usize {
    message.key as usize % parts
}

/// The subject of a part.
pub(super) fn subject(place: &str, part: u16, parts: u16) -> String {
    if parts > 1 { format!("{place}.{part}") } else { place.to_owned() }
}

/// The consumers of a group.
fn of_group(
    wiring: &Wiring,
    partitions: u16,
    destination: &Destination,
    (place, group, instances): (String, String, usize),
) -> impl Iterator<Item = Durable> {
    let (stream, id, parts) =
        (stream_name(wiring, destination), destination.id, parts(partitions, destination));
    (0..parts).map(move |part| Durable {
        destination: id,
        stream: stream.clone(),
        name: if parts > 1 { format!("{group}-part-{part}") } else { group.clone() },
        subject: subject(&place, part, parts),
        part,
        parts: usize::from(parts),
        instances: if parts > 1 { 1 } else { instances },
    })
}

/// All consumers of a destination's stream.
pub(super) fn of_stream(wiring: &Wiring, partitions: u16, destination: &Destination) -> Vec<Durable> {
    let groups = Layout::new(wiring, '.').subscriptions(destination).into_iter();
    groups.flat_map(|group| of_group(wiring, partitions, destination, group)).collect()
}

/// The consumers from which the instance `me` gets what it hears.
pub(super) fn of_instance(wiring: &Wiring, partitions: u16, heard: &Heard<'_>, me: u16) -> Vec<Durable> {
    let service = &wiring.services[wiring.service_of(me)].instances;
    let (index, count) = (me - service.start, service.len() as u16);
    let group = (heard.place.clone(), heard.group.clone(), usize::from(count));
    let all = of_group(wiring, partitions, heard.destination, group);
    let is_mine =
        |durable: &Durable| parts(partitions, heard.destination) == 1 || durable.part % count == index;
    all.filter(is_mine).collect()
}

impl JetStream {
    /// Resets a consumer to where an instance begins that comes back: never behind what is not acknowledged, except at the end.
    pub(super) async fn begin_anew(&self, context: &Context, durable: &Durable) -> Result<(), OpenError> {
        let at = &self.server.at;
        let stream = at.step("find a stream", context.get_stream(&durable.stream)).await?;
        let known = at.step("ask a consumer", stream.consumer_info(&durable.name)).await?;
        let (floor, state) = (known.ack_floor.stream_sequence + 1, &stream.cached_info().state);
        let sequence = match self.settings.from {
            Begin::First => 1,
            Begin::End => state.last_sequence + 1,
            Begin::Number(sequence) => sequence.clamp(1, floor),
            Begin::Ago(ago) => {
                // The server finds the place of a time for a new consumer only.
                let probe = pull::Config {
                    deliver_policy: DeliverPolicy::ByStartTime { start_time: state.last_timestamp - ago },
                    ack_policy: AckPolicy::None,
                    inactive_threshold: Duration::from_secs(5),
                    ..pull::Config::default()
                };
                let probe = at.step("find the place of a time", stream.create_consumer(probe)).await?;
                (probe.cached_info().delivered.stream_sequence + 1).min(floor)
            }
            // No option asks for the last messages.
            Begin::Handled | Begin::Last => floor,
        };
        let reset = format!("CONSUMER.RESET.{}.{}", durable.stream, durable.name);
        let body = serde_json::json!({ "seq": sequence });
        let answer: Response<serde_json::Value> =
            at.step("reset a consumer", context.request(reset, &body)).await?;
        match answer {
            Response::Ok(_) => Ok(()),
            Response::Err { error } => Err(at.failed("reset a consumer", &error)),
        }
    }
}
