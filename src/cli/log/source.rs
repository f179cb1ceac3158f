//! Where an offline command reads: a node of the selected cluster, or a path.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::selection;
use crate::storage::layout;
use crate::storage::reader::WalkError;

/// A place to read, and what to call it.
pub(in crate::cli) struct Source {
    pub name: String,
    pub path: PathBuf,
}

/// A word is a node; with `/` or `.` in it, it is a path. There is no guessing.
pub(in crate::cli) fn source(context: &Context, argument: &OsStr) -> Result<Source, Failure> {
    let name = argument.to_string_lossy().into_owned();
    if argument.as_bytes().iter().any(|byte| matches!(byte, b'/' | b'.')) {
        let path = PathBuf::from(argument);
        if !path.exists() {
            return Err(
                Failure::new("E0404", format!("{name} does not exist")).fix("give the path of a data directory")
            );
        }
        return Ok(Source { name, path });
    }
    let (cluster, _) = selection::local_cluster(context)?;
    let node = selection::node_named(&cluster, &name)?;
    Ok(Source { name, path: layout::data_dir(&node.directory) })
}

pub(in crate::cli) fn not_a_log(error: &WalkError) -> Failure {
    Failure::new("E0404", "there is no log to read").because(error)
}

/// Damage that was met: everything readable was printed before.
pub(in crate::cli) fn damaged(what: &str, damage: &[String]) -> Failure {
    Failure::new("E0401", format!("{what} is damaged")).cause(damage.join("\n")).fix("keep a copy of the directory")
}
