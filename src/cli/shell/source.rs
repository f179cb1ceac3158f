//! Where the lines come from: a person at a terminal, or a pipe.
//!
//! While it waits it drives the client, so that the connection stays alive and a lost one is noticed.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::editor::Editor;
use super::history::History;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::selection::{self, Target};
use crate::cli::submit_lines::{self, Input};
use crate::client::Client;

pub(super) enum Source {
    Terminal(Box<Editor>),
    Pipe(Pipe),
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Without its line end.
    Line(Vec<u8>),
    /// Ctrl-C at the prompt.
    Cleared,
    End,
}

/// Lines of stdin that is no terminal.
pub(super) struct Pipe {
    batches: mpsc::Receiver<Vec<Input>>,
    /// Handed over and not yet looked at.
    waiting: VecDeque<Input>,
    /// The last line looked at.
    line: u64,
    interrupt: Signal,
}

impl Source {
    /// A terminal when both stdin and stdout are one.
    ///
    /// # Errors
    /// The terminal, a thread or a signal handler cannot be had.
    pub(super) fn open(context: &Context, target: &Target) -> Result<Source, Failure> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return Ok(Source::Pipe(Pipe::open()?));
        }
        let history = selection::home(&context.environment).and_then(|home| History::load(&home));
        let history = history.unwrap_or_else(|failure| {
            context.printer.warning(format_args!("history is off: {}", failure.what));
            History::in_memory()
        });
        let nodes = target.endpoints.iter().filter_map(|endpoint| endpoint.name.clone()).collect();
        Ok(Source::Terminal(Box::new(Editor::open(history, nodes)?)))
    }

    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Source::Terminal(_))
    }

    /// Which line of the pipe came last; lines that were typed have no number.
    pub(super) fn line_number(&self) -> Option<u64> {
        match self {
            Source::Terminal(_) => None,
            Source::Pipe(pipe) => Some(pipe.line),
        }
    }

    /// Gives up lines that were pasted behind one that was given up.
    pub(super) fn forget_pasted(&mut self) {
        if let Source::Terminal(editor) = self {
            editor.forget_pasted();
        }
    }

    /// What was typed before; nothing is kept of what comes from a pipe.
    pub(super) fn history(&mut self) -> Option<&mut History> {
        match self {
            Source::Terminal(editor) => Some(&mut editor.history),
            Source::Pipe(_) => None,
        }
    }

    /// The next line.
    ///
    /// # Errors
    /// There are no more, and not because they ended.
    pub(super) async fn next(&mut self, prompt: &str, client: &mut Client) -> Result<Next, Failure> {
        match self {
            Source::Terminal(editor) => editor.next(prompt, client).await,
            Source::Pipe(pipe) => pipe.next(client).await,
        }
    }
}

impl Pipe {
    fn open() -> Result<Pipe, Failure> {
        let interrupt = signal(SignalKind::interrupt())
            .map_err(|error| Failure::new("E0512", "no signal handler could be set").because(&error))?;
        let (sender, batches) = mpsc::channel(submit_lines::BATCHES_MAX);
        // The thread ends with the process: a read of stdin cannot be interrupted, only abandoned.
        std::thread::spawn(move || submit_lines::read_lines(Box::new(io::stdin()), &sender));
        Ok(Pipe { batches, waiting: VecDeque::new(), line: 0, interrupt })
    }

    async fn next(&mut self, client: &mut Client) -> Result<Next, Failure> {
        let mut done = Vec::new();
        while self.waiting.is_empty() {
            tokio::select! {
                batch = self.batches.recv() => match batch {
                    Some(batch) => self.waiting.extend(batch),
                    None => return Ok(Next::End),
                },
                _ = self.interrupt.recv() => {
                    return Err(Failure::new("E0513", format!("the shell was interrupted behind line {}", self.line))
                        .cause("nothing was on its way"));
                }
                // Nothing is open: this ends never, and keeps the connection.
                () = client.completions(&mut done) => done.clear(),
            }
        }
        self.line += 1;
        match self.waiting.pop_front().expect("a line waits") {
            Input::Line(mut line) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                Ok(Next::Line(line))
            }
            Input::TooLong => Err(Failure::new("E0508", format!("line {} is too long", self.line))
                .cause(format!("over {} bytes", submit_lines::LINE_BYTES_MAX))),
            Input::Unreadable(error) => Err(Failure::new("E0510", "the input cannot be read").because(&error)),
        }
    }
}
