//! One event for n subscribers, each of which ends the flow once. It shows the cost of one more subscriber.
//!
//! In message style the publisher sends n commands. In event style it publishes once and the transport delivers n
//! times. The option `fan-out.subscribers` is the number of subscribers.

use super::parts::{Emits, Ends, driven, reacting};
use drumpost_core::{
    message::Kind,
    options::{Grammar, OptionEntry, Values},
    registry::ScenarioEntry,
    scenario::{Scenario, command, event},
};
use std::sync::LazyLock;

const NAME: &str = "fan-out";
const OPTION: &str = "fan-out.subscribers";

const KINDS: &[&str] = &["NewsPublished"];
const PUBLISHED: Kind = Kind(1);

/// The most subscribers: ten thousand, and some. In message style the publisher can address 64 of them.
const MOST: usize = 16_384;

/// Names of services and destinations are static, so they are made once for all there can be.
static SUBSCRIBERS: LazyLock<Vec<&'static str>> = LazyLock::new(|| numbered(""));
static QUEUES: LazyLock<Vec<&'static str>> = LazyLock::new(|| numbered(".tell"));

fn numbered(after: &str) -> Vec<&'static str> {
    (1..=MOST).map(|number| &*format!("subscriber-{number}{after}").leak()).collect()
}

const COUNT: Grammar = Grammar::Count { min: 1, max: MOST as u64 };

/// The options of the scenario.
static OPTIONS: [OptionEntry; 1] =
    [OptionEntry::new(OPTION, COUNT, "3", "number of subscribers; each receives every message")
        .of("subscribers")
        .unfair()];

/// The scenario `fan-out`, for the registry.
#[must_use]
pub fn entry() -> ScenarioEntry {
    ScenarioEntry { name: NAME, options: &OPTIONS, make: |options| Ok(scenario(subscribers(options))) }
}

fn subscribers(options: &Values) -> &'static [&'static str] {
    &SUBSCRIBERS[..(options.count(OPTION) as usize).min(SUBSCRIBERS.len())]
}

fn scenario(subscribers: &'static [&'static str]) -> Scenario {
    let publisher = driven("publisher", || Box::new(Emits(PUBLISHED)));
    let others = subscribers.iter().map(|name| reacting(name, || Box::new(Ends)));
    let tell = |(queue, subscriber)| command(queue, KINDS, "publisher", std::slice::from_ref(subscriber));
    Scenario {
        name: NAME,
        summary: "A publisher sends each event to n subscribers",
        kinds: KINDS,
        services: std::iter::once(publisher).chain(others).collect(),
        ends_per_flow: subscribers.len() as u32,
        message: QUEUES.iter().copied().zip(subscribers).map(tell).collect(),
        event: vec![event("news", KINDS, "publisher", subscribers)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::options::Options;

    fn with(text: &str) -> Result<Scenario, String> {
        let mut options = Options::default();
        options.set(OPTION, text);
        entry().made(&options)
    }

    #[test]
    fn there_are_as_many_subscribers_as_asked_for() {
        let three = entry().made(&Options::default()).unwrap();
        assert_eq!((three.services.len(), three.ends_per_flow), (4, 3));
        for count in [1, 2, 64, 10_000] {
            let scenario = with(&count.to_string()).unwrap();
            assert_eq!((scenario.services.len(), scenario.ends_per_flow as usize), (count + 1, count));
            assert_eq!((scenario.message.len(), scenario.event.len()), (count, 1));
            let last = &scenario.message[count - 1];
            assert_eq!(last.destination, format!("subscriber-{count}.tell"));
            assert_eq!(last.receivers, [format!("subscriber-{count}")]);
        }
    }

    #[test]
    fn other_numbers_are_refused_in_a_sentence() {
        for bad in ["0", "16385", "-1", "many", ""] {
            let error = with(bad).unwrap_err();
            assert!(error.starts_with("option fan-out.subscribers, set by --set: "), "{error}");
            assert!(error.ends_with("a whole number from 1 to 16384"), "{error}");
        }
    }
}
