//! What flows in the trials of the suite: a message from `sender` to `receiver`, or a request and its reply.

use drumpost_core::{
    handler::{Handler, Out, Reactor},
    message::{Kind, Message},
    scenario::{Part, Scenario, Service, Style, command, event, reply, request},
};

const SENT: Kind = Kind(1);
const ANSWERED: Kind = Kind(2);

/// Sends a message for each start. A reply ends the flow.
struct Sends;

impl Handler for Sends {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        if message.kind == Kind::START {
            out.emit(message, SENT);
        } else {
            out.end(message);
        }
    }
}

struct Ends;

impl Handler for Ends {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.end(message);
    }
}

struct Answers;

impl Handler for Answers {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.emit(message, ANSWERED);
    }
}

/// One hop: a command, or an event. With `asks` a request and its reply in place of a command.
pub(super) fn scenario(style: Style, asks: bool) -> Scenario {
    let service = |name, driven, reactor: fn() -> Box<dyn Reactor>| Service {
        name,
        driven,
        part: Part::Usual,
        reactor,
    };
    let (mut message, mut events) = (Vec::new(), Vec::new());
    let mut summary = "one hop, for the suite's checks";
    let mut receives: fn() -> Box<dyn Reactor> = || Box::new(Ends);
    match style {
        Style::Message if asks => {
            message.push(request("receiver.ask", &["Sent"], "sender", &["receiver"]));
            message.push(reply("receiver.answer", &["Answered"], "receiver", &["sender"]));
            summary = "a request and its reply, for the suite's checks";
            receives = || Box::new(Answers);
        }
        Style::Message => message.push(command("receiver.work", &["Sent"], "sender", &["receiver"])),
        Style::Event => events.push(event("sender.sent", &["Sent"], "sender", &["receiver"])),
    }
    Scenario {
        name: "suite",
        summary,
        kinds: &["Sent", "Answered"],
        services: vec![service("sender", true, || Box::new(Sends)), service("receiver", false, receives)],
        ends_per_flow: 1,
        message,
        event: events,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::scenario::Intent;

    #[test]
    fn a_service_that_asks_gets_replies_and_events_have_none() {
        let intents = |style, asks| {
            let scenario = scenario(style, asks);
            scenario.routes(style).iter().map(|route| route.intent).collect::<Vec<_>>()
        };
        assert_eq!(intents(Style::Message, false), [Intent::Command]);
        assert_eq!(intents(Style::Message, true), [Intent::Request, Intent::Reply]);
        assert_eq!(intents(Style::Event, true), [Intent::Event]);
    }
}
