//! Cluster-wide settings: what every member must agree on, written into the log with the first configuration.
//!
//! Settings that belong to one node (`storage:`, `http:`) are not here.

use core::time::Duration;

/// One percent: far above what any working clock does.
pub const CLOCK_DRIFT_PPM_DEFAULT: u32 = 10_000;

/// The `raft:` and `limits:` of a cluster file, as they were when the cluster was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A follower campaigns after a random time in `[election_timeout, 2 * election_timeout)` of silence (R12).
    pub election_timeout: Duration,
    pub heartbeat_interval: Duration,
    pub pre_vote: bool,
    pub check_quorum: bool,
    /// A leader may answer reads for as long as a quorum has promised to elect nobody else (R99).
    pub lease_reads: bool,
    /// By how much one node's clock may run faster than another's, in millionths.
    pub clock_drift_ppm: u32,
    /// Most bytes of entries on the way to one peer (R38).
    pub max_inflight_bytes: u64,
    /// Longest value, in bytes.
    pub max_value_size: u64,
    /// Most bytes of proposals that are appended and not committed (R30).
    pub max_pending_bytes: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            election_timeout: Duration::from_millis(500),
            heartbeat_interval: Duration::from_millis(50),
            pre_vote: true,
            check_quorum: true,
            lease_reads: false,
            clock_drift_ppm: CLOCK_DRIFT_PPM_DEFAULT,
            max_inflight_bytes: 1 << 20,
            max_value_size: 1 << 20,
            max_pending_bytes: 64 << 20,
        }
    }
}

/// Why a duration or a size is refused. The messages name what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    #[error("`{text}` has no unit; did you mean `{text}{guess}`?")]
    UnitMissing { text: String, guess: &'static str },
    #[error("`{text}` is not a {what}; write for example `{example}`")]
    NotUnderstood { text: String, what: &'static str, example: &'static str },
    #[error("`{text}` is too large")]
    TooLarge { text: String },
}

/// A span of time with its unit, which is required: `500ms`, `2s`, `1m30s`, `1.5s`. Units: `us ms s m h d`.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let not_understood =
        || UnitError::NotUnderstood { text: text.to_owned(), what: "duration", example: "10s, 500ms, 1m30s" };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(not_understood());
    }
    let mut total_ns: u128 = 0;
    while !rest.is_empty() {
        let (number, unit, behind) = split_number(rest).ok_or_else(not_understood)?;
        let unit_ns: u128 = match unit {
            "" => {
                // A bare 500 is meant in milliseconds.
                let guess = if number.parse().is_ok_and(|whole: u64| whole >= 100) { "ms" } else { "s" };
                return Err(UnitError::UnitMissing { text: text.to_owned(), guess });
            }
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60 * 1_000_000_000,
            "h" => 3_600 * 1_000_000_000,
            "d" => 86_400 * 1_000_000_000,
            _ => return Err(not_understood()),
        };
        let part = scaled(number, unit_ns).ok_or_else(not_understood)?;
        total_ns = total_ns.saturating_add(part);
        rest = behind;
    }
    let nanos = u64::try_from(total_ns).map_err(|_| UnitError::TooLarge { text: text.to_owned() })?;
    Ok(Duration::from_nanos(nanos))
}

/// Largest drift that can be set: beyond, a lease is not worth its name.
pub const CLOCK_DRIFT_PPM_MAX: u32 = 200_000;

/// A clock drift as a percentage, `1%` or `0.5%`, in millionths; none when it is none or too large.
pub fn parse_drift_ppm(text: &str) -> Option<u32> {
    const PPM_PER_PERCENT: u128 = 10_000;
    let ppm = scaled(text.trim().strip_suffix('%')?, PPM_PER_PERCENT)?;
    u32::try_from(ppm).ok().filter(|ppm| *ppm <= CLOCK_DRIFT_PPM_MAX)
}

/// A number of bytes with its unit, which is required: `512B`, `64KiB`, `1MiB`, `2GiB`, `1.5MB`.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let not_understood =
        || UnitError::NotUnderstood { text: text.to_owned(), what: "size", example: "64MiB, 512KiB, 100B" };
    let (number, unit, rest) = split_number(text.trim()).ok_or_else(not_understood)?;
    let unit_bytes: u128 = match unit {
        "" => return Err(UnitError::UnitMissing { text: text.to_owned(), guess: "MiB" }),
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(not_understood()),
    };
    if !rest.is_empty() {
        return Err(not_understood());
    }
    let bytes = scaled(number, unit_bytes).ok_or_else(not_understood)?;
    u64::try_from(bytes).map_err(|_| UnitError::TooLarge { text: text.to_owned() })
}

/// The number, the unit behind it, and what follows.
fn split_number(text: &str) -> Option<(&str, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let rest = rest.trim_start();
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, behind) = rest.split_at(letters);
    (!number.is_empty()).then_some((number, unit, behind.trim_start()))
}

/// `number`, which may have a fraction, times `unit`; none when it is no number.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    const FRACTION_DIGITS_MAX: usize = 9;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > FRACTION_DIGITS_MAX || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let whole: u128 = whole.parse::<u64>().ok()?.into();
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()?.into() };
    let denominator = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    Some(whole * unit + part * unit / denominator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_say_which() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(parse_duration("2 s"), Ok(Duration::from_secs(2)));
        assert_eq!(parse_duration("500").unwrap_err().to_string(), "`500` has no unit; did you mean `500ms`?");
        assert_eq!(parse_duration("30").unwrap_err().to_string(), "`30` has no unit; did you mean `30s`?");
        for wrong in ["", "s", "-1s", "1x", "1.s", ".5s", "1s2", "1e3s", "１s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?} was taken for a duration");
        }
        assert_eq!(
            parse_duration("18446744073709551615d"),
            Err(UnitError::TooLarge { text: "18446744073709551615d".to_owned() })
        );
    }

    #[test]
    fn a_drift_is_a_percentage_with_a_bound() {
        assert_eq!(
            ["1%", "0.5%", "20%", "0%"].map(parse_drift_ppm),
            [Some(10_000), Some(5_000), Some(200_000), Some(0)]
        );
        assert_eq!(["1", "20.1%", "-1%", "%", "x%"].map(parse_drift_ppm), [None; 5]);
    }

    #[test]
    fn sizes_need_a_unit_and_know_both_thousands() {
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("1.5KiB"), Ok(1_536));
        assert_eq!(parse_size("2GB"), Ok(2_000_000_000));
        assert_eq!(parse_size("7B"), Ok(7));
        assert_eq!(parse_size("64").unwrap_err().to_string(), "`64` has no unit; did you mean `64MiB`?");
        for wrong in ["", "MiB", "1MiB2", "1mib", "-1B", "1Mib"] {
            assert!(parse_size(wrong).is_err(), "{wrong:?} was taken for a size");
        }
        assert!(matches!(parse_size("18446744073709551615GiB"), Err(UnitError::TooLarge { .. })));
    }
}
