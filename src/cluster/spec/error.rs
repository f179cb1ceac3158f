//! Why a cluster file is refused: the place, the source line with a caret, and what to write instead.

use core::fmt;

use super::locate::Place;

/// Longest piece of a source line that is shown, in characters.
const SHOWN_CHARACTERS_MAX: usize = 100;

/// A cluster file that cannot be used. `Display` is the whole message, several lines long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// The file as it was named, `stdin`, or the option that was wrong.
    pub origin: String,
    /// None when the error is not in a text with lines: the file cannot be read, or an option is wrong.
    pub at: Option<Place>,
    /// The line of the file at `at`, cut around the place when it is long.
    pub source_line: String,
    /// What is wrong, without a full stop.
    pub what: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl SpecError {
    /// An error in the file as a whole, or in an option.
    pub(super) fn whole(origin: &str, what: impl Into<String>) -> SpecError {
        SpecError { origin: origin.to_owned(), at: None, source_line: String::new(), what: what.into(), hint: None }
    }

    /// An error at a place in `text`.
    pub(super) fn at(origin: &str, text: &str, place: Place, what: impl Into<String>) -> SpecError {
        let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or("");
        let (source_line, place) = cut(line, place);
        let at = Some(place);
        SpecError { origin: origin.to_owned(), at, source_line, what: what.into(), hint: None }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> SpecError {
        self.hint = Some(hint.into());
        self
    }

    /// `path:line:column`, or only the origin.
    pub fn location(&self) -> String {
        match self.at {
            Some(place) => format!("{}:{}:{}", self.origin, place.line, place.column),
            None => self.origin.clone(),
        }
    }

    /// The source line and the caret under it, two lines; empty when there is no place.
    pub fn excerpt(&self) -> String {
        let Some(place) = self.at else { return String::new() };
        let number = place.line.to_string();
        let shown = self.shown_column();
        let width = place.width.clamp(1, self.source_line.chars().count().saturating_sub(shown).max(1));
        format!(
            "{number} | {}\n{} | {}{}",
            self.source_line,
            " ".repeat(number.len()),
            " ".repeat(shown),
            "^".repeat(width)
        )
    }

    /// Where the place stands in the line as it is shown, counted from 0.
    fn shown_column(&self) -> usize {
        let column = self.at.map_or(1, |place| place.column);
        match self.source_line.starts_with('…') {
            true => (SHOWN_CHARACTERS_MAX / 2).min(column),
            false => column.saturating_sub(1),
        }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location(), self.what)?;
        if self.at.is_some() {
            write!(f, "\n{}", self.excerpt())?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SpecError {}

/// A long line is cut around the place, and what a terminal would act on is replaced.
fn cut(line: &str, place: Place) -> (String, Place) {
    let plain: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let column = place.column.clamp(1, plain.len() + 1);
    let place = Place { column, ..place };
    if plain.len() <= SHOWN_CHARACTERS_MAX {
        return (plain.into_iter().collect(), place);
    }
    let half = SHOWN_CHARACTERS_MAX / 2;
    if column <= half {
        return (plain[..SHOWN_CHARACTERS_MAX].iter().collect::<String>() + "…", place);
    }
    let from = column - half;
    let end = (column + half).min(plain.len());
    let tail = if end < plain.len() { "…" } else { "" };
    (format!("…{}{tail}", plain[from..end].iter().collect::<String>()), place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place_even_in_a_long_line() {
        let long = format!("{}X{}", "a".repeat(300), "b".repeat(300));
        let error = SpecError::at("f", &long, Place { line: 1, column: 301, width: 1 }, "wrong");
        let excerpt = error.excerpt();
        let lines: Vec<Vec<char>> = excerpt.lines().map(|line| line.chars().collect()).collect();
        let caret = lines[1].iter().position(|c| *c == '^').unwrap();
        assert_eq!(lines[0][caret], 'X');
        assert!(lines[0].len() < 120);
        assert_eq!(error.location(), "f:1:301");
    }
}
