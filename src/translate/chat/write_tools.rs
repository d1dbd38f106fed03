//! The tools of Chat requests, the choice among them, and the format of the output.

use serde_json::{Value, json};

use crate::json::fields::{Put, set};
use crate::translate::neutral::names::Names;
use crate::translate::neutral::{
    JsonBody, JsonList, Output, Tool, ToolChoice, Untranslatable, schema,
};
use crate::translate::openai::output_name;
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// Writes the tools and the choice.
///
/// # Errors
/// When a value cannot be written as JSON.
pub fn tools(
    body: &mut JsonBody,
    tools: Vec<Tool>,
    choice: Option<ToolChoice>,
    parallel: Option<bool>,
    names: &Names,
) -> Result<()> {
    if tools.is_empty() {
        return Ok(());
    }
    let is_custom = |name: &str| tools.iter().any(|tool| tool.name == name && tool.is_custom);
    let named = |name: &str| match is_custom(name) {
        true => json!({"type": "custom", "custom": {"name": names.wire(name)}}),
        false => json!({"type": "function", "function": {"name": names.wire(name)}}),
    };
    let choice = choice.map(|choice| match choice {
        ToolChoice::Auto | ToolChoice::WebSearch | ToolChoice::Hosted(_) => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Tool(name) => named(&name),
        ToolChoice::Allowed {
            required,
            names: allowed,
        } => {
            let mode = if required { "required" } else { "auto" };
            let tools: Vec<Value> = allowed.iter().map(|name| named(name)).collect();
            json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}})
        }
    });
    let mut definitions = JsonList::expecting(tools.iter().map(Tool::weight).sum());
    for tool in tools {
        let weight = tool.weight();
        definition(tool, names, &mut definitions)?;
        definitions.advance(weight);
    }
    body.set_list("tools", definitions);
    set(body, "tool_choice", choice);
    set(body, "parallel_tool_calls", parallel);
    Ok(())
}

fn definition(tool: Tool, names: &Names, definitions: &mut JsonList) -> Result<()> {
    let name = names.wire(&tool.name);
    if tool.is_custom {
        let mut custom = json!({"name": name});
        if let Some(description) = tool.description {
            custom.put("description", description.into());
        }
        if let Some(grammar) = tool.grammar {
            custom.put(
                "format",
                json!({"type": "grammar",
                "grammar": {"definition": grammar.definition, "syntax": grammar.syntax}}),
            );
        }
        return definitions.push(json!({"type": "custom", "custom": custom}));
    }
    let mut function = json!({"name": name});
    if let Some(description) = tool.description {
        function.put("description", description.into());
    }
    function.put("parameters", Value::Null);
    if let Some(strict) = tool.strict {
        function.put("strict", strict.into());
    }
    let definition = json!({"type": "function", "function": function});
    let parameters = schema::object(&tool.schema, Dialect::Chat).unwrap_or_default();
    drop(tool.schema);
    definitions.push_with(&definition, &["function", "parameters"], &parameters)
}

/// Writes the format of the output.
pub fn output(output: Output, body: &mut JsonBody) {
    let format = match output {
        Output::Text => return,
        Output::JsonObject => json!({"type": "json_object"}),
        Output::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => {
            let mut inner = json!({"name": output_name(name), "schema": null});
            if let Some(description) = description {
                inner.put("description", description.into());
            }
            if let Some(strict) = strict {
                inner.put("strict", strict.into());
            }
            body.set_nested(&["response_format", "json_schema", "schema"], schema);
            json!({"type": "json_schema", "json_schema": inner})
        }
    };
    body.insert("response_format".to_owned(), format);
}
