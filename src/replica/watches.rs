//! Watches: who waits for which key to change, and what each of them is told.
//!
//! A watch asks for what came after a revision. What the history has is answered at once, so a watcher that was away
//! misses nothing; else it waits here for the first entry that changes one of its keys, and is told of all changes that
//! were applied with it. It waits for a bounded time, and as long as this node knows a leader: one that is cut off must
//! not keep its watchers. Who waits costs nothing until then, whatever else is written.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::mind::Replica;
use crate::api::{
    Answer, ClientId, KEY_SIZE_MAX, KeyChange, Keys, Refused, State, WATCH_BYTES_MAX, WATCH_CHANGES_MAX, WATCH_WAIT_MAX,
};
use crate::raft::{Index, Time};
use crate::state_machine::{Change, Entry};

/// How long a watch stays at a node that knows no leader.
const LEADERLESS_WAIT_MAX: Duration = Duration::from_secs(2);

/// Most bytes of the keys that are waited for.
const KEY_BYTES_MAX: usize = 64 << 20;

/// Changes that are looked through in one turn for watches that have just come; the others wait for the next turn, so
/// that thousands that ask again at once hold nobody up.
const LOOKED_THROUGH_MAX: usize = 20_000;

/// What a client has asked for.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) client: ClientId,
    pub(super) request: u64,
    pub(super) keys: Keys,
    pub(super) after: Index,
    pub(super) previous: bool,
}

/// All watches that wait.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// Those that were not looked at yet, each with the end of its wait.
    arriving: VecDeque<(Time, Watch)>,
    by_number: BTreeMap<u64, (Time, Watch)>,
    by_key: BTreeMap<Vec<u8>, BTreeSet<u64>>,
    by_prefix: BTreeMap<Vec<u8>, BTreeSet<u64>>,
    /// How many of the watched prefixes have each length.
    prefix_lengths: BTreeMap<usize, usize>,
    by_end: BTreeSet<(Time, u64)>,
    key_bytes: usize,
    next_number: u64,
    /// Changes up to here have found their watchers.
    told: u64,
    leaderless_since: Option<Time>,
}

impl Watches {
    pub(super) fn len(&self) -> usize {
        self.by_number.len() + self.arriving.len()
    }

    /// Whether nobody waits for a change.
    fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    pub(super) fn next_end(&self) -> Option<Time> {
        self.by_end.first().map(|(end, _)| *end)
    }

    fn push(&mut self, end: Time, watch: Watch) {
        let number = self.next_number;
        self.next_number += 1;
        let (Keys::One(bytes) | Keys::Prefix(bytes)) = &watch.keys;
        self.key_bytes += bytes.len();
        if let Keys::Prefix(prefix) = &watch.keys {
            self.by_prefix.entry(prefix.clone()).or_default().insert(number);
            *self.prefix_lengths.entry(prefix.len()).or_default() += 1;
        } else {
            self.by_key.entry(bytes.clone()).or_default().insert(number);
        }
        self.by_end.insert((end, number));
        self.by_number.insert(number, (end, watch));
    }

    fn remove(&mut self, number: u64) -> Option<Watch> {
        let (end, watch) = self.by_number.remove(&number)?;
        self.by_end.remove(&(end, number));
        let (Keys::One(bytes) | Keys::Prefix(bytes)) = &watch.keys;
        self.key_bytes -= bytes.len();
        let of_kind = match &watch.keys {
            Keys::One(_) => &mut self.by_key,
            Keys::Prefix(prefix) => {
                forget_one(&mut self.prefix_lengths, prefix.len());
                &mut self.by_prefix
            }
        };
        let numbers = of_kind.get_mut(bytes).expect("a watch is found by its keys");
        numbers.remove(&number);
        if numbers.is_empty() {
            of_kind.remove(bytes);
        }
        Some(watch)
    }

    pub(super) fn forget(&mut self, client: ClientId) {
        let of_client = |(number, (_, watch)): (&u64, &(Time, Watch))| (watch.client == client).then_some(*number);
        let numbers: Vec<u64> = self.by_number.iter().filter_map(of_client).collect();
        for number in numbers {
            self.remove(number);
        }
        self.arriving.retain(|(_, watch)| watch.client != client);
    }

