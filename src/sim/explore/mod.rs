//! Model checking the real core: every course that a small cluster can take within given bounds, breadth first.
//!
//! Nodes time out, write, lose power, find their disks damaged and start again in any order; operators change the
//! members; messages arrive in any order, late, any number of times or never; writes become durable late, in part or
//! not at all. Deadlines fire whenever a step says so, which covers every clock; where leases matter, moments pass, and
//! clocks run at rates of their own. After each step the invariants of the scripts are checked over the whole world. The
//! first violation met is one of the shortest, and is told as a story.
//!
//! What keeps the number of states small, without leaving any course out: messages are a set that only grows, so that
//! loss, delay and repetition need no steps; replies that their receiver will drop whenever they arrive are forgotten;
//! nodes that nothing has happened to yet are interchangeable; and a step that changes nothing is none. Bounds do the
//! rest: see `Bounds`. A state that waits takes about a hundred bytes, one that is done about thirty.
//!
//! Left out so far: snapshots. What was explored is exact up to the chance that two fingerprints collide.

mod bounds;
mod fingerprint;
mod node;
mod state;

use core::fmt;
use core::panic::AssertUnwindSafe;
use std::collections::VecDeque;
use std::panic::catch_unwind;

pub use bounds::{Bounds, ChangeKind, UnknownChange};
use fingerprint::Seen;
use node::Input;
use state::{Memory, State, Step};

use super::script::checks::Violation;

/// What an exploration found out.
#[derive(Debug)]
pub struct Report {
    /// Different states.
    pub states: usize,
    /// Steps taken, many of which lead to states that were known.
    pub steps: u64,
    /// Steps from the beginning to the state farthest from it.
    pub depth: usize,
    /// Different nodes, messages and pasts in all those states.
    pub parts: [usize; 3],
    pub verdict: Verdict,
}

