//! How a wiring is laid out at a broker: a place for each destination, a place for the replies to each instance, and a group
//! for each service. All names are made at set-up.

use drumpost_core::{
    message::Message,
    port::PortError,
    scenario::Intent,
    wiring::{Destination, Wiring},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
};

/// `name` with everything but ASCII letters, digits and `-` replaced by `_`, so that nothing in it means something to a
/// broker.
#[must_use]
pub fn token(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    name.chars().map(plain).collect()
}

/// A number that nothing else in this process has: for names and numbers of what is made anew when an instance is opened again.
#[must_use]
pub fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The names of a wiring at a broker. A place is `RUN<separator>DESTINATION`, whose dots become separators, too.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    pub(crate) wiring: &'a Wiring,
    separator: char,
}

/// A destination as one instance hears it.
#[derive(Clone, Debug)]
pub struct Heard<'a> {
    /// The destination.
    pub destination: &'a Destination,
    /// Where its messages lie: for replies, the place of this instance alone.
    pub place: String,
    /// The group whose members compete for the messages: the service, or for replies this instance.
    pub group: String,
    /// Whether these are replies that the port hands over by themselves when the lane awaits one.
    pub is_apart: bool,
    /// No other instance is in the group.
    pub is_alone: bool,
}

impl<'a> Layout<'a> {
    /// The names of `wiring`, with parts that `separator` divides.
    #[must_use]
    pub const fn new(wiring: &'a Wiring, separator: char) -> Self {
        Self { wiring, separator }
    }

    /// Where the messages of a destination go.
    #[must_use]
    pub fn place(&self, destination: &Destination) -> String {
        let parts = destination.name.split('.');
        let parts = parts.map(|part| if part.is_empty() { "_".into() } else { token(part) });
        let run = std::iter::once(token(&self.wiring.run_name));
        run.chain(parts).collect::<Vec<_>>().join(self.separator.encode_utf8(&mut [0; 4]))
    }

    /// Where the replies to one instance go that travel to `destination`.
    #[must_use]
    pub fn reply_place(&self, destination: &Destination, instance: u16) -> String {
        format!("{}{}{instance}", self.place(destination), self.separator)
    }

    /// The group of an instance: its service. For brokers at which a group has one name at all places.
    #[must_use]
    pub fn group(&self, instance: u16) -> String {
        token(&self.wiring.services[self.wiring.service_of(instance)].name)
    }

    /// All places, each with the groups ([`Layout::group`]) that hear it. An event without subscribers has a place, too.
    #[must_use]
    pub fn places(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut places = BTreeMap::<String, BTreeSet<String>>::new();
        for sent in self.wiring.destinations.iter().filter(|sent| sent.intent != Intent::Reply) {
            places.entry(self.place(sent)).or_default();
        }
        for instance in 0..self.wiring.instance_count() {
            for heard in self.heard(instance) {
                places.entry(heard.place).or_default().insert(self.group(instance));
            }
        }
        places
    }

    /// What one instance hears.
    pub fn heard(&self, instance: u16) -> impl Iterator<Item = Heard<'a>> + use<'a> {
        let layout = *self;
        let service = self.wiring.service_of(instance);
        let apart = self.wiring.has_replies_apart(service);
        self.wiring.heard_by(service).map(move |destination| {
            let group = token(&layout.wiring.services[service].name);
            match destination.intent {
                Intent::Reply => Heard {
                    destination,
                    place: layout.reply_place(destination, instance),
                    group: format!("{group}-{instance}"),
                    is_apart: apart,
                    is_alone: true,
                },
                _ => Heard {
                    destination,
                    place: layout.place(destination),
                    group,
                    is_apart: false,
                    is_alone: layout.wiring.services[service].instances.len() == 1,
                },
            }
        })
    }

