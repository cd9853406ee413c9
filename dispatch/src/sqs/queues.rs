//! Queues and topics: their names, what they are to be, and how they are made.

use super::connect::{Failure, Session, TOPIC};
use aws_sdk_sns::types::Tag;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use drumpost_kit::prelude::*;
use serde_json::json;
use std::collections::HashMap;

/// What all names begin with, so that a server can list them.
pub(super) const MARK: &str = "drumpost";
/// The tag that says which process made a queue or a topic.
pub(super) const OWNER: &str = "drumpost-owner";
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

impl Shape {
    /// The name of a queue or a topic. `part` says which of several at a place.
    pub(super) fn name(self, place: &str, part: &str) -> String {
        let mark = if place.starts_with(MARK) { "" } else { "drumpost-" };
        format!("{mark}{place}{part}{}", if self.fifo { ".fifo" } else { "" })
    }

    /// The name of the queue of a group at a place, and that of the queue for its dead letters.
    pub(super) fn queue(self, sent: &Destination, place: &str, group: &str) -> (String, Option<String>) {
        // Each group has a copy of an event.
        let group = if sent.intent == Intent::Event { format!("_{group}") } else { String::new() };
        let dead = self.limit.map(|_| self.name(place, &format!("{group}_dead")));
        (self.name(place, &group), dead)
    }

    /// Makes a queue and gives back its resource name and the longest message that it takes, in bytes. It takes what `topic` sends to it,
    /// and moves what is received too often to the queue `dead`, both by resource name.
    pub(super) async fn make(
        self,
        session: &Session,
        name: &str,
        topic: Option<&str>,
        dead: Option<&str>,
    ) -> Result<(String, usize), Failure> {
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
        let make = session.sqs.create_queue().queue_name(name).set_attributes(Some(attributes));
        let url = make.tags(OWNER, owner()).send().await?.queue_url.unwrap_or_default();
        let ask = session.sqs.get_queue_attributes().queue_url(&url);
        let ask = ask.attribute_names(Name::QueueArn).attribute_names(Name::MaximumMessageSize);
        let said = ask.send().await?.attributes.unwrap_or_default();
        let most = said.get(&Name::MaximumMessageSize).and_then(|most| most.parse().ok());
        Ok((said.get(&Name::QueueArn).cloned().unwrap_or_default(), most.unwrap_or(super::MOST_BYTES)))
    }

    /// The address of a topic, which is made if there is none.
    pub(super) async fn topic(self, session: &Session, name: &str) -> Result<String, Failure> {
        let fifo = self.fifo.then(|| HashMap::from([("FifoTopic".to_owned(), "true".to_owned())]));
        let tag = Tag::builder().key(OWNER).value(owner()).build()?;
        let made = session.sns.create_topic().name(name).set_attributes(fifo).tags(tag).send().await?;
        Ok(made.topic_arn.unwrap_or_default())
    }
}

/// Has a queue get a copy of what is published to a topic, as it is.
async fn subscribe(session: &Session, topic: &str, queue: &str) -> Result<(), Failure> {
    let subscribe = session.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(queue);
    subscribe.attributes("RawMessageDelivery", "true").send().await?;
    Ok(())
}

/// Everything that a wiring needs, and how it is made.
pub(super) struct Making<'a> {
    pub(super) shape: Shape,
    pub(super) wiring: &'a Wiring,
    pub(super) session: &'a Session,
    pub(super) objects: &'a Objects,
    pub(super) at: &'a At,
}

impl Making<'_> {
    /// Makes all queues and topics. Gives back the longest message that they take, in bytes.
    pub(super) async fn make(&self) -> Result<usize, OpenError> {
        let (layout, mut most) = (Layout::new(self.wiring, '_'), usize::MAX);
        for sent in &self.wiring.destinations {
            let is_event = sent.intent == Intent::Event;
            let topic = if is_event { Some(self.topic(sent, &layout.place(sent)).await?) } else { None };
            if is_event {
                most = most.min(super::MOST_BYTES);
            }
            for (place, group, _) in layout.subscriptions(sent) {
                let (name, dead) = self.shape.queue(sent, &place, &group);
                let dead = match &dead {
                    Some(dead) => Some(self.queue(dead, None, None).await?.0),
                    None => None,
                };
                let (arn, takes) = self.queue(&name, topic.as_deref(), dead.as_deref()).await?;
                if let Some(topic) = &topic {
                    self.at.step("subscribe a queue", subscribe(self.session, topic, &arn)).await?;
                }
                most = most.min(takes);
            }
        }
        Ok(most)
    }

    async fn queue(
        &self,
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
        self.objects.note(name);
        self.at.step("make a queue", self.shape.make(self.session, name, topic, dead)).await
    }

    async fn topic(&self, sent: &Destination, place: &str) -> Result<String, OpenError> {
        let name = self.shape.name(place, "");
        self.objects.note(format!("{TOPIC}{name}"));
        let make = async { Ok::<_, Failure>(self.shape.topic(self.session, &name).await) };
        match self.at.step("make a topic", make).await? {
            Ok(arn) => Ok(arn),
            Err(failure) if failure.is_silence() => Err(self.at.failed("make a topic", &failure)),
            Err(failure) => Err(OpenError::Refused(format!(
                "{} `{}` needs a topic of SNS, and {} has none ({failure}); use AWS or moto, or the message style",
                sent.intent, sent.name, self.at
            ))),
        }
    }
}

/// This process, in signs that a tag may have.
pub(super) fn owner() -> String {
    let owner = Owner::this().map(|owner| owner.description()).unwrap_or_default();
    owner.replace('[', "+").replace(']', "@")
}

/// The description of a process in a tag.
pub(super) fn readable(owner: &str) -> String {
    owner.replace('+', "[").replace('@', "]")
}
