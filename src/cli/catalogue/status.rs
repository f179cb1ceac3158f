//! Problems that `status` reports: E07xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[Page {
    code: "E0701",
    title: "The cluster cannot take writes",
    meaning: "No leader is in touch with a majority of the voters.",
    action: "Start the nodes that are down: `raftctl cluster start`.",
    exit: Exit::Unavailable,
}];
