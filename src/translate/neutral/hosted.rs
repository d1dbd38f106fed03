//! Tools that a vendor defines or runs itself, and what others have in their place.

use serde_json::Value;

use super::json_text::Json;
use super::lazy::{LazyObject, LazyValue};
use crate::wire::Dialect;

/// A tool of a vendor, beside searching the web.
#[derive(Clone, Debug, PartialEq)]
pub struct Hosted {
    /// Its type; in Gemini, the member that it is.
    pub kind: String,
    /// The name by which it is called, where it has one.
    pub name: Option<String>,
    /// The dialect that it is of.
    pub home: Dialect,
    /// As it is written there.
    pub given: Json,
}

/// What more than one vendor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Common {
    CodeExecution,
    PageFetch,
}

impl Hosted {
    pub fn new(kind: &str, home: Dialect, mut definition: LazyObject<'_>) -> Self {
        Self {
            kind: kind.to_owned(),
            name: definition.nonempty_text("name"),
            home,
            given: definition.into_json(),
        }
    }

    /// One of Gemini's, which are members of an object.
    pub fn of_google(member: &str, given: &str) -> Self {
        let name = Value::from(member);
        Self {
            kind: member.to_owned(),
            name: None,
            home: Dialect::Gemini,
            given: Json::of(&format!("{{{name}:{given}}}")),
        }
    }

    pub fn common(&self) -> Option<Common> {
        let is_any = |kinds: &[&str]| kinds.iter().any(|kind| self.kind.starts_with(kind));
        if is_any(&["code_execution", "codeExecution", "code_interpreter"]) {
            Some(Common::CodeExecution)
        } else if is_any(&["web_fetch", "urlContext", "url_context"]) {
            Some(Common::PageFetch)
        } else {
            None
        }
    }

    /// The tool as `upstream` takes it, where it has such.
    pub fn written(&self, upstream: Dialect) -> Option<Json> {
        if self.home == upstream {
            return Some(self.given.clone());
        }
        let written = self.common()?.written(upstream)?;
        Some(Json::compact(written.to_owned()))
    }

    /// The type and name by which `upstream` is told to use it.
    pub fn chosen(&self, upstream: Dialect) -> Option<(String, String)> {
        let written = self.written(upstream)?;
        let mut object = LazyValue::of(written.as_str()).object()?;
        let kind = object.text("type")?;
        Some((kind, object.text_or_empty("name")))
    }

    /// Whether a choice of a tool means this one.
    pub fn is_called(&self, name: &str) -> bool {
        self.kind == name || self.name.as_deref() == Some(name)
    }
}

impl Common {
    /// In the oldest version that does for everybody. The versions are those of the parameters of tools in the
    /// vendors' Python packages: `anthropic.types` (not beta), `openai.types.responses`, `google.genai.types.Tool`.
    fn written(self, upstream: Dialect) -> Option<&'static str> {
        match (self, upstream) {
            (Self::CodeExecution, Dialect::Messages) => {
                Some(r#"{"type":"code_execution_20250825","name":"code_execution"}"#)
            }
            (Self::CodeExecution, Dialect::Responses) => {
                Some(r#"{"type":"code_interpreter","container":{"type":"auto"}}"#)
            }
            (Self::CodeExecution, Dialect::Gemini) => Some(r#"{"codeExecution":{}}"#),
            (Self::PageFetch, Dialect::Messages) => {
                Some(r#"{"type":"web_fetch_20250910","name":"web_fetch"}"#)
            }
            (Self::PageFetch, Dialect::Gemini) => Some(r#"{"urlContext":{}}"#),
            (Self::PageFetch, Dialect::Responses) | (_, Dialect::Chat) => None,
        }
    }
}
