//! Tests of what a run made at a server: removing it, telling what is left, cleaning up after the dead.

use super::*;
use crate::notes::tests::{Folder, dead};
use std::collections::BTreeMap;

/// A server that may be down, be slow, or hold an object fast.
#[derive(Default)]
struct Server {
    objects: Mutex<BTreeMap<String, String>>,
    is_down: bool,
    fast: Option<&'static str>,
    /// How long a removal takes.
    takes: Duration,
}

impl Keeper for Server {
    type Session = ();
    const OBJECTS: &'static str = "queues";

    async fn connect(&self) -> Result<(), OpenError> {
        if self.is_down { Err(OpenError::Failed("nobody there".into())) } else { Ok(()) }
    }

    async fn list(&self, (): &()) -> Result<Found, OpenError> {
        Ok(Found::of(self.objects.lock().unwrap().clone().into_iter().collect()))
    }

    async fn remove(&self, (): &(), name: &str) -> bool {
        if self.fast == Some(name) {
            return false;
        }
        if !self.takes.is_zero() {
            let _over = timeout(self.takes, std::future::pending::<()>()).await;
        }
        self.objects.lock().unwrap().remove(name);
        true
    }
}

impl Server {
    fn with(names: &[&str], description: &str) -> Self {
        let server = Self::default();
        let all = names.iter().map(|name| ((*name).to_owned(), description.to_owned()));
        server.objects.lock().unwrap().extend(all);
        server
    }

