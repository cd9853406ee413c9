//! What goes wrong in the middle of a run: instances that die, rest or refuse messages, and the line to the server.

use super::{
    fault_values::{At, BacklogSpec, Cut, KillSpec, PauseSpec, PoisonSpec, Reset},
    said::{Said, list},
    values::{Lasts, PerSecond},
};
use crate::relay::Line;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What goes wrong on request.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct FaultSpec {
    /// Kill a consumer, such as worker@1s/500ms
    ///
    /// AT counts from the start of the load. At that time the consumer of the service dies, with messages that it has handled
    /// and not acknowledged. With --acks transaction the whole instance dies, up to 1 s later. It comes back after FOR. The first instance dies, or the one named as in worker#2@1s/500ms,
    /// counted from 0.
    /// connection:worker@1s/500ms kills all that the instance has open, so that what it sent and was not confirmed stays
    /// unconfirmed.
    #[arg(long, value_name = "NAME@AT/FOR", help_heading = "Dispatch")]
    pub kill: Option<Said<KillSpec>>,
    /// Slow line to the server, such as 2ms or 2ms/5ms,rate=1MB/s
    ///
    /// All connections to the server go through a relay of drumpost. It delays bytes by DELAY in both directions, or by BACK on
    /// the way back, and it may limit the rate of each direction, all connections together. 0s with a rate delays nothing. The run
    /// says what the relay itself adds to a round trip.
    #[arg(long, value_name = "DELAY[/BACK]", hide_short_help = true, help_heading = "Dispatch")]
    pub link: Option<Said<Line>>,
    /// Cut the line to the server, such as 1s/500ms
    ///
    /// AT counts from the start of the load. For that long nothing passes between drumpost and the server in either direction, and
    /// connections stay open, as in a partition of the network. What was sent meanwhile arrives when the line is whole again.
    #[arg(long, value_name = "AT/FOR", hide_short_help = true, help_heading = "Dispatch")]
    pub cut: Option<Said<Cut>>,
    /// Reset all connections to the server, such as 1s or 1s/500ms
    ///
    /// AT counts from the start of the load. What is under way on the connections is lost. With FOR, new connections are refused for
    /// that long. Without --reconnect, a transport that does not connect again by itself ends the trial.
    #[arg(long, value_name = "AT[/FOR]", hide_short_help = true, help_heading = "Dispatch")]
    pub reset: Option<Said<Reset>>,
    /// Where the relay of --link, --cut and --reset listens, such as 127.0.0.1:9095
    ///
    /// Without it the relay takes a free port. Some servers, such as Kafka, tell their clients an address of their own to go on with, and the
    /// clients would go past the relay then. Set what such a server tells (`advertised.listeners`) to the address of the relay, and
    /// give it here. Only one dispatch of a run can go through such a relay.
    #[arg(long, value_name = "ADDRESS", hide_short_help = true, help_heading = "Dispatch")]
    pub relay_at: Option<Said<SocketAddr>>,
    /// Pause a consumer, such as worker@1s/500ms
    ///
    /// AT counts from the start of the load. For that long the instance takes, handles, acknowledges and sends nothing, while its
    /// connections stay open, as a process that is stopped or collects garbage. The first instance is paused, or the one named as in
    /// worker#2@1s/500ms, counted from 0.
    #[arg(long, value_name = "NAME@AT/FOR", hide_short_help = true, help_heading = "Dispatch")]
    pub pause: Option<Said<PauseSpec>>,
    /// Run a command at a time, such as '2s systemctl restart broker'
    ///
    /// TIME counts from the start of the load of each trial, and a shell (sh) runs the command. The run says for how long no flow
    /// ended then and when flows ended as fast as before. A command that still runs when the trial is over is ended. The flag may be
    /// given several times.
    #[arg(long, value_name = "TIME COMMAND", hide_short_help = true, help_heading = "Dispatch")]
    #[serde(with = "list")]
    pub at: Vec<Said<At>>,
    /// Give messages back, such as worker:1/1000
    ///
    /// The service refuses the messages of one flow in N and gives them back, and the broker hands them out again. Each is
    /// refused once, or as often as worker:1/1000x3 says, and then handled. The audit counts what was given back. The transport
    /// must say how often it has handed out a message.
    #[arg(long, value_name = "NAME:1/N", help_heading = "Dispatch", hide_short_help = true)]
    pub poison: Option<Said<PoisonSpec>>,
    /// Have a backlog pile up for a service, such as worker:100k
    ///
    /// The instances of the service are absent from the start of the load until this many messages wait for them, or for this
    /// long (worker:5s), and then join. worker=2:100k has two instances absent. The transport must store messages. The table has
    /// the size of the backlog, how fast it was caught up with, when it was gone, and what the senders had of it. It is gone when
    /// no more messages wait than are sent in 10 ms, or in the time after a slash (worker:100k/50ms).
    #[arg(long, value_name = "NAME:AMOUNT", help_heading = "Dispatch", hide_short_help = true)]
    pub backlog: Option<Said<BacklogSpec>>,
    /// Limit the rate at which a service works off its backlog, such as 5k/s
    ///
    /// From when the absent instances of --backlog have joined until the backlog is gone, all instances of the service together
    /// receive at most this many messages a second. They do not ask the transport for more. The table says for which share of
    /// that time the limit held them back, so that it is not taken for the transport's. The backlog falls only if the limit is above
    /// what arrives.
    #[arg(long, value_name = "RATE", help_heading = "Dispatch", hide_short_help = true)]
    pub catch_up: Option<Said<PerSecond>>,
    /// Open lost connections again, for at most this long
    ///
    /// Without this flag a lost connection ends the trial, unless --guarantee says that no message may be lost. With it the instance opens a
    /// new connection, with pauses that double from 10 ms to 1 s. An instance that returns from --kill or --backlog and finds no server
    /// tries again in the same way. The record says how long the instance was away. `--reconnect` without a value means 30s.
    /// --guarantee at-least-once and exactly-once mean --reconnect=30s where this flag is not given and the transport can open a
    /// connection again. With --reconnect=0s a lost connection ends the trial in any case.
    #[arg(
        long,

        value_name = "TIME",
        num_args = 0..=1,
        default_missing_value = "30s",
        require_equals = true,
        help_heading = "Dispatch",
        hide_short_help = true
    )]
    pub reconnect: Option<Said<Lasts>>,
}

defaults_of_flags!(FaultSpec);
