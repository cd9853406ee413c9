//! Counts messages in the log of a server (`appendonly`).

use std::{fs, path::Path};

/// How many messages the commands of this name in the server's own log have. An `RPUSH` has as many as it has arguments after its name and
/// the list.
pub(crate) fn logged(folder: &Path, command: &str) -> u64 {
    let wanted = format!("\r\n${}\r\n{command}\r\n", command.len()).into_bytes();
    let files = fs::read_dir(folder.join("appendonlydir")).expect("the log").flatten();
    let count = |file: fs::DirEntry| {
        let log = fs::read(file.path()).expect("a file of it");
        let found = log.windows(wanted.len()).enumerate().filter(|(_, part)| *part == wanted);
        let messages = |(at, _)| if command == "RPUSH" { parts(&log[..at]) - 2 } else { 1 };
        found.map(messages).sum::<u64>()
    };
    files.map(count).sum()
}

/// The number of a command's parts, which is the last of what stands before them.
fn parts(before: &[u8]) -> u64 {
    let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let number = str::from_utf8(&before[before.len() - digits..]).expect("digits");
    number.parse().expect("a command begins with the number of its parts")
}
