//! What transports over a broker share, so that a broker is one folder: the ports of which a broker writes only what is its own,
//! how a scenario is laid out at a broker, options, limits on waiting, and the removal of what a run made. `docs/brokers.md`
//! shows how a transport is written with it.
//!
//! A transport is free to use none of it. The ports themselves are in [`drumpost_core::port`].
//!
//! | module | what it takes off a transport |
//! | --- | --- |
//! | [`inbox`] | a receiving port: merges sources, keeps what is to be acknowledged, waits for room |
//! | [`pull`] | deliveries of a client that is asked for a batch by a future |
//! | [`outbox`] | a sending port: encodes, finds the place of each message, never waits |
//! | [`confirm`], [`refusals`] | confirms that come in order, by a future each, or by callback, told in order; what the server refused |
//! | [`mod@write`] | publishing by writes of several messages, with an answer for each |
//! | [`calls`] | such a write of several calls, each with some messages for one place |
//! | [`drops`] | how many messages a client dropped for a slow receiver |
//! | [`layout`] | names of queues, topics and groups; what an instance hears; where a reply goes |
//! | [`replay`] | where an instance that comes back begins to read, as an option says |
//! | [`link`] | a failure is told once, in a sentence, to every port of a lane, and wakes it |
//! | [`login`], [`url`] | options for the address, credentials, TLS and what is the broker's own, without secrets in any sentence |
//! | [`server`] | the server's address without secrets, set-up steps with a limit and a sentence, and advice |
//! | [`encode`] | messages to bytes and back, without an allocation per message |
//! | [`last`] | a last round trip to the server when the run is over |
//! | [`embedded`] | a server in this process, on a thread of its own |
//! | [`objects`], [`owner`], [`left`], [`notes`] | removal of what a run made, also over a fresh connection, by the next trial, and of dead processes, also at servers that do not list it |
//! | [`shared`] | connections that several instances share |
//! | [`blocking`] | clients whose calls wait for the server: polled, asked and dropped on threads of their own |
//! | [`gathered`] | a connection whose writes go out together, for clients that flush each acknowledgement |
//! | [`look`] | polls that have to see everything that is there |
//! | [`spoken`] | for transports on threads that speak a protocol themselves: the connection of an instance and both ports, of which a broker says only how it reads and writes |
//! | [`socket`], [`keeper`] | what that is made of: a socket that never blocks, and a thread that looks after it |
//! | `tls`, with the feature of that name | certificates of a login for such a socket, and its encryption |
//! | `certificate`, with the feature `tls` | when the certificates are valid that a server presents |
//! | [`prelude`] | the names that most transports use, of this crate and of `drumpost_core`; not those of `blocking`, `drops`, `embedded`, `gathered`, `look` and `left` |
//! | `suite`, with the feature of that name | the tests of a broker's transport in one line |

pub mod blocking;
pub mod calls;
#[cfg(feature = "tls")]
pub mod certificate;
pub mod confirm;
pub mod drops;
pub mod embedded;
pub mod encode;
pub mod gathered;
pub mod inbox;
pub mod keeper;
pub mod last;
pub mod layout;
pub mod left;
pub mod link;
pub mod login;
pub mod look;
pub mod notes;
pub mod objects;
pub mod outbox;
pub mod owner;
pub mod prelude;
pub mod pull;
pub mod refusals;
pub mod replay;
pub mod server;
pub mod shared;
pub mod socket;
pub mod spoken;
#[cfg(feature = "suite")]
pub mod suite;
#[cfg(feature = "tls")]
pub mod tls;
pub mod url;

/// The code on the page for writers of transports compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/brokers.md")]
struct BrokersPage;
pub mod write;
