//! Removes the keys that loads have written below a prefix, and no others: only what has the form of such a key.

use std::time::Duration;

use super::keys::DIGITS;
use super::mix::KINDS;
use super::requests::Subject;
use crate::api::{Consistency, Query};
use crate::cli::failure::Failure;
use crate::cli::remote;
use crate::client::Client;
use crate::raft::Index;

/// Keys asked for at once.
const PAGE_KEYS: u32 = 1_000;

/// Gives how many keys were removed. Each request may take `timeout`.
///
/// # Errors
/// A request was not acknowledged; keys may be left.
pub(super) async fn remove_keys(client: &mut Client, subject: &Subject, timeout: Duration) -> Result<u64, Failure> {
    let mut families: Vec<u8> = KINDS.iter().map(|row| row.family).collect();
    families.sort_unstable();
    families.dedup();
    let mut removed = 0;
    for family in families {
        removed += remove_below(client, &subject.family_prefix(family), timeout).await?;
    }
    Ok(removed)
}

async fn remove_below(client: &mut Client, prefix: &[u8], timeout: Duration) -> Result<u64, Failure> {
    let mut removed = 0;
    let mut after = None;
    loop {
        let query = Query::Scan { prefix: prefix.to_vec(), after: after.take(), limit: PAGE_KEYS, keys_only: true };
        let page = remote::scan_page(client, query, Consistency::Linearizable, Index(0), timeout)
            .await
            .map_err(|error| remote::failure("the scan for keys to remove", &error))?;
        after = page.items.last().map(|item| item.key.clone());
        let keys = page.items.into_iter().map(|item| item.key).filter(|key| is_ours(key, prefix));
        removed += remote::delete_keys(client, keys, timeout).await?;
        if !page.more {
            return Ok(removed);
        }
    }
}

/// The prefix with a number behind it.
fn is_ours(key: &[u8], prefix: &[u8]) -> bool {
    key.strip_prefix(prefix).is_some_and(|rest| rest.len() == DIGITS && rest.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_a_load_are_removed() {
        assert!(is_ours(b"bench/v/000000000042", b"bench/v/"));
        for key in [&b"bench/v/42"[..], b"bench/v/00000000004x", b"bench/v/0000000000420", b"other/v/000000000042"] {
            assert!(!is_ours(key, b"bench/v/"), "{}", String::from_utf8_lossy(key));
        }
    }
}
