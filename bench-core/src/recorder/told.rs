//! What a lane records of what the transport tells it: confirms of messages that it sent, and repeated deliveries.

use super::Recorder;
use crate::{hist::Hist, port::Told};

/// Messages that were sent together through one port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub destination: u16,
    pub sent_ns: u64,
    pub len: u32,
    /// Their flows were due in the measured window.
    pub is_measured: bool,
}

/// A message by its producer, its destination, and the low 32 bits of its number among theirs, as it carries them.
pub(crate) type Handled = (u16, u16, u32);

/// Messages of one send port, by their numbers, of which the transport told neither that it stored nor that it refused them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Untold {
    pub port: usize,
    /// The number of the first, and one above that of the last.
    pub from: u64,
    pub to: u64,
}

impl Recorder {
    /// Notes that the transport refused messages of a send port.
    pub(crate) fn refused(&mut self, port: usize, count: u32) {
        self.local.confirms[port].refused += u64::from(count);
    }

    /// Notes that messages of a send port were rolled back with their transaction.
    pub(crate) fn rolled_back(&mut self, port: usize, count: u64) {
        self.local.confirms[port].rolled_back += count;
    }

    /// Notes that a message was handled in a transaction that was rolled back.
    pub(crate) fn handled_in_vain(&mut self, (producer, destination, seq): Handled) {
        if let Some(stream) = self.heard.stream(producer, destination) {
            self.audit.roll_back(stream, seq);
            self.rarely = true;
        }
    }

    /// Notes that the transport stored messages of a send port, at `now_ns`.
    pub(crate) fn confirmed(&mut self, port: usize, run: Run, now_ns: u64) {
        let Run { destination, sent_ns, len, is_measured } = run;
        self.local.confirms[port].confirmed += u64::from(len);
        if is_measured {
            self.note_negative(now_ns, sent_ns, len);
            let are_small = self.latencies.are_small;
            let all = &mut self.latencies.confirms;
            let at = all.iter().position(|(of, _)| *of == destination).unwrap_or_else(|| {
                // Once per set of histograms: most transports confirm nothing and have no use for them.
                all.push((destination, if are_small { Hist::small() } else { Hist::default() }));
                all.len() - 1
            });
            all[at].1.record_n(now_ns.saturating_sub(sent_ns), len);
        }
    }

    /// Notes that a message is given back, and what the broker said of its delivery.
    pub(crate) fn rejected(&mut self, told: Told) {
        self.note_told(&[told]);
        self.local.rejected += 1;
        self.rarely = true;
    }

    /// Notes what the broker said of the messages that are received next. Notes nothing if dead letters are among them, and says so.
    pub(crate) fn note_told(&mut self, told: &[Told]) -> bool {
        let again = told.iter().filter(|told| told.attempt > 1).count() as u64;
        if again > 0 {
            if told.iter().any(Told::is_dead) {
                return true;
            }
            self.local.redelivered += again;
            self.rarely = true;
        }
        false
    }
}
