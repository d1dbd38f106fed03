//! Tool names that an upstream accepts, and the client's names for them.

use std::collections::{HashMap, HashSet};

use crate::wire::Dialect;

/// The tool names of one request that had to be changed, and their unique replacements.
#[derive(Clone, Debug, Default)]
pub struct Names {
    wire: HashMap<String, String>,
    original: HashMap<String, String>,
}

impl Names {
    /// `names` in the order of the request: first of definitions, then of calls.
    pub fn new<'n>(dialect: Dialect, names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut seen = HashSet::new();
        let names: Vec<&str> = names
            .into_iter()
            .filter(|name| seen.insert(*name))
            .collect();
        // A legal name stays as it is, so no other name may become equal to it.
        let mut taken: HashSet<String> = names
            .iter()
            .filter(|name| fit(dialect, name) == **name)
            .map(|name| (*name).to_owned())
            .collect();
        let mut map = Self::default();
        for name in names {
            let candidate = fit(dialect, name);
            if candidate == name {
                continue;
            }
            let wire = unique(candidate, limit(dialect), &taken);
            taken.insert(wire.clone());
            map.original.insert(wire.clone(), name.to_owned());
            map.wire.insert(name.to_owned(), wire);
        }
        map
    }

    /// The name for the upstream.
    pub fn wire<'n>(&'n self, name: &'n str) -> &'n str {
        self.wire.get(name).map_or(name, String::as_str)
    }

    /// The client's name for the upstream's name `wire`.
    pub fn original<'n>(&'n self, wire: &'n str) -> &'n str {
        self.original.get(wire).map_or(wire, String::as_str)
    }
}

fn limit(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Messages => 128,
        Dialect::Chat | Dialect::Responses | Dialect::Gemini => 64,
    }
}

/// The name with illegal characters replaced, cut to the legal length.
fn fit(dialect: Dialect, name: &str) -> String {
    let limit = limit(dialect);
    let is_gemini = dialect == Dialect::Gemini;
    let is_legal = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-') || (is_gemini && matches!(c, '.' | ':'))
    };
    let mut legal: String = name
        .chars()
        .map(|c| if is_legal(c) { c } else { '_' })
        .collect();
    let begins_well = |name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if is_gemini && !legal.is_empty() && !begins_well(&legal) {
        legal.truncate(limit - 1);
        legal.insert(0, '_');
    }
    if legal.len() > limit
        && let Some(rest) = legal.strip_prefix("mcp__")
        && let Some(at) = rest.rfind("__")
    {
        legal = format!("mcp__{}", rest.get(at + 2..).unwrap_or_default());
    }
    legal.truncate(limit);
    legal
}

fn unique(candidate: String, limit: usize, taken: &HashSet<String>) -> String {
    if !taken.contains(&candidate) {
        return candidate;
    }
    (1_u32..)
        .map(|n| {
            let suffix = format!("_{n}");
            let mut name = candidate.clone();
            name.truncate(limit - suffix.len());
            name + &suffix
        })
        .find(|name| !taken.contains(name))
        .unwrap_or(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_come_back() {
        let long = |server: &str| {
            format!(
                "mcp__{server}_server_name_that_goes_on_and_on_for_ever_and_ever_and_ever__list_items"
            )
        };
        let (one, two) = (long("very_long"), long("other_long"));
        let names = Names::new(
            Dialect::Chat,
            [one.as_str(), two.as_str(), "a b", "a_b", "plain"],
        );
        assert_eq!(names.wire(&one), "mcp__list_items");
        assert_eq!(names.wire(&two), "mcp__list_items_1");
        assert_eq!(names.wire("a_b"), "a_b");
        assert_eq!(names.wire("a b"), "a_b_1");
        assert_eq!(names.original("a_b_1"), "a b");
        assert_eq!(names.original("mcp__list_items_1"), two);
        assert_eq!(names.original("unknown"), "unknown");
    }

    #[test]
    fn gemini_has_letters_of_its_own() {
        for (name, wire) in [
            ("name with spaces", "name_with_spaces"),
            ("123name", "_123name"),
            (".name", "_.name"),
            ("!name", "_name"),
            ("@", "_"),
            ("a.b:c-d", "a.b:c-d"),
            ("", ""),
        ] {
            assert_eq!(Names::new(Dialect::Gemini, [name]).wire(name), wire);
        }
        let long = "9".repeat(70);
        assert_eq!(
            Names::new(Dialect::Gemini, [long.as_str()])
                .wire(&long)
                .len(),
            64
        );
    }
}
