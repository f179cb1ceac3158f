//! Finds a key path in the text of a YAML file, for errors that the parser cannot place: the value is understood, but
//! it makes no sense.
//!
//! Reads block style line by line, and flow style (`{name: n1}`) on one line; what it does not find it places at the
//! nearest key above. It never decides whether a file is right.

/// One step from a mapping or a sequence to what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Item(usize),
}

/// A place in the text, both counted from 1; the column in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    /// How many characters the caret underlines.
    pub width: usize,
}

/// A line of a block, its list dash replaced by a space so that an item looks like any other block.
#[derive(Clone, Debug)]
struct Line {
    number: usize,
    text: String,
}

/// The value at `path`, or its key when the value is a block of its own.
pub fn value_at(text: &str, path: &[Step]) -> Place {
    search(text, path).map_or(FIRST, |found| found.value.unwrap_or(found.key))
}

/// The key at `path`.
pub fn key_at(text: &str, path: &[Step]) -> Place {
    search(text, path).map_or(FIRST, |found| found.key)
}

/// The second of two equal keys in one mapping, and its name.
pub fn duplicate_key(text: &str) -> Option<(String, Place)> {
    duplicate_in(&lines_of(text), 0)
}

/// The start of a second document, if there is one: a `---` behind the first content.
pub fn second_document(text: &str) -> Option<Place> {
    let mut content = false;
    for (number, line) in text.lines().enumerate() {
        let marker = line == "---" || line.starts_with("--- ");
        if marker && content {
            return Some(Place { line: number + 1, column: 1, width: 3 });
        }
        let trimmed = line.trim();
        content |= marker || !(trimmed.is_empty() || trimmed.starts_with('#') || trimmed.starts_with('%'));
    }
    None
}

const FIRST: Place = Place { line: 1, column: 1, width: 1 };

/// Deeper blocks than this are not looked into; a cluster file has three levels.
const DEPTH_MAX: usize = 8;

/// More lines than this are not looked at: a cluster file has some dozens, and looking must stay quick.
const LINES_MAX: usize = 1_000;

struct Found {
    key: Place,
    value: Option<Place>,
}

fn search(text: &str, path: &[Step]) -> Option<Found> {
    let mut block = lines_of(text);
    let mut nearest = None;
    for (depth, step) in path.iter().enumerate() {
        let Some((found, inside)) = descend(&block, step) else {
            return nearest;
        };
        let flow = inside.first().filter(|line| is_flow(&line.text) && depth + 1 < path.len()).cloned();
        nearest = Some(found);
        if let Some(line) = flow {
            return search_flow(&line, &path[depth + 1..]).or(nearest);
        }
        block = inside;
    }
    nearest
}

/// The lines that say something.
fn lines_of(text: &str) -> Vec<Line> {
    text.lines()
        .enumerate()
        .map(|(number, text)| Line { number: number + 1, text: text.to_owned() })
        .filter(|line| is_content(&line.text))
        .take(LINES_MAX)
        .collect()
}

fn is_content(text: &str) -> bool {
    let trimmed = text.trim_start();
    !(trimmed.is_empty() || trimmed.starts_with('#') || trimmed.starts_with("---") || trimmed.starts_with('%'))
}

