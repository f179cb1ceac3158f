//! How far something long has come: a bar on stderr, from half a second on, and only on a terminal.
//!
//! Costs next to nothing while nothing is drawn, so that a walk may tell of every record.

use std::cell::{Cell, RefCell};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Context;

/// What is over sooner needs no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// Bytes between two looks at the clock.
const LOOK_EVERY_BYTES: u64 = 4 * 1024 * 1024;

/// Time between two pictures of what turns while its end is not known.
const TURN: Duration = Duration::from_millis(100);

/// Does `work`, of which nobody knows how far it is; something turns meanwhile.
pub fn turning<T>(context: &Context, what: &str, work: impl FnOnce() -> T) -> T {
    if !context.printer.may_draw() {
        return work();
    }
    let (working, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let bar = ProgressBar::new_spinner().with_message(what.to_owned());
                bar.enable_steady_tick(TURN);
                // Nothing is ever sent: this ends when the work does.
                let _ = ended.recv();
                bar.finish_and_clear();
            }
        });
        let result = work();
        drop(working);
        result
    })
}

/// Reading so many bytes.
pub struct Progress {
    may_draw: bool,
    what: String,
    total_bytes: u64,
    done_bytes: Cell<u64>,
    looked_at_bytes: Cell<u64>,
    began: Cell<Instant>,
    bar: RefCell<Option<ProgressBar>>,
}

impl Progress {
    /// `what` is done, as in `reading n1`; it passes `total_bytes`.
    pub fn new(context: &Context, what: impl Into<String>, total_bytes: u64) -> Progress {
        Progress {
            may_draw: context.printer.may_draw(),
            what: what.into(),
            total_bytes,
            done_bytes: Cell::new(0),
            looked_at_bytes: Cell::new(0),
            began: Cell::new(Instant::now()),
            bar: RefCell::new(None),
        }
    }

    /// So many bytes more were passed.
    pub fn advance(&self, bytes: u64) {
        let done = self.done_bytes.get() + bytes;
        self.done_bytes.set(done);
        if self.may_draw && done >= self.looked_at_bytes.get() + LOOK_EVERY_BYTES {
            self.looked_at_bytes.set(done);
            self.draw();
        }
    }

    /// Takes the bar away before something else is printed; it comes back after the same patience.
    pub fn clear(&self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if self.may_draw {
            self.began.set(Instant::now());
        }
    }

    fn draw(&self) {
        if self.began.get().elapsed() < PATIENCE {
            return;
        }
        let mut bar = self.bar.borrow_mut();
        let bar = bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg} [{bar:30}] {bytes} of {total_bytes}, {eta} left")
                .expect("the template is well formed")
                .progress_chars("=> ");
            ProgressBar::new(self.total_bytes).with_style(style).with_message(self.what.clone())
        });
        bar.set_position(self.done_bytes.get().min(self.total_bytes));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
