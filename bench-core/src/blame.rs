//! A note per lane about the code that it runs, so that a panic or a hang is reported with the name of its cause: the handler
//! of a service, or a method of the transport.
//!
//! A lane writes one byte before and after it calls foreign code. The byte has a single writer and lies among the counters that
//! the lane publishes, whose address the lane has at hand anyway. Nobody reads it unless something went wrong, so its cache line
//! stays with the lane's core.

use crate::{act::Act, counters::Published, port::PortError, wiring::Wiring};
use std::{any::Any, sync::Arc};

/// Whether a failure's sentence is one of [`Blame::hangs`]: each further trial would hang as long.
pub(crate) fn tells_of_a_hang(failure: &str) -> bool {
    [NOT_RETURNED, NOT_RUN].iter().any(|words| failure.contains(words))
}

const NOT_RETURNED: &str = "has not returned for";
const NOT_RUN: &str = "did not run for";

/// A lane's names, and what it is doing.
#[derive(Debug)]
struct Suspect {
    instance: String,
    service: String,
    counters: Arc<Published>,
}

/// All lanes of a trial and the name of its transport: finds out whose fault a panic or a hang is.
#[derive(Debug, Default)]
pub struct Blame {
    transport: String,
    lanes: Vec<Suspect>,
}

impl Blame {
    /// The lanes of a wiring, and the counters that each publishes.
    pub(crate) fn new(wiring: &Wiring, counters: &[Arc<Published>]) -> Self {
        let suspect = |(lane, counters): (u16, &Arc<Published>)| Suspect {
            instance: wiring.instance_name(lane),
            service: wiring.services[wiring.service_of(lane)].name.clone(),
            counters: Arc::clone(counters),
        };
        let lanes = (0..wiring.instance_count()).zip(counters).map(suspect).collect();
        Self { transport: transport_name(&wiring.transport), lanes }
    }

    /// A lane's name.
    #[must_use]
    pub fn instance(&self, lane: u16) -> &str {
        self.lanes.get(usize::from(lane)).map_or("a lane", |suspect| &suspect.instance)
    }

    /// The names of several lanes, of very many the first.
    pub(crate) fn instances(&self, lanes: &[u16]) -> String {
        const MOST: usize = 16;
        let names = |lanes: &[u16]| {
            let names: Vec<&str> = lanes.iter().map(|lane| self.instance(*lane)).collect();
            names.join(", ")
        };
        match lanes.get(..MOST) {
            Some(first) if lanes.len() > MOST => {
                format!("{} and {} others", names(first), lanes.len() - MOST)
            }
            _ => names(lanes),
        }
    }

    /// Notes for all `lanes` that their ports are dropped now.
    pub(crate) fn dropping(&self, lanes: &[u16]) {
        for lane in lanes {
            self.lanes[usize::from(*lane)].counters.doing.set(Act::Drop);
        }
    }

    /// The sentence for a panic that ended one of `lanes`, which share a thread.
    #[must_use]
    pub fn panicked(&self, lanes: &[u16], payload: &(dyn Any + Send)) -> String {
        let text = panic_text(payload);
        match self.guilty(lanes) {
            Some((suspect, Act::Handler)) => {
                format!("the handler of `{}` panicked: {text}", suspect.service)
            }
            Some((suspect, act)) => {
                format!("{} panicked in `{}` at {}: {text}", self.transport, act.method(), suspect.instance)
            }
            None => {
                let names = self.instances(lanes);
                format!("the harness panicked at {names}: {text}; this is a defect of drumpost")
            }
        }
    }

    /// The sentence for `lanes`, which share a thread that has not returned for `time`.
    #[must_use]
    pub fn hangs(&self, lanes: &[u16], time: &str) -> String {
        match self.guilty(lanes) {
            Some((suspect, Act::Handler)) => format!(
                "the handler of `{}` hangs at {}: `handle` {NOT_RETURNED} {time}",
                suspect.service, suspect.instance
            ),
            Some((suspect, act)) => format!(
                "{} hangs at {}: `{}` {NOT_RETURNED} {time}",
                self.transport,
                suspect.instance,
                act.method()
            ),
            None => {
                format!("{} {NOT_RUN} {time}", self.instances(lanes))
            }
        }
    }

    /// The sentence for a port of `lane` that returned an error, with the method and the transport where the lane's note still tells
    /// the method.
    #[must_use]
    pub fn port_failed(&self, lane: u16, error: &PortError) -> String {
        let (instance, transport) = (self.instance(lane), &self.transport);
        let act = self.lanes.get(usize::from(lane)).map(|suspect| suspect.counters.doing.get());
        match act {
            None | Some(Act::Harness | Act::Handler | Act::Full) => format!("{instance}: {error}"),
            Some(act) => format!("{instance}: {error} (`{}` of {transport})", act.method()),
        }
    }

