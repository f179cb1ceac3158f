//! `raftctl submit`: writes, one by one or many lines at once.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap_complete::ArgValueCompleter;

use super::Context;
use super::arguments;
use super::completions;
use super::failure::{Exit, Failure};
use super::{submit_lines, submit_one};

#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  raftctl submit put colour green
  raftctl submit incr visits 5
  raftctl submit cas colour blue --expect green
  seq 1000 | sed 's/.*/put key-& &/' | raftctl submit -

Lines of a file are the words that follow `submit`, with quotes as in a shell and # for comments. Lines that touch
the same key take effect in the order of the lines.")]
pub struct Args {
    #[command(subcommand)]
    pub operation: Option<Operation>,

    #[command(flatten)]
    pub lines: LinesArgs,
}

impl Args {
    /// What the short forms such as `raftctl put` stand for.
    pub fn of(operation: Operation) -> Args {
        Args { operation: Some(operation), lines: LinesArgs::default() }
    }
}

/// Many commands, one per line.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LinesArgs {
    /// `-`: short for `-f -`
    #[arg(value_name = "-", value_parser = ["-"], conflicts_with = "file", hide_possible_values = true)]
    pub stdin: Option<String>,

    /// File with one command per line; `-` is stdin
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Most lines that are on their way at once [default: 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub in_flight: Option<u32>,

    /// Go on after a line that failed
    #[arg(long)]
    pub keep_going: bool,

    /// Skip the lines before this one, to resume where a run stopped [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub from_line: Option<u64>,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum Operation {
    /// Set a key
    Put(PutArgs),
    /// Remove a key
    Delete(DeleteArgs),
    /// Add bytes at the end of a value
    Append(AppendArgs),
    /// Add to a number
    Incr(IncrArgs),
    /// Set a key if a condition holds
    Cas(CasArgs),
    /// Several writes that take effect together, or none, if conditions hold
    Txn(TxnArgs),
    /// Let a key vanish after a time, unless it is leased again
    Lease(LeaseArgs),
}

/// How words stand for bytes and what is printed; the same for all writes.
#[derive(Clone, Debug, clap::Args)]
pub struct WriteOptions {
    /// Read key and value as base64
    #[arg(long)]
    pub base64: bool,

    /// Print each stage the write went through
    #[arg(long)]
    pub receipt: bool,
}

/// A value on the command line or from a file.
#[derive(Clone, Debug, clap::Args)]
pub struct ValueArgs {
    /// The value; `-` is a value like any other
    #[arg(value_name = "VALUE", required_unless_present = "file", allow_negative_numbers = true)]
    pub value: Option<OsString>,

    /// Take the value from this file, byte for byte; `-` is stdin
    #[arg(short, long, value_name = "FILE", conflicts_with = "value", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl submit put colour green
  raftctl submit put photo -f photo.jpg
  raftctl submit put worker/7 alive --ttl 30s
  raftctl submit put -- --help 'a key that looks like a flag'")]
pub struct PutArgs {
    /// The key
    #[arg(value_name = "KEY", allow_negative_numbers = true, add = ArgValueCompleter::new(completions::keys))]
    pub key: OsString,

    #[command(flatten)]
    pub value: ValueArgs,

    /// Let the key vanish after this time, unless it is written or leased again
    #[arg(long, value_name = "TIME", value_parser = arguments::ttl)]
    pub ttl: Option<Duration>,

    #[command(flatten)]
    pub options: WriteOptions,
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl submit delete colour")]
pub struct DeleteArgs {
    /// The key
    #[arg(value_name = "KEY", allow_negative_numbers = true, add = ArgValueCompleter::new(completions::keys))]
    pub key: OsString,

    #[command(flatten)]
    pub options: WriteOptions,
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl submit append journal 'one more line,'")]
pub struct AppendArgs {
    /// The key
    #[arg(value_name = "KEY", allow_negative_numbers = true, add = ArgValueCompleter::new(completions::keys))]
    pub key: OsString,

    #[command(flatten)]
    pub value: ValueArgs,

    #[command(flatten)]
    pub options: WriteOptions,
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl submit incr visits
  raftctl submit incr balance -5")]
pub struct IncrArgs {
    /// The key
    #[arg(value_name = "KEY", allow_negative_numbers = true, add = ArgValueCompleter::new(completions::keys))]
    pub key: OsString,

    /// What to add
    #[arg(value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub by: i64,

    #[command(flatten)]
    pub options: WriteOptions,
}

#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("condition").required(true).args(["expect", "absent", "revision"]))]
#[command(after_help = "\
Examples:
  raftctl submit cas colour blue --expect green
  raftctl submit cas lock mine --absent
  raftctl submit cas colour red --revision 42")]
pub struct CasArgs {
    /// The key
    #[arg(value_name = "KEY", allow_negative_numbers = true, add = ArgValueCompleter::new(completions::keys))]
    pub key: OsString,

    #[command(flatten)]
    pub value: ValueArgs,

    /// Only if the value is this one
    #[arg(long, value_name = "OLD", allow_hyphen_values = true)]
    pub expect: Option<OsString>,

    /// Only if there is no such key
    #[arg(long)]
    pub absent: bool,

    /// Only if the key was last changed at this revision
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<u64>,

    /// Let the key vanish after this time, unless it is written or leased again
    #[arg(long, value_name = "TIME", value_parser = arguments::ttl)]
    pub ttl: Option<Duration>,

    #[command(flatten)]
    pub options: WriteOptions,
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl submit txn -f move.yaml
  echo '{\"if\":[{\"key\":\"a\",\"value\":\"1\"}],\"then\":[{\"op\":\"put\",\"key\":\"b\",\"value\":\"2\"}]}' | raftctl submit txn -f -

A file in YAML or JSON:
  if:                                     all must hold for `then`
    - { key: from, value: \"100\" }         also: revision, version, exists
  then:
    - { op: put, key: from, value: \"70\" }
    - { op: incr, key: to, by: 30 }       also: delete, append, get, lease (ttl_ms)
  else:                                   taken when one does not
    - { op: get, key: from }

All that a branch writes has one revision. A condition that does not hold is no error.")]
pub struct TxnArgs {
    /// Read the transaction from this file; `-` is stdin
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: PathBuf,

    #[command(flatten)]
    pub options: WriteOptions,
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl submit lease worker/7 30s
  raftctl submit lease lock 30s --revision 42    stay alive, if it is still mine
  raftctl submit lease worker/7 off              keep the key for ever

The value and revision of the key stay as they are.")]
pub struct LeaseArgs {
    /// The key
    #[arg(value_name = "KEY", allow_negative_numbers = true, add = ArgValueCompleter::new(completions::keys))]
    pub key: OsString,

    /// How long from now the key stays; `off` is for ever
    #[arg(value_name = "TIME", value_parser = arguments::lease)]
    pub ttl: arguments::Lease,

    /// Only if the key was last changed at this revision
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<u64>,

    #[command(flatten)]
    pub options: WriteOptions,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    match &arguments.operation {
        Some(operation) => submit_one::run(context, operation),
        None => submit_lines::run(context, &arguments.lines),
    }
}