    pub(super) fn take_all(&mut self) -> Vec<Watch> {
        let numbers: Vec<u64> = self.by_number.keys().copied().collect();
        let mut all: Vec<Watch> = numbers.into_iter().filter_map(|number| self.remove(number)).collect();
        all.extend(self.arriving.drain(..).map(|(_, watch)| watch));
        all
    }

    fn take_ended(&mut self, now: Time) -> Vec<Watch> {
        let numbers: Vec<u64> =
            self.by_end.iter().take_while(|(end, _)| *end <= now).map(|(_, number)| *number).collect();
        numbers.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    /// Who waits for this key.
    fn watching(&self, key: &[u8]) -> impl Iterator<Item = u64> {
        let prefixes = self.prefix_lengths.keys().filter_map(|length| self.by_prefix.get(key.get(..*length)?));
        self.by_key.get(key).into_iter().chain(prefixes).flatten().copied()
    }

    /// Finds the watchers of `changes`, each with its own in order.
    fn find(&self, changes: impl Iterator<Item = Change>) -> BTreeMap<u64, Vec<Change>> {
        let mut found: BTreeMap<u64, Vec<Change>> = BTreeMap::new();
        for change in changes {
            for number in self.watching(change.key()) {
                if self.by_number.get(&number).is_some_and(|(_, watch)| watch.after.0 < change.revision) {
                    found.entry(number).or_default().push(change.clone());
                }
            }
        }
        found
    }
}

impl Replica {
    pub(super) fn take_watch(&mut self, now: Time, watch: Watch, wait: Duration) {
        let (Keys::One(bytes) | Keys::Prefix(bytes)) = &watch.keys;
        let size_bytes = bytes.len();
        let because = if size_bytes > KEY_SIZE_MAX {
            Refused::KeyTooLarge { size_bytes: size_bytes as u64, limit_bytes: KEY_SIZE_MAX as u64 }
        } else if self.watches.len() >= self.limits.waiting_watches_max || self.watches.key_bytes > KEY_BYTES_MAX {
            Refused::Busy
        } else {
            return self.watches.arriving.push_back((now + wait.min(WATCH_WAIT_MAX), watch));
        };
        self.answer(watch.client, watch.request, Answer::Refused(because));
    }

    /// Answers the watches that have come from what is known, or lets them wait. True when some were not looked at.
    pub(super) fn look_back_for_watches(&mut self) -> bool {
        let mut looked_through = 0;
        while looked_through < LOOKED_THROUGH_MAX
            && let Some((end, watch)) = self.watches.arriving.pop_front()
        {
            match self.known_changes(&watch, &mut looked_through) {
                Some(answer) => self.answer(watch.client, watch.request, answer),
                None => {
                    if self.watches.is_empty() {
                        self.watches.told = self.machine.applied();
                    }
                    self.watches.push(end, watch);
                }
            }
        }
        !self.watches.arriving.is_empty()
    }

    /// What a watch is told at once; none when it has to wait.
    fn known_changes(&self, watch: &Watch, looked_through: &mut usize) -> Option<Answer> {
        let history = self.machine.map().history();
        if watch.after.0 < history.forgotten_to() {
            return Some(compacted(history.forgotten_to()));
        }
        let changes = history.after(watch.after.0).inspect(|_| *looked_through += 1);
        let own = changes.filter(|change| watch.keys.contain(change.key()));
        let page = page(own, watch.previous, Index(self.machine.applied()));
        let is_news = matches!(&page, Answer::Changes { changes, .. } if !changes.is_empty());
        is_news.then_some(page)
    }

    /// Tells whoever waits for what was applied since the last time.
    pub(super) fn tell_watchers(&mut self) {
        let applied = self.machine.applied();
        if self.watches.is_empty() || self.watches.told == applied {
            return;
        }
        let history = self.machine.map().history();
        let told = self.watches.told;
        self.watches.told = applied;
        let forgotten_to = history.forgotten_to();
        if told < forgotten_to {
            // A snapshot has taken the place of entries that were never applied here.
            self.refuse_compacted_watches(told, forgotten_to);
        }
        let history = self.machine.map().history();
        for (number, changes) in self.watches.find(history.after(told).cloned()) {
            let watch = self.watches.remove(number).expect("who was just found waits");
            let answer = page(changes.iter(), watch.previous, Index(applied));
            self.answer(watch.client, watch.request, answer);
        }
    }

