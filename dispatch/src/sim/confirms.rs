//! Publisher confirms of the simulated target: each message is stored or refused, and its sender is told after the time
//! that `confirm=` says.

use super::{lock, spec::SimSpec, station::sample_ns};
use drumpost_core::{message::Message, port::Confirmed};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

/// What one send port will be told, in the order in which it sent: when, in ns, and what.
pub(super) type Telling = Arc<Mutex<VecDeque<(u64, Confirmed)>>>;

/// The confirms of one send port.
#[derive(Debug)]
pub(super) struct Confirms {
    spec: SimSpec,
    random: StdRng,
    telling: Telling,
}

impl Confirms {
    pub(super) fn new(spec: SimSpec, seed: u64) -> Self {
        Self { spec, random: StdRng::seed_from_u64(seed), telling: Telling::default() }
    }

    pub(super) fn telling(&self) -> Telling {
        Arc::clone(&self.telling)
    }

    /// Whether the target refuses a message.
    pub(super) fn refuses(&self, message: &Message) -> bool {
        self.spec.refuse.is_some_and(|rule| rule.applies(message.seq))
    }

    /// Notes that a message was taken at `now_ns`. It is told of after all messages that were taken before.
    pub(super) fn take(&mut self, is_refused: bool, now_ns: u64) {
        let Some(time) = self.spec.confirm else { return };
        let mut telling = lock(&self.telling);
        let last_ns = telling.back().map_or(0, |(at_ns, _)| *at_ns);
        let at_ns = now_ns.saturating_add(sample_ns(time, &mut self.random)).max(last_ns);
        let told = if is_refused { Confirmed::Refused(1) } else { Confirmed::Stored(1) };
        telling.push_back((at_ns, told));
    }

    /// Tells what is due at `now_ns`.
    pub(super) fn tell(&self, now_ns: u64, tell: &mut dyn FnMut(Confirmed)) {
        let mut telling = lock(&self.telling);
        while let Some((_, told)) = telling.pop_front_if(|(at_ns, _)| *at_ns <= now_ns) {
            tell(told);
        }
    }
}
