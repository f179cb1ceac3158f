//! A log to look at: where it lies, what is known beside it, and the walk over it.
//!
//! A node may write meanwhile. What is half written then looks damaged for an instant, so damage in the directory of
//! a running node is believed only if a second look finds it at the same place.

use std::path::{Path, PathBuf};

use crate::storage::hard_state;
use crate::storage::layout::{self, RunFile};
use crate::storage::reader::{self, Damage, Item, Walk, WalkError};

/// How often damage in a log that is being written is looked at again before it is believed.
const LOOKS_AGAIN: usize = 3;

/// One log, named by a node or by a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The node whose log it is; none when a path was given.
    pub node: Option<String>,
    /// A node's directory, a data directory, a directory of segments or a segment.
    pub path: PathBuf,
}

impl Source {
    /// What a line calls it.
    pub fn name(&self) -> String {
        self.node.clone().unwrap_or_else(|| self.path.display().to_string())
    }

    pub fn walk(&self) -> Result<Walk, WalkError> {
        reader::walk(&self.path)
    }

    /// The data directory it belongs to, as far as that can be told.
    pub fn data_dir(&self) -> Option<PathBuf> {
        let candidates = [self.path.join("data"), self.path.clone()];
        candidates
            .into_iter()
            .chain(self.path.ancestors().skip(1).take(2).map(Path::to_path_buf))
            .find(|candidate| layout::hard_state_file(candidate).is_file() && layout::log_dir(candidate).is_dir())
    }

    /// Whether a process writes to it now.
    pub fn is_running(&self) -> bool {
        let node = self.data_dir().and_then(|data| data.parent().map(Path::to_path_buf));
        node.is_some_and(|node| RunFile::read(&node).and_then(|run| run.is_alive()).unwrap_or(false))
    }

    /// The commit index that the hard state remembers; zero when it cannot be read.
    pub fn commit_in_hard_state(&self) -> u64 {
        let Some(data) = self.data_dir() else { return 0 };
        let slots = hard_state::inspect(&layout::hard_state_file(&data)).map(|found| found.slots);
        slots.map_or(0, |slots| slots.iter().flatten().map(|slot| slot.commit_hint.0).max().unwrap_or(0))
    }

    /// Of `found`, what is damage and not the trace of a write under way.
    pub fn confirm(&self, mut found: Vec<Damage>) -> Result<Vec<Damage>, WalkError> {
        for _ in 0..LOOKS_AGAIN {
            if found.is_empty() || !self.is_running() {
                return Ok(found);
            }
            let again: Vec<Damage> = self.walk()?.filter_map(damage_of).collect();
            found.retain(|one| again.iter().any(|other| (&other.file, other.offset) == (&one.file, one.offset)));
        }
        Ok(found)
    }
}

fn damage_of(item: Item) -> Option<Damage> {
    match item {
        Item::Damage(damage) => Some(damage),
        _ => None,
    }
}
