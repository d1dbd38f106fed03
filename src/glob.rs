//! The one matcher of patterns with `*` for any run of characters, and in paths `?` for any one.

use std::collections::HashSet;
use std::fmt::{self, Write};

/// A pattern that is matched against the whole of a text, in its exact case. An empty one matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Box<[Piece]>);

/// A part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Any run of characters, which may be empty.
    Run,
    /// Any one character.
    Any,
    Exact(char),
}

/// As it is written.
impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Run => f.write_char('*'),
            Piece::Any => f.write_char('?'),
            Piece::Exact(c) => f.write_char(*c),
        })
    }
}

impl Glob {
    /// A pattern in which only `*` means something.
    pub fn of_name(text: &str) -> Self {
        Self(pieces(text).collect())
    }

    /// A pattern of pieces that are known already.
    pub fn of(pieces: Vec<Piece>) -> Self {
        Self(pieces.into())
    }

    /// Whether it matches the whole of `text`; in time at most the product of the lengths.
    pub fn matches(&self, text: &str) -> bool {
        !self.0.is_empty() && match_pieces(self.0.iter().copied(), text, |a, b| a == b)
    }

    /// Whether some text is matched by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.0.is_empty() || other.0.is_empty() {
            return false;
        }
        let mut seen = HashSet::new();
        let mut open = vec![(0, 0)];
        while let Some((a, b)) = open.pop() {
            if !seen.insert((a, b)) {
                continue;
            }
            match (self.0.get(a), other.0.get(b)) {
                (None, None) => return true,
                (Some(Piece::Run), _) | (_, Some(Piece::Run)) => {
                    if self.0.get(a) == Some(&Piece::Run) {
                        open.push((a + 1, b));
                        if other.0.get(b).is_some() {
                            open.push((a, b + 1));
                        }
                    }
                    if other.0.get(b) == Some(&Piece::Run) {
                        open.push((a, b + 1));
                        if self.0.get(a).is_some() {
                            open.push((a + 1, b));
                        }
                    }
                }
                (Some(Piece::Exact(x)), Some(Piece::Exact(y))) if x != y => {}
                (Some(_), Some(_)) => open.push((a + 1, b + 1)),
                (None, Some(_)) | (Some(_), None) => {}
            }
        }
        false
    }
}

/// Whether `pattern`, in which only `*` means something, matches the whole of `text`. An empty one matches an empty text.
pub fn matches(pattern: &str, text: &str) -> bool {
    match_pieces(pieces(pattern), text, |a, b| a == b)
}

/// The same, whatever the case of ASCII letters.
pub fn matches_ignore_ascii_case(pattern: &str, text: &str) -> bool {
    match_pieces(pieces(pattern), text, |a, b| a.eq_ignore_ascii_case(&b))
}

fn pieces(pattern: &str) -> impl Iterator<Item = Piece> + Clone {
    pattern.chars().map(|c| match c {
        '*' => Piece::Run,
        other => Piece::Exact(other),
    })
}

/// Tries the shortest text for the last run first. An earlier run never has to be tried again: what follows it up to
/// the last run matches already, and a later place for that leaves less text.
fn match_pieces(
    mut pieces: impl Iterator<Item = Piece> + Clone,
    text: &str,
    is_equal: impl Fn(char, char) -> bool,
) -> bool {
    let mut left = text.chars();
    // The pieces behind the last run, and the text that it may take.
    let mut retry = None;
    loop {
        match pieces.next() {
            Some(Piece::Run) => {
                retry = Some((pieces.clone(), left.clone()));
                continue;
            }
            Some(Piece::Any) if left.next().is_some() => continue,
            Some(Piece::Exact(c)) if left.clone().next().is_some_and(|next| is_equal(c, next)) => {
                left.next();
                continue;
            }
            None if left.clone().next().is_none() => return true,
            _ => {}
        }
        let Some((after, mut from)) = retry.take() else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        (pieces, left) = (after.clone(), from.clone());
        retry = Some((after, from));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_match_as_a_whole_and_in_their_case() {
        for (pattern, name, expected) in [
            ("gpt-5", "gpt-5", true),
            ("gpt-5", "GPT-5", false),
            ("gpt-5", "gpt-5.1", false),
            ("gpt-*", "gpt-", true),
            ("*-mini", "gpt-mini", true),
            ("*flash*", "a-flash-b", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a?c", "abc", false),
            ("**", "", true),
            ("*", "anything", true),
            ("", "", false),
            ("", "x", false),
        ] {
            assert_eq!(
                Glob::of_name(pattern).matches(name),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn case_can_be_ignored() {
        for (pattern, text, expected) in [
            ("x-*", "X-Api", true),
            ("X-*", "x-", true),
            ("x-*", "x", false),
            ("accept", "Accept", true),
            ("accept", "accept-language", false),
            ("", "", true),
        ] {
            assert_eq!(
                matches_ignore_ascii_case(pattern, text),
                expected,
                "{pattern} {text}"
            );
        }
        assert!(matches("", "") && !matches("x-*", "X-Api"));
    }

    #[test]
    fn patterns_overlap_where_a_name_fits_both() {
        for (a, b, expected) in [
            ("gpt-*", "*-mini", true),
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "claude-*", false),
            ("a*b", "a*c", false),
            ("*", "*", true),
            ("a", "b", false),
            ("ab", "a*b*", true),
            ("", "*", false),
        ] {
            assert_eq!(
                Glob::of_name(a).overlaps(&Glob::of_name(b)),
                expected,
                "{a} {b}"
            );
            assert_eq!(
                Glob::of_name(b).overlaps(&Glob::of_name(a)),
                expected,
                "{b} {a}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_both_match_they_overlap_in(a in "[ab*]{0,6}", b in "[ab*]{0,6}", name in "[ab]{0,6}") {
            let (a, b) = (Glob::of_name(&a), Glob::of_name(&b));
            if a.matches(&name) && b.matches(&name) {
                prop_assert!(a.overlaps(&b));
            }
            prop_assert_eq!(a.matches(&name), a.overlaps(&Glob::of_name(&name)) && !name.is_empty()
                || name.is_empty() && a.matches(""));
        }
    }
}
