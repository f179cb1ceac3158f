//! Waiting for an answer as a person does: with word of what is missing when it takes long, and a Ctrl-C that gives up.

use std::convert::Infallible;
use std::future::Future;
use std::io::IsTerminal as _;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::status;
use crate::client::ClientError;

/// A wait shorter than this needs no word.
const WORD_AFTER: Duration = Duration::from_secs(1);

/// Time between two words about the same wait.
const WORD_EVERY: Duration = Duration::from_secs(3);

/// How long members that do not answer are waited for when the word is looked for.
const LOOK: Duration = Duration::from_millis(200);

/// Whether a long wait is worth a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Told,
    Silent,
}

/// What `work` gives; none when Ctrl-C came first, and then the caller must abandon what it left open.
///
/// # Errors
/// No signal handler could be set.
pub(super) async fn attend<T>(
    context: &Context,
    patience: Patience,
    work: impl Future<Output = T>,
) -> Result<Option<T>, Failure> {
    // A new one for each wait: a Ctrl-C before it was meant for something else.
    let mut interrupt = signal(SignalKind::interrupt())
        .map_err(|error| Failure::new("E0512", "no signal handler could be set").because(&error))?;
    let mut work = pin!(work);
    let mut words = pin!(tell(context));
    tokio::select! {
        biased;
        result = &mut work => Ok(Some(result)),
        _ = interrupt.recv() => {
            if std::io::stderr().is_terminal() {
                // The terminal has written `^C`, and left its line open.
                context.printer.note("");
            }
            Ok(None)
        }
        never = &mut words, if patience == Patience::Told => match never {},
    }
}

/// Says every now and then what is waited for. It asks through a client of its own: the shell's is waiting.
async fn tell(context: &Context) -> Infallible {
    let began = Instant::now();
    tokio::time::sleep(WORD_AFTER).await;
    loop {
        let view = status::view_now(context, LOOK).await;
        let missing = match view {
            Ok(view) if view.leader.is_none() => "no leader",
            _ => "no answer",
        };
        let seconds = began.elapsed().as_secs_f64();
        context.printer.note(format_args!("{missing} for {seconds:.1} s, waiting; Ctrl-C gives up"));
        tokio::time::sleep(WORD_EVERY).await;
    }
}

/// How a write ends that was let go of.
pub(super) fn given_up(what: &str, error: &ClientError) -> Failure {
    let failure = Failure::new("E0513", format!("{what} was given up"));
    match error {
        ClientError::Unknown(_) => failure
            .cause("it had left, and may or may not be applied, now or later")
            .fix("read the key before you write again"),
        _ => failure.cause("it had not left; it is not applied and will not be"),
    }
}
