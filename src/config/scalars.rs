//! How scalars are read: flags, numbers, durations, sizes, texts, words.

use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::keys::Kind;
use super::quantity;
use super::reader::{Field, FromScalar};
use super::word::{Word, one_of};
use super::yaml::{Scalar, Style, Value};

impl Field<'_> {
    /// Whether there is a whole number.
    pub fn is_whole(&self) -> bool {
        let value = self.node().map(|node| &node.value);
        matches!(value, Some(Value::Scalar(scalar)) if scalar.integer().is_ok())
    }

    fn warn_of_quotes(&self, scalar: &Scalar) {
        if scalar.style == Style::Quoted && scalar.integer().is_ok() {
            self.warn("is a number in quotes");
        }
    }

    pub fn integer(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let scalar = self.scalar("a whole number")?;
        let Ok(value) = scalar.integer() else {
            self.error("must be a whole number");
            return None;
        };
        self.warn_of_quotes(scalar);
        if !range.contains(&value) {
            let (low, high) = (range.start(), range.end());
            self.error(format!("must be between {low} and {high}"));
            return None;
        }
        Some(value)
    }

    fn number(&self) -> Option<i128> {
        match self.kind() {
            Kind::Integer(least, most) => self.integer(least..=most).map(i128::from),
            Kind::Count { most, negative } => {
                let mut value = self.integer(i64::MIN..=most)?;
                if value < 0 {
                    self.warn(format!("is negative: {negative} is used"));
                    value = negative;
                }
                Some(value.into())
            }
            Kind::Mebibytes => {
                let scalar = self.scalar("a size such as `2GiB`")?;
                let Ok(count) = scalar.integer() else {
                    return self.size(1..=u64::MAX);
                };
                self.warn_of_quotes(scalar);
                if count < 0 {
                    self.warn("is negative: 0 is used");
                }
                Some(i128::from(count.max(0)) << 20)
            }
            Kind::Size(least, most) => self.size(least..=most),
            _ => None,
        }
    }

    fn size(&self, range: RangeInclusive<u64>) -> Option<i128> {
        let text = &self.scalar("a size such as `64MiB`")?.text;
        let Some(bytes) = quantity::size(text.trim()) else {
            self.error("must be a size such as `64MiB` or `500kB`");
            return None;
        };
        if !range.contains(&bytes) {
            let (low, high) = (range.start(), range.end());
            self.error(format!("must be between {low} and {high} bytes"));
            return None;
        }
        Some(bytes.into())
    }

    fn lenient_timeout(&self) -> Option<Duration> {
        let time = quantity::duration(&self.filled()?).filter(|time| !time.is_zero());
        if time.is_none() {
            self.warn_default("must be a duration such as `30m`");
        }
        time
    }

    /// A warning about a value in whose place the default is used.
    fn warn_default(&self, what: &str) {
        let default = self.key().map_or("", |key| key.default);
        self.warn(format!("{what}: {default} is used"));
    }
}

impl FromScalar for bool {
    fn read(field: &Field<'_>) -> Option<Self> {
        let flag = field.scalar("true or false")?.boolean();
        if flag.is_none() {
            field.error("must be true or false");
        }
        flag
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl FromScalar for $type {
            fn read(field: &Field<'_>) -> Option<Self> {
                Self::try_from(field.number()?).ok()
            }
        })*
    };
}
numbers!(u16, u32, i32, u64, usize);

impl FromScalar for Duration {
    fn read(field: &Field<'_>) -> Option<Self> {
        if field.kind() == Kind::LenientTimeout {
            return field.lenient_timeout();
        }
        let scalar = field.scalar("a duration such as `30s`")?;
        field.warn_of_quotes(scalar);
        // Bare numbers may be written in any way that YAML has for them.
        let whole = || {
            let seconds = scalar.integer().ok()?;
            if seconds < 0 {
                field.warn("is negative: 0 is used");
            }
            quantity::duration(&seconds.max(0).to_string())
        };
        match quantity::duration(scalar.text.trim()).or_else(whole) {
            None => field.error("must be a duration such as `30s` or `2h30m`"),
            Some(time) if time.is_zero() && field.kind() == Kind::Timeout => {
                field.error("must be more than zero");
            }
            time => return time,
        }
        None
    }
}

impl FromScalar for String {
    fn read(field: &Field<'_>) -> Option<Self> {
        field.filled()
    }
}

impl FromScalar for PathBuf {
    fn read(field: &Field<'_>) -> Option<Self> {
        field.filled().map(|text| expand(&text))
    }
}

impl<V: FromScalar> FromScalar for Option<V> {
    fn read(field: &Field<'_>) -> Option<Self> {
        V::read(field).map(Some)
    }
}

impl<W: Word> FromScalar for W {
    fn read(field: &Field<'_>) -> Option<Self> {
        let name = field.filled()?.to_ascii_lowercase();
        let word = Self::of_name(&name);
        if word.is_none() {
            field.warn_default(&format!("must be {}", one_of(Self::NAMES)));
        }
        word
    }
}

/// A path whose leading `~` is the user's home, without `.` and doubled slashes.
fn expand(text: &str) -> PathBuf {
    let home = || std::env::var_os("HOME").filter(|home| !home.is_empty());
    let path = match text.strip_prefix('~') {
        Some("") => home().map(PathBuf::from),
        Some(rest) => rest
            .strip_prefix('/')
            .and_then(|rest| Some(Path::new(&home()?).join(rest))),
        None => None,
    };
    let path = path.unwrap_or_else(|| PathBuf::from(text));
    let clean: PathBuf = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    match clean.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => clean,
    }
}
