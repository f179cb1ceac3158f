//! `raftctl bundle`: one file for somebody who shall understand what is wrong, and is not at this machine.
//!
//! Promises: what is taken is a list, and no key of an identity is on it; works when nothing runs, when some of it runs,
//! and on damaged directories; the file gets its name when it is whole and durable. When values are not to be in it, logs
//! are written anew without them and nothing else of the data is taken. Changes nothing else.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap_complete::ArgValueCandidates;
use serde::Serialize;

use super::Context;
use super::arguments::node_name;
use super::completions;
use super::failure::{Exit, Failure};
use super::files::{Temporary, TemporaryDirectory, publish};
use super::output::{Cell, Table};
use super::progress::{Progress, turning};
use super::selection::{self, LocalCluster, LocalNode};
use super::status;
use crate::cluster::plan::CLUSTER_FILE;
use crate::inspect::bundle::{FileEntry, INSPECTION_FILE, MANIFEST_FILE, Manifest, STATUS_FILE};
use crate::inspect::identify::identify;
use crate::inspect::log::Source;
use crate::inspect::redact::{RedactError, redact_log};
use crate::storage::archive::{BUNDLE_ROOT, MEMBERS_MAX};
use crate::storage::layout;
use crate::storage::ustar::Writer;

/// Of a node's log, the last part is taken.
const NODE_LOG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How long the cluster is asked for its status.
const STATUS_PATIENCE: Duration = Duration::from_secs(3);

/// What `data/redacted` says.
const REDACTED_NOTE: &str = "values were taken out of this log, and snapshots left out; no node starts on it\n";

/// Bytes copied at once.
const COPY_BYTES: usize = 256 * 1024;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl bundle demo.tar
  raftctl bundle demo.tar n1 n3 --with-log
  raftctl bundle demo.tar --with-log --redact-values
  raftctl inspect demo.tar
  raftctl log diff demo.tar
  raftctl log show demo.tar:n1 --tail 20

Status, settings, the last 4 MiB of each node's own log, what `inspect` says of its data, and versions; with --with-log
the data itself, keys and values included. Never the keys of certificates. Works when nothing runs. Offline commands read
the file as it is; FILE:NODE is one node in it. tar unpacks it, too.

With --redact-values the logs are written anew: every byte of a value is an x, the number of an incr is 0, keys, indexes,
terms and times stay. Snapshots hold values and are left out, so the state before the first entry that is left cannot be
told; so is what cannot be decoded, which manifest.json names. The new logs need room beside FILE while it is made.")]
pub struct Args {
    /// The file to make, a tar archive
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: PathBuf,

    /// Only these nodes
    #[arg(value_name = "NODE", value_parser = node_name, add = ArgValueCandidates::new(completions::node_names))]
    pub nodes: Vec<String>,

    /// The data directories, too: everything that clients have stored
    #[arg(long)]
    pub with_log: bool,

    /// Take the values out of the logs, and leave out snapshots
    #[arg(long, requires = "with_log")]
    pub redact_values: bool,

    /// Replace the file if there is one
    #[arg(long)]
    pub force: bool,
}

/// One file of the bundle, before it is written.
struct Part {
    path: String,
    content: Content,
}

enum Content {
    Made(Vec<u8>),
    /// So many bytes of a file from an offset on, as it was when it was looked at.
    Copied {
        from: PathBuf,
        offset: u64,
        length_bytes: u64,
    },
}

impl Part {
    fn length_bytes(&self) -> u64 {
        match &self.content {
            Content::Made(bytes) => bytes.len() as u64,
            Content::Copied { length_bytes, .. } => *length_bytes,
        }
    }
}

