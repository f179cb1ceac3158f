//! The one definition of everything that can be typed, with the groups that help shows commands under.
//!
//! Completions, manual pages and the tests over all commands start from [`command`].

use clap::{Command, CommandFactory as _};

use super::Cli;

/// Headings of `raftctl --help` and the commands below each, in order.
const GROUPS: &[(&str, &[&str])] = &[
    ("Run and break", &["cluster", "node"]),
    ("Use", &["submit", "get", "scan", "watch", "shell", "pipe"]),
    ("See", &["status", "leader", "explain"]),
    ("Operate", &["snapshot", "recover"]),
    ("Offline", &["log", "inspect", "bundle"]),
    ("Prove and learn", &["bench", "check", "sim"]),
    ("Tool", &["config", "completions", "man", "version"]),
];

/// The same for `raftctl cluster --help`.
const CLUSTER_GROUPS: &[(&str, &[&str])] = &[
    ("Run", &["up", "down", "start", "stop", "restart", "run"]),
    ("See", &["ls", "status", "logs"]),
    ("Break", &["kill", "pause", "resume", "isolate", "heal"]),
];

/// The whole command line.
pub fn command() -> Command {
    let root = Cli::command();
    let text = grouped(&root, GROUPS);
    let cluster = root.find_subcommand("cluster").expect("`cluster` is a command");
    let cluster_text = grouped(cluster, CLUSTER_GROUPS);
    root.help_template(template(&text))
        .mut_subcommand("cluster", |cluster| cluster.help_template(template(&cluster_text)))
}

/// Names of the visible and hidden commands below `parents`; empty when that is no command with others below it.
pub fn command_names(parents: &[&str]) -> Vec<String> {
    let root = Cli::command();
    let mut at = &root;
    for parent in parents {
        match at.find_subcommand(parent) {
            Some(below) => at = below,
            None => return Vec::new(),
        }
    }
    at.get_subcommands().map(|below| below.get_name().to_owned()).collect()
}

fn template(groups: &str) -> String {
    format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}Options:\n{{options}}{{after-help}}")
}

fn grouped(parent: &Command, groups: &[(&str, &[&str])]) -> String {
    const NAME_WIDTH: usize = 12;
    let mut text = String::new();
    for (heading, names) in groups {
        text.push_str(&format!("{heading}:\n"));
        for name in *names {
            let about =
                parent.find_subcommand(name).and_then(Command::get_about).expect("every command says what it does");
            text.push_str(&format!("  {name:<NAME_WIDTH$} {about}\n"));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_visible_command_stands_under_one_heading() {
        for (parents, groups) in [(&[][..], GROUPS), (&["cluster"][..], CLUSTER_GROUPS)] {
            let root = Cli::command();
            let parent = parents.iter().fold(&root, |at, name| at.find_subcommand(name).unwrap());
            let mut shown: Vec<&str> = groups.iter().flat_map(|(_, names)| names.iter().copied()).collect();
            let mut real: Vec<&str> =
                parent.get_subcommands().filter(|one| !one.is_hide_set()).map(|one| one.get_name()).collect();
            shown.sort_unstable();
            real.sort_unstable();
            assert_eq!(shown, real);
        }
    }
}
