//! Tools and tool choices of Responses requests.

use crate::translate::neutral::parts::function;
use crate::translate::neutral::{
    Hosted, LazyObject, LazyValue, Request, Tool, ToolChoice, WebSearch,
};
use crate::translate::openai::{allowed_tools, choice_word, custom_tool};
use crate::wire::Dialect;

/// Reads a tool; the namespace becomes part of its name.
pub fn tool(mut definition: LazyObject<'_>, namespace: Option<&str>, request: &mut Request) {
    let kind = definition.keyword("type").unwrap_or_default();
    let defined: Option<Tool> = match kind.as_str() {
        "namespace" => {
            let name = definition.text_or_empty("name");
            for inner in definition.list("tools").filter_map(LazyValue::object) {
                tool(inner, Some(&name), request);
            }
            return;
        }
        "custom" => custom_tool(definition),
        "function" | "" => function(definition.object("function").unwrap_or(definition)),
        kind if kind.starts_with("web_search") => {
            request.web_search = Some(WebSearch::read(definition));
            return;
        }
        kind => {
            let tool = Hosted::new(kind, Dialect::Responses, definition);
            request.hosted.push(tool);
            return;
        }
    };
    if let Some(mut tool) = defined {
        let bare = tool.name.clone();
        tool.name = in_namespace(namespace, tool.name);
        tool.namespace = namespace.map(|namespace| (namespace.to_owned(), bare));
        if !request.tools.iter().any(|known| known.name == tool.name) {
            request.tools.push(tool);
        }
    }
}

/// The name of a tool of a namespace in dialects without namespaces.
pub fn in_namespace(namespace: Option<&str>, name: String) -> String {
    match namespace.filter(|namespace| !namespace.is_empty()) {
        Some(namespace)
            if !name.starts_with("mcp__") && !name.starts_with(&format!("{namespace}__")) =>
        {
            let joint = if namespace.ends_with("__") { "" } else { "__" };
            format!("{namespace}{joint}{name}")
        }
        _ => name,
    }
}

/// Whether web search is the only one of these tools.
fn is_only_search(names: &[String]) -> bool {
    matches!(names, [only] if only.starts_with("web_search"))
}

/// Reads a tool choice.
pub fn choice(value: LazyValue<'_>) -> Option<ToolChoice> {
    let mut object = match value {
        LazyValue::String(word) => return choice_word(&word),
        LazyValue::Object(object) => object,
        _ => return None,
    };
    match object.keyword("type").as_deref() {
        Some("allowed_tools") => match allowed_tools(object) {
            ToolChoice::Allowed {
                required: true,
                names,
            } if is_only_search(&names) => Some(ToolChoice::WebSearch),
            allowed => Some(allowed),
        },
        Some("function" | "custom") => {
            let namespace = object.text("namespace");
            let name = object.nonempty_text("name")?;
            Some(ToolChoice::Tool(in_namespace(namespace.as_deref(), name)))
        }
        Some(kind) if kind.starts_with("web_search") => Some(ToolChoice::WebSearch),
        Some(kind) => Some(ToolChoice::Hosted(kind.to_owned())),
        None => None,
    }
}
