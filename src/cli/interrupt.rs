//! The end that a person or a scheduler asks for: Ctrl-C, SIGTERM or a closed terminal stop the work in good order; the
//! second time the process ends at once.

use std::sync::mpsc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::failure::{Exit, Failure};

/// Whether the end was asked for. Cheap to clone; each clone may be waited on in a runtime of its own.
#[derive(Clone)]
pub(super) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on.
    ///
    /// # Errors
    /// The operating system gives no handler.
    pub(super) fn listen() -> Result<Interrupt, Failure> {
        let (sender, receiver) = watch::channel(false);
        let (ready, listening) = mpsc::channel();
        // The thread ends with the process.
        std::thread::spawn(move || match listen(&sender, &ready) {
            Ok(()) => std::process::exit(i32::from(Exit::Interrupted.code())),
            // Whoever waits to hear that it listens hears this instead.
            Err(error) => drop(ready.send(Err(error))),
        });
        let failed = |error: std::io::Error| Failure::new("E0512", "no signal handler could be set").because(&error);
        listening.recv().map_err(|error| failed(std::io::Error::other(error)))?.map_err(failed)?;
        Ok(Interrupt(receiver))
    }

    pub(super) fn is_over(&self) -> bool {
        *self.0.borrow()
    }

    /// Comes back when the end is asked for.
    pub(super) async fn wait(&mut self) {
        if self.0.wait_for(|over| *over).await.is_err() {
            // Nobody listens any more, so nobody will ask.
            core::future::pending::<()>().await;
        }
    }
}

/// Comes back when the end was asked for twice.
fn listen(sender: &watch::Sender<bool>, ready: &mpsc::Sender<std::io::Result<()>>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        // The one who waits for it is the one who has started this.
        let _ = ready.send(Ok(()));
        for _ in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            sender.send_replace(true);
        }
        Ok(())
    })
}
