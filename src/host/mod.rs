//! What this machine does while a trial is measured: its cores, its other processes, a quota, and the server under test.
//!
//! `watch` puts it together for a trial. `processes` and `sockets` read `/proc`, `quota` reads control groups, `server`
//! follows the processes of a server. Each takes the folder to read from, so that tests give it one of their own.

mod observe;
mod processes;
mod quota;
mod server;
mod sockets;
mod watch;

pub(crate) use observe::Observe;
pub(crate) use server::ServerNow;
pub(crate) use watch::{HostWatch, Seen};
