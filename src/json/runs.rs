//! Runs of bytes within a string, eight bytes at a time.

/// Bytes that are looked at here before the ways that are better for many are taken: in source code a quote, a
/// backslash or the end comes sooner.
const SHORT_RUN: usize = 48;

/// How many bytes there are before a quote, a backslash or a control character, and which that is, if it comes soon.
pub fn short_run(bytes: &[u8]) -> Option<(usize, u8)> {
    let start = bytes.get(..SHORT_RUN).unwrap_or(bytes);
    let (words, tail) = start.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = ends(u64::from_le_bytes(*word));
        if found != 0 {
            let at = (found.trailing_zeros() / 8) as usize;
            return Some((8 * index + at, *word.get(at)?));
        }
    }
    let ends = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    let at = tail.iter().position(|byte| ends(*byte))?;
    Some((8 * words.len() + at, *tail.get(at)?))
}

const ONES: u64 = u64::MAX / 0xff;
const TOP: u64 = ONES * 0x80;

/// The top bits of the bytes that are below `limit`, which is at most 0x80. Borrowing from a byte sets its top bit,
/// unless the byte is no ASCII; a borrow can spread only upwards from a byte that is one, so the lowest that is set is
/// right, and so is "none".
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word & TOP
}

/// The top bit of the first byte that ends a run within a string, and perhaps others above it.
fn ends(word: u64) -> u64 {
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, b' ') | is(b'"') | is(b'\\')
}

/// Where the first byte below 0x20 is.
pub fn control_character(bytes: &[u8]) -> Option<usize> {
    let (words, tail) = bytes.as_chunks::<8>();
    let is_clean = words
        .iter()
        .all(|word| below(u64::from_le_bytes(*word), b' ') == 0);
    if is_clean && tail.iter().all(|byte| *byte >= 0x20) {
        return None;
    }
    bytes.iter().position(|byte| *byte < 0x20)
}
