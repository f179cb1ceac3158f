//! Which key a request is about: the numbers of keys, evenly, by Zipf's law, or one after the other.
//!
//! Drawing allocates nothing and costs a few instructions; only Zipf costs two powers.

use clap::ValueEnum;

use crate::sim::dice::Dice;

/// How requests are spread over the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Distribution {
    /// Every key as often as any other
    Uniform,
    /// Few keys very often: key number k is drawn as often as 1/k^0.99, the first one most
    Zipf,
    /// One after the other, from the first key again behind the last
    Sequential,
}

/// Exponent of the distribution, as in YCSB.
const ZIPF_EXPONENT: f64 = 0.99;

/// Digits of a key's number, with zeros in front.
pub(super) const DIGITS: usize = 12;

/// Chooses numbers of keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    count: u64,
    chooser: Chooser,
}

#[derive(Clone, Debug)]
enum Chooser {
    Uniform,
    Zipf(Zipf),
    Sequential,
}

impl Keys {
    /// `count` is at least 1 and has at most `DIGITS` digits.
    pub(super) fn new(count: u64, distribution: Distribution) -> Keys {
        let chooser = match distribution {
            Distribution::Uniform => Chooser::Uniform,
            Distribution::Zipf => Chooser::Zipf(Zipf::new(count)),
            Distribution::Sequential => Chooser::Sequential,
        };
        Keys { count, chooser }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The number of a key, below `count`, for the request with this number.
    pub(super) fn choose(&self, request: u64, dice: &mut Dice) -> u64 {
        match &self.chooser {
            Chooser::Uniform => dice.below(self.count),
            Chooser::Zipf(zipf) => zipf.draw(dice),
            Chooser::Sequential => request % self.count,
        }
    }
}

/// Writes the number of a key over the last `DIGITS` bytes of `key`.
pub(super) fn write_number(number: u64, key: &mut [u8]) {
    let mut rest = number;
    let start = key.len() - DIGITS;
    for digit in key[start..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// Zipf's law without a table, by rejection-inversion (Hörmann and Derflinger, 1996): the curve x^-s is inverted, and the
/// few draws between the curve and its steps are thrown away.
#[derive(Clone, Debug)]
struct Zipf {
    count: f64,
    /// Area under the curve up to the first and behind the last key.
    area_first: f64,
    area_last: f64,
    /// Draws so near to a whole number are always right.
    near: f64,
}

impl Zipf {
    fn new(count: u64) -> Zipf {
        let count = count as f64;
        Zipf {
            count,
            area_first: area(1.5) - 1.0,
            area_last: area(count + 0.5),
            near: 2.0 - area_inverse(area(2.5) - height(2.0)),
        }
    }

    fn draw(&self, dice: &mut Dice) -> u64 {
        loop {
            let share = (dice.roll() >> 11) as f64 / (1_u64 << 53) as f64;
            let at = self.area_last + share * (self.area_first - self.area_last);
            let x = area_inverse(at);
            let rank = x.round().clamp(1.0, self.count);
            if rank - x <= self.near || at >= area(rank + 0.5) - height(rank) {
                return rank as u64 - 1;
            }
        }
    }
}

fn height(x: f64) -> f64 {
    x.powf(-ZIPF_EXPONENT)
}

/// Area under the curve from 1 to x.
fn area(x: f64) -> f64 {
    let falling = 1.0 - ZIPF_EXPONENT;
    (falling * x.ln()).exp_m1() / falling
}

fn area_inverse(area: f64) -> f64 {
    let falling = 1.0 - ZIPF_EXPONENT;
    ((area * falling).max(-1.0).ln_1p() / falling).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u64 = 200_000;

    fn counts(count: u64, distribution: Distribution) -> Vec<u64> {
        let keys = Keys::new(count, distribution);
        let mut dice = Dice::new(3);
        let mut counts = vec![0; usize::try_from(count).unwrap()];
        for request in 0..DRAWS {
            counts[usize::try_from(keys.choose(request, &mut dice)).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn an_even_choice_is_even() {
        let counts = counts(10, Distribution::Uniform);
        assert!(counts.iter().all(|count| count.abs_diff(DRAWS / 10) < 1_000), "{counts:?}");
    }

    #[test]
    fn one_after_the_other_begins_again_behind_the_last() {
        assert_eq!(counts(8, Distribution::Sequential), [DRAWS / 8; 8]);
    }

    #[test]
    fn zipf_s_law_is_kept_to_the_last_key() {
        let counts = counts(1_000, Distribution::Zipf);
        let total: f64 = (1..=1_000).map(|rank| f64::from(rank).powf(-ZIPF_EXPONENT)).sum();
        for rank in [1_u32, 2, 3, 10, 100] {
            let wanted = f64::from(rank).powf(-ZIPF_EXPONENT) / total * DRAWS as f64;
            let found = counts[rank as usize - 1] as f64;
            assert!((found - wanted).abs() < 5.0 * wanted.sqrt(), "key {rank}: {found} of {wanted:.0}");
        }
        let tail: u64 = counts[900..].iter().sum();
        let wanted: f64 = (901..=1_000).map(|rank| f64::from(rank).powf(-ZIPF_EXPONENT)).sum::<f64>() / total;
        assert!((tail as f64 / DRAWS as f64 - wanted).abs() < 0.002, "{tail}");
        assert_eq!(Keys::new(1, Distribution::Zipf).choose(0, &mut Dice::new(1)), 0, "one key is always that one");
    }

    #[test]
    fn numbers_have_zeros_in_front() {
        let mut key = b"p/v/............".to_vec();
        write_number(4_711, &mut key);
        assert_eq!(key, b"p/v/000000004711");
    }
}
