//! A place for clusters that run: the binary in it, and an end to whatever a test has left there.

use crate::common::{Ran, raftctl};

/// A state directory of its own; its clusters end with it.
pub struct Home(pub tempfile::TempDir);

impl Home {
    pub fn new() -> Home {
        Home(tempfile::tempdir().expect("a temporary directory can be made"))
    }

    /// With a cluster of three nodes that runs.
    pub fn up(options: &[&str]) -> Home {
        let home = Home::new();
        home.ok(&[&["cluster", "up", "-d", "--nodes", "3"], options].concat());
        home
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::from(raftctl(self.0.path(), words).output().expect("the binary runs"))
    }

    pub fn ok(&self, words: &[&str]) -> Ran {
        let ran = self.run(words);
        assert_eq!(ran.exit, 0, "{words:?}: {}{}", ran.stdout, ran.stderr);
        ran
    }

    pub fn json(&self, words: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.ok(&[words, &["-o", "json"]].concat()).stdout).expect("one JSON document")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.run(&["cluster", "down", "--all", "--purge", "--yes"]);
    }
}
