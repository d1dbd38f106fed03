//! The objects of Messages answers, and whole answers.

use serde_json::{Value, json};

use crate::json::fields::Put;
use crate::translate::neutral::answer::{Answer, Block, Head};
use crate::translate::neutral::event::Citation;
use crate::translate::neutral::parts::object_of_text;
use crate::translate::neutral::search::Search;
use crate::translate::neutral::{Family, Finish, Signature};
use crate::wire::usage::Usage;

/// Stands in for an image, which the dialect has no block for.
pub const NO_IMAGE: &str = "[image omitted]";

/// Redacted thinking.
pub fn opaque(signature: &Signature) -> Value {
    json!({"type": "redacted_thinking", "data": signature.write(Family::ClaudeRedacted)})
}

/// The id of a search: letters, digits and `_`.
pub fn search_id(answer: &str, number: usize) -> String {
    let base = answer.strip_prefix("msg_").unwrap_or(answer);
    let legal = base.chars().filter(char::is_ascii_alphanumeric);
    format!("srvtoolu_{}_{number}", legal.collect::<String>())
}

/// The result of a search.
pub fn search_result(id: &str, search: &Search) -> Value {
    let found = search.found.iter();
    let content: Vec<Value> = found
        .map(|page| {
            json!({"type": "web_search_result", "title": page.title, "url": page.url,
                "encrypted_content": "", "page_age": null})
        })
        .collect();
    json!({"type": "web_search_tool_result", "tool_use_id": id, "content": content})
}

/// A citation of a web page.
pub fn citation(citation: &Citation) -> Value {
    json!({"type": "web_search_result_location", "url": citation.url, "title": citation.title,
        "cited_text": citation.cited_text, "encrypted_index": ""})
}

/// The stop reason, and the stop sequence.
pub fn stop_reason(finish: Finish) -> (&'static str, Option<String>) {
    match finish {
        Finish::EndTurn => ("end_turn", None),
        Finish::StopSequence(sequence) => ("stop_sequence", sequence),
        Finish::ToolCalls => ("tool_use", None),
        Finish::MaxTokens => ("max_tokens", None),
        Finish::ContextWindow => ("model_context_window_exceeded", None),
        Finish::ContentFilter | Finish::Refusal => ("refusal", None),
        Finish::Pause => ("pause_turn", None),
    }
}

/// The usage of an answer.
pub fn usage(usage: &Usage, searches: usize) -> Value {
    let uncached = usage
        .input
        .saturating_sub(usage.cached_read)
        .saturating_sub(usage.cache_creation);
    let mut object = json!({"input_tokens": uncached, "output_tokens": usage.output});
    if usage.cached_read > 0 {
        object.put("cache_read_input_tokens", usage.cached_read.into());
    }
    if usage.cache_creation > 0 {
        object.put("cache_creation_input_tokens", usage.cache_creation.into());
    }
    if usage.reasoning > 0 {
        object.put(
            "output_tokens_details",
            json!({"thinking_tokens": usage.reasoning}),
        );
    }
    let searches = usage.web_searches.max(searches as u64);
    if searches > 0 {
        object.put("server_tool_use", json!({"web_search_requests": searches}));
    }
    object
}

/// A whole answer.
pub fn whole(answer: &Answer, head: &Head) -> Value {
    let choice = answer.choices.values().next();
    let mut content = Vec::new();
    let mut searches = 0;
    for block in choice.iter().flat_map(|choice| choice.blocks.values()) {
        match block {
            Block::Text { text, citations } => {
                let mut block = json!({"type": "text", "text": text});
                if !citations.is_empty() {
                    block.put("citations", citations.iter().map(citation).collect());
                }
                content.push(block);
            }
            Block::Refusal(text) => content.push(json!({"type": "text", "text": text})),
            Block::Reasoning { text, signature } => {
                content.push(thinking(text, signature.as_ref()))
            }
            Block::Opaque(signature) => content.push(opaque(signature)),
            Block::Tool {
                id,
                name,
                arguments,
                signature,
                ..
            } => {
                if let Some(signature) = signature {
                    match content
                        .last_mut()
                        .filter(|block| block["type"] == "thinking")
                    {
                        Some(block) => block["signature"] = signature.write(Family::Claude).into(),
                        None => content.push(thinking("", Some(signature))),
                    }
                }
                let input = object_of_text(arguments);
                let input: Value = serde_json::from_str(input.as_str()).unwrap_or_default();
                content.push(json!({"type": "tool_use", "id": id,
                    "name": name, "input": input}));
            }
            Block::Search(search) => {
                let id = search_id(&head.id, searches);
                searches += 1;
                content.push(
                    json!({"type": "server_tool_use", "id": id, "name": "web_search",
                    "input": {"query": search.query}}),
                );
                content.push(search_result(&id, search));
            }
            Block::Image { .. } => content.push(json!({"type": "text", "text": NO_IMAGE})),
        }
    }
    let finish = choice.map_or(Finish::EndTurn, |choice| choice.finish());
    let (reason, sequence) = stop_reason(finish);
    json!({
        "id": head.id,
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage(&answer.usage.unwrap_or_default(), searches),
    })
}

fn thinking(text: &str, signature: Option<&Signature>) -> Value {
    let signature = signature.map_or_else(String::new, |signature| signature.write(Family::Claude));
    json!({"type": "thinking", "thinking": text, "signature": signature})
}
