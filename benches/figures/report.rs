//! Report lines: figure, measured value, target, result.

use std::time::Duration;

/// Prints results and collects the missed targets.
#[derive(Default)]
pub struct Report {
    missed: Vec<String>,
}

impl Report {
    /// Prints one figure and whether it reaches its target.
    pub fn figure(&mut self, name: &str, measured: &str, target: &str, reached: bool) {
        let verdict = if reached { "ok" } else { "MISS" };
        println!("{name:<46} {measured:<26} {target:<24} {verdict}");
        if !reached {
            self.missed.push(name.to_owned());
        }
    }

    /// Prints a figure without a target.
    pub fn reported(&self, name: &str, measured: &str) {
        println!("{name:<46} {measured:<26} reported");
    }

    /// Prints a note.
    pub fn note(&self, text: &str) {
        println!("    {text}");
    }

    /// Reports a scenario that could not be measured as missed.
    pub fn broken(&mut self, scenario: &str, error: &std::io::Error) {
        self.figure(scenario, "not measured", "", false);
        self.note(&error.to_string());
    }

    /// The names of the figures that missed their target.
    pub fn missed(&self) -> &[String] {
        &self.missed
    }
}

/// The quantile of `share`; sorts the values.
pub fn quantile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    let index = (last as f64 * share).round() as usize;
    values.get(index).copied().unwrap_or_default()
}

pub fn median(values: &mut [Duration]) -> Duration {
    quantile(values, 0.5)
}

/// The middle one of a few measured values.
pub fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn mebibytes(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}

pub fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

pub fn micros(time: Duration) -> String {
    format!("{:.0} µs", time.as_secs_f64() * 1e6)
}
