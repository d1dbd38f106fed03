//! Names like a given one: those that share most pairs of letters with it. Finds a name by a part of it,
//! which counting changed letters does not.

/// How much of both names must be common to them.
const LEAST: f64 = 0.4;
/// How many are told.
const MOST: usize = 3;
/// Longer names are not compared, in bytes.
const LONGEST: usize = 512;

/// The most similar of `known`, the best first.
pub fn to<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Vec<&'k str> {
    if name.len() > LONGEST {
        return Vec::new();
    }
    let wanted = pairs(name);
    let mut found: Vec<(f64, &str)> = known
        .into_iter()
        .map(|candidate| (similarity(&wanted, &pairs(candidate)), candidate))
        .filter(|(similarity, _)| *similarity >= LEAST)
        .collect();
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    found.into_iter().map(|(_, name)| name).take(MOST).collect()
}

/// Twice the common pairs over all pairs (Sørensen and Dice).
fn similarity(a: &[[u8; 2]], b: &[[u8; 2]]) -> f64 {
    let (mut left, mut right, mut common) = (a, b, 0_usize);
    while let ([x, more_left @ ..], [y, more_right @ ..]) = (left, right) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => left = more_left,
            std::cmp::Ordering::Greater => right = more_right,
            std::cmp::Ordering::Equal => {
                common += 1;
                (left, right) = (more_left, more_right);
            }
        }
    }
    2.0 * common as f64 / (a.len() + b.len()).max(1) as f64
}

/// Neighbouring bytes, sorted; the first and the last also count alone.
fn pairs(name: &str) -> Vec<[u8; 2]> {
    let mut bytes = name.to_ascii_lowercase().into_bytes();
    bytes.insert(0, 0);
    bytes.push(0);
    let seconds = bytes.iter().skip(1);
    let mut pairs: Vec<[u8; 2]> = bytes.iter().zip(seconds).map(|(a, b)| [*a, *b]).collect();
    pairs.sort_unstable();
    pairs
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
            ("KIMI-K2", vec!["kimi-k2"]),
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
}
