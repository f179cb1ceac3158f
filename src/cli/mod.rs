//! The command line: what can be typed, and the way from words to an exit code.
//!
//! Each command has a file with its `Args` and `run(&Context, Args) -> Result<Exit, Failure>`. Data goes to stdout
//! and talk to stderr, both through `Context::printer`; failures are returned, never printed by commands.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::{FromArgMatches as _, ValueEnum as _};

pub mod arguments;
mod bench;
mod bundle;
pub mod catalogue;
mod check;
pub mod cluster;
pub mod completions;
pub mod config;
mod disk_status;
pub mod explain;
pub mod failure;
mod files;
pub mod get;
pub mod help;
pub mod hints;
pub mod inspect;
mod interrupt;
mod key_order;
mod leader;
pub mod line_ranges;
pub mod log;
mod man;
pub mod node;
pub mod output;
pub mod pipe;
mod pipe_protocol;
mod progress;
mod receipt;
mod recover;
pub mod remote;
pub mod scan;
pub mod selection;
mod shell;
pub mod sim;
pub mod snapshot;
pub mod status;
pub mod submit;
mod submit_lines;
mod submit_one;
mod transaction_text;
pub mod values;
pub mod version;
mod watch;
mod words;

use arguments::{ColorWhen, Environment, GlobalArguments, OutputFormat};
use failure::{Exit, Failure};
use output::Printer;

/// Run, operate, break and explain Raft clusters
#[derive(Clone, Debug, clap::Parser)]
#[command(
    name = "raftctl",
    version,
    propagate_version = false,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "\
Examples:
  raftctl cluster up clusters/three-nodes.yaml    three processes, certificates, a leader
  raftctl submit put colour green                 a write, through the leader and a majority
  raftctl get colour                              a linearizable read
  raftctl cluster kill leader                     watch another one take over
  raftctl log show n1                             the log as it lies on disk

Exit codes: 0 done, 1 failed, 2 usage, 3 no such key, 4 unavailable, 5 a condition does not hold,
6 outcome unknown, 7 corruption, 130 interrupted. `raftctl explain E0201` explains a code.")]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArguments,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Command {
    /// Start, stop, watch and break local clusters
    #[command(subcommand)]
    Cluster(cluster::Command),

    /// Run one node in the foreground
    Node(node::Args),

    /// Write: put, delete, append, incr, cas, txn, lease, or many lines at once
    Submit(submit::Args),

    /// Print the value of a key
    Get(get::Args),

    /// List keys and values in order
    Scan(scan::Args),

    /// Print the changes of a key, or of all keys with a prefix, as they happen
    Watch(watch::Args),

    /// Type commands to a cluster at a prompt, or give it many lines from a pipe
    Shell(shell::Args),

    /// Speak JSON Lines with a cluster: many requests at once, for scripts and other languages
    Pipe(pipe::Args),

    /// Who leads, how far everybody is, and what is wrong
    Status(status::Args),

    /// Print the name of the node that leads
    Leader(leader::Args),

    /// What an error code or a rule of Raft means
    Explain(explain::Args),

    /// Read Raft logs from disk, whether nodes run or not
    #[command(subcommand)]
    Log(log::Command),

    /// Say what a file or directory of raftctl is, and what is in it
    Inspect(inspect::Args),

    /// Pack what somebody else needs to understand a cluster into one file
    Bundle(bundle::Args),

    /// Back up a running cluster, restore it, show and prove snapshot files
    #[command(subcommand)]
    Snapshot(snapshot::Command),

    /// Go on after a majority of the nodes is lost for good
    #[command(subcommand)]
    Recover(recover::Command),

    /// Measure a cluster under load: throughput, latency, and what it costs
    Bench(bench::Args),

    /// Check a real cluster: whether what clients hear can be explained by one copy of the data
    #[command(subcommand)]
    Check(check::Command),

    /// Simulate whole clusters from a seed, and tell the stories of scripts
    #[command(subcommand)]
    Sim(sim::Command),

    /// Check cluster files
    #[command(subcommand)]
    Config(config::Command),

    /// Print the completion script of a shell
    Completions(completions::Args),

    /// Print or write manual pages
    Man(man::Args),

    /// Print the version and the formats it speaks
    Version(version::Args),

    /// Short for `submit put`
    #[command(hide = true)]
    Put(submit::PutArgs),

    /// Short for `submit delete`
    #[command(hide = true)]
    Delete(submit::DeleteArgs),

    /// Short for `submit append`
    #[command(hide = true)]
    Append(submit::AppendArgs),

    /// Short for `submit incr`
    #[command(hide = true)]
    Incr(submit::IncrArgs),

    /// Short for `submit cas`
    #[command(hide = true)]
    Cas(submit::CasArgs),

    /// Short for `submit txn`
    #[command(hide = true)]
    Txn(submit::TxnArgs),

    /// Short for `submit lease`
    #[command(hide = true)]
    Lease(submit::LeaseArgs),
}

/// What every command works with.
pub struct Context {
    pub global: GlobalArguments,
    pub environment: Environment,
    pub printer: Printer,
}

impl Context {
    pub fn new(global: GlobalArguments, environment: Environment) -> Context {
        let printer = Printer::new(
            global.output.unwrap_or_default(),
            global.color.unwrap_or_default(),
            global.quiet,
            global.verbose,
        );
        Context { global, environment, printer }
    }

