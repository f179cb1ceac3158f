//! The stages of one write as a small timeline.

use std::time::Duration;

use serde::Serialize;

use crate::api::Receipt;

/// Width of the longest bar, in characters.
const BAR_CHARACTERS: usize = 40;

/// Times since the leader received the write. Null: not by the time it was answered.
#[derive(Debug, Serialize)]
pub(super) struct ReceiptView {
    leader_durable_ms: Option<f64>,
    acknowledged: Vec<AcknowledgedView>,
    committed_ms: Option<f64>,
    applied_ms: f64,
}

#[derive(Debug, Serialize)]
struct AcknowledgedView {
    node: String,
    after_ms: Option<f64>,
}

pub(super) fn view(receipt: &Receipt) -> ReceiptView {
    let acknowledged = receipt
        .acknowledged
        .iter()
        .map(|(node, time)| AcknowledgedView { node: node.clone(), after_ms: time.map(millis) });
    ReceiptView {
        leader_durable_ms: receipt.durable.map(millis),
        acknowledged: acknowledged.collect(),
        committed_ms: receipt.committed.map(millis),
        applied_ms: millis(receipt.applied),
    }
}

/// One line for each stage, in the order of their times. `receipt` is none when the leader kept none: it was tracing too
/// many writes, or answered one that was applied before.
pub(super) fn timeline(receipt: Option<&Receipt>, leader: &str, answered: Duration) -> Vec<String> {
    let Some(receipt) = receipt else {
        return vec![format!("answered after {:.2} ms; the leader kept no receipt", millis(answered))];
    };
    let mut stages = vec![(format!("on the disk of {leader}, the leader"), receipt.durable)];
    let acknowledged = receipt.acknowledged.iter();
    stages.extend(acknowledged.map(|(node, time)| (format!("on the disk of {node}, which says so"), *time)));
    stages.push(("committed".to_owned(), receipt.committed));
    stages.push(("applied".to_owned(), Some(receipt.applied)));
    stages.sort_by_key(|(_, time)| time.unwrap_or(Duration::MAX));
    let longest = stages.iter().filter_map(|(_, time)| *time).max().unwrap_or_default();
    let mut lines = vec![line("received by the leader", Some(Duration::ZERO), longest)];
    lines.extend(stages.iter().map(|(what, time)| line(what, *time, longest)));
    lines.push(format!("answered {:.2} ms after the client began, connecting included", millis(answered)));
    lines
}

fn line(what: &str, time: Option<Duration>, longest: Duration) -> String {
    let Some(time) = time else { return format!("{:>10}  {what}: not before the answer", "–") };
    let share = time.as_secs_f64() / longest.as_secs_f64().max(f64::MIN_POSITIVE);
    let bar = "▏".to_owned() + &"█".repeat((share * BAR_CHARACTERS as f64).round() as usize);
    format!("{:>7.2} ms  {bar} {what}", millis(time))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_stand_in_the_order_of_their_times_and_what_is_not_known_is_said() {
        let micros = |micros| Some(Duration::from_micros(micros));
        let receipt = Receipt {
            durable: micros(900),
            acknowledged: vec![("n2".to_owned(), micros(700)), ("n3".to_owned(), None)],
            committed: micros(900),
            applied: Duration::from_micros(1_000),
        };
        let lines = timeline(Some(&receipt), "n1", Duration::from_millis(3));
        let expected = [
            "   0.00 ms  ▏ received by the leader",
            "   0.70 ms  ▏████████████████████████████ on the disk of n2, which says so",
            "   0.90 ms  ▏████████████████████████████████████ on the disk of n1, the leader",
            "   0.90 ms  ▏████████████████████████████████████ committed",
            "   1.00 ms  ▏████████████████████████████████████████ applied",
            "         –  on the disk of n3, which says so: not before the answer",
            "answered 3.00 ms after the client began, connecting included",
        ];
        assert_eq!(lines, expected);
        assert_eq!(timeline(None, "n1", Duration::ZERO).len(), 1);
    }
}
