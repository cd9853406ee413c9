//! What runs have at a server that is given, as the transport itself says. The suite has no tools of that server's own.

use crate::owner::Owner;
use drumpost_core::{options::Options, registry::TransportEntry};

/// Asks a transport for the objects of this process, as `drumpost clean` does. That also removes what killed runs left.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    entry: TransportEntry,
    options: Options,
    /// Objects that were there when the check began, such as those that a check before it left.
    before: Vec<String>,
}

impl Kept {
    pub(super) fn at(entry: &TransportEntry, options: &Options) -> Self {
        Self { entry: entry.clone(), options: options.clone(), before: Vec::new() }
    }

    /// The same for a check that begins now.
    pub(super) fn now(&self) -> Self {
        Self { before: self.all().unwrap_or_default(), ..self.clone() }
    }

    /// The objects that were made since then. `None`: the transport makes none, or does not know which are there.
    pub(super) fn objects(&self) -> Option<Vec<String>> {
        let mut all = self.all()?;
        all.retain(|name| !self.before.contains(name));
        Some(all)
    }

    fn all(&self) -> Option<Vec<String>> {
        let cleaned = self.entry.made(&self.options).ok()?.clean().ok()??;
        of_this_process(&cleaned.kept)
    }
}

/// The names of this process's objects among those that were kept. `None`: the system does not tell enough for objects to have an owner.
pub(super) fn of_this_process(kept: &[String]) -> Option<Vec<String>> {
    let reason = format!(": {} is running", Owner::this()?.shown());
    Some(kept.iter().filter_map(|kept| kept.strip_suffix(&reason)).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{super::PrivateServer, super::given::Given, *};
    use crate::owner::Found;
    use drumpost_core::{
        dispatcher::Dispatcher,
        monitor::Watch,
        options::{Grammar, OptionEntry},
        outcome::Outcome,
        plan::TrialPlan,
        transport::{Cleaned, OpenError},
    };
    use std::sync::Mutex;

    /// The names of what is at the server, each with its description.
    static THERE: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

    static OPTIONS: [OptionEntry; 1] =
        [OptionEntry::new("mq.url", Grammar::Url(&["mq"]), "mq://127.0.0.1:7", "address").address()];

    struct Lists;

    impl Dispatcher for Lists {
        fn run(&mut self, _: &TrialPlan, _: &mut dyn Watch) -> Result<Outcome, OpenError> {
            unreachable!("nothing is run")
        }

        fn clean(&mut self) -> Result<Option<Cleaned>, OpenError> {
            let Found { dead, kept } = Found::of(THERE.lock().unwrap().clone());
            Ok(Some(Cleaned { removed: dead, kept, ..Cleaned::default() }))
        }
    }

    #[test]
    fn what_a_run_leaves_at_a_server_that_is_given_is_seen() {
        let entry =
            TransportEntry { options: &OPTIONS, make: |_| Ok(Box::new(Lists)), ..TransportEntry::IN_MEMORY };
        let mine = |name: &str| (name.to_owned(), Owner::here());
        *THERE.lock().unwrap() = vec![mine("left-before"), ("other".into(), "somebody's".into())];
        let server = Given::of(&entry, &Options::default()).unwrap().now();
        assert_eq!(server.objects(), Some(vec![]));
        THERE.lock().unwrap().push(mine("suite-7"));
        assert_eq!(server.objects(), Some(vec!["suite-7".to_owned()]));
        let none = TransportEntry { make: |_| Err("it has no transport".into()), ..entry };
        assert_eq!(Given::of(&none, &Options::default()).unwrap().now().objects(), None);
    }
}
