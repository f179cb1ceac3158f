//! Bytes of users as text that a line and a terminal survive.

/// Longest piece of a value that a terminal gets in a table, in characters.
pub const PREVIEW_CHARACTERS: usize = 60;

/// Bytes as a line a terminal survives: text as it is, anything else escaped. Cut only when `shorten` is set.
pub fn printable(bytes: &[u8], shorten: bool) -> String {
    let mut out = String::new();
    let mut count = 0;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if shorten && count >= PREVIEW_CHARACTERS {
                out.push_str(&format!("… ({} bytes)", bytes.len()));
                return out;
            }
            push_plain(character, &mut out);
            count += 1;
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
            count += 1;
        }
    }
    out
}

fn push_plain(character: char, out: &mut String) {
    match character {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        one if is_plain(one) => out.push(one),
        one => out.extend(one.escape_unicode()),
    }
}

/// No control characters, and none of those that turn the direction of a line.
fn is_plain(one: char) -> bool {
    !one.is_control()
        && !matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_printable_and_distinct() {
        assert_eq!(printable("grün".as_bytes(), false), "grün");
        assert_eq!(printable(b"a\n\x1b[31m\\", false), "a\\n\\u{1b}[31m\\\\");
        assert_eq!(printable(b"\xff\x00", false), "\\xff\\u{0}");
        let long = "x".repeat(1_000);
        assert_eq!(printable(long.as_bytes(), false).len(), 1_000);
        assert_eq!(printable(long.as_bytes(), true), format!("{}… (1000 bytes)", "x".repeat(60)));
        assert_eq!(printable("x".repeat(60).as_bytes(), true), "x".repeat(60));
    }
}
