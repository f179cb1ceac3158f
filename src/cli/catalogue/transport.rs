//! Connections and identities: E03xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[Page {
    code: "E0301",
    title: "The client's identity is missing",
    meaning: "Nodes accept only clients with a certificate of their own cluster. A local cluster keeps one in its directory; with `--endpoint` it has to be named.",
    action: "Give `--identity DIR`, or choose a local cluster with `--cluster NAME`.",
    exit: Exit::Usage,
}];
