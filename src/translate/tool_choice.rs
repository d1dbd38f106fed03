//! The tools that an upstream gets, and the choice among them.

use std::collections::HashSet;

use super::neutral::capabilities::remove_hosted_tools;
use super::neutral::hosted::Hosted;
use super::neutral::{Request, Tool, ToolChoice, Untranslatable};
use crate::wire::Dialect;

/// OpenAI's tool that makes images.
const IMAGE_TOOL: &str = "image_generation";

/// Enables image output in a Gemini image model where the client asks for the image tool (ai.google.dev, "Image
/// generation", `responseModalities`).
pub fn enable_image_output(request: &mut Request, upstream: Dialect, model: &str) {
    let has_tool = request.hosted.iter().any(|tool| tool.kind == IMAGE_TOOL);
    if upstream != Dialect::Gemini || !model.contains("-image") || !has_tool {
        return;
    }
    request.hosted.retain(|tool| tool.kind != IMAGE_TOOL);
    let is_forced =
        matches!(&request.tool_choice, Some(ToolChoice::Hosted(kind)) if kind == IMAGE_TOOL);
    if is_forced {
        request.tool_choice = None;
    }
    if request.modalities.is_empty() {
        let modalities: &[&str] = if is_forced {
            &["image"]
        } else {
            &["text", "image"]
        };
        request.modalities = modalities.iter().map(|word| (*word).to_owned()).collect();
    }
}

/// Removes the tools that the upstream does not have, and adapts the choice to the others. Returns the types of the
/// removed tools.
///
/// # Errors
/// When a removed tool must be used.
pub fn settle(
    request: &mut Request,
    client: Dialect,
    upstream: Dialect,
) -> Result<Vec<String>, Untranslatable> {
    let mut known = HashSet::new();
    request.tools.retain(|tool| known.insert(tool.name.clone()));
    let missing = remove_hosted_tools(request, upstream);
    let kinds: HashSet<&str> = missing.iter().map(|tool| tool.kind.as_str()).collect();
    let mut kinds: Vec<String> = kinds.into_iter().map(str::to_owned).collect();
    kinds.sort_unstable();
    let choice = request.tool_choice.take();
    request.tool_choice = match choice {
        Some(choice) => chosen(choice, request, &missing, client, upstream)?,
        None => None,
    };
    Ok(kinds)
}

fn chosen(
    choice: ToolChoice,
    request: &mut Request,
    missing: &[Hosted],
    client: Dialect,
    upstream: Dialect,
) -> Result<Option<ToolChoice>, Untranslatable> {
    let place = match client {
        Dialect::Gemini => "toolConfig.functionCallingConfig.allowedFunctionNames[0]",
        _ => "tool_choice",
    };
    let is_missing = |name: &str| missing.iter().any(|tool| tool.is_called(name));
    let refused = |name: &str| {
        let why = format!(
            "the tool {name:?} is specific to its vendor; a {} upstream has no equivalent",
            upstream.name()
        );
        Err(Untranslatable::new(place, why))
    };
    let has_tool = |name: &str| request.tools.iter().any(|tool| tool.name == name);
    match choice {
        // No tool is left to choose from.
        ToolChoice::Required if !request.has_tools() => match missing.first() {
            Some(tool) => refused(&tool.kind),
            None => Ok(None),
        },
        ToolChoice::WebSearch if is_missing(WEB_SEARCH) => refused(WEB_SEARCH),
        ToolChoice::Tool(name) | ToolChoice::Hosted(name) if !has_tool(&name) => {
            if is_missing(&name) {
                return refused(&name);
            }
            if let Some(hosted) = request.hosted.iter().find(|tool| tool.is_called(&name)) {
                return Ok(Some(ToolChoice::Hosted(hosted.kind.clone())));
            }
            let is_bare = |tool: &&Tool| {
                let namespace = tool.namespace.as_ref();
                namespace.is_some_and(|(_, bare)| *bare == name)
            };
            let mut meant = request.tools.iter().filter(is_bare);
            match (meant.next(), meant.next()) {
                (Some(tool), None) => Ok(Some(ToolChoice::Tool(tool.name.clone()))),
                // Without tools there is nothing to choose.
                _ if !request.has_tools() => Ok(None),
                _ => {
                    let why = format!("there is no tool {name:?}");
                    Err(Untranslatable::new(place, why))
                }
            }
        }
        ToolChoice::Allowed { required, names } if !names.iter().any(|name| has_tool(name)) => {
            let is_hosted = |name: &String| {
                let is_search = request.web_search.is_some() && name.starts_with(WEB_SEARCH);
                is_search || request.hosted.iter().any(|tool| tool.is_called(name))
            };
            if names.iter().any(is_hosted) {
                request.tools.clear();
                return Ok(Some(match required {
                    true => ToolChoice::Required,
                    false => ToolChoice::Auto,
                }));
            }
            match names.iter().find(|name| is_missing(name)) {
                Some(name) if required => refused(name),
                Some(_) => Ok(Some(ToolChoice::None)),
                None => Ok(Some(ToolChoice::Allowed { required, names })),
            }
        }
        other => Ok(Some(other)),
    }
}

/// The name of the web search tool in messages and in the list of removed tools.
pub const WEB_SEARCH: &str = "web_search";
