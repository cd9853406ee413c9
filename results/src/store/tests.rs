//! Tests of reading and replacing files: partly written ones, links, pipes, devices.

use super::*;
use crate::sample;

fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// The error and everything behind it, as the command line prints it.
fn text(error: &StoreError) -> String {
    assert!(std::error::Error::source(error).is_none());
    error.to_string()
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut record = sample::record();
    record.judge(&crate::verdict::Thresholds::default());
    let path = folder.path().join("deep").join(file_name(&record));
    write(&path, &record).unwrap();
    assert_eq!(read(&path).unwrap(), record);
    assert_eq!(files(path.parent().unwrap()), ["order-authorization-42.json"]);
}

#[test]
fn a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    write_text(&path, "old", Reader::Soon).unwrap();
    let full = |file: &mut File| {
        file.write_all(b"half of it")?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    };
    let reason = replace(&path, full).unwrap_err();
    let error = StoreError::Write { path: path.clone(), reason };
    assert!(text(&error).contains("a.json: no storage space; free some space"), "{}", text(&error));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(files(folder.path()), ["a.json"]);
}

/// Space is no help where space is not the cause.
#[test]
fn the_advice_follows_from_the_cause() {
    use rustix::io::Errno;
    for (errno, word) in [
        (Errno::NOSPC, "free some space, or choose"),
        (Errno::DQUOT, "quota"),
        (Errno::FBIG, "ulimit -f"),
        (Errno::ROFS, "; choose another place"),
        (Errno::ACCESS, "who may write"),
        (Errno::PERM, "who may write"),
        (Errno::MFILE, "ulimit -n"),
        (Errno::IO, "; choose another place"),
        (Errno::NAMETOOLONG, "; choose another place"),
    ] {
        let error = StoreError::Write { path: "a.json".into(), reason: errno.into() };
        let said = text(&error);
        assert!(said.contains(word), "{said}");
        assert_eq!(said.contains("space,"), errno == Errno::NOSPC, "{said}");
    }
}

#[test]
fn a_reason_says_what_helps_against_too_many_open_files_alone() {
    use rustix::io::Errno;
    let said = reason(&Errno::MFILE.into());
    assert!(said.contains("(os error 24); raise the limit on open files (ulimit -n)"), "{said}");
    assert!(!reason(&Errno::ACCESS.into()).contains(';'));
}

#[test]
fn a_place_that_cannot_be_written_is_found_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    probe(&file).unwrap();
    assert!(files(folder.path()).is_empty());
    fs::write(&file, "").unwrap();
    let below = file.join("record.json");
    let error = probe(&below).unwrap_err();
    assert!(text(&error).contains("file/record.json"), "{}", text(&error));
    assert!(text(&error).contains("file is a file, not a folder; "), "{}", text(&error));
    assert!(text(&probe(&file.join("deep/er.json")).unwrap_err()).contains("file is a file, not a folder"));
    for name in ["", "new/", "new/.."] {
        let path = folder.path().join(name);
        assert!(text(&probe(&path).unwrap_err()).contains("it is a folder"), "{name}");
    }
    assert!(text(&probe(Path::new("")).unwrap_err()).contains("it is a folder"));
    assert!(!folder.path().join("new").exists());
    // A folder is made, and a tree is not.
    probe(&folder.path().join("one/record.json")).unwrap();
    let said = text(&probe(&folder.path().join("slip/er/record.json")).unwrap_err());
    assert!(said.contains("there is no folder ") && said.contains("slip; make it, or choose"), "{said}");
    assert!(!folder.path().join("slip").exists());
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_link_is_followed_and_stays_and_the_mode_of_its_target_is_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("deep/target"), folder.path().join("link"));
    fs::create_dir(folder.path().join("deep")).unwrap();
    symlink("deep/target", &link).unwrap();
    for bits in [0o600, 0o640, 0o666] {
        write_text(&link, "new", Reader::Soon).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(bits)).unwrap();
        write_text(&link, "newer", Reader::Soon).unwrap();
        assert!(link.is_symlink() && !target.is_symlink());
        assert_eq!((fs::read_to_string(&target).unwrap(), mode(&target)), ("newer".into(), bits));
    }
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    symlink(&a, &b).unwrap();
    symlink(&b, &a).unwrap();
    assert!(text(&write_text(&a, "x", Reader::Soon).unwrap_err()).contains("lead in a circle"));
}

#[test]
fn a_pipe_is_written_into_and_one_that_nobody_reads_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    probe(&pipe).unwrap();
    assert!(is_stream(&pipe) && !is_stdout(&pipe));
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    write_text(&pipe, &"long ".repeat(100_000), Reader::Soon).unwrap();
    assert_eq!(reader.join().unwrap().len(), 500_000);
    assert!(is_stream(&pipe), "the pipe was replaced");
    let error = write_text(&pipe, "x", Reader::Soon).unwrap_err();
    assert!(text(&error).contains("nothing reads this pipe"), "{}", text(&error));
    assert_eq!(files(folder.path()), ["pipe"]);
}

