//! Queues and topics: their names, what they are to be, and how they are made.

use super::{
    MOST_BYTES, Sqs,
    connect::{Failure, Session},
};
use aws_sdk_sns::types::Tag;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use drumpost_kit::prelude::*;
use futures_util::TryFutureExt;
use serde_json::json;
use std::collections::HashMap;

/// What all names begin with, so that a server can list them.
pub(super) const MARK: &str = "drumpost";
/// What the names of FIFO queues and topics end with.
pub(super) const FIFO: &str = ".fifo";
/// The tag that says which process made a queue or a topic.
pub(super) const OWNER: &str = "drumpost-owner";
/// Topics are noted by this before their name.
pub(super) const TOPIC: &str = "topic ";
/// The longest name of a queue, in characters.
const NAME_MOST: usize = 80;

/// What queues and topics are to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Messages with the same key keep their order.
    pub(super) fifo: bool,
    /// How long a message that was received is hidden from other receivers.
    pub(super) visibility_s: u64,
    /// How often a message is received before it becomes a dead letter.
    pub(super) limit: Option<u64>,
}

/// The names of a group's queue at a place, and of the one for its dead letters.
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) dead: Option<String>,
}

impl Shape {
    /// The name of a queue or a topic. `part` says which of several at a place.
    pub(super) fn name(self, place: &str, part: &str) -> String {
        let mark = if place.starts_with(MARK) { "" } else { "drumpost-" };
        format!("{mark}{place}{part}{}", if self.fifo { FIFO } else { "" })
    }

    /// The queue of a group at a place.
    pub(super) fn queue(self, sent: &Destination, place: &str, group: &str) -> Queue {
        // Each group has a copy of an event.
        let group = if sent.intent == Intent::Event { format!("_{group}") } else { String::new() };
        let dead = self.limit.map(|_| self.name(place, &format!("{group}_dead")));
        Queue { name: self.name(place, &group), dead }
    }

    /// All queues of a destination.
    pub(super) fn queues(self, layout: Layout<'_>, sent: &Destination) -> Vec<Queue> {
        let all = layout.subscriptions(sent).into_iter();
        all.map(|(place, group, _)| self.queue(sent, &place, &group)).collect()
    }

    /// The attributes of a queue that takes what `topic` sends to it, and moves what is received too often to the queue `dead`, both by
    /// resource name.
    fn attributes(self, name: &str, topic: Option<&str>, dead: Option<&str>) -> HashMap<Name, String> {
        let mut attributes = HashMap::from([(Name::VisibilityTimeout, self.visibility_s.to_string())]);
        if self.fifo {
            attributes.insert(Name::FifoQueue, "true".into());
        }
        if let (Some(dead), Some(limit)) = (dead, self.limit) {
            let policy = json!({"deadLetterTargetArn": dead, "maxReceiveCount": limit.to_string()});
            attributes.insert(Name::RedrivePolicy, policy.to_string());
        }
        if let Some(topic) = topic {
            // Allowed from the beginning: AWS may take a minute to take notice of a policy that is set later.
            let queue =
                topic.rsplit_once(':').map_or(topic, |(account, _)| account).replace(":sns:", ":sqs:");
            let policy = json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": format!("{queue}:{name}"),
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }]});
            attributes.insert(Name::Policy, policy.to_string());
        }
        attributes
    }
}

impl Sqs {
    /// Makes all queues and topics. Gives back the longest message that they take, in bytes.
    pub(super) async fn make(&self, wiring: &Wiring, session: &Session) -> Result<usize, OpenError> {
        let (layout, mut most) = (Layout::new(wiring, '_'), usize::MAX);
        for sent in &wiring.destinations {
            let topic = match sent.intent {
                Intent::Event => Some(self.make_topic(session, sent, &layout.place(sent)).await?),
                _ => None,
            };
            let topic = topic.as_deref();
            most = most.min(topic.map_or(usize::MAX, |_| MOST_BYTES));
            for Queue { name, dead } in self.shape.queues(layout, sent) {
                let dead = match dead {
                    Some(dead) => Some(self.make_queue(session, &dead, None, None).await?.0),
                    None => None,
                };
                let (queue, takes) = self.make_queue(session, &name, topic, dead.as_deref()).await?;
                if let Some(topic) = topic {
                    let subscribe = session.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(queue);
                    let subscribe = subscribe.attributes("RawMessageDelivery", "true");
                    self.server.step("subscribe a queue", subscribe.send()).await?;
                }
                most = most.min(takes);
            }
        }
        Ok(most)
    }

    /// Makes a queue and gives back its resource name and the longest message that it takes, in bytes.
    async fn make_queue(
        &self,
        session: &Session,
        name: &str,
        topic: Option<&str>,
        dead: Option<&str>,
    ) -> Result<(String, usize), OpenError> {
        if name.len() > NAME_MOST {
            return Err(OpenError::Refused(format!(
                "SQS takes names of at most {NAME_MOST} characters, and a queue would be called {name}, which has {}; \
                 use a scenario with shorter names",
                name.len()
            )));
        }
        self.server.objects.note(name);
        let make = session.sqs.create_queue().queue_name(name).tags(OWNER, owner());
        let make = make.set_attributes(Some(self.shape.attributes(name, topic, dead)));
        let make = async {
            let url = make.send().await?.queue_url.unwrap_or_default();
            let ask = session.sqs.get_queue_attributes().queue_url(&url);
            let ask = ask.attribute_names(Name::QueueArn).attribute_names(Name::MaximumMessageSize);
            Ok::<_, Failure>((url, ask.send().await?.attributes.unwrap_or_default()))
        };
        let (url, mut said) = self.server.step("make a queue", make).await?;
        self.queues_at.get_or_init(|| url.strip_suffix(name).unwrap_or(&url).to_owned());
        let most = said.get(&Name::MaximumMessageSize).and_then(|most| most.parse().ok());
        Ok((said.remove(&Name::QueueArn).unwrap_or_default(), most.unwrap_or(MOST_BYTES)))
    }

    /// Makes a topic and gives back its resource name.
    async fn make_topic(
        &self,
        session: &Session,
        sent: &Destination,
        place: &str,
    ) -> Result<String, OpenError> {
        const STEP: &str = "make a topic";
        let name = self.shape.name(place, "");
        self.server.objects.note(format!("{TOPIC}{name}"));
        let tag = Tag::builder().key(OWNER).value(owner()).build();
        let make = session.topic(&name).set_tags(tag.ok().map(|tag| vec![tag])).send().err_into::<Failure>();
        // That the server has no SNS is told in another sentence than why it made no topic.
        match self.server.step(STEP, make.map(Ok::<_, Failure>)).await? {
            Ok(made) => {
                let topic = made.topic_arn.unwrap_or_default();
                self.topics_at.get_or_init(|| topic.strip_suffix(&name).unwrap_or(&topic).to_owned());
                Ok(topic)
            }
            Err(failure) if !failure.is_no_service() => Err(self.server.at.failed(STEP, &failure)),
            Err(failure) => Err(OpenError::Refused(format!(
                "{} `{}` needs a topic of SNS, and {} has none ({failure}); use AWS or moto, or the message style",
                sent.intent, sent.name, self.server.at
            ))),
        }
    }
}

/// This process, in signs that a tag may have.
pub(super) fn owner() -> String {
    Owner::here().replace('[', "+").replace(']', "@")
}

/// The description of a process in a tag.
pub(super) fn readable(owner: &str) -> String {
    owner.replace('+', "[").replace('@', "]")
}
