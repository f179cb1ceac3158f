//! Numbers as bars and columns of block characters, for a terminal of any kind.

/// Longest bar, in characters.
const BAR_CHARACTERS: u64 = 40;

/// Width and height of a plot over time, in characters.
const COLUMNS: usize = 60;
const ROWS: usize = 6;

const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar for `number`, where the longest stands for `most`; never empty for something.
pub(in crate::cli) fn bar(number: u64, most: u64) -> String {
    let length = u128::from(number) * u128::from(BAR_CHARACTERS) / u128::from(most.max(1));
    let length = usize::try_from(length).unwrap_or(0).max(usize::from(number > 0));
    "█".repeat(length)
}

/// Rates over time as columns, the highest as high as the plot.
pub(super) struct Plot {
    /// From the top; without trailing blanks.
    pub(super) lines: Vec<String>,
    /// What the highest column stands for, per second.
    pub(super) most_per_second: f64,
    /// How long a column lasts.
    pub(super) column_ms: u64,
}

/// `samples` are times in milliseconds, rising, with what happened from then on for `sample_ms`.
pub(super) fn plot(samples: &[(u64, u64)], sample_ms: u64) -> Option<Plot> {
    let (first, last) = (samples.first()?.0, samples.last()?.0);
    let spans = (last - first) / sample_ms + 1;
    let column_ms = spans.div_ceil(COLUMNS as u64) * sample_ms;
    let mut columns = vec![0_u64; usize::try_from(spans * sample_ms / column_ms).unwrap_or(COLUMNS).min(COLUMNS) + 1];
    for (time_ms, count) in samples {
        let at = usize::try_from((time_ms - first) / column_ms).unwrap_or(COLUMNS);
        columns[at] += count;
    }
    while columns.len() > 1 && columns.last() == Some(&0) {
        columns.pop();
    }
    let most = columns.iter().copied().max().unwrap_or(0).max(1);
    let line = |row: usize| {
        let floor = (ROWS - 1 - row) as u64 * 8;
        let character = |count: &u64| {
            let eighths = (count * (ROWS as u64) * 8).div_ceil(most);
            match eighths.saturating_sub(floor) {
                0 => ' ',
                over => EIGHTHS[usize::try_from(over.min(8)).expect("at most eight") - 1],
            }
        };
        columns.iter().map(character).collect::<String>().trim_end().to_owned()
    };
    let most_per_second = most as f64 * 1_000.0 / column_ms as f64;
    Some(Plot { lines: (0..ROWS).map(line).collect(), most_per_second, column_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_numbers_and_never_empty_for_something() {
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(1, 1_000_000), "█");
        assert_eq!(bar(5, 10).chars().count(), 20);
        assert_eq!(bar(u64::MAX, u64::MAX).chars().count(), 40);
    }

    #[test]
    fn the_highest_column_is_as_high_as_the_plot_and_silence_is_blank() {
        let plotted = plot(&[(0, 48), (2_000, 24), (3_000, 1)], 1_000).unwrap();
        assert_eq!(plotted.lines, ["█", "█", "█", "█ █", "█ █", "█ █▁"]);
        assert_eq!((plotted.most_per_second, plotted.column_ms), (48.0, 1_000));
        let long = plot(&[(0, 1), (600_000, 1)], 1_000).unwrap();
        assert!(long.lines.iter().all(|line| line.chars().count() <= 61), "{:?}", long.lines);
        assert_eq!(long.lines[5].matches('█').count(), 2);
        assert!(plot(&[], 1_000).is_none());
    }
}
