//! A few operations as a picture: time to the right, a line for each client, and below what each has asked and heard.
//!
//! The order of calls and returns is exact, distances are not: a bar is as long as its text needs. The width is bounded:
//! where texts do not fit they become the numbers of the list.

use super::history::Operation;
use super::shrink::Example;
use crate::cli::output::{Table, printable};
use crate::sim::model::{Action, Heard};
use crate::state_machine::{Expect, Operation as Change, Outcome, Rejection};

/// Widest picture, in characters, without the names at its left.
const COLUMNS_MAX: usize = 88;

/// Most operations that are drawn or listed.
const OPERATIONS_MAX: usize = 40;

/// Longest value that is shown, in characters.
const VALUE_CHARACTERS_MAX: usize = 24;

/// The picture and its list, as lines.
pub(super) fn draw(example: &Example) -> Vec<String> {
    let operations = &example.operations[..example.operations.len().min(OPERATIONS_MAX)];
    let mut lines = Vec::new();
    let texts: Vec<String> = operations.iter().map(short).collect();
    let numbers: Vec<String> = (1..=operations.len()).map(|number| format!("#{number}")).collect();
    let bars = [texts, numbers].into_iter().map(|texts| bars(operations, &texts));
    if let Some(bars) = bars.into_iter().find(|bars| bars.width <= COLUMNS_MAX) {
        lines.extend(bars.lines(operations));
        lines.push(String::new());
    }
    lines.extend(list(operations));
    if example.operations.len() > operations.len() {
        lines.push(format!("and {} more", example.operations.len() - operations.len()));
    }
    lines
}

/// Where each operation's bar lies.
struct Bars {
    spans: Vec<(usize, usize)>,
    texts: Vec<String>,
    width: usize,
}

/// Places calls and returns from left to right, each behind the one before, and each bar long enough for its text.
fn bars(operations: &[Operation], texts: &[String]) -> Bars {
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (at, operation) in operations.iter().enumerate() {
        events.push((operation.call_us, false, at));
        events.extend(operation.return_us().map(|time| (time, true, at)));
    }
    // At the same time calls come first: such operations overlap.
    events.sort_unstable();
    let mut spans = vec![(0, 0); operations.len()];
    let mut column = 0;
    for (_, is_return, at) in events {
        if is_return {
            column = column.max(end_of(spans[at].0, &texts[at]));
            spans[at].1 = column;
        } else {
            spans[at].0 = column;
        }
        column += 1;
    }
    // What never returned goes on to the right edge.
    let open = |at: &usize| operations[*at].return_us().is_none();
    let longest = (0..operations.len()).filter(open).map(|at| end_of(spans[at].0, &texts[at]) + 3).max();
    let width = column.max(longest.unwrap_or(0) + 1);
    for at in (0..operations.len()).filter(open) {
        spans[at].1 = width - 1;
    }
    Bars { spans, texts: texts.to_vec(), width }
}

/// The last column of the shortest bar that holds the text.
fn end_of(start: usize, text: &str) -> usize {
    start + text.chars().count() + 3
}

impl Bars {
    fn lines(&self, operations: &[Operation]) -> Vec<String> {
        let mut clients: Vec<u32> = operations.iter().map(|operation| operation.process).collect();
        clients.sort_unstable();
        clients.dedup();
        let label = |client: u32| format!("client {client}");
        let label_width = clients.iter().map(|client| label(*client).len()).max().unwrap_or(0);
        let mut lines = Vec::new();
        for client in clients {
            let own = (0..operations.len()).filter(|at| operations[*at].process == client);
            for (position, row) in self.rows(own).into_iter().enumerate() {
                // A write without an answer lies beside what its client did next.
                let name = if position == 0 { label(client) } else { String::new() };
                lines.push(format!("{name:<label_width$}  {}", self.row(&row, operations)).trim_end().to_owned());
            }
        }
        lines
    }

    /// As few rows as hold these bars side by side.
    fn rows(&self, own: impl Iterator<Item = usize>) -> Vec<Vec<usize>> {
        let mut rows: Vec<Vec<usize>> = Vec::new();
        for at in own {
            let is_free = |row: &&mut Vec<usize>| row.last().is_none_or(|last| self.spans[*last].1 < self.spans[at].0);
            match rows.iter_mut().find(is_free) {
                Some(row) => row.push(at),
                None => rows.push(vec![at]),
            }
        }
        rows
    }

    fn row(&self, row: &[usize], operations: &[Operation]) -> String {
        let mut text = String::new();
        let mut column = 0;
        for at in row {
            let (start, end) = self.spans[*at];
            let (line, close) = if operations[*at].return_us().is_some() { ('─', '┤') } else { ('╌', '?') };
            text.push_str(&" ".repeat(start - column));
            text.push_str("├─");
            text.push_str(&self.texts[*at]);
            let length = start + 2 + self.texts[*at].chars().count();
            text.extend(std::iter::repeat_n(line, end - length));
            text.push(close);
            column = end + 1;
        }
        text
    }
}

fn list(operations: &[Operation]) -> Vec<String> {
    let mut table = Table::new(&[">#", ">CLIENT", ">CALLED", ">RETURNED", "OPERATION", "ANSWER"]);
    let millis = |time: u64| format!("{}.{:03} ms", time / 1_000, time % 1_000);
    for (position, operation) in operations.iter().enumerate() {
        table.row([
            (position + 1).to_string().into(),
            operation.process.to_string().into(),
            millis(operation.call_us).into(),
            operation.return_us().map_or_else(|| "–".to_owned(), millis).into(),
            asked(&operation.action).into(),
            answer(operation.heard()).into(),
        ]);
    }
    table.render().lines().map(str::to_owned).collect()
}