pub fn run(context: &Context, arguments: &Args) -> Result<Exit, Failure> {
    let (cluster, _) = selection::local_cluster(context)?;
    let nodes = match arguments.nodes.is_empty() {
        true => selection::nodes(&cluster)?,
        false => arguments.nodes.iter().map(|name| selection::node_named(&cluster, name)).collect::<Result<_, _>>()?,
    };
    if arguments.file.exists() && !arguments.force {
        let exists = Failure::new("E0108", format!("{} exists", arguments.file.display()));
        return Err(exists.fix("add --force to replace it"));
    }
    let unwritten =
        |error| Failure::new("E0108", format!("{} cannot be written", arguments.file.display())).because(&error);
    let mut parts = vec![status_part(context, &cluster)];
    parts.extend(copied(&format!("{BUNDLE_ROOT}/{CLUSTER_FILE}"), &cluster.directory.join(CLUSTER_FILE), u64::MAX));
    let mut left_out = Vec::new();
    let workshop = match arguments.redact_values {
        true => Some(TemporaryDirectory::beside(&arguments.file).map_err(unwritten)?),
        false => None,
    };
    for node in &nodes {
        parts.extend(turning(context, &format!("looking at {}", node.name), || of_node(node)));
        match &workshop {
            Some(workshop) => parts.extend(redacted(context, node, workshop.path(), &mut left_out)?),
            None if arguments.with_log => parts.extend(data_of(node)),
            None => {}
        }
    }
    let manifest = Manifest {
        cluster: cluster.name.clone(),
        made: jiff::Timestamp::now().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        os: std::env::consts::OS.to_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        with_log: arguments.with_log,
        redacted: arguments.redact_values,
        left_out,
        files: parts.iter().map(|part| FileEntry { path: part.path.clone(), bytes: part.length_bytes() }).collect(),
    };
    let path = format!("{BUNDLE_ROOT}/{MANIFEST_FILE}");
    parts.insert(0, Part { path, content: Content::Made(json(&manifest)) });
    if parts.len() > MEMBERS_MAX {
        return Err(Failure::new("E0108", format!("{} cannot be written", arguments.file.display()))
            .cause(format!("it would hold {} files, and a bundle has at most {MEMBERS_MAX}", parts.len()))
            .fix("name fewer nodes"));
    }
    let temporary = Temporary::beside(&arguments.file);
    write(context, &parts, temporary.path())
        .and_then(|()| publish(temporary.path(), &arguments.file))
        .map_err(unwritten)?;
    report(context, arguments, &manifest)
}

fn report(context: &Context, arguments: &Args, manifest: &Manifest) -> Result<Exit, Failure> {
    let printer = &context.printer;
    if !printer.is_table() {
        printer.document("raftctl.bundle/v1", manifest)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["FILE", ">BYTES"]);
    for entry in &manifest.files {
        table.row([Cell::from(entry.path.clone()), Cell::from(entry.bytes.to_string())]);
    }
    printer.table(&table)?;
    let file = arguments.file.display();
    printer.note(format_args!("{file}: raftctl inspect {file} says what is in it"));
    for sentence in &manifest.left_out {
        printer.note(format_args!("left out: {sentence}"));
    }
    if arguments.with_log && !arguments.redact_values {
        printer.warning(format_args!("{file} holds everything that clients have stored"));
    }
    Ok(Exit::Done)
}

/// What the nodes say of themselves, or why they do not.
fn status_part(context: &Context, cluster: &LocalCluster) -> Part {
    let patience = context.timeout_or(STATUS_PATIENCE);
    let content = match status::wait_for(context, cluster, patience, |_| true) {
        Ok(view) => json(&view),
        Err(Failure { code, what, cause, .. }) => {
            json(&serde_json::json!({ "error": { "code": code, "what": what, "cause": cause } }))
        }
    };
    Part { path: format!("{BUNDLE_ROOT}/{STATUS_FILE}"), content: Content::Made(content) }
}

/// This is the list of what is taken of a node; none of it holds what clients have stored.
fn of_node(node: &LocalNode) -> Vec<Part> {
    let (dir, root) = (&node.directory, format!("{BUNDLE_ROOT}/{}", node.name));
    let data = layout::data_dir(dir);
    let mut parts = Vec::new();
    for file in [layout::node_file(dir), layout::run_file(dir), layout::superseded_file(dir)] {
        parts.extend(copied(&inside(&root, dir, &file), &file, u64::MAX));
    }
    parts.extend(copied(&format!("{root}/node.log"), &layout::node_log(dir), NODE_LOG_BYTES_MAX));
    let inspected = match identify(&data) {
        Ok(finding) => json(&finding),
        Err(error) => json(&serde_json::json!({ "error": error.to_string() })),
    };
    parts.push(Part { path: format!("{root}/{INSPECTION_FILE}"), content: Content::Made(inspected) });
    parts
}

/// And this of its data.
fn data_of(node: &LocalNode) -> Vec<Part> {
    let (dir, root) = (&node.directory, format!("{BUNDLE_ROOT}/{}", node.name));
    let data = layout::data_dir(dir);
    let marks = [layout::hard_state_file(&data), layout::in_use_file(&data), layout::recovering_file(&data)];
    let segments = named(&layout::log_dir(&data), |name| layout::parse_segment_name(name).is_some());
    let snapshots = named(&layout::snapshot_dir(&data), |name| layout::parse_snapshot_name(name).is_some());
    let files = marks.into_iter().chain(segments).chain(snapshots);
    files.filter_map(|file| copied(&inside(&root, dir, &file), &file, u64::MAX)).collect()
}

