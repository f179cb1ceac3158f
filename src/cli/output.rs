//! The one place that prints: data on stdout as a table, JSON or YAML; talk on stderr.
//!
//! Stdout is buffered and flushed when a command ends, before anything is said on stderr, and whenever a stream asks
//! for it. A reader that closed the pipe surfaces as [`Failure::closed_output`], which ends the command quietly.
//! Colours are written always and stripped where they are not wanted.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstream::AutoStream;
use anstyle::Style;
use serde::Serialize;

use super::arguments::{ColorWhen, OutputFormat};
use super::failure::Failure;
pub use crate::inspect::text::{PREVIEW_CHARACTERS, printable};

/// Bytes of stdout kept before they are written.
const OUTPUT_BUFFER_BYTES: usize = 64 * 1024;

/// Spaces between two columns of a table.
const COLUMN_GAP: usize = 2;

pub struct Printer {
    format: OutputFormat,
    quiet: bool,
    verbose: bool,
    /// Documents are among many.
    is_stream: bool,
    stdout_is_terminal: bool,
    stdout: Mutex<BufWriter<AutoStream<io::Stdout>>>,
    stderr_colors: anstream::ColorChoice,
}

impl Printer {
    pub fn new(format: OutputFormat, color: ColorWhen, quiet: bool, verbose: bool) -> Printer {
        let stdout = io::stdout();
        let stdout_is_terminal = stdout.is_terminal();
        let stdout = AutoStream::new(stdout, color_choice(color, &io::stdout()));
        Printer {
            format,
            quiet,
            verbose,
            is_stream: false,
            stdout_is_terminal,
            stdout: Mutex::new(BufWriter::with_capacity(OUTPUT_BUFFER_BYTES, stdout)),
            stderr_colors: color_choice(color, &io::stderr()),
        }
    }

    /// For a command that answers again and again: every document is a line, as those of `item` are.
    #[must_use]
    pub fn streaming(self) -> Printer {
        Printer { is_stream: true, ..self }
    }

    pub fn format(&self) -> OutputFormat {
        self.format
    }

    pub fn is_table(&self) -> bool {
        self.format == OutputFormat::Table
    }

    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether a person looks at stdout: then control bytes are escaped and long values are shortened.
    pub fn stdout_is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// Whether progress may be drawn: stderr is a terminal, and nobody asked for silence or for JSON errors.
    pub fn may_draw(&self) -> bool {
        !self.quiet && self.is_table() && io::stderr().is_terminal()
    }

    /// How stderr is coloured; for those who must write it themselves.
    pub fn stderr_colors(&self) -> anstream::ColorChoice {
        self.stderr_colors
    }

    /// One line of data.
    pub fn line(&self, text: impl Display) -> Result<(), Failure> {
        writeln!(self.lock(), "{text}")?;
        Ok(())
    }

    /// Data exactly as it is: values under `--raw`, scripts, pages.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        // Past the colour filter: it would take an escape byte in a value for a colour.
        let mut stdout = self.lock();
        stdout.flush()?;
        io::stdout().lock().write_all(bytes)?;
        Ok(())
    }

    pub fn table(&self, table: &Table) -> Result<(), Failure> {
        self.lock().write_all(table.render().as_bytes())?;
        Ok(())
    }

    /// The whole answer of a command as one document; `schema` is `raftctl.<thing>/v1`. Only for json and yaml.
    pub fn document<T: Serialize>(&self, schema: &'static str, value: &T) -> Result<(), Failure> {
        if self.is_stream {
            return self.item(schema, value);
        }
        let tagged = Tagged { schema, value };
        let text = match self.format {
            OutputFormat::Yaml => to_yaml(&tagged),
            OutputFormat::Json | OutputFormat::Table => {
                serde_json::to_string_pretty(&tagged).expect("documents are plain data") + "\n"
            }
        };
        self.lock().write_all(text.as_bytes())?;
        Ok(())
    }

    /// One of many: a JSON line, or a YAML document behind `---`.
    pub fn item<T: Serialize>(&self, schema: &'static str, value: &T) -> Result<(), Failure> {
        let tagged = Tagged { schema, value };
        let text = match self.format {
            OutputFormat::Yaml => format!("---\n{}", to_yaml(&tagged)),
            OutputFormat::Json | OutputFormat::Table => {
                serde_json::to_string(&tagged).expect("items are plain data") + "\n"
            }
        };
        self.lock().write_all(text.as_bytes())?;
        Ok(())
    }

    pub fn flush(&self) -> Result<(), Failure> {
        self.lock().flush()?;
        Ok(())
    }

    /// Talk: what was done or is being waited for. Silent under `--quiet` and, unless `--verbose`, under `-o json`.
    pub fn note(&self, text: impl Display) {
        if !self.quiet && (self.format != OutputFormat::Json || self.verbose) {
            self.say(&format!("{text}\n"));
        }
    }

    /// Talk that is worth a colour: something is not as it should be, but the command goes on.
    pub fn warning(&self, text: impl Display) {
        let yellow = Style::new().bold().fg_color(Some(anstyle::AnsiColor::Yellow.into()));
        self.note(format!("{yellow}warning:{yellow:#} {text}"));
    }

    /// Talk for those who asked for more.
    pub fn detail(&self, text: impl Display) {
        if self.verbose {
            self.say(&format!("{text}\n"));
        }
    }

    /// The last word of a command that failed.
    pub fn failure(&self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        match self.format {
            OutputFormat::Json => self.say(&format!("{}\n", failure.to_json())),
            OutputFormat::Table | OutputFormat::Yaml => self.say(&failure.to_text()),
        }
    }

    fn say(&self, text: &str) {
        // Keeps the order of what a person sees when both streams are one terminal. A stdout that cannot be written
        // is reported by its own next use; nothing can be said about a stderr that cannot be written.
        let _ = self.lock().flush();
        let mut stderr = AutoStream::new(io::stderr(), self.stderr_colors);
        let _ = stderr.write_all(text.as_bytes());
    }

    fn lock(&self) -> MutexGuard<'_, BufWriter<AutoStream<io::Stdout>>> {
        self.stdout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn color_choice(color: ColorWhen, stream: &impl anstream::stream::RawStream) -> anstream::ColorChoice {
    match color {
        ColorWhen::Auto => anstream::AutoStream::choice(stream),
        ColorWhen::Always => anstream::ColorChoice::Always,
        ColorWhen::Never => anstream::ColorChoice::Never,
    }
}