    /// The `--timeout` that was given, else the command's own.
    pub fn timeout_or(&self, default: Duration) -> Duration {
        self.global.timeout.unwrap_or(default)
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    completions::answer_shell();
    let typed: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(run(&typed).code())
}

fn run(typed: &[OsString]) -> Exit {
    let environment = Environment::read();
    let (context, outcome) = match parse(typed, &environment) {
        Ok(Parsed::Run(cli)) => {
            let context = Context::new(cli.global, environment);
            let outcome = dispatch(&context, cli.command);
            (context, outcome)
        }
        Ok(Parsed::Show { text, exit }) => {
            let context = Context::new(glance(typed, &environment), environment);
            let outcome = match exit {
                Exit::Done => context.printer.line(text.trim_end()).map(|()| exit),
                _ => {
                    context.printer.note(text.trim_end());
                    Ok(exit)
                }
            };
            (context, outcome)
        }
        Err(failure) => (Context::new(glance(typed, &environment), environment), Err(failure)),
    };
    let outcome = outcome.and_then(|exit| context.printer.flush().map(|()| exit));
    match outcome {
        Ok(exit) => exit,
        Err(failure) => {
            context.printer.failure(&failure);
            failure.exit
        }
    }
}

enum Parsed {
    Run(Box<Cli>),
    /// Help or the version.
    Show {
        text: String,
        exit: Exit,
    },
}

fn parse(typed: &[OsString], environment: &Environment) -> Result<Parsed, Failure> {
    use clap::error::ErrorKind;
    let parsed = help::command().try_get_matches_from(typed).and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(mut cli) => {
            cli.global = environment.complete(cli.global)?;
            Ok(Parsed::Run(Box::new(cli)))
        }
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Ok(Parsed::Show { text: error.render().ansi().to_string(), exit: Exit::Done })
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Ok(Parsed::Show { text: error.render().ansi().to_string(), exit: Exit::Usage })
            }
            _ => Err(hints::usage_failure(&error, typed)),
        },
    }
}

/// Format and colour as far as they can be seen in a line that does not parse, so that its error comes out as asked.
fn glance(typed: &[OsString], environment: &Environment) -> GlobalArguments {
    let words: Vec<&str> =
        typed.iter().skip(1).map_while(|word| word.to_str()).take_while(|word| *word != "--").collect();
    let value = |names: &[&str]| {
        words.iter().enumerate().find_map(|(at, word)| {
            names.iter().find_map(|name| match word.strip_prefix(name)? {
                "" => words.get(at + 1).copied(),
                joined if name.starts_with("--") => joined.strip_prefix('='),
                joined => Some(joined.trim_start_matches('=')),
            })
        })
    };
    let output = value(&["--output", "-o"]).or(environment.output.as_deref());
    let color = value(&["--color"]).or(environment.color.as_deref());
    GlobalArguments {
        output: output.and_then(|text| OutputFormat::from_str(text, false).ok()),
        color: color.and_then(|text| ColorWhen::from_str(text, false).ok()),
        ..GlobalArguments::default()
    }
}

fn dispatch(context: &Context, command: Command) -> Result<Exit, Failure> {
    use submit::Operation;
    match command {
        Command::Cluster(command) => cluster::run(context, command),
        Command::Node(arguments) => node::run(context, arguments),
        Command::Submit(arguments) => submit::run(context, arguments),
        Command::Get(arguments) => get::run(context, arguments),
        Command::Scan(arguments) => scan::run(context, arguments),
        Command::Watch(arguments) => watch::run(context, arguments),
        Command::Shell(arguments) => shell::run(context, arguments),
        Command::Pipe(arguments) => pipe::run(context, arguments),
        Command::Status(arguments) => status::run(context, arguments),
        Command::Leader(arguments) => leader::run(context, &arguments),
        Command::Explain(arguments) => explain::run(context, arguments),
        Command::Log(command) => log::run(context, command),
        Command::Inspect(arguments) => inspect::run(context, arguments),
        Command::Snapshot(command) => snapshot::run(context, command),
        Command::Bundle(arguments) => bundle::run(context, &arguments),
        Command::Recover(command) => recover::run(context, command),
        Command::Bench(arguments) => bench::run(context, &arguments),
        Command::Check(command) => check::run(context, command),
        Command::Sim(command) => sim::run(context, command),
        Command::Config(command) => config::run(context, command),
        Command::Completions(arguments) => completions::run(context, arguments),
        Command::Man(arguments) => man::run(context, arguments),
        Command::Version(arguments) => version::run(context, arguments),
        Command::Put(arguments) => submit::run(context, submit::Args::of(Operation::Put(arguments))),
        Command::Delete(arguments) => submit::run(context, submit::Args::of(Operation::Delete(arguments))),
        Command::Append(arguments) => submit::run(context, submit::Args::of(Operation::Append(arguments))),
        Command::Incr(arguments) => submit::run(context, submit::Args::of(Operation::Incr(arguments))),
        Command::Cas(arguments) => submit::run(context, submit::Args::of(Operation::Cas(arguments))),
        Command::Txn(arguments) => submit::run(context, submit::Args::of(Operation::Txn(arguments))),
        Command::Lease(arguments) => submit::run(context, submit::Args::of(Operation::Lease(arguments))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_does_not_parse_still_chooses_its_format() {
        let format = |line: &str| {
            let typed: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            glance(&typed, &Environment::default()).output
        };
        assert_eq!(format("raftctl nonsense -o json"), Some(OutputFormat::Json));
        assert_eq!(format("raftctl -ojson nonsense"), Some(OutputFormat::Json));
        assert_eq!(format("raftctl --output=yaml nonsense"), Some(OutputFormat::Yaml));
        assert_eq!(format("raftctl put k -- -o json"), None);
    }
}
