//! Recognising the failures that agents act on, by the codes and wordings of upstreams.
//!
//! Collected from the vendors' pages and from what clients look for: Claude Code 2.1.332, Codex 0.171, Gemini CLI
//! 0.61, OpenCode 1.18.34 and pi-ai 0.73 (npm; the lists of the last two name the upstream of each wording), and
//! what gateways of others pass on.

#![allow(
    clippy::indexing_slicing,
    reason = "Reading a member of a `Value` cannot panic"
)]

use serde_json::Value;

use super::class::{Class, lower, says};
use super::status::ErrorStatus;

/// Codes, types and reasons, in lower case.
pub(super) const CODES: &[(&str, Class)] = &[
    // OpenAI, and most that imitate it.
    ("context_length_exceeded", Class::ContextTooLong),
    // LiteLLM, llama.cpp's server, Z.ai.
    ("contextwindowexceedederror", Class::ContextTooLong),
    ("exceed_context_size_error", Class::ContextTooLong),
    ("model_context_window_exceeded", Class::ContextTooLong),
    // OpenAI's "Error codes" page, ChatGPT's plans (Codex), Anthropic's "Errors" page, Google (Gemini CLI).
    ("insufficient_quota", Class::Unpaid),
    ("billing_hard_limit_reached", Class::Unpaid),
    ("billing_not_active", Class::Unpaid),
    ("usage_not_included", Class::Unpaid),
    ("billing_error", Class::Unpaid),
    // OpenAI's "Troubleshooting API rate limits and 429 errors", Anthropic's "Errors" page (`details.error_code`).
    ("credit_balance_exhausted", Class::Unpaid),
    ("organization_spend_limit_exceeded", Class::Unpaid),
    ("project_spend_limit_exceeded", Class::Unpaid),
    ("organization_usage_limit_exceeded", Class::Unpaid),
    ("enforced_spend_limit_reached", Class::Unpaid),
    // OpenAI, ChatGPT's plans (Codex), Anthropic, Google (google/rpc/code.proto), Amazon Bedrock.
    ("rate_limit_exceeded", Class::Quota),
    ("usage_limit_reached", Class::Quota),
    ("rate_limit_error", Class::Quota),
    ("resource_exhausted", Class::Quota),
    ("throttlingexception", Class::Quota),
    // OpenAI (Codex), Anthropic, Moonshot, Google (Gemini CLI).
    ("server_is_overloaded", Class::Overloaded),
    ("slow_down", Class::Overloaded),
    ("overloaded_error", Class::Overloaded),
    ("engine_overloaded_error", Class::Overloaded),
    ("model_capacity_exhausted", Class::Overloaded),
    // OpenAI (Codex), Azure's "Content filtering" page, Alibaba's Model Studio.
    ("content_policy_violation", Class::ContentPolicy),
    ("invalid_prompt", Class::ContentPolicy),
    ("cyber_policy", Class::ContentPolicy),
    ("bio_policy", Class::ContentPolicy),
    ("misalignment_policy_violation", Class::ContentPolicy),
    ("content_filter", Class::ContentPolicy),
    ("responsibleaipolicyviolation", Class::ContentPolicy),
    ("data_inspection_failed", Class::ContentPolicy),
    ("datainspectionfailed", Class::ContentPolicy),
];

