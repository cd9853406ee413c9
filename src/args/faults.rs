//! The flags for what goes wrong in the middle of a run: the line to the server, and instances that stand still.

use clap::Args;

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FaultArgs {
    /// Slow line to the server, such as 2ms or 2ms/5ms,rate=1MB/s
    ///
    /// All connections to the server go through a relay of drumpost. It delays bytes by DELAY in both directions, or by BACK on
    /// the way back, and it may limit the rate of each direction, all connections together. 0s with a rate delays nothing. The run
    /// says what the relay itself adds to a round trip.
    #[arg(long, value_name = "DELAY[/BACK]", hide_short_help = true, help_heading = "Dispatch")]
    pub link: Option<String>,
    /// Cut the line to the server, such as 1s/500ms
    ///
    /// AT counts from the start of the load. For that long nothing passes between drumpost and the server in either direction, and
    /// connections stay open, as in a partition of the network. What was sent meanwhile arrives when the line is whole again.
    #[arg(long, value_name = "AT/FOR", hide_short_help = true, help_heading = "Dispatch")]
    pub cut: Option<String>,
    /// Reset all connections to the server, such as 1s or 1s/500ms
    ///
    /// AT counts from the start of the load. What is under way on the connections is lost. With FOR, new connections are refused for
    /// that long. Without --reconnect, a transport that does not connect again by itself ends the trial.
    #[arg(long, value_name = "AT[/FOR]", hide_short_help = true, help_heading = "Dispatch")]
    pub reset: Option<String>,
    /// Pause a consumer, such as worker@1s/500ms
    ///
    /// AT counts from the start of the load. For that long the instance takes, handles, acknowledges and sends nothing, while its
    /// connections stay open, as a process that is stopped or collects garbage. The first instance is paused, or the one named as in
    /// worker#2@1s/500ms, counted from 0.
    #[arg(long, value_name = "NAME@AT/FOR", hide_short_help = true, help_heading = "Dispatch")]
    pub pause: Option<String>,
    /// Run a command at a time, such as '2s systemctl restart broker'
    ///
    /// TIME counts from the start of the load of each trial, and a shell (sh) runs the command. The run says for how long no flow
    /// ended then and when flows ended as fast as before. A command that still runs when the trial is over is ended. The flag may be
    /// given several times.
    #[arg(long, value_name = "TIME COMMAND", hide_short_help = true, help_heading = "Dispatch")]
    pub at: Vec<String>,
}
