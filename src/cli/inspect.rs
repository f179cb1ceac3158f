//! `raftctl inspect`: says what a file or directory is and what is in it.

use std::path::{Path, PathBuf};

use super::Context;
use super::failure::{Exit, Failure};
use super::log::source::{damaged, not_a_log};
use super::log::stat;
use crate::inspect::identify::{Thing, identify};
use crate::inspect::summary::summarize;
use crate::storage::{hard_state, layout};
use crate::transport::identity;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl inspect ~/.local/state/raftctl/demo
  raftctl inspect n1/data/hard_state
  raftctl inspect n1/data/log/*.seg -o json

Keys are never printed. Of damaged files it prints all it can and exits with 7.")]
pub struct Args {
    /// Files or directories
    #[arg(value_name = "PATH", required = true, value_hint = clap::ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let mut damage = Vec::new();
    for path in &arguments.paths {
        inspect(context, path, &mut damage)?;
    }
    if damage.is_empty() { Ok(Exit::Done) } else { Err(damaged("what was inspected", &damage)) }
}

fn inspect(context: &Context, path: &Path, damage: &mut Vec<String>) -> Result<(), Failure> {
    let name = path.display().to_string();
    let thing = identify(path)
        .map_err(|error| Failure::new("E0404", format!("{name} cannot be read")).because(&error))?
        .ok_or_else(|| Failure::new("E0404", format!("{name} is nothing that raftctl has written")))?;
    if context.printer.is_table() {
        context.printer.line(format_args!("{name}: {}", thing.words()))?;
    } else {
        context.printer.item("raftctl.inspect/v1", &serde_json::json!({"path": name, "what": thing.words()}))?;
    }
    match thing {
        Thing::ClusterDirectory => {
            show_text(context, &path.join("cluster.yaml"))?;
            children(context, &path.join("nodes"), damage)
        }
        Thing::NodeDirectory => {
            show_text(context, &layout::node_file(path))?;
            for part in [layout::data_dir(path), layout::identity_dir(path)].iter().filter(|part| part.exists()) {
                inspect(context, part, damage)?;
            }
            Ok(())
        }
        Thing::DataDirectory => {
            if layout::hard_state_file(path).exists() {
                inspect(context, &layout::hard_state_file(path), damage)?;
            }
            show_log(context, path, damage)
        }
        Thing::LogDirectory | Thing::Segment => show_log(context, path, damage),
        Thing::HardState => show_hard_state(context, path, damage),
        Thing::IdentityDirectory => {
            let certificates = ["ca.pem", "cert.pem"].map(|file| path.join(file));
            certificates.iter().filter(|file| file.exists()).try_for_each(|file| show_certificate(context, file))
        }
        Thing::Certificate => show_certificate(context, path),
        Thing::NodeFile | Thing::RunFile | Thing::ClusterFile => show_text(context, path),
        Thing::Key | Thing::NodeLog | Thing::Sign => Ok(()),
    }
}

fn children(context: &Context, folder: &Path, damage: &mut Vec<String>) -> Result<(), Failure> {
    let unreadable =
        |error: &std::io::Error| Failure::new("E0404", format!("{} cannot be read", folder.display())).because(error);
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(&error))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().try_for_each(|path| inspect(context, path, damage))
}

fn show_text(context: &Context, path: &Path) -> Result<(), Failure> {
    if !context.printer.is_table() {
        return Ok(());
    }
    let text = std::fs::read(path).unwrap_or_default();
    let shown: Vec<String> = String::from_utf8_lossy(&text).lines().map(|line| format!("  {line}")).collect();
    shown.into_iter().try_for_each(|line| context.printer.line(line))
}

fn show_log(context: &Context, path: &Path, damage: &mut Vec<String>) -> Result<(), Failure> {
    let summary = summarize(path).map_err(|error| not_a_log(&error))?;
    stat::print(context, &path.display().to_string(), &summary)?;
    damage.extend(summary.damage);
    Ok(())
}

fn show_hard_state(context: &Context, path: &Path, damage: &mut Vec<String>) -> Result<(), Failure> {
    let inspection = hard_state::inspect(path)
        .map_err(|error| Failure::new("E0404", format!("{} cannot be read", path.display())).because(&error))?;
    for (number, slot) in inspection.slots.iter().enumerate() {
        let line = match slot {
            Ok(slot) => {
                let vote = slot.hard_state.vote.map_or_else(|| "nobody".to_owned(), |node| node.to_string());
                let closed = slot.clean_end.map_or_else(|| "open".to_owned(), |end| format!("closed at {end}"));
                format!(
                    "slot {number}: {} term {} vote {vote} known committed {} update {} {closed}",
                    slot.node, slot.hard_state.term, slot.commit_hint, slot.counter
                )
            }
            Err(error) => format!("slot {number}: {error}"),
        };
        if context.printer.is_table() {
            context.printer.line(format_args!("  {line}"))?;
        } else {
            context.printer.item("raftctl.hard-state-slot/v1", &serde_json::json!({"slot": number, "says": line}))?;
        }
    }
    if let Err(found) = inspection.choose() {
        damage.push(found.to_string());
    }
    Ok(())
}

fn show_certificate(context: &Context, path: &Path) -> Result<(), Failure> {
    let text = identity::describe_certificate(path)
        .map_err(|error| Failure::new("E0404", format!("{} is no certificate", path.display())).because(&error))?;
    if context.printer.is_table() {
        return context.printer.line(format_args!("  {text}"));
    }
    context.printer.item("raftctl.certificate/v1", &serde_json::json!({"path": path, "says": text}))
}
