//! Tools that a vendor defines or runs, and their equivalents at other vendors.

use serde_json::Value;

use super::json_text::Json;
use super::lazy::{LazyObject, LazyValue};
use crate::wire::Dialect;

/// A tool of a vendor, other than web search.
#[derive(Clone, Debug, PartialEq)]
pub struct Hosted {
    /// Its type; in Gemini, the name of its member.
    pub kind: String,
    /// The name in calls, if it has one.
    pub name: Option<String>,
    /// The dialect that defines it.
    pub dialect: Dialect,
    /// Its definition in that dialect.
    pub definition: Json,
}

/// The tools that more than one vendor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Common {
    CodeExecution,
    PageFetch,
}

impl Hosted {
    pub fn new(kind: &str, dialect: Dialect, mut definition: LazyObject<'_>) -> Self {
        Self {
            kind: kind.to_owned(),
            name: definition.nonempty_text("name"),
            dialect,
            definition: definition.into_json(),
        }
    }

    /// A tool of Gemini, which is a member of an object.
    pub fn of_gemini(member: &str, value: &str) -> Self {
        let name = Value::from(member);
        Self {
            kind: member.to_owned(),
            name: None,
            dialect: Dialect::Gemini,
            definition: Json::of(&format!("{{{name}:{value}}}")),
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

    /// The definition of the tool for `upstream`, if that has such a tool.
    pub fn written(&self, upstream: Dialect) -> Option<Json> {
        if self.dialect == upstream {
            return Some(self.definition.clone());
        }
        let written = self.common()?.written(upstream)?;
        Some(Json::compact(written.to_owned()))
    }

    /// The type and name of the tool in a tool choice of `upstream`.
    pub fn chosen(&self, upstream: Dialect) -> Option<(String, String)> {
        let written = self.written(upstream)?;
        let mut object = LazyValue::of(written.as_str()).object()?;
        let kind = object.text("type")?;
        Some((kind, object.text_or_empty("name")))
    }

    /// Whether a tool choice refers to this tool.
    pub fn is_called(&self, name: &str) -> bool {
        self.kind == name || self.name.as_deref() == Some(name)
    }
}

impl Common {
    /// The definition in its oldest version, which every model supports. The versions are from the vendors' Python
    /// packages: `anthropic.types` (not beta), `openai.types.responses`, `google.genai.types.Tool`.
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
