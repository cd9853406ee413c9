//! Queues in memory for a wiring: one for each receiving service, shared by its instances, and one for the replies to each
//! instance where they need one of their own.

use super::{Addressees, buffer};
use drumpost_core::{
    message::Message,
    port::PortError,
    scenario::Intent,
    transport::{Endpoint, Endpoints},
    wiring::{Destination, Wiring},
};

/// Both ends of a queue. The receiving end is handed out once, or a copy of it to each instance.
type Queue<T, R> = (T, Option<R>);

/// The queues of one receiving service.
struct Queues<T, R> {
    /// For what its instances compete for. A single instance hears its replies here too, unless they are apart.
    shared: Option<Queue<T, R>>,
    /// For replies, by instance; empty where they are not needed.
    replies: Vec<Queue<T, R>>,
}

impl<T, R> Queues<T, R> {
    fn new(wiring: &Wiring, service: usize, make: &impl Fn(usize) -> (T, R)) -> Self {
        let queue = || {
            let (to, from) = make(wiring.capacity.max(1));
            (to, Some(from))
        };
        let instances = wiring.services[service].instances.len();
        let hears = |replies| {
            wiring.heard_by(service).any(|heard: &Destination| (heard.intent == Intent::Reply) == replies)
        };
        let single = instances == 1 && !wiring.has_replies_apart(service);
        let shared = hears(false) || (single && hears(true));
        let replies = if hears(true) && !single { instances } else { 0 };
        Self { shared: shared.then(queue), replies: (0..replies).map(|_| queue()).collect() }
    }
}

/// The queues to which a send port sends.
#[derive(Debug)]
pub(crate) struct Targets<T> {
    /// Which of the queues a reply goes to. `None`: every message goes to each of them.
    pub who_asked: Option<Addressees>,
    pub queues: Vec<T>,
}

/// Makes all queues of a wiring, by `make` for a capacity, and the endpoints over them, by `sender` and by `receiver`,
/// which gets the queue of replies beside the other where they are apart. `share` hands the receiving end of a queue out that
/// several instances may share.
pub(crate) fn endpoints<T: Clone, R, S, I>(
    wiring: &Wiring,
    make: impl Fn(usize) -> (T, R),
    share: fn(&mut Option<R>) -> Option<R>,
    sender: impl Fn(Targets<T>) -> S,
    receiver: impl Fn(R, Option<R>, Vec<Message>) -> I,
) -> Endpoints<S, I> {
    let queues = (0..wiring.services.len()).map(|service| Queues::new(wiring, service, &make));
    let mut queues: Vec<Queues<T, R>> = queues.collect();
    let targets = |destination: &Destination, queues: &[Queues<T, R>]| {
        let mut all = Targets { who_asked: None, queues: Vec::new() };
        for service in &destination.receivers {
            let Queues { shared, replies } = &queues[*service];
            if destination.intent == Intent::Reply && !replies.is_empty() {
                let instances = wiring.services[*service].instances.clone();
                all.who_asked = Some(Addressees::new(destination, instances));
                all.queues.extend(replies.iter().map(|(to, _)| to.clone()));
            } else {
                all.queues.extend(shared.as_ref().map(|(to, _)| to.clone()));
            }
        }
        all
    };
    let mut all = Vec::with_capacity(usize::from(wiring.instance_count()));
    for (service, wired) in wiring.services.iter().enumerate() {
        for member in 0..wired.instances.len() {
            let sends =
                wiring.sends_of(service).map(|sent| sender(targets(sent, &queues))).collect::<Vec<_>>();
            let Queues { shared, replies } = &mut queues[service];
            let replies = replies.get_mut(member).and_then(|(_, from)| from.take());
            let shared = shared.as_mut().and_then(|(_, from)| share(from));
            let (from, replies) = match shared {
                Some(shared) => (Some(shared), replies),
                None => (replies, None),
            };
            let inbox = from.map(|from| receiver(from, replies, buffer(wiring)));
            all.push(Endpoint { inbox, sends });
        }
    }
    all
}

/// Puts messages one by one until there is no room, and says how many.
#[inline]
pub(crate) fn put_all(
    batch: &[Message],
    mut put: impl FnMut(&Message) -> Result<bool, PortError>,
) -> Result<usize, PortError> {
    for (taken, message) in batch.iter().enumerate() {
        if !put(message)? {
            return Ok(taken);
        }
    }
    Ok(batch.len())
}
