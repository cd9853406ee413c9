//! Many independent streams of random numbers from one seed: one for each purpose and each instance that starts flows.
//!
//! With `splitmix(s, n)` the n-th output (from 0) of the SplitMix64 generator that starts at `s`, the stream of a
//! purpose and a member is xoshiro256++ seeded with `splitmix(splitmix(seed, purpose), member)`. So a change of the
//! payload distribution does not change the arrivals, and one more instance does not change the random numbers of the
//! others. SplitMix64 is from Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

/// The generator of all streams. Named, unlike `StdRng`, so that a seed gives the same flows in every later version.
pub(crate) type Generator = Xoshiro256PlusPlus;

/// What random numbers are drawn for. The numbers are part of what a seed means: never change one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Arrivals = 0,
    PayloadLen = 1,
    Key = 2,
    Think = 3,
}

/// One of several driven instances that share a workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// Seed of the whole workload.
    pub(crate) seed: u64,
    /// Its number, from 0.
    pub(crate) number: usize,
    /// How many there are, at least 1.
    pub(crate) of: usize,
}

impl Member {
    /// The member's stream for one purpose.
    pub(crate) fn generator(self, purpose: Purpose) -> Generator {
        let of_purpose = splitmix(self.seed, purpose as u64);
        Generator::seed_from_u64(splitmix(of_purpose, self.number as u64))
    }
}

fn splitmix(start: u64, nth: u64) -> u64 {
    const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut z = start.wrapping_add(GAMMA.wrapping_mul(nth.wrapping_add(1)));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn splitmix_gives_the_published_outputs() {
        // Of the reference program of Vigna, seeded with 1234567.
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        for (nth, output) in expected.into_iter().enumerate() {
            assert_eq!(splitmix(1_234_567, nth as u64), output);
        }
    }

    #[test]
    fn streams_differ_by_seed_by_purpose_and_by_member() {
        let mut firsts = Vec::new();
        for seed in 0..10 {
            for purpose in [Purpose::Arrivals, Purpose::PayloadLen, Purpose::Key] {
                for number in 0..10 {
                    firsts.push(Member { seed, number, of: 10 }.generator(purpose).next_u64());
                }
            }
        }
        let all = firsts.len();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), all);
    }

    #[test]
    fn a_seed_means_the_same_flows_for_ever() {
        let first = Member { seed: 42, number: 1, of: 2 }.generator(Purpose::Key).next_u64();
        assert_eq!(first, 12_403_513_826_824_904_376);
    }
}
