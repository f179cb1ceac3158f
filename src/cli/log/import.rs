//! `raftctl log import`: a directory of segments from an export, for reading it offline.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::PathBuf;

use serde::Serialize;

use crate::cli::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::progress::Progress;
use crate::inspect::export::{Importer, LINE_BYTES_MAX, Line};
use crate::raft::Index;
use crate::storage::layout::SEGMENT_SIZE_BYTES_DEFAULT;
use crate::storage::rebuild::{Rebuild, RebuildError};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl log import n1.jsonl --out ./copy
  raftctl log export n1 | raftctl log import - --out ./copy
  raftctl log show ./copy

What comes out can be read by every offline command; it has no term and no vote, and no node starts on it. Nothing is
made when a line is missing or was changed.")]
pub struct Args {
    /// What `log export` has printed; - is stdin
    #[arg(value_name = "FILE|-", value_hint = clap::ValueHint::FilePath)]
    pub file: OsString,

    /// Directory to make; it must not exist yet
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub out: PathBuf,
}

/// `raftctl.log-import/v1`
#[derive(Serialize)]
struct Imported {
    path: String,
    entries: u64,
    /// The last entry; null when there is none.
    last: Option<u64>,
    /// False when the export was cut short by damage in the log it was made from.
    complete: bool,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let target: PathBuf = arguments.out.components().collect();
    let name = arguments.file.to_string_lossy().into_owned();
    let unreadable = |error: io::Error| Failure::new("E0107", format!("{name} cannot be read")).because(&error);
    let (input, length): (Box<dyn BufRead>, u64) = match name.as_str() {
        "-" => (Box::new(BufReader::new(io::stdin())), 0),
        _ => {
            let file = File::open(&arguments.file).map_err(unreadable)?;
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            (Box::new(BufReader::new(file)), length)
        }
    };
    let progress = Progress::new(context, "importing", length);
    let mut import =
        Import { target, rebuild: None, importer: Importer::default(), commit: 0, last: None, complete: true };
    match import.read(input, &progress, &name) {
        Ok(()) => {}
        Err(failure) => {
            if let Some(rebuild) = import.rebuild {
                rebuild.abandon();
            }
            return Err(failure);
        }
    }
    drop(progress);
    import.finish(context)
}

struct Import {
    target: PathBuf,
    rebuild: Option<Rebuild>,
    importer: Importer,
    commit: u64,
    last: Option<u64>,
    complete: bool,
}

impl Import {
    fn read(&mut self, mut input: Box<dyn BufRead>, progress: &Progress, name: &str) -> Result<(), Failure> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            let most = LINE_BYTES_MAX as u64;
            let length = input.by_ref().take(most).read_until(b'\n', &mut line);
            let length =
                length.map_err(|error| Failure::new("E0107", format!("{name} cannot be read")).because(&error))?;
            if length == 0 {
                break;
            }
            progress.advance(length as u64);
            let parsed = self.importer.line(&line);
            let parsed = parsed.map_err(|error| refused(&format!("line {number} of {name}"), &error))?;
            self.take(parsed)?;
        }
        self.importer.finish().map(drop).map_err(|error| refused(name, &error))
    }

    fn take(&mut self, line: Line) -> Result<(), Failure> {
        match line {
            Line::Begin { cluster, node, before, link, commit } => {
                self.commit = commit;
                let begun = Rebuild::begin(&self.target, (cluster, node), before, link, SEGMENT_SIZE_BYTES_DEFAULT);
                self.rebuild = Some(begun.map_err(|error| unwritten(&error))?);
            }
            Line::Record { header, record } => {
                let rebuild = self.rebuild.as_mut().expect("the first line begins the log");
                rebuild.append(&header, &record).map_err(|error| unwritten(&error))?;
                self.last = Some(header.id.index.0);
            }
            Line::End { complete } => self.complete = complete,
        }
        Ok(())
    }

    fn finish(self, context: &Context) -> Result<Exit, Failure> {
        let rebuild = self.rebuild.expect("an export that is whole has a first line");
        rebuild.finish(Index(self.commit)).map_err(|error| unwritten(&error))?;
        let entries = self.importer.finish().expect("it was finished before");
        let path = self.target.display().to_string();
        if !self.complete {
            context.printer.warning("the export was cut short by damage in the log it was made from");
        }
        let imported = Imported { path, entries, last: self.last, complete: self.complete };
        match context.printer.is_table() {
            true => context.printer.line(format_args!("{entries} entries in {}", imported.path))?,
            false => context.printer.document("raftctl.log-import/v1", &imported)?,
        }
        Ok(Exit::Done)
    }
}

fn refused(place: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new("E0409", format!("{place} cannot be imported"))
        .because(error)
        .fix("export the log again; an export is imported whole and unchanged")
}

fn unwritten(error: &RebuildError) -> Failure {
    match error {
        RebuildError::Exists { .. } => {
            Failure::new("E0410", error.to_string()).fix("--out with a directory that does not exist yet")
        }
        RebuildError::Io { path, .. } => {
            Failure::new("E0109", format!("{} cannot be written", path.display())).because(error)
        }
    }
}
