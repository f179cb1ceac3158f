//! Keys and values as text: UTF-8 as it is, anything else as base64 and said so.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::api::Item;

pub fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// An item as JSON shows it. When one of its texts is not UTF-8, all of them are base64 and `base64` is true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ItemView {
    pub key: String,
    /// Left out where only keys were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    pub revision: u64,
    pub created: u64,
    pub version: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub base64: bool,
}

impl ItemView {
    pub fn of(item: &Item, with_value: bool, base64: bool) -> ItemView {
        let value = with_value.then_some(item.value.as_slice());
        let (mut texts, base64) = as_text(&[item.key.as_slice(), value.unwrap_or_default()], base64);
        let shown = texts.pop().filter(|_| with_value);
        ItemView {
            key: texts.pop().expect("two texts were made"),
            value: shown,
            revision: item.revision.0,
            created: item.created.0,
            version: item.version,
            base64,
        }
    }
}

/// All of `pieces` as text, or all of them as base64 if that is wanted or one is not UTF-8.
pub fn as_text(pieces: &[&[u8]], base64: bool) -> (Vec<String>, bool) {
    if !base64 {
        let texts: Result<Vec<String>, _> = pieces.iter().map(|piece| String::from_utf8(piece.to_vec())).collect();
        if let Ok(texts) = texts {
            return (texts, false);
        }
    }
    (pieces.iter().map(|piece| encode_base64(piece)).collect(), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_binary_text_makes_all_of_them_base64() {
        assert_eq!(as_text(&[b"key", b"value"], false), (vec!["key".to_owned(), "value".to_owned()], false));
        assert_eq!(as_text(&[b"key", b"\xff"], false), (vec!["a2V5".to_owned(), "/w==".to_owned()], true));
        assert_eq!(as_text(&[b"key"], true), (vec!["a2V5".to_owned()], true));
    }
}
