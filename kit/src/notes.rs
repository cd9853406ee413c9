//! Names of what a run makes at a server that does not list it to clients, in files of the user's. A name is written before its object is
//! made, and forgotten when the object is removed. So `drumpost clean` finds what a killed process left, from the
//! machine and the user that ran it.
//!
//! Each [`crate::objects::Objects`] has a file of its own in `$XDG_STATE_HOME/drumpost/made` (`~/.local/state/drumpost/made`): a line that says
//! which process it is, and a line for each object. A line is one write at the end of the file, so a process that is killed leaves whole lines.

use crate::owner::{Owner, State};
use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// A place and a name.
type Line = (String, String);

/// Where names are written down.
#[derive(Debug)]
pub struct Notes {
    owner: Owner,
    folder: PathBuf,
    /// In that folder.
    file: PathBuf,
}

impl Notes {
    /// What `owner` writes in the user's folder for the state of programs. `None` if there is no such folder.
    #[must_use]
    pub fn of_user(owner: Owner) -> Option<Self> {
        let set = |variable| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
        Some(Self::written_by(owner, &state.join("drumpost/made")))
    }

    /// In this folder.
    fn written_by(owner: Owner, folder: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", owner.number(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self { owner, file: folder.join(name), folder: folder.to_owned() }
    }

