//! A private cluster: a generated name and free ports, for one command. It is brought up, used, and removed with all its
//! data; its nodes end with this process however that ends.
//!
//! Beside it other clusters go on undisturbed. It lies among them under its own name, so that every command can look
//! at it; what a killed process leaves behind is removed by `cluster down NAME --purge`.

use std::fs;
use std::process::Child;

use super::{down, local, up};
use crate::cli::Context;
use crate::cli::config;
use crate::cli::failure::Failure;
use crate::cli::selection::{self, LocalCluster};
use crate::cli::snapshot::restore;
use crate::cluster::make::{self, Making};
use crate::cluster::process::Life;
use crate::cluster::spec::{self, Source};

/// How a command is told to use a cluster of its own.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct LocalArgs {
    /// Start a private cluster of so many nodes, and remove it afterwards
    #[arg(long, value_name = "NODES", value_parser = clap::value_parser!(u8).range(1..=9), help_heading = "Cluster")]
    pub local: Option<u8>,

    /// With --local: override a key of the cluster file; may be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "local", help_heading = "Cluster")]
    pub set: Vec<String>,
}

impl LocalArgs {
    /// # Errors
    /// Another cluster is named as well.
    pub(in crate::cli) fn refuse_another(&self, context: &Context) -> Result<(), Failure> {
        if self.local.is_some() && (context.global.cluster.is_some() || !context.global.endpoint.is_empty()) {
            return Err(Failure::new("E0101", "--local starts a cluster of its own, so no other can be named"));
        }
        Ok(())
    }

    /// Starts the cluster as `Private::start` does; none when none is wanted.
    ///
    /// # Errors
    /// As `Private::start`.
    pub(in crate::cli) fn start(
        &self,
        context: &Context,
        word: &str,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Option<Private>, Failure> {
        let Some(nodes) = self.local else { return Ok(None) };
        let source = Source::Size { cluster: word.to_owned(), nodes: usize::from(nodes) };
        Private::start(context, word, &source, &self.set, is_over).map(Some)
    }
}

/// A cluster that whoever started it must remove.
pub(in crate::cli) struct Private {
    cluster: LocalCluster,
    children: Vec<(String, Child)>,
}

impl Private {
    /// Makes a cluster called `word` and six hexadecimal digits, and starts it. Comes back when it takes writes and every
    /// node is in touch, or when `is_over` says that nobody wants it any more. Call it from the main thread, as
    /// `process::spawn` demands.
    ///
    /// `source` says of what nodes and settings it is; its name and addresses are not heeded. `set` overrides keys.
    ///
    /// # Errors
    /// The description is wrong, or the cluster does not come up; then nothing of it is left.
    pub(in crate::cli) fn start(
        context: &Context,
        word: &str,
        source: &Source,
        set: &[String],
        is_over: &dyn Fn() -> bool,
    ) -> Result<Private, Failure> {
        let home = selection::home(&context.environment)?;
        let name = format!("{word}-{:06x}", rand::random::<u32>() >> 8);
        let mut spec = spec::read(source, Some(&name), set).map_err(|error| config::refused(&error))?;
        for node in &mut spec.nodes {
            (node.listen, node.advertise) = (None, None);
        }
        fs::create_dir_all(&home)
            .map_err(|error| Failure::new("E0206", format!("{} cannot be used", home.display())).because(&error))?;
        let wall_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let directory = home.join(&name);
        let making = Making { directory: &directory, spec: &spec, file: None, wall_ms, backup: None, node_dir: None };
        make::make(&making).map_err(|error| restore::not_made(&name, &error))?;
        let mut private = Private { cluster: LocalCluster { name, directory }, children: Vec::new() };
        match private.bring_up(context, is_over) {
            Ok(()) => Ok(private),
            Err(failure) => {
                private.remove_or_warn(context);
                Err(failure)
            }
        }
    }

    /// The context of the command with this cluster selected.
    pub(in crate::cli) fn context(&self, context: &Context) -> Context {
        let mut context = local::context_of(context, &self.cluster);
        // Whatever was to be shown to another cluster.
        context.global.identity = None;
        context
    }

    fn bring_up(&mut self, context: &Context, is_over: &dyn Fn() -> bool) -> Result<(), Failure> {
        let nodes = selection::nodes(&self.cluster)?;
        self.children = local::start_as(context, &nodes, Life::WithThisProcess)?;
        up::wait_in_touch(&self.context(context), &self.cluster, is_over)
    }

    /// Stops the nodes in good order and removes everything of the cluster.
    ///
    /// # Errors
    /// A node does not end, or files cannot be removed.
    pub(in crate::cli) fn remove(mut self, context: &Context) -> Result<(), Failure> {
        down::purge(context, &self.cluster)?;
        self.wait_for_children();
        Ok(())
    }

    /// Stops the nodes in good order and leaves data and logs where they are; gives where.
    ///
    /// # Errors
    /// A node does not end.
    pub(in crate::cli) fn keep(mut self, context: &Context) -> Result<LocalCluster, Failure> {
        down::stop(context, &self.cluster)?;
        self.wait_for_children();
        Ok(self.cluster)
    }

    /// Starts a node that was killed. Call it from the main thread.
    ///
    /// # Errors
    /// There is no such node, or it does not start.
    pub(in crate::cli) fn start_node(&mut self, context: &Context, name: &str) -> Result<(), Failure> {
        let node = selection::node_named(&self.cluster, name)?;
        self.children.extend(local::start_as(context, &[node], Life::WithThisProcess)?);
        Ok(())
    }

    fn wait_for_children(&mut self) {
        for (_, child) in &mut self.children {
            // It has let its data go, so it ends; how it ended is in its log.
            let _ = child.wait();
        }
    }

    /// `remove` for those that have something more important to report.
    pub(in crate::cli) fn remove_or_warn(self, context: &Context) {
        let name = self.cluster.name.clone();
        if let Err(failure) = self.remove(context) {
            let cause = failure.cause.as_deref().unwrap_or("the cause is not known");
            context.printer.warning(format_args!("{}: {cause}; raftctl cluster down {name} --purge", failure.what));
        }
    }
}
