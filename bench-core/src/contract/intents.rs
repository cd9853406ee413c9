//! Checks that each intent does what it means, and that intents which the transport does not list are refused.

use super::{
    Stop,
    deliveries::deliveries_per_flow,
    ensure,
    handlers::Plain,
    scenarios::{FAN_OUT, ask, fan_out as topics, one_hop, react_and_ask},
    subject::{Subject, Tried},
    trial::{PATIENT, Trial},
};
use crate::scenario::{Intent, Scenario, Style};

const COUNT: u64 = 500;
/// Fewer where one flow waits for the other.
const AWAITED: u64 = 200;

/// See [`super::CHECKS`].
pub(super) fn fan_out(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    if !subject.claims(style, Intent::Event) {
        return not_claimed(Intent::Event);
    }
    for way in subject.ways() {
        let ran = subject.run(style, topics(style), &Trial::new(*way, COUNT))?;
        ran.completed(COUNT)?;
        if subject.promise().is_lossless() {
            for (destination, receiver) in [
                ("sender.told", "receiver"),
                ("sender.told", "slow"),
                ("sender.told", "third"),
                ("sender.passed-on", "third"),
            ] {
                let at =
                    |hop: &&crate::outcome::Hop| hop.destination == destination && hop.receiver == receiver;
                let got = ran.outcome.hops.iter().find(at).map_or(0, |hop| hop.times.count());
                ensure(got >= COUNT, || {
                    format!(
                        "{}: subscriber `{receiver}` got {got} of {COUNT} events of `{destination}`",
                        ran.circumstances
                    )
                })?;
            }
        }
        ran.delivered(&subject.promise(), COUNT, COUNT * FAN_OUT)?;
    }
    Ok(())
}

/// See [`super::CHECKS`].
pub(super) fn competing(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    let mut refusals = Vec::new();
    let carriers = subject.carriers(style);
    for intent in &carriers {
        for way in subject.ways() {
            let trial = Trial { instances: &[("receiver", 3)], ..Trial::new(*way, COUNT) };
            match subject.try_run(style, one_hop::<Plain>(style, *intent), &trial)? {
                Tried::Refused(why) => {
                    names(&why, &[*intent])?;
                    refusals.push(why);
                    break;
                }
                Tried::Ran(ran) => {
                    ran.delivered(&subject.promise(), COUNT, COUNT * deliveries_per_flow(*intent))?;
                }
            }
        }
    }
    refused_all(&refusals, carriers.len())
}

/// See [`super::CHECKS`].
pub(super) fn request_reply(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    requests(subject, style, false, ask::<Plain, false>)
}

/// See [`super::CHECKS`].
pub(super) fn request_reply_awaited(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    requests(subject, style, true, ask::<Plain, true>)
}

fn requests(
    subject: &Subject<'_>,
    style: Style,
    awaits: bool,
    scenario: fn(Style) -> Scenario,
) -> Result<(), Stop> {
    if !(subject.claims(style, Intent::Request) && subject.claims(style, Intent::Reply)) {
        return not_claimed(Intent::Request);
    }
    let count = if awaits { AWAITED } else { COUNT };
    for way in subject.ways() {
        let trial =
            Trial { instances: &[("sender", 2)], awaits, flow_timeout: PATIENT, ..Trial::new(*way, count) };
        match subject.try_run(style, scenario(style), &trial)? {
            Tried::Refused(why) => {
                names(&why, &[Intent::Request, Intent::Reply])?;
                return refused_all(&[why], 1);
            }
            Tried::Ran(ran) => {
                ran.nothing_wrong("a requester got another's reply, or something while it awaited one")?;
                ran.delivered(&subject.promise(), count, 2 * count)?;
            }
        }
    }
    Ok(())
}

/// See [`super::CHECKS`].
pub(super) fn replies_apart(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    for intent in [Intent::Command, Intent::Request, Intent::Reply] {
        if !subject.claims(style, intent) {
            return not_claimed(intent);
        }
    }
    for way in subject.ways() {
        for awaits in [false, true] {
            let count = if awaits { AWAITED } else { COUNT };
            let scenario = if awaits { react_and_ask::<true>(style) } else { react_and_ask::<false>(style) };
            let trial = Trial { awaits, flow_timeout: PATIENT, ..Trial::new(*way, count) };
            let ran = subject.run(style, scenario, &trial)?;
            ran.nothing_wrong("a message was handed over while a reply was awaited")?;
            ran.delivered(&subject.promise(), count, 4 * count)?;
        }
    }
    Ok(())
}

/// See [`super::CHECKS`].
pub(super) fn refusal(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    let uses: &[&[Intent]] = match style {
        Style::Message => &[&[Intent::Command], &[Intent::Request, Intent::Reply]],
        Style::Event => &[&[Intent::Event]],
    };
    let mut refused = false;
    for used in uses {
        let unclaimed: Vec<Intent> =
            used.iter().copied().filter(|intent| !subject.claims(style, *intent)).collect();
        if unclaimed.is_empty() {
            continue;
        }
        let trial = Trial::new(subject.ways()[0], 10);
        match subject.try_run(style, one_hop::<Plain>(style, used[0]), &trial)? {
            Tried::Refused(why) => names(&why, &unclaimed)?,
            Tried::Ran(_) => {
                let names = listed(&unclaimed);
                return Err(Stop::Fails(format!(
                    "{names} is not claimed in the {style} style, and is not refused"
                )));
            }
        }
        refused = true;
    }
    if refused { Ok(()) } else { Err(Stop::NotApplicable("every intent of the style is claimed".into())) }
}

fn not_claimed(intent: Intent) -> Result<(), Stop> {
    Err(Stop::NotApplicable(format!("{intent} is not claimed")))
}

fn listed(intents: &[Intent]) -> String {
    intents.iter().map(|intent| intent.name()).collect::<Vec<_>>().join(" or ")
}

/// A refusal is a sentence that names one of the intents it is about.
fn names(why: &str, intents: &[Intent]) -> Result<(), Stop> {
    ensure(intents.iter().any(|intent| why.contains(intent.name())), || {
        format!("it is refused in a sentence that does not name {}: `{why}`", listed(intents))
    })
}

/// Not applicable if each of `of` was refused.
fn refused_all(refusals: &[String], of: usize) -> Result<(), Stop> {
    match refusals.first() {
        Some(first) if refusals.len() == of => Err(Stop::NotApplicable(format!("refused: {first}"))),
        _ => Ok(()),
    }
}
