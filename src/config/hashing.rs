//! A management key in plain text is replaced by its hash, in memory and in the file.

use super::expand::Lookup;
use super::file;
use super::secret::Secret;
use super::settings::Config;
use super::yaml::{self, Node, Value};

/// Rounds of bcrypt, as a power of two. Other gateways of this format use the same.
const COST: u32 = 10;

/// What happened to the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// There is nothing to be written.
    Nothing,
    /// The file with the hash in place of the key, every other byte as it was.
    Text(String),
    /// The key is hashed in memory only, for this reason.
    Impossible(&'static str),
}

/// Hashes the management key of `config`, which was read from `text` with variables from `lookup`, if it is not
/// hashed yet.
pub fn hash_management_key(config: &mut Config, text: &str, lookup: Lookup<'_>) -> Rewrite {
    let Some(key) = &config.management.secret_key else {
        return Rewrite::Nothing;
    };
    if key.is_bcrypt_hash() {
        return Rewrite::Nothing;
    }
    let hash = match bcrypt::hash(key.reveal(), COST) {
        Ok(hash) => hash,
        // There is no randomness, or the key is too long: it lets nobody in.
        Err(_) => {
            config.management.secret_key = None;
            return Rewrite::Impossible("cannot be hashed and is not used");
        }
    };
    let place = place(text);
    let plain = key.reveal().to_owned();
    config.management.secret_key = Some(Secret::new(hash.clone()));
    match place {
        None => Rewrite::Nothing,
        Some(place) => match replaced(text, place, [&plain, &hash], config, lookup) {
            Some(text) => Rewrite::Text(text),
            None => Rewrite::Impossible("is plain text that cannot be replaced: write its hash"),
        },
    }
}

/// Line and column of the key; `None` when it comes from a variable or another file.
fn place(text: &str) -> Option<(usize, usize)> {
    let root = yaml::parse(text).root?;
    let value = |node: Node, name: &str| match node.value {
        Value::Mapping(entries) => {
            let mut entries = entries.into_iter();
            entries
                .find(|entry| entry.key.text == name)
                .map(|entry| entry.value)
        }
        Value::Scalar(_) | Value::Sequence(_) => None,
    };
    let node = value(value(root, "remote-management")?, "secret-key")?;
    match node.value {
        Value::Scalar(scalar) if !scalar.text.contains("${") => Some((node.line, node.column)),
        _ => None,
    }
}

/// The text with one scalar replaced, if that is all that changes.
fn replaced(
    text: &str,
    (line, column): (usize, usize),
    [plain, hash]: [&str; 2],
    config: &Config,
    lookup: Lookup<'_>,
) -> Option<String> {
    let mut start = 0;
    for before in text.split_inclusive('\n').take(line.checked_sub(1)?) {
        start += before.len();
    }
    // The mark at the beginning of a file counts as no column.
    let mark = if line == 1 && text.starts_with('\u{feff}') {
        3
    } else {
        0
    };
    let rest = text.get(start + mark..)?;
    let offset = rest.char_indices().nth(column.checked_sub(1)?)?.0;
    let start = start + mark + offset;
    let scalar = text.get(start..)?;
    let length = match scalar.as_bytes().first()? {
        quote @ (b'"' | b'\'') => quoted(scalar, *quote)?,
        _ => scalar.starts_with(plain).then_some(plain.len())?,
    };
    let end = start + length;
    let new = format!("{}\"{hash}\"{}", text.get(..start)?, text.get(end..)?);
    let again = file::load_with(&new, &config.file, lookup).config?;
    (again == *config).then_some(new)
}

/// Bytes of a scalar in quotes.
fn quoted(text: &str, quote: u8) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1).peekable();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\\' && quote == b'"' {
            bytes.next();
        } else if byte == quote {
            match bytes.peek() {
                Some((_, next)) if *next == quote && quote == b'\'' => {
                    bytes.next();
                }
                _ => return Some(at + 1),
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(text: &str) -> (Config, Rewrite) {
        let mut config = file::load(text, "c.yaml").config.unwrap();
        let rewrite = hash_management_key(&mut config, text, &|_| None);
        (config, rewrite)
    }

    #[test]
    fn one_scalar_is_replaced_and_nothing_else() {
        for (before, scalar, after) in [
            (
                "# ä\nremote-management:\n  secret-key: ",
                "plain",
                " # note\nport: 1\n",
            ),
            (
                "remote-management: {\"secret-key\": ",
                "'it''s #1'",
                ", allow-remote: false}\r\n",
            ),
            (
                "\u{feff}remote-management: {ä: 1, secret-key: ",
                "\"a\\\"b\"",
                "}",
            ),
            (
                "remote-management:\n  secret-key:\n    ",
                "a b",
                "\n  # end\n",
            ),
        ] {
            let (config, rewrite) = hashed(&[before, scalar, after].concat());
            let key = config.management.secret_key.unwrap();
            let plain = match scalar {
                "'it''s #1'" => "it's #1",
                "\"a\\\"b\"" => "a\"b",
                plain => plain,
            };
            assert!(key.reveal().starts_with("$2b$10$"));
            assert!(bcrypt::verify(plain, key.reveal()).unwrap());
            let expected = format!("{before}\"{}\"{after}", key.reveal());
            assert_eq!(rewrite, Rewrite::Text(expected));
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_hashed_in_memory() {
        let block = "remote-management:\n  secret-key: |\n    plain\n";
        let shared = "auth-dir: &x plain\nremote-management: {secret-key: *x}\n";
        for text in [block, shared] {
            let (config, rewrite) = hashed(text);
            assert!(matches!(rewrite, Rewrite::Impossible(_)), "{rewrite:?}");
            assert!(config.management.secret_key.unwrap().is_bcrypt_hash());
        }
        let text = "remote-management: {secret-key: \"${HOLDFAST_TEST_UNSET:-plain}\"}";
        let (config, rewrite) = hashed(text);
        assert_eq!(rewrite, Rewrite::Nothing);
        assert!(config.management.secret_key.unwrap().is_bcrypt_hash());
        for text in ["", "remote-management: {secret-key: $2a$10$x}"] {
            assert_eq!(hashed(text).1, Rewrite::Nothing);
        }
    }
}
