//! `.env`: environment variables in a file. The format is that of godotenv, except that `$` means something in double quotes only.
//!
//! This is not dotenvy (0.15): there a value without quotes must not contain blanks, loses what follows a `$` (as in a
//! bcrypt hash), and an apostrophe in it swallows the rest of the file; its errors have no line number and repeat the line,
//! which may be a secret.
//!
//! `KEY=value`, optionally after `export`; `#` begins a comment at the start of a line and after a blank. A value
//! in single quotes is literal; in double quotes `\` escapes and `${KEY}` is replaced by another variable.
//! Quoted values may span lines.

use std::collections::BTreeMap;
use std::fmt;

/// The longest value, in bytes. Without a limit, variables within variables could grow without bound.
const LONGEST: usize = 16 << 10;

pub type Variables = BTreeMap<String, String>;

/// A line that is ignored. Its message never contains the value, which may be secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: usize,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    NoName,
    NoEnd,
    Trailing,
    TooLong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            What::NoName => "is not KEY=value",
            What::NoEnd => "unclosed quote",
            What::Trailing => "text after a closing quote",
            What::TooLong => "the value is too long",
        };
        write!(f, ".env:{}: {what}; the line is ignored", self.line)
    }
}

/// Reads the text of the file. `outside` looks up the real environment, which takes precedence over the file. If a
/// name occurs twice, its last value counts.
pub fn parse(text: &str, outside: impl Fn(&str) -> Option<String>) -> (Variables, Vec<Fault>) {
    let mut variables = Variables::new();
    let mut faults = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = |text: &str| text.matches('\n').count();
    let all = lines(rest);
    let line_of = |rest: &str| all - lines(rest) + 1;
    while !rest.is_empty() {
        let (entry, after) = entry(rest, |name| {
            outside(name).or_else(|| variables.get(name).cloned())
        });
        let start = std::mem::replace(&mut rest, after);
        match entry {
            Ok(Some((name, value))) => {
                variables.insert(name.to_owned(), value);
            }
            Ok(None) => {}
            Err(what) => faults.push(Fault {
                line: line_of(start),
                what,
            }),
        }
    }
    (variables, faults)
}

type Entry<'t> = Option<(&'t str, String)>;

/// One variable, or none in an empty line, and what follows its line.
fn entry(text: &str, known: impl Fn(&str) -> Option<String>) -> (Result<Entry<'_>, What>, &str) {
    let (line, next) = first_line(text);
    let start = line.trim();
    if start.is_empty() || start.starts_with('#') {
        return (Ok(None), next);
    }
    // The value may go on beyond the line.
    let Some((name, value)) = text.split_once('=').filter(|_| line.contains('=')) else {
        return (Err(What::NoName), next);
    };
    let name = name.trim();
    let exported = name
        .strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']));
    let name = exported.unwrap_or(name).trim();
    if !is_name(name) {
        return (Err(What::NoName), next);
    }
    let value = value.trim_start_matches([' ', '\t']);
    let (value, rest) = if let Some(quoted) = value.strip_prefix('\'') {
        literal(quoted)
    } else if let Some(quoted) = value.strip_prefix('"') {
        escaped(quoted, known)
    } else {
        return (Ok(Some((name, plain(value).to_owned()))), next);
    };
    let (left, next) = first_line(rest);
    let left = left.trim();
    match value {
        Err(what) => (Err(what), next),
        Ok(_) if !left.is_empty() && !left.starts_with('#') => (Err(What::Trailing), next),
        Ok(value) => (Ok(Some((name, value))), next),
    }
}

/// The first line, and what follows it.
fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
}

/// A value without quotes ends with its line, or where a comment begins.
fn plain(value: &str) -> &str {
    let (line, _) = first_line(value);
    if line.starts_with('#') {
        return "";
    }
    let comment = [" #", "\t#"].into_iter().filter_map(|mark| line.find(mark));
    let (value, _) = line.split_at(comment.min().unwrap_or(line.len()));
    value.trim()
}

type Quoted<'t> = (Result<String, What>, &'t str);

fn literal(text: &str) -> Quoted<'_> {
    match text.split_once('\'') {
        Some((value, rest)) if value.len() <= LONGEST => (Ok(value.to_owned()), rest),
        Some((_, rest)) => (Err(What::TooLong), rest),
        // Only its first line is lost.
        None => (Err(What::NoEnd), text),
    }
}

