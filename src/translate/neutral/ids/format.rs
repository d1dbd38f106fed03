//! Which call ids each dialect accepts.

use ring::digest::{SHA256, digest};

use crate::wire::Dialect;

/// Which call ids an upstream accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallIdFormat {
    /// Those of its dialect.
    #[default]
    OfDialect,
    /// Nine letters and digits. Mistral refuses others: "Tool call id was … but must be a-z, A-Z, 0-9, with a length
    /// of 9." (`mistral-common`; quoted in pull request 24668 of langchain-ai/langchain).
    NineAlphanumeric,
}

/// The characters of generated ids.
pub const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The length of an id for Mistral.
const NINE: usize = 9;

/// Whether an id consists of nine letters and digits.
pub fn is_nine_alphanumeric(id: &str) -> bool {
    id.len() == NINE && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A hash of an id, as nine letters and digits.
pub fn nine_alphanumeric(id: &str) -> String {
    let hash = digest(&SHA256, id.as_bytes());
    let digits = hash.as_ref().iter().take(NINE);
    digits
        .filter_map(|byte| DIGITS.get(usize::from(byte % 62)))
        .map(|digit| char::from(*digit))
        .collect()
}

/// The longest id, in bytes.
///
/// - Chat: 40. OpenAI refuses a longer one with the code `string_above_max_length`: "Invalid
///   'messages\[2\].tool_calls\[0\].id': string too long. Expected a string with maximum length 40" (the error as quoted
///   in issue 5171 of vercel/ai and issue 6377 of microsoft/autogen).
/// - Responses: 64, the `maxLength` of `call_id` in OpenAI's OpenAPI document (`FunctionCallOutputItemParam`).
/// - Messages: 64. Anthropic documents no limit; other gateways cut ids to this length, and its own are shorter.
/// - Gemini: no limit. The API documents none for `FunctionCall.id`.
pub fn longest(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Chat => 40,
        Dialect::Responses | Dialect::Messages => 64,
        Dialect::Gemini => usize::MAX,
    }
}

/// Whether an id may contain a character.
///
/// Anthropic refuses all that does not match `^[a-zA-Z0-9_-]+$` ("tool_use.id: String should match pattern"). The
/// other vendors document no restriction.
fn is_legal(dialect: Dialect, c: char) -> bool {
    dialect != Dialect::Messages || c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// The id with illegal characters replaced, cut to the legal length. Two ids may become equal; an empty one stays empty.
pub fn fit(dialect: Dialect, id: &str) -> String {
    let legal = |c| if is_legal(dialect, c) { c } else { '_' };
    let mut fit: String = id.chars().map(legal).collect();
    cut(&mut fit, longest(dialect));
    fit
}

/// Shortens a text to at most `longest` bytes.
pub fn cut(text: &mut String, mut longest: usize) {
    if text.len() > longest {
        while !text.is_char_boundary(longest) {
            longest -= 1;
        }
        text.truncate(longest);
    }
}
