//! The machine during a trial: its cores, its other processes, a CPU quota, and the server under test.
//!
//! `watch` combines the figures for a trial. `processes` and `sockets` read `/proc`, `quota` reads control groups,
//! `server` follows the processes of a server. Each takes the folder to read from, so that tests can pass one of their
//! own.

mod observe;
mod processes;
mod quota;
mod server;
mod sockets;
mod watch;

pub(crate) use observe::Observe;
pub(crate) use server::ServerNow;
pub(crate) use watch::{HostWatch, Seen};
