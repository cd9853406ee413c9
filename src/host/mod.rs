//! The machine during a trial: its cores, its other processes, a CPU quota, and the server under test.
//!
//! `watch` combines the figures for a trial. `processes` and `sockets` read `/proc`, `groups` finds control groups, `quota` reads their quotas,
//! `server` follows the processes of a server. Each takes the folder to read from, so that tests can pass one of their
//! own.

pub(crate) mod groups;
mod observe;
mod processes;
mod quota;
mod server;
mod sockets;
mod watch;

pub(crate) use observe::Observe;
pub(crate) use server::ServerNow;
pub(crate) use watch::{HostWatch, Seen};