/// What is taken of a node's data when no value may be: its log, written anew in `workshop`. The rest is named in
/// `left_out`.
fn redacted(
    context: &Context,
    node: &LocalNode,
    workshop: &Path,
    left_out: &mut Vec<String>,
) -> Result<Vec<Part>, Failure> {
    let name = &node.name;
    let (source, target) = (Source::of_node(name, &node.directory), workshop.join(name));
    let progress = Progress::new(context, format!("redacting {name}"), source.length_bytes());
    let sentences = match redact_log(&source, &target, &|bytes| progress.advance(bytes)) {
        Ok(found) => found.into_sentences(),
        Err(RedactError::Walk(error)) => vec![format!("the whole log: {error}")],
        Err(RedactError::Rebuild(error)) => {
            return Err(Failure::new("E0109", format!("the log of {name} cannot be redacted")).because(&error));
        }
    };
    left_out.extend(sentences.into_iter().map(|sentence| format!("{name}: {sentence}")));
    let snapshots = source.snapshots().len();
    if snapshots > 0 {
        left_out.push(format!("{name}: {snapshots} snapshots, which hold values"));
    }
    let data = layout::data_dir(Path::new(BUNDLE_ROOT).join(name).as_path()).display().to_string();
    let segments = named(&target, |name| layout::parse_segment_name(name).is_some());
    let mark = layout::redacted_file(Path::new(&data)).display().to_string();
    let note = Part { path: mark, content: Content::Made(REDACTED_NOTE.into()) };
    let copies = segments.iter().filter_map(|file| copied(&inside(&data, &target, file), file, u64::MAX));
    Ok(std::iter::once(note).chain(copies).collect())
}

/// Files of a directory with such names, in order; none when it cannot be read, which `inspect.json` says.
fn named(directory: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.filter(|entry| entry.file_name().to_str().is_some_and(&is_wanted)).map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn inside(root: &str, dir: &Path, file: &Path) -> String {
    let below = file.strip_prefix(dir).expect("all of a node lies below its directory");
    format!("{root}/{}", below.display())
}

/// The last `bytes_max` of a file; nothing when it is not there.
fn copied(path: &str, from: &Path, bytes_max: u64) -> Option<Part> {
    let metadata = fs::metadata(from).ok().filter(fs::Metadata::is_file)?;
    let length_bytes = metadata.len().min(bytes_max);
    let (from, offset) = (from.to_path_buf(), metadata.len() - length_bytes);
    Some(Part { path: path.to_owned(), content: Content::Copied { from, offset, length_bytes } })
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("documents are plain data");
    text.push(b'\n');
    text
}

fn write(context: &Context, parts: &[Part], path: &Path) -> io::Result<()> {
    let progress = Progress::new(context, "bundling", parts.iter().map(Part::length_bytes).sum());
    let now_s = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
    let mut writer = Writer::new(BufWriter::new(File::create_new(path)?), now_s);
    for part in parts {
        writer.begin(&part.path, part.length_bytes())?;
        match &part.content {
            Content::Made(bytes) => writer.append(bytes)?,
            Content::Copied { from, offset, length_bytes } => {
                copy(&mut writer, from, *offset, *length_bytes, &progress)?;
            }
        }
    }
    writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// A running node may have removed or emptied the file meanwhile: what is missing is zeros, as behind the end of a log.
fn copy<W: io::Write>(
    writer: &mut Writer<W>,
    from: &Path,
    offset: u64,
    length_bytes: u64,
    progress: &Progress,
) -> io::Result<()> {
    let mut file = File::open(from).ok();
    if let Some(open) = &mut file {
        open.seek(SeekFrom::Start(offset))?;
    }
    let mut buffer = vec![0; COPY_BYTES];
    let mut left = length_bytes;
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(COPY_BYTES);
        let have = file.as_mut().map_or(Ok(0), |file| file.read(&mut buffer[..wanted]))?;
        if have == 0 {
            buffer[..wanted].fill(0);
            file = None;
        }
        let length = if have == 0 { wanted } else { have };
        writer.append(&buffer[..length])?;
        progress.advance(length as u64);
        left -= length as u64;
    }
    Ok(())
}
