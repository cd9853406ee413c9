//! Checks of a table of routes, and of names on the command line, before anything is wired.

use super::{WiringError, WiringSettings, rule};
use crate::scenario::{Intent, Part, Route, Scenario, Service, Style};
use std::collections::{HashMap, HashSet};

/// A service that every flow needs cannot be left out: the run would wait for ends that never come.
pub(super) fn needed(scenario: &Scenario, settings: &WiringSettings) -> Result<(), WiringError> {
    let is_needed = |service: &&Service| service.part == Part::Needed;
    let mut wanted = scenario.services.iter().filter(is_needed).map(|service| service.name);
    let Some(name) = wanted.find(|name| settings.without.iter().any(|without| without == name)) else {
        return Ok(());
    };
    let others = scenario.services.iter().filter(|service| !is_needed(service)).map(|service| service.name);
    let others: Vec<&str> = others.collect();
    let others = if others.is_empty() { "none".into() } else { others.join(", ") };
    Err(rule(format!(
        "--without `{name}`: flows of `{}` do not end without this service; services that can be left out: {others}",
        scenario.name
    )))
}

/// A reply goes to who asked its sender; nobody else awaits one.
pub(super) fn replies(routes: &[Route]) -> Result<(), WiringError> {
    for reply in routes.iter().filter(|route| route.intent == Intent::Reply) {
        let has_asked = |receiver: &&&str| {
            routes.iter().any(|route| {
                route.intent == Intent::Request
                    && route.sender == **receiver
                    && route.receivers.contains(&reply.sender)
            })
        };
        if let Some(receiver) = reply.receivers.iter().find(|receiver| !has_asked(receiver)) {
            return Err(rule(format!(
                "the Reply `{}` goes to `{receiver}`, which sends `{}` no Request",
                reply.destination, reply.sender
            )));
        }
    }
    Ok(())
}

/// Destinations that one service can send to, and those it can hear: a lane keeps a bit for each of the former.
const DESTINATIONS_MAX: usize = 64;

/// No service sends to, or hears, more destinations than a lane can keep apart.
pub(super) fn width(scenario: &Scenario, style: Style) -> Result<(), WiringError> {
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    for route in scenario.routes(style) {
        counts.entry(route.sender).or_default().0 += 1;
        for receiver in route.receivers {
            counts.entry(receiver).or_default().1 += 1;
        }
    }
    for service in &scenario.services {
        let (sends, hears) = counts.get(service.name).copied().unwrap_or_default();
        if sends.max(hears) > DESTINATIONS_MAX {
            return Err(rule(format!(
                "`{}` sends to {sends} destinations and hears {hears}; at most {DESTINATIONS_MAX} of each are possible",
                service.name
            )));
        }
    }
    Ok(())
}

/// The names of a list, of a long one the first.
fn listed(names: &[&str]) -> String {
    const MOST: usize = 32;
    match names.get(..MOST) {
        Some(first) if names.len() > MOST => format!("{} and {} more", first.join(", "), names.len() - MOST),
        _ => names.join(", "),
    }
}

/// Every name is there.
pub(super) fn names(scenario: &Scenario, style: Style, settings: &WiringSettings) -> Result<(), WiringError> {
    let services: Vec<&str> = scenario.services.iter().map(|service| service.name).collect();
    let kinds: HashSet<&str> = scenario.kinds.iter().copied().collect();
    let there: HashSet<&str> = services.iter().copied().collect();
    let known = |what, name: &str, place: &dyn Fn() -> String| {
        let (there, names) = if what == "kind" { (&kinds, scenario.kinds) } else { (&there, &services[..]) };
        if there.contains(name) {
            return Ok(());
        }
        Err(WiringError::Unknown { what, name: name.to_owned(), place: place(), known: listed(names) })
    };
    for route in scenario.routes(style) {
        let place = || format!("route `{}` of `{}`", route.destination, scenario.name);
        known("service", route.sender, &place)?;
        for receiver in route.receivers {
            known("service", receiver, &place)?;
        }
        for kind in route.kinds {
            known("kind", kind, &place)?;
        }
    }
    let asked = settings.with.iter().map(|name| ("--with", name));
    let left_out = settings.without.iter().map(|name| ("--without", name));
    let counted = settings.instances.keys().map(|name| ("--instances", name));
    for (flag, name) in asked.chain(left_out).chain(counted) {
        known("service", name, &|| format!("{flag} for `{}`", scenario.name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{event, reply, request};

    #[test]
    fn a_reply_goes_only_to_who_asked() {
        let asked = request("b.ask", &["Asked"], "a", &["b"]);
        replies(&[asked, reply("b.answer", &["Answered"], "b", &["a"])]).unwrap();
        for wrong in
            [reply("b.answer", &["Answered"], "b", &["c"]), reply("a.answer", &["Answered"], "a", &["b"])]
        {
            let error = replies(&[asked, wrong]).unwrap_err().to_string();
            assert!(error.contains("no Request") && error.contains(wrong.destination), "{error}");
        }
    }

    #[test]
    fn a_service_has_as_many_destinations_as_a_lane_can_keep_apart() {
        let scenario = |event| Scenario {
            name: "wide",
            summary: "",
            kinds: &["Happened"],
            services: vec![Service {
                name: "a",
                driven: true,
                part: Part::Needed,
                reactor: || panic!("is not run"),
            }],
            ends_per_flow: 1,
            message: Vec::new(),
            event,
        };
        let route = event("a.happened", &["Happened"], "a", &["a"]);
        width(&scenario(vec![route; DESTINATIONS_MAX]), Style::Event).unwrap();
        let error =
            width(&scenario(vec![route; DESTINATIONS_MAX + 1]), Style::Event).unwrap_err().to_string();
        assert!(error.contains("`a` sends to 65 destinations and hears 65; at most 64"), "{error}");
    }
}
