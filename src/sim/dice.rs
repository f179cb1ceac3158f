//! Chance for the simulator: one small generator, so that a seed is a whole world and the same one everywhere.
//!
//! xoshiro256** seeded through splitmix64. Streams that are split off are independent, so that a fault switched off
//! does not change what the others draw.

use core::time::Duration;

/// A stream of chance.
#[derive(Clone, Debug)]
pub struct Dice([u64; 4]);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        let mut state = seed;
        Dice([(); 4].map(|()| splitmix(&mut state)))
    }

    /// An independent stream for one purpose; the same purpose of the same seed is always the same stream.
    pub fn stream(seed: u64, purpose: u64) -> Dice {
        let mut state = seed ^ purpose.wrapping_mul(0xd134_2543_de82_ef95);
        let first = splitmix(&mut state);
        Dice::new(first ^ seed.rotate_left(17))
    }

    pub fn roll(&mut self) -> u64 {
        let state = &mut self.0;
        let result = state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
        result
    }

    /// A number below `sides`, which is not zero.
    pub fn below(&mut self, sides: u64) -> u64 {
        assert!(sides > 0, "a die has sides");
        // The high half of a product: as even as one needs for numbers far below 2^64.
        ((u128::from(self.roll()) * u128::from(sides)) >> 64) as u64
    }

    /// A number of `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True `parts` times out of a million.
    pub fn happens(&mut self, parts_per_million: u32) -> bool {
        parts_per_million > 0 && self.below(1_000_000) < u64::from(parts_per_million)
    }

    pub fn coin(&mut self) -> bool {
        self.roll() >> 63 == 1
    }

    /// A span of `low..=high`.
    pub fn span(&mut self, low: Duration, high: Duration) -> Duration {
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).expect("simulated spans are short");
        Duration::from_nanos(self.between(nanos(low), nanos(high)))
    }

    /// A span with this mean, most often shorter and sometimes several times longer.
    pub fn around(&mut self, mean: Duration) -> Duration {
        let eighth = u64::try_from(mean.as_nanos()).expect("simulated spans are short") / 8;
        // A geometric sum of even pieces: near enough to the time between independent events, without floating point.
        let mut total = self.below(2 * eighth + 1);
        for _ in 0..PIECES_MAX {
            if self.below(8) == 0 {
                break;
            }
            total += self.below(2 * eighth + 1);
        }
        Duration::from_nanos(total)
    }

    /// One of the items, which are not empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

/// Pieces of a random span.
const PIECES_MAX: usize = 64;

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_side_comes_up_about_equally_often() {
        let mut dice = Dice::new(1);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[dice.below(6) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_seed_is_one_stream_and_a_purpose_another() {
        let draw = |mut dice: Dice| -> Vec<u64> { (0..8).map(|_| dice.roll()).collect() };
        assert_eq!(draw(Dice::new(7)), draw(Dice::new(7)));
        assert_ne!(draw(Dice::stream(7, 1)), draw(Dice::stream(7, 2)));
        assert_ne!(draw(Dice::stream(7, 1)), draw(Dice::stream(8, 1)));
    }

    #[test]
    fn spans_around_a_mean_have_that_mean() {
        let mut dice = Dice::new(3);
        let mean = Duration::from_millis(100);
        let total: Duration = (0..20_000).map(|_| dice.around(mean)).sum();
        let found = total / 20_000;
        assert!(found > mean * 9 / 10 && found < mean * 11 / 10, "{found:?}");
    }
}
