//! Terminal colours (ECMA-48, 8.3.117).

use std::ffi::OsStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Red,
    Yellow,
    Green,
    Blue,
    Grey,
}

/// Resets the colour.
pub const PLAIN: &str = "\x1b[0m";

impl Colour {
    pub fn code(self) -> &'static str {
        match self {
            Self::Red => "\x1b[31m",
            Self::Yellow => "\x1b[33m",
            Self::Green => "\x1b[32m",
            Self::Blue => "\x1b[34m",
            Self::Grey => "\x1b[90m",
        }
    }
}

/// Whether to use colours: only on a terminal, without `NO_COLOR` (<https://no-color.org>) and `TERM=dumb`.
pub fn are_wanted(is_terminal: bool) -> bool {
    let variable = |name| std::env::var_os(name);
    is_terminal && are_allowed(variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
}

fn are_allowed(no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_is_obeyed() {
        for (no_color, term, expected) in [
            (None, Some("xterm"), true),
            (None, None, true),
            (Some(""), Some("xterm"), true),
            (Some("1"), Some("xterm"), false),
            (Some("0"), None, false),
            (None, Some("dumb"), false),
        ] {
            let found = are_allowed(no_color.map(OsStr::new), term.map(OsStr::new));
            assert_eq!(found, expected, "{no_color:?} {term:?}");
        }
        assert!(!are_wanted(false));
    }
}
