//! `raftctl config`: checks cluster files.

use std::path::PathBuf;

use super::Context;
use super::failure::{Exit, Failure};
use crate::cluster::spec::{self, Source, SpecError};

#[derive(Clone, Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  raftctl config check clusters/three-nodes.yaml")]
pub enum Command {
    /// Check cluster files and say what is wrong, with line and column
    Check(CheckArgs),
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl config check clusters/three-nodes.yaml")]
pub struct CheckArgs {
    /// Cluster files; `-` is stdin
    #[arg(value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
}

pub fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    let Command::Check(arguments) = command;
    for path in &arguments.files {
        let source = if path.as_os_str() == "-" { Source::Stdin } else { Source::File(path.clone()) };
        let spec = spec::read(&source, None, &[]).map_err(|error| refused(&error))?;
        let view = Checked {
            file: source.label(),
            cluster: spec.cluster.clone(),
            voters: spec.voters(),
            learners: spec.nodes.len() - spec.voters(),
        };
        if !context.printer.is_table() {
            context.printer.item("raftctl.config-check/v1", &view)?;
            continue;
        }
        let Checked { file, cluster, voters, learners } = view;
        context.printer.line(format_args!("{file}: cluster {cluster}, {voters} voters, {learners} learners: good"))?;
    }
    Ok(Exit::Done)
}

#[derive(serde::Serialize)]
struct Checked {
    file: String,
    cluster: String,
    voters: usize,
    learners: usize,
}

/// A cluster file that cannot be used, with its place, its source line and a hint.
pub(super) fn refused(error: &SpecError) -> Failure {
    let mut cause = error.what.clone();
    let excerpt = error.excerpt();
    if !excerpt.is_empty() {
        cause = format!("{cause}\n{excerpt}");
    }
    let failure = Failure::new("E0207", format!("{} cannot be used", error.location())).cause(cause);
    match &error.hint {
        Some(hint) => failure.fix(hint.clone()),
        None => failure,
    }
}
