//! A short number computed from the settings of a run, so that files of different runs have different names.
//!
//! FNV-1a, because the number has to be the same with every compiler and on every machine. The hashes of the standard
//! library do not promise that. It is not a cryptographic hash.

use drumpost_results::model::{Record, Settings};
use std::fmt::Write;

/// What was asked: scenarios, dispatches, settings, limits, trials, goal. Not what came out, and nothing of the machine.
pub(crate) fn of_record(record: &Record, trials: u32) -> u32 {
    let mut text = format!("{} {trials}\n", record.seed);
    let add = |text: &mut String, settings: &Settings| {
        for (key, value) in settings {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{key}={value}");
        }
    };
    add(&mut text, &record.settings);
    add(&mut text, &record.thresholds);
    for run in &record.runs {
        let _ = writeln!(text, "{} {} {:?}", run.scenario, run.dispatch, run.load);
        add(&mut text, &run.settings);
    }
    if let Some(search) = &record.search {
        let _ = writeln!(text, "{}", search.goal);
        add(&mut text, &search.settings);
    }
    of_text(&text)
}

/// FNV-1a of 64 bits, its upper half folded into the lower.
pub(crate) fn of_text(text: &str) -> u32 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    (hash ^ (hash >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of a file must not change with a compiler.
    #[test]
    fn the_same_on_every_machine() {
        assert_eq!([of_text(""), of_text("a")], [0x4fd0_bfc1, 0x2962_30c0]);
    }
}