fn to_yaml<T: Serialize>(value: &T) -> String {
    serde_yaml::to_string(value).expect("documents are plain data")
}

#[derive(Serialize)]
struct Tagged<'a, T> {
    schema: &'static str,
    #[serde(flatten)]
    value: &'a T,
}

/// Rows under headings, each column as wide as its widest cell. Never cut.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug)]
struct Column {
    heading: &'static str,
    /// Numbers stand at the right of their column.
    right: bool,
}

/// Text with the style it is shown in.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    pub text: String,
    pub style: Style,
}

impl Cell {
    pub fn styled(text: impl Into<String>, style: Style) -> Cell {
        Cell { text: text.into(), style }
    }

    /// What is not known is shown as a dash.
    pub fn known<T: Display>(value: Option<T>) -> Cell {
        Cell::from(value.map_or_else(|| "–".to_owned(), |value| value.to_string()))
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell { text: text.into(), style: Style::new() }
    }
}

impl Table {
    /// Headings; one that starts with `>` has its column set to the right.
    pub fn new(headings: &[&'static str]) -> Table {
        let column = |heading: &&'static str| match heading.strip_prefix('>') {
            Some(heading) => Column { heading, right: true },
            None => Column { heading, right: false },
        };
        Table { columns: headings.iter().map(column).collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let row: Vec<Cell> = cells.into_iter().collect();
        assert_eq!(row.len(), self.columns.len(), "a row has a cell for every heading");
        self.rows.push(row);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn render(&self) -> String {
        let bold = Style::new().bold();
        let headings: Vec<Cell> = self.columns.iter().map(|column| Cell::styled(column.heading, bold)).collect();
        let mut widths: Vec<usize> = headings.iter().map(|cell| width(&cell.text)).collect();
        for row in &self.rows {
            for (position, cell) in row.iter().enumerate() {
                widths[position] = widths[position].max(width(&cell.text));
            }
        }
        let mut out = String::new();
        for row in std::iter::once(&headings).chain(&self.rows) {
            self.render_row(row, &widths, &mut out);
        }
        out
    }

    fn render_row(&self, row: &[Cell], widths: &[usize], out: &mut String) {
        use std::fmt::Write as _;
        for (position, cell) in row.iter().enumerate() {
            let is_last = position + 1 == row.len();
            let padding = " ".repeat(widths[position] - width(&cell.text));
            let (before, behind) = match (self.columns[position].right, is_last) {
                (true, _) => (padding.as_str(), ""),
                (false, true) => ("", ""),
                (false, false) => ("", padding.as_str()),
            };
            let style = cell.style;
            let _ = write!(out, "{before}{style}{}{style:#}{behind}", cell.text);
            if !is_last {
                out.push_str(&" ".repeat(COLUMN_GAP));
            }
        }
        out.push('\n');
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_as_wide_as_their_content() {
        let mut table = Table::new(&[">INDEX", "WHAT"]);
        table.row(["7".into(), "no-op".into()]);
        table.row(["123456".into(), "put a long line that is never cut".into()]);
        let text = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(text, " INDEX  WHAT\n     7  no-op\n123456  put a long line that is never cut\n");
    }

    #[test]
    fn documents_carry_their_schema_first() {
        #[derive(Serialize)]
        struct Thing {
            revision: u64,
            leader: Option<String>,
        }
        let tagged = Tagged { schema: "raftctl.thing/v1", value: &Thing { revision: u64::MAX, leader: None } };
        let json = serde_json::to_string(&tagged).unwrap();
        assert_eq!(json, "{\"schema\":\"raftctl.thing/v1\",\"revision\":18446744073709551615,\"leader\":null}");
        assert_eq!(to_yaml(&tagged), "schema: raftctl.thing/v1\nrevision: 18446744073709551615\nleader: null\n");
    }
}
