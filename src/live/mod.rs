//! Live figures of a command that measures: one stream of events, handed to any number of viewers.
//!
//! Whoever runs trials sends events into a channel and never waits. A thread of its own takes them out and hands each to all viewers: the
//! dashboard or lines of progress (`queue`), the figures for Prometheus (`figures`, served by `server`), and processes of `drumpost watch`
//! (`announce`). No viewer may wait when it is told something, so a slow one misses samples, and neither delays the run nor another viewer.
//!
//! Does not live here: what the events are (`drumpost_tui`), drawing (`run::screen`), and the watching side (`watch`).

mod accept;
mod announce;
mod events;
mod figures;
pub(crate) mod folder;
#[cfg(feature = "otlp")]
mod otlp;
mod queue;
mod server;
#[cfg(test)]
mod tests;

use crate::{
    args::{LiveArgs, ServeAt},
    exit::usage,
    output,
};
use announce::Announced;
use drumpost_core::overhead::HarnessThread;
use drumpost_results::model::Record;
use drumpost_tui::Event;
pub(crate) use events::Events;
use figures::Figures;
use queue::Queue;
use server::{Hosts, Server};
use std::{
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// How long the last events may take to reach all viewers.
const LAST: Duration = Duration::from_secs(1);

/// Is told what happens in a command.
trait Viewer: Send {
    /// Takes note of an event, without waiting for anything. `false`: it is gone and need not be told any more.
    fn tell(&mut self, event: &Event) -> bool;
}

/// The command whose figures are shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// The sub-command, such as `suite`.
    pub kind: &'static str,
    /// The name of its record.
    pub id: String,
    /// The rows of its plan, in order.
    pub rows: Vec<Row>,
}

/// A row of a command: what it measures by turns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// Scenario.
    pub scenario: String,
    /// Style and transport.
    pub dispatch: String,
    /// What tells it from rows with the same scenario and dispatch; empty if these do.
    pub name: String,
}

impl About {
    /// A command whose record has a run for each row.
    pub(crate) fn of_record(kind: &'static str, record: &Record) -> Self {
        let rows = record.runs.iter().map(|run| Row {
            scenario: run.scenario.clone(),
            dispatch: run.dispatch.clone(),
            name: String::new(),
        });
        Self { kind, id: record.id.clone(), rows: rows.collect() }
    }
}

/// The figures of a command and those who see them.
pub(crate) struct Live {
    viewers: Vec<Box<dyn Viewer>>,
    /// A viewer adds up totals.
    adds_up: bool,
    /// Ends when all viewers were told everything.
    told: Option<Receiver<()>>,
    server: Option<Server>,
    #[cfg(feature = "otlp")]
    sending: Option<otlp::Sending>,
    announced: Option<Announced>,
}

impl Live {
    /// Opens what the flags ask for. That the command cannot be watched is no reason not to run it, and is said in a remark.
    ///
    /// # Errors
    /// The address for Prometheus is taken, or others could reach it and nobody allowed that.
    pub(crate) fn open(args: &LiveArgs, about: &About) -> anyhow::Result<Self> {
        let mut viewers: Vec<Box<dyn Viewer>> = Vec::new();
        let mut server = None;
        if let Some(ServeAt(at)) = args.prometheus {
            if !at.ip().is_loopback() && !args.prometheus_public {
                return Err(usage(format!(
                    "--prometheus {at}: other machines could read the figures there; add --prometheus-public to allow that, or use :{}, \
                     which is this machine alone",
                    at.port()
                )));
            }
            let figures = Figures::new(about);
            let hosts = if args.prometheus_public { Hosts::Any } else { Hosts::Local };
            let serves = Server::start(at, hosts, figures.clone()).map_err(|error| {
                usage(format!("--prometheus {at}: failed to listen there: {error}; choose another port, such as :0 for any"))
            })?;
            if at.port() == 0 {
                output::remark(&format!("serving live figures at http://{}/metrics", serves.address()));
            }
            viewers.push(Box::new(figures));
            server = Some(serves);
        }
        #[cfg(feature = "otlp")]
        let sending = args.otlp.as_ref().and_then(|to| {
            let figures = Figures::new(about);
            viewers.push(Box::new(figures.clone()));
            // Without a thread nothing is sent, which is no reason not to measure.
            otlp::Sending::start(to, figures).ok()
        });
        let mut announced = None;
        if args.is_watched() {
            match Announced::start(about) {
                Ok(Some((own, viewer))) => {
                    viewers.push(Box::new(viewer));
                    announced = Some(own);
                }
                Ok(None) => {}
                Err(why) => output::remark(&format!(
                    "note: `drumpost watch` will not find this {}: {why}",
                    about.kind
                )),
            }
        }
        Ok(Self {
            viewers,
            adds_up: args.adds_up(),
            told: None,
            server,
            #[cfg(feature = "otlp")]
            sending,
            announced,
        })
    }

    /// Events as one more viewer takes them out of a queue.
    pub(crate) fn queue(&mut self) -> Receiver<Event> {
        let (queue, seen) = Queue::new();
        self.viewers.push(Box::new(queue));
        seen
    }

    /// Begins to hand events on. The viewers are told everything once this sender and its clones are dropped.
    pub(crate) fn begin(&mut self) -> Events {
        let (to, seen) = channel();
        let events = Events::new(to, self.adds_up);
        let mut viewers = std::mem::take(&mut self.viewers);
        if viewers.is_empty() {
            return events;
        }
        let (tell, told) = channel();
        let hand_on = move || {
            let _counted = HarnessThread::current();
            for event in seen {
                viewers.retain_mut(|viewer| viewer.tell(&event));
            }
            drop(viewers);
            let _ = tell.send(());
        };
        // Without a thread nothing is shown, which is no reason not to measure.
        self.told = thread::Builder::new().name("live".into()).spawn(hand_on).ok().map(|_| told);
        events
    }

    /// Waits until all viewers were told everything, not for long.
    pub(crate) fn wait(&mut self) {
        if let Some(told) = self.told.take() {
            let _ = told.recv_timeout(LAST);
        }
    }

    /// Closes the port, sends the last figures, and takes the announcement back.
    pub(crate) fn end(mut self) {
        self.wait();
        if let Some(announced) = self.announced.take() {
            announced.end();
        }
        if let Some(server) = self.server.take() {
            server.end();
        }
        #[cfg(feature = "otlp")]
        if let Some(sending) = self.sending.take() {
            sending.end();
        }
    }
}