fn escaped(text: &str, known: impl Fn(&str) -> Option<String>) -> Quoted<'_> {
    let mut value = String::new();
    let mut is_too_long = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_too_long => return (Err(What::TooLong), chars.as_str()),
            '"' => return (Ok(value), chars.as_str()),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(other) => value.push(other),
                None => break,
            },
            '$' => match variable(chars.as_str()) {
                // A variable that is not set is empty, as in a shell.
                Some((name, rest)) => {
                    value.push_str(&known(name).unwrap_or_default());
                    chars = rest.chars();
                }
                None => value.push('$'),
            },
            other => value.push(other),
        }
        if value.len() > LONGEST {
            is_too_long = true;
            value.clear();
        }
    }
    (Err(What::NoEnd), text)
}

/// The name in `{NAME}`, with which `text` begins, and what follows.
fn variable(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix('{')?.split_once('}')?;
    is_name(name).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outside(name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/me".to_owned())
    }

    #[test]
    fn values() {
        for (text, expected) in [
            ("A=b", "b"),
            ("export A=b", "b"),
            ("export\tA = b ", "b"),
            ("  A=b", "b"),
            ("A=", ""),
            ("A=b c # comment", "b c"),
            ("A=b#c", "b#c"),
            ("A=# comment", ""),
            ("A=${HOME}", "${HOME}"),
            ("A=b=c", "b=c"),
            ("A='b # ${HOME} \\n' # comment", "b # ${HOME} \\n"),
            ("A=\"b # c\"# comment", "b # c"),
            ("A=\"x${HOME}y\"", "x/home/mey"),
            (
                "A=\"\\${HOME} \\\"q\\\" \\\\ \\n\\t\\x\"",
                "${HOME} \"q\" \\ \n\tx",
            ),
            ("A=\"$HOME ${} ${a b} ${\"", "$HOME ${} ${a b} ${"),
            ("A=\"${NONE}\"", ""),
            ("A='one\ntwo'\nB=3", "one\ntwo"),
            ("A=\"one\ntwo\"\nB=3", "one\ntwo"),
            ("A=1\r\nB=2\r\n", "1"),
            ("\u{feff}A=1", "1"),
            ("A=0\nA=1", "1"),
            ("HOME=/else\nA=\"${HOME}\"", "/home/me"),
            ("C=1\nA=\"${C}2\"", "12"),
        ] {
            let (variables, faults) = parse(text, outside);
            assert_eq!(
                variables.get("A").map(String::as_str),
                Some(expected),
                "{text}"
            );
            assert_eq!(faults, [], "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line() {
        let text = "# fine\n\nnonsense\nA=1\n1A=2\nB='x' y\nC=\"open\nD=4\n=5\n";
        let (variables, faults) = parse(text, outside);
        let names: Vec<&str> = variables.keys().map(String::as_str).collect();
        assert_eq!(names, ["A", "D"]);
        let told: Vec<(usize, What)> = faults.iter().map(|f| (f.line, f.what)).collect();
        assert_eq!(
            told,
            [
                (3, What::NoName),
                (5, What::NoName),
                (6, What::Trailing),
                (7, What::NoEnd),
                (9, What::NoName)
            ]
        );
    }

    #[test]
    fn variables_in_variables_stay_small() {
        let mut text = "A=0123456789\n".to_owned();
        for _ in 0..64 {
            text.push_str("A=\"${A}${A}\"\n");
        }
        let (variables, faults) = parse(&text, outside);
        assert!(variables.values().all(|value| value.len() <= LONGEST));
        assert!(faults.iter().all(|fault| fault.what == What::TooLong));
        assert!(!faults.is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in r#"([A-C=#'"$\{\}\\ \n]|export ){0,60}"#) {
            let (variables, faults) = parse(&text, outside);
            prop_assert!(variables.len() + faults.len() <= text.lines().count() + 1);
        }

        #[test]
        fn a_quoted_value_comes_back(value in "[^']{0,40}") {
            let (variables, faults) = parse(&format!("A='{value}'"), outside);
            prop_assert_eq!(faults, vec![]);
            prop_assert_eq!(variables.get("A"), Some(&value));
        }
    }
}