fn is_flow(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// One step into a block: where it is, and the lines of what it holds.
fn descend(block: &[Line], step: &Step) -> Option<(Found, Vec<Line>)> {
    let indent = block.iter().map(|line| indent_of(&line.text)).min()?;
    let is_item = |line: &Line| line.text[indent..].starts_with("- ") || line.text[indent..].trim_end() == "-";
    let starts = |line: &Line| indent_of(&line.text) == indent;
    match step {
        Step::Item(wanted) => {
            let begins: Vec<usize> =
                (0..block.len()).filter(|at| starts(&block[*at]) && is_item(&block[*at])).collect();
            let first = *begins.get(*wanted)?;
            let end = begins.get(wanted + 1).copied().unwrap_or(block.len());
            let mut inside: Vec<Line> = block[first..end].to_vec();
            inside[0].text.replace_range(indent..=indent, " ");
            inside.retain(|line| is_content(&line.text));
            let whole = &block[first].text;
            let place = place_of(block[first].number, whole, indent, content_end(whole));
            let value = inside
                .first()
                .filter(|line| line.number == block[first].number)
                .map(|line| place_of(line.number, &line.text, indent_of(&line.text), content_end(&line.text)));
            Some((Found { key: place, value }, inside))
        }
        Step::Key(wanted) => {
            let mut at = block
                .iter()
                .position(|line| starts(line) && key_on(&line.text).is_some_and(|key| key.name == *wanted))?;
            let line = &block[at];
            let key = key_on(&line.text).expect("the line was found by its key");
            let place = place_of(line.number, &line.text, indent, key.end);
            let mut inside = Vec::new();
            let mut value = None;
            if key.value < content_end(&line.text) {
                value = Some(place_of(line.number, &line.text, key.value, content_end(&line.text)));
                let blank = " ".repeat(line.text[..key.value].chars().count());
                inside.push(Line { number: line.number, text: format!("{blank}{}", &line.text[key.value..]) });
            }
            at += 1;
            while at < block.len() && (indent_of(&block[at].text) > indent || is_item(&block[at])) {
                inside.push(block[at].clone());
                at += 1;
            }
            Some((Found { key: place, value }, inside))
        }
    }
}

struct KeyOn {
    name: String,
    /// Byte offsets in the line: behind the key, and where its value starts.
    end: usize,
    value: usize,
}

/// The key that a line starts with, quoted or not.
fn key_on(line: &str) -> Option<KeyOn> {
    let start = indent_of(line);
    let rest = &line[start..];
    let (name, length) = match rest.chars().next()? {
        quote @ ('"' | '\'') => {
            let close = rest[1..].find(quote)? + 1;
            (rest[1..close].to_owned(), close + 1)
        }
        _ => {
            let colon = rest
                .char_indices()
                .find(|(at, c)| *c == ':' && rest[at + 1..].chars().next().is_none_or(char::is_whitespace))?;
            (rest[..colon.0].trim_end().to_owned(), rest[..colon.0].trim_end().len())
        }
    };
    let behind = &rest[length..];
    let colon = behind.find(':').filter(|at| behind[..*at].trim().is_empty())?;
    let after = &behind[colon + 1..];
    let value = start + length + colon + 1 + (after.len() - after.trim_start().len());
    Some(KeyOn { name, end: start + length, value })
}

/// In `{a: 1, b: [x, y]}` on one line; good enough to place a caret.
fn search_flow(line: &Line, path: &[Step]) -> Option<Found> {
    let mut from = indent_of(&line.text) + 1;
    let mut found = None;
    for step in path {
        let (start, end, value) = match step {
            Step::Key(name) => {
                let at = from + line.text[from..].find(&format!("{name}:"))?;
                let behind = at + name.len() + 1;
                let value = behind + (line.text[behind..].len() - line.text[behind..].trim_start().len());
                (at, at + name.len(), value)
            }
            Step::Item(number) => {
                let at = flow_item(&line.text, from, *number)?;
                (at, flow_end(&line.text, at), at)
            }
        };
        let key = place_of(line.number, &line.text, start, end);
        found = Some(Found { key, value: Some(place_of(line.number, &line.text, value, flow_end(&line.text, value))) });
        from = value;
        if line.text[from..].starts_with(['{', '[']) {
            from += 1;
        }
    }
    found
}

/// Where the `number`th item of a flow sequence starts, whose first item starts at or behind `from`.
fn flow_item(text: &str, from: usize, number: usize) -> Option<usize> {
    let mut depth = 0_i32;
    let mut item = 0;
    let mut start = from;
    for (at, character) in text[from..].char_indices() {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                if item == number {
                    break;
                }
                item += 1;
                start = from + at + 1;
            }
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    (item == number).then(|| start + (text[start..].len() - text[start..].trim_start().len()))
}

fn flow_end(text: &str, from: usize) -> usize {
    let length = text[from..].find([',', '}', ']']).unwrap_or(text.len() - from);
    from + text[from..from + length].trim_end().len()
}

fn duplicate_in(block: &[Line], depth: usize) -> Option<(String, Place)> {
    let indent = block.iter().map(|line| indent_of(&line.text)).min().filter(|_| depth < DEPTH_MAX)?;
    let mut seen: Vec<String> = Vec::new();
    for line in block.iter().filter(|line| indent_of(&line.text) == indent) {
        let Some(key) = key_on(&line.text) else { continue };
        if seen.contains(&key.name) {
            return Some((key.name, place_of(line.number, &line.text, indent, key.end)));
        }
        seen.push(key.name);
    }
    let steps = seen.into_iter().map(Step::Key).chain((0..block.len()).map(Step::Item));
    steps.filter_map(|step| descend(block, &step)).find_map(|(_, inside)| duplicate_in(&inside, depth + 1))
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Where the line's content ends: before a comment and the blanks in front of it.
fn content_end(line: &str) -> usize {
    let comment = line.find(" #").unwrap_or(line.len());
    line[..comment].trim_end().len()
}

fn place_of(line: usize, text: &str, start: usize, end: usize) -> Place {
    let column = text[..start].chars().count() + 1;
    Place { line, column, width: text[start..end.max(start)].chars().count().max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment
cluster: demo
nodes:
  - name: n1       # the first
    listen: 127.0.0.1:7101
  - listen: 127.0.0.1:7102
    \"name\": n2
  - {name: n3, role: learner}
raft:
  election_timeout:   500ms
limits: {max_value_size: 1MiB, max_pending_bytes: 64MiB}
";

    fn path(text: &str) -> Vec<Step> {
        text.split('.').map(|part| part.parse().map_or_else(|_| Step::Key(part.to_owned()), Step::Item)).collect()
    }

    #[test]
    fn paths_lead_to_the_value() {
        for (at, line, column, width) in [
            ("cluster", 2, 10, 4),
            ("nodes", 3, 1, 5),
            ("nodes.0.name", 4, 11, 2),
            ("nodes.0.listen", 5, 13, 14),
            ("nodes.1.name", 7, 13, 2),
            ("nodes.2.role", 8, 22, 7),
            ("raft.election_timeout", 10, 23, 5),
            ("limits.max_pending_bytes", 11, 51, 5),
        ] {
            assert_eq!(value_at(TEXT, &path(at)), Place { line, column, width }, "{at}");
        }
        assert_eq!(key_at(TEXT, &path("nodes.0.listen")), Place { line: 5, column: 5, width: 6 });
        assert_eq!(value_at(TEXT, &path("raft.nothing")).line, 9, "the nearest key above");
    }

    #[test]
    fn a_sequence_may_stand_at_the_column_of_its_key() {
        let text = "nodes:\n- name: n1\n- name: n2\nraft: {}\n";
        assert_eq!(value_at(text, &path("nodes.1.name")), Place { line: 3, column: 9, width: 2 });
        assert_eq!(key_at(text, &path("raft")), Place { line: 4, column: 1, width: 4 });
    }

    #[test]
    fn duplicates_are_found_in_any_block_and_not_across_blocks() {
        assert_eq!(duplicate_key(TEXT), None);
        let twice = "cluster: a\nnodes:\n  - name: n1\n    role: voter\n    name: n2\n";
        assert_eq!(duplicate_key(twice), Some(("name".to_owned(), Place { line: 5, column: 5, width: 4 })));
        let top = "cluster: a\nnodes: 3\ncluster: b\n";
        assert_eq!(duplicate_key(top), Some(("cluster".to_owned(), Place { line: 3, column: 1, width: 7 })));
    }

    #[test]
    fn a_second_document_is_found_and_a_first_marker_is_not_one() {
        assert_eq!(second_document("# x\n---\na: 1\n"), None);
        assert_eq!(second_document("a: 1\n---\nb: 2\n").map(|place| place.line), Some(2));
    }

    #[test]
    fn strange_texts_are_survived() {
        for text in ["", "\t", "- ", "-", ":", "'", "\"a", "{", "a: {", "ä: ö", "- - - a", "a:\n\tb: 1", "\u{feff}a: 1"]
        {
            for at in ["a", "0", "a.0.b", "0.0.0", "ä", "a.b"] {
                let place = value_at(text, &path(at));
                assert!(place.line >= 1 && place.column >= 1, "{text:?} {at}");
            }
            duplicate_key(text);
        }
    }
}
