//! Durations with units, as Go writes them. (`jiff` also accepts words, spaces and signs.)

use std::time::Duration;

/// A sum of numbers with units: `300ms`, `2h30m`, `1h16m0.6s`, `1.5h`, `1d`. Signs and spaces are not accepted.
pub fn duration(text: &str) -> Option<Duration> {
    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
    let mut total = Duration::ZERO;
    let mut rest = text;
    loop {
        let (number, after) = rest.split_at(rest.find(|c| !is_digit(c))?);
        let (unit, after) = after.split_at(after.find(is_digit).unwrap_or(after.len()));
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = after;
        if rest.is_empty() {
            return Some(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_with_units_are_durations() {
        for (text, micros) in [
            ("300ms", 300_000),
            ("45s", 45_000_000),
            ("2h30m", 9_000_000_000),
            ("1.5h", 5_400_000_000),
            ("1d12h", 129_600_000_000),
            ("0s", 0),
            ("2000us", 2000),
            ("0.847655s", 847_655),
            ("1h16m0.6s", 4_560_600_000),
            ("373.5ms", 373_500),
            ("6m0s", 360_000_000),
        ] {
            let expected = Duration::from_micros(micros);
            assert_eq!(duration(text), Some(expected), "{text}");
        }
        let exact = duration("0.847655010s");
        assert_eq!(exact, Some(Duration::from_nanos(847_655_010)));
    }

    #[test]
    fn all_else_is_none() {
        for text in [
            "",
            "5",
            "s",
            "5x",
            "1.",
            "1h 30m",
            "-1h",
            "+5s",
            "1e3s",
            "1..5s",
            "1.2.3s",
            "99999999999999999999h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
