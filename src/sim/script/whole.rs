//! A whole simulated world as a script: `world seed=9 time=2s nodes=3 without=rot,lag`, and the end of its story.
//!
//! This is how a failure of the simulator is kept: the script runs by itself, among others or alone, and holds as soon as
//! the world does. It shows the end of the story as it was; the seed means another world once the simulator changes.

use core::fmt;
use core::time::Duration;

use super::command::{Words, number};
use super::parse::{Block, Piece, Script};
use super::{CommandFault, Violation};
use crate::codec::settings::parse_duration;
use crate::raft::Rules;
use crate::sim::plan::{Fault, NODES_MAX, RunOptions};
use crate::sim::run::{Report, run_seed};

/// Lines of the end of a story that are shown without being asked for.
const STORY_LINES_MAX: usize = 40;

/// The command that runs one.
const COMMAND: &str = "world";

/// A world that can be run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeWorld {
    pub seed: u64,
    pub options: RunOptions,
}

impl WholeWorld {
    /// The world that this script is, when it is one: its first command says so.
    ///
    /// # Errors
    /// The command cannot be understood.
    pub fn of_script(text: &str) -> Option<Result<WholeWorld, CommandFault>> {
        let pieces = Script::parse(text).pieces;
        let first = pieces.iter().find_map(|piece| match piece {
            Piece::Block(block) => block.commands.first(),
            Piece::Prose(_) => None,
        })?;
        WholeWorld::parse(&first.1)
    }

    /// The world of a command, when it is this command.
    pub(super) fn parse(command: &str) -> Option<Result<WholeWorld, CommandFault>> {
        let (word, words) = Words::split(command);
        (word == COMMAND).then(|| read(words))
    }

    /// The script that tells what became of it.
    pub fn script(&self, report: &Report) -> String {
        let title = match &report.violation {
            Some(violation) => format!("# Breaks {}.", violation.rule),
            None => "# Holds.".to_owned(),
        };
        let what = report.violation.as_ref().map(|violation| format!("# {}", violation.what));
        let command = (0, self.to_string());
        let output = shortened(&report.lines).into_iter().cloned().collect();
        let pieces = vec![
            Piece::Prose([title].into_iter().chain(what).collect()),
            Piece::Block(Block { commands: vec![command], output }),
        ];
        Script { pieces }.render()
    }

    /// Runs it, without `rules` besides its own: what it shows, and whether it held.
    pub(super) fn tell(mut self, rules: Rules) -> (Vec<String>, Result<(), CommandFault>) {
        self.options.rules = rules.broken().fold(self.options.rules, Rules::and_without);
        let report = run_seed(self.seed, &self.options, true);
        let lines = shortened(&report.lines).into_iter().cloned().collect();
        (lines, report.violation.map_or(Ok(()), |violation: Violation| Err(violation.into())))
    }
}

impl fmt::Display for WholeWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WholeWorld { seed, options } = self;
        write!(f, "{COMMAND} seed={seed} time={}", span(options.span))?;
        if let Some(nodes) = options.nodes {
            write!(f, " nodes={nodes}")?;
        }
        if !options.quiet_until.is_zero() {
            write!(f, " quiet_until={}", span(options.quiet_until))?;
        }
        if !options.without.is_empty() {
            let words: Vec<&str> = options.without.iter().map(|fault| fault.word()).collect();
            write!(f, " without={}", words.join(","))?;
        }
        if !options.rules.are_sound() {
            write!(f, " break={}", options.rules)?;
        }
        if options.lying_disks {
            f.write_str(" lying_disks")?;
        }
        Ok(())
    }
}

fn read(mut words: Words) -> Result<WholeWorld, CommandFault> {
    let mut options = RunOptions::default();
    let seed = words.take_value("seed").ok_or(CommandFault::Missing { wanted: "seed=NUMBER" })?;
    for (key, field) in [("time", &mut options.span), ("quiet_until", &mut options.quiet_until)] {
        if let Some(value) = words.take_value(key) {
            let not_a = |_| CommandFault::NotA { wanted: "a time like 1.5s", word: value.clone() };
            *field = parse_duration(&value).map_err(not_a)?;
        }
    }
    if let Some(nodes) = words.take_value("nodes") {
        let within = number(&nodes)?.checked_sub(1).filter(|below| *below < NODES_MAX);
        let wanted = "a number of nodes from 1 to 7";
        options.nodes = Some(within.ok_or(CommandFault::NotA { wanted, word: nodes })? + 1);
    }
    for word in words.take_value("without").unwrap_or_default().split(',').filter(|word| !word.is_empty()) {
        let fault = Fault::of_word(word);
        options.without.insert(fault.ok_or_else(|| CommandFault::NotA { wanted: "a fault", word: word.to_owned() })?);
    }
    if let Some(rules) = words.take_value("break") {
        options.rules = rules.parse()?;
    }
    options.lying_disks = words.take_flag("lying_disks");
    words.finish()?;
    Ok(WholeWorld { seed: number(&seed)?, options })
}

