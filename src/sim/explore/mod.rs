//! Model checking the real core: every course that a small cluster can take within given bounds, breadth first.
//!
//! Nodes time out, write, lose power and start again in any order; messages arrive in any order, late, any number of times or never;
//! writes become durable late, in part or not at all. Time is left out: deadlines fire whenever a step says so, which
//! covers every clock. After each step the invariants of the scripts are checked over the whole world. The first
//! violation met is one of the shortest, and is told as a story.
//!
//! What keeps the number of states small, without leaving any course out: messages are a set that only grows, so that
//! loss, delay and repetition need no steps; replies that their receiver will drop whenever they arrive are forgotten; and
//! nodes that nothing has happened to yet are interchangeable. Bounds do the rest: see `Bounds`.
//!
//! Left out so far: PreVote and check-quorum (they only keep elections from happening), changes of membership, and
//! snapshots. What was explored is exact up to the chance that two fingerprints of 128 bits collide.

mod fingerprint;
mod state;

use core::fmt;
use core::panic::AssertUnwindSafe;
use std::collections::VecDeque;
use std::panic::catch_unwind;

use fingerprint::Seen;
use state::{State, Step, What};

use super::script::checks::Violation;
use crate::raft::Rules;

/// How large the world is, and how far it is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub nodes: u8,
    /// Terms after the bootstrap's.
    pub terms: u8,
    /// Election timeouts that pass, over all nodes.
    pub campaigns: u8,
    /// Writes that take their time; the others are durable at once, unless an earlier one is still under way.
    pub slow_writes: u8,
    /// Entries that clients may write, besides the no-op of each term.
    pub proposals: u8,
    pub crashes: u8,
    /// Rounds of heartbeats.
    pub heartbeats: u8,
    pub reads: u8,
    /// Requests of a term that their receiver has left for good still arrive: all they do is to tell their sender of the
    /// newer term (R23). Without them there are far fewer states.
    pub stale_answers: bool,
    /// Most states that are looked at; each takes about a kilobyte while it waits, and 50 bytes for ever.
    pub states_max: usize,
    /// Most steps from the beginning.
    pub depth_max: usize,
    pub rules: Rules,
}

impl Default for Bounds {
    /// Three nodes, two terms, one crash: what a few seconds exhaust.
    fn default() -> Bounds {
        Bounds {
            nodes: 3,
            terms: 2,
            campaigns: 3,
            slow_writes: 1,
            proposals: 0,
            crashes: 1,
            heartbeats: 0,
            reads: 0,
            stale_answers: false,
            states_max: 1_000_000,
            depth_max: usize::MAX,
            rules: Rules::sound(),
        }
    }
}

impl Bounds {
    /// The same world under other rules.
    pub const fn breaking(self, rules: Rules) -> Bounds {
        Bounds { rules, ..self }
    }
}

/// What an exploration found out.
#[derive(Debug)]
pub struct Report {
    /// Different states.
    pub states: usize,
    /// Steps taken, many of which lead to states that were known.
    pub steps: u64,
    /// Steps from the beginning to the state farthest from it.
    pub depth: usize,
    pub verdict: Verdict,
}

#[derive(Debug)]
pub enum Verdict {
    /// Every course within the bounds was followed, and none breaks an invariant.
    Exhausted,
    /// No violation so far; the named limit ended the exploration.
    Stopped {
        limit: &'static str,
    },
    Violated(Counterexample),
}

/// A shortest way to a broken invariant.
#[derive(Debug)]
pub struct Counterexample {
    pub violation: Violation,
    /// Steps from the beginning, each with what then happened, as scripts print it.
    pub steps: Vec<(String, Vec<String>)>,
}

/// Where a state came from.
struct Origin {
    parent: u32,
    step: Step,
}

/// Follows every course within `bounds`, until one breaks an invariant or all are followed.
pub fn explore(bounds: &Bounds) -> Report {
    let mut search = Search::default();
    let verdict = search.run(bounds);
    Report { states: search.seen.len(), steps: search.steps, depth: search.depth, verdict }
}

struct Search {
    seen: Seen,
    origins: Vec<Origin>,
    steps: u64,
    depth: usize,
}

impl Default for Search {
    fn default() -> Search {
        Search { seen: Seen::new(), origins: Vec::new(), steps: 0, depth: 0 }
    }
}

impl Search {
    fn run(&mut self, bounds: &Bounds) -> Verdict {
        let mut first = match State::first(bounds) {
            Ok(first) => first,
            Err(violation) => return Verdict::Violated(Counterexample { violation, steps: Vec::new() }),
        };
        self.seen.insert(first.print(bounds));
        self.origins.push(Origin { parent: 0, step: Step { what: What::Timeout { node: 0 }, slow: false } });
        let mut waiting = VecDeque::from([(0_u32, 0_usize, first)]);
        let mut steps = Vec::new();
        let mut cut = None;
        while let Some((parent, depth, state)) = waiting.pop_front() {
            if depth >= bounds.depth_max {
                cut = Some("depth");
                continue;
            }
            state.steps(bounds, &mut steps);
            for step in &steps {
                self.steps += 1;
                let mut next = match guarded(|| state.after(bounds, *step, None)) {
                    Ok(next) => next,
                    Err(violation) => return Verdict::Violated(self.tell(bounds, parent, *step, violation)),
                };
                if self.seen.insert(next.print(bounds)) {
                    self.depth = depth + 1;
                    let place = u32::try_from(self.origins.len()).expect("the limit of states is below 4 billion");
                    self.origins.push(Origin { parent, step: *step });
                    waiting.push_back((place, depth + 1, next));
                }
            }
            if self.seen.len() >= bounds.states_max {
                return Verdict::Stopped { limit: "states" };
            }
        }
        cut.map_or(Verdict::Exhausted, |limit| Verdict::Stopped { limit })
    }

    /// Goes the way to the violation once more, and writes down what happens.
    fn tell(&self, bounds: &Bounds, mut place: u32, last: Step, violation: Violation) -> Counterexample {
        let mut way = vec![last];
        while place != 0 {
            let origin = &self.origins[place as usize];
            way.push(origin.step);
            place = origin.parent;
        }
        let mut state = State::first(bounds).expect("the world started before");
        state.print(bounds);
        let mut steps = Vec::new();
        for step in way.into_iter().rev() {
            let mut story = Vec::new();
            let title = state.describe(step);
            let next = guarded(|| state.after(bounds, step, Some(&mut story)));
            steps.push((title, story.iter().map(ToString::to_string).collect()));
            if let Ok(mut next) = next {
                next.print(bounds);
                state = next;
            }
        }
        Counterexample { violation, steps }
    }
}

/// An assertion that fails is a violation, too.
fn guarded<T>(step: impl FnOnce() -> Result<T, Violation>) -> Result<T, Violation> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let what = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Violation { rule: "an assertion", what: what.unwrap_or_default() })
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { states, steps, depth, verdict } = self;
        let how = match verdict {
            Verdict::Exhausted => "exhausted".to_owned(),
            Verdict::Stopped { limit } => format!("stopped at the limit of {limit}"),
            Verdict::Violated(found) => format!("violated after {} steps: {}", found.steps.len(), found.violation),
        };
        write!(f, "{states} states, {steps} steps, depth {depth}: {how}")
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (title, lines)) in (1..).zip(&self.steps) {
            writeln!(f, "{number:>3}. {title}")?;
            for line in lines {
                writeln!(f, "     {line}")?;
            }
        }
        write!(f, "broken: {}", self.violation)
    }
}
