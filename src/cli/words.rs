//! One line of input as words, by the quoting rules of a POSIX shell, without anything a shell expands.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

/// Why a line is no list of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    #[error("the single quote that opens at byte {at} is not closed")]
    SingleQuote { at: usize },
    #[error("the double quote that opens at byte {at} is not closed")]
    DoubleQuote { at: usize },
    #[error("the line ends with a backslash")]
    Backslash,
}

/// Splits a line. Words are separated by blanks; `'…'` is literal, `"…"` knows `\"` and `\\`, a backslash outside
/// quotes takes the next byte literally, and `#` at the start of a word begins a comment.
pub fn split(line: &[u8]) -> Result<Vec<OsString>, WordsError> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < line.len() {
        match line[at] {
            b' ' | b'\t' | b'\r' => words.extend(word.take().map(OsString::from_vec)),
            b'#' if word.is_none() => break,
            b'\'' => {
                let length = line[at + 1..].iter().position(|byte| *byte == b'\'');
                let length = length.ok_or(WordsError::SingleQuote { at })?;
                word.get_or_insert_default().extend_from_slice(&line[at + 1..at + 1 + length]);
                at += length + 1;
            }
            b'"' => at = double_quoted(line, at, word.get_or_insert_default())?,
            b'\\' => {
                at += 1;
                word.get_or_insert_default().push(*line.get(at).ok_or(WordsError::Backslash)?);
            }
            byte => word.get_or_insert_default().push(byte),
        }
        at += 1;
    }
    words.extend(word.map(OsString::from_vec));
    Ok(words)
}

/// Takes what stands between the quote at `open` and the next one; gives where that is.
fn double_quoted(line: &[u8], open: usize, word: &mut Vec<u8>) -> Result<usize, WordsError> {
    let mut at = open + 1;
    while at < line.len() {
        match (line[at], line.get(at + 1)) {
            (b'"', _) => return Ok(at),
            (b'\\', Some(next @ (b'"' | b'\\'))) => {
                word.push(*next);
                at += 1;
            }
            (byte, _) => word.push(byte),
        }
        at += 1;
    }
    Err(WordsError::DoubleQuote { at: open })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line.as_bytes()).unwrap().into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn quotes_join_and_protect() {
        assert_eq!(words("put colour green"), ["put", "colour", "green"]);
        assert_eq!(words(r#"put 'a b' "c \"d\" \n" e\ f"#), ["put", "a b", "c \"d\" \\n", "e f"]);
        assert_eq!(words("put a'b'\"c\"d ''"), ["put", "abcd", ""]);
    }

    #[test]
    fn comments_begin_only_where_a_word_could() {
        assert_eq!(words("  # nothing here"), Vec::<String>::new());
        assert_eq!(words("put a#b c # rest"), ["put", "a#b", "c"]);
    }

    #[test]
    fn what_is_left_open_is_named() {
        assert_eq!(split(b"put 'a"), Err(WordsError::SingleQuote { at: 4 }));
        assert_eq!(split(b"put \"a"), Err(WordsError::DoubleQuote { at: 4 }));
        assert_eq!(split(b"put a\\"), Err(WordsError::Backslash));
    }
}