    fn refuse_compacted_watches(&mut self, told: u64, forgotten_to: u64) {
        let is_behind =
            |(number, (_, watch)): (&u64, &(Time, Watch))| (watch.after.0.max(told) < forgotten_to).then_some(*number);
        let behind: Vec<u64> = self.watches.by_number.iter().filter_map(is_behind).collect();
        for number in behind {
            let watch = self.watches.remove(number).expect("who was just found waits");
            self.answer(watch.client, watch.request, compacted(forgotten_to));
        }
    }

    /// Ends watches that have waited long enough: with nothing, or, where there was no leader for too long, with that.
    pub(super) fn end_watches(&mut self, now: Time) {
        let up_to = Index(self.machine.applied());
        let has_leader = self.core.leader().is_some();
        for watch in self.watches.take_ended(now) {
            let answer = match has_leader {
                true => Answer::Changes { changes: Vec::new(), up_to: up_to.max(watch.after) },
                false => leaderless(),
            };
            self.answer(watch.client, watch.request, answer);
        }
    }

    /// Notices when this node knows no leader any more, and lets its watchers go when that lasts.
    pub(super) fn settle_watches(&mut self, now: Time) {
        if self.watches.is_empty() && self.watches.arriving.is_empty() {
            self.watches.leaderless_since = None;
            return;
        }
        if self.is_handing_over() {
            for watch in self.watches.take_all() {
                let because = "this node is stopping".to_owned();
                self.answer(watch.client, watch.request, Answer::Refused(Refused::Unavailable { because }));
            }
        }
        if self.core.leader().is_some() {
            self.watches.leaderless_since = None;
            return;
        }
        let since = *self.watches.leaderless_since.get_or_insert(now);
        if now.since(since) >= LEADERLESS_WAIT_MAX {
            // Who asks again waits as long again, or thousands would ask as fast as they are refused.
            self.watches.leaderless_since = None;
            for watch in self.watches.take_all() {
                self.answer(watch.client, watch.request, leaderless());
            }
        }
    }

    /// When watches end next.
    pub(super) fn next_watch_end(&self) -> Option<Time> {
        let leaderless = self.watches.leaderless_since.map(|since| since + LEADERLESS_WAIT_MAX);
        [self.watches.next_end(), leaderless].into_iter().flatten().min()
    }
}

fn compacted(forgotten_to: u64) -> Answer {
    Answer::Refused(Refused::Compacted { oldest: Index(forgotten_to).next() })
}

fn leaderless() -> Answer {
    Answer::Refused(Refused::Unavailable { because: "this node has no contact with a leader".to_owned() })
}

fn forget_one(counts: &mut BTreeMap<usize, usize>, length: usize) {
    let count = counts.get_mut(&length).expect("every watched prefix was counted");
    *count -= 1;
    if *count == 0 {
        counts.remove(&length);
    }
}

/// As many of `changes` as one answer holds, by whole revisions.
fn page<'a>(changes: impl Iterator<Item = &'a Change>, previous: bool, applied: Index) -> Answer {
    let mut page: Vec<KeyChange> = Vec::new();
    let mut bytes = 0;
    for change in changes {
        let is_full = page.len() >= WATCH_CHANGES_MAX || bytes >= WATCH_BYTES_MAX;
        if is_full && page.last().is_some_and(|last| last.revision.0 != change.revision) {
            let up_to = page.last().map_or(applied, |last| last.revision);
            return Answer::Changes { changes: page, up_to };
        }
        let previous = if previous { change.previous.as_ref().map(state) } else { None };
        let current = change.current.as_ref().map(state);
        let value_bytes = [&current, &previous].into_iter().flatten().map(|state| state.value.len()).sum::<usize>();
        bytes += change.key().len() + value_bytes;
        page.push(KeyChange { revision: Index(change.revision), key: change.key().to_vec(), current, previous });
    }
    Answer::Changes { changes: page, up_to: applied }
}

