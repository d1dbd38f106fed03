//! Amounts with units: durations and sizes.

use std::time::Duration;

use crate::time;

/// The longest duration, a hundred years: adding it to a time cannot overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// `300ms`, `45s`, `2h30m`, `1.5h`, `1d`; a bare whole number counts seconds. Signs and spaces are not
/// taken. `None` also for more than a hundred years.
pub fn duration(text: &str) -> Option<Duration> {
    let total = match text.parse() {
        Ok(seconds) if !text.starts_with('+') => Duration::from_secs(seconds),
        _ => time::duration(text)?,
    };
    (total <= LONGEST).then_some(total)
}

/// Bytes: `64MiB`, `1.5GiB` (powers of 1024), `500kB`, `2MB` (powers of 1000), or a bare number.
pub fn size(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let unit = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(unit);
    let number: f64 = number.parse().ok()?;
    let scale: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    let bytes = number * scale as f64;
    // Floats are exact up to 2^53, which is far more than any size here.
    (bytes.fract() == 0.0 && bytes <= (1_u64 << 53) as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("300ms", 300),
            ("45s", 45_000),
            ("30m", 1_800_000),
            ("2h30m", 9_000_000),
            ("1.5h", 5_400_000),
            ("1d", 86_400_000),
            ("1d12h", 129_600_000),
            ("90", 90_000),
            ("0", 0),
            ("0s", 0),
            ("2000us", 2),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "1h 30m",
            "-1h",
            "h",
            "+5",
            "1.",
            "5x",
            "1..5s",
            "1e3s",
            "99999999999999d",
            "99999999999999",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("1.5KiB", 1536),
            ("2MB", 2_000_000),
            ("500kB", 500_000),
            ("12b", 12),
            ("1048576", 1 << 20),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "MiB",
            "64M",
            "-1",
            "1.5B",
            "1MiB2",
            "99999999999GiB",
            "1 000",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
