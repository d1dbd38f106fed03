//! Scalars and what their text can be read as.

/// How a scalar was written. Only plain text can mean "nothing".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    /// In quotes, as a block, or tagged `!!str`.
    Quoted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    pub text: String,
    pub style: Style,
}

/// Why a scalar is not an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotInteger {
    /// Not a number at all.
    Shape,
    /// A number with a fraction.
    Fraction,
    /// Too large to hold.
    Range,
}

impl Scalar {
    pub fn is_null(&self) -> bool {
        self.style == Style::Plain
            && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// YAML 1.1 truth words in lower, Title or UPPER case, quoted or not.
    pub fn boolean(&self) -> Option<bool> {
        let text = self.text.as_str();
        let uniform = |rest: &str| {
            rest.chars().all(|c| c.is_ascii_lowercase())
                || text.chars().all(|c| c.is_ascii_uppercase())
        };
        if !text.get(1..).is_some_and(uniform) {
            return None;
        }
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        }
    }

    /// Decimal, `0x`, `0o`, `0b`, leading-zero octal, `_` between digits, and floats without a fraction.
    pub fn integer(&self) -> Result<i64, NotInteger> {
        let text = self.text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        // A sign, a `_` or a letter up front is no number in any of the forms.
        if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Err(NotInteger::Shape);
        }
        let digits = digits.replace('_', "");
        let (radix, magnitude) = match digits.as_bytes() {
            [b'0', b'x' | b'X', ..] => (16, digits.get(2..)),
            [b'0', b'o' | b'O', ..] => (8, digits.get(2..)),
            [b'0', b'b' | b'B', ..] => (2, digits.get(2..)),
            [b'0', rest @ ..]
                if !rest.is_empty() && rest.iter().all(|d| matches!(d, b'0'..=b'7')) =>
            {
                (8, digits.get(1..))
            }
            _ => (10, Some(digits.as_str())),
        };
        let magnitude = magnitude.unwrap_or_default();
        if !magnitude.is_empty() && magnitude.chars().all(|c| c.is_digit(radix)) {
            let signed = if negative {
                format!("-{magnitude}")
            } else {
                magnitude.to_owned()
            };
            return i64::from_str_radix(&signed, radix).map_err(|_| NotInteger::Range);
        }
        if radix == 10 {
            return float(&digits).and_then(|value| whole(if negative { -value } else { value }));
        }
        Err(NotInteger::Shape)
    }
}

fn float(digits: &str) -> Result<f64, NotInteger> {
    // Rust also reads `inf` and `nan`, which are no settings.
    if digits.contains(|c: char| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-')) {
        return Err(NotInteger::Shape);
    }
    digits.parse().map_err(|_| NotInteger::Shape)
}

fn whole(value: f64) -> Result<i64, NotInteger> {
    /// Up to here every whole number has a float of its own.
    const EXACT: f64 = (1_i64 << f64::MANTISSA_DIGITS) as f64;
    if value.fract() != 0.0 {
        Err(NotInteger::Fraction)
    } else if value.abs() > EXACT {
        Err(NotInteger::Range)
    } else {
        Ok(value as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Scalar {
        Scalar {
            text: text.to_owned(),
            style: Style::Plain,
        }
    }

    #[test]
    fn truth_has_many_words_but_no_mixed_case() {
        for word in ["true", "True", "TRUE", "yes", "Yes", "on", "ON", "y", "Y"] {
            assert_eq!(plain(word).boolean(), Some(true), "{word}");
        }
        for word in ["false", "False", "no", "NO", "off", "n", "N"] {
            assert_eq!(plain(word).boolean(), Some(false), "{word}");
        }
        for word in ["tRue", "yEs", "oN", "1", "0", "", "t", "truely", "ÿes"] {
            assert_eq!(plain(word).boolean(), None, "{word}");
        }
    }

    #[test]
    fn integers_in_every_form() {
        for (text, value) in [
            ("8317", 8317),
            ("-5", -5),
            ("+5", 5),
            ("0", 0),
            ("0x20", 32),
            ("0o17", 15),
            ("0b101", 5),
            ("017", 15),
            ("089", 89),
            ("8_317", 8317),
            ("1e3", 1000),
            ("8317.0", 8317),
            ("1.5e1", 15),
            ("-0x10", -16),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(plain(text).integer(), Ok(value), "{text}");
        }
        for (text, reason) in [
            ("83.7", NotInteger::Fraction),
            ("1e-1", NotInteger::Fraction),
            ("", NotInteger::Shape),
            ("-", NotInteger::Shape),
            ("--1", NotInteger::Shape),
            ("0x", NotInteger::Shape),
            ("0x-1", NotInteger::Shape),
            ("_1", NotInteger::Shape),
            ("inf", NotInteger::Shape),
            (".inf", NotInteger::Shape),
            ("nan", NotInteger::Shape),
            ("12a", NotInteger::Shape),
            ("9223372036854775808", NotInteger::Range),
            ("1e300", NotInteger::Range),
        ] {
            assert_eq!(plain(text).integer(), Err(reason), "{text}");
        }
    }

    #[test]
    fn only_plain_text_is_null() {
        assert!(plain("~").is_null() && plain("").is_null() && plain("NULL").is_null());
        assert!(!plain("nUll").is_null());
        let quoted = Scalar {
            text: String::new(),
            style: Style::Quoted,
        };
        assert!(!quoted.is_null());
    }
}
