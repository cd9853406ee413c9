//! For how long instances try to open lost connections again.

use crate::spec::RunSpec;
use drumpost_core::{dispatcher::Dispatcher, guarantee::Guarantee};
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

#[cfg(test)]
mod tests {
    use crate::{
        args::{Cli, Command},
        run::{job::Job, settings},
    };
    use clap::Parser;
    use drumpost_core::{
        dispatcher::Dispatcher,
        monitor::Watch,
        outcome::Outcome,
        plan::TrialPlan,
        registry::{RunsOn, TransportEntry},
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

    /// The time of a run over `transport` with these flags, in seconds, and the settings that say so.
    fn planned(transport: &str, flags: &str) -> (Option<u64>, Option<Setting>, Option<Setting>) {
        let mut registry = crate::builtin();
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
        let line = format!("drumpost run stream --dispatch message/{transport} {flags}");
        let Some(Command::Run(args)) = Cli::parse_from(line.split_whitespace()).command else {
            panic!("{line}")
        };
        let job = Job::planned(&registry, &args.spec).expect("a job");
        let [target] = &job.targets[..] else { panic!("{line}") };
        let settings = settings::of(&job, target, &args.spec);
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
