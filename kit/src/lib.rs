//! What transports over a broker share, so that a broker is one folder: how a scenario is laid out at a broker, the link to
//! a server, the encoding of messages, limits on waiting, and the removal of what a run made.
//!
//! A transport is free to use none of it. The ports themselves are in [`drumpost_core::port`].
//!
//! | module | what it takes off a transport |
//! | --- | --- |
//! | [`layout`] | names of queues, topics and groups; what an instance hears; where a reply goes |
//! | [`link`] | a failure is told once, in a sentence, to every port of a lane, and wakes it |
//! | [`server`] | the server's address without secrets, and set-up steps with a limit and a sentence |
//! | [`encode`] | messages to bytes and back, without an allocation per message |
//! | [`last`] | a last exchange with the server when the run is over |
//! | [`owner`] | which process made a queue, so that those of dead processes can be removed |
//! | [`left`] | removal of what a run made, also over a fresh connection and by the next trial |
//! | [`url`] | parts of a URL |

pub mod encode;
pub mod last;
pub mod layout;
pub mod left;
pub mod link;
pub mod owner;
pub mod server;
pub mod url;
