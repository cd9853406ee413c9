//! Queues in memory for a wiring: one for each receiving service, shared by its instances, and one for the replies to each
//! instance where they need one of their own.

use super::{Addressees, merged::Merged};
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

/// Makes all queues of a wiring, by `make` for a capacity, and the endpoints over them. `share` hands the receiving end of a
/// queue out that several instances may share. `sender` makes a send port of the queues to which it sends: a message goes to
/// the queue that the addressees say, or to each of them if there are no addressees.
pub(crate) fn endpoints<T: Clone, R, S>(
    wiring: &Wiring,
    make: impl Fn(usize) -> (T, R),
    share: fn(&mut Option<R>) -> Option<R>,
    sender: impl Fn(Option<Addressees>, Vec<T>) -> S,
) -> Endpoints<S, Merged<R>> {
    let queues = (0..wiring.services.len()).map(|service| Queues::new(wiring, service, &make));
    let mut queues: Vec<Queues<T, R>> = queues.collect();
    let send_port = |destination: &Destination, queues: &[Queues<T, R>]| {
        let (mut who_asked, mut targets) = (None, Vec::new());
        for service in &destination.receivers {
            let Queues { shared, replies } = &queues[*service];
            if destination.intent == Intent::Reply && !replies.is_empty() {
                let instances = wiring.services[*service].instances.clone();
                who_asked = Some(Addressees::new(destination, instances));
                targets.extend(replies.iter().map(|(to, _)| to.clone()));
            } else {
                targets.extend(shared.as_ref().map(|(to, _)| to.clone()));
            }
        }
        sender(who_asked, targets)
    };
    let mut all = Vec::with_capacity(usize::from(wiring.instance_count()));
    for (service, wired) in wiring.services.iter().enumerate() {
        for member in 0..wired.instances.len() {
            let sends = wiring.sends_of(service).map(|sent| send_port(sent, &queues)).collect();
            let Queues { shared, replies } = &mut queues[service];
            let replies: Vec<R> =
                replies.get_mut(member).and_then(|(_, from)| from.take()).into_iter().collect();
            let shared: Vec<R> = shared.as_mut().and_then(|(_, from)| share(from)).into_iter().collect();
            all.push(Endpoint { inbox: Merged::new(wiring, replies, shared), sends });
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
