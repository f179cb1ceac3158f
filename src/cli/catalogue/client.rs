//! Submitting and reading: E05xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[Page {
    code: "E0501",
    title: "The key is not there",
    meaning: "A linearizable read found no value under this key.",
    action: "Nothing to do: exit code 3 means just this.",
    exit: Exit::Absent,
}];
