//! Restores the arguments of calls for a client: the form that its tools take, in its dialect.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::gemini::schema::{Profile, restore as restore_arguments};
use super::neutral::parts::{is_object, object_of_text};
use super::neutral::{BlockId, Event, Json, Part, Request};
use crate::wire::Dialect;

/// What is needed to restore arguments, and the calls in progress.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// The client's schemas of tools whose schemas were changed for the upstream.
    schemas: HashMap<String, Json>,
    /// Tools whose arguments are text, and `{"input": text}` for the upstream.
    wrapped: HashSet<String>,
    /// The client's dialect has arguments as objects only.
    are_objects: bool,
    /// The schemas have placeholders for the upstream.
    has_placeholders: bool,
    /// By choice and block.
    calls: HashMap<(u32, u32), Call>,
}

/// A call whose arguments are held until they are complete.
#[derive(Clone, Debug)]
struct Call {
    tool: String,
    text: String,
}

impl Arguments {
    /// For the answer to a request. `wraps_custom_tools`: the upstream got custom tools as functions.
    pub fn new(
        request: &Request,
        client: Dialect,
        upstream: Dialect,
        wraps_custom_tools: bool,
    ) -> Self {
        let are_objects = matches!(client, Dialect::Messages | Dialect::Gemini);
        let mut wrapped = HashSet::new();
        if wraps_custom_tools {
            let tools = request.tools.iter().filter(|tool| tool.is_custom);
            wrapped.extend(tools.map(|tool| tool.name.clone()));
        }
        if !are_objects {
            wrapped.extend(called_with_text(request));
        }
        Self {
            schemas: match upstream {
                Dialect::Gemini => schemas(request),
                _ => HashMap::new(),
            },
            wrapped,
            are_objects,
            has_placeholders: false,
            calls: HashMap::new(),
        }
    }

    /// The same, for an upstream that adds placeholders to schemas.
    pub fn with_placeholders(self, has_placeholders: bool, request: &Request) -> Self {
        let tools = request.tools.iter().filter(|tool| !tool.is_custom);
        let schemas = match has_placeholders {
            true => tools
                .map(|tool| (tool.name.clone(), tool.schema.clone()))
                .collect(),
            false => self.schemas,
        };
        Self {
            schemas,
            has_placeholders,
            ..self
        }
    }

    /// Passes on the events that the client gets for an event, in which the tool has the client's name.
    pub fn restore(&mut self, event: Event, each: &mut impl FnMut(Event)) {
        match event {
            Event::ToolStart {
                choice,
                block,
                ref name,
                ..
            } => {
                let is_changed = self.wrapped.contains(name) || self.schemas.contains_key(name);
                if is_changed || self.are_objects {
                    let call = Call {
                        tool: name.clone(),
                        text: String::new(),
                    };
                    self.calls.insert((choice, block), call);
                }
                each(event);
            }
            Event::ToolArgs(BlockId { choice, block }, delta) => {
                let Some(call) = self.calls.get_mut(&(choice, block)) else {
                    each(Event::ToolArgs(BlockId { choice, block }, delta));
                    return;
                };
                call.text.push_str(&delta);
                // Arguments that begin as an object are passed on at once.
                if call.text.trim_start().starts_with('{')
                    && !self.wrapped.contains(&call.tool)
                    && !self.schemas.contains_key(&call.tool)
                {
                    let delta = std::mem::take(&mut call.text);
                    self.calls.remove(&(choice, block));
                    each(Event::ToolArgs(BlockId { choice, block }, delta));
                }
            }
            Event::ToolEnd(BlockId { choice, block }) => {
                self.release(choice, block, each);
                each(event);
            }
            Event::Finish { choice, .. } => {
                let mut blocks: Vec<u32> = self
                    .calls
                    .keys()
                    .filter_map(|(of, block)| (*of == choice).then_some(*block))
                    .collect();
                blocks.sort_unstable();
                for block in blocks {
                    self.release(choice, block, each);
                }
                each(event);
            }
            other => each(other),
        }
    }

    fn release(&mut self, choice: u32, block: u32, each: &mut impl FnMut(Event)) {
        let Some(call) = self.calls.remove(&(choice, block)) else {
            return;
        };
        let delta = self.restored(call);
        if !delta.trim().is_empty() {
            each(Event::ToolArgs(BlockId { choice, block }, delta));
        }
    }

    /// Complete arguments in the form that the client's tool takes.
    fn restored(&self, Call { tool, text }: Call) -> String {
        if self.wrapped.contains(&tool) {
            return unwrapped(text);
        }
        let schema = self.schemas.get(&tool).and_then(Json::tree);
        if let Some(schema) = schema
            && let Ok(arguments) = serde_json::from_str(&text)
        {
            let profile = match self.has_placeholders {
                true => Profile::Envelope { validated: true },
                false => Profile::Public,
            };
            return restore_arguments(arguments, &schema, profile).to_string();
        }
        match self.are_objects && !text.trim().is_empty() {
            true => object_of_text(&text).into(),
            false => text,
        }
    }
}

/// The text in `{"input": text}`.
fn unwrapped(arguments: String) -> String {
    let object = serde_json::from_str::<Value>(&arguments);
    match object.as_ref().ok().and_then(|object| object.get("input")) {
        Some(Value::String(text)) => text.clone(),
        _ => arguments,
    }
}

/// Functions that the history calls with arguments other than an object. The upstream sees `{"input": …}` there and
/// imitates it; for tools without such an argument that is undone.
fn called_with_text<'r>(request: &'r Request<'_>) -> impl Iterator<Item = String> + 'r {
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let called = parts.filter_map(|part| match part {
        Part::ToolCall(call) if !call.is_custom => Some(call),
        _ => None,
    });
    let with_text =
        called.filter(|call| !call.arguments.trim().is_empty() && !is_object(&call.arguments));
    let names = with_text.map(|call| call.name.as_str());
    let has_input = |name: &str| {
        let tool = request.tools.iter().find(|tool| tool.name == name);
        tool.is_some_and(|tool| tool.schema.as_str().contains("\"input\":"))
    };
    names
        .filter(move |name| !has_input(name))
        .map(str::to_owned)
}

/// The schemas of tools whose arguments may have to be restored.
fn schemas(request: &Request) -> HashMap<String, Json> {
    let tools = request.tools.iter().filter(|tool| !tool.is_custom);
    tools
        .filter(|tool| has_literals(tool.schema.as_str()))
        .map(|tool| (tool.name.clone(), tool.schema.clone()))
        .collect()
}

/// Whether a schema may have literals that are not strings.
fn has_literals(schema: &str) -> bool {
    let has_other = |name: &str, string: &str| {
        let mut rest = schema;
        while let Some((_, behind)) = rest.split_once(name) {
            if !behind.starts_with(string) {
                return true;
            }
            rest = behind;
        }
        false
    };
    schema.contains('\\') || has_other("\"const\":", "\"") || schema.contains("\"enum\":")
}