fn state(entry: &Entry) -> State {
    State {
        value: entry.value().to_vec(),
        revision: Index(entry.revision()),
        created: Index(entry.created()),
        version: entry.version(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Ask;
    use crate::replica::Limits;
    use crate::replica::testing::World;

    const WAIT: Duration = Duration::from_secs(5);

    fn watch(world: &mut World, node: u64, keys: Keys, after: u64) -> u64 {
        world.ask(node, Ask::Watch { keys, after: Index(after), previous: true, wait: WAIT })
    }

    fn key(key: &str) -> Keys {
        Keys::One(key.as_bytes().to_vec())
    }

    /// Revision, key, value now and value before.
    type Told = (u64, String, Option<String>, Option<String>);

    fn told(world: &mut World, node: u64, request: u64) -> Option<(Vec<Told>, u64)> {
        let text = |state: &Option<State>| state.as_ref().map(|state| String::from_utf8(state.value.clone()).unwrap());
        match world.answer(node, request)? {
            Answer::Changes { changes, up_to } => {
                let one = |change: &KeyChange| {
                    let key = String::from_utf8(change.key.clone()).unwrap();
                    (change.revision.0, key, text(&change.current), text(&change.previous))
                };
                Some((changes.iter().map(one).collect(), up_to.0))
            }
            other => panic!("the changes were asked for, and it answers {other:?}"),
        }
    }

    fn change(revision: u64, key: &str, current: &str, previous: Option<&str>) -> Told {
        (revision, key.to_owned(), Some(current.to_owned()), previous.map(str::to_owned))
    }

    #[test]
    fn a_watch_hears_of_its_keys_at_any_node_and_of_nothing_else() {
        let (mut world, leader) = World::led();
        let follower = leader % 3 + 1;
        let applied = world.replica(follower).machine().applied();
        let one = watch(&mut world, follower, key("a"), applied);
        let prefix = watch(&mut world, leader, Keys::Prefix(b"a".to_vec()), applied);
        world.put(leader, "b", "other");
        world.settle();
        world.pass(Duration::from_millis(200));
        assert_eq!((told(&mut world, follower, one), told(&mut world, leader, prefix)), (None, None));
        world.put(leader, "aa", "first");
        world.settle();
        world.put(leader, "a", "second");
        world.settle();
        world.pass(Duration::from_millis(200));
        let second = change(applied + 3, "a", "second", None);
        assert_eq!(told(&mut world, follower, one), Some((vec![second.clone()], applied + 3)));
        let first = change(applied + 2, "aa", "first", None);
        assert_eq!(
            told(&mut world, leader, prefix),
            Some((vec![first.clone()], applied + 2)),
            "it ended with the first"
        );
        let again = watch(&mut world, follower, Keys::Prefix(b"a".to_vec()), applied);
        world.turn(follower);
        assert_eq!(
            told(&mut world, follower, again),
            Some((vec![first, second], applied + 3)),
            "as the history has it"
        );
        let rest = watch(&mut world, follower, Keys::Prefix(b"a".to_vec()), applied + 3);
        world.put(leader, "a", "third");
        world.settle();
        world.pass(Duration::from_millis(200));
        let third = change(applied + 4, "a", "third", Some("second"));
        assert_eq!(told(&mut world, follower, rest), Some((vec![third], applied + 4)));
    }

    #[test]
    fn a_watch_from_the_future_hears_only_of_what_comes_then() {
        let (mut world, leader) = World::led();
        let applied = world.replica(leader).machine().applied();
        let later = watch(&mut world, leader, key("a"), applied + 1);
        world.put(leader, "a", "too early");
        world.settle();
        assert_eq!(told(&mut world, leader, later), None);
        world.put(leader, "a", "in time");
        world.settle();
        let change = change(applied + 2, "a", "in time", Some("too early"));
        assert_eq!(told(&mut world, leader, later), Some((vec![change], applied + 2)));
    }

    #[test]
    fn nothing_is_an_answer_too_once_the_wait_is_over() {
        let (mut world, leader) = World::led();
        let applied = world.replica(leader).machine().applied();
        let request = watch(&mut world, leader, key("a"), applied + 7);
        world.pass(WAIT - Duration::from_millis(100));
        assert_eq!(told(&mut world, leader, request), None);
        world.pass(Duration::from_millis(200));
        assert_eq!(told(&mut world, leader, request), Some((Vec::new(), applied + 7)));
    }

    #[test]
    fn a_node_without_a_leader_lets_its_watchers_go() {
        let (mut world, leader) = World::led();
        let follower = leader % 3 + 1;
        let applied = world.replica(follower).machine().applied();
        let before = watch(&mut world, follower, key("a"), applied);
        world.turn(follower);
        world.cut_off(follower);
        world.pass(Duration::from_secs(2));
        let without = watch(&mut world, follower, key("a"), applied);
        world.pass(LEADERLESS_WAIT_MAX + Duration::from_millis(100));
        for request in [before, without] {
            let answer = world.answer(follower, request);
            assert!(matches!(answer, Some(Answer::Refused(Refused::Unavailable { .. }))), "{answer:?}");
        }
    }

    #[test]
    fn who_asks_again_at_a_node_without_a_leader_waits_again() {
        let (mut world, leader) = World::led();
        let follower = leader % 3 + 1;
        world.cut_off(follower);
        world.pass(Duration::from_secs(2));
        let mut request = watch(&mut world, follower, key("a"), 0);
        let mut refused = 0;
        // Another one is always there, so that the node is never without watchers.
        for _ in 0..100 {
            watch(&mut world, follower, key("b"), 0);
            world.pass(Duration::from_millis(100));
            if world.answer(follower, request).is_some() {
                refused += 1;
                request = watch(&mut world, follower, key("a"), 0);
            }
        }
        assert!((3..=5).contains(&refused), "{refused} times in ten seconds");
    }

    #[test]
    fn a_start_that_is_forgotten_is_refused_with_the_oldest_that_is_not() {
        let mut world =
            World::of(3, Limits { history: crate::state_machine::HistoryLimits::tiny(), ..Limits::default() });
        let leader = world.elect();
        for number in 0..9 {
            world.put(leader, "a", &format!("{number}"));
            world.settle();
        }
        let forgotten_to = world.replica(leader).map().history().forgotten_to();
        assert!(forgotten_to > 1);
        let request = watch(&mut world, leader, key("b"), forgotten_to - 1);
        world.turn(leader);
        let oldest = Index(forgotten_to + 1);
        assert_eq!(world.answer(leader, request), Some(Answer::Refused(Refused::Compacted { oldest })));
        let request = watch(&mut world, leader, key("a"), forgotten_to);
        world.turn(leader);
        assert_eq!(told(&mut world, leader, request).map(|(changes, _)| changes[0].0), Some(oldest.0));
    }

    #[test]
    fn watches_are_bounded_and_go_with_their_client() {
        let mut world = World::of(3, Limits { waiting_watches_max: 2, ..Limits::default() });
        let leader = world.elect();
        let applied = world.replica(leader).machine().applied();
        let first = watch(&mut world, leader, key("a"), applied);
        watch(&mut world, leader, Keys::Prefix(b"a".to_vec()), applied);
        let third = watch(&mut world, leader, key("a"), applied);
        world.turn(leader);
        assert_eq!(world.answer(leader, first), None);
        assert_eq!(world.answer(leader, third), Some(Answer::Refused(Refused::Busy)));
        let mut watches = Watches::default();
        for (client, keys) in [(1, key("a")), (2, key("a")), (1, Keys::Prefix(b"a".to_vec())), (2, key("b"))] {
            let client = ClientId(client);
            watches.push(Time(5), Watch { client, request: 0, keys, after: Index(0), previous: false });
        }
        watches.forget(ClientId(1));
        assert_eq!(watches.watching(b"a").collect::<Vec<_>>(), [1]);
        assert!(watches.prefix_lengths.is_empty() && watches.by_prefix.is_empty());
        assert_eq!((watches.len(), watches.key_bytes), (2, 2));
        watches.forget(ClientId(2));
        assert!(watches.by_end.is_empty() && watches.by_key.is_empty() && watches.key_bytes == 0);
    }

    #[test]
    fn a_page_ends_behind_a_whole_revision() {
        let mut scratch = Vec::new();
        let mut entry = |revision: u64, key: u64| {
            let current = Some(Entry::build(&mut scratch, [revision, revision, 1], &key.to_be_bytes(), b"v"));
            Change { revision, current, previous: None }
        };
        let size = WATCH_CHANGES_MAX as u64;
        let mut changes: Vec<Change> = (1..size).map(|number| entry(number, number)).collect();
        changes.extend((0..5).map(|number| entry(size, number)));
        changes.push(entry(size + 1, 1));
        let Answer::Changes { changes, up_to } = page(changes.iter(), false, Index(9_999)) else { panic!("a page") };
        assert_eq!((changes.len(), up_to), (WATCH_CHANGES_MAX + 4, Index(size)));
    }
}
