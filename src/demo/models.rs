//! Lists of models, in the form of the vendor that is asked.

use serde_json::{Value, json};

use super::http::Request;
use super::target::Dialect;
use super::{chat, gemini, messages, model};

/// What an account lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    Models(Vec<String>),
    /// It is refused with this status.
    Refused(u16),
}

impl Default for Listing {
    fn default() -> Self {
        let dialects = ["chat", "responses", "messages", "gemini"];
        Self::Models(dialects.map(|dialect| model(dialect).to_owned()).into())
    }
}

/// Whose form a list has: all but OpenAI's tell themselves apart by the path or by a header.
pub fn dialect(request: &Request) -> Dialect {
    if request.path.starts_with("/v1beta/") {
        Dialect::Gemini
    } else if request.header("anthropic-version").is_some() {
        Dialect::Messages
    } else {
        Dialect::Chat
    }
}

/// Status and body of the answer.
pub fn answer(dialect: Dialect, listing: &Listing) -> (u16, Value) {
    let names = match listing {
        Listing::Models(names) => names,
        Listing::Refused(status) => {
            let words = "The demo lists no models for this key.";
            return (
                *status,
                match dialect {
                    Dialect::Gemini => gemini::error(*status, words),
                    Dialect::Messages => messages::error(*status, words),
                    Dialect::Chat | Dialect::Responses => chat::error(*status, words),
                },
            );
        }
    };
    let body = match dialect {
        Dialect::Gemini => {
            let row = |name: &String| {
                json!({"name": format!("models/{name}"), "version": "1", "displayName": name,
                    "inputTokenLimit": 1_000_000, "outputTokenLimit": 8192,
                    "supportedGenerationMethods": ["generateContent", "countTokens"]})
            };
            json!({"models": names.iter().map(row).collect::<Vec<_>>()})
        }
        Dialect::Messages => {
            let row = |name: &String| {
                json!({"type": "model", "id": name, "display_name": name,
                    "created_at": "2025-01-01T00:00:00Z"})
            };
            json!({"data": names.iter().map(row).collect::<Vec<_>>(), "has_more": false,
                "first_id": names.first(), "last_id": names.last()})
        }
        Dialect::Chat | Dialect::Responses => {
            let row = |name: &String| json!({"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "demo"});
            json!({"object": "list", "data": names.iter().map(row).collect::<Vec<_>>()})
        }
    };
    (200, body)
}
