//! The tools of Messages requests, and the choice among them.

use serde_json::{Map, Value, json};

use super::marks::mark;
use crate::json::fields::{Put, set};
use crate::translate::neutral::names::Names;
use crate::translate::neutral::untranslatable::TOO_LARGE;
use crate::translate::neutral::{
    Cache, Hosted, JsonBody, JsonList, Tool, ToolChoice, Untranslatable, WebSearch, schema,
};
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// Keeps only the tools that may be called.
pub fn allowed(
    mut tools: Vec<Tool>,
    choice: Option<ToolChoice>,
) -> (Vec<Tool>, Option<ToolChoice>) {
    let choice = match choice {
        Some(ToolChoice::Allowed { required, names }) => {
            tools.retain(|tool| names.contains(&tool.name));
            Some(match required {
                true => ToolChoice::Required,
                false => ToolChoice::Auto,
            })
        }
        other => other,
    };
    (tools, choice)
}

/// Writes the tools and the choice.
///
/// # Errors
/// When a schema is too large.
pub fn tools(
    body: &mut JsonBody,
    mut tools: Vec<Tool>,
    (search, hosted, own): (Option<WebSearch>, Vec<Hosted>, Option<Cache>),
    choice: Option<ToolChoice>,
    parallel: Option<bool>,
    names: &Names,
) -> Result<()> {
    if let (None, Some(last)) = (&search, tools.last_mut()) {
        last.cache = last.cache.or(own);
    }
    let mut definitions = JsonList::expecting(tools.iter().map(Tool::weight).sum());
    for tool in tools {
        let weight = tool.weight();
        definition(tool, names, &mut definitions)?;
        definitions.advance(weight);
    }
    let choice = choice.map(|choice| match choice {
        ToolChoice::Hosted(kind) => {
            let chosen = hosted.iter().find(|tool| tool.kind == kind);
            let chosen = chosen.and_then(|tool| tool.chosen(Dialect::Messages));
            chosen.map_or(ToolChoice::Auto, |(_, name)| ToolChoice::Tool(name))
        }
        other => other,
    });
    definitions.push_hosted(hosted, Dialect::Messages)?;
    if let Some(search) = search {
        let mut search = web_search(search);
        mark(&mut search, own);
        definitions.push(search)?;
    }
    if definitions.is_empty() {
        return Ok(());
    }
    body.set_list("tools", definitions);
    let mut choice = choice.map(|choice| match choice {
        ToolChoice::Auto | ToolChoice::Allowed { .. } | ToolChoice::Hosted(_) => {
            json!({"type": "auto"})
        }
        ToolChoice::None => json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Tool(name) => json!({"type": "tool", "name": names.wire(&name)}),
        ToolChoice::WebSearch => json!({"type": "tool", "name": "web_search"}),
    });
    if let Some(parallel) = parallel
        && choice
            .as_ref()
            .is_none_or(|choice| choice["type"] != "none")
    {
        let choice = choice.get_or_insert_with(|| json!({"type": "auto"}));
        choice["disable_parallel_tool_use"] = (!parallel).into();
    }
    set(body, "tool_choice", choice);
    Ok(())
}

fn definition(tool: Tool, names: &Names, definitions: &mut JsonList) -> Result<()> {
    let mut block = json!({"name": names.wire(&tool.name)});
    let (description, input) = match tool.is_custom {
        true => (
            schema::text_description(tool.description, tool.grammar),
            schema::of_text(),
        ),
        false => {
            let Some(object) = schema::object(&tool.schema, Dialect::Messages) else {
                let why = format!("the schema of the tool {:?} {TOO_LARGE}", tool.name);
                return Err(Untranslatable::new("", why));
            };
            (tool.description, object)
        }
    };
    drop(tool.schema);
    if let Some(description) = description {
        block.put("description", description.into());
    }
    block.put("input_schema", Value::Null);
    if let Some(strict) = tool.strict {
        block.put("strict", strict.into());
    }
    mark(&mut block, tool.cache);
    definitions.push_with(&block, &["input_schema"], &input)
}

/// The web search tool in its oldest version, which every model supports.
fn web_search(search: WebSearch) -> Value {
    let mut tool = Map::new();
    tool.insert("type".to_owned(), "web_search_20250305".into());
    tool.insert("name".to_owned(), "web_search".into());
    set(&mut tool, "max_uses", search.max_uses);
    set(&mut tool, "user_location", search.approximate());
    // Anthropic accepts only one of the lists.
    if !search.allowed_domains.is_empty() {
        tool.insert("allowed_domains".to_owned(), search.allowed_domains.into());
    } else if !search.blocked_domains.is_empty() {
        tool.insert("blocked_domains".to_owned(), search.blocked_domains.into());
    }
    tool.into()
}
