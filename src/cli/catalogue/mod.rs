//! Every error code with its page: what it means and what to do. One file per area, so that each area's author adds
//! to its own.
//!
//! Codes are for ever: a code whose error disappears keeps its page, and a number is never given a second meaning.

mod check;
mod client;
mod cluster;
mod node;
mod sim;
mod status;
mod storage;
mod transport;
mod usage;

use super::failure::Exit;

/// What `raftctl explain CODE` prints.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// `E` and four digits; the first two name the area.
    pub code: &'static str,
    pub title: &'static str,
    /// What happened and why raftctl answers like this.
    pub meaning: &'static str,
    /// What a person can do, commands included.
    pub action: &'static str,
    /// The exit code it usually ends with.
    pub exit: Exit,
}

/// All areas in the order of their codes.
pub const AREAS: &[&[Page]] = &[
    usage::PAGES,
    cluster::PAGES,
    transport::PAGES,
    storage::PAGES,
    client::PAGES,
    node::PAGES,
    status::PAGES,
    sim::PAGES,
    check::PAGES,
];

pub fn page(code: &str) -> Option<&'static Page> {
    pages().find(|page| page.code == code)
}

pub fn pages() -> impl Iterator<Item = &'static Page> {
    AREAS.iter().flat_map(|area| area.iter())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn codes_are_unique_in_order_and_in_their_area() {
        let codes: Vec<&str> = pages().map(|page| page.code).collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "codes are in order and unique: {codes:?}");
        for (position, area) in AREAS.iter().enumerate() {
            let start = format!("E0{}", position + 1);
            for page in *area {
                assert!(page.code.len() == 5 && page.code.starts_with(&start), "{} is in area {start}", page.code);
            }
        }
    }

    #[test]
    fn every_page_says_something() {
        for page in pages() {
            for text in [page.title, page.meaning, page.action] {
                assert!(text.len() > 10 && text == text.trim(), "{}: {text:?}", page.code);
            }
            assert!(!page.title.ends_with('.'), "{}: a title has no full stop", page.code);
            assert!(page.meaning.ends_with('.'), "{}: a meaning is a sentence", page.code);
        }
    }

    #[test]
    fn every_code_in_the_sources_has_a_page() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut used = BTreeSet::new();
        collect(&root, &mut used);
        assert!(used.len() > 10, "the sources use codes");
        let missing: Vec<&String> = used.iter().filter(|code| page(code).is_none()).collect();
        assert!(missing.is_empty(), "codes without a page: {missing:?}");
    }

    /// Every `"E0…"` literal below `folder`.
    fn collect(folder: &Path, used: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("source folders can be read") {
            let path = entry.expect("source folders can be listed").path();
            if path.is_dir() {
                collect(&path, used);
                continue;
            }
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            for part in text.split("\"E0").skip(1) {
                let digits = &part[..part.find('"').unwrap_or(0)];
                if digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    used.insert(format!("E0{digits}"));
                }
            }
        }
    }
}
