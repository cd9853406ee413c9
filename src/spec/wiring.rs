//! How messages are carried: batches, queues, instances, waiting, acknowledgements; and which server carries them.

use super::{
    said::{Said, comma_list, list},
    values::{Connections, Count, InstancesSpec, Reply, Switch, words},
};
use crate::host::Observe;
use clap::Args;
use drumpost_core::{
    guarantee::Guarantee,
    plan::{Placement, Wait},
    promise::Acks,
};
use drumpost_dispatch::sim::spec::SimSpec;
use serde::{Deserialize, Serialize};

/// How messages are carried.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct WiringSpec {
    /// Most messages in a batch
    ///
    /// A larger batch raises the throughput and makes latency less exact. Read latency at 1.
    #[arg(long, default_value = "1", value_name = "N", help_heading = "Dispatch")]
    pub batch: Said<Count<65_536>>,
    /// Messages that a queue holds
    #[arg(long, default_value = "4096", value_name = "N", help_heading = "Dispatch")]
    pub capacity: Said<Count<{ 1 << 28 }>>,
    /// Threads: cores, each or N [default: cores]
    ///
    /// A lane is one instance of a service. `cores` starts one thread per core, and each thread polls its lanes in turn.
    /// `each` gives every lane a thread of its own; it is the default with `--wait native`. A number starts that many threads.
    /// With more than 64 instances a core the default is one thread less, which leaves a core to the harness.
    #[arg(long, value_name = "THREADS", help_heading = "Dispatch")]
    pub placement: Option<Said<Placement>>,
    /// Idle: spin, yield, park or native
    ///
    /// `park` sleeps until another lane wakes the thread. `yield` polls and lets other threads run in between. `spin`
    /// polls without pause and needs a core per lane. `native` sleeps inside the transport's own blocking receive.
    #[arg(long, default_value = "park", value_name = "HOW", help_heading = "Dispatch")]
    pub wait: Said<Wait>,
    /// Requests: await or async
    ///
    /// With `await`, a service that sends a request does nothing else until the reply arrives. With `async`, it handles
    /// other messages in the meantime.
    #[arg(long, value_parser = words::<Reply>(), default_value = "async", hide_possible_values = true, value_name = "HOW", help_heading = "Dispatch")]
    pub reply: Said<Reply>,
    /// at-most-once, at-least-once or exactly-once
    ///
    /// A transport that promises less is refused, and left out where a style stands for all its transports. The audit judges a
    /// run by what its transport promises, which may be more than what was asked for. `drumpost list` has the promises.
    /// at-least-once and exactly-once have lost connections opened again, as --reconnect does, unless --reconnect=0s is given.
    #[arg(long, value_name = "DELIVERY", hide_short_help = true, help_heading = "Dispatch")]
    pub guarantee: Option<Said<Guarantee>>,
    /// When to acknowledge: before, after, confirmed or transaction
    ///
    /// `before` acknowledges a message when it is handed over: what a receiver holds when it dies is lost. `after` acknowledges
    /// it when its handler has returned. `confirmed` waits until what the handler sent is confirmed. `transaction` commits the
    /// acknowledgement and what the handler sent together, so that both take effect or neither does. A transport that cannot
    /// do it is refused. `drumpost list --json` says what each can do. The default is `after`. It is `before` where
    /// `--guarantee at-most-once` is given and the transport could deliver a message again, and `transaction` where
    /// `--guarantee exactly-once` is given and the transport has transactions.
    #[arg(long, value_name = "WHEN", hide_short_help = true, help_heading = "Dispatch")]
    pub acks: Option<Said<Acks>>,
    /// Instances of services, such as worker=4
    ///
    /// The instances of a service compete for its messages. Separate several services with commas.
    #[arg(long, value_delimiter = ',', value_name = "NAME=N", help_heading = "Dispatch")]
    #[serde(with = "comma_list")]
    pub instances: Vec<Said<InstancesSpec>>,
    /// Add optional services: revenue-reporting
    ///
    /// `drumpost list` shows the optional services of each scenario. Separate several with commas.
    #[arg(long, value_delimiter = ',', value_name = "SERVICE", help_heading = "Dispatch")]
    #[serde(with = "comma_list")]
    pub with: Vec<String>,
    /// Leave services out
    ///
    /// A service that every flow needs cannot be left out. Separate several with commas.
    #[arg(long, value_delimiter = ',', value_name = "SERVICE", help_heading = "Dispatch")]
    #[serde(with = "comma_list")]
    pub without: Vec<String>,
    /// Connections: one for each instance, or N for all
    ///
    /// Instance i uses connection i modulo N, so N connections carry any number of instances. Transports without connections,
    /// and those whose instances cannot share one, are refused.
    #[arg(
        long,
        value_name = "each|N",
        default_value = "each",
        help_heading = "Dispatch",
        hide_short_help = true
    )]
    pub connections: Said<Connections>,
    /// Unconfirmed messages per send port
    ///
    /// A send port of a transport that confirms messages sends no more while this many of its messages are not confirmed.
    /// A batch is always sent.
    #[arg(long, value_name = "N", default_value = "1024", help_heading = "Dispatch", hide_short_help = true)]
    pub unconfirmed: Said<Count<1_000_000>>,
}

defaults_of_flags!(WiringSpec);

/// The options of transports and scenarios, and the servers.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct OptionSpec {
    /// A simulated target, such as service=exp:1ms
    ///
    /// The target has a known answer and replaces the transports. The parts are separated with commas:
    /// service=fixed:1ms|exp:1ms|... is the time a message takes, servers=N serve at once, stall=1s/60s stops the target
    /// for 1 s in every 60 s, loss=3/1000, duplicate=1/500 and reorder=1/250 are faults by rule, clock=virtual|real is
    /// the clock (virtual by default).
    #[arg(long, value_name = "SPEC", help_heading = "Dispatch")]
    pub sim: Option<Said<SimSpec>>,
    /// Address of the server of a transport that has one
    ///
    /// It sets the address option of each named transport that has one, such as NAME.url. `drumpost list --options` has these
    /// options and the environment variables that set them.
    #[arg(long, value_name = "URL", help_heading = "Dispatch")]
    pub server: Option<String>,
    /// Option of a transport or scenario
    ///
    /// An example is fan-out.subscribers=8. The flag may be given several times. `drumpost list --options` has all options
    /// with their values and defaults.
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "Dispatch")]
    #[serde(with = "list")]
    pub set: Vec<String>,
    /// Process of the server, if it cannot be found by its address
    ///
    /// drumpost finds a server on this machine by the address that it listens on. For a server in a container, give the
    /// number of its process or the name of its program. All processes of that name, and those that they started, are
    /// added up.
    #[arg(long, value_name = "PID|NAME", help_heading = "Dispatch", hide_short_help = true)]
    pub observe: Option<Said<Observe>>,
    /// Allow requests to a server that may charge for them
    ///
    /// That is any server of a service that is paid for by the request, unless it is on this machine. Without this flag the run is refused. With `--count`
    /// or `--rate` the refusal estimates the requests.
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        default_value = "false",
        default_missing_value = "true",
        require_equals = true,
        hide_default_value = true,
        help_heading = "Dispatch",
        hide_short_help = true
    )]
    pub yes_cost: Said<Switch>,
}

defaults_of_flags!(OptionSpec);
