//! The faulty transports on tasks: what is told of ports there, too.

use super::{
    cheat,
    cheats::{self, Receiver, Sender, Tricks},
};
use crate::{
    contract::check_only,
    dispatcher::Tasked,
    message::Message,
    options::Values,
    port::{AsyncRecvPort, AsyncSendPort, Inbox, PortError, RecvPort, SendPort, Told},
    registry::{RunsOn, TransportEntry},
    transport::{AsyncTransport, Endpoint, OpenError, Transport},
    wiring::Wiring,
};
use std::{
    sync::Mutex,
    task::{Context, Poll},
};

/// A cheat, and the endpoints that it made.
struct OnTasks(&'static str, Mutex<Vec<Option<Endpoint<Send, Recv>>>>);
struct Send(Sender);
struct Recv(Receiver);

impl AsyncTransport for OnTasks {
    type Send = Send;
    type Recv = Recv;

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let each = |Endpoint { inbox, sends }| {
            Some(Endpoint { inbox: inbox.map(Recv), sends: sends.into_iter().map(Send).collect() })
        };
        *self.1.lock().unwrap() = Tricks(self.0).open(wiring)?.into_iter().map(each).collect();
        Ok(())
    }

    async fn open(&self, _wiring: &Wiring, instance: u16) -> Result<Endpoint<Send, Recv>, OpenError> {
        let endpoint = self.1.lock().unwrap().get_mut(usize::from(instance)).and_then(Option::take);
        endpoint.ok_or_else(|| OpenError::Refused("there is no such endpoint".into()))
    }
}

impl AsyncSendPort for Send {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        self.0.offer(batch)
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        context.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }
}

impl AsyncRecvPort for Recv {
    fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        from: Inbox,
        max: usize,
        on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Poll<Result<usize, PortError>> {
        match self.0.drain(from, max, on_batch) {
            Ok(0) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            drained => Poll::Ready(drained),
        }
    }
}

fn entry(name: &'static str) -> TransportEntry {
    let make = |options: &Values| -> Result<Box<dyn crate::dispatcher::Dispatcher>, String> {
        let trick = cheats::known(options).ok_or("no such cheat")?;
        Ok(Box::new(Tasked::new(OnTasks(trick, Mutex::default()))))
    };
    TransportEntry { runs_on: RunsOn::Tasks, make, ..cheats::entry_of(name) }
}

#[test]
fn what_ports_on_tasks_return_is_checked() {
    for (name, sentence) in [
        ("loses-few", None),
        ("drains-one", Some("`poll_drain` returned 1 after it had handed over")),
        ("drains-nothing", Some("`poll_drain` returned 1 after it had handed over 0 messages")),
        ("tells-two-of-one", Some("`poll_drain` called `on_batch` with 1 messages and 2 `Told`")),
        (
            "takes-more",
            Some("`offer` returned 2 when 1 messages were offered (`offer` of transport `cheat`)"),
        ),
        ("closes", Some("receiver: the other side closed (`drain` of transport `cheat`)")),
        ("few-ways", Some("transport `cheat` opened 0 send ports for sender, which sends to 1 destination")),
        ("no-inbox", Some("transport `cheat` opened no inbox for receiver, which receives messages")),
    ] {
        let report = check_only(&entry(name), &cheat(name), |check| check == "ports");
        let said = report.to_string();
        assert_eq!(report.holds(), sentence.is_none(), "{name}: {report}");
        assert!(sentence.is_none_or(|sentence| said.contains(sentence)), "{name}: {report}");
    }
}
