//! Mutated files and command lines through the binary itself: it ends, within the limit, with a code of the table, and
//! nothing that acts on a terminal comes out. Far more cases are fed to its parts in `src/fuzz`; `scripts/fuzz` runs both.

use crate::support::Place;
use drumpost_results::plain::acts;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::fs;

const CODES: [i32; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 130];

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn broken_files_end_with_a_code_of_the_table() {
    let sample = include_bytes!("../../results/tests/samples/v1.json");
    let suite =
        b"[defaults]\nscenario = 'stream'\n[[matrix]]\ndispatch = 'message/sim'\nrate = ['1k/s', '2k/s']\n";
    let (seed, count) = (setting("DRUMPOST_FUZZ_SEED", 1), setting("DRUMPOST_FUZZ_COUNT", 12));
    let mut random = StdRng::seed_from_u64(seed);
    let place = Place::new();
    for case in 0..count {
        let mutated = |bytes: &[u8], random: &mut StdRng| {
            let mut bytes = bytes.to_vec();
            for _ in 0..=random.next_u64() % 4 {
                let at = (random.next_u64() % bytes.len() as u64) as usize;
                match random.next_u64() % 3 {
                    0 => bytes[at] = random.next_u64() as u8,
                    1 => drop(bytes.remove(at)),
                    _ => drop(bytes.splice(at..at, *b"\x1b]52;c;eA==\x07")),
                }
            }
            bytes
        };
        fs::write(place.path("r.json"), mutated(sample, &mut random)).unwrap();
        fs::write(place.path("s.toml"), mutated(suite, &mut random)).unwrap();
        for line in [
            "show r.json --hops",
            "show r.json --json",
            "compare r.json r.json --strict",
            "export r.json --format csv",
            "export r.json --format hlog",
            "export r.json --format hgrm",
            "export r.json --format junit",
            "export r.json --format bencher",
            "export r.json --format otava",
            "export r.json --format openmetrics",
            "suite s.toml --list",
        ] {
            let done = place.run(line);
            let what = format!("seed {seed}, case {case}: {line}: {} {}", done.code, done.stderr);
            assert!(CODES.contains(&done.code), "{what}");
            assert!(!done.stderr.contains("panicked"), "{what}");
            assert!(!done.stdout.chars().chain(done.stderr.chars()).any(acts), "{what}");
        }
    }
}