    /// The sentence for a lane that a full transport has blocked for `time`.
    #[must_use]
    pub fn held_up(&self, lane: u16, time: &str) -> String {
        format!(
            "{} was full for {} for {time}: the receiver does not take messages",
            self.transport,
            self.instance(lane)
        )
    }

    /// Whether a lane waits for a full transport, as far as can be seen.
    pub(crate) fn is_held_up(&self, lane: u16) -> bool {
        let act = self.lanes.get(usize::from(lane)).map(|suspect| suspect.counters.doing.get());
        matches!(act, Some(Act::Full | Act::Offer))
    }

    /// Of lanes that share a thread, the one that is in foreign code. A handler comes first: handlers are called from
    /// within `drain`, and by listeners from within another lane's step.
    fn guilty(&self, lanes: &[u16]) -> Option<(&Suspect, Act)> {
        let all = || {
            let suspects = lanes.iter().filter_map(|lane| self.lanes.get(usize::from(*lane)));
            suspects.map(|suspect| (suspect, suspect.counters.doing.get()))
        };
        let handler = all().find(|(_, act)| *act == Act::Handler);
        handler.or_else(|| all().find(|(_, act)| !matches!(act, Act::Harness | Act::Full)))
    }
}

/// "transport `name`", or without a name where the caller gave none.
pub(crate) fn transport_name(name: &str) -> String {
    if name.is_empty() { "the transport".into() } else { format!("transport `{name}`") }
}

/// A panic that already says whose it is; see [`accused`].
struct Accused(String);

/// Runs `make`, foreign code that runs before there are lanes. If it panics, the panic goes on with a text that says
/// `whose` it is.
pub(crate) fn accused<T>(whose: impl FnOnce() -> String, make: impl FnOnce() -> T) -> T {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(make)) {
        Ok(made) => made,
        Err(panic) => std::panic::resume_unwind(Box::new(Accused(format!(
            "{} panicked: {}",
            whose(),
            panic_text(&*panic)
        )))),
    }
}

/// The whole sentence of a panic that says whose it is; `None` for any other.
pub(crate) fn accusation(payload: &(dyn Any + Send)) -> Option<String> {
    payload.downcast_ref::<Accused>().map(|accused| accused.0.clone())
}

/// The text of a panic.
#[must_use]
pub fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.or_else(|| accusation(payload)).unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Blame {
        let lane = |name: &str| Suspect {
            instance: format!("{name}-0"),
            service: name.into(),
            counters: Arc::new(Published::new(0, 0)),
        };
        Blame { transport: transport_name("pigeon"), lanes: vec![lane("gateway"), lane("worker")] }
    }

    #[test]
    fn a_fault_is_told_by_the_name_of_whoever_caused_it() {
        let blame = two();
        let panicked = || blame.panicked(&[0, 1], &"oh");
        assert!(panicked().contains("defect of drumpost"), "{}", panicked());
        blame.lanes[0].counters.doing.set(Act::Offer);
        assert_eq!(panicked(), "transport `pigeon` panicked in `offer` at gateway-0: oh");
        assert_eq!(
            blame.hangs(&[0, 1], "3 s"),
            "transport `pigeon` hangs at gateway-0: `offer` has not returned for 3 s"
        );
        blame.lanes[1].counters.doing.set(Act::Handler);
        assert_eq!(panicked(), "the handler of `worker` panicked: oh");
        assert_eq!(
            blame.hangs(&[1], "3 s"),
            "the handler of `worker` hangs at worker-0: `handle` has not returned for 3 s"
        );
    }

    #[test]
    fn a_hang_is_told_from_other_failures() {
        let blame = two();
        assert!(tells_of_a_hang(&blame.hangs(&[0], "3 s")));
        assert!(!tells_of_a_hang(&blame.panicked(&[0], &"oh")) && !tells_of_a_hang(&blame.held_up(0, "3 s")));
        blame.lanes[0].counters.doing.set(Act::Offer);
        assert!(tells_of_a_hang(&blame.hangs(&[0], "3 s")));
        blame.lanes[0].counters.doing.set(Act::Handler);
        assert!(tells_of_a_hang(&blame.hangs(&[0], "3 s")));
    }

    #[test]
    fn an_error_of_a_port_is_told_with_its_method_and_the_transport() {
        let blame = two();
        assert_eq!(blame.port_failed(0, &PortError::Closed), "gateway-0: the other side closed");
        blame.lanes[0].counters.doing.set(Act::Drain);
        let said = blame.port_failed(0, &PortError::Closed);
        assert_eq!(said, "gateway-0: the other side closed (`drain` of transport `pigeon`)");
    }

    #[test]
    fn of_very_many_lanes_some_are_named() {
        assert_eq!(two().instances(&[0, 1]), "gateway-0, worker-0");
        let many = two().instances(&[0; 5_000]);
        assert!(many.ends_with("gateway-0 and 4984 others") && many.len() < 250, "{many}");
    }
}
