//! The line editor on its own thread: it blocks while somebody types, and the connection must live meanwhile.
//!
//! The thread reads a line each time it is asked to and never while a command runs, so the terminal is in its usual mode
//! then and Ctrl-C is a signal. For keys to complete it asks back and waits a moment.

use std::collections::VecDeque;
use std::sync::mpsc as blocking;
use std::time::Duration;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use tokio::sync::mpsc;

use super::complete::{self, Wanted};
use super::history::{History, LINES_MAX};
use super::source::Next;
use crate::cli::completions;
use crate::cli::failure::Failure;
use crate::client::Client;

/// Longest time a TAB waits for keys.
const KEYS_WITHIN: Duration = Duration::from_millis(150);

pub(super) struct Editor {
    pub(super) history: History,
    asks: blocking::Sender<Ask>,
    told: mpsc::Receiver<Told>,
    /// Lines pasted at once that wait for their turn.
    pasted: VecDeque<String>,
    /// The newest line of the history that the thread has.
    newest_told: Option<String>,
}

/// A line is wanted.
struct Ask {
    prompt: String,
    /// What has come to the history since.
    remember: Option<String>,
}

/// What the thread says.
enum Told {
    Line(String),
    Cleared,
    End,
    Failed(ReadlineError),
    /// Keys are wanted, soon.
    Keys {
        prefix: Vec<u8>,
        answer: blocking::Sender<Vec<String>>,
    },
}

impl Editor {
    /// # Errors
    /// There is no terminal that can be written.
    pub(super) fn open(history: History, nodes: Vec<String>) -> Result<Editor, Failure> {
        let (asks, asked) = blocking::channel();
        let (tell, told) = mpsc::channel(1);
        let lines: Vec<String> = history.lines().cloned().collect();
        let (ready, is_ready) = blocking::channel();
        let helper = Helper { nodes, tell: tell.clone() };
        // The thread ends with the process: a read of a terminal cannot be interrupted, only abandoned.
        std::thread::spawn(move || {
            let editor = make_editor(helper, &lines);
            let editor = match editor {
                Ok(editor) => editor,
                Err(error) => return drop(ready.send(Err(error))),
            };
            drop(ready.send(Ok(())));
            read_lines(editor, &asked, &tell);
        });
        match is_ready.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(unreadable(&error)),
            Err(_) => unreachable!("the thread says whether it is ready"),
        }
        let newest_told = history.lines().last().cloned();
        Ok(Editor { history, asks, told, pasted: VecDeque::new(), newest_told })
    }

    pub(super) async fn next(&mut self, prompt: &str, client: &mut Client) -> Result<Next, Failure> {
        if let Some(line) = self.pasted.pop_front() {
            return Ok(Next::Line(line.into_bytes()));
        }
        let newest = self.history.lines().last().cloned();
        let remember = newest.clone().filter(|_| newest != self.newest_told);
        self.newest_told = newest;
        let gone = || Failure::new("E0510", "the terminal is gone");
        self.asks.send(Ask { prompt: prompt.to_owned(), remember }).map_err(|_| gone())?;
        let mut done = Vec::new();
        loop {
            let told = tokio::select! {
                told = self.told.recv() => told.ok_or_else(gone)?,
                // Nothing is open: this ends never, and keeps the connection.
                () = client.completions(&mut done) => {
                    done.clear();
                    continue;
                }
            };
            match told {
                Told::Line(text) => {
                    self.pasted.extend(text.split('\n').map(str::to_owned));
                    let first = self.pasted.pop_front().unwrap_or_default();
                    return Ok(Next::Line(first.into_bytes()));
                }
                Told::Cleared => return Ok(Next::Cleared),
                Told::End => return Ok(Next::End),
                Told::Failed(error) => return Err(unreadable(&error)),
                // Who asked may have stopped waiting.
                Told::Keys { prefix, answer } => {
                    drop(answer.send(completions::keys_through(client, &prefix).await));
                }
            }
        }
    }

    /// Lines pasted behind one that was given up are given up with it.
    pub(super) fn forget_pasted(&mut self) {
        self.pasted.clear();
    }
}

fn make_editor(helper: Helper, lines: &[String]) -> rustyline::Result<rustyline::Editor<Helper, MemHistory>> {
    let config = rustyline::Config::builder()
        .max_history_size(LINES_MAX)?
        .history_ignore_dups(true)?
        .completion_type(rustyline::CompletionType::List)
        .build();
    let history = MemHistory::with_config(&config);
    let mut editor = rustyline::Editor::with_history(config, history)?;
    editor.set_helper(Some(helper));
    for line in lines {
        editor.add_history_entry(line.as_str())?;
    }
    Ok(editor)
}

fn read_lines(
    mut editor: rustyline::Editor<Helper, MemHistory>,
    asked: &blocking::Receiver<Ask>,
    tell: &mpsc::Sender<Told>,
) {
    while let Ok(Ask { prompt, remember }) = asked.recv() {
        let remembered = remember.map_or(Ok(false), |line| editor.add_history_entry(line));
        let told = match remembered.and_then(|_| editor.readline(&prompt)) {
            Ok(line) => Told::Line(line),
            Err(ReadlineError::Interrupted) => Told::Cleared,
            Err(ReadlineError::Eof) => Told::End,
            Err(error) => Told::Failed(error),
        };
        if tell.blocking_send(told).is_err() {
            return;
        }
    }
}

fn unreadable(error: &ReadlineError) -> Failure {
    Failure::new("E0510", "the terminal cannot be used").because(error).fix("give the lines through a pipe")
}

/// What the editor asks while somebody types.
struct Helper {
    nodes: Vec<String>,
    tell: mpsc::Sender<Told>,
}

impl Helper {
    fn keys(&self, prefix: Vec<u8>) -> Vec<String> {
        let (answer, keys) = blocking::channel();
        if self.tell.blocking_send(Told::Keys { prefix, answer }).is_err() {
            return Vec::new();
        }
        keys.recv_timeout(KEYS_WITHIN).unwrap_or_default()
    }
}

impl Completer for Helper {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let (start, wanted) = complete::wanted(&line[..position], &self.nodes);
        let candidates = match wanted {
            Wanted::Words(words) => words,
            Wanted::Keys(prefix) => self.keys(prefix).iter().filter_map(|key| complete::quoted(key)).collect(),
        };
        Ok((start, candidates))
    }
}

impl Hinter for Helper {
    type Hint = String;
}

impl Highlighter for Helper {}

impl Validator for Helper {}

impl rustyline::Helper for Helper {}