    /// Writes down an object that is about to be made at `place`.
    ///
    /// # Errors
    /// Those of the system, such as a folder that cannot be written to.
    pub fn add(&self, place: &str, name: &str) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut file = fs::OpenOptions::new().append(true).create(true).open(&self.file)?;
        let mut text = String::new();
        if file.metadata()?.len() == 0 {
            text = self.owner.description() + "\n";
        }
        text += &format!("{place}\t{name}\n");
        file.write_all(text.as_bytes())
    }

    /// All objects that are written down at `place`, each with the description of the process that made it.
    #[must_use]
    pub fn at(&self, place: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (_, owner, lines) in self.files() {
            let names = lines.iter().filter(|(at, _)| at == place);
            all.extend(names.map(|(_, name)| (name.clone(), owner.clone())));
        }
        all
    }

    /// How many objects processes that have ended wrote down for other places of this kind, by what follows `kind` in the place.
    #[must_use]
    pub fn elsewhere(&self, kind: &str, address: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (_, description, lines) in self.files() {
            if Owner::read(&description).is_none_or(|owner| owner.state() != State::Dead) {
                continue;
            }
            for (place, _) in lines {
                if let Some(other) = place.strip_prefix(kind).filter(|other| *other != address) {
                    *counts.entry(other.to_owned()).or_default() += 1;
                }
            }
        }
        counts
    }

    /// The folder with all files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Forgets objects at `place` that are gone. What processes wrote that are alive is left as it is, except for this one's.
    pub fn forget(&self, place: &str, gone: &[String]) {
        for (file, description, mut lines) in self.files() {
            let owner = Owner::read(&description);
            let is_ours = owner.is_some_and(|owner| owner == self.owner || owner.state() == State::Dead);
            let before = lines.len();
            lines.retain(|(at, name)| at != place || !gone.contains(name));
            if !is_ours || lines.len() == before {
                continue;
            }
            // What cannot be forgotten is found gone by the next `clean`.
            let _forgotten = if lines.is_empty() {
                fs::remove_file(&file)
            } else {
                let lines = lines.iter().map(|(at, name)| format!("{at}\t{name}\n")).collect::<String>();
                // Renamed: a file is never half there.
                let aside = file.with_extension(process::id().to_string());
                fs::write(&aside, description + "\n" + &lines).and_then(|()| fs::rename(&aside, &file))
            };
        }
    }

    /// Every file, with the description of its process, and its lines.
    fn files(&self) -> Vec<(PathBuf, String, Vec<Line>)> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let read = |file: PathBuf| {
            let text = fs::read_to_string(&file).ok()?;
            // A line without an end was cut off when the machine went down, before its object was made.
            let mut whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            let owner = whole.next()?.to_owned();
            let names = whole.filter_map(|line| line.split_once('\t'));
            let names = names.map(|(at, name)| (at.to_owned(), name.to_owned())).collect();
            Some((file, owner, names))
        };
        files.filter_map(read).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A folder that goes with the value.
    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let name = format!("drumpost-notes-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            Self(env::temp_dir().join(name))
        }

        pub(crate) fn by(&self, owner: Owner) -> Notes {
            Notes::written_by(owner, &self.0)
        }

        pub(crate) fn files(&self) -> usize {
            fs::read_dir(&self.0).map_or(0, Iterator::count)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// A process that has ended.
    pub(crate) fn dead(this: &Owner) -> Owner {
        Owner::read(&(this.description().split(" started=").next().unwrap().to_owned() + " started=1"))
            .unwrap()
    }

    #[test]
    fn names_are_written_with_their_process_and_forgotten_by_place() {
        let (Some(this), folder) = (Owner::this(), Folder::new()) else { return };
        let (ours, theirs) = (folder.by(this.clone()), folder.by(dead(&this)));
        assert!(ours.at("here").is_empty(), "there is no folder yet");
        for (notes, place, name) in
            [(&ours, "here", "a"), (&ours, "here", "b"), (&ours, "there", "a"), (&theirs, "here", "c")]
        {
            notes.add(place, name).unwrap();
        }
        let mut here = ours.at("here");
        here.sort();
        let [this, dead] = [this.clone(), dead(&this)].map(|owner| owner.description());
        let expected =
            [("a", &this), ("b", &this), ("c", &dead)].map(|(name, owner)| (name.to_owned(), owner.clone()));
        assert_eq!(here, expected);
        ours.forget("here", &["a".into(), "c".into()]);
        assert_eq!(ours.at("here"), [("b".to_owned(), this.clone())]);
        assert_eq!((ours.at("there"), folder.files()), (vec![("a".to_owned(), this)], 1));
        ours.forget("here", &["b".into()]);
        ours.forget("there", &["a".into()]);
        assert_eq!(folder.files(), 0);
    }

    #[test]
    fn what_ended_processes_wrote_down_for_other_addresses_is_counted_by_address() {
        let (Some(this), folder) = (Owner::this(), Folder::new()) else { return };
        let (ours, theirs, others) =
            (folder.by(this.clone()), folder.by(dead(&this)), folder.by(dead(&this)));
        for (notes, place, name) in [
            (&ours, "queues at mq://c/", "alive"),
            (&theirs, "queues at mq://a/", "asked"),
            (&theirs, "queues at mq://b/", "one"),
            (&theirs, "streams at mq://d/", "of another kind"),
            (&others, "queues at mq://b/", "two"),
            (&others, "queues at mq://a/shop", "another part"),
        ] {
            notes.add(place, name).unwrap();
        }
        let expected = [("mq://a/shop", 1), ("mq://b/", 2)].map(|(at, count)| (at.to_owned(), count));
        assert_eq!(ours.elsewhere("queues at ", "mq://a/"), expected.into());
    }

    #[test]
    fn what_others_write_that_are_alive_is_left_and_a_line_that_was_cut_off_is_nothing() {
        let (Some(this), folder) = (Owner::this(), Folder::new()) else { return };
        let ours = folder.by(this.clone());
        let elsewhere = Owner::read(&this.description().replace(" host=", " host=not-")).unwrap();
        let theirs = folder.by(elsewhere);
        theirs.add("here", "a").unwrap();
        fs::OpenOptions::new().append(true).open(&theirs.file).unwrap().write_all(b"here\tcut").unwrap();
        ours.forget("here", &["a".into()]);
        assert_eq!(ours.at("here").len(), 1);
        fs::write(folder.0.join("strange"), "not ours").unwrap();
        assert_eq!(ours.at("here").len(), 1);
    }
}