#[test]
fn a_file_has_many_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("in")).unwrap();
    fs::write(at("a"), "a").unwrap();
    fs::write(at("b"), "a").unwrap();
    fs::hard_link(at("a"), at("hard")).unwrap();
    std::os::unix::fs::symlink(at("a"), at("soft")).unwrap();
    std::os::unix::fs::symlink("new", at("to-new")).unwrap();
    for (one, other) in [("a", "a"), ("a", "in/../a"), ("a", "hard"), ("soft", "hard"), ("new", "to-new")] {
        assert!(is_same(&at(one), &at(other)) && is_same(&at(other), &at(one)), "{one} {other}");
    }
    assert!(is_same(&at("new"), &at("in/../new")) && is_same(&at("missing/new"), &at("missing/new")));
    for (one, other) in [("a", "b"), ("a", "new"), ("to-new", "in/new")] {
        assert!(!is_same(&at(one), &at(other)), "{one} {other}");
    }
    assert!(is_same(Path::new("-"), Path::new("/dev/stdout")) && !is_same(Path::new("-"), &at("a")));
    assert!(!is_same(Path::new("/dev/null"), Path::new("/dev/null")), "it holds nothing");
}

/// Windows begins texts with a mark, and a program is no text.
#[test]
fn a_text_may_have_a_mark_and_is_utf_8() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.json");
    fs::write(&path, format!("\u{feff}{}", format::to_json(&sample::record()).unwrap())).unwrap();
    read(&path).unwrap();
    fs::write(&path, b"\x7fELF\xff\xfe").unwrap();
    assert!(text(&read(&path).unwrap_err()).contains("it is no text file"));
}

/// Nobody writes into the pipe: a reader of it would wait for ever.
#[test]
fn only_regular_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    std::os::unix::fs::symlink(at("pipe"), at("link")).unwrap();
    let refused = |path: &Path| text(&read(path).unwrap_err());
    for (path, kind) in [
        (at("pipe"), "it is a named pipe"),
        (at("link"), "it is a named pipe"),
        (at("socket"), "it is a socket"),
        ("/dev/zero".into(), "it is a device"),
        (folder.path().into(), "it is a folder"),
    ] {
        let said = refused(&path);
        assert!(said.contains(kind) && said.contains("only regular files are read"), "{said}");
    }
    assert!(refused(&at("nothing")).contains("No such file"));
    let (pipe, mut into) = io::pipe().unwrap();
    into.write_all(b"piped").unwrap();
    drop(into);
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&pipe);
    assert_eq!(read_text(Path::new(&format!("/dev/fd/{descriptor}"))).unwrap(), "piped");
    fs::write(at("a"), "text").unwrap();
    std::os::unix::fs::symlink(at("a"), at("to-a")).unwrap();
    assert_eq!(read_text(&at("to-a")).unwrap(), "text");
}

#[test]
fn a_descriptor_is_no_file_to_be_replaced() {
    for path in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert!(is_stdout(Path::new(path)), "{path}");
    }
    for path in ["./-", "stdout", "/dev/fd/2", "fd/1", "1"] {
        assert!(!is_stdout(Path::new(path)), "{path}");
    }
    assert!(is_stream(Path::new("/dev/fd/2")) && is_stream(Path::new("/dev/null")));
    assert!(!is_stream(Path::new("fd/1")));
}

#[test]
fn a_name_that_is_taken_is_left_to_whoever_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    let record = |seed| Record { seed, ..sample::record() };
    let names = [1, 2, 3].map(|seed| write_new(&path, &record(seed)).unwrap());
    assert_eq!(names, ["a.json", "a-2.json", "a-3.json"].map(|name| folder.path().join(name)));
    assert_eq!(names.each_ref().map(|name| read(name).unwrap().seed), [1, 2, 3]);
    let again = write_new(&path, &record(2)).unwrap();
    assert_eq!(without_twin(&path, again), names[1]);
    assert_eq!(without_twin(&path, names[2].clone()), names[2]);
    assert_eq!(files(folder.path()).len(), 3);
}

#[test]
fn reading_says_which_file_and_where_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.json");
    assert!(text(&read(&path).unwrap_err()).contains("bad.json"));
    fs::write(&path, "{\n \"schema_version\": oops }").unwrap();
    let error = text(&read(&path).unwrap_err());
    assert!(error.contains("bad.json") && error.contains("line 2 column 20"), "{error}");
}

#[test]
fn ids_become_safe_names() {
    let name = |id: &str| file_name(&Record { id: id.into(), ..Record::default() });
    assert_eq!(name("../a b/ü"), "-a-b--.json");
    assert_eq!(name(""), "record.json");
    assert_eq!(name("2026-11-21T10:00:00Z-x"), "2026-11-21T10-00-00Z-x.json");
}