/// What messages say, in lower case: the pieces in this order. The first one that fits counts.
pub(super) const MESSAGES: &[(&[&str], Class)] = &[
    // Limits of tokens per minute are told much like limits of length: OpenAI, Groq, Amazon Bedrock.
    (&["rate limit"], Class::Quota),
    (&["too many requests"], Class::Quota),
    (&["throttl"], Class::Quota),
    (&["tokens per m"], Class::Quota),
    (&["per minute"], Class::Quota),
    (&["too many tokens", "wait"], Class::Quota),
    // Anthropic, Amazon Bedrock.
    (&["prompt is too long"], Class::ContextTooLong),
    (&["exceed context limit"], Class::ContextTooLong),
    (
        &["input is too long for requested model"],
        Class::ContextTooLong,
    ),
    // OpenAI: Responses; Chat, and with it vLLM, OpenRouter, DeepSeek and Mistral; GPT-5.
    (&["exceeds the context window"], Class::ContextTooLong),
    (&["maximum context length"], Class::ContextTooLong),
    (
        &["input tokens exceed the configured limit"],
        Class::ContextTooLong,
    ),
    // Google.
    (
        &["input token count", "exceeds the maximum"],
        Class::ContextTooLong,
    ),
    (
        &["exceeds the maximum number of tokens"],
        Class::ContextTooLong,
    ),
    // xAI, Groq, Copilot, Kimi, MiniMax, Z.ai, Alibaba.
    (&["maximum prompt length"], Class::ContextTooLong),
    (
        &["reduce the length of the messages"],
        Class::ContextTooLong,
    ),
    (
        &["token count", "exceeds the limit of"],
        Class::ContextTooLong,
    ),
    (&["exceeded model token limit"], Class::ContextTooLong),
    (&["context window exceeds limit"], Class::ContextTooLong),
    (&["prompt exceeds max length"], Class::ContextTooLong),
    (&["range of input length should be"], Class::ContextTooLong),
    // llama.cpp, LM Studio, Ollama, vLLM, SGLang, TGI, Together.
    (
        &["exceeds the available context size"],
        Class::ContextTooLong,
    ),
    (&["greater than the context length"], Class::ContextTooLong),
    (&["prompt too long; exceeded"], Class::ContextTooLong),
    (
        &["longer than the maximum model length"],
        Class::ContextTooLong,
    ),
    (
        &["longer than the model's context length"],
        Class::ContextTooLong,
    ),
    (&["maximum allowed input length"], Class::ContextTooLong),
    (
        &["inputs", "tokens + ", "max_new_tokens", "must be"],
        Class::ContextTooLong,
    ),
    (
        &["tokens in request more than max tokens allowed"],
        Class::ContextTooLong,
    ),
    (
        &["prompt has", "but the configured context size is"],
        Class::ContextTooLong,
    ),
    (&["context length is only"], Class::ContextTooLong),
    (&["maximum context limit"], Class::ContextTooLong),
    (&["model only supports up to"], Class::ContextTooLong),
    (&["context exceeds your deployment"], Class::ContextTooLong),
    // Anthropic, DeepSeek, OpenRouter, Google. OpenAI's words for it are Google's for a limit of requests.
    (&["credit balance is too low"], Class::Unpaid),
    (
        &["reached your specified", "api usage limits"],
        Class::Unpaid,
    ),
    (&["insufficient balance"], Class::Unpaid),
    (&["insufficient credits"], Class::Unpaid),
    // xAI.
    (&["used all available credits"], Class::Unpaid),
    (&["run out of credits"], Class::Unpaid),
    (&["prepayment credits are depleted"], Class::Unpaid),
    // Anthropic, OpenAI, Google.
    (&["overloaded"], Class::Overloaded),
    (&["currently experiencing high demand"], Class::Overloaded),
    (&["currently at capacity"], Class::Overloaded),
    (&["model is at capacity"], Class::Overloaded),
    (&["no capacity available"], Class::Overloaded),
    // Anthropic, OpenAI, Azure.
    (
        &["blocked by content filtering policy"],
        Class::ContentPolicy,
    ),
    (
        &["limited access to this content for safety reasons"],
        Class::ContentPolicy,
    ),
    (&["violating our usage policy"], Class::ContentPolicy),
    (&["rejected by the safety system"], Class::ContentPolicy),
    (&["content management policy"], Class::ContentPolicy),
];

impl Class {
    /// The class of an upstream's error: `error` is the error object, `message` its message.
    pub fn of(status: ErrorStatus, error: &Value, message: &str) -> Option<Self> {
        let words = ["code", "type", "status"].iter().map(|key| &error[*key]);
        let inner = [&error["innererror"]["code"]];
        let details = error["details"].as_array().into_iter().flatten();
        let reasons = details.map(|detail| &detail["reason"]);
        let own = [&error["details"]["error_code"]];
        let mut words = own.into_iter().chain(reasons).chain(words).chain(inner);
        let by_code = words.find_map(|word| of_code(word.as_str()?));
        let class = match by_code {
            // Some use this code for every exhausted resource.
            None | Some(Self::Quota) => of_message(message).or(by_code),
            known => known,
        };
        class
            .filter(|class| class.may_have(status.code()))
            .or(match status.code() {
                402 => Some(Self::Unpaid),
                429 => Some(Self::Quota),
                529 => Some(Self::Overloaded),
                _ => None,
            })
    }

    /// Whether an upstream may report it with this status. In streams, 500 and 502 stand for an unknown status.
    fn may_have(self, status: u16) -> bool {
        match self {
            Self::ContextTooLong => matches!(status, 400 | 404 | 413 | 422 | 500 | 502),
            Self::ContentPolicy => matches!(status, 400 | 403 | 422 | 451 | 500 | 502),
            Self::Unpaid => matches!(status, 400 | 402 | 403 | 429 | 500 | 502),
            Self::Quota => matches!(status, 429 | 500 | 502),
            Self::Overloaded => matches!(status, 429 | 500..),
        }
    }
}

fn of_code(word: &str) -> Option<Class> {
    let known = CODES
        .iter()
        .find(|(code, _)| word.eq_ignore_ascii_case(code));
    known.map(|(_, class)| *class)
}

fn of_message(message: &str) -> Option<Class> {
    let message = lower(message);
    let known = MESSAGES.iter().find(|(pieces, _)| says(&message, pieces));
    known.map(|(_, class)| *class)
}
