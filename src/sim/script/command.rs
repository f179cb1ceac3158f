//! One command line as words: nodes, links, durations, log ids, `key=value`, flags.
//!
//! Each `take_…` removes what it recognises; what is left at the end is an error, so a misspelt word never goes unseen.

use core::time::Duration;

use super::CommandFault;
use crate::raft::{LogId, NodeId};

/// Greatest term that a disk may hold at the start of a story.
const TERM_MAX: u64 = 1_000_000;

/// Longest time that one command passes: more than any story takes, and over in a moment.
const SPAN_MAX: Duration = Duration::from_secs(3_600);

/// The words of a command after its first, not yet consumed ones in order.
pub(super) struct Words {
    words: Vec<String>,
}

impl Words {
    /// Splits `line` into its command word and the rest.
    pub(super) fn split(line: &str) -> (String, Words) {
        let mut words = line.split_whitespace().map(str::to_owned);
        let command = words.next().unwrap_or_default();
        (command, Words { words: words.collect() })
    }

    /// The value of `key=value`, when given.
    pub(super) fn take_value(&mut self, key: &str) -> Option<String> {
        let place = self.words.iter().position(|word| word.split_once('=').is_some_and(|(left, _)| left == key))?;
        self.words.remove(place).split_once('=').map(|(_, value)| value.to_owned())
    }

    pub(super) fn take_number(&mut self, key: &str) -> Result<Option<u64>, CommandFault> {
        self.take_value(key).map(|value| number(&value)).transpose()
    }

    /// The nodes of `key=n1,n2`; none when it is not given.
    pub(super) fn take_listed(&mut self, key: &str) -> Result<Vec<NodeId>, CommandFault> {
        let list = self.take_value(key).unwrap_or_default();
        list.split(',').filter(|word| !word.is_empty()).map(node).collect()
    }

    /// Whether the bare word `flag` is given.
    pub(super) fn take_flag(&mut self, flag: &str) -> bool {
        let place = self.words.iter().position(|word| word == flag);
        place.map(|place| self.words.remove(place)).is_some()
    }

    /// The next word, which must be there.
    pub(super) fn take(&mut self, wanted: &'static str) -> Result<String, CommandFault> {
        if self.words.is_empty() {
            return Err(CommandFault::Missing { wanted });
        }
        Ok(self.words.remove(0))
    }

    pub(super) fn take_optional(&mut self) -> Option<String> {
        (!self.words.is_empty()).then(|| self.words.remove(0))
    }

    pub(super) fn take_node(&mut self) -> Result<NodeId, CommandFault> {
        node(&self.take("a node")?)
    }

    /// All words up to the first that is no node.
    pub(super) fn take_nodes(&mut self) -> Vec<NodeId> {
        let mut nodes = Vec::new();
        while let Some(found) = self.words.first().and_then(|word| node(word).ok()) {
            self.words.remove(0);
            nodes.push(found);
        }
        nodes
    }

    /// All words up to the first that is no link `n1->n2`.
    pub(super) fn take_links(&mut self) -> Vec<(NodeId, NodeId)> {
        let mut links = Vec::new();
        while let Some(found) = self.words.first().and_then(|word| link(word).ok()) {
            self.words.remove(0);
            links.push(found);
        }
        links
    }

    pub(super) fn take_link(&mut self) -> Result<(NodeId, NodeId), CommandFault> {
        link(&self.take("a link like n1->n2")?)
    }

