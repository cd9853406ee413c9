//! For how long instances try to open lost connections again, and which transports can do that.

use super::job::Target;
use crate::spec::RunSpec;
use drumpost_core::{
    dispatcher::Dispatcher,
    guarantee::Guarantee,
    options::Options,
    registry::{Registry, TransportEntry},
    transport::OpenError,
};
use std::time::Duration;

/// Where nobody gave a time; `--reconnect` alone means the same.
const USUAL: Duration = Duration::from_secs(30);

/// The time that `--reconnect` gives; `None`: a lost connection ends the trial. Without that flag, a guarantee asks for it: who asks that no
/// message is lost wants to see that over a broken connection, too, and a trial that ends there shows nothing. Instances that share
/// connections cannot open them again.
pub(super) fn of(spec: &RunSpec, transport: &dyn Dispatcher) -> Option<Duration> {
    if let Some(said) = &spec.faults.reconnect {
        return Some(said.0).filter(|limit| !limit.is_zero());
    }
    let guarantee = spec.wiring.guarantee.as_ref().map(|asked| **asked);
    let loses_nothing = matches!(guarantee, Some(Guarantee::AtLeastOnce | Guarantee::ExactlyOnce));
    let has_own = spec.wiring.connections.0.is_none();
    (loses_nothing && has_own && transport.reopens()).then_some(USUAL)
}

/// Where `--kill` or `--reconnect` is asked of a transport whose instances cannot leave and return: the transports that can.
pub(super) fn instead(
    registry: &Registry,
    spec: &RunSpec,
    options: &Options,
    entry: &TransportEntry,
) -> Option<String> {
    let reopens = |entry: &TransportEntry| entry.made(options).is_ok_and(|made| made.reopens());
    let is_asked = spec.faults.kill.is_some() || spec.faults.reconnect.is_some();
    if !is_asked || reopens(entry) {
        return None;
    }
    let can = registry.transports.iter().filter(|entry| reopens(entry));
    let names: Vec<&str> = can.map(|entry| entry.name).collect();
    Some(match &names[..] {
        [] => "no transport in this build can reconnect; broker transports can, such as with `--features brokers`"
            .into(),
        [only] => format!("in this build only {only} can do that"),
        several => format!("in this build these can do that: {}", several.join(", ")),
    })
}

/// The refusal of a dispatch, with what can be run in its place.
pub(super) fn told(error: OpenError, target: &Target) -> OpenError {
    match (error, &target.instead) {
        (OpenError::Refused(why), Some(instead)) => OpenError::Refused(format!("{why}; {instead}")),
        (error, _) => error,
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        args::{Cli, Command},
        run::{job::Job, settings},
        spec::RunSpec,
    };
    use clap::Parser;
    use drumpost_core::{
        dispatcher::Dispatcher,
        monitor::Watch,
        outcome::Outcome,
        plan::TrialPlan,
        registry::{Registry, RunsOn, TransportEntry},
        transport::OpenError,
    };
    use drumpost_results::model::Setting;

    /// Is not run here.
    struct Never {
        reopens: bool,
    }

    impl Dispatcher for Never {
        fn run(&mut self, _: &TrialPlan, _: &mut dyn Watch) -> Result<Outcome, OpenError> {
            unreachable!("a plan runs nothing")
        }

        fn shares_connections(&self) -> bool {
            true
        }

        fn reopens(&self) -> bool {
            self.reopens
        }
    }

    /// A transport whose instances can leave and return, and one whose instances cannot.
    fn registry() -> Registry {
        let mut registry = Registry { transports: Vec::new(), ..crate::builtin() };
        let entry = TransportEntry { runs_on: RunsOn::Tasks, ..TransportEntry::IN_MEMORY };
        registry.transports.push(TransportEntry {
            name: "opens",
            make: |_| Ok(Box::new(Never { reopens: true })),
            ..entry.clone()
        });
        registry.transports.push(TransportEntry {
            name: "stays",
            make: |_| Ok(Box::new(Never { reopens: false })),
            ..entry
        });
        registry
    }

    fn job(transport: &str, flags: &str) -> (Job, RunSpec) {
        let line = format!("drumpost run stream --dispatch message/{transport} {flags}");
        let Some(Command::Run(args)) = Cli::parse_from(line.split_whitespace()).command else {
            panic!("{line}")
        };
        (Job::planned(&registry(), &args.spec).expect("a job"), (*args.spec).clone())
    }

    /// The time of a run over `transport` with these flags, in seconds, and the settings that say so.
    fn planned(transport: &str, flags: &str) -> (Option<u64>, Option<Setting>, Option<Setting>) {
        let (job, spec) = job(transport, flags);
        let [target] = &job.targets[..] else { panic!("{transport} {flags}") };
        let settings = settings::of(&job, target, &spec);
        let setting = |key: &str| settings.get(key).cloned();
        let reconnect = target.plan.conditions.reconnect;
        (reconnect.map(|limit| limit.as_secs()), setting("reconnect_ns"), setting("reconnect_for"))
    }

    #[test]
    fn a_guarantee_that_no_message_is_lost_asks_for_it() {
        let usual = Setting::Integer(30_000_000_000);
        let implied = (Some(30), Some(usual.clone()), Some(Setting::Text("the guarantee".into())));
        for guarantee in ["at-least-once", "exactly-once"] {
            assert_eq!(planned("opens", &format!("--guarantee {guarantee}")), implied);
        }
        for none in ["", "--guarantee at-most-once", "--guarantee exactly-once --connections 2"] {
            assert_eq!(planned("opens", none), (None, None, None), "{none}");
        }
        assert_eq!(planned("stays", "--guarantee exactly-once"), (None, None, None));
    }

    #[test]
    fn a_transport_that_cannot_is_told_with_those_that_can() {
        let instead = |transport: &str, flags: &str| job(transport, flags).0.targets.remove(0).instead;
        let kill = "--kill worker@100ms/50ms";
        assert_eq!(instead("stays", kill).as_deref(), Some("in this build only opens can do that"));
        assert_eq!(instead("stays", "--reconnect").as_deref(), Some("in this build only opens can do that"));
        assert_eq!((instead("opens", kill), instead("stays", "")), (None, None));
    }

    #[test]
    fn what_is_said_of_it_counts() {
        let usual = Setting::Integer(30_000_000_000);
        assert_eq!(planned("opens", "--reconnect"), (Some(30), Some(usual), None), "the same time");
        for (flags, limit_s) in [
            ("--reconnect=5s", 5),
            ("--reconnect=5s --guarantee exactly-once", 5),
            ("--reconnect=5s --guarantee at-most-once", 5),
        ] {
            let said = Setting::Integer(limit_s * 1_000_000_000);
            assert_eq!(planned("opens", flags), (Some(limit_s), Some(said), None), "{flags}");
        }
        let off = (None, Some(Setting::Integer(0)), None);
        assert_eq!(planned("opens", "--reconnect=0s --guarantee exactly-once"), off);
    }
}