#[derive(Debug)]
pub enum Verdict {
    /// Every course within the bounds was followed, and none breaks an invariant.
    Exhausted,
    /// No violation so far; the named limit ended the exploration.
    Stopped {
        limit: &'static str,
        /// Every course of up to so many steps was followed.
        complete_depth: usize,
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

/// Follows every course within `bounds`, until one breaks an invariant or all are followed.
pub fn explore(bounds: &Bounds) -> Report {
    let mut search = Search::new(bounds);
    let verdict = search.run();
    Report {
        states: search.seen.len(),
        steps: search.steps,
        depth: search.depth,
        parts: search.memory.sizes(),
        verdict,
    }
}

/// States that one step may lead to beyond the limit.
const STATES_OVER_LIMIT: usize = 1 << 12;

struct Search {
    memory: Memory,
    seen: Seen,
    origins: Origins,
    steps: u64,
    depth: usize,
}

impl Search {
    fn new(bounds: &Bounds) -> Search {
        Search {
            memory: Memory::new(bounds),
            seen: Seen::with_room_for(bounds.states_max + STATES_OVER_LIMIT),
            origins: Origins::default(),
            steps: 0,
            depth: 0,
        }
    }

    fn run(&mut self) -> Verdict {
        let bounds = *self.memory.bounds();
        let mut first = match self.memory.first() {
            Ok(first) => first,
            Err(violation) => return Verdict::Violated(Counterexample { violation, steps: Vec::new() }),
        };
        self.seen.insert(first.print());
        self.origins.push(0, 0);
        let mut waiting = Waiting::default();
        waiting.push(&mut first);
        let mut steps = Vec::new();
        // Places are numbered as they wait: those below `level_end` are `depth` steps from the beginning.
        let (mut depth, mut level_end) = (0, 1);
        for place in 0_u32.. {
            if place == level_end {
                (depth, level_end) = (depth + 1, self.origins.len());
            }
            let Some(state) = waiting.pop() else { return Verdict::Exhausted };
            if depth >= bounds.depth_max {
                return Verdict::Stopped { limit: "depth", complete_depth: depth };
            }
            self.memory.steps(&state, &mut steps);
            for step in &steps {
                self.steps += 1;
                let next = match guarded(|| self.memory.after(&state, *step)) {
                    Ok(next) => next,
                    Err(violation) => return Verdict::Violated(self.tell(place, *step, violation)),
                };
                let Some(mut next) = next else { continue };
                if self.seen.insert(next.print()) {
                    self.depth = depth + 1;
                    self.origins.push(place, step.code());
                    waiting.push(&mut next);
                }
            }
            if self.seen.len() >= bounds.states_max {
                return Verdict::Stopped { limit: "states", complete_depth: depth };
            }
        }
        unreachable!("places are counted with 32 bits, and states end before that")
    }

    /// Goes the way to the violation once more, and writes down what happens.
    fn tell(&mut self, mut place: u32, last: Step, violation: Violation) -> Counterexample {
        let mut way = vec![last];
        while place != 0 {
            let (parent, code) = self.origins.get(place);
            way.push(Step::from_code(code));
            place = parent;
        }
        let mut state = self.memory.first().expect("the world started before");
        let mut steps = Vec::new();
        for step in way.into_iter().rev() {
            steps.push(self.memory.story(&state, step));
            if let Ok(Some(next)) = guarded(|| self.memory.after(&state, step)) {
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

/// Where each state came from: its parent's place and the code of the step. In pieces, so that growing moves nothing.
#[derive(Default)]
struct Origins {
    pieces: Vec<Vec<(u32, u32)>>,
}

const ORIGINS_PER_PIECE: usize = 1 << 20;

impl Origins {
    fn push(&mut self, parent: u32, code: u32) {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < ORIGINS_PER_PIECE => piece.push((parent, code)),
            _ => self.pieces.push(vec![(parent, code)]),
        }
    }

    fn get(&self, place: u32) -> (u32, u32) {
        self.pieces[place as usize / ORIGINS_PER_PIECE][place as usize % ORIGINS_PER_PIECE]
    }

    fn len(&self) -> u32 {
        let full = self.pieces.len().saturating_sub(1) * ORIGINS_PER_PIECE;
        let count = full + self.pieces.last().map_or(0, Vec::len);
        u32::try_from(count).expect("the limit of states is below 4 billion")
    }
}

/// States that nobody has looked at yet, first in, first out, as bytes.
#[derive(Default)]
struct Waiting {
    pieces: VecDeque<Vec<u8>>,
    /// How much of the first piece is read.
    read: usize,
}

const BYTES_PER_PIECE: usize = 1 << 20;

impl Waiting {
    fn push(&mut self, state: &mut State) {
        if self.pieces.back().is_none_or(|piece| piece.len() >= BYTES_PER_PIECE) {
            self.pieces.push_back(Vec::new());
        }
        state.write(self.pieces.back_mut().expect("it was pushed if there was none"));
    }

    fn pop(&mut self) -> Option<State> {
        let mut rest = self.pieces.front()?.get(self.read..).filter(|rest| !rest.is_empty())?;
        let state = State::read(&mut rest);
        self.read = if rest.is_empty() { 0 } else { self.pieces[0].len() - rest.len() };
        if self.read == 0 {
            self.pieces.pop_front();
        }
        Some(state)
    }
}

/// A step as 32 bits: how slow it is, which node, what kind of input, and what that says.
impl Step {
    fn code(self) -> u32 {
        let (kind, says) = match self.input {
            Input::Timeout => (0, 0),
            Input::Propose => (1, 0),
            Input::Beat => (2, 0),
            Input::Read { ticket } => (3, u32::from(ticket)),
            Input::Change { choice } => (4, u32::from(choice)),
            Input::Transfer { to } => (5, u32::from(to)),
            Input::Persist => (6, 0),
            Input::Crash { parts } => (7, u32::from(parts)),
            Input::Damage { from } => (8, u32::from(from)),
            Input::Pass => (9, 0),
            Input::Deliver { message } => (10, message),
        };
        assert!(says < 1 << 24, "a small world has few messages");
        u32::from(self.slow) << 31 | u32::from(self.node) << 28 | kind << 24 | says
    }

    fn from_code(code: u32) -> Step {
        let says = code & 0xff_ffff;
        let small = says as u8;
        let input = match code >> 24 & 0xf {
            0 => Input::Timeout,
            1 => Input::Propose,
            2 => Input::Beat,
            3 => Input::Read { ticket: small },
            4 => Input::Change { choice: small },
            5 => Input::Transfer { to: small },
            6 => Input::Persist,
            7 => Input::Crash { parts: small },
            8 => Input::Damage { from: small },
            9 => Input::Pass,
            _ => Input::Deliver { message: says },
        };
        Step { node: (code >> 28 & 7) as u8, input, slow: code >> 31 == 1 }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { states, steps, depth, parts: [nodes, messages, pasts], verdict } = self;
        let how = match verdict {
            Verdict::Exhausted => "exhausted".to_owned(),
            Verdict::Stopped { limit, complete_depth } => {
                format!("no violation; stopped at the limit of {limit}, complete up to {complete_depth} steps")
            }
            Verdict::Violated(found) => format!("violated after {} steps: {}", found.steps.len(), found.violation),
        };
        write!(f, "{states} states of {nodes} nodes, {messages} messages and {pasts} pasts, ")?;
        write!(f, "{steps} steps, depth {depth}: {how}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_what_its_code_says() {
        let inputs = [
            Input::Timeout,
            Input::Propose,
            Input::Beat,
            Input::Read { ticket: 3 },
            Input::Change { choice: 2 },
            Input::Transfer { to: 4 },
            Input::Persist,
            Input::Crash { parts: 5 },
            Input::Damage { from: 1 },
            Input::Pass,
            Input::Deliver { message: 1_000_000 },
        ];
        for input in inputs {
            for step in [Step { node: 4, input, slow: false }, Step { node: 0, input, slow: true }] {
                assert_eq!(Step::from_code(step.code()), step);
            }
        }
    }

    #[test]
    fn states_wait_in_order() {
        let mut memory = Memory::new(&Bounds::calm());
        let mut first = memory.first().expect("it starts");
        let mut other = memory
            .after(&first, Step { node: 0, input: Input::Timeout, slow: false })
            .expect("nothing breaks")
            .expect("n1 campaigns");
        let mut waiting = Waiting::default();
        for _ in 0..20_000 {
            waiting.push(&mut first);
            waiting.push(&mut other);
        }
        for _ in 0..20_000 {
            assert_eq!([waiting.pop(), waiting.pop()], [Some(first.clone()), Some(other.clone())]);
        }
        assert_eq!(waiting.pop(), None);
    }
}