/// The last lines of a story, without what says that nothing is new.
pub fn shortened(lines: &[String]) -> Vec<&String> {
    let told = |line: &&String| !line.contains("Heartbeat") && !line.contains("ReadIndex");
    let mut kept: Vec<&String> = lines.iter().rev().filter(told).take(STORY_LINES_MAX).collect();
    kept.reverse();
    kept
}

/// A span as commands take it, to the nanosecond.
pub fn span(span: Duration) -> String {
    let nanos = span.as_nanos();
    match () {
        () if nanos.is_multiple_of(1_000_000_000) => format!("{}s", nanos / 1_000_000_000),
        () if nanos.is_multiple_of(1_000_000) => format!("{}ms", nanos / 1_000_000),
        () => format!("{}.{:09}s", nanos / 1_000_000_000, nanos % 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::raft::Rule;
    use crate::sim::script::{ScriptFault, run};

    fn short_world() -> WholeWorld {
        let options = RunOptions {
            span: Duration::from_secs(2),
            without: BTreeSet::from([Fault::Rot, Fault::Lag]),
            nodes: Some(3),
            quiet_until: Duration::from_nanos(1_500_000_001),
            ..RunOptions::default()
        };
        WholeWorld { seed: 9, options }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut world = short_world();
        world.options.lying_disks = true;
        world.options.rules = Rules::without(Rule::ReadQuorum).and_without(Rule::Stickiness);
        let report = run_seed(world.seed, &world.options, true);
        let text = world.script(&report);
        let read = WholeWorld::of_script(&text).expect("it is a world").expect("it is a whole one");
        assert_eq!(read, world, "{text}");
    }

    /// So a failure that is kept among the scripts says when it is mended.
    #[test]
    fn a_world_that_holds_comes_out_as_it_was_saved() {
        let world = short_world();
        let text = world.script(&run_seed(world.seed, &world.options, true));
        assert_eq!(run(&text, Rules::sound()).expect("it holds"), text);
    }

    #[test]
    fn a_world_that_breaks_fails_its_script_with_the_story() {
        let options = RunOptions { span: Duration::from_secs(10), lying_disks: true, ..RunOptions::default() };
        let broken = (0..40).find_map(|seed| {
            let report = run_seed(seed, &options, true);
            report.violation.clone().map(|violation| (WholeWorld { seed, options: options.clone() }, report, violation))
        });
        let (world, report, wanted) = broken.expect("such disks are noticed");
        let text = format!("cluster 3\n\n{world}\n");
        match run(&text, Rules::sound()) {
            Err(ScriptFault::Command { line: 3, source: CommandFault::Violated(violation), so_far, .. }) => {
                assert_eq!(violation, wanted);
                assert!(so_far.ends_with(report.lines.last().expect("a story")), "{so_far}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_something_else_is_refused() {
        assert!(WholeWorld::of_script("# only prose").is_none());
        assert!(WholeWorld::of_script("cluster 3\nworld seed=1").is_none(), "the first command decides");
        for (command, complaint) in [
            ("world", "seed=NUMBER is missing"),
            ("world seed=x", "`x` is not a number"),
            ("world seed=1 nodes=8", "`8` is not a number of nodes from 1 to 7"),
            ("world seed=1 nodes=0", "`0` is not a number of nodes from 1 to 7"),
            ("world seed=1 without=luck", "`luck` is not a fault"),
            ("world seed=1 time=5", "`5` is not a time like 1.5s"),
            ("world seed=1 luck", "nothing here takes `luck`"),
        ] {
            let found = WholeWorld::parse(command).expect("it is this command").expect_err(command);
            assert_eq!(found.to_string(), complaint);
        }
    }

    #[test]
    fn spans_are_read_back_as_they_were() {
        for nanos in [1_000_000_000, 60_000_000_000, 1_500_000, 1_234_567_891] {
            let written = span(Duration::from_nanos(nanos));
            assert_eq!(parse_duration(&written), Ok(Duration::from_nanos(nanos)), "{written}");
        }
    }
}
