//! What is asked and how often: the kinds of requests, and `put=50,get=50` as a weighted choice among them.
//!
//! A kind is one row of `KINDS`, one arm where `requests::Requests::ask` builds it and one where `judge` reads its answer.

use std::fmt;

use crate::cli::hints::did_you_mean;
use crate::sim::dice::Dice;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Put,
    Get,
    Cas,
    Incr,
    Append,
    Delete,
    Txn,
}

/// What the command line, the keys and the report know of a kind.
pub(super) struct KindRow {
    pub kind: Kind,
    pub word: &'static str,
    /// Kinds with the same letter use the same keys. What needs another sort of value has keys of its own: a number
    /// cannot be added to bytes, and what is appended to grows.
    pub family: u8,
}

pub(super) const KINDS: &[KindRow] = &[
    KindRow { kind: Kind::Put, word: "put", family: b'v' },
    KindRow { kind: Kind::Get, word: "get", family: b'v' },
    KindRow { kind: Kind::Cas, word: "cas", family: b'v' },
    KindRow { kind: Kind::Incr, word: "incr", family: b'n' },
    KindRow { kind: Kind::Append, word: "append", family: b'a' },
    KindRow { kind: Kind::Delete, word: "delete", family: b'v' },
    KindRow { kind: Kind::Txn, word: "txn", family: b'v' },
];

/// Highest weight of a kind.
const WEIGHT_MAX: u64 = 1_000_000;

/// Kinds with their weights; at least one, none twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mix {
    shares: Vec<Share>,
    total: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub kind: Kind,
    /// 1 to `WEIGHT_MAX`.
    pub weight: u64,
}

impl KindRow {
    pub(super) fn of(kind: Kind) -> &'static KindRow {
        KINDS.iter().find(|row| row.kind == kind).expect("every kind has a row")
    }
}

impl Mix {
    /// `put=50,get=50`; a kind without a number has the weight 1.
    ///
    /// # Errors
    /// What is wrong, and at which character.
    pub(super) fn parse(text: &str) -> Result<Mix, String> {
        let mut shares: Vec<Share> = Vec::new();
        let mut at = 1;
        for part in text.split(',') {
            let share = parse_share(part, at)?;
            if shares.iter().any(|earlier| earlier.kind == share.kind) {
                return Err(format!("`{}` at character {at} is there already", KindRow::of(share.kind).word));
            }
            shares.push(share);
            at += part.chars().count() + 1;
        }
        let total = shares.iter().map(|share| share.weight).sum();
        Ok(Mix { shares, total })
    }

    pub(super) fn shares(&self) -> &[Share] {
        &self.shares
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.shares.iter().any(|share| share.kind == kind)
    }

    /// Whether requests are made with the revision that an earlier answer has told.
    pub(super) fn expects_revisions(&self) -> bool {
        self.has(Kind::Cas) || self.has(Kind::Txn)
    }

    /// Position of a share, as often as its weight says.
    pub(super) fn draw(&self, dice: &mut Dice) -> usize {
        if self.shares.len() == 1 {
            return 0;
        }
        let mut left = dice.below(self.total);
        for (position, share) in self.shares.iter().enumerate() {
            match left.checked_sub(share.weight) {
                None => return position,
                Some(rest) => left = rest,
            }
        }
        unreachable!("the weights add up to the total")
    }
}

fn parse_share(part: &str, at: usize) -> Result<Share, String> {
    let (word, weight) = part.split_once('=').map_or((part, None), |(word, weight)| (word, Some(weight)));
    let Some(row) = KINDS.iter().find(|row| row.word == word) else {
        let words: Vec<&str> = KINDS.iter().map(|row| row.word).collect();
        let hint = match did_you_mean(word, words.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are: {}", words.join(", ")),
        };
        return Err(format!("`{word}` at character {at} is no kind of request; {hint}"));
    };
    let Some(text) = weight else { return Ok(Share { kind: row.kind, weight: 1 }) };
    match text.parse::<u64>() {
        Ok(weight) if (1..=WEIGHT_MAX).contains(&weight) => Ok(Share { kind: row.kind, weight }),
        _ => {
            let at = at + word.chars().count() + 1;
            Err(format!("`{text}` at character {at} is no weight from 1 to {WEIGHT_MAX}"))
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, share) in self.shares.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{}={}", KindRow::of(share.kind).word, share.weight)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_as_it_is_shown() {
        assert_eq!(Mix::parse("put=50,get=50").unwrap().to_string(), "put=50,get=50");
        assert_eq!(Mix::parse("incr").unwrap().to_string(), "incr=1");
        for row in KINDS {
            assert!(Mix::parse(row.word).unwrap().has(row.kind));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, told) in [
            ("put=50,gte=50", "`gte` at character 8 is no kind of request; did you mean get?"),
            ("put=50,get=", "`` at character 12 is no weight from 1 to 1000000"),
            ("put=0", "`0` at character 5 is no weight from 1 to 1000000"),
            ("put=1,put=2", "`put` at character 7 is there already"),
            (
                "put,,get",
                "`` at character 5 is no kind of request; there are: put, get, cas, incr, append, delete, txn",
            ),
        ] {
            assert_eq!(Mix::parse(text).unwrap_err(), told, "{text}");
        }
    }

    #[test]
    fn kinds_are_drawn_as_often_as_their_weights_say() {
        let mix = Mix::parse("put=70,get=25,cas=5").unwrap();
        let mut dice = Dice::new(7);
        let mut counts = [0_u64; 3];
        for _ in 0..100_000 {
            counts[mix.draw(&mut dice)] += 1;
        }
        for (count, weight) in counts.iter().zip([70_000_u64, 25_000, 5_000]) {
            assert!(count.abs_diff(weight) < 1_000, "{counts:?}");
        }
    }
}
