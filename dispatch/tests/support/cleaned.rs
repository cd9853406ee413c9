//! What a transport cleans of the objects that runs wrote down. For transports whose server does not list them.

use drumpost_core::dispatcher::Dispatcher;
use drumpost_kit::{notes::Notes, owner::Owner};

/// Has `make` make the objects `dead`, `alive` and `mine` at `place`, of which a process that has ended and this one wrote the first two
/// down, and cleans.
pub(crate) fn assert_cleans_what_is_written_down(
    place: &str,
    dispatcher: &mut dyn Dispatcher,
    mut make: impl FnMut(&str),
) {
    let this = Owner::this().expect("the system tells who this is");
    let ended = this.description().split(" started=").next().expect("it has one").to_owned() + " started=1";
    let ended = Owner::read(&ended).expect("it is whole");
    let [ours, theirs] = [this, ended].map(|owner| Notes::of_user(owner).expect("HOME is set"));
    theirs.add(place, "dead").expect("it can be written");
    ours.add(place, "alive").expect("it can be written");
    ["dead", "alive", "mine"].into_iter().for_each(&mut make);
    let cleaned = dispatcher.clean();
    // Whatever it says: the file goes.
    for notes in [ours, theirs] {
        notes.forget(place, &["dead".into(), "alive".into()]);
    }
    let cleaned = cleaned.expect("it can be asked").expect("it says something");
    assert_eq!(cleaned.removed, ["dead"]);
    assert!(cleaned.kept.len() == 1 && cleaned.kept[0].starts_with("alive: process "), "{cleaned:?}");
}
