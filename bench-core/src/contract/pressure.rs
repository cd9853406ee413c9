//! Checks a transport whose receiver is slower than its sender.

use super::{
    Stop,
    deliveries::deliveries_per_flow,
    ensure,
    handlers::{Plain, Slow},
    scenarios::{one_hop, slow_and_fast},
    subject::{Ran, Subject},
    trial::{PATIENT, Trial, Way},
};
use crate::scenario::{Intent, Style};

const CAPACITY: usize = 4;
const COUNT: u64 = 200;

/// See [`super::CHECKS`].
pub(super) fn back_pressure(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    for intent in subject.carriers(style) {
        for way in subject.ways() {
            let trial = Trial { capacity: CAPACITY, ..Trial::new(*way, COUNT) };
            match intent {
                Intent::Request | Intent::Reply => {
                    // A circle: more under way than a queue holds could deadlock.
                    let trial = Trial { in_flight: CAPACITY as u64, flow_timeout: PATIENT, ..trial };
                    let ran = subject.run(style, one_hop::<Plain>(style, intent), &trial)?;
                    ran.delivered(&subject.promise(), COUNT, COUNT * deliveries_per_flow(intent))?;
                }
                Intent::Command => {
                    let ran = subject.run(style, one_hop::<Slow<200>>(style, intent), &trial)?;
                    ran.delivered(&subject.promise(), COUNT, COUNT)?;
                }
                Intent::Event => {
                    let ran = subject.run(style, slow_and_fast::<200>(style), &trial)?;
                    ran.delivered(&subject.promise(), COUNT, 2 * COUNT)?;
                }
            }
        }
        if subject.promise().holds_up_senders && intent != Intent::Request {
            held_up(&bounded(subject, style, intent)?)?;
        }
    }
    Ok(())
}

/// 200 flows are due at once, a queue holds 4: where do the others wait?
fn bounded(subject: &Subject<'_>, style: Style, intent: Intent) -> Result<Ran, Stop> {
    let trial =
        Trial { capacity: CAPACITY, in_flight: COUNT, due_every_ns: 0, ..Trial::new(Way::BURST, COUNT) };
    let ran = subject.run(style, one_hop::<Slow<500>>(style, intent), &trial)?;
    ran.delivered(&subject.promise(), COUNT, COUNT)?;
    Ok(ran)
}

fn held_up(ran: &Ran) -> Result<(), Stop> {
    let Ran { outcome, circumstances, .. } = ran;
    let (blocked_ns, elapsed_ns) = (outcome.blocked_ns, outcome.elapsed_ns);
    ensure(blocked_ns >= elapsed_ns / 20, || {
        format!(
            "{circumstances}: a slow receiver blocked its sender for {blocked_ns} of {elapsed_ns} ns: it does not \
             block senders as it claims"
        )
    })?;
    let hop_ns: u128 = outcome.hops.iter().map(|hop| hop.times.sum_ns).sum();
    let response_ns = outcome.response.sum_ns;
    ensure(hop_ns <= response_ns / 8, || {
        format!(
            "{circumstances}: messages waited {hop_ns} of {response_ns} ns in the transport and not at their sender: it \
             holds more than its capacity"
        )
    })
}