    pub(super) fn take_duration(&mut self) -> Result<Duration, CommandFault> {
        duration(&self.take("a duration like 50ms")?)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Everything that is left.
    pub(super) fn take_rest(&mut self) -> Vec<String> {
        core::mem::take(&mut self.words)
    }

    pub(super) fn finish(self) -> Result<(), CommandFault> {
        match self.words.into_iter().next() {
            Some(word) => Err(CommandFault::LeftOver { word }),
            None => Ok(()),
        }
    }
}

pub(super) fn number(word: &str) -> Result<u64, CommandFault> {
    word.parse().map_err(|_| CommandFault::NotA { wanted: "a number", word: word.to_owned() })
}

/// A term as a disk may hold it at the start of a story.
pub(super) fn term(word: &str) -> Result<u64, CommandFault> {
    number(word)?
        .checked_sub(1)
        .filter(|below| *below < TERM_MAX)
        .map(|below| below + 1)
        .ok_or_else(|| CommandFault::NotA { wanted: "a term from 1 to a million", word: word.to_owned() })
}

pub(super) fn node(word: &str) -> Result<NodeId, CommandFault> {
    match word.strip_prefix('n').and_then(|id| id.parse().ok()) {
        Some(id) => Ok(NodeId(id)),
        None => Err(CommandFault::NotA { wanted: "a node", word: word.to_owned() }),
    }
}

pub(super) fn link(word: &str) -> Result<(NodeId, NodeId), CommandFault> {
    let fault = || CommandFault::NotA { wanted: "a link like n1->n2", word: word.to_owned() };
    let (from, to) = word.split_once("->").ok_or_else(fault)?;
    Ok((node(from).map_err(|_| fault())?, node(to).map_err(|_| fault())?))
}

pub(super) fn duration(word: &str) -> Result<Duration, CommandFault> {
    let found = match (word.strip_suffix("ms"), word.strip_suffix('s')) {
        (Some(millis), _) => millis.parse().ok().map(Duration::from_millis),
        (None, Some(seconds)) => seconds.parse().ok().map(Duration::from_secs),
        (None, None) => None,
    };
    let wanted = "a duration like 50ms, of an hour at most";
    found.filter(|span| *span <= SPAN_MAX).ok_or_else(|| CommandFault::NotA { wanted, word: word.to_owned() })
}

pub(super) fn log_id(word: &str) -> Result<LogId, CommandFault> {
    let fault = || CommandFault::NotA { wanted: "a log id like 3@2", word: word.to_owned() };
    let (index, term) = word.split_once('@').ok_or_else(fault)?;
    Ok(LogId::new(index.parse().map_err(|_| fault())?, term.parse().map_err(|_| fault())?))
}

/// A whole percentage below one hundred.
pub(super) fn percent(word: &str) -> Result<u32, CommandFault> {
    let found = word.strip_suffix('%').unwrap_or(word).parse().ok();
    found
        .filter(|percent| *percent < 100)
        .ok_or_else(|| CommandFault::NotA { wanted: "a percentage below 100", word: word.to_owned() })
}

/// How fast a clock runs, in percent of real time, from `+10%` or `-10%`.
pub(super) fn rate(word: &str) -> Result<u32, CommandFault> {
    match word.split_at_checked(1) {
        Some(("+", more)) => Ok(100 + percent(more)?),
        Some(("-", less)) => Ok(100 - percent(less)?),
        _ => Err(CommandFault::NotA { wanted: "a rate like +10%", word: word.to_owned() }),
    }
}

pub(super) fn switch(word: &str) -> Result<bool, CommandFault> {
    match word {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(CommandFault::NotA { wanted: "on or off", word: word.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_by_what_they_are_and_none_is_overlooked() {
        let (command, mut words) = Words::split("deliver n1->n2 n2->n3 count=2 last more");
        assert_eq!(command, "deliver");
        assert_eq!(words.take_number("count").expect("a number"), Some(2));
        assert!(words.take_flag("last"));
        assert_eq!(words.take_links(), [(NodeId(1), NodeId(2)), (NodeId(2), NodeId(3))]);
        assert_eq!(words.finish().expect_err("one word is left").to_string(), "nothing here takes `more`");
    }

    #[test]
    fn values_are_read_with_their_units() {
        assert_eq!(duration("50ms").expect("milliseconds"), Duration::from_millis(50));
        assert_eq!(duration("2s").expect("seconds"), Duration::from_secs(2));
        assert!(duration("50").is_err(), "a unit is missing");
        assert_eq!(log_id("3@2").expect("a log id"), LogId::new(3, 2));
        for wrong in ["3", "@", "n1", "3@x"] {
            assert!(log_id(wrong).is_err(), "{wrong}");
        }
        assert!(node("1").is_err() && node("n").is_err() && link("n1-n2").is_err());
        assert!(switch("yes").is_err());
        assert_eq!([rate("+10%").ok(), rate("-20%").ok(), rate("10%").ok()], [Some(110), Some(80), None]);
        assert!(rate("-100%").is_err(), "a clock goes on");
    }
}
