//! `raftctl inspect`: says what a file or directory is and what is in it.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::Context;
use super::failure::{Exit, Failure};
use super::log::archive_failure;
use super::output::printable;
use super::progress::turning;
use crate::inspect::identify::{Finding, IdentifyError, identify};
use crate::inspect::picture::{LEGEND, SegmentPicture};

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raftctl inspect ~/.local/state/raftctl/demo
  raftctl inspect n1/data/hard_state
  raftctl inspect n1/data/log/*.seg -o json
  raftctl inspect demo.tar
  raftctl inspect demo.tar:n1/data/hard_state

Of a log it draws the segments: what a snapshot covers, what is known to be committed, what was synced, what is dead,
torn or damaged. Works on the directories of running nodes and changes nothing. A bundle
is read as it is; FILE:NODE is one node in it. Keys are never printed. Of damaged
files it prints all it can and exits with 7.")]
pub struct Args {
    /// Files or directories, bundles among them
    #[arg(value_name = "PATH", required = true, value_hint = clap::ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Inspection {
    findings: Vec<Finding>,
}

pub fn run(context: &Context, arguments: Args) -> Result<Exit, Failure> {
    let mut findings = Vec::new();
    let mut refused = None;
    for path in &arguments.paths {
        match turning(context, &format!("inspecting {}", path.display()), || identify(path)) {
            Ok(finding) => findings.push(finding),
            Err(error) => refused = refused.or(Some(refusal(&error))),
        }
    }
    if context.printer.is_table() {
        for finding in &findings {
            print(context, finding, 0)?;
        }
    } else {
        context.printer.document("raftctl.inspection/v1", &Inspection { findings: findings.clone() })?;
    }
    if let Some(damaged) = findings.iter().find(|finding| finding.is_damaged()) {
        return Err(Failure::new("E0401", format!("{} is damaged", damaged.path.display()))
            .cause(first_damage(damaged).unwrap_or_default())
            .fix("keep a copy; the other nodes hold the same committed entries"));
    }
    refused.map_or(Ok(Exit::Done), Err)
}

fn refusal(error: &IdentifyError) -> Failure {
    match error {
        IdentifyError::Read { path, .. } => {
            Failure::new("E0107", format!("{} cannot be inspected", path.display())).because(error)
        }
        IdentifyError::Foreign { .. } => Failure::new("E0404", error.to_string()),
        IdentifyError::Archive(error) => archive_failure(error),
    }
}

fn print(context: &Context, finding: &Finding, depth: usize) -> Result<(), Failure> {
    const FACT_WIDTH: usize = 20;
    let bold = anstyle::Style::new().bold();
    let indent = "  ".repeat(depth);
    let shown = match depth {
        0 => finding.path.display().to_string(),
        _ => finding.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let printer = &context.printer;
    let kind = finding.kind.replace('-', " ");
    printer.line(format_args!(
        "{indent}{bold}{}{bold:#}  {kind}: {}",
        printable(shown.as_bytes(), false),
        finding.about
    ))?;
    for (name, value) in &finding.facts {
        match value {
            Value::Array(items) if items.iter().any(has_words) => {
                printer.line(format_args!("{indent}  {name}"))?;
                for item in items {
                    printer.line(format_args!("{indent}    {}", words(item)))?;
                }
            }
            value => printer.line(format_args!("{indent}  {name:<FACT_WIDTH$} {}", words(value)))?,
        }
    }
    if depth == 0 || finding.kind != "segment" {
        picture(context, finding, &indent)?;
    }
    for damage in &finding.damage {
        let red = anstyle::Style::new().fg_color(Some(anstyle::AnsiColor::Red.into()));
        printer.line(format_args!("{indent}  {red}DAMAGE{red:#} {}", printable(damage.as_bytes(), false)))?;
    }
    for inside in &finding.inside {
        print(context, inside, depth + 1)?;
    }
    Ok(())
}

/// One line for each segment, and what its characters mean.
fn picture(context: &Context, finding: &Finding, indent: &str) -> Result<(), Failure> {
    if finding.picture.is_empty() {
        return Ok(());
    }
    let printer = &context.printer;
    let range = |segment: &SegmentPicture| match (segment.first, segment.last) {
        (Some(first), Some(last)) => format!("{first}..{last}"),
        _ => "–".to_owned(),
    };
    let wide = finding.picture.iter().map(|segment| range(segment).chars().count()).max().unwrap_or(0);
    printer.line(format_args!("{indent}  segments, as far as they are written"))?;
    for segment in &finding.picture {
        let (range, sequence, opened) = (range(segment), segment.sequence, segment.opened);
        let padding = " ".repeat(wide - range.chars().count());
        printer.line(format_args!(
            "{indent}    {sequence:08}  {opened:<9}  {padding}{range}  |{}|  {} bytes each",
            segment.pieces, segment.piece_bytes
        ))?;
    }
    printer.line(format_args!("{indent}    {LEGEND}"))
}

/// Whether it needs a line of its own.
fn has_words(value: &Value) -> bool {
    value.is_object() || value.as_str().is_some_and(|text| text.contains(' '))
}

/// A value as a person reads it.
fn words(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Array(items) if items.is_empty() => "–".to_owned(),
        Value::String(text) => printable(text.as_bytes(), false),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => ["name", "id", "role", "address", "code", "node", "message"]
            .iter()
            .filter_map(|name| fields.get(*name))
            .map(words)
            .collect::<Vec<_>>()
            .join("  "),
        other => other.to_string(),
    }
}

fn first_damage(finding: &Finding) -> Option<String> {
    finding.damage.first().cloned().or_else(|| finding.inside.iter().find_map(first_damage))
}
