//! The response object.

use serde_json::{Map, Value, json};

use crate::translate::neutral::Finish;
use crate::translate::neutral::answer::Head;
use crate::wire::usage::Usage;

/// The progress of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress<'a> {
    pub status: &'static str,
    pub finish: Option<&'a Finish>,
    /// The time of completion, in seconds since 1970.
    pub completed: Option<u64>,
    pub usage: Option<&'a Usage>,
}

/// The response object, with the repeated members of the request.
pub fn response(head: &Head, progress: Progress<'_>, output: Vec<Value>) -> Value {
    let status = progress.status;
    let reason = match progress.finish {
        _ if status != "incomplete" => None,
        Some(Finish::MaxTokens | Finish::ContextWindow) => Some("max_output_tokens"),
        _ => Some("content_filter"),
    };
    let completed = progress.completed.filter(|_| status == "completed");
    let mut object = json!({
        "id": head.id,
        "object": "response",
        "created_at": head.created,
        "completed_at": completed.map(|at| at.max(head.created)),
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": reason.map(|reason| json!({"reason": reason})),
        "instructions": null,
        "max_output_tokens": null,
        "max_tool_calls": null,
        "model": head.model,
        "output": output,
        "parallel_tool_calls": true,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "previous_response_id": null,
        "prompt_cache_key": null,
        "reasoning": {"effort": null, "summary": null},
        "safety_identifier": null,
        "service_tier": "default",
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": progress.usage.map(usage),
        "metadata": {},
    });
    for (key, said) in &head.echo {
        if let Some(said) = said.tree() {
            object[*key] = said;
        }
    }
    object
}

/// The response object of a failed answer.
pub fn failed(
    head: &Head,
    output: Vec<Value>,
    (status, code): (u16, &str),
    message: &str,
) -> Value {
    let code = code_of(code, status);
    let progress = Progress {
        status: "failed",
        ..Progress::default()
    };
    let mut object = response(head, progress, output);
    object["error"] = json!({"code": code, "message": message});
    object
}

/// The codes of errors in response objects: the vendor's (OpenAI's OpenAPI document, `ResponseErrorCode`), and the last
/// five, which Codex reacts to.
const CODES: [&str; 25] = [
    "server_error",
    "rate_limit_exceeded",
    "invalid_prompt",
    "data_residency_mismatch",
    "bio_policy",
    "vector_store_timeout",
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_content_policy_violation",
    "invalid_image_mode",
    "image_file_too_large",
    "unsupported_image_media_type",
    "empty_image_file",
    "failed_to_download_image",
    "image_file_not_found",
    "context_length_exceeded",
    "insufficient_quota",
    "usage_not_included",
    "server_is_overloaded",
    "slow_down",
];

/// The code of an error in a response object, which has fewer codes than error answers have.
fn code_of(code: &str, status: u16) -> &str {
    match status {
        _ if CODES.contains(&code) => code,
        429 => "rate_limit_exceeded",
        400 | 404 | 413 | 422 => "invalid_prompt",
        _ => "server_error",
    }
}

fn usage(usage: &Usage) -> Value {
    let mut object = Map::new();
    object.insert("input_tokens".to_owned(), usage.input.into());
    let details = json!({"cached_tokens": usage.cached_read,
        "cache_write_tokens": usage.cache_creation});
    object.insert("input_tokens_details".to_owned(), details);
    object.insert("output_tokens".to_owned(), usage.output.into());
    let details = json!({"reasoning_tokens": usage.reasoning});
    object.insert("output_tokens_details".to_owned(), details);
    let total = usage.input.saturating_add(usage.output);
    object.insert("total_tokens".to_owned(), total.into());
    object.into()
}
