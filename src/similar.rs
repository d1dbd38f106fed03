//! Finds similar names by shared pairs of letters (Sørensen–Dice). Unlike edit distance, this also finds a name by a part
//! of it.

/// The least similarity.
const LEAST: f64 = 0.4;
/// The most results.
const MOST: usize = 3;
/// Longer names are not compared, in bytes.
const LONGEST: usize = 512;
/// The most names that are compared pair by pair: those with most letters in common.
const COMPARED: usize = 256;

/// The most similar of `known`, the best first, at most three. Ignores case and the difference between `_`, `-` and a
/// space. Ten thousand names take about a millisecond.
pub fn to<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Vec<&'k str> {
    if name.len() > LONGEST {
        return Vec::new();
    }
    let letters = letters(name);
    let mut near: Vec<(u32, &str)> = known
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| ((letters ^ self::letters(candidate)).count_ones(), candidate))
        .collect();
    if near.len() > COMPARED {
        near.select_nth_unstable(COMPARED);
        near.truncate(COMPARED);
    }
    let wanted = delimited(name);
    let mut found: Vec<(f64, &str)> = near
        .into_iter()
        .map(|(_, candidate)| {
            let similarity = strsim::sorensen_dice(&wanted, &delimited(candidate));
            (similarity, candidate)
        })
        .filter(|(similarity, _)| *similarity >= LEAST)
        .collect();
    found.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    found.into_iter().map(|(_, name)| name).take(MOST).collect()
}

/// The letters and digits of a name, one bit for each.
fn letters(name: &str) -> u64 {
    let bit = |byte: u8| match fold(byte) {
        letter @ b'a'..=b'z' => letter - b'a',
        digit @ b'0'..=b'9' => 26 + digit - b'0',
        other => 36 + other % 28,
    };
    name.bytes()
        .fold(0, |letters, byte| letters | 1 << bit(byte))
}

/// A name as it is compared: its first and its last letter make pairs with the ends.
fn delimited(name: &str) -> String {
    let folded = name.bytes().map(|byte| char::from(fold(byte)));
    ['\0'].into_iter().chain(folded).chain(['\0']).collect()
}

fn fold(byte: u8) -> u8 {
    match byte {
        b'_' | b' ' => b'-',
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first() {
        let known = [
            "claude-sonnet-4-5-20250929",
            "claude-sonnet-4-5",
            "claude-opus-4-1",
            "gemini-2.5-pro",
            "kimi-k2",
        ];
        for (name, expected) in [
            (
                "claude-sonet-4-5",
                vec!["claude-sonnet-4-5", "claude-sonnet-4-5-20250929"],
            ),
            (
                "sonnet-4-5",
                vec!["claude-sonnet-4-5", "claude-sonnet-4-5-20250929"],
            ),
            ("KIMI_K2", vec!["kimi-k2"]),
            ("gemini-pro", vec!["gemini-2.5-pro"]),
            ("gpt-5", vec![]),
            ("", vec![]),
        ] {
            let found = to(name, known);
            assert!(found.starts_with(&expected), "{name} {found:?}");
            assert_eq!(expected.is_empty(), found.is_empty(), "{name} {found:?}");
        }
        assert!(to(&"x".repeat(100_000), known).is_empty());
    }

    #[test]
    fn misspelt_keys_are_found_and_nothing_else() {
        let known = ["api-keys", "port", "proxy-url", "routing", "host"];
        let near = |name| to(name, known).first().copied();
        assert_eq!(near("api_keys"), Some("api-keys"));
        assert_eq!(near("apikeys"), Some("api-keys"));
        assert_eq!(near("Prot"), Some("port"));
        assert_eq!(near("proxyurl"), Some("proxy-url"));
        assert_eq!(near("colour"), None);
    }

    #[test]
    fn one_is_found_among_very_many_in_any_order() {
        let mut many: Vec<String> = (0..10_000)
            .map(|n| format!("vendor-{}/model-{n}-turbo", n % 7))
            .collect();
        many.push("claude-sonnet-4-5".to_owned());
        for _ in 0..2 {
            let found = to("claude-sonet-4-5", many.iter().map(String::as_str));
            assert_eq!(found.first(), Some(&"claude-sonnet-4-5"));
            many.reverse();
        }
    }
}
