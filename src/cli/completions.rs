//! `raftctl completions SHELL`, and what a TAB asks the binary for: names of clusters and nodes, and keys.
//!
//! A TAB costs at most `KEYS_TIMEOUT`, prints nothing when that fails, and respects a `--cluster` already typed. The
//! completion engine does not show the other words to a completer, so they are taken from the process's own
//! arguments.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use clap_complete::{CompleteEnv, CompletionCandidate, Shell};

use super::arguments::{Environment, GlobalArguments};
use super::failure::{Exit, Failure};
use super::{Context, help, remote, selection};
use crate::api::{Consistency, Query};
use crate::client::Client;
use crate::raft::Index;

/// The variable by which a shell's script asks for completions.
const VARIABLE: &str = "COMPLETE";

/// Most keys that one TAB offers.
const KEYS_MAX: u32 = 50;

/// Longest time a TAB waits for keys, connecting included.
pub(super) const KEYS_TIMEOUT: Duration = Duration::from_millis(120);

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Where each goes:
  bash        source <(raftctl completions bash)                         in ~/.bashrc
  zsh         source <(raftctl completions zsh)                          in ~/.zshrc, after compinit
  fish        raftctl completions fish | source                          in ~/.config/fish/config.fish
  elvish      eval (raftctl completions elvish | slurp)                  in ~/.config/elvish/rc.elv
  powershell  raftctl completions powershell | Out-String | Invoke-Expression   in $PROFILE

Examples:
  source <(raftctl completions bash)
  raftctl completions zsh --static > _raftctl")]
pub struct Args {
    /// bash, zsh, fish, elvish or powershell
    pub shell: Shell,

    /// The script that knows commands and flags only, as it lies in completions/
    #[arg(long = "static")]
    pub fixed: bool,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let script = match arguments.fixed {
        true => static_script(arguments.shell),
        false => dynamic_script(arguments.shell)?,
    };
    context.printer.bytes(&script)?;
    Ok(Exit::Done)
}

/// If a shell asks for completions, answers it and ends the process.
pub fn answer_shell() {
    CompleteEnv::with_factory(help::command).var(VARIABLE).complete();
}

/// The file in `completions/`.
pub fn static_script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut help::command(), "raftctl", &mut script);
    script
}

/// The line that registers this very binary; printed by the engine itself, so that both sides always fit.
fn dynamic_script(shell: Shell) -> Result<Vec<u8>, Failure> {
    let binary = std::env::current_exe()
        .map_err(|error| Failure::new("E0107", "the path of this binary is not known").because(&error))?;
    let shells = clap_complete::env::Shells::builtins();
    let name = shell.to_string();
    let engine = shells.completer(&name).expect("every shell of the static scripts has a dynamic one");
    let mut script = Vec::new();
    let path = binary.to_string_lossy();
    engine.write_registration(VARIABLE, "raftctl", "raftctl", &path, &mut script)?;
    Ok(script)
}

/// Names of local clusters.
pub fn cluster_names() -> Vec<CompletionCandidate> {
    let environment = Environment::read();
    let clusters = selection::home(&environment).and_then(|home| selection::clusters(&home));
    clusters.unwrap_or_default().into_iter().map(|cluster| CompletionCandidate::new(cluster.name)).collect()
}

/// Names of the nodes of the cluster that is meant.
pub fn node_names() -> Vec<CompletionCandidate> {
    let context = typed_context();
    let nodes = selection::local_cluster(&context).and_then(|(cluster, _)| selection::nodes(&cluster));
    nodes.unwrap_or_default().into_iter().map(|node| CompletionCandidate::new(node.name)).collect()
}

/// Keys of the cluster that is meant, as one node has them. Keys that a shell could not hold are left out.
pub fn keys(current: &OsStr) -> Vec<CompletionCandidate> {
    let context = typed_context();
    let keys = remote::block_on(async {
        let work = async {
            let mut client = remote::open(&context, None).await?;
            Ok(keys_through(&mut client, current.as_bytes()).await)
        };
        tokio::time::timeout(KEYS_TIMEOUT, work)
            .await
            .unwrap_or_else(|_| Err(Failure::new("E0502", "the scan took too long for a TAB")))
    });
    keys.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}

/// Keys that begin with `prefix` and can be shown and typed, as some node has them; none when that takes too long.
pub(super) async fn keys_through(client: &mut Client, prefix: &[u8]) -> Vec<String> {
    let query = Query::Scan { prefix: prefix.to_vec(), after: None, limit: KEYS_MAX, keys_only: true };
    let page = remote::scan_page(client, query, Consistency::Stale, Index(0), KEYS_TIMEOUT).await;
    let keys = page.map(|page| page.items).unwrap_or_default().into_iter().map(|item| item.key);
    let texts = keys.filter_map(|key| String::from_utf8(key).ok());
    texts.filter(|key| !key.chars().any(char::is_control)).collect()
}

fn typed_context() -> Context {
    let global = GlobalArguments { cluster: typed_cluster(), ..GlobalArguments::default() };
    Context::new(global, Environment::read())
}

/// The cluster that the line before the cursor names.
fn typed_cluster() -> Option<String> {
    let words: Vec<PathBuf> = std::env::args_os().skip_while(|word| word != "--").map(PathBuf::from).collect();
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let joined = words.iter().find_map(|word| word.strip_prefix("--cluster="));
    let apart = words.iter().position(|word| *word == "--cluster").and_then(|at| words.get(at + 1).copied());
    joined.or(apart).map(str::to_owned)
}
