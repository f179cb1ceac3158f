//! What a check prints, and how it ends.

use serde::Serialize;

use super::history::{Ended, Operation, Record};
use super::judge::Judgement;
use super::picture;
use super::shrink::Example;
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::printable;

/// How a history came about; nothing of it is known of a recorded one.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    pub cluster: Option<String>,
    pub seed: Option<u64>,
    /// Nodes that were broken meanwhile.
    pub faults: Option<u64>,
    pub elapsed_ms: Option<u64>,
    pub interrupted: bool,
}

/// `raftctl.check/v1` without its schema.
#[derive(Serialize)]
struct CheckView {
    cluster: Option<String>,
    /// Null: not decided, and nothing wrong was found.
    linearizable: Option<bool>,
    operations: usize,
    acknowledged: usize,
    failed: usize,
    unknown: usize,
    keys: usize,
    undecided_keys: Vec<String>,
    faults: Option<u64>,
    seed: Option<u64>,
    elapsed_ms: Option<u64>,
    interrupted: bool,
    counterexample: Option<ExampleView>,
}

#[derive(Serialize)]
struct ExampleView {
    key: String,
    /// How many operations the key had.
    of: usize,
    /// Whether nothing stood under the key before; else it may have held anything.
    from_the_start: bool,
    operations: Vec<Record>,
}

/// Prints the verdict and gives how the command ends.
///
/// # Errors
/// The history cannot be explained, is undecided, holds no answer, or was cut short.
pub(super) fn report(
    context: &Context,
    history: &[Operation],
    judgement: &Judgement,
    origin: Origin,
) -> Result<Exit, Failure> {
    let interrupted = origin.interrupted;
    let view = view(history, judgement, origin);
    if context.printer.is_table() {
        print(context, &view, judgement.example.as_ref())?;
    } else {
        context.printer.document("raftctl.check/v1", &view)?;
    }
    context.printer.flush()?;
    if let Some(example) = &view.counterexample {
        return Err(Failure::new("E0901", format!("no order explains what clients heard of {}", example.key))
            .cause(format!("{} of its {} operations show it", example.operations.len(), example.of))
            .fix("raftctl explain E0901; keep the history with --record FILE, and the cluster as it is"));
    }
    if let Some(first) = view.undecided_keys.first() {
        return Err(Failure::new("E0902", "not every key could be decided")
            .cause(format!("the search for an order of {first} was given up after a bounded number of steps"))
            .fix("fewer --clients, or a longer --timeout, so that fewer outcomes are unknown"));
    }
    if interrupted {
        return Err(
            Failure::new("E0513", "the check was interrupted").cause("what was recorded so far is linearizable")
        );
    }
    if view.acknowledged == 0 {
        return Err(Failure::new("E0502", "no operation was acknowledged, so nothing was checked")
            .fix("raftctl status --wait writable, or a longer --timeout"));
    }
    Ok(Exit::Done)
}

fn view(history: &[Operation], judgement: &Judgement, origin: Origin) -> CheckView {
    let count = |of: fn(&Ended) -> bool| history.iter().filter(|operation| of(&operation.ended)).count();
    let counterexample = judgement.example.as_ref().map(|example| ExampleView {
        key: example.operations.first().map(|operation| printable(&operation.key, false)).unwrap_or_default(),
        of: example.of,
        from_the_start: example.from_the_start,
        operations: example.operations.iter().map(Record::of).collect(),
    });
    let linearizable = match (&counterexample, judgement.undecided.is_empty()) {
        (Some(_), _) => Some(false),
        (None, true) => Some(true),
        (None, false) => None,
    };
    CheckView {
        cluster: origin.cluster,
        linearizable,
        operations: history.len(),
        acknowledged: count(|ended| matches!(ended, Ended::Answered { .. })),
        failed: count(|ended| matches!(ended, Ended::Failed { .. })),
        unknown: count(|ended| matches!(ended, Ended::Unknown { .. })),
        keys: judgement.keys,
        undecided_keys: judgement.undecided.iter().map(|key| printable(key, false)).collect(),
        faults: origin.faults,
        seed: origin.seed,
        elapsed_ms: origin.elapsed_ms,
        interrupted: origin.interrupted,
        counterexample,
    }
}

fn print(context: &Context, view: &CheckView, example: Option<&Example>) -> Result<(), Failure> {
    if let (Some(example), Some(shown)) = (example, &view.counterexample) {
        context.printer.line(format_args!("{}: no order of these operations gives these answers", shown.key))?;
        let before = match shown.from_the_start {
            true => "nothing stood under the key before",
            false => "whatever stood under the key before",
        };
        context.printer.line(format_args!("({before}; {} of {} operations)", shown.operations.len(), shown.of))?;
        context.printer.line("")?;
        for line in picture::draw(example) {
            context.printer.line(line)?;
        }
        context.printer.line("")?;
    }
    let verdict = match view.linearizable {
        Some(true) => "linearizable".to_owned(),
        Some(false) => "not linearizable".to_owned(),
        None => format!("not decided for {} keys, nothing wrong found", view.undecided_keys.len()),
    };
    let (operations, keys, unknown) = (view.operations, view.keys, view.unknown);
    context.printer.line(format_args!("{operations} operations on {keys} keys, {unknown} unknown: {verdict}"))?;
    let faults = view.faults.map_or_else(String::new, |faults| format!(", {faults} faults"));
    context.printer.detail(format_args!("{} acknowledged, {} failed{faults}", view.acknowledged, view.failed));
    Ok(())
}