    fn names(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    // Its clock jumps ahead where everything waits.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

fn objects(address: &str, names: &[&str]) -> Objects {
    let objects = Objects::at(&Arc::new(At::new("broker", address)));
    names.iter().for_each(|name| objects.note(*name));
    objects
}

#[test]
fn what_was_made_is_removed_and_nothing_else() {
    let server = Server::with(&["a", "b", "another's"], "");
    let objects = objects("tcp://1", &["a", "b", "never made"]);
    assert_eq!(wait(objects.close(&server)), Ok(()));
    assert_eq!(server.names(), ["another's"]);
    assert_eq!(wait(objects.close(&server)), Ok(()), "nothing is left to do");
}

fn many(address: &str, count: usize) -> (Server, Objects) {
    let names: Vec<String> = (0..count).map(|number| format!("reply-{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = Server { takes: Duration::from_secs(3), ..Server::with(&names, "") };
    (server, objects(address, &names))
}

/// Regression: objects were removed one after the other, so a run with many of them left most.
#[test]
fn a_slow_server_removes_several_at_a_time() {
    let (server, objects) = many("tcp://11", 40);
    assert_eq!(wait(objects.close(&server)), Ok(()), "one after the other they take two minutes");
    assert_eq!(server.names(), [""; 0]);
}

/// Regression: when the time was over, all objects were named as left, those included that were gone.
#[test]
fn what_was_removed_before_the_time_was_over_is_not_told_as_left() {
    let (server, objects) = many("tcp://12", 200);
    let told = wait(objects.close(&server)).unwrap_err();
    let there = server.names();
    assert!((100..200).contains(&there.len()), "{}", there.len());
    let listed = format!("queues may remain at broker at tcp://12: {}; remove them", there.join(", "));
    assert!(told.starts_with(&listed), "{told}");
}

#[test]
fn an_instance_comes_back_if_it_was_opened_in_this_trial() {
    let (server, objects) = (Server::default(), objects("tcp://9", &[]));
    assert_eq!([0, 1, 0, 0].map(|instance| objects.comes_back(instance)), [false, false, true, true]);
    wait(objects.begin(&server, &()));
    assert!(!objects.comes_back(0), "the next trial");
}

#[test]
fn what_the_server_refused_is_told_at_the_end_and_once() {
    let mut server = Server::with(&["a"], "");
    server.is_down = true;
    let objects = objects("tcp://10", &["a"]);
    objects.refusals().note("full".into());
    let said = wait(objects.close(&server)).unwrap_err();
    let begins = "broker refused to store 1 message, the first with full; queues may remain";
    assert!(said.starts_with(begins), "{said}");
    assert_eq!(wait(objects.close(&Server::default())), Ok(()));
}

#[test]
fn a_task_that_sees_to_them_ends_with_the_trial() {
    let (server, objects) = (Server::default(), objects("tcp://5", &[]));
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    wait(async {
        objects.tend(async move {
            let _held = tell;
            std::future::pending().await
        });
        assert_eq!(objects.close(&server).await, Ok(()));
        assert!(told.await.is_err(), "it was dropped");
    });
}

#[test]
fn of_several_instances_that_find_everything_lost_one_makes_it_again() {
    let (objects, server) = (objects("tcp://6", &["a"]), Server::default());
    let look_and_make = || async {
        let are_there = async { Ok(server.names() == ["a"]) };
        let make = async {
            // Another instance looks meanwhile.
            tokio::task::yield_now().await;
            let made = server.objects.lock().unwrap().insert("a".into(), String::new());
            assert_eq!(made, None, "it is made once");
            Ok(())
        };
        objects.make_again(are_there, make).await
    };
    wait(async {
        let both = futures_util::future::join(look_and_make(), look_and_make()).await;
        assert_eq!(both, (Ok(()), Ok(())));
    });
    assert_eq!(server.names(), ["a"]);
    let down = async { Err(OpenError::Failed("nobody there".into())) };
    let said = wait(objects.make_again(down, async { Ok(()) }));
    assert_eq!(said, Err(OpenError::Failed("nobody there".into())));
}

#[test]
fn what_is_left_is_told_and_removed_by_the_next_trial_at_that_server() {
    let mut server = Server::with(&["a", "b"], "");
    server.is_down = true;
    let objects = objects("tcp://2", &["a", "b"]);
    let told = wait(objects.close(&server)).unwrap_err();
    let expected = "queues may remain at broker at tcp://2: a, b; remove them with `drumpost clean tcp://2` after this run";
    assert_eq!(told, expected);
    server.is_down = false;
    let elsewhere = self::objects("tcp://3", &[]);
    wait(elsewhere.begin(&server, &()));
    assert_eq!(server.names(), ["a", "b"], "another server's");
    wait(objects.begin(&server, &()));
    assert_eq!(server.names(), [""; 0]);
}

#[test]
fn only_objects_of_dead_processes_are_cleaned() {
    let Some(this) = Owner::this() else { return };
    let alive = this.description();
    let dead = alive.split(" started=").next().unwrap().to_owned() + " started=1";
    let mut server = Server::with(&["dead", "fast"], &dead);
    server.objects.lock().unwrap().extend([("alive".into(), alive), ("other".into(), "mine".into())]);
    server.fast = Some("fast");
    let cleaned = wait(objects("tcp://4", &[]).clean(&server)).unwrap();
    assert_eq!((cleaned.at.as_str(), &cleaned.removed[..]), ("tcp://4", &["dead".to_owned()][..]));
    assert!(cleaned.kept[0].starts_with("alive: process "), "{:?}", cleaned.kept);
    assert_eq!(cleaned.kept[1], "fast: the server did not remove it");
    assert_eq!(server.names(), ["alive", "fast", "other"]);
}

/// A server that does not list its objects, and one that removes them after a minute.
struct Mute<const FORGETS: bool>(Server);

impl<const FORGETS: bool> Keeper for Mute<FORGETS> {
    type Session = ();
    const OBJECTS: &'static str = "queues";
    const FORGETS_AFTER: Option<Duration> = if FORGETS { Some(Duration::from_secs(60)) } else { None };

    async fn connect(&self) -> Result<(), OpenError> {
        self.0.connect().await
    }

    async fn list(&self, (): &()) -> Result<Found, OpenError> {
        panic!("it does not list them")
    }

    async fn remove(&self, (): &(), name: &str) -> bool {
        self.0.remove(&(), name).await
    }
}

fn written(notes: Option<Notes>, address: &str) -> Objects {
    Objects::written::<Mute<false>>(&Arc::new(At::new("broker", address)), "shop", notes)
}

#[test]
fn what_is_written_down_is_cleaned_when_its_process_is_dead() {
    let (Some(this), folder) = (Owner::this(), Folder::new()) else { return };
    let mut server = Mute::<false>(Server::with(&["a", "b", "c", "d"], ""));
    server.0.fast = Some("b");
    let killed = written(Some(folder.by(dead(&this))), "tcp://6");
    killed.note("a");
    killed.note("b");
    let running = written(Some(folder.by(this)), "tcp://6");
    running.note("c");
    let cleaned = wait(running.clean(&server)).unwrap();
    assert_eq!(cleaned.removed, ["a"]);
    let [alive, fast] = &cleaned.kept[..] else { panic!("{:?}", cleaned.kept) };
    assert!(alive.starts_with("c: process ") && fast.starts_with("b: the server did not"), "{cleaned:?}");
    assert_eq!(wait(running.close(&server)), Ok(()));
    assert_eq!((server.0.names(), folder.files()), (vec!["b".to_owned(), "d".into()], 1));
    server.0.fast = None;
    assert_eq!(wait(running.clean(&server)).unwrap().removed, ["b"]);
    assert_eq!(folder.files(), 0);
}

#[test]
fn what_is_written_down_for_other_addresses_is_told_with_what_removes_it() {
    let (Some(this), folder) = (Owner::this(), Folder::new()) else { return };
    let server = Mute::<false>(Server::with(&["a", "b", "c"], ""));
    for (address, name) in [("tcp://localhost:6", "a"), ("tcp://localhost:6", "b"), ("tcp://9", "c")] {
        written(Some(folder.by(dead(&this))), address).note(name);
    }
    let asked = written(Some(folder.by(this.clone())), "tcp://127.0.0.1:6");
    let cleaned = wait(asked.clean(&server)).unwrap();
    assert_eq!((cleaned.removed.len(), cleaned.kept.len()), (0, 0), "{cleaned:?}");
    let [other, localhost, files] = &cleaned.elsewhere[..] else { panic!("{cleaned:?}") };
    let says = "queues of killed runs may remain at tcp://localhost:6/shop, 2 in all; this command did not look there: remove them with `drumpost clean tcp://localhost:6/shop`";
    assert_eq!(localhost, says);
    assert!(other.starts_with("queues of killed runs may remain at tcp://9/shop, 1 in all;"), "{other}");
    assert!(files.starts_with("if such a server is gone for good, delete the files in "), "{files}");
    let cleaned = wait(written(Some(folder.by(this.clone())), "tcp://localhost:6").clean(&server)).unwrap();
    assert_eq!((cleaned.removed.len(), cleaned.elsewhere.len()), (2, 2), "{cleaned:?}");
    let cleaned = wait(written(Some(folder.by(this)), "tcp://9").clean(&server)).unwrap();
    assert_eq!((cleaned.removed.len(), cleaned.elsewhere.len()), (1, 0), "{cleaned:?}");
}

/// A run that goes through a relay leaves what is found with the server's own address.
#[test]
fn what_is_made_through_a_relay_is_written_down_for_the_server() {
    use drumpost_core::options::{Grammar, OptionEntry, Options};
    static DECLARED: [OptionEntry; 1] =
        [OptionEntry::new("mq.url", Grammar::Url(&["mq"]), "mq://broker:7", "where")];
    let (Some(this), folder) = (Owner::this(), Folder::new()) else { return };
    let at = |options: &Options| {
        let values = options.of(&DECLARED).unwrap();
        Arc::new(At::of("broker", &crate::url::Url::of(&values, "mq.url", &[("mq", 7)]).unwrap()))
    };
    let mut server = Mute::<false>(Server { is_down: true, ..Server::with(&["a", "b"], "") });
    let mut through = Options::default();
    through.relay("mq.url", "mq://127.0.0.1:999");
    let through = at(&through);
    let objects = |owner| Objects::written::<Mute<false>>(&through, "", Some(folder.by(owner)));
    objects(dead(&this)).note("a");
    let ended = objects(this.clone());
    ended.note("b");
    let left = wait(ended.close(&server)).unwrap_err();
    assert!(left.contains("`drumpost clean mq://broker:7`"), "{left}");
    server.0.is_down = false;
    wait(ended.begin(&server, &()));
    let direct = Objects::written::<Mute<false>>(&at(&Options::default()), "", Some(folder.by(this)));
    let cleaned = wait(direct.clean(&server)).unwrap();
    assert_eq!(
        (cleaned.at.as_str(), &cleaned.removed[..]),
        ("mq://broker:7", &["a".to_owned()][..]),
        "{cleaned:?}"
    );
    assert_eq!((server.0.names(), folder.files()), (vec![], 0));
}

#[test]
fn what_could_not_be_removed_stays_written_down_until_the_next_trial() {
    let (Some(this), folder) = (Owner::this(), Folder::new()) else { return };
    let mut server = Mute::<true>(Server { is_down: true, ..Server::with(&["a", "b"], "") });
    let objects = written(Some(folder.by(this)), "tcp://7");
    objects.note("a");
    let left = wait(objects.close(&server)).unwrap_err();
    assert!(left.ends_with("a; remove them with `drumpost clean tcp://7/shop` after this run"), "{left}");
    assert_eq!(folder.files(), 1);
    server.0.is_down = false;
    wait(objects.begin(&server, &()));
    assert_eq!((server.0.names(), folder.files()), (vec!["b".to_owned()], 0));
}

#[test]
fn where_nothing_can_be_written_down_the_sentences_say_so() {
    let (forgets, keeps) = (
        Mute::<true>(Server { is_down: true, ..Server::default() }),
        Mute::<false>(Server { is_down: true, ..Server::default() }),
    );
    let objects = written(None, "tcp://8");
    let Err(OpenError::Refused(why)) = wait(objects.clean(&forgets)) else { panic!("nothing is known") };
    let begins = "broker at tcp://8 does not list its queues to clients, and there is no folder";
    assert!(why.starts_with(begins) && why.contains("XDG_STATE_HOME"), "{why}");
    objects.note("a");
    let left = wait(objects.close(&forgets)).unwrap_err();
    let expected = "queues may remain at broker at tcp://8: a; the server removes them by itself when nobody has used them for 60s";
    assert_eq!(left, expected);
    objects.note("b");
    let left = wait(objects.close(&keeps)).unwrap_err();
    assert!(left.ends_with("b; remove them with the server's own tools"), "{left}");
}
