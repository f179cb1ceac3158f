//! `raftctl man`: manual pages, made from the same definition as `--help`.

use std::fs;
use std::path::PathBuf;

use super::failure::{Exit, Failure};
use super::{Context, help};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl man | man -l -
  raftctl man cluster up | man -l -
  raftctl man --out ~/.local/share/man/man1")]
pub struct Args {
    /// The command whose page is printed [default: raftctl itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub words: Vec<String>,

    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub out: Option<PathBuf>,

    /// Replace pages that are there
    #[arg(long, requires = "out")]
    pub force: bool,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let pages = pages();
    let Some(folder) = &arguments.out else {
        let name = std::iter::once("raftctl").chain(arguments.words.iter().map(String::as_str)).collect::<Vec<_>>();
        let name = name.join("-");
        let page = pages.into_iter().find(|page| page.name == name).ok_or_else(|| {
            Failure::new("E0102", format!("there is no command `{}`", arguments.words.join(" ")))
                .fix("raftctl --help lists the commands")
        })?;
        context.printer.bytes(&page.text)?;
        return Ok(Exit::Done);
    };
    let unwritable = |path: &std::path::Path, error: &std::io::Error| {
        Failure::new("E0108", format!("{} cannot be written", path.display())).because(error)
    };
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let paths: Vec<PathBuf> = pages.iter().map(|page| folder.join(format!("{}.1", page.name))).collect();
    if let Some(there) = paths.iter().find(|path| path.exists() && !arguments.force) {
        return Err(Failure::new("E0108", format!("{} exists", there.display())).fix("add --force to replace it"));
    }
    for (page, path) in pages.iter().zip(&paths) {
        fs::write(path, &page.text).map_err(|error| unwritable(path, &error))?;
    }
    context.printer.note(format_args!("{} pages written to {}", pages.len(), folder.display()));
    Ok(Exit::Done)
}

struct Page {
    /// `raftctl-cluster-up`.
    name: String,
    text: Vec<u8>,
}

/// One page per visible command.
fn pages() -> Vec<Page> {
    let mut root = help::command();
    root.build();
    let mut pages = Vec::new();
    collect(&root, "raftctl", &mut pages);
    pages
}

fn collect(command: &clap::Command, name: &str, pages: &mut Vec<Page>) {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name.to_uppercase())
        .render(&mut text)
        .expect("memory takes what is written");
    pages.push(Page { name: name.to_owned(), text });
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        collect(below, &format!("{name}-{}", below.get_name()), pages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let pages = pages();
        let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        for name in ["raftctl", "raftctl-cluster-up", "raftctl-log-show", "raftctl-submit-cas", "raftctl-man"] {
            assert!(names.contains(&name), "{name} has a page");
        }
        assert!(!names.contains(&"raftctl-put"), "hidden commands have none");
        let up = pages.iter().find(|page| page.name == "raftctl-cluster-up").unwrap();
        assert!(String::from_utf8_lossy(&up.text).contains("Examples"), "examples are in the page");
    }
}
