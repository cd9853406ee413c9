//! Tests of the process of a trial: what it says, how it ends, and when it hangs.

use super::{listen::read_lines, *};
use std::{os::unix::process::CommandExt, sync::mpsc::sync_channel};

fn followed(say: &str, silence: Duration) -> Result<Answer, String> {
    let patience = Patience { silence, in_all: None };
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let ((tell, lines), (to, seen)) = (channel(), channel());
    let events = Events::new(to, false);
    say.lines().for_each(|line| tell.send(Ok(line.to_owned())).unwrap());
    let told = follow(&mut child, &lines, patience, &events, &Interrupt::default());
    drop((tell, seen));
    let _ = child.kill();
    child.wait().unwrap();
    told
}

#[test]
fn a_child_that_hangs_or_talks_nonsense_is_told_so() {
    let event = r#"{"event":{"Warning":"slow"}}"#;
    // An event of another version is passed over.
    let events = format!("{event}\n{}", r#"{"event":{"Unheard":"of"}}"#);
    let why = followed(&events, Duration::from_millis(200)).err().unwrap();
    assert_eq!(why, "hangs: no sign of life for 200ms; it was ended");
    let why = followed(&format!("{event}\nhello"), Duration::from_secs(60)).err().unwrap();
    assert_eq!(why, "wrote a line that is no answer of drumpost");
    let why = followed(r#"{"done":{"record":"{}","give_up":null}}"#, Duration::from_secs(60)).err().unwrap();
    assert!(why.starts_with("answered what is no record: "), "{why}");
}

/// It tells something all the time, so that it is never silent.
#[test]
fn a_child_that_talks_for_ever_is_ended() {
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let ((tell, lines), (to, seen)) = (sync_channel(1), channel());
    let events = Events::new(to, false);
    let talk = thread::spawn(move || {
        while tell.send(Ok(r#"{"event":{"Warning":"slow"}}"#.to_owned())).is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let patience = Patience { silence: Duration::from_secs(60), in_all: Some(Duration::from_millis(200)) };
    let why = follow(&mut child, &lines, patience, &events, &Interrupt::default()).err().unwrap();
    assert_eq!(why, "did not end within 200ms, though it still reports progress; it was ended");
    drop((lines, seen));
    talk.join().unwrap();
    let _ = child.kill();
    child.wait().unwrap();
}

/// It ignores what a command is interrupted by, and so does the program that it runs.
#[test]
fn a_child_that_does_not_listen_is_killed_with_all_that_it_started() {
    let interrupted = Interrupt::default();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT TERM; echo ready; sleep 60; true"]).process_group(0);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (said, words) = listen(&mut child);
    assert_eq!(said.recv().unwrap().unwrap(), "ready\n");
    let ((tell, lines), (to, _seen)) = (sync_channel(1), channel());
    interrupted.ask();
    interrupted.ask();
    let patience = Patience { silence: Duration::from_secs(60), in_all: None };
    let clock = Clock::start();
    let why = follow(&mut child, &lines, patience, &Events::new(to, false), &interrupted).err().unwrap();
    assert_eq!(why, "did not end when asked, so it was killed");
    assert_eq!(end(&mut child, &interrupted), "signal 9");
    assert!(clock.now_ns() < 20_000_000_000, "it was waited for");
    // Whoever has the other end of its standard error has ended.
    assert_eq!(words.recv_timeout(Duration::from_secs(20)), Ok(Vec::new()));
    drop(tell);
}

#[test]
fn a_child_that_is_stopped_is_killed() {
    let interrupted = Interrupt::default();
    let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
    kill_process_group(Pid::from_child(&child), Signal::STOP).unwrap();
    let ((tell, lines), (to, _seen)) = (sync_channel(1), channel());
    interrupted.ask();
    interrupted.ask();
    let patience = Patience { silence: Duration::from_secs(60), in_all: None };
    let why = follow(&mut child, &lines, patience, &Events::new(to, false), &interrupted).err().unwrap();
    assert_eq!(why, "did not end when asked, so it was killed");
    // SIGINT waits for a stopped process, too, and `sleep` has no handler.
    assert!(["signal 9", "signal 2"].contains(&&*end(&mut child, &interrupted)));
    drop(tell);
}

#[test]
fn a_child_that_dies_is_told_with_its_signal() {
    let mut child = Command::new("sh").args(["-c", "kill -9 $$"]).spawn().unwrap();
    assert_eq!(end(&mut child, &Interrupt::default()), "signal 9");
}

#[test]
fn a_line_without_an_end_does_not_fill_the_memory() {
    let (tell, lines) = sync_channel(4);
    read_lines(&b"one\ntwo\nthree, which is longer"[..], 10, &tell);
    drop(tell);
    let told: Vec<_> = lines.iter().map(|line| line.map_err(|error| error.to_string())).collect();
    assert_eq!(
        told,
        [Ok("one\n".into()), Ok("two\n".into()), Err("it wrote a line that has no end".to_owned())]
    );
}
