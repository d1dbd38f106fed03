//! "Did you mean": the known name closest to a misspelt one.

/// Longest name compared, in characters; no key is longer. Bounds the quadratic comparison.
const LONGEST: usize = 64;

/// The closest of `known`, when at most a third of its letters differ.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name: Vec<char> = fold(name).take(LONGEST + 1).collect();
    if name.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| {
            let letters: Vec<char> = fold(candidate).collect();
            (distance(&name, &letters), letters.len(), candidate)
        })
        .filter(|(distance, len, _)| *distance <= (len / 3).max(1) && *distance < *len)
        .min_by_key(|(distance, _, _)| *distance)
        .map(|(_, _, candidate)| candidate)
}

/// Case and the choice of `_` or `-` are no difference.
fn fold(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|c| match c {
        '_' | ' ' => '-',
        other => other.to_ascii_lowercase(),
    })
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(last.len());
        row.push(i + 1);
        let (mut left, mut diagonal) = (i + 1, i);
        for (j, &y) in b.iter().enumerate() {
            let above = last.get(j + 1).copied().unwrap_or(usize::MAX - 1);
            let mut cost = (diagonal + usize::from(x != y))
                .min(left + 1)
                .min(above + 1);
            let swapped = j > 0 && previous == Some(y) && b.get(j - 1) == Some(&x);
            if let Some(cell) = before.get(j.wrapping_sub(1)).filter(|_| swapped) {
                cost = cost.min(cell + 1);
            }
            row.push(cost);
            (left, diagonal) = (cost, above);
        }
        before = std::mem::replace(&mut last, row);
        previous = Some(x);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let d = |a: &str, b: &str| {
            let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
            distance(&a, &b)
        };
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("port", "port", 0),
            ("prot", "port", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
            ("debug", "debugs", 1),
        ] {
            assert_eq!(d(a, b), expected, "{a} {b}");
            assert_eq!(d(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        let known = ["api-keys", "port", "proxy-url", "routing", "host"];
        let near = |name| nearest(name, known);
        assert_eq!(near("api_keys"), Some("api-keys"));
        assert_eq!(near("apikeys"), Some("api-keys"));
        assert_eq!(near("Prot"), Some("port"));
        assert_eq!(near("proxyurl"), Some("proxy-url"));
        assert_eq!(near("colour"), None);
        assert_eq!(near(""), None);
        assert_eq!(near(&"x".repeat(100_000)), None);
    }
}
