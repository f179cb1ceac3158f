//! Runs of seeds in which an assertion may fail: that is a finding like any other, and must name its seed.
//!
//! Where panics unwind, the run becomes a report. Where they abort, as in release builds, the hook says which seed it
//! was and ends the process with the exit code of a broken invariant.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

use super::report::failure;
use crate::cli::failure::Exit;
use crate::sim::{Report, RunOptions, run_seed};

thread_local! {
    /// What this thread runs; none while it runs no seed.
    static RUNNING: RefCell<Option<(u64, RunOptions)>> = const { RefCell::new(None) };
    static SAID: Cell<Option<String>> = const { Cell::new(None) };
}

static HOOK: Once = Once::new();

/// Runs a seed; an assertion that fails in it is a violation like any other.
pub fn run_guarded(seed: u64, options: &RunOptions, keeps_lines: bool) -> Report {
    guarded(seed, options, || run_seed(seed, options, keeps_lines))
        .unwrap_or_else(|what| Report::of_panic(seed, options, &what))
}

/// Does something that runs this seed.
///
/// # Errors
/// What an assertion said that failed in it.
pub fn guarded<T>(seed: u64, options: &RunOptions, work: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(install);
    RUNNING.set(Some((seed, options.clone())));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    RUNNING.set(None);
    outcome.map_err(|_| SAID.take().unwrap_or_else(|| "an assertion failed".to_owned()))
}

/// Keeps what panics of simulated worlds say; all others are printed as before.
fn install() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let running = RUNNING.with_borrow(Clone::clone);
        let Some((seed, options)) = running else { return before(info) };
        let what = describe(info);
        if cfg!(panic = "abort") {
            let report = Report::of_panic(seed, &options, &what);
            eprint!("{}", anstream::adapter::strip_str(&failure(&report, &options).to_text()));
            std::process::exit(i32::from(Exit::Corrupt.code()));
        }
        SAID.set(Some(what));
    }));
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let text = info.payload_as_str().unwrap_or("an assertion failed");
    match info.location() {
        Some(place) => format!("{text} ({}:{})", place.file(), place.line()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_assertion_becomes_a_report_with_its_place() {
        let options = RunOptions::default();
        let said = guarded(3, &options, || panic!("terms never fall")).map(|()| "nothing").unwrap_err();
        assert!(said.starts_with("terms never fall (") && said.contains("guard.rs:"), "{said}");
        assert_eq!(guarded(3, &options, || 5), Ok(5));
    }
}