/// What fits on a bar: a read with what it saw, a write with what it was answered if that says something.
fn short(operation: &Operation) -> String {
    let asked = asked(&operation.action);
    match operation.heard() {
        None | Some(Heard::Written(Outcome::Written | Outcome::Deleted { found: true })) => asked,
        heard => format!("{asked} → {}", answer(heard)),
    }
}

fn asked(action: &Action) -> String {
    match action {
        Action::Read | Action::StaleRead => "get".to_owned(),
        Action::Write(Change::Put { value }) => format!("put {}", shown(value)),
        Action::Write(Change::Append { value }) => format!("append {}", shown(value)),
        Action::Write(Change::Delete) => "delete".to_owned(),
        Action::Write(Change::Incr { by }) => format!("incr {by}"),
        Action::Write(Change::Cas { expect: Expect::Value(expect), value }) => {
            format!("cas {} to {}", shown(expect), shown(value))
        }
        Action::Write(Change::Cas { value, .. }) => format!("cas nothing to {}", shown(value)),
        Action::Write(Change::Lease { .. }) => "lease".to_owned(),
    }
}

fn answer(heard: Option<&Heard>) -> String {
    let content = |content: Option<&[u8]>| content.map_or_else(|| "nothing".to_owned(), shown);
    match heard {
        None => "unknown".to_owned(),
        Some(Heard::Value(value)) => content(value.as_deref()),
        Some(Heard::Written(outcome)) => match outcome {
            Outcome::Deleted { found: true } => "deleted".to_owned(),
            Outcome::Deleted { found: false } => "nothing to delete".to_owned(),
            Outcome::Incremented { value } => value.to_string(),
            Outcome::ConditionFailed { current } => {
                format!("failed: {}", content(current.as_ref().map(|current| current.value.as_slice())))
            }
            Outcome::Rejected { because: Rejection::NotANumber } => "not a number".to_owned(),
            Outcome::Rejected { .. } => "overflow".to_owned(),
            _ => "written".to_owned(),
        },
    }
}

/// A value as text, the end of a long one: what was appended last says most.
fn shown(value: &[u8]) -> String {
    let text: Vec<char> = printable(value, false).chars().collect();
    match text.len().checked_sub(VALUE_CHARACTERS_MAX) {
        None | Some(0) => text.into_iter().collect(),
        Some(cut) => format!("…{}", text[cut + 1..].iter().collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::Ended;
    use super::*;

    fn operation(process: u32, call_us: u64, return_us: Option<u64>, action: Action, heard: Heard) -> Operation {
        let ended = match return_us {
            Some(return_us) => Ended::Answered { return_us, heard, revision: None },
            None => Ended::Unknown { error: "late".to_owned() },
        };
        Operation { process, key: b"k".to_vec(), action, call_us, ended }
    }

    fn put(process: u32, value: &str, call_us: u64, return_us: Option<u64>) -> Operation {
        let action = Action::Write(Change::Put { value: value.into() });
        operation(process, call_us, return_us, action, Heard::Written(Outcome::Written))
    }

    fn get(process: u32, value: &str, call_us: u64, return_us: u64) -> Operation {
        operation(process, call_us, Some(return_us), Action::Read, Heard::Value(Some(value.into())))
    }

    fn drawn(operations: Vec<Operation>) -> String {
        let example = Example { of: operations.len(), operations, from_the_start: true };
        let text: String = draw(&example).iter().map(|line| format!("{}\n", line.trim_end())).collect();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn calls_and_returns_stand_in_their_order_and_what_never_returned_is_open() {
        let picture = drawn(vec![
            put(0, "a", 0, Some(2_000)),
            put(1, "b", 1_000, None),
            put(1, "c", 2_500, Some(3_000)),
            get(2, "a", 3_500, 4_250),
        ]);
        let wanted = "\
client 0  ├─put a─┤
client 1   ├─put b╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌?
                   ├─put c─┤
client 2                    ├─get → a─┤

#  CLIENT    CALLED  RETURNED  OPERATION  ANSWER
1       0  0.000 ms  2.000 ms  put a      written
2       1  1.000 ms         –  put b      unknown
3       1  2.500 ms  3.000 ms  put c      written
4       2  3.500 ms  4.250 ms  get        a
";
        assert_eq!(picture, wanted, "\n{picture}");
    }

    #[test]
    fn a_wide_picture_has_numbers_and_a_wider_one_is_a_list() {
        let row = |count: u64| drawn((0..count).map(|at| get(0, "a long value", at * 10, at * 10 + 5)).collect());
        let width = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(row(3).contains("├─get → a long value─┤├─get → a long value─┤"), "{}", row(3));
        assert!(row(8).contains("├─#1─┤├─#2─┤") && width(&row(8)) <= COLUMNS_MAX + 10, "{}", row(8));
        assert!(!row(39).contains('├') && row(45).ends_with("and 5 more\n"), "{}", row(45));
        assert_eq!(shown("x".repeat(60).as_bytes()), format!("…{}", "x".repeat(23)));
    }
}
