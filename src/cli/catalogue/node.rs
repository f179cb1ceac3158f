//! A node's own process: E06xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[Page {
    code: "E0601",
    title: "The directory is not a node's directory",
    meaning: "`raftctl node` runs from a directory that was prepared before its first start, so that an empty disk can never vote (R65).",
    action: "`raftctl cluster up` prepares directories and starts their nodes.",
    exit: Exit::Usage,
}];
