//! Connections and identities: E03xx.

use super::Page;
use crate::cli::failure::Exit;

pub(super) const PAGES: &[Page] = &[
    Page {
        code: "E0301",
        title: "The client's identity is missing",
        meaning: "Nodes accept only clients with a certificate of their own cluster. A local cluster keeps one in its directory; with `--endpoint` it has to be named.",
        action: "Give `--identity DIR`, or choose a local cluster with `--cluster NAME`.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0302",
        title: "The client's identity cannot be read",
        meaning: "The directory must hold ca.pem, cert.pem and key.pem; the key must be readable by its owner only.",
        action: "Check the files and their modes with `raftctl inspect`.",
        exit: Exit::Usage,
    },
    Page {
        code: "E0303",
        title: "This client is not accepted",
        meaning: "The nodes and this client do not trust each other's certificates: another cluster, an expired certificate, or another node at the address.",
        action: "Use the identity of this very cluster.",
        exit: Exit::Failed,
    },
];
