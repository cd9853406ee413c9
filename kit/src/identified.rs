//! Confirms of clients that give a message its identifier when they write it, tell so, and hear from the server by that identifier. The
//! ports of a connection say what they hand to the client ([`Puts`]), and the task that hears of the connection's events says what became
//! of it ([`Identified`]). Identifiers are used again, and ports share them.

use crate::confirm::{Callbacks, Caller, Confirms};
use std::{sync::mpsc, task::Context};

/// The number of a message has the number of its port from this bit on.
const PORT: u32 = 48;

/// The messages of a connection.
#[derive(Debug)]
pub struct Identified {
    /// The ports, by number.
    callers: Vec<Caller>,
    /// The numbers of messages that were handed to the client and not written, oldest first.
    put: mpsc::Receiver<u64>,
    /// By identifier, the number of the last message that was written with it.
    wrote: Vec<u64>,
}

/// The messages of one port.
#[derive(Debug)]
pub struct Puts {
    tell: mpsc::Sender<u64>,
    confirms: Callbacks,
}

impl Identified {
    /// For a connection with so many ports, and what each of them has. One task puts messages for all of them.
    pub fn of(ports: usize) -> (Self, impl Iterator<Item = Puts>) {
        let (tell, put) = mpsc::channel();
        let puts: Vec<Puts> = (0..ports as u64)
            .map(|port| Puts { tell: tell.clone(), confirms: Callbacks::numbered_from(port << PORT) })
            .collect();
        let callers = puts.iter().map(|puts| puts.confirms.caller()).collect();
        (Self { callers, put, wrote: Vec::new() }, puts.into_iter())
    }

    /// The client wrote the next message, with this identifier.
    pub fn wrote(&mut self, id: u16) {
        let (Ok(number), at) = (self.put.try_recv(), usize::from(id)) else { return };
        if self.wrote.len() <= at {
            self.wrote.resize(at + 1, u64::MAX);
        }
        self.wrote[at] = number;
    }

    /// What became of the message with this identifier, told by the number of its port: it was stored, or refused for a reason in words.
    pub fn came(&self, id: u16, outcome: impl FnOnce(usize) -> Result<(), String>) {
        let number = self.wrote.get(usize::from(id)).copied().unwrap_or(u64::MAX);
        let port = (number >> PORT) as usize;
        if let Some(caller) = self.callers.get(port) {
            caller.came(number, outcome(port));
        }
    }
}

impl Puts {
    /// Called before a message is handed to the client.
    pub fn put(&mut self) {
        // Nobody hears of it once the connection is gone. The client says so.
        let _heard = self.tell.send(self.confirms.take());
    }

    /// As [`Callbacks::poll`].
    pub fn poll(&mut self, context: &Context<'_>, confirms: &mut Confirms<'_>) {
        self.confirms.poll(context, confirms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusals::Refusals;
    use drumpost_core::port::Confirmed;
    use std::task::Waker;

    fn told(puts: &mut Puts) -> Vec<Confirmed> {
        let (refusals, mut all) = (Refusals::default(), Vec::new());
        let mut tell = |told| all.push(told);
        let mut confirms = Confirms::new(&mut tell, &refusals);
        puts.poll(&Context::from_waker(Waker::noop()), &mut confirms);
        drop(confirms);
        all
    }

    #[test]
    fn each_port_hears_of_its_own_messages_in_its_order() {
        let (mut messages, puts) = Identified::of(2);
        let mut puts: Vec<Puts> = puts.collect();
        for (port, id) in [(1, 7), (0, 8), (1, 9), (0, 7)] {
            puts[port].put();
            messages.wrote(id);
            // An identifier is used again after the answer.
            if id == 9 {
                messages.came(7, |port| if port == 1 { Ok(()) } else { Err("another port's".into()) });
            }
        }
        assert_eq!((told(&mut puts[0]), told(&mut puts[1])), (vec![], vec![Confirmed::Stored(1)]));
        messages.came(7, |_| Err("full".into()));
        assert!(told(&mut puts[0]).is_empty(), "its older message is under way");
        messages.came(8, |_| Ok(()));
        messages.came(9, |_| Ok(()));
        messages.came(9, |_| Ok(()));
        assert_eq!(told(&mut puts[0]), [Confirmed::Stored(1), Confirmed::Refused(1)]);
        assert_eq!(told(&mut puts[1]), [Confirmed::Stored(1)]);
    }

    #[test]
    fn what_nobody_put_is_passed_over() {
        let (mut messages, mut puts) = Identified::of(1);
        messages.wrote(3);
        messages.came(3, |_| Ok(()));
        messages.came(4, |_| Ok(()));
        assert!(told(&mut puts.next().unwrap()).is_empty());
    }
}