    /// What one instance hears, for brokers whose consumers read several places: replies that are apart have a consumer of their own,
    /// which the flag tells.
    pub fn parts(&self, instance: u16) -> impl Iterator<Item = (Vec<Heard<'a>>, bool)> + use<'a> {
        let layout = *self;
        let part = move |is_apart| {
            (layout.heard(instance).filter(|heard| heard.is_apart == is_apart).collect::<Vec<_>>(), is_apart)
        };
        [true, false].into_iter().map(part).filter(|(heard, _)| !heard.is_empty())
    }

    /// The places that each such consumer reads.
    #[must_use]
    pub fn consumers(&self, instance: u16) -> Vec<(Vec<String>, bool)> {
        let places = |heard: Vec<Heard<'_>>| heard.into_iter().map(|heard| heard.place).collect();
        self.parts(instance).map(|(heard, is_apart)| (places(heard), is_apart)).collect()
    }

    /// All subscriptions to a destination: the place, the group, and how many instances share it.
    #[must_use]
    pub fn subscriptions(&self, destination: &Destination) -> Vec<(String, String, usize)> {
        let mut all = Vec::new();
        for service in &destination.receivers {
            let wired = &self.wiring.services[*service];
            let group = token(&wired.name);
            if destination.intent == Intent::Reply {
                let own =
                    |instance| (self.reply_place(destination, instance), format!("{group}-{instance}"), 1);
                all.extend(wired.instances.clone().map(own));
            } else {
                all.push((self.place(destination), group, wired.instances.len()));
            }
        }
        all
    }

    /// The place of replies to a request of the instance `asking`, if the request is answered.
    #[must_use]
    pub fn replies_to(&self, request: &Destination, asking: u16) -> Option<String> {
        let answers = |other: &&Destination| {
            other.intent == Intent::Reply
                && request.receivers.contains(&other.sender)
                && other.receivers.contains(&request.sender)
        };
        let reply = self.wiring.destinations.iter().find(answers)?;
        Some(self.reply_place(reply, asking))
    }

    /// The places to which a send port for `destination` sends, as the client's own type of a name.
    #[must_use]
    pub fn address<P: From<String>>(&self, destination: &Destination) -> Address<P> {
        if destination.intent != Intent::Reply {
            return Address::Fixed(self.place(destination).into());
        }
        let services = destination.receivers.iter().map(|service| &self.wiring.services[*service].instances);
        let asking = services
            .cloned()
            .reduce(|all, one| all.start.min(one.start)..all.end.max(one.end))
            .unwrap_or(0..0);
        Address::Asker {
            destination: destination.name.clone(),
            first: asking.start,
            places: asking.map(|instance| self.reply_place(destination, instance).into()).collect(),
        }
    }
}

/// The places to which a send port sends.
#[derive(Clone, Debug)]
pub enum Address<P> {
    /// Always there.
    Fixed(P),
    /// To the instance that asked.
    Asker {
        /// The destination, for the sentence about a wrong address.
        destination: String,
        /// The first instance that asks.
        first: u16,
        /// The place of each instance from there on.
        places: Vec<P>,
    },
}

impl<P> Address<P> {
    /// The same with each place changed.
    #[must_use]
    pub fn map<Q>(self, mut change: impl FnMut(P) -> Q) -> Address<Q> {
        match self {
            Self::Fixed(place) => Address::Fixed(change(place)),
            Self::Asker { destination, first, places } => {
                Address::Asker { destination, first, places: places.into_iter().map(change).collect() }
            }
        }
    }

    /// The place for `message`.
    ///
    /// # Errors
    /// `Failed` if it is a reply to an instance that does not hear the destination.
    #[inline]
    pub fn of(&self, message: &Message) -> Result<&P, PortError> {
        match self {
            Self::Fixed(place) => Ok(place),
            Self::Asker { destination, first, places } => {
                let at = message.reply_to().checked_sub(*first).map(usize::from);
                at.and_then(|at| places.get(at)).ok_or_else(|| {
                    let lane = message.reply_to();
                    PortError::Failed(format!(
                        "Reply `{destination}` to instance {lane}, which does not hear it"
                    ))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_nothing_that_means_something_to_a_broker() {
        assert_eq!(token("order authorization/3 > *.x"), "order_authorization_3_____x");
        assert_eq!(token("plain-name_1"), "plain-name_1");
    }

    #[test]
    fn a_number_is_given_out_once() {
        let numbers: BTreeSet<u64> = (0..100).map(|_| fresh()).collect();
        assert_eq!(numbers.len(), 100);
    }
}
