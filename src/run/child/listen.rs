//! The threads that read what the process of a trial says.

use drumpost_core::overhead::HarnessThread;
use std::{
    io::{self, BufRead, BufReader, Read},
    process::Child,
    sync::mpsc::{Receiver, SyncSender, channel, sync_channel},
    thread,
};

/// The longest line that is read: a record is one. What a program writes without an end must not fill the memory.
const LINE_BYTES: u64 = 256 << 20;
/// Lines that wait to be looked at. A child that writes faster waits.
const LINES: usize = 256;
/// How much is kept of the end of what a child writes to its standard error.
const LAST_WORDS_BYTES: usize = 2_000;

pub(super) type Words = Receiver<Vec<u8>>;

/// Threads that read what a child says: its lines, and the end of what it says on its standard error.
pub(super) fn listen(child: &mut Child) -> (Receiver<io::Result<String>>, Words) {
    let ((tell, lines), (tell_words, words)) = (sync_channel(LINES), channel());
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let read = move || {
        let _counted = HarnessThread::current();
        output.into_iter().for_each(|output| read_lines(BufReader::new(output), LINE_BYTES, &tell));
    };
    let read_words = move || {
        let _counted = HarnessThread::current();
        let (mut last, mut some) = (Vec::new(), [0; 1024]);
        let mut errors = errors;
        while let Some(count) =
            errors.as_mut().and_then(|errors| errors.read(&mut some).ok()).filter(|n| *n > 0)
        {
            last.extend_from_slice(&some[..count]);
            last.drain(..last.len().saturating_sub(LAST_WORDS_BYTES));
        }
        let _ = tell_words.send(last);
    };
    // Without a thread the channel is closed at once, which is told as a child that said nothing.
    let _ = thread::Builder::new().name("child".into()).spawn(read);
    let _ = thread::Builder::new().name("child-errors".into()).spawn(read_words);
    (lines, words)
}

/// Hands on line by line until the output ends, a line is too long, or nobody listens any more.
pub(super) fn read_lines(mut output: impl BufRead, longest: u64, tell: &SyncSender<io::Result<String>>) {
    loop {
        let mut line = String::new();
        let read = output.by_ref().take(longest).read_line(&mut line);
        let is_cut = line.len() as u64 >= longest && !line.ends_with('\n');
        let told = match read {
            Ok(0) => return,
            Ok(_) if is_cut => Err(io::Error::other("it wrote a line that has no end")),
            Ok(_) => Ok(line),
            Err(error) => Err(error),
        };
        let is_last = told.is_err();
        if tell.send(told).is_err() || is_last {
            return;
        }
    }
}
